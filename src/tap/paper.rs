//! The file of a trace: whole lines only, also when there is no room for one.

use std::fs::File;
use std::io;
use std::io::Write;

use crate::trace::Head;
use crate::trace::Line;
use crate::trace::Writer;

/// Bytes that wait at most before they are written.
const HELD: usize = 256 << 10;

/// A trace that is written.
pub(super) struct Paper {
    writer: Writer<Lines>,
}

impl Paper {
    /// Begins it.
    pub(super) fn begin(file: File, head: &Head) -> io::Result<Self> {
        let mut paper = Paper { writer: Writer::new(Lines { file, held: Vec::new(), whole: 0 }, head)? };
        paper.flush()?;
        Ok(paper)
    }

    /// Appends a line, which may be held back for a while.
    pub(super) fn line(&mut self, line: &Line<'_>) -> io::Result<()> {
        self.writer.line(line)
    }

    /// Whether nothing is held back: all lines are in the file.
    pub(super) fn is_written(&self) -> bool {
        self.writer.get_ref().held.is_empty()
    }

    /// Writes what was held back.
    pub(super) fn flush(&mut self) -> io::Result<()> {
        self.writer.flush()
    }
}

/// Lines held back, each taken in by one write.
struct Lines {
    file: File,
    held: Vec<u8>,
    /// Bytes of whole lines in the file.
    whole: u64,
}

impl Write for Lines {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.held.extend_from_slice(line);
        if self.held.len() >= HELD {
            self.flush()?;
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        if self.held.is_empty() {
            return Ok(());
        }
        let written = self.file.write_all(&self.held);
        if written.is_ok() {
            self.whole += self.held.len() as u64;
        } else {
            // Half a line is taken back; where that fails too, the reader says so.
            self.file.set_len(self.whole).ok();
        }
        self.held.clear();
        written
    }
}
