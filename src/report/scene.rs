//! A drawing as plain shapes: what charts produce and what SVG and PNG draw.
//!
//! Knows shapes, inks and how wide a text is about; nothing of views or files. An [`Ink`] is a
//! meaning (axis, second series, p99), never a colour: the page maps it to a class, so that themes
//! can change it, and the plots to the colour of one theme.

mod ink;

pub use ink::Theme;

pub(crate) use ink::Ink;
pub(crate) use ink::LEVELS;
pub(crate) use ink::Shades;
pub(crate) use ink::change_level;
pub(crate) use ink::heat_level;

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
    /// A grid of levels, column by column from left, each from low to high. Level 0 is not drawn.
    Cells(Rect, Vec<Vec<u8>>, Shades),
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
