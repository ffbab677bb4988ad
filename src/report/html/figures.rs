//! The charts of the page: drawing, caption, read-out data and the table behind each.
//!
//! Each chart is drawn twice, for wide and for narrow screens; the style shows one. A page without
//! styles shows the wide one.

use std::ops::Range;

use serde_json::Map;
use serde_json::Value;
use serde_json::json;

use super::tables;
use super::tables::headings;
use super::tables::row;
use crate::report::chart::Look;
use crate::report::chart::Reading;
use crate::report::chart::heatmap;
use crate::report::chart::percentiles as curve_chart;
use crate::report::chart::timeline;
use crate::report::escape::html;
use crate::report::findings;
use crate::report::scale;
use crate::report::scene::Dash;
use crate::report::scene::Ink;
use crate::report::scene::Rect;
use crate::report::scene::Scene;
use crate::report::svg;
use crate::report::view::Curve;
use crate::report::view::Heat;
use crate::report::view::View;
use crate::units::Nanos;
use crate::units::grouped;

/// Widest grid of cells drawn; more columns are added together.
const WIDE_COLUMNS: usize = 480;
const NARROW_COLUMNS: usize = 140;
/// Most places a read-out knows.
pub(super) const READOUT_PLACES: usize = 1_000;
/// Most rows of a table behind a chart.
pub(super) const TABLE_ROWS: usize = 60;

/// What a figure needs besides its drawing.
pub(super) struct Figure<'a> {
    pub(super) id: &'a str,
    pub(super) title: &'a str,
    pub(super) caption: &'a str,
    pub(super) legend: String,
    pub(super) table: String,
    pub(super) heights: (f64, f64),
}

/// Draws a chart wide and narrow and puts it into a figure.
pub(super) fn figure(figure: &Figure<'_>, draw: impl Fn(&mut Scene, Rect, Look, bool) -> Option<Reading>) -> String {
    let mut drawings = String::new();
    let mut live = false;
    for (width, height, wide) in [(1072.0, figure.heights.0, true), (400.0, figure.heights.1, false)] {
        let look = Look { text: if wide { 12.5 } else { 11.5 }, line: if wide { 2.0 } else { 1.8 }, right: if wide { 80.0 } else { 74.0 } };
        let mut scene = Scene::new(width, height);
        let area = Rect { x: 0.0, y: 4.0, w: width, h: height - 8.0 };
        let reading = draw(&mut scene, area, look, wide);
        live |= reading.is_some();
        let data = reading.map(|r| place(&r)).unwrap_or_default();
        let id = format!("{}-{}", figure.id, if wide { "wide" } else { "narrow" });
        let class = if wide { "wide" } else { "narrow" };
        let name = svg::Name { id: &id, class, title: figure.title, desc: figure.caption, data: &data, hidden: !wide };
        drawings.push_str(&svg::element(&scene, &name));
    }
    let focus = if live {
        format!(" tabindex=\"0\" role=\"group\" aria-label=\"{}: arrow keys read values\"", html(figure.title))
    } else {
        String::new()
    };
    format!(
        "<figure data-chart=\"{}\">\n<figcaption>{}</figcaption>\n{}<div class=\"plot\"{focus}>\n{drawings}</div>\n\
         <details><summary>Figures behind this chart</summary>\n{}</details>\n</figure>\n",
        figure.id,
        html(figure.caption),
        figure.legend,
        figure.table,
    )
}

/// Where the horizontal axis lies, for the script.
fn place(reading: &Reading) -> String {
    let Reading { plot, map } = reading;
    let n = svg::number;
    format!(
        " data-left=\"{}\" data-right=\"{}\" data-top=\"{}\" data-bottom=\"{}\" data-from=\"{:.4}\" data-to=\"{:.4}\"",
        n(plot.x),
        n(plot.right()),
        n(plot.y),
        n(plot.bottom()),
        map.from,
        map.to
    )
}

/// A legend entry: group, sign, words.
pub(super) fn legend(entries: &[(String, String)], note: &str) -> String {
    let items: String =
        entries.iter().map(|(group, sign)| format!("<li data-group=\"{0}\">{sign}<span>{0}</span></li>", html(group))).collect();
    format!("<div class=\"legend\"><ul>{items}</ul><p>{note}</p></div>\n")
}

/// A row of a read-out: the group that hides it, its name, a text for each place.
pub(super) type Row = (String, String, Vec<String>);

/// A stretch of a line for a legend.
pub(super) fn sign(ink: Ink, dash: Dash, width: u8) -> String {
    let dash = match dash {
        Dash::Solid => "",
        Dash::Dashed => " stroke-dasharray=\"7 4\"",
        Dash::Dotted => " stroke-dasharray=\"2 3\"",
    };
    format!(
        "<svg {} viewBox=\"0 0 22 12\" width=\"22\" height=\"12\" aria-hidden=\"true\"><path d=\"M0 6h22\" stroke=\"currentColor\" \
         stroke-width=\"{width}\"{dash}/></svg>",
        svg::paint(ink).replace("class=\"", "class=\"swatch ")
    )
}

