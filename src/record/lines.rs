//! Reads an append-only file line by line, bounded, and tells a torn last line from damage.
//!
//! A process that is killed leaves at most its last line unfinished. So one bad final line is
//! forgiven and reported; a bad line elsewhere is an error with its number. Knows nothing of what a
//! line means.

use std::fs::File;
use std::io;
use std::io::BufRead as _;
use std::io::BufReader;
use std::io::Read as _;
use std::path::Path;

/// The longest line that is read.
const LINE_MAX: u64 = 16 << 20;

/// How a file ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Ending {
    /// Length of the file in bytes.
    pub(super) bytes: u64,
    /// Why the final line was left out, when it was.
    pub(super) torn: Option<String>,
}

/// What stops reading.
#[derive(Debug)]
pub(super) enum LineError {
    /// The file could not be read.
    Io(io::Error),
    /// The file is longer than `max` bytes.
    TooLarge {
        /// Largest length read.
        max: u64,
    },
    /// A line that is not the last is bad.
    Bad {
        /// Its number, from 1.
        line: u64,
        /// What is wrong.
        why: String,
    },
}

impl From<io::Error> for LineError {
    fn from(e: io::Error) -> Self {
        LineError::Io(e)
    }
}

/// Hands every line, newline included (added to a last line without one), to `take`.
pub(super) fn each(path: &Path, max: u64, mut take: impl FnMut(&[u8]) -> Result<(), String>) -> Result<Ending, LineError> {
    let file = File::open(path)?;
    if file.metadata()?.len() > max {
        return Err(LineError::TooLarge { max });
    }
    let mut reader = BufReader::with_capacity(256 << 10, file);
    let mut line = Vec::new();
    let mut ending = Ending { bytes: 0, torn: None };
    for number in 1.. {
        line.clear();
        let length = reader.by_ref().take(LINE_MAX).read_until(b'\n', &mut line)? as u64;
        if length == 0 {
            break;
        }
        ending.bytes += length;
        if ending.bytes > max {
            return Err(LineError::TooLarge { max });
        }
        if line.last() != Some(&b'\n') {
            line.push(b'\n');
        }
        let taken = if length == LINE_MAX { Err(format!("longer than {LINE_MAX} bytes")) } else { take(&line) };
        if let Err(why) = taken {
            if !reader.fill_buf()?.is_empty() {
                return Err(LineError::Bad { line: number, why });
            }
            ending.torn = Some(why);
        }
    }
    Ok(ending)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbers(text: &str) -> Result<(Vec<u64>, Ending), LineError> {
        let dir = tempfile::tempdir().expect("a temporary folder");
        let path = dir.path().join("f");
        std::fs::write(&path, text).expect("written");
        let mut seen = Vec::new();
        let ending = each(&path, 100, |line| {
            let text = std::str::from_utf8(line).map_err(|e| e.to_string())?;
            seen.push(text.trim().parse().map_err(|_| "not a number".to_owned())?);
            Ok(())
        })?;
        Ok((seen, ending))
    }

    #[test]
    fn one_bad_final_line_is_forgiven() {
        for (text, good, torn) in
            [("1\n2\n", 2, false), ("1\n2", 2, false), ("1\nx", 1, true), ("1\nx\n", 1, true), ("", 0, false), ("x", 0, true)]
        {
            let (seen, ending) = numbers(text).expect("readable");
            assert_eq!((seen.len(), ending.torn.is_some(), ending.bytes), (good, torn, text.len() as u64), "{text:?}");
        }
    }

    #[test]
    fn a_bad_line_elsewhere_is_named() {
        assert!(matches!(numbers("1\nx\n3\n"), Err(LineError::Bad { line: 2, .. })));
        assert!(matches!(numbers("x\nx"), Err(LineError::Bad { line: 1, .. })));
        assert!(matches!(numbers(&"1\n".repeat(60)), Err(LineError::TooLarge { max: 100 })));
    }
}
