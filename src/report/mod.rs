//! Reports: a run becomes a [`view::View`], each format is a function from a view to bytes.
//!
//! [`build`] computes the view, with the help of [`limit`] and [`judge`]; [`FORMATS`] lists what can
//! be drawn from it. A format computes nothing and opens nothing.

pub mod build;
mod chart;
pub mod compare;
mod escape;
mod findings;
pub mod hgrm;
pub mod html;
pub mod json;
pub mod judge;
pub mod junit;
pub mod limit;
pub mod markdown;
pub mod openmetrics;
pub mod png;
pub mod quantile;
mod scale;
mod scene;
pub mod sheets;
mod svg;
pub mod text;
pub mod trackers;
pub mod view;
mod words;

/// A way to draw a view. A name may have several files (`png` has three).
#[derive(Clone, Copy, Debug)]
pub struct Format {
    /// Name in `--report`.
    pub name: &'static str,
    /// File in the run's folder.
    pub file: &'static str,
    /// Whether a view has what it shows.
    pub fits: fn(&view::View) -> bool,
    /// Draws it; an error says in words why it cannot be drawn.
    pub draw: fn(&view::View) -> Result<Vec<u8>, String>,
}

/// What fits every view.
fn always(_: &view::View) -> bool {
    true
}

/// All formats. A new one is a file here, a row, and a golden output in the tests.
pub const FORMATS: &[Format] = &[
    Format { name: "json", file: "summary.json", fits: always, draw: |view| Ok(json::json(view)) },
    Format { name: "html", file: "report.html", fits: always, draw: |view| Ok(html::render(view)) },
    Format { name: "png", file: "percentiles.png", fits: always, draw: png::percentiles },
    Format { name: "png", file: "heatmap.png", fits: always, draw: png::heatmap },
    Format { name: "png", file: "timeline.png", fits: always, draw: png::timeline },
    Format { name: "png", file: "recovery.png", fits: |view| view.storm.is_some(), draw: png::recovery },
    Format { name: "junit", file: "junit.xml", fits: always, draw: |view| Ok(junit::junit(view)) },
    Format { name: "markdown", file: "summary.md", fits: always, draw: |view| Ok(markdown::markdown(view)) },
    Format { name: "openmetrics", file: "openmetrics.txt", fits: always, draw: |view| Ok(openmetrics::openmetrics(view)) },
    Format { name: "csv", file: "series.csv", fits: always, draw: |view| Ok(sheets::series(view)) },
    Format { name: "csv", file: "latency.csv", fits: always, draw: |view| Ok(sheets::latency(view)) },
    Format { name: "csv", file: "load.csv", fits: always, draw: |view| Ok(sheets::load(view)) },
    Format { name: "hgrm", file: "latency.hgrm", fits: always, draw: |view| Ok(hgrm::hgrm(view)) },
    Format { name: "bencher", file: "bencher.json", fits: always, draw: |view| Ok(trackers::bencher(view)) },
    Format { name: "gh-benchmark", file: "gh-benchmark.json", fits: always, draw: |view| Ok(trackers::gh_benchmark(view)) },
    Format { name: "text", file: "summary.txt", fits: always, draw: |view| Ok(text::text(view, &text::Look::default()).into_bytes()) },
];

/// The formats of a name, in order; none for an unknown name.
pub fn formats(name: &str) -> impl Iterator<Item = &'static Format> {
    FORMATS.iter().filter(move |format| format.name == name)
}

/// Names for `--report`, each once.
pub fn names() -> Vec<&'static str> {
    let mut names: Vec<_> = FORMATS.iter().map(|format| format.name).collect();
    names.dedup();
    names
}
