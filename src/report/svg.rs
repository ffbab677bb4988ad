//! A drawing as SVG inside a page.
//!
//! Colours stand as presentation attributes (`color`, used through `currentColor`) beside a class:
//! a viewer that blocks styles still shows the light drawing, and a theme overrides the class. No
//! `style` attribute anywhere.

use std::fmt::Write;

use super::escape::html;
use super::scene::Anchor;
use super::scene::Dash;
use super::scene::Ink;
use super::scene::LEVELS;
use super::scene::Mark;
use super::scene::Rect;
use super::scene::Scene;
use super::scene::Shape;

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
    for shape in &scene.shapes {
        draw(&mut out, shape);
    }
    out.push_str("</svg>\n");
    out
}

/// A number with at most one decimal, without a trailing zero.
pub(crate) fn number(v: f64) -> String {
    let text = format!("{v:.1}");
    let text = text.strip_suffix(".0").unwrap_or(&text);
    if text == "-0" { "0".into() } else { text.into() }
}

/// `class` and `color` of an ink.
pub(crate) fn paint(ink: Ink) -> String {
    let [r, g, b] = ink.rgb();
    format!("class=\"{}\" color=\"#{r:02x}{g:02x}{b:02x}\"", ink.class())
}

fn draw(out: &mut String, shape: &Shape) {
    match shape {
        Shape::Fill(rect, ink, opacity) => fill(out, rect, *ink, *opacity),
        Shape::Line { points, ink, width, dash } => line(out, points, *ink, *width, *dash),
        Shape::Area(points, ink, opacity) => put(
            out,
            format_args!(
                "<path {} fill=\"currentColor\" fill-opacity=\"{}\" d=\"{}z\"/>\n",
                paint(*ink),
                hundredths(*opacity),
                path(points)
            ),
        ),
        Shape::Text { .. } => text(out, shape),
        Shape::Mark(mark, x, y, r, ink) => self::mark(out, *mark, (*x, *y, *r), *ink),
        Shape::Cells(rect, columns) => cells(out, rect, columns),
        Shape::Open(group) => put(out, format_args!("<g data-group=\"{}\">\n", html(group))),
        Shape::Close => out.push_str("</g>\n"),
    }
}

fn put(out: &mut String, args: std::fmt::Arguments<'_>) {
    out.write_fmt(args).expect("writing to a String cannot fail");
}

fn hundredths(v: f64) -> String {
    format!("{v:.2}")
}

fn fill(out: &mut String, rect: &Rect, ink: Ink, opacity: f64) {
    let (x, y, w, h) = (number(rect.x), number(rect.y), number(rect.w), number(rect.h));
    let fade = if opacity < 1.0 { format!(" fill-opacity=\"{}\"", hundredths(opacity)) } else { String::new() };
    put(out, format_args!("<rect {} fill=\"currentColor\"{fade} x=\"{x}\" y=\"{y}\" width=\"{w}\" height=\"{h}\"/>\n", paint(ink)));
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

fn line(out: &mut String, points: &[(f64, f64)], ink: Ink, width: f64, dash: Dash) {
    let dashes =
        dash.pattern().map(|p| format!(" stroke-dasharray=\"{} {}\"", number(p[0] * width), number(p[1] * width))).unwrap_or_default();
    put(
        out,
        format_args!(
            "<path {} fill=\"none\" stroke=\"currentColor\" stroke-width=\"{}\" stroke-linejoin=\"round\"{dashes} d=\"{}\"/>\n",
            paint(ink),
            hundredths(width),
            path(points)
        ),
    );
}

fn text(out: &mut String, shape: &Shape) {
    let Shape::Text { x, y, text, ink, size, anchor, halo, bold } = shape else { return };
    let (x, y, size) = (number(*x), number(*y), number(*size));
    let anchor = match anchor {
        Anchor::Start => "",
        Anchor::Middle => " text-anchor=\"middle\"",
        Anchor::End => " text-anchor=\"end\"",
    };
    let weight = if *bold { " font-weight=\"600\"" } else { "" };
    if *halo {
        let edge = paint(Ink::Panel);
        put(
            out,
            format_args!(
                "<text {edge} aria-hidden=\"true\" x=\"{x}\" y=\"{y}\" font-size=\"{size}\"{anchor}{weight} fill=\"currentColor\" \
                 stroke=\"currentColor\" stroke-width=\"4\" stroke-linejoin=\"round\">{}</text>\n",
                html(text)
            ),
        );
    }
    put(
        out,
        format_args!(
            "<text {} x=\"{x}\" y=\"{y}\" font-size=\"{size}\"{anchor}{weight} fill=\"currentColor\">{}</text>\n",
            paint(*ink),
            html(text)
        ),
    );
}

fn mark(out: &mut String, mark: Mark, (x, y, r): (f64, f64, f64), ink: Ink) {
    let corners = mark.corners(x, y, r);
    if corners.is_empty() {
        put(
            out,
            format_args!("<circle {} fill=\"currentColor\" cx=\"{}\" cy=\"{}\" r=\"{}\"/>\n", paint(ink), number(x), number(y), number(r)),
        );
    } else {
        put(out, format_args!("<path {} fill=\"currentColor\" d=\"{}z\"/>\n", paint(ink), path(&corners)));
    }
}

/// Cells as one path a level: equal neighbours along time are one stroke as high as a row.
fn cells(out: &mut String, rect: &Rect, columns: &[Vec<u8>]) {
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
        put(out, format_args!("<path {} stroke=\"currentColor\" d=\"{d}\"/>\n", paint(Ink::Heat(level as u8))));
    }
    out.push_str("</g>\n");
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
