//! A drawing as SVG: an element of a page, or a plot in a file of its own.
//!
//! In a page colours stand as presentation attributes (`color`, used through `currentColor`) beside a class: a viewer that blocks
//! styles still shows the light drawing, and a theme overrides the class. A file has the colours of one theme and nothing that has to
//! be looked up elsewhere. No `style` attribute and no script anywhere.

use std::fmt::Write;

use super::Drawing;
use super::escape::html;
use super::plots::Plot;
use super::scene::Anchor;
use super::scene::Dash;
use super::scene::Ink;
use super::scene::LEVELS;
use super::scene::Mark;
use super::scene::Rect;
use super::scene::Scene;
use super::scene::Shades;
use super::scene::Shape;
use super::scene::Theme;

/// Families in which the words of a file fit their places, the one that they are measured by first.
const FAMILIES: &str = "DejaVu Sans, Verdana, Segoe UI, Helvetica, Arial, sans-serif";

/// What stands around a drawing: how it is named and found.
pub(crate) struct Name<'a> {
    /// Unique in the page.
    pub(crate) id: &'a str,
    /// Classes of the element.
    pub(crate) class: &'a str,
    /// What it is.
    pub(crate) title: &'a str,
    /// What it shows, in words.
    pub(crate) desc: &'a str,
    /// Attributes for the script, ready to be written.
    pub(crate) data: &'a str,
    /// Whether a page without styles leaves it out.
    pub(crate) hidden: bool,
}

/// The drawing as an `<svg>` element.
pub(crate) fn element(scene: &Scene, name: &Name<'_>) -> String {
    let Name { id, class, title, desc, data, hidden } = *name;
    let (w, h) = (number(scene.width), number(scene.height));
    let display = if hidden { r#" display="none""# } else { "" };
    let mut out = format!(
        "<svg id=\"{id}\" class=\"{class}\" viewBox=\"0 0 {w} {h}\" width=\"100%\"{display} role=\"img\" \
         aria-labelledby=\"{id}-t {id}-d\" font-family=\"system-ui, sans-serif\"{data}>\
         <title id=\"{id}-t\">{}</title><desc id=\"{id}-d\">{}</desc>\n",
        html(title),
        html(desc)
    );
    Pen::Page.shapes(&mut out, scene);
    out.push_str("</svg>\n");
    out
}

/// A plot as a file that stands alone, on the theme's ground.
pub(super) fn svg(plot: &Plot, drawing: Drawing) -> Vec<u8> {
    let (w, h) = (number(plot.scene.width), number(plot.scene.height));
    let pen = Pen::File(drawing.theme);
    let ground = pen.fill(Ink::Panel);
    let mut out = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\
         <svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {w} {h}\" width=\"{w}\" height=\"{h}\" role=\"img\" \
         aria-labelledby=\"title desc\" font-family=\"{FAMILIES}\">\n\
         <title id=\"title\">{}</title>\n<desc id=\"desc\">{}</desc>\n<rect {ground} width=\"{w}\" height=\"{h}\"/>\n",
        html(&plot.title),
        html(&plot.desc)
    );
    pen.shapes(&mut out, &plot.scene);
    out.push_str("</svg>\n");
    out.into_bytes()
}

/// A number with at most one decimal, without a trailing zero.
pub(crate) fn number(v: f64) -> String {
    let text = format!("{v:.1}");
    let text = text.strip_suffix(".0").unwrap_or(&text);
    if text == "-0" { "0".into() } else { text.into() }
}

/// `class` and `color` of an ink.
pub(crate) fn paint(ink: Ink) -> String {
    format!("class=\"{}\" color=\"{}\"", ink.class(), colour(ink, Theme::Light))
}

/// `#rrggbb`.
fn colour(ink: Ink, theme: Theme) -> String {
    let [r, g, b] = ink.rgb(theme);
    format!("#{r:02x}{g:02x}{b:02x}")
}

/// How inks become attributes.
#[derive(Clone, Copy)]
enum Pen {
    /// By class, for a page.
    Page,
    /// As the colours of a theme, for a file.
    File(Theme),
}

