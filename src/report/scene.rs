//! A drawing as plain shapes: what charts produce and what SVG and PNG draw.
//!
//! Knows shapes, inks and how wide a text is about; nothing of views or files. An [`Ink`] is a
//! meaning (axis, second series, p99), never a colour: the page maps it to a class, so that themes
//! can change it, and the plots to a fixed colour.

/// What a shape stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ink {
    /// Words.
    Text,
    /// Words of lesser weight.
    Muted,
    /// Lines that guide the eye.
    Grid,
    /// The axis itself.
    Axis,
    /// What everything lies on.
    Panel,
    /// A series, by its place in the summary.
    Series(usize),
    /// A level of the heat map, 1 to [`LEVELS`]; 0 is the empty ground.
    Heat(u8),
    /// p50 over a heat map.
    OverP50,
    /// p99 over a heat map.
    OverP99,
    /// The largest value over a heat map.
    OverMax,
    /// The dark edge that keeps a line apart from the heat map beneath.
    Casing,
    /// Planned load.
    Planned,
    /// Sent load.
    Sent,
    /// Answered load.
    Answered,
    /// Open connections.
    Open,
    /// Errors.
    Bad,
    /// A phase that is not measured.
    Phase,
    /// The run held.
    Good,
}

/// Levels of the heat map above the empty ground.
pub(crate) const LEVELS: u8 = 24;

impl Ink {
    /// The class that themes address.
    pub(crate) fn class(self) -> String {
        match self {
            Ink::Series(i) => format!("k-s{}", i % 6),
            Ink::Heat(level) => format!("k-h{level}"),
            Ink::Text => "k-text".into(),
            Ink::Muted => "k-muted".into(),
            Ink::Grid => "k-grid".into(),
            Ink::Axis => "k-axis".into(),
            Ink::Panel => "k-panel".into(),
            Ink::OverP50 => "k-over50".into(),
            Ink::OverP99 => "k-over99".into(),
            Ink::OverMax => "k-overmax".into(),
            Ink::Casing => "k-casing".into(),
            Ink::Planned => "k-planned".into(),
            Ink::Sent => "k-sent".into(),
            Ink::Answered => "k-answered".into(),
            Ink::Open => "k-open".into(),
            Ink::Bad => "k-bad".into(),
            Ink::Phase => "k-phase".into(),
            Ink::Good => "k-good".into(),
        }
    }

    /// The colour on a light ground. Lines on white are the four of Okabe and Ito's palette that
    /// reach a contrast of 3:1, then dark grey and black.
    pub(crate) fn rgb(self) -> [u8; 3] {
        match self {
            Ink::Series(i) => {
                [[0x00, 0x72, 0xB2], [0xD5, 0x5E, 0x00], [0x00, 0x8F, 0x69], [0xB8, 0x5C, 0x92], [0x5A, 0x62, 0x6C], [0x11, 0x14, 0x18]]
                    [i % 6]
            }
            Ink::Heat(0) => [0x06, 0x1B, 0x3A],
            Ink::Heat(level) => cividis(0.16 + 0.84 * f64::from(level.min(LEVELS) - 1) / f64::from(LEVELS - 1)),
            Ink::Text => [0x16, 0x1A, 0x1F],
            Ink::Muted => [0x56, 0x5F, 0x6A],
            Ink::Grid => [0xE3, 0xE7, 0xEC],
            Ink::Axis => [0x9A, 0xA4, 0xAF],
            Ink::Panel | Ink::OverP50 => [0xFF, 0xFF, 0xFF],
            Ink::OverP99 => [0xFF, 0x7A, 0x3D],
            Ink::OverMax => [0x8F, 0xD3, 0xFF],
            Ink::Casing => [0x06, 0x14, 0x2B],
            Ink::Planned => [0xC3, 0xCA, 0xD3],
            Ink::Sent => [0x00, 0x72, 0xB2],
            Ink::Answered => [0x00, 0x8F, 0x69],
            Ink::Open => [0x5A, 0x62, 0x6C],
            Ink::Bad => [0xD5, 0x5E, 0x00],
            Ink::Phase => [0xEE, 0xF1, 0xF4],
            Ink::Good => [0x00, 0x7A, 0x5A],
        }
    }
}

