//! Mistakes of a profile: collected with their place, shown all at once.
//!
//! Two forms: plain lines for logs and editors, and the line itself with the place marked, for
//! people. Nothing is printed here. Text of the profile never reaches the output with control
//! characters in it, and what is kept and shown is bounded whatever the profile holds.

use std::fmt;
use std::fmt::Write;

use annotate_snippets::AnnotationKind;
use annotate_snippets::Group;
use annotate_snippets::Level;
use annotate_snippets::Origin;
use annotate_snippets::Renderer;
use annotate_snippets::Snippet;

use super::tree::Span;

/// Most mistakes kept; the rest are counted.
const MOST: usize = 100;
/// Longest piece of the profile quoted in a message, in characters.
const QUOTED: usize = 60;
/// Longest line shown with its place marked, in bytes; a longer one is only named.
const LONGEST_LINE: usize = 1_000;

/// One mistake.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mistake {
    /// Where, in bytes.
    pub span: Span,
    /// Line, from 1.
    pub line: usize,
    /// Column, from 1, in characters.
    pub column: usize,
    /// What stands there, shortened, without control characters.
    pub found: String,
    /// What is wrong.
    pub message: String,
    /// What to do about it.
    pub hint: Option<String>,
}

/// All mistakes of one profile, in the order of the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mistakes {
    name: String,
    text: String,
    list: Vec<Mistake>,
    left_out: usize,
}

impl Mistakes {
    /// None yet; `name` is what the user knows the text by, for example its path.
    pub(super) fn new(name: &str, text: &str) -> Self {
        Mistakes { name: clean(name), text: text.to_owned(), list: Vec::new(), left_out: 0 }
    }

    /// Adds one. A place that splits a character is widened to it.
    pub(super) fn add(&mut self, span: Span, message: impl Into<String>, hint: impl Into<String>) {
        if self.list.len() == MOST {
            self.left_out += 1;
            return;
        }
        let start = self.text.floor_char_boundary(span.start.min(self.text.len()));
        let end = self.text.ceil_char_boundary(span.end.clamp(start, self.text.len()));
        let (line, column) = place(&self.text, start);
        let hint: String = hint.into();
        self.list.push(Mistake {
            span: Span { start, end },
            line,
            column,
            found: quoted(&self.text[start..end]),
            message: clean(&message.into()),
            hint: (!hint.is_empty()).then(|| clean(&hint)),
        });
    }

    /// In the order of the file, by line and column.
    pub(super) fn sorted(mut self) -> Self {
        self.list.sort_by_key(|mistake| mistake.span.start);
        self
    }

    /// Whether the last of them is on the line of `at`, which is not before it. Once no more are kept
    /// this is not looked for.
    pub(super) fn last_is_on_line_of(&self, at: usize) -> bool {
        let between = |last: &Mistake| self.text.get(last.span.start..at.max(last.span.start));
        self.list.len() < MOST && self.list.last().and_then(between).is_some_and(|text| !text.contains('\n'))
    }

    /// Drops those that come after the first `keep` and stand on a line with one of these.
    pub(super) fn drop_echoes(&mut self, keep: usize) {
        let lines: Vec<usize> = self.list.iter().take(keep).map(|mistake| mistake.line).collect();
        let mut at = 0;
        self.list.retain(|mistake| {
            at += 1;
            at <= keep || !lines.contains(&mistake.line)
        });
    }

    /// What the profile is known by.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Each mistake.
    pub fn iter(&self) -> impl Iterator<Item = &Mistake> {
        self.list.iter()
    }

    /// How many there are, with those that were only counted.
    pub fn len(&self) -> usize {
        self.list.len() + self.left_out
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// One line each, as compilers write: `profiles/echo.toml:12:5: message; hint`.
    pub fn plain(&self) -> String {
        let mut out = String::new();
        for Mistake { line, column, message, hint, .. } in &self.list {
            let hint = hint.as_deref().map(|hint| format!("; {hint}")).unwrap_or_default();
            let _ = writeln!(out, "{}:{line}:{column}: {message}{hint}", self.name);
        }
        if self.left_out > 0 {
            let _ = writeln!(out, "{}: and {} more", self.name, self.left_out);
        }
        out
    }

    /// Each with its line and the place marked, and a count at the end; `colour` adds ANSI colours.
    pub fn snippets(&self, colour: bool) -> String {
        let renderer = if colour { Renderer::styled() } else { Renderer::plain() };
        let mut out = String::new();
        for mistake in &self.list {
            out.push_str(&renderer.render(&[self.group(mistake)]));
            out.push_str("\n\n");
        }
        let (count, s) = (self.len(), if self.len() == 1 { "" } else { "s" });
        let shown = if self.left_out > 0 { format!("; the first {MOST} are shown") } else { String::new() };
        let last = Level::ERROR.primary_title(format!("{count} mistake{s} in {}{shown}", self.name));
        out.push_str(&renderer.render(&[Group::with_title(last)]));
        out.push('\n');
        out
    }

    /// What is shown for one mistake.
    fn group<'m>(&'m self, mistake: &'m Mistake) -> Group<'m> {
        let title = Group::with_title(Level::ERROR.primary_title(mistake.message.as_str()));
        let (start, line) = line_around(&self.text, mistake.span.start);
        let group = if line.len() > LONGEST_LINE {
            title.element(Origin::path(self.name.as_str()).line(mistake.line).char_column(mistake.column))
        } else {
            let from = mistake.span.start - start;
            let to = (mistake.span.end - start).min(line.len()).max(from);
            let marked = AnnotationKind::Primary.span(from..to);
            title.element(Snippet::source(line).path(self.name.as_str()).line_start(mistake.line).annotation(marked))
        };
        match &mistake.hint {
            Some(hint) => group.element(Level::HELP.message(hint.as_str())),
            None => group,
        }
    }
}

impl fmt::Display for Mistakes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.plain().trim_end())
    }
}

impl std::error::Error for Mistakes {}

/// Line and column of a byte offset that is on a character's boundary, both from 1.
fn place(text: &str, at: usize) -> (usize, usize) {
    let before = &text[..at];
    let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
    (before.matches('\n').count() + 1, before[line_start..].chars().count() + 1)
}

/// The line around a byte offset, without its end, and where it starts.
fn line_around(text: &str, at: usize) -> (usize, &str) {
    let start = text[..at].rfind('\n').map_or(0, |newline| newline + 1);
    let line = text[start..].lines().next().unwrap_or_default();
    // The place may be the line end itself, which `lines` takes away.
    (start, if start + line.len() < at { &text[start..at] } else { line })
}

/// The first line of `text`, cut short, fit to be shown.
pub(super) fn quoted(text: &str) -> String {
    let line = text.lines().next().unwrap_or_default();
    match line.char_indices().nth(QUOTED) {
        Some((cut, _)) => format!("{}..", clean(&line[..cut])),
        None => clean(line),
    }
}

/// `text` with control characters and marks that turn the direction of writing made visible.
pub(super) fn clean(text: &str) -> String {
    let hidden = |c: char| c.is_control() || matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    text.chars().fold(String::with_capacity(text.len()), |mut out, c| {
        if hidden(c) {
            out.extend(c.escape_unicode())
        } else {
            out.push(c)
        }
        out
    })
}
