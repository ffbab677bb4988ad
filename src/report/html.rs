//! The report as one HTML file that loads nothing.
//!
//! Charts are static SVG, so that the page shows in a viewer that blocks scripts and styles; the
//! script adds read-outs, toggles and the theme. The content security policy names the hashes of
//! the one style and the one script. The same view gives the same bytes.

mod comparison;
mod data;
mod fanout;
mod figures;
mod fleet;
mod hops;
mod panels;
mod protocol;
mod shell;
mod steps;
mod storm;
mod tables;

pub use comparison::comparison;
pub use data::carried;
pub use steps::steps;

use base64::Engine;
use serde_json::Value;
use sha2::Digest;
use sha2::Sha256;

use super::escape::cut;
use super::escape::html;
use super::escape::json;
use super::findings;
use super::view::View;
use crate::units::Nanos;

const STYLE: &str = include_str!("html/page.css");
const SCRIPT: &str = concat!(include_str!("html/page.js"), include_str!("html/explore.js"));
const LIVE: &str = include_str!("html/live.js");

/// Sections in order: anchor and name in the contents.
const CONTENTS: [(&str, &str); 18] = [
    ("verdict", "Verdict"),
    ("trust", "Trust"),
    ("latency", "Latency"),
    ("hops", "Hops"),
    ("over-time", "Over time"),
    ("load", "Load"),
    ("percentiles-over-time", "Drift"),
    ("distribution", "Distribution"),
    ("levels", "Capacity"),
    ("fan-out", "Fan-out"),
    ("storm", "Storm"),
    ("fleet", "Fleet"),
    ("errors", "Errors"),
    ("connections", "Connections"),
    ("protocol", "Protocol"),
    ("environment", "Environment"),
    ("method", "Method"),
    ("data", "Data"),
];

/// The whole page.
pub fn render(view: &View) -> Vec<u8> {
    page(view, false)
}

/// The page of a run that goes on, as if it ended now, with the figures of the second as they come from `/events`.
pub fn live(view: &View) -> Vec<u8> {
    page(view, true)
}

/// The content security policy; a page that is live may ask its own server, and nobody else, for more.
pub fn policy(is_live: bool) -> String {
    let live = if is_live { format!("{} {}; connect-src 'self'", hash(SCRIPT), hash(LIVE)) } else { hash(SCRIPT) };
    format!("default-src 'none'; script-src {live}; style-src {}; img-src data:; base-uri 'none'; form-action 'none'", hash(STYLE))
}

fn page(view: &View, is_live: bool) -> Vec<u8> {
    let mut charts = serde_json::Map::new();
    let mut page = head(view, is_live);
    page.push_str(&opening(view, is_live));
    page.push_str("<main id=\"main\">\n");
    page.push_str(if is_live { RUNNING } else { "" });
    page.push_str(&missing(view));
    page.push_str(&tables::verdict(view));
    page.push_str(&tables::trust(view));
    page.push_str(&section("latency", "How fast were the answers?", &latency(view, &mut charts)));
    if let Some(panel) = hops::panel(view, &mut charts) {
        page.push_str(&section("hops", "Network, frames or application?", &panel));
    }
    page.push_str(&section("over-time", "When was it slow?", &figures::heatmaps(view, &mut charts)));
    page.push_str(&section("load", "Was the load delivered?", &load(view, &mut charts)));
    page.push_str(&section("percentiles-over-time", "Did it drift?", &panels::over_time(view, &mut charts)));
    page.push_str(&section("distribution", "One hump or two?", &panels::distribution(view, &mut charts)));
    if !view.levels.is_empty() {
        page.push_str(&section("levels", "How much can it hold?", &panels::levels(view, &mut charts)));
    }
    if let Some(panel) = fanout::panel(view, &mut charts) {
        page.push_str(&section("fan-out", "Did everybody get it, and when?", &panel));
    }
    if let Some(panel) = storm::panel(view, &mut charts) {
        page.push_str(&section("storm", "Did everybody come back?", &panel));
    }
    if let Some(panel) = fleet::panel(view) {
        page.push_str(&section("fleet", "Who played it?", &panel));
    }
    page.push_str(&section("errors", "What went wrong?", &tables::errors(view)));
    page.push_str(&section("connections", "How did connections fare?", &protocol::connections(view)));
    page.push_str(&section("protocol", "What was said?", &protocol::protocol(view)));
    page.push_str(&section("environment", "Where and how was it run?", &tables::environment(view)));
    page.push_str(&section("method", "How to read this", METHOD));
    if !is_live {
        page.push_str(&section("data", "What else is in it?", &data::panel(view)));
    }
    page.push_str("</main>\n");
    page.push_str(&closing(view, charts, is_live));
    page.into_bytes()
}

