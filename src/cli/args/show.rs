//! How progress and results are shown: what can be typed.

use clap::Args;
use clap::ValueEnum;

use crate::report::Drawing;

/// How plots are drawn.
#[derive(Debug, Args)]
pub(crate) struct PlotArgs {
    /// Pixels of PNG plots for each one of their usual size, in each direction: 1 to 4.
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=4))]
    png_scale: u32,
    /// What the plots of png and svg lie on.
    #[arg(long, value_enum, default_value_t = Theme::Light)]
    theme: Theme,
}

impl PlotArgs {
    /// As the formats take it.
    pub(crate) fn drawing(&self) -> Drawing {
        Drawing { png_scale: self.png_scale, theme: self.theme.into() }
    }
}

/// What plots lie on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Theme {
    /// White.
    Light,
    /// Nearly black.
    Dark,
}

impl From<Theme> for crate::report::Theme {
    fn from(theme: Theme) -> Self {
        match theme {
            Theme::Light => crate::report::Theme::Light,
            Theme::Dark => crate::report::Theme::Dark,
        }
    }
}

/// How results go to standard output.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// A summary for people.
    Text,
    /// `summary.json`.
    Json,
}

/// How results of a run go to standard output.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum RunFormat {
    /// A summary for people.
    Text,
    /// `summary.json`.
    Json,
    /// A JSON object a line: each second as it closes (`volley.second/1`), `summary.json` last.
    Ndjson,
}

impl From<Format> for RunFormat {
    fn from(format: Format) -> Self {
        match format {
            Format::Text => RunFormat::Text,
            Format::Json => RunFormat::Json,
        }
    }
}

/// How progress goes to standard error.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Progress {
    /// `tui` where standard output and error are a terminal of 80 x 24 or more, `bar` on any other, else `line`.
    Auto,
    /// The live view: series, heat strip, faults, keys.
    Tui,
    /// A moving line, on a terminal.
    Bar,
    /// A line every ten seconds.
    Line,
    /// A JSON line every second, as of --format ndjson.
    Json,
    /// Nothing.
    None,
}
