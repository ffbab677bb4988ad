//! Reports: a run becomes a [`view::View`], each format is a function from a view to bytes.
//!
//! [`build`] computes the view, with the help of [`limit`] and [`judge`]; [`FORMATS`] lists what can
//! be drawn from it. A format computes nothing and opens nothing.

pub mod build;
pub mod json;
pub mod judge;
pub mod limit;
pub mod quantile;
pub mod text;
pub mod view;
mod words;

/// A way to draw a view. A name may have several files (`png` has three).
#[derive(Clone, Copy, Debug)]
pub struct Format {
    /// Name in `--report`.
    pub name: &'static str,
    /// File in the run's folder.
    pub file: &'static str,
    /// Draws it.
    pub draw: fn(&view::View) -> Vec<u8>,
}

/// All formats. A new one is a file here, a row, and a golden output in the tests.
pub const FORMATS: &[Format] = &[
    Format { name: "json", file: "summary.json", draw: json::json },
    Format { name: "text", file: "summary.txt", draw: |view| text::text(view, &text::Look::default()).into_bytes() },
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
