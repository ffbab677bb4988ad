//! How progress and results are shown: what can be typed.

use clap::ValueEnum;

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
