//! The summary in a terminal, at most 80 columns: verdict first, then the table, limits, troubles.
//!
//! ```text
//! volley 0.1.0  echo (docs)  60s after 10s warm-up  1,000 clients  10/s a client
//! PASS  3 of 3 limits hold; run valid: send lag p99 0.21ms
//!
//!                          count   rate/s     p50     p90     p99   p99.9     max
//!   echo                 600,012   10,000  1.92ms  2.88ms  7.41ms  18.9ms  31.2ms
//! ```
//!
//! With `plain` it is sentences without columns, for screen readers. Texts of the server are stripped
//! of control characters. Computes nothing but widths.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use anstyle::AnsiColor;
use anstyle::Style;

use super::fleet;
use super::hops;
use super::view::ErrorLine;
use super::view::Heat;
use super::view::SummaryLimit;
use super::view::SummarySeries;
use super::view::Verdict;
use super::view::View;
use super::words;
use crate::units::bytes_text;
use crate::units::grouped;

/// Columns of the terminal.
const WIDTH: usize = 80;
/// Quantile columns: heading, key, quantile.
const COLUMNS: [(&str, &str, f64); 5] =
    [("p50", "p50", 0.5), ("p90", "p90", 0.9), ("p99", "p99", 0.99), ("p99.9", "p99.9", 0.999), ("max", "max", 0.0)];
/// Kinds of trouble shown.
const ERRORS: usize = 6;

const GOOD: Style = AnsiColor::Green.on_default().bold();
const BAD: Style = AnsiColor::Red.on_default().bold();
const UNSURE: Style = AnsiColor::Yellow.on_default().bold();
const FAINT: Style = Style::new().dimmed();

/// How the summary looks.
#[derive(Clone, Debug, Default)]
pub struct Look {
    /// Colours of the terminal.
    pub colour: bool,
    /// No characters beyond ASCII.
    pub ascii: bool,
    /// Sentences instead of columns.
    pub plain: bool,
    /// Where the report lies, for the last line.
    pub report: Option<String>,
}

impl Look {
    fn paint(&self, style: Style, text: &str) -> String {
        if self.colour { format!("{style}{text}{style:#}") } else { text.to_owned() }
    }
}

/// The whole summary, with a newline at the end.
pub fn text(view: &View, look: &Look) -> String {
    let body = if look.plain { sentences(view) } else { columns(view, look) };
    let body = if look.ascii { to_ascii(&body) } else { body };
    match &look.report {
        Some(path) => format!("{body}{}report  {path}\n", if look.plain { "" } else { "  " }),
        None => body,
    }
}

/// The verdict alone, for `-q`.
pub fn verdict_line(view: &View, look: &Look) -> String {
    let word = verdict_word(view.summary.verdict);
    let line = format!("{}  {}", look.paint(verdict_style(view.summary.verdict), word), verdict_words(view));
    if look.ascii { to_ascii(&line) } else { line }
}

fn verdict_word(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Pass => "PASS",
        Verdict::Fail => "FAIL",
        Verdict::Invalid => "INVALID",
        Verdict::Degraded => "DEGRADED",
        Verdict::Aborted => "ABORTED",
    }
}

fn verdict_style(verdict: Verdict) -> Style {
    match verdict {
        Verdict::Pass => GOOD,
        Verdict::Fail | Verdict::Invalid => BAD,
        Verdict::Degraded | Verdict::Aborted => UNSURE,
    }
}

fn verdict_words(view: &View) -> String {
    let limits = &view.summary.limits;
    let held = limits.iter().filter(|l| l.ok == Some(true)).count();
    let limits = match limits.len() {
        0 => "no limits given".into(),
        n => format!("{held} of {n} limits hold"),
    };
    let lag = view.trust.first().map_or(String::new(), |lag| format!(": {} {}", lag.name, lag.value));
    let valid = match view.summary.verdict {
        Verdict::Aborted => "run cut short",
        Verdict::Degraded => "run in part",
        Verdict::Invalid => "run not valid",
        Verdict::Pass | Verdict::Fail => "run valid",
    };
    format!("{limits}; {valid}{lag}")
}

fn columns(view: &View, look: &Look) -> String {
    let mut out = String::new();
    head(&mut out, view);
    verdict(&mut out, view, look);
    view.summary.reasons.iter().for_each(|reason| wrap(&mut out, "  why: ", 7, &words::clean_long(reason)));
    view.missing.iter().for_each(|what| wrap(&mut out, "  incomplete: ", 14, &words::clean_long(what)));
    out.push('\n');
    table(&mut out, view, look);
    [counts(view), own(view)].iter().for_each(|line| tokens(&mut out, "  ", line));
    view.summary.hops.iter().for_each(|found| hops::draw(&mut out, found, &view.summary, wrap));
    let told = view.summary.fan_out.iter().map(words::fan_out).chain(view.summary.storm.iter().map(words::storm));
    let told = told.chain(view.summary.fleet.iter().map(|f| fleet::line(&f.agents)));
    told.for_each(|said| wrap(&mut out, "  ", 4, &words::clean_long(&said)));
    distribution(&mut out, view);
    limits(&mut out, view, look);
    errors(&mut out, view);
    footnotes(&mut out, view);
    out
}

