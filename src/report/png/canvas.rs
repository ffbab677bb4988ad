//! A drawing as PNG: plotters draws it at two or three times the size, then four or nine pixels become one.
//!
//! The mean of the pixels is taken over light, not over encoded values, so that thin dark lines on
//! white keep their weight.

use std::error::Error;

use image::ImageEncoder;
use plotters::backend::BitMapBackend;
use plotters::coord::Shift;
use plotters::drawing::DrawingArea;
use plotters::drawing::IntoDrawingArea;
use plotters::element::Circle;
use plotters::element::PathElement;
use plotters::element::Polygon;
use plotters::element::Rectangle;
use plotters::style::Color;
use plotters::style::RGBColor;
use plotters::style::ShapeStyle;

use super::letters::Line;
use crate::report::Drawing;
use crate::report::scene::Anchor;
use crate::report::scene::Dash;
use crate::report::scene::Ink;
use crate::report::scene::Rect;
use crate::report::scene::Scene;
use crate::report::scene::Shades;
use crate::report::scene::Shape;
use crate::report::scene::Theme;

/// Largest scale of a plot; at this one it takes some 300 MiB for a moment.
const MOST_SCALE: u32 = 4;

pub(super) type Area<'a> = DrawingArea<BitMapBackend<'a>, Shift>;
pub(super) type Done = Result<(), Box<dyn Error>>;

/// A sheet under plotters.
struct Canvas<'a> {
    area: Area<'a>,
    theme: Theme,
    /// Drawn pixels for each unit of the drawing.
    scale: f64,
}

/// The drawing as the bytes of a PNG file.
pub(super) fn png(scene: &Scene, drawing: Drawing) -> Result<Vec<u8>, String> {
    let scale = drawing.png_scale.clamp(1, MOST_SCALE);
    // Pixels drawn for each pixel kept, in each direction.
    let fine = if scale == 1 { 3 } else { 2 };
    let (width, height) = (scene.width as u32 * scale, scene.height as u32 * scale);
    let ground = Ink::Panel.rgb(drawing.theme);
    let mut pixels = ground.repeat((width * fine * height * fine) as usize);
    draw(scene, &mut pixels, (width * fine, height * fine), drawing.theme, f64::from(scale * fine))
        .map_err(|e| format!("the plot could not be drawn: {e}"))?;
    let small = shrink(&pixels, (width as usize, height as usize), fine as usize);
    let mut file = Vec::new();
    image::codecs::png::PngEncoder::new(&mut file)
        .write_image(&small, width, height, image::ColorType::Rgb8)
        .map_err(|e| format!("the plot could not be encoded: {e}"))?;
    Ok(file)
}

impl Canvas<'_> {
    fn shape(&self, shape: &Shape) -> Done {
        match shape {
            Shape::Fill(rect, ink, opacity) => self.fill(rect, self.style(*ink, *opacity)),
            Shape::Line { points, ink, width, dash } => self.line(points, *ink, *width, *dash),
            Shape::Area(points, ink, opacity) => self.polygon(points, self.style(*ink, *opacity)),
            Shape::Text { .. } => self.text(shape),
            Shape::Mark(mark, x, y, r, ink) => {
                let corners = mark.corners(*x, *y, *r);
                if corners.is_empty() {
                    self.disc((*x, *y), *r, self.style(*ink, 1.0))
                } else {
                    self.polygon(&corners, self.style(*ink, 1.0))
                }
            }
            Shape::Cells(rect, columns, shades) => self.cells(rect, columns, *shades),
            Shape::Open(_) | Shape::Close => Ok(()),
        }
    }

    fn fill(&self, rect: &Rect, style: ShapeStyle) -> Done {
        let (x0, y0) = self.at((rect.x, rect.y));
        let (x1, y1) = self.at((rect.right(), rect.bottom()));
        self.area.draw(&Rectangle::new([(x0, y0), (x1.max(x0 + 1), y1.max(y0 + 1))], style))?;
        Ok(())
    }

    fn polygon(&self, points: &[(f64, f64)], style: ShapeStyle) -> Done {
        self.area.draw(&Polygon::new(points.iter().copied().map(|place| self.at(place)).collect::<Vec<_>>(), style))?;
        Ok(())
    }

    fn disc(&self, centre: (f64, f64), r: f64, style: ShapeStyle) -> Done {
        self.area.draw(&Circle::new(self.at(centre), (r * self.scale).round() as i32, style))?;
        Ok(())
    }

    fn line(&self, points: &[(f64, f64)], ink: Ink, width: f64, dash: Dash) -> Done {
        let stroke = self.style(ink, 1.0).stroke_width((width * self.scale).round().max(1.0) as u32);
        let parts = match dash.pattern() {
            None => vec![points.to_vec()],
            Some([on, off]) => broken(points, on * width, off * width),
        };
        for part in parts {
            self.area.draw(&PathElement::new(part.into_iter().map(|place| self.at(place)).collect::<Vec<_>>(), stroke))?;
        }
        Ok(())
    }

    fn text(&self, shape: &Shape) -> Done {
        let Shape::Text { x, y, text, ink, size, anchor, halo, bold } = shape else { return Ok(()) };
        let scale = self.scale;
        let line = Line::new(text, size * scale)?;
        let start = match anchor {
            Anchor::Start => x * scale,
            Anchor::Middle => x * scale - line.width / 2.0,
            Anchor::End => x * scale - line.width,
        };
        if *halo {
            let far = size * scale * 0.14;
            for turn in 0..12 {
                let angle = f64::from(turn) * std::f64::consts::TAU / 12.0;
                line.draw(&self.area, (start + far * angle.cos(), y * scale + far * angle.sin()), self.colour(Ink::Panel))?;
            }
        }
        line.draw(&self.area, (start, y * scale), self.colour(*ink))?;
        if *bold {
            line.draw(&self.area, (start + size * scale * 0.035, y * scale), self.colour(*ink))?;
        }
        Ok(())
    }

    fn cells(&self, rect: &Rect, columns: &[Vec<u8>], shades: Shades) -> Done {
        let rows = columns.first().map_or(0, Vec::len);
        let (w, h) = (rect.w / columns.len().max(1) as f64, rect.h / rows.max(1) as f64);
        for (i, column) in columns.iter().enumerate() {
            for (j, level) in column.iter().enumerate().filter(|(_, level)| **level > 0) {
                let cell = Rect { x: rect.x + w * i as f64, y: rect.bottom() - h * (j + 1) as f64, w, h };
                self.fill(&cell, self.style(shades.ink(*level), 1.0))?;
            }
        }
        Ok(())
    }

    /// A place on the sheet in drawn pixels.
    fn at(&self, (x, y): (f64, f64)) -> (i32, i32) {
        ((x * self.scale).round() as i32, (y * self.scale).round() as i32)
    }

    fn colour(&self, ink: Ink) -> RGBColor {
        let [r, g, b] = ink.rgb(self.theme);
        RGBColor(r, g, b)
    }

    fn style(&self, ink: Ink, opacity: f64) -> ShapeStyle {
        ShapeStyle { color: self.colour(ink).mix(opacity), filled: true, stroke_width: 1 }
    }
}

