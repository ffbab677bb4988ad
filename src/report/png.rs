//! Plots as PNG files, drawn by plotters into memory.
//!
//! Everything is drawn larger and shrunk, so that lines and letters are smooth. The font is embedded: no font of the system is
//! asked for.

mod canvas;
mod letters;

use super::Drawing;
use super::plots::Plot;

/// The plot as a PNG file.
///
/// # Errors
/// When plotters or the encoder refuses, in words; drawing into memory gives them no cause to.
pub(super) fn png(plot: &Plot, drawing: Drawing) -> Result<Vec<u8>, String> {
    canvas::png(&plot.scene, drawing)
}