/// The verdict line, broken where it is too long; the word is painted after the widths are known.
fn verdict(out: &mut String, view: &View, look: &Look) {
    let word = verdict_word(view.summary.verdict);
    let mut line = String::new();
    wrap(&mut line, &format!("{word}  "), word.len() + 2, &verdict_words(view));
    out.push_str(&line.replacen(word, &look.paint(verdict_style(view.summary.verdict), word), 1));
}

fn head(out: &mut String, view: &View) {
    let run = &view.summary.run;
    let dialect = run.dialect.as_ref().map_or(String::new(), |d| format!(" ({d})"));
    let warmup = if run.warmup_ns > 0 { format!(" after {} warm-up", words::time(run.warmup_ns)) } else { String::new() };
    let mut head = vec![
        format!("volley {}", run.version),
        format!("{}{dialect}", run.profile),
        format!("{}{warmup}", words::time(run.duration_ns)),
        words::counted(run.clients, "client", "clients"),
    ];
    head.extend(environment(view, "load"));
    tokens(out, "", &head.iter().map(|t| words::clean(t)).collect::<Vec<_>>());
    wrap(out, "target ", 7, &words::clean(&run.target));
    if let Some(tls) = environment(view, "TLS") {
        wrap(out, "TLS ", 4, &tls);
    }
}

fn environment(view: &View, name: &str) -> Option<String> {
    view.environment.iter().find(|(n, _)| n == name).map(|(_, value)| value.clone())
}

fn table(out: &mut String, view: &View, look: &Look) {
    let shown: Vec<_> = view.summary.series.iter().filter(|s| s.count > 0 || s.unanswered > 0).collect();
    if shown.is_empty() {
        out.push_str("  nothing was answered in the measured time\n\n");
        return;
    }
    let heads: String = COLUMNS.iter().map(|(head, ..)| format!("{head:>8}")).collect();
    let _ = writeln!(out, "{}", look.paint(FAINT, &format!("{:21}{:>10}{:>9}{heads}", "", "count", "rate/s")));
    for series in shown {
        let cells: String = COLUMNS.iter().map(|(_, key, q)| format!("{:>8}", cell(view, series, &series.response, key, *q))).collect();
        let (count, rate) = (short_count(series.count), words::rate(series.rate_per_s));
        let _ = writeln!(out, "  {:19}{count:>10}{rate:>9}{cells}", fit(&series.name, 19));
        if view.timeline.series == series.name && series.count > 0 {
            let cells: String = COLUMNS.iter().map(|(_, key, q)| format!("{:>8}", cell(view, series, &series.service, key, *q))).collect();
            let _ = writeln!(out, "{}", look.paint(FAINT, &format!("    {:17}{:>19}{cells}", "service", "")));
        }
    }
    out.push('\n');
}

fn cell(view: &View, series: &SummarySeries, times: &BTreeMap<String, Option<u64>>, key: &str, q: f64) -> String {
    match times.get(key).copied().flatten() {
        Some(ns) => words::time(ns),
        None if key != "max" && series.is_censored(q) => format!("> {}", words::time(view.timeout_ns)),
        None => "n/a".into(),
    }
}

/// Counts that fit ten columns.
fn short_count(n: u64) -> String {
    if n < 100_000_000 { grouped(n) } else { format!("{:.1}M", n as f64 / 1e6) }
}

/// The first characters, with a tilde for what does not fit.
fn fit(text: &str, width: usize) -> String {
    let text = words::clean(text);
    if text.chars().count() <= width { text } else { text.chars().take(width - 1).chain(['~']).collect() }
}

fn counts(view: &View) -> Vec<String> {
    let c = &view.summary.counts;
    let always = [("planned", c.planned), ("sent", c.sent), ("answered", c.answered)];
    let sometimes = [
        ("late", c.late),
        ("unanswered", c.unanswered),
        ("not offered", words::sum(&c.not_offered)),
        ("no answer expected", c.no_answer_expected),
        ("duplicate", c.duplicate),
        ("unsolicited", c.unsolicited),
        ("replayed", c.replayed),
        ("recovered by replay", c.recovered),
        ("waited", c.waited),
        ("unasked", c.unasked),
    ];
    let counts = always.into_iter().chain(sometimes.into_iter().filter(|(_, n)| *n > 0));
    let k = &view.summary.connections;
    let connections = [("connections", k.peak), ("failed", k.failed), ("reconnects", k.reconnects)];
    let connections = connections.into_iter().enumerate().filter(|(i, (_, n))| *i == 0 || *n > 0).map(|(_, c)| c);
    counts.chain(connections).map(|(name, n)| format!("{name} {}", grouped(n))).collect()
}

