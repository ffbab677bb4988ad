//! Reports: a run becomes a [`view::View`], each format is a function from a view to bytes.
//!
//! [`build`] computes the view, with the help of [`limit`] and [`judge`]; [`FORMATS`] lists what can
//! be drawn from it. A format computes nothing and opens nothing.

pub mod build;
mod chart;
pub mod compare;
mod escape;
mod findings;
mod fleet;
pub mod hgrm;
pub mod hops;
pub mod html;
pub mod json;
pub mod judge;
pub mod junit;
pub mod limit;
pub mod markdown;
pub mod openmetrics;
mod plots;
mod png;
pub mod quantile;
mod scale;
mod scene;
pub mod sheets;
pub mod steps;
mod svg;
pub mod text;
pub mod trackers;
pub mod view;
mod words;

pub use scene::Theme;

/// How plots are drawn. Formats that are no plots have no use for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Drawing {
    /// Pixels of a PNG for each one of its documented size, in each direction: 1 to 4.
    pub png_scale: u32,
    /// What plots lie on.
    pub theme: Theme,
}

impl Default for Drawing {
    fn default() -> Self {
        Drawing { png_scale: 1, theme: Theme::Light }
    }
}

/// A way to draw a view. A name may have several files (`png` has six).
#[derive(Clone, Copy, Debug)]
pub struct Format {
    /// Name in `--report`.
    pub name: &'static str,
    /// File in the run's folder.
    pub file: &'static str,
    /// Whether a view has what it shows.
    pub fits: fn(&view::View) -> bool,
    /// Draws it; an error says in words why it cannot be drawn.
    pub draw: fn(&view::View, Drawing) -> Result<Vec<u8>, String>,
}

/// What fits every view.
fn always(_: &view::View) -> bool {
    true
}

fn has_fan_out(view: &view::View) -> bool {
    view.summary.fan_out.is_some()
}

fn has_storm(view: &view::View) -> bool {
    view.storm.is_some()
}

fn has_hops(view: &view::View) -> bool {
    view.summary.hops.is_some()
}

/// All formats. A new one is a file here, a row, and a golden output in the tests.
pub const FORMATS: &[Format] = &[
    Format { name: "json", file: "summary.json", fits: always, draw: |view, _| Ok(json::json(view)) },
    Format { name: "html", file: "report.html", fits: always, draw: |view, _| Ok(html::render(view)) },
    Format { name: "png", file: "percentiles.png", fits: always, draw: |view, drawing| png::png(&plots::percentiles(view), drawing) },
    Format { name: "png", file: "heatmap.png", fits: always, draw: |view, drawing| png::png(&plots::heatmap(view), drawing) },
    Format { name: "png", file: "timeline.png", fits: always, draw: |view, drawing| png::png(&plots::timeline(view), drawing) },
    Format { name: "png", file: "fanout.png", fits: has_fan_out, draw: |view, drawing| png::png(&plots::fan_out(view), drawing) },
    Format { name: "png", file: "recovery.png", fits: has_storm, draw: |view, drawing| png::png(&plots::recovery(view), drawing) },
    Format { name: "png", file: "hops.png", fits: has_hops, draw: |view, drawing| png::png(&plots::hops(view), drawing) },
    Format { name: "png", file: "summary.png", fits: always, draw: |view, drawing| png::png(&plots::card(view), drawing) },
    Format { name: "svg", file: "percentiles.svg", fits: always, draw: |view, drawing| Ok(svg::svg(&plots::percentiles(view), drawing)) },
    Format { name: "svg", file: "heatmap.svg", fits: always, draw: |view, drawing| Ok(svg::svg(&plots::heatmap(view), drawing)) },
    Format { name: "svg", file: "timeline.svg", fits: always, draw: |view, drawing| Ok(svg::svg(&plots::timeline(view), drawing)) },
    Format { name: "svg", file: "fanout.svg", fits: has_fan_out, draw: |view, drawing| Ok(svg::svg(&plots::fan_out(view), drawing)) },
    Format { name: "svg", file: "recovery.svg", fits: has_storm, draw: |view, drawing| Ok(svg::svg(&plots::recovery(view), drawing)) },
    Format { name: "svg", file: "hops.svg", fits: has_hops, draw: |view, drawing| Ok(svg::svg(&plots::hops(view), drawing)) },
    Format { name: "svg", file: "summary.svg", fits: always, draw: |view, drawing| Ok(svg::svg(&plots::card(view), drawing)) },
    Format { name: "junit", file: "junit.xml", fits: always, draw: |view, _| Ok(junit::junit(view)) },
    Format { name: "markdown", file: "summary.md", fits: always, draw: |view, _| Ok(markdown::markdown(view)) },
    Format { name: "openmetrics", file: "openmetrics.txt", fits: always, draw: |view, _| Ok(openmetrics::openmetrics(view)) },
    Format { name: "csv", file: "series.csv", fits: always, draw: |view, _| Ok(sheets::series(view)) },
    Format { name: "csv", file: "latency.csv", fits: always, draw: |view, _| Ok(sheets::latency(view)) },
    Format { name: "csv", file: "load.csv", fits: always, draw: |view, _| Ok(sheets::load(view)) },
    Format { name: "hgrm", file: "latency.hgrm", fits: always, draw: |view, _| Ok(hgrm::hgrm(view)) },
    Format { name: "bencher", file: "bencher.json", fits: always, draw: |view, _| Ok(trackers::bencher(view)) },
    Format { name: "gh-benchmark", file: "gh-benchmark.json", fits: always, draw: |view, _| Ok(trackers::gh_benchmark(view)) },
    Format { name: "text", file: "summary.txt", fits: always, draw: |view, _| Ok(text::text(view, &text::Look::default()).into_bytes()) },
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
