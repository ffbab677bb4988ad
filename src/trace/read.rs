//! Hands out the lines of a trace one by one.

use std::fs::File;
use std::io::BufRead;
use std::io::BufReader;
use std::io::Read as _;
use std::path::Path;

use serde::Deserialize;

use super::Event;
use super::FORMAT;
use super::FRAME_MOST;
use super::Head;
use super::LINE_MOST;
use super::Line;
use super::Mistake;
use super::Tape;
use super::Written;
use super::order::Order;
use crate::units::bytes_text;

/// A line and where it stands.
#[derive(Debug)]
pub struct Row<'a> {
    /// What it says.
    pub line: Line<'a>,
    /// Its number, from 1.
    pub number: u64,
    /// Offset of its first byte.
    pub offset: u64,
    /// Length in bytes, without the line break.
    pub bytes: u32,
}

/// Reads a trace; one line is held at a time.
#[derive(Debug)]
pub struct Reader<R: BufRead> {
    from: R,
    head: Head,
    order: Order,
    line: Vec<u8>,
    /// Lines read, and bytes.
    number: u64,
    offset: u64,
}

impl Reader<BufReader<File>> {
    /// Opens the trace in a file; the tape is for reading its frames again.
    ///
    /// # Errors
    /// When it cannot be read or does not begin as a trace does.
    pub fn open(path: &Path) -> Result<(Self, Tape), Mistake> {
        let wrong = |e: std::io::Error| Mistake::new(0, format!("it cannot be read: {e}"), "Give the path of a trace");
        // Opening a pipe would wait for whoever writes into it.
        if !std::fs::metadata(path).map_err(wrong)?.is_file() {
            let hint = "Frames are read again when they are due, so a pipe or folder will not do; write the trace to a file";
            return Err(Mistake::new(0, "it is no file", hint));
        }
        let tape = Tape::of(File::open(path).map_err(wrong)?);
        let reader = Reader::new(BufReader::with_capacity(256 << 10, tape.rewound().map_err(wrong)?))?;
        Ok((reader, tape))
    }
}

impl<R: BufRead> Reader<R> {
    /// Reads a trace from a stream.
    ///
    /// # Errors
    /// When it cannot be read or does not begin as a trace does.
    pub fn new(from: R) -> Result<Self, Mistake> {
        let mut reader = Reader { from, head: Head::new(""), order: Order::default(), line: Vec::new(), number: 0, offset: 0 };
        reader.head = reader.read_head()?;
        Ok(reader)
    }

    /// The head.
    pub fn head(&self) -> &Head {
        &self.head
    }

    /// The next line; `None` behind the last.
    ///
    /// # Errors
    /// What is wrong with it. Nothing is to be read behind a bad line.
    pub fn next_row(&mut self) -> Result<Option<Row<'_>>, Mistake> {
        let Some(whole) = self.next_line()? else { return Ok(None) };
        let (number, offset, bytes) = (self.number, self.offset - self.line.len() as u64 - u64::from(whole), self.line.len() as u32);
        let line = match parse(&self.line) {
            Ok(line) => line,
            Err(_) if !whole => return Err(cut_off(number)),
            Err((what, hint)) => return Err(Mistake::new(number, what, hint)),
        };
        if let Event::Sent(frame) = &line.event
            && frame.bytes().len() > FRAME_MOST
        {
            let (size, most) = (bytes_text(frame.bytes().len() as u64), bytes_text(FRAME_MOST as u64));
            return Err(Mistake::new(number, format!("the frame has {size}; the most is {most}"), "Leave it out, or cut it"));
        }
        self.order.take(number, &line)?;
        Ok(Some(Row { line, number, offset, bytes }))
    }

    /// Reads the next line that is not blank, without its line break; whether it had one. `None` at the end.
    fn next_line(&mut self) -> Result<Option<bool>, Mistake> {
        loop {
            self.line.clear();
            let failed =
                |e: std::io::Error, number| Mistake::new(number, format!("it cannot be read: {e}"), "Try again, or copy the trace");
            let number = self.number + 1;
            let read = self.from.by_ref().take(LINE_MOST as u64 + 1).read_until(b'\n', &mut self.line).map_err(|e| failed(e, number))?;
            if read == 0 {
                return Ok(None);
            }
            (self.number, self.offset) = (number, self.offset + read as u64);
            let whole = self.line.last() == Some(&b'\n');
            if whole {
                self.line.pop();
            } else if read > LINE_MOST {
                let rest = self.from.skip_until(b'\n').map_err(|e| failed(e, number))? as u64;
                let (size, most) = (bytes_text(read as u64 + rest), bytes_text(LINE_MOST as u64));
                let hint = format!("A frame may have {}; leave larger ones out", bytes_text(FRAME_MOST as u64));
                return Err(Mistake::new(number, format!("the line has {size}; the most is {most}"), hint));
            }
            if !self.line.iter().all(u8::is_ascii_whitespace) {
                return Ok(Some(whole));
            }
        }
    }

    fn read_head(&mut self) -> Result<Head, Mistake> {
        let hint = r#"A trace begins with {"volley_trace":1,"made_by":"hand"}"#;
        if self.next_line()?.is_none() {
            return Err(Mistake::new(0, "it is empty", hint));
        }
        // Editors put a mark of the byte order before it.
        let line = self.line.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&self.line);
        /// The number alone, which says how to read the rest.
        #[derive(Deserialize)]
        struct Numbered {
            volley_trace: u32,
        }
        match serde_json::from_slice::<Numbered>(line) {
            Ok(Numbered { volley_trace: FORMAT }) => {}
            Ok(Numbered { volley_trace }) => {
                let what = format!("the trace has format {volley_trace}; this volley reads {FORMAT}");
                return Err(Mistake::new(self.number, what, "Take the volley that wrote it"));
            }
            Err(_) => return Err(Mistake::new(self.number, "it is not the head of a trace", hint)),
        }
        serde_json::from_slice(line).map_err(|e| Mistake::new(self.number, reason(&e), hint))
    }
}

/// A last line without an end.
fn cut_off(number: u64) -> Mistake {
    let whole = number - 1;
    let hint = format!("{whole} lines are whole; `head -n {whole} FILE` keeps them");
    Mistake::new(number, "the trace is cut off: its last line has no end", hint)
}

/// What a line says, or what is wrong with it and what to do.
fn parse(line: &[u8]) -> Result<Line<'_>, (String, String)> {
    const FIELDS: &str = "A line has at_ns, conn, role, and one of open {path, subprotocol}, sent {text or binary}, got {text or binary}, \
                          close {by, code}";
    let written: Written<'_> = serde_json::from_slice(line).map_err(|e| (reason(&e), FIELDS.to_owned()))?;
    written.line().map_err(|why| (why, FIELDS.to_owned()))
}

/// What serde says, without the number of a line that it does not know.
fn reason(error: &serde_json::Error) -> String {
    let text = error.to_string();
    let (what, _) = text.rsplit_once(" at line ").unwrap_or((&text, ""));
    let what = crate::units::printable(what, 200);
    if error.column() > 0 { format!("{what} (column {})", error.column()) } else { what }
}