impl Pen {
    fn fill(self, ink: Ink) -> String {
        match self {
            Pen::Page => format!("{} fill=\"currentColor\"", paint(ink)),
            Pen::File(theme) => format!("fill=\"{}\"", colour(ink, theme)),
        }
    }

    fn stroke(self, ink: Ink) -> String {
        match self {
            Pen::Page => format!("{} stroke=\"currentColor\"", paint(ink)),
            Pen::File(theme) => format!("stroke=\"{}\"", colour(ink, theme)),
        }
    }

    fn both(self, ink: Ink) -> String {
        match self {
            Pen::Page => format!("{} fill=\"currentColor\" stroke=\"currentColor\"", paint(ink)),
            Pen::File(theme) => format!("fill=\"{0}\" stroke=\"{0}\"", colour(ink, theme)),
        }
    }

    fn shapes(self, out: &mut String, scene: &Scene) {
        scene.shapes.iter().for_each(|shape| self.draw(out, shape));
    }

    fn draw(self, out: &mut String, shape: &Shape) {
        match shape {
            Shape::Fill(rect, ink, opacity) => fill(out, rect, &self.fill(*ink), *opacity),
            Shape::Line { points, ink, width, dash } => line(out, points, &self.stroke(*ink), *width, *dash),
            Shape::Area(points, ink, opacity) => {
                put(out, format_args!("<path {} fill-opacity=\"{}\" d=\"{}z\"/>\n", self.fill(*ink), hundredths(*opacity), path(points)))
            }
            Shape::Text { .. } => self.text(out, shape),
            Shape::Mark(mark, x, y, r, ink) => self::mark(out, *mark, (*x, *y, *r), &self.fill(*ink)),
            Shape::Cells(rect, columns, shades) => self.cells(out, rect, columns, *shades),
            Shape::Open(group) => put(out, format_args!("<g data-group=\"{}\">\n", html(group))),
            Shape::Close => out.push_str("</g>\n"),
        }
    }

    fn text(self, out: &mut String, shape: &Shape) {
        let Shape::Text { x, y, text, ink, size, anchor, halo, bold } = shape else { return };
        let anchor = match anchor {
            Anchor::Start => "",
            Anchor::Middle => " text-anchor=\"middle\"",
            Anchor::End => " text-anchor=\"end\"",
        };
        let weight = if *bold { " font-weight=\"600\"" } else { "" };
        let place = format!("x=\"{}\" y=\"{}\" font-size=\"{}\"{anchor}{weight}", number(*x), number(*y), number(*size));
        if *halo {
            let edge = self.both(Ink::Panel);
            let words = html(text);
            put(
                out,
                format_args!("<text {edge} aria-hidden=\"true\" {place} stroke-width=\"4\" stroke-linejoin=\"round\">{words}</text>\n"),
            );
        }
        put(out, format_args!("<text {} {place}>{}</text>\n", self.fill(*ink), html(text)));
    }

    /// Cells as one path a level: equal neighbours along time are one stroke as high as a row.
    fn cells(self, out: &mut String, rect: &Rect, columns: &[Vec<u8>], shades: Shades) {
        let rows = columns.first().map_or(0, Vec::len);
        if rows == 0 {
            return;
        }
        let (sx, sy) = (rect.w / columns.len() as f64, rect.h / rows as f64);
        put(
            out,
            format_args!(
                "<g shape-rendering=\"crispEdges\" fill=\"none\" stroke-width=\"1.03\" transform=\"translate({} {}) scale({sx:.5} {:.5})\">\n",
                number(rect.x),
                number(rect.bottom()),
                -sy
            ),
        );
        for (level, d) in strokes(columns, rows).iter().enumerate().filter(|(_, d)| !d.is_empty()) {
            put(out, format_args!("<path {} d=\"{d}\"/>\n", self.stroke(shades.ink(level as u8))));
        }
        out.push_str("</g>\n");
    }
}

fn put(out: &mut String, args: std::fmt::Arguments<'_>) {
    out.write_fmt(args).expect("writing to a String cannot fail");
}

fn hundredths(v: f64) -> String {
    format!("{v:.2}")
}

