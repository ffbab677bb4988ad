//! The page of a comparison: the answer, what differs, every metric, and for each series curves and the shift function.

use super::figures::Figure;
use super::figures::figure;
use super::figures::legend;
use super::figures::number_table;
use super::figures::sign;
use super::section;
use super::shell;
use super::tables::headings;
use super::tables::row;
use super::tables::table;
use crate::report::chart::Look;
use crate::report::chart::forest;
use crate::report::chart::heats;
use crate::report::chart::shift;
use crate::report::chart::sides;
use crate::report::compare::Comparison;
use crate::report::compare::Metric;
use crate::report::compare::heat::Heats;
use crate::report::compare::picture::Picture;
use crate::report::compare::stats::Answer;
use crate::report::compare::text::answer;
use crate::report::escape::cut;
use crate::report::escape::html;
use crate::report::scale;
use crate::report::scene::Ink;
use crate::report::words;

/// The whole page.
pub fn comparison(comparison: &Comparison) -> Vec<u8> {
    let mut sections = verdict(comparison);
    if !comparison.environment.is_empty() {
        sections.push_str(&section("different", "What differs between the sides?", &environment(comparison)));
    }
    sections.push_str(&section("metrics", "What changed?", &metrics(comparison)));
    for (i, picture) in comparison.pictures.iter().enumerate() {
        sections.push_str(&series(i, picture));
    }
    sections.push_str(&section("method", "How to read this", METHOD));
    let turns = if comparison.interleaved {
        "the runs of both sides took turns"
    } else {
        "not interleaved: a machine that drifts between the sides looks like a change"
    };
    let title = title(comparison);
    shell::page(&format!("{}: {title}", answer(comparison.verdict)), &title, turns, &sections)
}

fn title(comparison: &Comparison) -> String {
    let side = |ids: &[String], one: &str, many: &str| match ids {
        [id] => format!("{one} {id}"),
        _ => words::counted(ids.len() as u64, one, many),
    };
    format!("{} against {}", side(&comparison.new, "new run", "new runs"), side(&comparison.base, "base run", "base runs"))
}

fn verdict(comparison: &Comparison) -> String {
    let good = match comparison.verdict {
        Answer::Regression => Some(false),
        Answer::Pass | Answer::Clear => Some(true),
        Answer::Inconclusive => None,
    };
    let meaning = match comparison.verdict {
        Answer::Regression => "Slower beyond the margin, and not by luck.",
        Answer::Pass => "Not slower than the margins allow.",
        Answer::Clear => "No sign of a change inside these runs; what differs from run to run is unseen.",
        Answer::Inconclusive => "Neither a regression nor a pass can be shown; more runs a side would decide.",
    };
    let warnings: String = comparison.warnings.iter().map(|w| format!("<li>{}</li>", html(&cut(w)))).collect();
    let warnings = if warnings.is_empty() { warnings } else { format!("<ul class=\"reasons\">{warnings}</ul>") };
    shell::banner(good, answer(comparison.verdict), &format!("<p>{meaning}</p>{warnings}"))
}

fn environment(comparison: &Comparison) -> String {
    let mut body = String::new();
    for (name, base, new) in &comparison.environment {
        let cell = |text: &str| format!("<bdi>{}</bdi>", html(&cut(text)));
        row(&mut body, &[("", &html(name)), ("", &cell(base)), ("", &cell(new))]);
    }
    table("What differs between the sides", "data", &headings(&["What", "Base", "New"]), &body)
}

fn percent(ratio: f64) -> String {
    format!("{:+.1} %", (ratio - 1.0) * 100.0)
}

fn metrics(comparison: &Comparison) -> String {
    let caption = "Each line is a metric: the diamond its change, the bar its interval, the shade the margin within which nothing is held against it.";
    let height = 90.0 + 44.0 * comparison.metrics.len().max(1) as f64;
    let described = Figure {
        id: "forest",
        title: "Change of every metric",
        caption,
        legend: String::new(),
        table: metric_table(comparison),
        heights: (height, height),
    };
    let drawing = figure(&described, |scene, area, look, _| {
        forest::draw(scene, comparison, area, look);
        None
    });
    format!("{drawing}<p class=\"note\">Sees: the smallest change that this comparison finds in four of five cases.</p>\n")
}

fn metric_table(comparison: &Comparison) -> String {
    let mut body = String::new();
    for m in &comparison.metrics {
        let interval = m.interval.map_or("n/a".into(), |[low, high]| format!("{} to {}", percent(low), percent(high)));
        let cells = [
            html(&m.name),
            words::time_or_na(m.base_ns),
            words::time_or_na(m.new_ns),
            m.ratio.map_or("n/a".into(), percent),
            interval,
            m.detectable.map_or("n/a".into(), |x| format!("{:.1} %", x * 100.0)),
            format!("{}/{}", m.runs[0], m.runs[1]),
            html(&remark(m)),
        ];
        let classes = ["", "n", "n", "n", "n", "n", "n", ""];
        let cells: Vec<(&str, &str)> = classes.into_iter().zip(cells.iter().map(String::as_str)).collect();
        row(&mut body, &cells);
    }
    let heads = headings(&["Metric", "#Base", "#New", "#Change", "#Interval", "#Sees", "#Runs", "Answer"]);
    table("Every metric", "data", &heads, &body)
}