fn own(view: &View) -> Vec<String> {
    let s = &view.summary;
    let lag = |key: &str| s.lag.get(key).copied().flatten();
    let mut own = Vec::new();
    if lag("max").is_some() {
        let shown = |key| words::time_or_na(lag(key));
        own.push(format!("lag p50 {} p99 {} max {}", shown("p50"), shown("p99"), shown("max")));
    }
    own.extend(s.generator.cpu_ns_per_exchange.map(|ns| format!("cpu {} an exchange", words::time(ns))));
    own.push(format!("memory {}", bytes_text(s.generator.rss_peak_bytes)));
    own.push(format!("busiest lane {}", words::share(s.generator.lane_busy_max)));
    own
}

/// One line of bars over the latency of the main series, logarithmic from left to right.
fn distribution(out: &mut String, view: &View) {
    let Some(heat) = view.heats.iter().find(|heat| heat.series == view.timeline.series) else { return };
    let (Some(low), Some(high)) = (heat.edges_ns.first(), heat.edges_ns.last()) else { return };
    let bars = bars(heat);
    let _ = writeln!(out, "\n  {:>7} {bars} {}", words::time(*low), words::time(*high));
}

fn bars(heat: &Heat) -> String {
    const BARS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
    let rows = heat.edges_ns.len().saturating_sub(1);
    let sums: Vec<u64> = (0..rows).map(|row| heat.columns.iter().filter_map(|c| c.get(row)).sum()).collect();
    let top = sums.iter().max().copied().unwrap_or(0).max(1);
    let bar = |&n: &u64| if n == 0 { ' ' } else { BARS[((n - 1) as u128 * 8 / u128::from(top)) as usize] };
    sums.iter().map(bar).collect()
}

fn limits(out: &mut String, view: &View, look: &Look) {
    if !view.summary.limits.is_empty() {
        out.push('\n');
    }
    for limit in &view.summary.limits {
        let (word, style) = match limit.ok {
            Some(true) => ("ok    ", GOOD),
            Some(false) => ("BROKEN", BAD),
            None => ("?     ", UNSURE),
        };
        let _ = writeln!(out, "  {}  {}", look.paint(style, word), limit_words(limit));
    }
}

/// Limit and value, with the note when there is room; the reasons have it whole.
fn limit_words(limit: &SummaryLimit) -> String {
    let room = WIDTH - 10;
    let value = fit(limit.value.as_deref().unwrap_or("n/a"), 20);
    let expr = fit(&limit.expr, room - value.chars().count() - 1);
    let width = 51usize.max(expr.chars().count() + 1 + value.chars().count());
    let line = format!("{expr}{value:>rest$}", rest = width - expr.chars().count());
    let whole = format!("{line}  {}", words::clean(&limit.note));
    let fits = whole.chars().count() <= room;
    (if fits { whole } else { line }).trim_end().to_owned()
}

fn errors(out: &mut String, view: &View) {
    if !view.errors.is_empty() {
        out.push('\n');
    }
    for line in view.errors.iter().take(ERRORS) {
        wrap(out, "  ", 4, &error_words(line));
    }
    let more = view.errors.len().saturating_sub(ERRORS);
    if more > 0 {
        let _ = writeln!(out, "  and {more} more kinds in the report");
    }
}

fn error_words(line: &ErrorLine) -> String {
    let (first, last) = (words::instant(line.first_ns), words::instant(line.last_ns));
    let when = if first == last { format!("at {first}") } else { format!("from {first} to {last}") };
    let example = line.examples.first().map_or(String::new(), |text| format!(": {}", words::clean(text)));
    format!("{} {}  {} {when}{example}", line.group, words::clean(&line.kind), grouped(line.count))
}

fn footnotes(out: &mut String, view: &View) {
    let shown = || view.summary.series.iter().filter(|s| s.count > 0 || s.unanswered > 0);
    let all = || shown().flat_map(|s| COLUMNS.iter().filter(|(_, key, _)| *key != "max").map(move |(_, key, q)| (s, *key, *q)));
    let missing = |(s, key, _): &(&SummarySeries, &str, f64)| s.response.get(*key).copied().flatten().is_none();
    let lacking = all().filter(missing).any(|(s, _, q)| !s.is_censored(q));
    let censored = all().filter(missing).any(|(s, _, q)| s.is_censored(q));
    if lacking || censored {
        out.push('\n');
    }
    if lacking {
        out.push_str("  n/a: fewer than 10 samples lie beyond this quantile\n");
    }
    if censored {
        let _ = writeln!(out, "  > {}: past the share that was answered within the timeout", words::time(view.timeout_ns));
    }
}