fn fill(out: &mut String, rect: &Rect, paint: &str, opacity: f64) {
    let (x, y, w, h) = (number(rect.x), number(rect.y), number(rect.w), number(rect.h));
    let fade = if opacity < 1.0 { format!(" fill-opacity=\"{}\"", hundredths(opacity)) } else { String::new() };
    put(out, format_args!("<rect {paint}{fade} x=\"{x}\" y=\"{y}\" width=\"{w}\" height=\"{h}\"/>\n"));
}

/// A path through points in tenths, each relative to the one before.
fn path(points: &[(f64, f64)]) -> String {
    let mut d = String::with_capacity(points.len() * 8);
    let mut pen = (0i64, 0i64);
    for (i, (x, y)) in points.iter().enumerate() {
        let here = ((x * 10.0).round() as i64, (y * 10.0).round() as i64);
        d.push_str(match i {
            0 => "M",
            1 => "l",
            _ => "",
        });
        tenths(&mut d, here.0 - pen.0, i > 1);
        tenths(&mut d, here.1 - pen.1, true);
        pen = here;
    }
    d
}

/// Writes a number of tenths, with a space before it where the number before would run into it.
fn tenths(d: &mut String, v: i64, apart: bool) {
    if apart && v >= 0 {
        d.push(' ');
    }
    if v < 0 {
        d.push('-');
    }
    let (whole, part) = (v.unsigned_abs() / 10, v.unsigned_abs() % 10);
    put(d, format_args!("{whole}"));
    if part > 0 {
        put(d, format_args!(".{part}"));
    }
}

fn line(out: &mut String, points: &[(f64, f64)], paint: &str, width: f64, dash: Dash) {
    let dashes =
        dash.pattern().map(|p| format!(" stroke-dasharray=\"{} {}\"", number(p[0] * width), number(p[1] * width))).unwrap_or_default();
    put(
        out,
        format_args!(
            "<path {paint} fill=\"none\" stroke-width=\"{}\" stroke-linejoin=\"round\"{dashes} d=\"{}\"/>\n",
            hundredths(width),
            path(points)
        ),
    );
}

fn mark(out: &mut String, mark: Mark, (x, y, r): (f64, f64, f64), paint: &str) {
    let corners = mark.corners(x, y, r);
    if corners.is_empty() {
        put(out, format_args!("<circle {paint} cx=\"{}\" cy=\"{}\" r=\"{}\"/>\n", number(x), number(y), number(r)));
    } else {
        put(out, format_args!("<path {paint} d=\"{}z\"/>\n", path(&corners)));
    }
}

/// A path for each level, by level.
fn strokes(columns: &[Vec<u8>], rows: usize) -> Vec<String> {
    let mut paths = vec![String::new(); usize::from(LEVELS) + 1];
    let mut pens = vec![(0usize, 0usize); paths.len()];
    for row in 0..rows {
        let mut x = 0;
        while x < columns.len() {
            let level = columns[x][row];
            let length = columns[x..].iter().take_while(|c| c[row] == level).count();
            if level > 0 {
                let (path, pen) = (&mut paths[usize::from(level)], &mut pens[usize::from(level)]);
                if path.is_empty() {
                    put(path, format_args!("M{x} {row}.5h{length}"));
                } else {
                    put(path, format_args!("m{} {}h{length}", x as i64 - pen.0 as i64, row - pen.1));
                }
                *pen = (x + length, row);
            }
            x += length;
        }
    }
    paths
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_neighbours_are_one_stroke() {
        let columns = vec![vec![1, 0], vec![1, 2], vec![1, 2], vec![0, 1]];
        let paths = strokes(&columns, 2);
        assert_eq!(paths[1], "M0 0.5h3m0 1h1");
        assert_eq!(paths[2], "M1 1.5h2");
    }

    #[test]
    fn paths_are_relative() {
        assert_eq!(path(&[(1.0, 2.0), (3.25, 1.0), (3.25, 1.5)]), "M1 2l2.3-1 0 0.5");
    }

    #[test]
    fn numbers_are_short() {
        assert_eq!([1.0, 1.25, -0.01, 12.34].map(number), ["1", "1.2", "0", "12.3"]);
    }
}
