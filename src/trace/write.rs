//! Appends whole lines.

use std::io;
use std::io::Write;

use super::Head;
use super::Line;
use super::Written;

/// Writes a trace line by line.
///
/// A line is one write of its own, so whoever cuts the stream leaves whole lines and at most one that is not.
#[derive(Debug)]
pub struct Writer<W: Write> {
    out: W,
    line: Vec<u8>,
    last_ns: u64,
}

impl<W: Write> Writer<W> {
    /// Begins a trace with its head.
    ///
    /// # Errors
    /// Those of `out`.
    pub fn new(out: W, head: &Head) -> io::Result<Self> {
        let mut writer = Writer { out, line: Vec::new(), last_ns: 0 };
        writer.append(head)?;
        Ok(writer)
    }

    /// Appends a line. Lines stand in order: an instant before that of the last line is raised to it.
    ///
    /// # Errors
    /// Those of the stream.
    pub fn line(&mut self, line: &Line<'_>) -> io::Result<()> {
        self.last_ns = self.last_ns.max(line.at_ns);
        let written = Written { at_ns: self.last_ns, ..Written::of(line) };
        self.append(&written)
    }

    fn append(&mut self, what: &impl serde::Serialize) -> io::Result<()> {
        self.line.clear();
        serde_json::to_writer(&mut self.line, what)?;
        self.line.push(b'\n');
        self.out.write_all(&self.line)
    }

    /// Sends on what is held back.
    ///
    /// # Errors
    /// Those of the stream.
    pub fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }

    /// The stream, to look at.
    pub fn get_ref(&self) -> &W {
        &self.out
    }

    /// The stream.
    pub fn into_inner(self) -> W {
        self.out
    }
}
