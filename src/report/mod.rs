//! Reports: a run becomes a [`view::View`], each format is a function from a view to bytes.

mod chart;
mod escape;
pub mod html;
pub mod png;
mod scale;
mod scene;
mod svg;
pub mod view;
mod words;
