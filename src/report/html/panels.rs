//! More charts of the page: percentiles over time, distributions, latency against load.

use serde_json::Map;
use serde_json::Value;

use super::figures::Figure;
use super::figures::READOUT_PLACES;
use super::figures::Row;
use super::figures::TABLE_ROWS;
use super::figures::figure;
use super::figures::legend;
use super::figures::number_table;
use super::figures::parts;
use super::figures::readout_at;
use super::figures::readout_over;
use super::figures::sign;
use super::figures::span;
use super::figures::time_or_dash;
use super::tables;
use crate::report::chart::Look;
use crate::report::chart::distribution as hump_chart;
use crate::report::chart::levels as level_chart;
use crate::report::chart::over_time as drift_chart;
use crate::report::escape::html;
use crate::report::findings;
use crate::report::scale;
use crate::report::scene::Dash;
use crate::report::scene::Ink;
use crate::report::view::Distribution;
use crate::report::view::Heat;
use crate::report::view::Level;
use crate::report::view::View;
use crate::units::Nanos;
use crate::units::grouped;

/// Places of the read-out of distributions.
const PLACES: usize = 200;

/// Percentiles of the main series over time.
pub(super) fn over_time(view: &View, charts: &mut Map<String, Value>) -> String {
    let main = findings::main_series(view).map_or("", |s| s.name.as_str());
    let Some(heat) = view.heats.iter().find(|heat| heat.series == main).or(view.heats.first()) else {
        return "<p class=\"finding\">Nothing was answered, so there are no percentiles over time.</p>\n".into();
    };
    charts.insert("drift".into(), over_time_data(heat));
    let caption = findings::over_time(heat);
    let entries = [
        ("p50".to_string(), sign(Ink::Series(0), Dash::Solid, 2)),
        ("p90".to_string(), sign(Ink::Series(2), Dash::Dashed, 2)),
        ("p99".to_string(), sign(Ink::Series(1), Dash::Solid, 2)),
        ("max".to_string(), sign(Ink::Open, Dash::Dotted, 2)),
    ];
    let described = Figure {
        id: "drift",
        title: "Percentiles over time",
        caption: &caption,
        legend: legend(&entries, "shaded: phases that are not measured"),
        table: over_time_table(heat),
        heights: (400.0, 360.0),
    };
    figure(&described, |scene, area, look, _| drift_chart::draw(scene, view, heat, area, look))
}

fn over_time_texts(heat: &Heat, most: usize) -> (Vec<std::ops::Range<usize>>, [Vec<String>; 4]) {
    let parts = parts(heat.columns.len(), most);
    let each = |values: &[Option<u64>]| parts.iter().map(|p| span(values.get(p.clone()))).collect::<Vec<_>>();
    let texts = [each(&heat.p50), each(&heat.p90), each(&heat.p99), each(&heat.max)];
    (parts, texts)
}

fn over_time_data(heat: &Heat) -> Value {
    let (parts, [p50, p90, p99, max]) = over_time_texts(heat, READOUT_PLACES);
    let rows = [("max", max), ("p99", p99), ("p90", p90), ("p50", p50)];
    let rows = rows.into_iter().map(|(name, texts)| (name.to_string(), name.to_string(), texts)).collect();
    readout_over(&parts, heat.t0_ns as f64 / 1e9, heat.column_ns as f64 / 1e9, rows)
}

fn over_time_table(heat: &Heat) -> String {
    let (parts, [p50, p90, p99, max]) = over_time_texts(heat, TABLE_ROWS);
    let from = parts.iter().map(|p| scale::clock((heat.t0_ns + heat.column_ns * p.start as u64) as f64 / 1e9)).collect();
    number_table("Percentiles over time", &["#From", "#p50", "#p90", "#p99", "#max"], &[from, p50, p90, p99, max])
}

/// The distribution of every series.
pub(super) fn distribution(view: &View, charts: &mut Map<String, Value>) -> String {
    let shown = hump_chart::shown(view);
    if !shown.is_empty() {
        charts.insert("distribution".into(), distribution_data(&shown));
    }
    let entries: Vec<(String, String)> =
        shown.iter().map(|d| (d.series.clone(), tables::swatch(findings::place(view, &d.series)))).collect();
    let caption = findings::distribution(view);
    let height = 60.0 + shown.len().max(2) as f64 * 105.0;
    let described = Figure {
        id: "distribution",
        title: "Distribution of response times",
        caption: &caption,
        legend: if shown.is_empty() {
            String::new()
        } else {
            legend(&entries, "height: share of answers in each row of equal width on the axis")
        },
        table: distribution_table(&shown),
        heights: (height, height),
    };
    figure(&described, |scene, area, look, _| hump_chart::draw(scene, view, area, Look { right: 30.0, ..look }))
}

