//! A picture on the cells of a terminal, from 80 x 24 up. Knows nothing of where the figures come from.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::style::Color;
use ratatui::style::Style;
use ratatui::text::Line;
use ratatui::text::Span;
use ratatui::widgets::Paragraph;

use super::state::Picture;
use super::state::QUANTILES;
use super::state::Row;
use super::state::STRIP;
use super::state::WINDOWS;
use super::state::cell_ns;
use crate::report::quantile::Shown;
use crate::units::Nanos;
use crate::units::SECOND;
use crate::units::grouped;

/// Most rows of the heat strip.
const HEAT_ROWS: usize = 24;
/// Least rows that are kept for it.
const HEAT_LEAST: usize = 5;
/// Width of names and labels.
const NAME: usize = 17;
/// Lines below the heat strip.
const FOOT: usize = 5;

/// What the terminal can show.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Look {
    /// Colours may be used.
    pub(super) colour: bool,
    /// Nothing but ASCII.
    pub(super) ascii: bool,
}

impl Look {
    fn style(self, color: Color) -> Style {
        if self.colour { Style::new().fg(color) } else { Style::new() }
    }

    /// Signs of rising height.
    fn bars(self) -> &'static [char] {
        if self.ascii { &[' ', '.', ':', '-', '=', '+', '*', '#'] } else { &[' ', '▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'] }
    }

    /// Signs of rising density.
    fn shades(self) -> &'static [char] {
        if self.ascii { &[' ', '.', ':', '+', '*', '#', '@'] } else { &[' ', '·', '░', '▒', '▓', '█'] }
    }
}

/// Draws all of it; `note` is the newest line that was told.
pub(super) fn draw(picture: &Picture, note: &str, look: Look, frame: &mut Frame<'_>) {
    let area = frame.area();
    let (width, height) = (usize::from(area.width), usize::from(area.height));
    let mut lines = head(picture, look, width);
    lines.extend(flows(picture, look, width));
    let room = height.saturating_sub(lines.len() + FOOT + HEAT_LEAST + 2).max(1);
    lines.extend(table(picture, look, room));
    let rest = height.saturating_sub(lines.len() + FOOT);
    let middle = if picture.looking.faults { faults(picture, rest) } else { heat(picture, look, width, rest) };
    lines.extend(middle);
    lines.resize(height.saturating_sub(FOOT), Line::default());
    lines.extend(foot(picture, note, look));
    frame.render_widget(Paragraph::new(lines), Rect { x: 0, y: 0, ..area });
}

fn head(picture: &Picture, look: Look, width: usize) -> Vec<Line<'static>> {
    let left = picture.total_ns.saturating_sub(picture.t_ns) / SECOND;
    let valid = if picture.doubts.is_empty() { "valid so far" } else { "NOT VALID so far" };
    let held = if picture.looking.paused { ", view paused" } else { "" };
    let color = if picture.doubts.is_empty() { Color::Green } else { Color::Red };
    let facts = format!("{}  {} s of {} s, {left} s left{held}  ", picture.phase, picture.t_ns / SECOND, picture.total_ns / SECOND);
    let bold = Style::new().bold();
    vec![
        Line::from(Span::styled(cut(&format!("volley  {}", picture.title), width), bold)),
        Line::from(vec![Span::raw(facts), Span::styled(valid, look.style(color).bold())]),
    ]
}

/// Rates of the last seconds, all three on one scale.
fn flows(picture: &Picture, look: Look, width: usize) -> Vec<Line<'static>> {
    let room = width.saturating_sub(NAME + 10).min(STRIP);
    let recent = &picture.flows[picture.flows.len().saturating_sub(room)..];
    let most = recent.iter().flat_map(|flow| flow.per_s).fold(1.0, f64::max);
    let bars = look.bars();
    let line = |(at, name): (usize, &str)| {
        let now = recent.last().map_or(0.0, |flow| flow.per_s[at]);
        let bar = |x: f64| bars[((x / most * (bars.len() - 1) as f64).ceil() as usize).min(bars.len() - 1)];
        let drawn: String = recent.iter().map(|flow| bar(flow.per_s[at])).collect();
        let label = format!("{name:<NAME$}{:>7}/s ", short(now));
        Line::from(vec![Span::raw(label), Span::styled(drawn, look.style(Color::Cyan))])
    };
    ["planned", "sent", "answered"].into_iter().enumerate().map(line).collect()
}

/// The series around the chosen one, at most `room` of them.
fn table(picture: &Picture, look: Look, room: usize) -> Vec<Line<'static>> {
    let window = format!("last {} s", WINDOWS[picture.looking.window]);
    let names = QUANTILES.map(|q| format!("p{}", q * 100.0));
    let mut lines = vec![Line::from(format!("{:NAME$}|{window:^30}|{:^30}", "response", "measured so far"))];
    let [a, b, c] = &names;
    let top = format!("{:NAME$}|{:>6}{a:>8}{b:>8}{c:>8}|{a:>7}{b:>8}{c:>8}{:>7}", "", "/s", "max");
    lines.push(Line::from(Span::styled(top, Style::new().bold())));
    let first = (picture.chosen + 1).saturating_sub(room);
    for (at, row) in picture.rows.iter().enumerate().skip(first).take(room) {
        let style = if at == picture.chosen { look.style(Color::Yellow).bold() } else { Style::new() };
        lines.push(Line::from(Span::styled(series(row, at == picture.chosen), style)));
    }
    lines
}

