//! Words on a plot: outlines of the embedded font, placed with their side bearings and kerning.
//!
//! plotters can draw text too, but drops each letter's left side bearing, which shows as uneven
//! words; the pixels still go through plotters.

use std::error::Error;
use std::sync::LazyLock;

use ab_glyph::Font;
use ab_glyph::FontRef;
use ab_glyph::Glyph;
use ab_glyph::InvalidFont;
use ab_glyph::PxScale;
use ab_glyph::ScaleFont;
use ab_glyph::point;
use plotters::style::Color;
use plotters::style::RGBColor;

use super::canvas::Area;
use super::canvas::Done;

static FONT: LazyLock<Result<FontRef<'static>, InvalidFont>> = LazyLock::new(|| FontRef::try_from_slice(dejavu::sans::regular()));

/// One line of words, laid out from the origin along the baseline.
pub(super) struct Line {
    glyphs: Vec<Glyph>,
    /// How far the words reach, in drawn pixels.
    pub(super) width: f64,
}

impl Line {
    /// Lays out `text` with an em of `size` drawn pixels.
    ///
    /// # Errors
    /// When the embedded font cannot be read.
    pub(super) fn new(text: &str, size: f64) -> Result<Self, Box<dyn Error>> {
        let font = FONT.as_ref().map_err(|_| "the embedded font could not be read")?;
        // A scale is the height of a line, an em is what letters are measured by.
        let per_em = font.units_per_em().unwrap_or(1000.0);
        let scaled = font.as_scaled(PxScale::from(size as f32 * font.height_unscaled() / per_em));
        let (mut glyphs, mut x, mut before) = (Vec::new(), 0.0f32, None);
        for c in text.chars() {
            let mut glyph = scaled.scaled_glyph(c);
            x += before.map_or(0.0, |last| scaled.kern(last, glyph.id));
            before = Some(glyph.id);
            glyph.position = point(x, 0.0);
            x += scaled.h_advance(glyph.id);
            glyphs.push(glyph);
        }
        Ok(Line { glyphs, width: f64::from(x) })
    }

    /// Draws the line with its origin at a place in drawn pixels.
    pub(super) fn draw(&self, area: &Area<'_>, (x, y): (f64, f64), colour: RGBColor) -> Done {
        let font = FONT.as_ref().map_err(|_| "the embedded font could not be read")?;
        for glyph in &self.glyphs {
            let mut glyph = glyph.clone();
            glyph.position = point(glyph.position.x + x as f32, glyph.position.y + y as f32);
            let Some(outline) = font.outline_glyph(glyph) else { continue };
            let bounds = outline.px_bounds();
            let mut drawn: Done = Ok(());
            outline.draw(|dx, dy, cover| {
                let place = (bounds.min.x as i32 + dx as i32, bounds.min.y as i32 + dy as i32);
                if cover > 0.0 && drawn.is_ok() {
                    drawn = area.draw_pixel(place, &colour.mix(f64::from(cover.min(1.0)))).map_err(Into::into);
                }
            });
            drawn?;
        }
        Ok(())
    }
}