fn sentences(view: &View) -> String {
    let s = &view.summary;
    let mut out = format!("{}. {}.\n", verdict_word(s.verdict), verdict_words(view));
    let mut say = |text: String| {
        out.push_str(&words::clean_long(&text));
        out.push('\n');
    };
    s.reasons.iter().for_each(|reason| say(format!("Reason: {reason}.")));
    view.missing.iter().for_each(|what| say(format!("Incomplete: {what}.")));
    say(format!("{}.", counts(view).join(", ")));
    s.series.iter().filter(|s| s.count > 0 || s.unanswered > 0).for_each(|series| say(series_sentence(view, series)));
    s.hops.iter().for_each(|found| say(hops::spoken(found, s)));
    say(format!("Generator: {}.", own(view).join(", ")));
    for limit in &s.limits {
        let word = match limit.ok {
            Some(true) => "holds",
            Some(false) => "is broken",
            None => "cannot be judged",
        };
        let note = if limit.note.is_empty() { String::new() } else { format!(", {}", limit.note) };
        say(format!("Limit {} {word}: {}{note}.", limit.expr, limit.value.as_deref().unwrap_or("n/a")));
    }
    view.errors.iter().for_each(|line| say(format!("Trouble: {}.", error_words(line))));
    out
}

fn series_sentence(view: &View, series: &SummarySeries) -> String {
    let cells: Vec<String> =
        COLUMNS.iter().map(|(head, key, q)| format!("{head} {}", cell(view, series, &series.response, key, *q))).collect();
    let unanswered = if series.unanswered > 0 { format!(", {} unanswered", grouped(series.unanswered)) } else { String::new() };
    let answers = words::counted(series.count, "answer", "answers");
    format!("{}: {answers}, {} a second{unanswered}; response {}.", series.name, words::rate(series.rate_per_s), cells.join(", "))
}

/// Writes `text` after `first`, broken at blanks before the last column, continued after `indent` blanks.
fn wrap(out: &mut String, first: &str, indent: usize, text: &str) {
    let mut line = first.to_owned();
    let mut empty = true;
    for word in text.split(' ') {
        let mut word = word;
        if !empty && line.chars().count() + 1 + word.chars().count() > WIDTH {
            out.push_str(line.trim_end());
            out.push('\n');
            line = " ".repeat(indent);
            empty = true;
        }
        if !empty {
            line.push(' ');
        }
        // A word longer than a line is cut where the line ends.
        while line.chars().count() + word.chars().count() > WIDTH {
            let room = WIDTH - line.chars().count();
            let at = word.char_indices().nth(room).map_or(word.len(), |(at, _)| at);
            let _ = writeln!(out, "{line}{}", &word[..at]);
            line = " ".repeat(indent);
            word = &word[at..];
        }
        line.push_str(word);
        empty = false;
    }
    out.push_str(line.trim_end());
    out.push('\n');
}

/// Writes short texts side by side, two blanks apart, in as many lines as they need.
fn tokens(out: &mut String, indent: &str, tokens: &[String]) {
    let mut line = String::new();
    for token in tokens {
        if !line.is_empty() && indent.len() + line.chars().count() + 2 + token.chars().count() > WIDTH {
            wrap(out, indent, indent.len(), &std::mem::take(&mut line));
        }
        if !line.is_empty() {
            line.push_str("  ");
        }
        line.push_str(token);
    }
    wrap(out, indent, indent.len(), &line);
}

fn to_ascii(text: &str) -> String {
    let ascii = |c: char| match c {
        '▁' => '.',
        '▂' => ':',
        '▃' => '-',
        '▄' => '=',
        '▅' => '+',
        '▆' => '*',
        '▇' => '%',
        '█' => '#',
        c if c.is_ascii() => c,
        _ => '?',
    };
    text.chars().map(ascii).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_end_before_the_last_column() {
        for text in ["", "a", &"word ".repeat(60), &"x".repeat(300), &format!("a {} b", "y".repeat(100)), &"ä".repeat(200)] {
            let mut out = String::new();
            wrap(&mut out, "  why: ", 7, text);
            assert!(out.lines().all(|line| line.chars().count() <= WIDTH), "{out}");
            let kept = |t: &str| t.chars().filter(|c| !c.is_whitespace()).collect::<String>();
            assert_eq!(kept(&out), format!("why:{}", kept(text)));
        }
    }
}