/// Read-out at chosen places of the axis, each with its name.
pub(super) fn readout_at(x: &[f64], names: Vec<String>, rows: Vec<Row>) -> Value {
    let x: Vec<Value> = x.iter().map(|v| json!((v * 10_000.0).round() / 10_000.0)).collect();
    json!({ "x": x, "names": names, "rows": texts(rows) })
}

/// Read-out over time: each part is one place, `step` seconds times its length.
pub(super) fn readout_over(parts: &[Range<usize>], from: f64, step: f64, rows: Vec<Row>) -> Value {
    let at = |i: usize| scale::clock(from + step * i as f64);
    let edges: Vec<String> = parts.iter().map(|p| at(p.start)).chain(parts.last().map(|p| at(p.end))).collect();
    let width = parts.first().map_or(1, |p| p.len());
    json!({ "from": from, "step": step * width as f64, "edges": edges, "rows": texts(rows) })
}

/// `n` neighbours in at most `most` parts of equal length; the last may be shorter.
pub(super) fn parts(n: usize, most: usize) -> Vec<Range<usize>> {
    let length = n.div_ceil(most).max(1);
    (0..n).step_by(length).map(|from| from..(from + length).min(n)).collect()
}

fn texts(rows: Vec<Row>) -> Vec<Value> {
    rows.into_iter().map(|(group, name, texts)| json!({ "group": group, "name": name, "texts": texts })).collect()
}

pub(super) fn time_or_dash(ns: Option<u64>) -> String {
    ns.map_or("n/a".into(), |ns| Nanos(ns).to_string())
}

/// The percentile curve of all series.
pub(super) fn percentiles(view: &View, charts: &mut Map<String, Value>) -> String {
    let shown = curve_chart::shown(view);
    let entries = legend_entries(view, &shown);
    if !shown.is_empty() {
        charts.insert("percentiles".into(), curve_data(&shown));
    }
    let caption = findings::percentiles(view);
    let described = Figure {
        id: "percentiles",
        title: "Latency by percentile",
        caption: &caption,
        legend: if shown.is_empty() {
            String::new()
        } else {
            legend(&entries, "solid: response · dashed: service, where it differs · dots: at most 10 samples beyond")
        },
        table: quantile_table(view),
        heights: (500.0, 400.0),
    };
    format!(
        "<h3>The whole distribution</h3>\n{}",
        figure(&described, |scene, area, look, wide| {
            let right = if wide { 96.0 } else { 20.0 };
            curve_chart::draw(scene, view, area, Look { right, ..look })
        })
    )
}

/// A legend entry for each series of some curves.
pub(super) fn legend_entries(view: &View, curves: &[&Curve]) -> Vec<(String, String)> {
    let mut entries: Vec<(String, String)> = Vec::new();
    for curve in curves {
        if !entries.iter().any(|(name, _)| *name == curve.series) {
            entries.push((curve.series.clone(), tables::swatch(findings::place(view, &curve.series))));
        }
    }
    entries
}

/// Read-out of curves at chosen shares.
pub(super) fn curve_data(shown: &[&Curve]) -> Value {
    let far = shown.iter().flat_map(|c| &c.points).map(|p| scale::nines(p.0)).fold(1.0, f64::max).min(5.0);
    let mut grid: Vec<f64> = (0..=(far * 20.0).floor() as usize).map(|k| k as f64 / 20.0).collect();
    grid.extend([0.25, 0.5, 0.75, 0.95].map(scale::nines).into_iter().filter(|n| *n <= far));
    grid.sort_by(f64::total_cmp);
    let names = grid.iter().map(|n| format!("{} of answers", scale::percent(scale::quantile_at(*n)))).collect();
    let rows = shown
        .iter()
        .map(|curve| {
            let at = |n: &f64| curve.points.iter().find(|p| scale::nines(p.0) >= n - 1e-9).map(|p| p.1);
            let name = format!("{} {}", curve.series, if curve.service { "service" } else { "response" });
            (curve.series.clone(), name, grid.iter().map(|n| time_or_dash(at(n))).collect())
        })
        .collect();
    readout_at(&grid, names, rows)
}

