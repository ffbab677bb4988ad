//! The panel of the hops: kernel, ping and answer as curves, and what each adds.

use serde_json::Map;
use serde_json::Value;

use super::figures::Figure;
use super::figures::figure;
use super::figures::legend;
use super::figures::readout_at;
use super::tables;
use super::tables::headings;
use super::tables::row;
use crate::report::chart::Look;
use crate::report::chart::hops as hops_chart;
use crate::report::chart::percentiles as curve_chart;
use crate::report::escape::html;
use crate::report::findings;
use crate::report::hops;
use crate::report::hops::SummaryHops;
use crate::report::scale;
use crate::report::view::Curve;
use crate::report::view::View;
use crate::report::words;
use crate::units::Nanos;
use crate::units::grouped;

/// The content of the panel; `None` for a run that did not ask.
pub(super) fn panel(view: &View, charts: &mut Map<String, Value>) -> Option<String> {
    let hops = view.summary.hops.as_ref()?;
    let curves = hops_chart::curves(view, hops);
    if !curves.is_empty() {
        charts.insert("hops".into(), data(&curves));
    }
    let entries: Vec<(String, String)> =
        curves.iter().map(|curve| (curve.series.clone(), tables::swatch(findings::place(view, &curve.series)))).collect();
    let caption = hops_chart::finding(hops);
    let described = Figure {
        id: "hops",
        title: "Hops by percentile",
        caption: &caption,
        legend: if entries.is_empty() { String::new() } else { legend(&entries, "from the real send · dots: at most 10 samples beyond") },
        table: table(hops),
        heights: (460.0, 380.0),
    };
    let drawing = figure(&described, |scene, area, look, wide| {
        let refs: Vec<&Curve> = curves.iter().collect();
        curve_chart::draw_curves(scene, view, &refs, area, Look { right: if wide { 96.0 } else { 20.0 }, ..look })
    });
    let notes: String = hops::notes(hops, &view.summary).iter().map(|note| format!("<li>{}</li>", html(note))).collect();
    Some(format!("{drawing}{}<ul>{notes}</ul>\n", adds(hops)))
}

/// What each hop adds, beside its samples.
fn adds(hops: &SummaryHops) -> String {
    let mut body = String::new();
    for hop in &hops.hops {
        let cells =
            [hop.heading(), hops::meaning(hops, hop), grouped(hop.count), hop.shown("p50"), hop.shown("p99")].map(|text| html(&text));
        row(&mut body, &[("", &cells[0]), ("", &cells[1]), ("n", &cells[2]), ("n", &cells[3]), ("n", &cells[4])]);
    }
    tables::table("What each hop adds", "data", &headings(&["Hop", "What it is", "#Samples", "#p50", "#p99"]), &body)
}

/// All quantiles of all hops.
fn table(hops: &SummaryHops) -> String {
    let mut body = String::new();
    let shortest = ("shortest of the kernel", &hops.shortest);
    let all = hops.hops.iter().map(|hop| (hop.series.as_str(), &hop.time)).chain((!hops.shortest.is_empty()).then_some(shortest));
    for (name, times) in all {
        let [p50, p90, p99, most] = ["p50", "p90", "p99", "p99.9"].map(|key| words::time_or_na(times.get(key).copied().flatten()));
        row(&mut body, &[("", &html(name)), ("n", &p50), ("n", &p90), ("n", &p99), ("n", &most)]);
    }
    tables::table("Hops by percentile", "data", &headings(&["Series", "#p50", "#p90", "#p99", "#p99.9"]), &body)
}

fn data(curves: &[Curve]) -> Value {
    let longest: &[(f64, u64)] = curves.iter().map(|curve| curve.points.as_slice()).max_by_key(|points| points.len()).unwrap_or_default();
    let x: Vec<f64> = longest.iter().map(|(q, _)| scale::nines(*q)).collect();
    let names = longest.iter().map(|(q, _)| format!("{} of answers", words::share(*q))).collect();
    let texts = |curve: &Curve| longest.iter().map(|(q, _)| at(curve, *q)).collect();
    readout_at(&x, names, curves.iter().map(|curve| (curve.series.clone(), curve.series.clone(), texts(curve))).collect())
}

/// The value of a curve at a quantile.
fn at(curve: &Curve, q: f64) -> String {
    let found = curve.points.iter().find(|(at, _)| *at >= q - 1e-9);
    found.map_or("n/a".into(), |(_, ns)| Nanos(*ns).to_string())
}
