//! Steps: one chart of times over a load or over runs, with its table. What a search and a trend leave as page and plot.

use super::Drawing;
use super::plots;
use super::png;
use super::scene::Ink;

/// Steps of a search, or runs of a trend.
#[derive(Clone, Debug, PartialEq)]
pub struct Steps {
    /// What it is: `Search: echo over clients`.
    pub title: String,
    /// What was found, in a sentence.
    pub finding: String,
    /// The finding in a word, where it is one that can be good or bad.
    pub word: Option<&'static str>,
    /// Whether that is good, bad, or neither.
    pub good: Option<bool>,
    /// What the horizontal axis counts.
    pub axis: String,
    /// Lines: name, and places from left to right with a time in nanoseconds.
    pub lines: Vec<(String, Vec<(f64, u64)>)>,
    /// Places with a word at a line down.
    pub notes: Vec<(f64, String)>,
    /// Headings of the table; those of numbers begin with `#`.
    pub heads: Vec<String>,
    /// Rows of the table.
    pub rows: Vec<Vec<String>>,
}

impl Steps {
    /// The ink of the finding.
    pub(super) fn ink(&self) -> Ink {
        match self.good {
            Some(true) => Ink::Good,
            Some(false) => Ink::Bad,
            None => Ink::Muted,
        }
    }
}

/// The steps as a PNG file, 1280 x 720.
///
/// # Errors
/// When it cannot be drawn, in words.
pub fn png(steps: &Steps) -> Result<Vec<u8>, String> {
    png::png(&plots::steps(steps), Drawing::default())
}