fn quantile_table(view: &View) -> String {
    let keys = ["min", "p50", "p90", "p95", "p99", "p99.9", "p99.99", "max", "mean"];
    let mut names = vec!["Series", "Time"];
    let heads: Vec<String> = keys.iter().map(|k| format!("#{k}")).collect();
    names.extend(heads.iter().map(String::as_str));
    let mut body = String::new();
    for series in &view.summary.series {
        for (time, figures) in [("response", &series.response), ("service", &series.service)] {
            let texts: Vec<String> = keys.iter().map(|k| html(&findings::quantile(series, figures, k, view.timeout_ns))).collect();
            let name = html(&series.name);
            let mut cells = vec![("", name.as_str()), ("", time)];
            cells.extend(texts.iter().map(|t| ("n", t.as_str())));
            row(&mut body, &cells);
        }
    }
    tables::table("Percentiles of every series", "data", &headings(&names), &body)
}

/// A heat map for each series; the main one open, the others folded.
pub(super) fn heatmaps(view: &View, charts: &mut Map<String, Value>) -> String {
    let main = findings::main_series(view).map(|s| s.name.clone()).unwrap_or_default();
    let mut order: Vec<(usize, &Heat)> = view.heats.iter().enumerate().collect();
    order.sort_by_key(|(i, heat)| (heat.series != main, *i));
    if order.is_empty() {
        return "<p class=\"finding\">Nothing was answered, so there is no latency to draw over time.</p>\n".into();
    }
    let mut out = String::new();
    for (rank, (i, heat)) in order.into_iter().enumerate() {
        let drawing = heatmap_figure(i, heat, charts);
        if rank == 0 {
            out.push_str(&format!("<h3>{}</h3>\n{drawing}", html(&heat.series)));
        } else {
            out.push_str(&format!("<details class=\"more\"><summary>{}</summary>\n{drawing}</details>\n", html(&findings::heat(heat))));
        }
    }
    out
}

fn heatmap_figure(i: usize, heat: &Heat, charts: &mut Map<String, Value>) -> String {
    let id = format!("heat-{i}");
    charts.insert(id.clone(), heat_data(heat));
    let caption = findings::heat(heat);
    let line = |name: &str, ink: Ink, dash: &str| {
        let paint = svg::paint(ink).replace("class=\"", "class=\"swatch over ");
        let ground = svg::paint(Ink::Heat(0));
        (
            name.to_string(),
            format!(
                "<svg viewBox=\"0 0 22 12\" width=\"22\" height=\"12\" aria-hidden=\"true\"><rect {ground} width=\"22\" height=\"12\" rx=\"2\" \
                 fill=\"currentColor\"/><path {paint} d=\"M2 6h18\" stroke=\"currentColor\" stroke-width=\"2\"{dash}/></svg>"
            ),
        )
    };
    let entries = [line("p50", Ink::OverP50, ""), line("p99", Ink::OverP99, ""), line("max", Ink::OverMax, " stroke-dasharray=\"2 2\"")];
    let title = format!("Latency over time of {}", heat.series);
    let described = Figure {
        id: &id,
        title: &title,
        caption: &caption,
        legend: legend(&entries, "colour: answers per cell, logarithmic · beneath: errors on the same time axis"),
        table: heat_table(heat),
        heights: (500.0, 420.0),
    };
    figure(&described, |scene, area, look, wide| {
        heatmap::draw(
            scene,
            heat,
            area,
            Look { right: if wide { 52.0 } else { 40.0 }, ..look },
            if wide { WIDE_COLUMNS } else { NARROW_COLUMNS },
        )
    })
}

fn heat_data(heat: &Heat) -> Value {
    let parts = parts(heat.columns.len(), READOUT_PLACES);
    let [answers, p50, p99, max, errors] = heat_texts(heat, &parts);
    let row = |group: &str, name: &str, texts| (group.to_string(), name.to_string(), texts);
    let rows = vec![
        row("max", "max", max),
        row("p99", "p99", p99),
        row("p50", "p50", p50),
        row("", "answers", answers),
        row("", "errors", errors),
    ];
    readout_over(&parts, heat.t0_ns as f64 / 1e9, heat.column_ns as f64 / 1e9, rows)
}

/// Answers, p50, p99, max and errors of each part in words. Percentiles of neighbours cannot be
/// added, so a part of several columns shows the lowest and the highest.
fn heat_texts(heat: &Heat, parts: &[Range<usize>]) -> [Vec<String>; 5] {
    let each = |text: &dyn Fn(&Range<usize>) -> String| parts.iter().map(text).collect::<Vec<_>>();
    [
        each(&|p| grouped(heat.columns[p.clone()].iter().flatten().sum())),
        each(&|p| span(heat.p50.get(p.clone()))),
        each(&|p| span(heat.p99.get(p.clone()))),
        each(&|p| time_or_dash(heat.max.get(p.clone()).and_then(|m| m.iter().flatten().max().copied()))),
        each(&|p| grouped(heat.errors.get(p.clone()).map_or(0, |e| e.iter().copied().fold(0, u64::saturating_add)))),
    ]
}