fn remark(metric: &Metric) -> String {
    let better = if metric.improved { ", faster" } else { "" };
    let note = metric.note.as_ref().map_or(String::new(), |note| format!(" ({note})"));
    format!("{}{better}, margin {:.0} %, {}{note}", answer(metric.answer), metric.margin * 100.0, metric.method)
}

fn series(i: usize, picture: &Picture) -> String {
    let entries: Vec<(String, String)> =
        sides::SIDES.iter().map(|(name, place, dash)| ((*name).to_owned(), sign(Ink::Series(*place), *dash, 2))).collect();
    let name = html(&cut(&picture.series));
    let curves = Figure {
        id: &format!("sides-{i}"),
        title: &format!("Percentile curves of {}", picture.series),
        caption: "Every run is a line of its own; where the two sides part, they part for all of them.",
        legend: legend(&entries, "response time of the measured time"),
        table: shift_table(picture),
        heights: (440.0, 380.0),
    };
    let curves = figure(&curves, |scene, area, look, wide| {
        sides::draw(scene, picture, area, Look { right: if wide { 40.0 } else { 20.0 }, ..look });
        None
    });
    let banded = picture.shift.iter().any(|s| s.band.is_some());
    let caption = if banded {
        "The change of each quantile. The shade holds for all quantiles at once (90 %), the bars for each alone."
    } else {
        "The change of each quantile. The bars hold for each quantile alone; with fewer than four runs a side there is none for all at once."
    };
    let shifts = Figure {
        id: &format!("shift-{i}"),
        title: &format!("Shift function of {}", picture.series),
        caption,
        legend: String::new(),
        table: shift_table(picture),
        heights: (360.0, 340.0),
    };
    let shifts = figure(&shifts, |scene, area, look, wide| {
        shift::draw(scene, picture, area, Look { right: if wide { 40.0 } else { 20.0 }, ..look });
        None
    });
    let heats = picture.heats.as_ref().map_or(String::new(), |found| heat_maps(i, picture, found));
    section(&format!("series-{i}"), &format!("How did {name} change?"), &format!("{curves}<h3>Shift function</h3>\n{shifts}{heats}"))
}

/// Both sides over time on one scale, and their difference.
fn heat_maps(i: usize, picture: &Picture, heats: &Heats) -> String {
    let described = Figure {
        id: &format!("heats-{i}"),
        title: &format!("{} over time, base, new and difference", picture.series),
        caption: "Answers by measured time and latency, the mean of each side's runs, both on one scale; beneath, where the new runs have more and where fewer.",
        legend: String::new(),
        table: heat_table(heats),
        heights: (620.0, 620.0),
    };
    let drawing = figure(&described, |scene, area, look, wide| {
        heats::draw(scene, heats, area, Look { right: if wide { 40.0 } else { 20.0 }, ..look });
        None
    });
    format!("<h3>Over time</h3>\n{drawing}")
}

/// Median of each side in each column.
fn heat_table(heats: &Heats) -> String {
    let median = |column: &[f64]| {
        let half = column.iter().sum::<f64>() / 2.0;
        let mut sum = 0.0;
        let row = column.iter().position(|n| {
            sum += n;
            sum >= half && half > 0.0
        });
        words::time_or_na(row.map(|row| heats.edges_ns[row + 1]))
    };
    let from = |column: usize| scale::clock((column as u64 * heats.column_ns) as f64 / 1e9);
    let [base, new] = [0, 1].map(|side| heats.sides[side].iter().map(|column| median(column)).collect::<Vec<_>>());
    let columns = [(0..base.len()).map(from).collect(), base, new];
    number_table("Median by measured time", &["#From", "#Median of base at most", "#Median of new at most"], &columns)
}

fn shift_table(picture: &Picture) -> String {
    let range = |ends: Option<[f64; 2]>| ends.map_or("n/a".into(), |[low, high]| format!("{} to {}", percent(low), percent(high)));
    let of = |text: &dyn Fn(&crate::report::compare::picture::Shift) -> String| picture.shift.iter().map(text).collect::<Vec<_>>();
    let columns = [of(&|s| scale::percent(s.q)), of(&|s| percent(s.ratio)), of(&|s| range(s.interval)), of(&|s| range(s.band))];
    number_table("Shift function", &["#Quantile", "#Change", "#90 % interval alone", "#90 % band for all"], &columns)
}

const METHOD: &str = include_str!("comparison.html");
