//! The page of a search or a trend.

use super::figures::Figure;
use super::figures::figure;
use super::section;
use super::shell;
use super::tables::headings;
use super::tables::row;
use super::tables::table;
use crate::report::chart::Look;
use crate::report::chart::dots;
use crate::report::escape::cut;
use crate::report::escape::html;
use crate::report::steps::Steps;

/// The whole page.
pub fn steps(steps: &Steps) -> Vec<u8> {
    let title = cut(&steps.title);
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
    let banner =
        steps.word.map_or(String::new(), |word| shell::banner(steps.good, word, &format!("<p>{}</p>", html(&cut(&steps.finding)))));
    let sections = [banner, section("chart", "How did it go?", &drawing), section("steps-all", "Every step", &every(steps))];
    shell::page(&title, &title, &steps.axis, &sections.concat())
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