fn heat_table(heat: &Heat) -> String {
    let parts = parts(heat.columns.len(), TABLE_ROWS);
    let from = parts.iter().map(|p| scale::clock((heat.t0_ns + heat.column_ns * p.start as u64) as f64 / 1e9)).collect();
    let [answers, p50, p99, max, errors] = heat_texts(heat, &parts);
    let name = format!("Latency over time of {}", heat.series);
    number_table(&name, &["#From", "#Answers", "#p50", "#p99", "#max", "#Errors"], &[from, answers, p50, p99, max, errors])
}

/// A table of numbers from its columns.
pub(super) fn number_table(name: &str, heads: &[&str], columns: &[Vec<String>]) -> String {
    let mut body = String::new();
    for i in 0..columns.iter().map(Vec::len).min().unwrap_or(0) {
        let cells: Vec<(&str, &str)> = columns.iter().map(|c| ("n", c[i].as_str())).collect();
        row(&mut body, &cells);
    }
    tables::table(name, "data", &headings(heads), &body)
}

/// A value, or the lowest and highest of several.
pub(super) fn span(values: Option<&[Option<u64>]>) -> String {
    let values = || values.unwrap_or_default().iter().flatten();
    match (values().min(), values().max()) {
        (Some(a), Some(b)) if a == b => Nanos(*a).to_string(),
        (Some(a), Some(b)) => format!("{} to {}", Nanos(*a), Nanos(*b)),
        _ => "n/a".into(),
    }
}

/// Planned, sent, answered; p50 and p99; connections.
pub(super) fn load(view: &View, charts: &mut Map<String, Value>) -> String {
    let timeline = &view.timeline;
    if !timeline.t_s.is_empty() {
        charts.insert("load".into(), load_data(view));
    }
    let entries = [
        ("planned".to_string(), sign(Ink::Planned, Dash::Solid, 6)),
        ("sent".to_string(), sign(Ink::Sent, Dash::Solid, 2)),
        ("answered".to_string(), sign(Ink::Answered, Dash::Dashed, 2)),
        ("p99".to_string(), sign(Ink::Series(1), Dash::Solid, 2)),
        ("p50".to_string(), sign(Ink::Series(0), Dash::Dashed, 2)),
        ("open".to_string(), sign(Ink::Open, Dash::Solid, 2)),
    ];
    let caption = findings::load(view);
    let described = Figure {
        id: "load",
        title: "Load over time",
        caption: &caption,
        legend: if timeline.t_s.is_empty() { String::new() } else { legend(&entries, "shaded: phases that are not measured") },
        table: load_table(view),
        heights: (600.0, 560.0),
    };
    figure(&described, |scene, area, look, _| timeline::draw(scene, view, area, look))
}

fn load_data(view: &View) -> Value {
    let timeline = &view.timeline;
    let parts = parts(timeline.t_s.len(), READOUT_PLACES);
    let [planned, sent, answered, p50, p99, open] = load_texts(view, &parts);
    let rows = [("planned", planned), ("sent", sent), ("answered", answered), ("p99", p99), ("p50", p50), ("open", open)];
    let rows = rows.into_iter().map(|(name, texts)| (name.to_string(), name.to_string(), texts)).collect();
    readout_over(&parts, timeline.t_s.first().map_or(0.0, |first| first - 0.5), 1.0, rows)
}

/// Planned, sent and answered (means), p50 and p99 (lowest and highest) and the most open
/// connections of each part in words.
fn load_texts(view: &View, parts: &[Range<usize>]) -> [Vec<String>; 6] {
    let t = &view.timeline;
    let each = |text: &dyn Fn(&Range<usize>) -> String| parts.iter().map(text).collect::<Vec<_>>();
    let mean = |v: &[f64], p: &Range<usize>| findings::rate(v.get(p.clone()).map_or(0.0, |v| v.iter().sum::<f64>() / v.len() as f64));
    [
        each(&|p| mean(&t.planned, p)),
        each(&|p| mean(&t.sent, p)),
        each(&|p| mean(&t.answered, p)),
        each(&|p| span(t.p50.get(p.clone()))),
        each(&|p| span(t.p99.get(p.clone()))),
        each(&|p| grouped(t.open.get(p.clone()).and_then(|v| v.iter().max().copied()).unwrap_or(0))),
    ]
}

fn load_table(view: &View) -> String {
    let parts = parts(view.timeline.t_s.len(), TABLE_ROWS);
    let from = parts.iter().map(|p| scale::clock(view.timeline.t_s[p.start] - 0.5)).collect();
    let [planned, sent, answered, p50, p99, open] = load_texts(view, &parts);
    let columns = [from, planned, sent, answered, p50, p99, open];
    number_table("Load over time", &["#From", "#Planned", "#Sent", "#Answered", "#p50", "#p99", "#Open"], &columns)
}