fn latency(view: &View, charts: &mut serde_json::Map<String, Value>) -> String {
    format!("{}{}", tables::headline(view), figures::percentiles(view, charts))
}

fn load(view: &View, charts: &mut serde_json::Map<String, Value>) -> String {
    format!("{}{}", figures::load(view, charts), tables::account(view))
}

/// A hash source of the content security policy.
fn hash(text: &str) -> String {
    format!("'sha256-{}'", base64::engine::general_purpose::STANDARD.encode(Sha256::digest(text.as_bytes())))
}

fn head(view: &View, is_live: bool) -> String {
    let run = &view.summary.run;
    let word = if is_live { "Running" } else { findings::verdict_word(view.summary.verdict) };
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"{}\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n\
         <meta name=\"generator\" content=\"volley {}\">\n\
         <title>{}: {} against {}</title>\n<link rel=\"icon\" href=\"data:,\">\n<style>{STYLE}</style>\n</head>\n",
        policy(is_live),
        html(&run.version),
        word,
        html(&run.profile),
        html(&cut(&run.target)),
    )
}

fn opening(view: &View, is_live: bool) -> String {
    let run = &view.summary.run;
    let there = |id: &str| match id {
        "fan-out" => view.summary.fan_out.is_some(),
        "storm" => view.summary.storm.is_some(),
        "hops" => view.summary.hops.is_some(),
        "fleet" => view.summary.fleet.is_some(),
        "levels" => !view.levels.is_empty(),
        "data" => !is_live,
        _ => true,
    };
    let links: String =
        CONTENTS.iter().filter(|(id, _)| there(id)).map(|(id, name)| format!("<li><a href=\"#{id}\">{name}</a></li>")).collect();
    let dialect = run.dialect.as_ref().map(|d| format!(" ({} dialect)", html(d))).unwrap_or_default();
    let rate = findings::planned_per_s(view).map(|r| format!("<li>{} planned</li>", findings::rate(r))).unwrap_or_default();
    format!(
        "<body>\n<a class=\"skip\" href=\"#main\">Skip to the report</a>\n<header class=\"top\">\n\
         <div class=\"brand\"><span class=\"mark\">volley</span><button type=\"button\" id=\"theme\" hidden>Theme: auto</button></div>\n\
         <h1>{}{dialect}</h1>\n<p class=\"target\"><bdi>{}</bdi></p>\n\
         <ul class=\"facts\"><li>{}</li>{rate}<li>{} measured after {} warm-up</li><li>{}</li><li>run {}</li></ul>\n\
         <nav aria-label=\"Contents\"><ul>{links}</ul></nav>\n</header>\n",
        html(&run.profile),
        html(&cut(&run.target)),
        findings::plural(run.clients, "client"),
        Nanos(run.duration_ns),
        Nanos(run.warmup_ns),
        html(&run.started.replace('T', " ").replace('Z', " UTC")),
        html(&run.id),
    )
}

fn missing(view: &View) -> String {
    if view.missing.is_empty() {
        return String::new();
    }
    let items: String = view.missing.iter().map(|m| format!("<li>{}</li>", html(&cut(m)))).collect();
    format!(
        "<section class=\"card partial\" aria-labelledby=\"missing-h\"><h2 id=\"missing-h\">{}This report is partial</h2><ul>{items}</ul></section>\n",
        tables::icon("warn")
    )
}

/// A section with its question as heading.
fn section(id: &str, question: &str, content: &str) -> String {
    format!("<section id=\"{id}\" class=\"card\" aria-labelledby=\"{id}-h\">\n<h2 id=\"{id}-h\">{question}</h2>\n{content}</section>\n")
}

fn closing(view: &View, charts: serde_json::Map<String, Value>, is_live: bool) -> String {
    let summary = serde_json::to_string(&view.summary).expect("a summary has string keys and finite numbers only");
    let charts = Value::Object(charts).to_string();
    format!(
        "<footer>\n<p>Made by volley {} from run {}. Everything in this page is inside this file.</p>\n</footer>\n\
         <p id=\"live\" class=\"unseen\" role=\"status\" aria-live=\"polite\"></p>\n\
         <script type=\"application/json\" id=\"volley-summary\">{}</script>\n\
         <script type=\"application/json\" id=\"volley-charts\">{}</script>\n{}\
         <script>{SCRIPT}</script>\n{}</body>\n</html>\n",
        html(&view.summary.run.version),
        html(&view.summary.run.id),
        json(&summary),
        json(&charts),
        data::block(view),
        if is_live { format!("<script>{LIVE}</script>\n") } else { String::new() },
    )
}

const RUNNING: &str = include_str!("html/running.html");
const METHOD: &str = include_str!("html/method.html");
