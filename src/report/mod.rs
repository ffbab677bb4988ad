//! Reports: a run becomes a [`view::View`], each format is a function from a view to bytes.

pub mod view;