fn draw(scene: &Scene, pixels: &mut [u8], size: (u32, u32), theme: Theme, scale: f64) -> Done {
    let area = BitMapBackend::with_buffer(pixels, size).into_drawing_area();
    let canvas = Canvas { area, theme, scale };
    for shape in &scene.shapes {
        canvas.shape(shape)?;
    }
    canvas.area.present()?;
    Ok(())
}

/// A line cut into strokes of `on` with gaps of `off`.
fn broken(points: &[(f64, f64)], on: f64, off: f64) -> Vec<Vec<(f64, f64)>> {
    let mut strokes = vec![points.first().copied().into_iter().collect::<Vec<_>>()];
    let (mut left, mut drawing) = (on, true);
    for pair in points.windows(2) {
        let ((x0, y0), (x1, y1)) = (pair[0], pair[1]);
        let length = (x1 - x0).hypot(y1 - y0);
        let mut done = 0.0;
        while length - done > left {
            done += left;
            let here = (x0 + (x1 - x0) * done / length, y0 + (y1 - y0) * done / length);
            if drawing {
                strokes.last_mut().into_iter().for_each(|s| s.push(here));
            } else {
                strokes.push(vec![here]);
            }
            drawing = !drawing;
            left = if drawing { on } else { off };
        }
        left -= length - done;
        if drawing {
            strokes.last_mut().into_iter().for_each(|s| s.push((x1, y1)));
        }
    }
    strokes.retain(|s| s.len() > 1);
    strokes
}

/// Every `n` x `n` pixels as one, by the mean of their light, which is about the square of the encoded value.
fn shrink(pixels: &[u8], (width, height): (usize, usize), n: usize) -> Vec<u8> {
    let row = width * n * 3;
    let mut out = Vec::with_capacity(width * height * 3);
    let mut light = vec![0u32; row];
    for rows in pixels.chunks_exact(row * n).take(height) {
        light.fill(0);
        for one in rows.chunks_exact(row) {
            light.iter_mut().zip(one).for_each(|(sum, value)| *sum += u32::from(*value) * u32::from(*value));
        }
        for pixel in light.chunks_exact(n * 3) {
            for channel in 0..3 {
                let sum: u32 = pixel[channel..].iter().step_by(3).sum();
                out.push((sum as f32 / (n * n) as f32).sqrt().round() as u8);
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn broken_lines_have_gaps() {
        let strokes = broken(&[(0.0, 0.0), (10.0, 0.0)], 3.0, 2.0);
        assert_eq!(strokes, [vec![(0.0, 0.0), (3.0, 0.0)], vec![(5.0, 0.0), (8.0, 0.0)]]);
    }

    #[test]
    fn shrinking_keeps_plain_areas() {
        for n in [2, 3] {
            assert_eq!(shrink(&vec![255u8; 2 * n * 2 * n * 3], (2, 2), n), vec![255u8; 12]);
        }
    }
}
