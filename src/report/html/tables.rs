//! The parts of the page that are words and tables.

use std::collections::BTreeMap;
use std::fmt::Write;

use crate::report::escape::cut;
use crate::report::escape::html;
use crate::report::findings;
use crate::report::scale;
use crate::report::scene::Ink;
use crate::report::scene::Mark;
use crate::report::svg;
use crate::report::view::ErrorLine;
use crate::report::view::SummaryLimit;
use crate::report::view::SummarySeries;
use crate::report::view::View;
use crate::units::Nanos;
use crate::units::bytes_text;
use crate::units::grouped;

/// Quantiles of the headline table: key and heading.
const COLUMNS: [(&str, &str); 6] =
    [("p50", "p50"), ("p90", "p90"), ("p99", "p99"), ("p99.9", "p99.9"), ("p99.99", "p99.99"), ("max", "max")];

/// A small sign; the word beside it says the same.
pub(super) fn icon(kind: &str) -> String {
    let drawing = match kind {
        "ok" => r#"<circle cx="10" cy="10" r="9"/><path d="M5.8 10.4l2.8 2.8 5.6-6" class="cut"/>"#,
        "bad" => r#"<path d="M6.2 1h7.6L19 6.2v7.6L13.8 19H6.2L1 13.8V6.2z"/><path d="M6.8 6.8l6.4 6.4m0-6.4l-6.4 6.4" class="cut"/>"#,
        "warn" => r#"<path d="M10 1.2l9.2 17.1H.8z"/><path d="M10 7.2v5.2m0 2.4v.4" class="cut"/>"#,
        _ => r#"<circle cx="10" cy="10" r="9"/><path d="M5.8 10h8.4" class="cut"/>"#,
    };
    let drawing = drawing.replace("class=\"cut\"", r##"class="cut" fill="none" stroke="#fff" stroke-width="2" stroke-linecap="round""##);
    format!(
        "<svg class=\"icon {kind}\" viewBox=\"0 0 20 20\" width=\"20\" height=\"20\" aria-hidden=\"true\" fill=\"currentColor\">{drawing}</svg>"
    )
}

fn mark(ok: Option<bool>, yes: &str, no: &str, unknown: &str) -> String {
    let (kind, word) = match ok {
        Some(true) => ("ok", yes),
        Some(false) => ("bad", no),
        None => ("none", unknown),
    };
    format!("<span class=\"state {kind}\">{}{word}</span>", icon(kind))
}

/// A table that scrolls inside itself on a narrow screen.
pub(super) fn table(name: &str, class: &str, head: &str, body: &str) -> String {
    format!(
        "<div class=\"scroll\" role=\"region\" aria-label=\"{}\" tabindex=\"0\"><table class=\"{class}\">\
         <thead><tr>{head}</tr></thead>\n<tbody>\n{body}</tbody></table></div>\n",
        html(name)
    )
}

/// Heading cells; a name that starts with `#` heads numbers.
pub(super) fn headings(names: &[&str]) -> String {
    let cell = |name: &&str| match name.strip_prefix('#') {
        Some(number) => format!("<th scope=\"col\" class=\"n\">{number}</th>"),
        None => format!("<th scope=\"col\">{name}</th>"),
    };
    names.iter().map(cell).collect()
}

/// The verdict, why, the figures that matter most, and the limits.
pub(super) fn verdict(view: &View) -> String {
    let verdict = view.summary.verdict;
    let class = findings::verdict_class(verdict);
    let sign = match class {
        "pass" => "ok",
        "fail" => "bad",
        _ => "warn",
    };
    let reasons: String = view.summary.reasons.iter().map(|r| format!("<li>{}</li>", html(&cut(r)))).collect();
    let reasons = if reasons.is_empty() { reasons } else { format!("<ul class=\"reasons\">{reasons}</ul>") };
    format!(
        "<section id=\"verdict\" class=\"card verdict {class}\" aria-labelledby=\"verdict-h\">\n<div class=\"banner\">{}\
         <div><h2 id=\"verdict-h\"><span class=\"unseen\">Verdict: </span>{}</h2><p>{}</p>{reasons}</div></div>\n{}{}</section>\n",
        icon(sign),
        findings::verdict_word(verdict),
        findings::verdict_meaning(view),
        tiles(view),
        limits(&view.summary.limits),
    )
}

fn tile(name: &str, value: &str, note: &str) -> String {
    format!("<div class=\"tile\"><dt>{}</dt><dd>{}<small>{}</small></dd></div>", html(name), html(value), html(note))
}

fn tiles(view: &View) -> String {
    let summary = &view.summary;
    let mut out = String::from("<dl class=\"tiles\">");
    match findings::main_series(view) {
        Some(series) => {
            for (key, note) in [("p50", "half of all answers"), ("p99", "99 % of all answers"), ("p99.9", "99.9 % of all answers")] {
                let value = findings::response(view, series, key);
                let note = if value == "n/a" { "too few samples" } else { note };
                out.push_str(&tile(&format!("{} {key}", series.name), &value, note));
            }
        }
        None => out.push_str(&tile("Response", "n/a", "nothing was answered")),
    }
    let counts = &summary.counts;
    let expected = counts.sent.saturating_sub(counts.no_answer_expected);
    out.push_str(&tile("Answered in time", &grouped(counts.answered), &format!("of {} sent", grouped(expected))));
    let missed = findings::missed(summary);
    out.push_str(&tile(
        "Missed",
        &findings::share(missed, counts.planned),
        &format!("{} of {} planned", grouped(missed), grouped(counts.planned)),
    ));
    out.push_str(&tile("Connections", &grouped(summary.connections.peak), &format!("of {} asked", grouped(summary.connections.asked))));
    out.push_str("</dl>\n");
    out
}

fn limits(limits: &[SummaryLimit]) -> String {
    if limits.is_empty() {
        return String::new();
    }
    let mut body = String::new();
    for limit in limits {
        let found = limit.value.as_ref().map_or("n/a".into(), |v| html(&cut(v)));
        let state = mark(limit.ok, "holds", "broken", "not judged");
        row(&mut body, &[("", &state), ("mono", &html(&cut(&limit.expr))), ("n", &found), ("quiet", &html(&cut(&limit.note)))]);
    }
    format!("<h3>Limits</h3>\n{}", table("Limits", "limits", &headings(&["State", "Limit", "#Found", "Note"]), &body))
}

/// A row of cells, each with its class; the content is ready to be written.
pub(super) fn row(out: &mut String, cells: &[(&str, &str)]) {
    out.push_str("<tr>");
    for (class, content) in cells {
        let class = if class.is_empty() { String::new() } else { format!(" class=\"{class}\"") };
        write!(out, "<td{class}>{content}</td>").expect("writing to a String cannot fail");
    }
    out.push_str("</tr>\n");
}

/// Can I trust this run?
pub(super) fn trust(view: &View) -> String {
    let items: String = view
        .trust
        .iter()
        .map(|line| {
            let bound = if line.bound.is_empty() { "for information".into() } else { format!("bound {}", html(&line.bound)) };
            let (kind, word) = match line.ok {
                Some(true) => ("ok", "holds"),
                Some(false) => ("bad", "failed"),
                None => ("none", "no bound"),
            };
            format!(
                "<li class=\"check {kind}\">{}<div><span class=\"name\">{}</span><span class=\"value\">{}</span>\
                 <span class=\"bound\">{bound}<span class=\"unseen\">, {word}</span></span></div></li>\n",
                icon(kind),
                html(&line.name),
                html(&cut(&line.value)),
            )
        })
        .collect();
    let list = if items.is_empty() { String::new() } else { format!("<ul class=\"checks\">\n{items}</ul>\n") };
    super::section("trust", "Can I trust this run?", &format!("<p class=\"finding\">{}</p>\n{list}", findings::trust(view)))
}

/// Every series with response and service.
pub(super) fn headline(view: &View) -> String {
    if view.summary.series.is_empty() {
        return "<p class=\"finding\">Nothing was answered, so there are no times to show.</p>\n".into();
    }
    let mut names = vec!["Series", "Time", "#Answers", "#Rate"];
    let heads: Vec<String> = COLUMNS.iter().map(|(_, name)| format!("#{name}")).collect();
    names.extend(heads.iter().map(String::as_str));
    let body: String = view.summary.series.iter().map(|s| series_rows(view, s)).collect();
    let table = table("Times of every series", "headline", &headings(&names), &body);
    format!("<h3>Every series</h3>\n{table}{}", doubts(view))
}

fn series_rows(view: &View, series: &SummarySeries) -> String {
    let flags: String = series.flags.iter().map(|f| format!(" <span class=\"flag\">{}</span>", html(&cut(f)))).collect();
    let place = findings::place(view, &series.name);
    let name = format!(
        "<th scope=\"row\" rowspan=\"2\">{}<span class=\"series\">{}</span><small>{}, {}{flags}</small></th>",
        swatch(place),
        html(&series.name),
        series.class.name(),
        html(&series.role),
    );
    let cells = |figures: &BTreeMap<String, Option<u64>>| -> String {
        COLUMNS
            .iter()
            .map(|(key, _)| format!("<td class=\"n\">{}</td>", html(&findings::quantile(series, figures, key, view.timeout_ns))))
            .collect()
    };
    format!(
        "<tr>{name}<td>response</td><td class=\"n\">{}</td><td class=\"n\">{}</td>{}</tr>\n\
         <tr class=\"second\"><td>service</td><td class=\"n\" colspan=\"2\">{}</td>{}</tr>\n",
        grouped(series.count),
        findings::rate(series.rate_per_s),
        cells(&series.response),
        if series.unanswered > 0 { format!("{} unanswered", grouped(series.unanswered)) } else { String::new() },
        cells(&series.service),
    )
}

/// The line and mark of a series as in the chart.
pub(super) fn swatch(place: usize) -> String {
    let paint = svg::paint(Ink::Series(place));
    let corners = Mark::of(place).corners(11.0, 6.0, 4.0);
    let mark = match corners.is_empty() {
        true => "<circle cx=\"11\" cy=\"6\" r=\"4\" fill=\"currentColor\"/>".into(),
        false => {
            let points: Vec<String> = corners.iter().map(|(x, y)| format!("{x:.1} {y:.1}")).collect();
            format!("<path d=\"M{}z\" fill=\"currentColor\"/>", points.join("L"))
        }
    };
    format!(
        "<svg {} viewBox=\"0 0 22 12\" width=\"22\" height=\"12\" aria-hidden=\"true\"><path d=\"M0 6h22\" stroke=\"currentColor\" stroke-width=\"2\"/>{mark}</svg>",
        paint.replace("class=\"", "class=\"swatch ")
    )
}

/// What the signs in the headline table mean.
fn doubts(view: &View) -> String {
    let mut notes = vec!["Response counts from the planned instant, service from the write.".to_string()];
    let missing = |s: &SummarySeries| COLUMNS.iter().any(|(key, _)| s.response.get(*key).copied().flatten().is_none());
    if view.summary.series.iter().any(missing) {
        notes.push("<i>n/a</i>: fewer than 10 samples lie beyond.".into());
    }
    if view.summary.series.iter().any(|s| s.flags.iter().any(|f| f == "censored")) {
        notes.push(format!("<i>&gt; {}</i>: the percentile lies among exchanges that were never answered.", Nanos(view.timeout_ns)));
    }
    format!("<p class=\"note\">{}</p>\n", notes.join(" "))
}

/// Where every planned send went.
pub(super) fn account(view: &View) -> String {
    let counts = &view.summary.counts;
    let not_offered: u64 = counts.not_offered.values().sum();
    let mut body = String::new();
    let mut line = |name: &str, n: u64, whole: u64| {
        row(&mut body, &[("", &html(name)), ("n", &grouped(n)), ("n quiet", &html(&findings::share(n, whole)))]);
    };
    line("Planned", counts.planned, counts.planned);
    line("Sent", counts.sent, counts.planned);
    line("Answered in time", counts.answered, counts.planned);
    line("Answered late", counts.late, counts.planned);
    line("Never answered", counts.unanswered, counts.planned);
    line("No answer expected", counts.no_answer_expected, counts.planned);
    line("Not offered", not_offered, counts.planned);
    for (cause, n) in &counts.not_offered {
        line(&format!("\u{2003}{}", cut(cause)), *n, counts.planned);
    }
    let sends = table("Where every planned send went", "account", &headings(&["Load exchanges", "#Count", "#Share"]), &body);
    format!(
        "<h3>Where every planned send went</h3>\n<p class=\"note\">{}</p>\n<div class=\"pair\">{sends}{}</div>\n",
        equation(view),
        traffic(view),
    )
}

fn equation(view: &View) -> String {
    let counts = &view.summary.counts;
    let not_offered: u64 = counts.not_offered.values().sum();
    format!(
        "{} planned = {} sent + {} not offered. {} sent = {} answered + {} late + {} unanswered + {} without an answer to expect.",
        grouped(counts.planned),
        grouped(counts.sent),
        grouped(not_offered),
        grouped(counts.sent),
        grouped(counts.answered),
        grouped(counts.late),
        grouped(counts.unanswered),
        grouped(counts.no_answer_expected)
    )
}

/// Bytes, and answers that fit nothing.
fn traffic(view: &View) -> String {
    let counts = &view.summary.counts;
    let mut body = String::new();
    row(&mut body, &[("", "Bytes written"), ("n", &bytes_text(counts.bytes_out))]);
    row(&mut body, &[("", "Bytes read"), ("n", &bytes_text(counts.bytes_in))]);
    row(&mut body, &[("", "Duplicate answers"), ("n", &grouped(counts.duplicate))]);
    row(&mut body, &[("", "Unsolicited answers"), ("n", &grouped(counts.unsolicited))]);
    for (name, n) in [
        ("Replayed after a loss", counts.replayed),
        ("Recovered by replay alone", counts.recovered),
        ("Sends of the trace that waited for what had to come first", counts.waited),
        ("Sends of the trace that nobody asked for", counts.unasked),
    ] {
        if n > 0 {
            row(&mut body, &[("", name), ("n", &grouped(n))]);
        }
    }
    table("Traffic", "account", &headings(&["Traffic", "#Count"]), &body)
}

/// Every kind of trouble with its texts.
pub(super) fn errors(view: &View) -> String {
    let finding = format!("<p class=\"finding\">{}</p>\n", html(&findings::errors(view)));
    if view.errors.is_empty() {
        return finding;
    }
    let mut body = String::new();
    for error in &view.errors {
        let at = |ns: u64| scale::clock(ns as f64 / 1e9);
        let when =
            if error.first_ns == error.last_ns { at(error.first_ns) } else { format!("{} to {}", at(error.first_ns), at(error.last_ns)) };
        let kind = format!("<bdi>{}</bdi>", html(&cut(&error.kind)));
        row(
            &mut body,
            &[("", &html(&error.group)), ("mono kind", &kind), ("n", &grouped(error.count)), ("n", &when), ("texts", &examples(error))],
        );
    }
    format!("{finding}{}", table("Errors by kind", "errors", &headings(&["Group", "Kind", "#Count", "#Seen at", "What was said"]), &body))
}

fn examples(error: &ErrorLine) -> String {
    if error.examples.is_empty() {
        return "<span class=\"quiet\">no text</span>".into();
    }
    let items: String = error.examples.iter().take(3).map(|e| format!("<li><bdi>{}</bdi></li>", html(&cut(e)))).collect();
    format!("<ul>{items}</ul>")
}

/// Environment, and how to repeat the run.
pub(super) fn environment(view: &View) -> String {
    let pair = |name: &str, value: &str| format!("<div><dt>{}</dt><dd><bdi>{}</bdi></dd></div>\n", html(name), html(&cut(value)));
    let pairs: String = view.environment.iter().map(|(n, v)| pair(n, v)).collect();
    format!(
        "<dl class=\"pairs\">\n{pairs}</dl>\n<h3>How to repeat</h3>\n<div class=\"repeat\"><pre tabindex=\"0\"><code id=\"repeat\">{}</code></pre>\
         <button type=\"button\" id=\"copy\" hidden>Copy</button></div>\n",
        html(&view.repeat)
    )
}
