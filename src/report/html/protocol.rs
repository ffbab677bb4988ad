//! The panels of connections, and of what the profile's protocol says: messages by kind, answers by kind, numbers of the server.

use super::tables::headings;
use super::tables::row;
use super::tables::table;
use crate::profile::Class;
use crate::report::escape::cut;
use crate::report::escape::html;
use crate::report::findings;
use crate::report::view::SummarySeries;
use crate::report::view::View;
use crate::units::grouped;

/// Steps of making a connection, by the names of their series.
const STEPS: [(&str, &str); 4] =
    [("tcp_connect", "TCP connection"), ("tls", "TLS handshake"), ("upgrade", "Upgrade"), ("ready", "Until ready")];
/// Quantiles of a step.
const KEYS: [&str; 4] = ["p50", "p90", "p99", "max"];

/// Counts of connections, what each step of making one took, and how they ended.
pub(super) fn connections(view: &View) -> String {
    let c = &view.summary.connections;
    let mut body = String::new();
    for (name, n) in [
        ("Asked for", c.asked),
        ("Opened", c.opened),
        ("Failed attempts", c.failed),
        ("Opened again", c.reconnects),
        ("Most open at once", c.peak),
    ] {
        row(&mut body, &[("", name), ("n", &grouped(n))]);
    }
    let counts = table("Connections", "account", &headings(&["Connections", "#Count"]), &body);
    format!(
        "<p class=\"finding\">{}</p>\n<div class=\"pair\">{counts}{}</div>\n{}",
        html(&findings::connections(view)),
        ends(view),
        steps(view)
    )
}

/// What each step of making a connection took.
fn steps(view: &View) -> String {
    let of = |name: &str| view.summary.series.iter().find(|series| series.name == name && series.count > 0);
    let mut body = String::new();
    for (series, words) in STEPS.iter().filter_map(|(name, words)| Some((of(name)?, *words))) {
        let texts: Vec<String> = KEYS.iter().map(|key| html(&findings::response(view, series, key))).collect();
        let count = grouped(series.count);
        let mut cells = vec![("", words), ("n", count.as_str())];
        cells.extend(texts.iter().map(|text| ("n", text.as_str())));
        row(&mut body, &cells);
    }
    if body.is_empty() {
        return "<p class=\"note\">No connection was made in the measured time, so there are no times of connecting.</p>\n".into();
    }
    let heads = headings(&["Step", "#Made", "#p50", "#p90", "#p99", "#max"]);
    format!("<h3>What connecting took, in the measured time</h3>\n{}", table("What connecting took", "data", &heads, &body))
}

/// Close codes and faults.
fn ends(view: &View) -> String {
    let counts = &view.summary.counts;
    let mut body = String::new();
    for (group, kinds) in [("close", &counts.closes), ("fault", &counts.faults)] {
        for (kind, n) in kinds {
            row(&mut body, &[("", group), ("", &html(&cut(kind))), ("n", &grouped(*n))]);
        }
    }
    if body.is_empty() {
        row(&mut body, &[("", "none"), ("", "no close frame and no fault"), ("n", "0")]);
    }
    table("How connections ended", "account", &headings(&["End", "Kind", "#Count"]), &body)
}

/// Messages by kind, answers by kind, and what the server says of itself.
pub(super) fn protocol(view: &View) -> String {
    let counts = &view.summary.counts;
    let mut body = String::new();
    for (way, kinds) in [("sent", &counts.messages_out), ("received", &counts.messages_in)] {
        for (kind, n) in kinds {
            row(&mut body, &[("", way), ("", &html(&cut(kind))), ("n", &grouped(*n))]);
        }
    }
    let messages = table("All messages by kind", "kinds", &headings(&["Way", "Kind", "#Count"]), &body);
    format!("<h3>All messages by kind</h3>\n{messages}{}{}", outcomes(view), told(view))
}

/// By which kind of message each series was answered.
fn outcomes(view: &View) -> String {
    let mut body = String::new();
    for series in &view.summary.series {
        for (kind, n) in &series.outcomes {
            row(&mut body, &[("", &html(&cut(&series.name))), ("", &html(&cut(kind))), ("n", &grouped(*n))]);
        }
    }
    if body.is_empty() {
        return String::new();
    }
    format!("<h3>Answers by kind</h3>\n{}", table("Answers by kind", "kinds", &headings(&["Series", "Answered by", "#Count"]), &body))
}

/// Series that are no round trips: what the server says, how regular its messages come, how far a broadcast spreads.
fn told(view: &View) -> String {
    let mut body = String::new();
    let is_told =
        |series: &&SummarySeries| matches!(series.class, Class::Spread | Class::ServerReported | Class::Cadence) && series.count > 0;
    for series in view.summary.series.iter().filter(is_told) {
        let texts: Vec<String> = KEYS.iter().map(|key| html(&findings::response(view, series, key))).collect();
        let (name, count) = (html(&cut(&series.name)), grouped(series.count));
        let mut cells = vec![("", name.as_str()), ("", series.class.name()), ("n", count.as_str())];
        cells.extend(texts.iter().map(|text| ("n", text.as_str())));
        row(&mut body, &cells);
    }
    if body.is_empty() {
        return String::new();
    }
    let heads = headings(&["Series", "Class", "#Values", "#p50", "#p90", "#p99", "#max"]);
    format!("<h3>Heard, not asked</h3>\n{}", table("Heard, not asked", "data", &heads, &body))
}
