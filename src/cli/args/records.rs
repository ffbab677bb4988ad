//! Commands that work on records: what was typed.

use std::path::PathBuf;

use clap::Args;
use clap::ValueEnum;

use super::Color;
use super::Format;
use super::PlotArgs;

/// `volley report`.
#[derive(Debug, Args)]
pub(crate) struct ReportArgs {
    /// Directory of a record.
    pub(crate) run: PathBuf,
    /// Reports to draw: html, png, svg, junit, markdown, openmetrics, csv, hgrm, bencher, gh-benchmark, text, none.
    #[arg(long, value_name = "LIST", default_value = "html,png", value_delimiter = ',')]
    pub(crate) report: Vec<String>,
    #[command(flatten)]
    pub(crate) plots: PlotArgs,
    /// How results go to standard output.
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub(crate) format: Format,
    /// Sentences instead of tables, for screen readers.
    #[arg(long)]
    pub(crate) plain: bool,
    /// Only the verdict.
    #[arg(short, long)]
    pub(crate) quiet: bool,
    /// When to use colour.
    #[arg(long, value_enum, default_value_t = Color::Auto)]
    pub(crate) color: Color,
}

/// `volley import`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  volley import report.html
  volley import report.html --out runs/yesterday && volley report runs/yesterday --report csv

Counters, totals and events come back whole; times of single seconds as the page says at its end.")]
pub(crate) struct ImportArgs {
    /// A report.html.
    pub(crate) page: PathBuf,
    /// Folder for the record [default: reports/<UTC stamp>-<profile>-<id>].
    #[arg(long, value_name = "DIR")]
    pub(crate) out: Option<PathBuf>,
}

/// `volley compare`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  volley compare reports/a1 reports/a2 reports/a3 --with reports/b1 reports/b2 reports/b3
  volley compare --baseline reports/main --with reports/<run>
  volley compare A1 A2 A3 --with B1 B2 B3 --limit 'base: echo p(50) <= +5%' --on-inconclusive fail

Exit codes:
  0 pass, clear or inconclusive (with a warning)   2 usage, or runs that cannot be compared
  11 regression   12 inconclusive with --on-inconclusive fail")]
pub(crate) struct CompareArgs {
    /// Directories of the base's records.
    #[arg(value_name = "BASE", required_unless_present = "baseline")]
    pub(crate) base: Vec<PathBuf>,
    /// Directories of the new records.
    #[arg(long, value_name = "NEW", required = true, num_args = 1..)]
    pub(crate) with: Vec<PathBuf>,
    /// All records in this folder that can be compared are the base.
    #[arg(long, value_name = "DIR")]
    pub(crate) baseline: Option<PathBuf>,
    /// What may not become slower, and by how much [default: p(50) by 5 %, p(99) by 10 % of what the load measures].
    #[arg(long, value_name = "EXPR")]
    pub(crate) limit: Vec<String>,
    /// What to do when neither a regression nor a pass can be shown.
    #[arg(long, value_enum, default_value_t = OnInconclusive::Warn)]
    pub(crate) on_inconclusive: OnInconclusive,
    /// Call it a regression only when the whole interval lies beyond the margin.
    #[arg(long)]
    pub(crate) strict_evidence: bool,
    /// Files to write: html, png, junit, markdown.
    #[arg(long, value_name = "LIST", value_delimiter = ',', requires = "out")]
    pub(crate) report: Vec<CompareReport>,
    /// Folder for the files of --report.
    #[arg(long, value_name = "DIR")]
    pub(crate) out: Option<PathBuf>,
    /// Tell how the spread of these runs stands to that of `volley calibrate`, from its file.
    #[arg(long, value_name = "FILE")]
    pub(crate) calibration: Option<PathBuf>,
    /// Compare runs of different experiments all the same.
    #[arg(long)]
    pub(crate) force: bool,
    /// How results go to standard output.
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub(crate) format: Format,
}

/// A file about a comparison.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum CompareReport {
    /// `junit.xml`.
    Junit,
    /// `compare.md`.
    Markdown,
    /// `compare.html`.
    Html,
    /// `compare.png`.
    Png,
}

/// What an inconclusive comparison is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum OnInconclusive {
    /// Fine, with a warning.
    Warn,
    /// An error, exit code 12.
    Fail,
}

/// `volley trend`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  volley trend reports
  volley trend reports --profile echo --metric 'echo p(99)' --format json
  volley trend reports --out site      trend.html and trend.png in the folder site

Each run stands against the median of up to ten runs of the same experiment before it. This shows, and
accuses nobody; `volley compare` does.")]
pub(crate) struct TrendArgs {
    /// Folder with records.
    pub(crate) dir: PathBuf,
    /// Profile whose runs are shown [default: that of the latest run].
    #[arg(long, value_name = "NAME")]
    pub(crate) profile: Option<String>,
    /// A metric, as 'echo p(99)'; repeat for more [default: p(50) and p(99) of what the load measures].
    #[arg(long, value_name = "METRIC")]
    pub(crate) metric: Vec<String>,
    /// Folder for trend.html and trend.png.
    #[arg(long, value_name = "DIR")]
    pub(crate) out: Option<PathBuf>,
    /// How results go to standard output.
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub(crate) format: Format,
}
