//! How long does each plot of a run take to draw? The largest fabricated view: six series of a thousand columns and sixty full rows,
//! with a storm.
//!
//! | row | question | target |
//! |---|---|---|
//! | NAME.png | one plot in memory at scale 1, the median of repeated drawings | at most 150 ms |
//! | NAME.svg | the same as an SVG file | at most 150 ms |
//!
//! `cargo bench --bench plots`, some seconds. On a busy machine a row may well be over its target, and should be run again on a quiet
//! one.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a benchmark prints its table")]

#[path = "../tests/fabricate/mod.rs"]
mod fabricate;

use std::hint::black_box;
use std::time::Instant;

use volley::report::Drawing;
use volley::report::Format;
use volley::report::formats;
use volley::report::view::View;

/// Drawings of each plot of which the median is taken.
const TIMES: usize = 15;

fn main() {
    if !std::env::args().any(|arg| arg == "--bench") {
        eprintln!("nothing is measured without `cargo bench`");
        return;
    }
    let storm = fabricate::storm();
    let mut view = fabricate::largest();
    (view.storm, view.summary.storm) = (storm.storm, storm.summary.storm);
    println!("{:<20} {:>10} {:>10} {:>10}", "row", "figure", "target", "size");
    for plot in formats("png").chain(formats("svg")) {
        let (ms, bytes) = draw(plot, &view);
        println!("{:<20} {:>10} {:>10} {:>10}", plot.file, format!("{ms:.1} ms"), "<= 150 ms", format!("{} KiB", bytes / 1_024));
    }
}

/// Median time in milliseconds, and the size of the file.
fn draw(plot: &Format, view: &View) -> (f64, usize) {
    let mut bytes = 0;
    let mut times: Vec<f64> = (0..TIMES)
        .map(|_| {
            let begun = Instant::now();
            bytes = black_box((plot.draw)(black_box(view), Drawing::default())).map_or(0, |file| file.len());
            begun.elapsed().as_secs_f64() * 1e3
        })
        .collect();
    times.sort_by(f64::total_cmp);
    (times[TIMES / 2], bytes)
}