fn distribution_data(shown: &[&Distribution]) -> Value {
    let edges = || shown.iter().flat_map(|d| &d.edges_ns).map(|ns| (*ns).max(1) as f64);
    let (low, high) = (edges().fold(f64::INFINITY, f64::min).log10(), edges().fold(0.0, f64::max).log10());
    let x: Vec<f64> = (0..PLACES).map(|i| low + (high - low) * (i as f64 + 0.5) / PLACES as f64).collect();
    let names = x.iter().map(|x| format!("about {}", Nanos(10f64.powf(*x) as u64))).collect();
    let row = |distribution: &&Distribution| -> Row {
        let text = |x: &f64| match row_of(distribution, 10f64.powf(*x) as u64) {
            Some(row) => format!(
                "{} of {} to {}",
                grouped(distribution.counts[row]),
                Nanos(distribution.edges_ns[row]),
                Nanos(distribution.edges_ns[row + 1])
            ),
            None => "none".into(),
        };
        (distribution.series.clone(), distribution.series.clone(), x.iter().map(text).collect())
    };
    readout_at(&x, names, shown.iter().map(row).collect())
}

fn row_of(distribution: &Distribution, ns: u64) -> Option<usize> {
    let above = distribution.edges_ns.partition_point(|edge| *edge <= ns);
    above.checked_sub(1).filter(|row| *row < distribution.counts.len())
}

fn distribution_table(shown: &[&Distribution]) -> String {
    let mut columns: [Vec<String>; 4] = Default::default();
    for distribution in shown.iter().take(1) {
        for (edges, n) in distribution.edges_ns.windows(2).zip(&distribution.counts) {
            let all = distribution.counts.iter().copied().fold(0, u64::saturating_add);
            let cells = [Nanos(edges[0]).to_string(), Nanos(edges[1]).to_string(), grouped(*n), html(&findings::share(*n, all))];
            columns.iter_mut().zip(cells).for_each(|(column, cell)| column.push(cell));
        }
    }
    let name = shown.first().map_or(String::new(), |d| format!(" of {}", d.series));
    number_table(&format!("Distribution{name}"), &["#From", "#To", "#Answers", "#Share"], &columns)
}

/// Latency at each level of load.
pub(super) fn levels(view: &View, charts: &mut Map<String, Value>) -> String {
    charts.insert("levels".into(), levels_data(view));
    let caption = findings::levels(view);
    let entries = [("p99".to_string(), sign(Ink::Series(1), Dash::Solid, 2)), ("p50".to_string(), sign(Ink::Series(0), Dash::Dashed, 2))];
    let described = Figure {
        id: "levels",
        title: "Latency against load",
        caption: &caption,
        legend: legend(&entries, "each mark: the measured seconds in which about so much was planned, taken together"),
        table: levels_table(view),
        heights: (400.0, 360.0),
    };
    figure(&described, |scene, area, look, _| level_chart::draw(scene, view, area, look))
}

fn level_texts(view: &View) -> [Vec<String>; 4] {
    let each = |text: &dyn Fn(&Level) -> String| view.levels.iter().map(text).collect::<Vec<_>>();
    [
        each(&|l| findings::rate(l.answered_per_s)),
        each(&|l| grouped(l.seconds as u64)),
        each(&|l| time_or_dash(l.p50)),
        each(&|l| time_or_dash(l.p99)),
    ]
}

fn levels_data(view: &View) -> Value {
    let x: Vec<f64> = view.levels.iter().map(|level| level.planned_per_s).collect();
    let names = x.iter().map(|per_s| format!("{} planned", findings::rate(*per_s))).collect();
    let [answered, seconds, p50, p99] = level_texts(view);
    let rows = [("p99", "p99", p99), ("p50", "p50", p50), ("", "answered", answered), ("", "seconds", seconds)];
    readout_at(&x, names, rows.into_iter().map(|(group, name, texts)| (group.to_string(), name.to_string(), texts)).collect())
}

fn levels_table(view: &View) -> String {
    let planned = view.levels.iter().map(|level| findings::rate(level.planned_per_s)).collect();
    let [answered, seconds, p50, p99] = level_texts(view);
    number_table("Latency against load", &["#Planned", "#Answered", "#Seconds", "#p50", "#p99"], &[planned, answered, seconds, p50, p99])
}