/// The cividis colour map (Nunez, Anderton, Renslow 2018) at `t` from 0 to 1, by the polynomial
/// that d3-scale-chromatic uses.
pub(crate) fn cividis(t: f64) -> [u8; 3] {
    let t = t.clamp(0.0, 1.0);
    let r = -4.54 - t * (35.34 - t * (2381.73 - t * (6402.7 - t * (7024.72 - t * 2710.57))));
    let g = 32.49 + t * (170.73 + t * (52.82 - t * (131.46 - t * (176.58 - t * 67.37))));
    let b = 81.24 + t * (442.36 - t * (2482.43 - t * (6167.24 - t * (6614.94 - t * 2475.67))));
    [r, g, b].map(|v| v.round().clamp(0.0, 255.0) as u8)
}

/// The level of a count when the largest count is `most`: logarithmic, 0 only for none.
pub(crate) fn heat_level(count: u64, most: u64) -> u8 {
    match count {
        0 => 0,
        _ if most <= 1 => LEVELS,
        n => 1 + ((n as f64).ln() / (most as f64).ln() * f64::from(LEVELS - 1)).round().clamp(0.0, f64::from(LEVELS - 1)) as u8,
    }
}

/// A rectangle in drawing units.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Rect {
    /// Left edge.
    pub(crate) x: f64,
    /// Upper edge.
    pub(crate) y: f64,
    /// Width.
    pub(crate) w: f64,
    /// Height.
    pub(crate) h: f64,
}

impl Rect {
    /// Right edge.
    pub(crate) fn right(&self) -> f64 {
        self.x + self.w
    }

    /// Lower edge.
    pub(crate) fn bottom(&self) -> f64 {
        self.y + self.h
    }

    /// The rectangle without `left`, `top`, `right` and `bottom`.
    pub(crate) fn inset(&self, left: f64, top: f64, right: f64, bottom: f64) -> Rect {
        Rect { x: self.x + left, y: self.y + top, w: (self.w - left - right).max(1.0), h: (self.h - top - bottom).max(1.0) }
    }

    /// Whether the two share any place.
    pub(crate) fn meets(&self, other: &Rect) -> bool {
        self.x < other.right() && other.x < self.right() && self.y < other.bottom() && other.y < self.bottom()
    }
}

/// How a line is broken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Dash {
    /// Not at all.
    Solid,
    /// Long strokes.
    Dashed,
    /// Short strokes.
    Dotted,
}

impl Dash {
    /// Lengths of stroke and gap for a line one unit wide; `None` for solid.
    pub(crate) fn pattern(self) -> Option<[f64; 2]> {
        match self {
            Dash::Solid => None,
            Dash::Dashed => Some([4.0, 2.6]),
            Dash::Dotted => Some([1.4, 1.8]),
        }
    }
}

/// Which point of a text lies at its position.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Anchor {
    /// Its left end.
    Start,
    /// Its middle.
    Middle,
    /// Its right end.
    End,
}

/// The outline of a mark.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mark {
    /// A disc.
    Disc,
    /// A square.
    Square,
    /// A triangle that stands on its side.
    Triangle,
    /// A square on its corner.
    Diamond,
}

impl Mark {
    /// The mark of a series, by its place in the summary.
    pub(crate) fn of(series: usize) -> Mark {
        [Mark::Disc, Mark::Square, Mark::Triangle, Mark::Diamond][series % 4]
    }

    /// Its corners around (`x`, `y`) at radius `r`; a disc has none.
    pub(crate) fn corners(self, x: f64, y: f64, r: f64) -> Vec<(f64, f64)> {
        match self {
            Mark::Disc => Vec::new(),
            Mark::Square => [(-0.9, -0.9), (0.9, -0.9), (0.9, 0.9), (-0.9, 0.9)].map(|(a, b)| (x + a * r, y + b * r)).to_vec(),
            Mark::Triangle => [(0.0, -1.2), (1.15, 0.85), (-1.15, 0.85)].map(|(a, b)| (x + a * r, y + b * r)).to_vec(),
            Mark::Diamond => [(0.0, -1.3), (1.3, 0.0), (0.0, 1.3), (-1.3, 0.0)].map(|(a, b)| (x + a * r, y + b * r)).to_vec(),
        }
    }
}