fn series(row: &Row, is_chosen: bool) -> String {
    let mark = if is_chosen { '>' } else { ' ' };
    let name = format!("{mark}{}", cut(&row.name, NAME - 2));
    let [a, b, c] = row.window.map(time);
    let [d, e, f] = row.whole.map(time);
    let max = row.max.map_or("-".into(), |ns| Nanos(ns).to_string());
    format!("{name:<NAME$}|{:>6}{a:>8}{b:>8}{c:>8}|{d:>7}{e:>8}{f:>8}{max:>7}", short(row.per_s))
}

/// A quantile: a dash where too few samples stand behind it, `late` where the answers did not come in time.
fn time(shown: Shown) -> String {
    match shown {
        Shown::Value(ns) => Nanos(ns).to_string(),
        Shown::TooFew(_) => "-".into(),
        Shown::Censored => "late".into(),
    }
}

/// The chosen series over the last seconds: time upwards in even steps of its logarithm, a column a second.
fn heat(picture: &Picture, look: Look, width: usize, rest: usize) -> Vec<Line<'static>> {
    let rows = rest.saturating_sub(1).min(HEAT_ROWS);
    let columns = &picture.heat[picture.heat.len().saturating_sub(STRIP.min(width.saturating_sub(10)))..];
    let cells = || columns.iter().flatten().map(|(cell, _)| *cell);
    let (Some(low), Some(high)) = (cells().min(), cells().max()) else { return Vec::new() };
    if rows == 0 {
        return Vec::new();
    }
    let step = (high - low + 1).div_ceil(rows);
    let used = (high - low) / step + 1;
    let mut grid = vec![vec![0u64; columns.len()]; used];
    for (x, column) in columns.iter().enumerate() {
        column.iter().for_each(|(cell, n)| grid[(cell - low) / step][x] += n);
    }
    let most = grid.iter().flatten().copied().max().unwrap_or(1).max(1);
    let name = picture.rows.get(picture.chosen).map_or("", |row| row.name.as_str());
    let mut lines = vec![Line::from(format!("{name}, last {} s, a column a second (denser: more answers)", columns.len()))];
    for (at, row) in grid.iter().enumerate().rev() {
        let label = format!("{:>8}  ", Nanos(cell_ns(low + at * step)).to_string());
        let drawn: String = row.iter().map(|n| shade(*n, most, look.shades())).collect();
        lines.push(Line::from(vec![Span::raw(label), Span::styled(drawn, look.style(Color::Magenta))]));
    }
    lines
}

/// One answer is seen, too: densities are on a logarithmic scale.
fn shade(n: u64, most: u64, shades: &[char]) -> char {
    if n == 0 {
        return shades[0];
    }
    let share = (n as f64 + 1.0).ln() / (most as f64 + 1.0).ln();
    shades[((share * (shades.len() - 1) as f64).ceil() as usize).clamp(1, shades.len() - 1)]
}

fn faults(picture: &Picture, rest: usize) -> Vec<Line<'static>> {
    let mut lines = vec![Line::from("faults by kind, whole run")];
    if picture.faults.is_empty() {
        lines.push(Line::from("  none"));
    }
    let of = |name: &str, n: u64| Line::from(format!("  {name:<20}{:>12}", grouped(n)));
    lines.extend(picture.faults.iter().map(|(name, n)| of(name, *n)));
    if !picture.not_offered.is_empty() {
        lines.push(Line::from("planned and not sent, by cause"));
        lines.extend(picture.not_offered.iter().map(|(name, n)| of(name, *n)));
    }
    lines.truncate(rest);
    lines
}

fn foot(picture: &Picture, note: &str, look: Look) -> Vec<Line<'static>> {
    let (now, ever) = (&picture.connections, &picture.ever);
    let connections = format!(
        "connections open {} of {}, opened {}, came back {}, failed {}, ended {}",
        grouped(now.open),
        grouped(picture.clients),
        grouped(ever.opened),
        grouped(ever.reconnects),
        grouped(ever.failed),
        grouped(ever.ended)
    );
    let most: Vec<String> = picture.faults.iter().take(4).map(|(name, n)| format!("{name} {}", grouped(*n))).collect();
    let faults = if most.is_empty() { "none".to_owned() } else { most.join(", ") };
    let lag = picture.lag.map(time);
    let generator = format!(
        "generator   lag p99 {} (run {}), pauses {}, woke late {}, lane {:.0}% (most {:.0}%)",
        lag[0],
        lag[1],
        picture.pauses,
        grouped(picture.late_wakeups),
        picture.lane_busy[0] * 100.0,
        picture.lane_busy[1] * 100.0
    );
    let said = if note.is_empty() { picture.doubts.join("; ") } else { note.to_owned() };
    let trouble = if picture.faults.is_empty() { Style::new() } else { look.style(Color::Red) };
    vec![
        Line::from(connections),
        Line::from(Span::styled(format!("faults      {faults}"), trouble)),
        Line::from(generator),
        Line::from(Span::styled(said, look.style(Color::Yellow))),
        Line::from(Span::styled("p pause view  +/- window  tab series  e faults  q stop (twice: at once)", Style::new().dim())),
    ]
}

/// At most `most` characters.
fn cut(text: &str, most: usize) -> String {
    text.chars().take(most).collect()
}

/// A rate in at most six characters.
fn short(x: f64) -> String {
    match x {
        x if x >= 1e6 => format!("{:.2}M", x / 1e6),
        x if x >= 1e4 => format!("{:.1}k", x / 1e3),
        x if x >= 100.0 || x.fract() == 0.0 => format!("{x:.0}"),
        x => format!("{x:.1}"),
    }
}

#[cfg(test)]
#[path = "draw_tests.rs"]
mod tests;
