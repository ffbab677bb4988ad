//! Files for benchmark trackers: `bencher.json` (Bencher Metric Format) and `gh-benchmark.json` (`customSmallerIsBetter` of
//! github-action-benchmark). Names are stable, so that a tracker knows a figure again: `PROFILE SERIES p99`.

use serde_json::Map;
use serde_json::Value;
use serde_json::json;

use super::view::SummarySeries;
use super::view::View;

/// Quantiles that are tracked.
const TRACKED: [&str; 3] = ["p50", "p99", "p99.9"];

/// Series with answers, and their quantiles that have enough samples.
fn tracked(view: &View) -> impl Iterator<Item = (&SummarySeries, &'static str, u64)> {
    let shown = view.summary.series.iter().filter(|series| series.count > 0);
    let figures = shown.flat_map(|series| TRACKED.into_iter().map(move |key| (series, key)));
    figures.filter_map(|(series, key)| Some((series, key, series.response.get(key).copied().flatten()?)))
}

/// `bencher.json`: latency in nanoseconds by series and quantile, answers a second by series.
pub fn bencher(view: &View) -> Vec<u8> {
    let profile = &view.summary.run.profile;
    let mut benchmarks = Map::new();
    for (series, key, ns) in tracked(view) {
        benchmarks.insert(format!("{profile} {} {key}", series.name), json!({ "latency": { "value": ns } }));
        let rate = json!({ "throughput": { "value": (series.rate_per_s * 1000.0).round() / 1000.0 } });
        benchmarks.insert(format!("{profile} {}", series.name), rate);
    }
    pretty(&Value::Object(benchmarks))
}

/// `gh-benchmark.json`: latency in milliseconds by series and quantile.
pub fn gh_benchmark(view: &View) -> Vec<u8> {
    let run = &view.summary.run;
    let entry = |(series, key, ns): (&SummarySeries, &str, u64)| {
        json!({
            "name": format!("{} {} {key}", run.profile, series.name),
            "unit": "ms",
            "value": ns as f64 / 1e6,
            "extra": format!("{} answers, {} clients", series.count, run.clients),
        })
    };
    pretty(&tracked(view).map(entry).collect())
}

fn pretty(value: &Value) -> Vec<u8> {
    let mut bytes = serde_json::to_vec_pretty(value).expect("a value has string keys");
    bytes.push(b'\n');
    bytes
}