/// One shape.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Shape {
    /// A filled rectangle.
    Fill(Rect, Ink, f64),
    /// A line through points.
    Line {
        /// At least two.
        points: Vec<(f64, f64)>,
        /// What it stands for.
        ink: Ink,
        /// Width.
        width: f64,
        /// How it is broken.
        dash: Dash,
    },
    /// A filled area between corners, with its opacity.
    Area(Vec<(f64, f64)>, Ink, f64),
    /// Words on one line.
    Text {
        /// Position of the anchor.
        x: f64,
        /// Baseline.
        y: f64,
        /// What it says.
        text: String,
        /// What it stands for.
        ink: Ink,
        /// Size of the letters.
        size: f64,
        /// Which point lies at `x`.
        anchor: Anchor,
        /// Whether an edge in the panel's colour keeps it apart from what lies beneath.
        halo: bool,
        /// Whether it is set in bold.
        bold: bool,
    },
    /// A mark: outline, place, radius.
    Mark(Mark, f64, f64, f64, Ink),
    /// A grid of levels, column by column from left, each from low to high.
    Cells(Rect, Vec<Vec<u8>>),
    /// What follows until `Close` belongs to a group that can be hidden.
    Open(String),
    /// The end of a group.
    Close,
}

/// A drawing.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Scene {
    /// Width.
    pub(crate) width: f64,
    /// Height.
    pub(crate) height: f64,
    /// Shapes, the lowest first.
    pub(crate) shapes: Vec<Shape>,
}

impl Scene {
    /// An empty drawing.
    pub(crate) fn new(width: f64, height: f64) -> Self {
        Scene { width, height, shapes: Vec::new() }
    }

    /// Fills a rectangle.
    pub(crate) fn fill(&mut self, rect: Rect, ink: Ink, opacity: f64) {
        self.shapes.push(Shape::Fill(rect, ink, opacity));
    }

    /// Draws a line when it has two points, a short stroke when it has one.
    pub(crate) fn line(&mut self, points: Vec<(f64, f64)>, ink: Ink, width: f64, dash: Dash) {
        match points[..] {
            [] => {}
            [(x, y)] => self.shapes.push(Shape::Line { points: vec![(x - 1.5, y), (x + 1.5, y)], ink, width, dash: Dash::Solid }),
            _ => self.shapes.push(Shape::Line { points, ink, width, dash }),
        }
    }

    /// Writes words with their baseline at `y`.
    pub(crate) fn text(&mut self, x: f64, y: f64, text: &str, ink: Ink, size: f64, anchor: Anchor) {
        self.shapes.push(Shape::Text { x, y, text: text.into(), ink, size, anchor, halo: false, bold: false });
    }

    /// Writes a label: words in bold with an edge around them.
    pub(crate) fn label(&mut self, x: f64, y: f64, text: &str, ink: Ink, size: f64, anchor: Anchor) {
        self.shapes.push(Shape::Text { x, y, text: text.into(), ink, size, anchor, halo: true, bold: true });
    }

    /// Opens a group that can be hidden by name.
    pub(crate) fn open(&mut self, group: &str) {
        self.shapes.push(Shape::Open(group.into()));
    }

    /// Closes the group.
    pub(crate) fn close(&mut self) {
        self.shapes.push(Shape::Close);
    }
}

/// About how wide a text is at a size, by DejaVu Sans, which is wider than most system fonts.
pub(crate) fn text_width(text: &str, size: f64) -> f64 {
    text.chars().map(letter_width).sum::<f64>() * size
}

/// Text cut to a width.
pub(crate) fn fitted(text: &str, size: f64, width: f64) -> String {
    if text_width(text, size) <= width {
        return text.into();
    }
    let mut kept = String::new();
    for c in text.chars() {
        kept.push(c);
        if text_width(&kept, size) > width - size * 1.2 {
            break;
        }
    }
    format!("{}...", kept.trim_end())
}

fn letter_width(c: char) -> f64 {
    match c {
        'i' | 'j' | 'l' | '\'' => 0.28,
        'f' | 't' | 'r' | 'I' | ' ' | '.' | ',' | ':' | ';' | '/' | '(' | ')' | '|' | '!' | '-' => 0.38,
        'm' | 'M' | 'W' | '%' | '@' => 0.96,
        'w' => 0.82,
        'A'..='Z' => 0.70,
        _ => 0.63,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn heat_levels_tell_none_from_one() {
        assert_eq!(heat_level(0, 100), 0);
        assert_eq!(heat_level(1, 100), 1);
        assert_eq!(heat_level(100, 100), LEVELS);
        assert_eq!(heat_level(1, 1), LEVELS);
    }

    #[test]
    fn cividis_runs_from_blue_to_yellow() {
        assert_eq!(cividis(0.0), [0, 32, 81]);
        let [r, g, b] = cividis(1.0);
        assert!(r > 240 && g > 220 && b < 90, "{r} {g} {b}");
    }
}
