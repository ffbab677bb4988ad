//! The page of a search or a trend.

use super::SCRIPT;
use super::STYLE;
use super::figures::Figure;
use super::figures::figure;
use super::policy;
use super::section;
use super::tables::headings;
use super::tables::icon;
use super::tables::row;
use super::tables::table;
use crate::report::chart::Look;
use crate::report::chart::dots;
use crate::report::escape::cut;
use crate::report::escape::html;
use crate::report::steps::Steps;

/// The whole page.
pub fn steps(steps: &Steps) -> Vec<u8> {
    let title = html(&cut(&steps.title));
    let described = Figure {
        id: "steps",
        title: &steps.title,
        caption: &steps.finding,
        legend: String::new(),
        table: every(steps),
        heights: (460.0, 380.0),
    };
    let drawing = figure(&described, |scene, area, look, wide| {
        dots::draw(scene, steps, area, Look { right: if wide { 130.0 } else { 96.0 }, ..look });
        None
    });
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"{}\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<meta name=\"color-scheme\" content=\"light dark\">\n\
         <title>{title}</title>\n<link rel=\"icon\" href=\"data:,\">\n<style>{STYLE}</style>\n</head>\n\
         <body>\n<a class=\"skip\" href=\"#main\">Skip to the chart</a>\n<header class=\"top\">\n\
         <div class=\"brand\"><span class=\"mark\">volley</span><button type=\"button\" id=\"theme\" hidden>Theme: auto</button></div>\n\
         <h1>{title}</h1>\n<p class=\"target\">volley {}</p>\n</header>\n<main id=\"main\">\n\
         {}{}{}</main>\n\
         <footer>\n<p>Everything in this page is inside this file.</p>\n</footer>\n\
         <p id=\"live\" class=\"unseen\" role=\"status\" aria-live=\"polite\"></p>\n\
         <script type=\"application/json\" id=\"volley-charts\">{{}}</script>\n<script>{SCRIPT}</script>\n</body>\n</html>\n",
        policy(false),
        env!("CARGO_PKG_VERSION"),
        banner(steps),
        section("chart", "How did it go?", &drawing),
        section("steps-all", "Every step", &every(steps)),
    )
    .into_bytes()
}

fn banner(steps: &Steps) -> String {
    let Some(word) = steps.word else { return String::new() };
    let (class, sign) = match steps.good {
        Some(true) => ("pass", "ok"),
        Some(false) => ("fail", "bad"),
        None => ("invalid", "warn"),
    };
    format!(
        "<section id=\"verdict\" class=\"card verdict {class}\" aria-labelledby=\"verdict-h\">\n<div class=\"banner\">{}<div>\
         <h2 id=\"verdict-h\">{word}</h2><p>{}</p></div></div>\n</section>\n",
        icon(sign),
        html(&cut(&steps.finding))
    )
}

fn every(steps: &Steps) -> String {
    let heads: Vec<&str> = steps.heads.iter().map(String::as_str).collect();
    let mut body = String::new();
    for cells in &steps.rows {
        let cells: Vec<String> = cells.iter().map(|cell| html(&cut(cell))).collect();
        let of = |(head, cell): (&&str, &String)| (if head.starts_with('#') { "n" } else { "" }, cell.clone());
        let cells: Vec<(&str, String)> = heads.iter().zip(&cells).map(of).collect();
        row(&mut body, &cells.iter().map(|(class, cell)| (*class, cell.as_str())).collect::<Vec<_>>());
    }
    table(&steps.title, "data", &headings(&heads), &body)
}
