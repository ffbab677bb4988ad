//! Reads an append-only file line by line, bounded, and tells a torn last line from damage.
//!
//! A process that is killed leaves at most its last line unfinished. So one bad final line is
//! forgiven and reported; a bad line elsewhere is an error with its number. Knows nothing of what a
//! line means.

use std::collections::VecDeque;
use std::fs::File;
use std::io;
use std::io::BufRead as _;
use std::io::BufReader;
use std::io::Read as _;
use std::path::Path;
use std::sync::mpsc::Receiver;
use std::sync::mpsc::SyncSender;
use std::sync::mpsc::sync_channel;
use std::thread::Scope;

/// The longest line that is read.
const LINE_MAX: u64 = 16 << 20;
/// Most lines of a batch.
const BATCH_LINES: usize = 64;
/// Bytes from which on a batch takes no further line.
const BATCH_BYTES: usize = 256 << 10;
/// Most threads that parse.
const THREADS_MAX: usize = 8;

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
    let mut lines = Lines::open(path, max)?;
    let mut torn = None;
    while let Some(batch) = lines.batch()? {
        torn = batch.place.settle(batch.lines().map(|line| line.and_then(&mut take)))?;
    }
    Ok(Ending { bytes: lines.bytes, torn })
}

/// As [`each`] for a long file: the lines are parsed in other threads, each with a parser of its own, and what comes of them
/// goes to `take` in their order.
pub(super) fn each_parsed<T: Send, P: FnMut(&[u8]) -> Result<T, String>>(
    path: &Path,
    max: u64,
    parser: impl Fn() -> P + Sync,
    mut take: impl FnMut(T) -> Result<(), String>,
) -> Result<Ending, LineError> {
    let mut lines = Lines::open(path, max)?;
    let mut torn = None;
    let threads = std::thread::available_parallelism().map_or(1, |n| n.get().min(THREADS_MAX));
    std::thread::scope(|scope| {
        let workers = (0..threads).map(|_| Worker::start(scope, &parser)).collect::<io::Result<Vec<_>>>()?;
        let mut in_turn = workers.iter().cycle();
        let mut busy = VecDeque::new();
        loop {
            let batch = lines.batch()?;
            let room = if batch.is_some() { 2 * threads - 1 } else { 0 };
            while busy.len() > room {
                // A worker that is gone has panicked, and so does the scope at its end.
                let Some((place, parsed)) = busy.pop_front().and_then(|worker: &Worker<T>| worker.done.recv().ok()) else { break };
                torn = place.settle(parsed.into_iter().map(|line| line.and_then(&mut take)))?;
            }
            let (Some(batch), Some(worker)) = (batch, in_turn.next()) else { return Ok(Ending { bytes: lines.bytes, torn }) };
            let _ = worker.todo.send(batch);
            busy.push_back(worker);
        }
    })
}

/// A thread that parses.
struct Worker<T> {
    todo: SyncSender<Batch>,
    done: Receiver<(Place, Vec<Result<T, String>>)>,
}

impl<T: Send> Worker<T> {
    fn start<'scope, 'env, P: FnMut(&[u8]) -> Result<T, String>>(
        scope: &'scope Scope<'scope, 'env>,
        parser: &'scope (impl Fn() -> P + Sync),
    ) -> io::Result<Worker<T>>
    where
        T: 'scope,
    {
        let (todo, batches) = sync_channel::<Batch>(2);
        let (results, done) = sync_channel(2);
        std::thread::Builder::new().spawn_scoped(scope, move || {
            let mut parse = parser();
            for batch in batches {
                let parsed = batch.lines().map(|line| line.and_then(&mut parse)).collect();
                if results.send((batch.place, parsed)).is_err() {
                    return;
                }
            }
        })?;
        Ok(Worker { todo, done })
    }
}

/// A file on its way.
struct Lines {
    reader: BufReader<File>,
    /// Largest length read.
    max: u64,
    /// Read so far.
    bytes: u64,
    /// Lines read so far.
    count: u64,
}

/// Lines that stand together in a file.
struct Batch {
    text: Vec<u8>,
    /// Where each line ends in `text`.
    ends: Vec<usize>,
    place: Place,
}

/// Where a batch stands in its file.
#[derive(Clone, Copy)]
struct Place {
    /// Number of its first line, from 1.
    first: u64,
    /// Number of the file's last line when it is in this batch.
    last: Option<u64>,
}

impl Lines {
    fn open(path: &Path, max: u64) -> Result<Self, LineError> {
        let file = File::open(path)?;
        if file.metadata()?.len() > max {
            return Err(LineError::TooLarge { max });
        }
        Ok(Lines { reader: BufReader::with_capacity(256 << 10, file), max, bytes: 0, count: 0 })
    }

    /// The next lines; `None` at the end.
    fn batch(&mut self) -> Result<Option<Batch>, LineError> {
        let (mut text, mut ends) = (Vec::new(), Vec::new());
        while ends.len() < BATCH_LINES && text.len() < BATCH_BYTES {
            let length = self.reader.by_ref().take(LINE_MAX).read_until(b'\n', &mut text)? as u64;
            if length == 0 {
                break;
            }
            self.bytes += length;
            if self.bytes > self.max {
                return Err(LineError::TooLarge { max: self.max });
            }
            if text.last() != Some(&b'\n') {
                text.push(b'\n');
            }
            ends.push(text.len());
        }
        if ends.is_empty() {
            return Ok(None);
        }
        let first = self.count + 1;
        self.count += ends.len() as u64;
        let last = self.reader.fill_buf()?.is_empty().then_some(self.count);
        Ok(Some(Batch { text, ends, place: Place { first, last } }))
    }
}

impl Batch {
    /// Its lines, an error in place of one that is too long.
    fn lines(&self) -> impl Iterator<Item = Result<&[u8], String>> {
        let starts = std::iter::once(0).chain(self.ends.iter().copied());
        starts.zip(&self.ends).map(|(start, &end)| match end - start {
            length if length as u64 >= LINE_MAX => Err(format!("longer than {LINE_MAX} bytes")),
            _ => Ok(&self.text[start..end]),
        })
    }
}

impl Place {
    /// Goes through what came of each line: only the file's last line may be bad, and comes back in words.
    fn settle(self, lines: impl Iterator<Item = Result<(), String>>) -> Result<Option<String>, LineError> {
        for (line, taken) in (self.first..).zip(lines) {
            match taken {
                Ok(()) => {}
                Err(why) if self.last == Some(line) => return Ok(Some(why)),
                Err(why) => return Err(LineError::Bad { line, why }),
            }
        }
        Ok(None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MAX: u64 = 100_000;

    fn numbers(text: &str) -> Result<(Vec<u64>, Ending), LineError> {
        let dir = tempfile::tempdir().expect("a temporary folder");
        let path = dir.path().join("f");
        std::fs::write(&path, text).expect("written");
        let mut seen = Vec::new();
        let number = |line: &[u8]| {
            let text = std::str::from_utf8(line).map_err(|e| e.to_string())?;
            text.trim().parse::<u64>().map_err(|_| "not a number".to_owned())
        };
        let ending = each(&path, MAX, |line| number(line).map(|n| seen.push(n)));
        let mut parsed = Vec::new();
        let other = each_parsed(
            &path,
            MAX,
            || number,
            |n| {
                parsed.push(n);
                Ok(())
            },
        );
        assert_eq!((format!("{ending:?}"), &seen), (format!("{other:?}"), &parsed), "both ways of reading agree");
        Ok((seen, ending?))
    }

    #[test]
    fn many_lines_keep_their_order() {
        let text: String = (0..10_000).map(|n| format!("{n}\n")).collect();
        assert!(numbers(&text).expect("readable").0.into_iter().eq(0..10_000));
        assert!(matches!(numbers(&text.replace("\n777\n", "\nx\n")), Err(LineError::Bad { line: 778, .. })));
        let (seen, ending) = numbers(&format!("{text}x")).expect("readable");
        assert_eq!((seen.len(), ending.torn.as_deref(), ending.bytes), (10_000, Some("not a number"), text.len() as u64 + 1));
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
        assert!(matches!(numbers(&"1\n".repeat(60_000)), Err(LineError::TooLarge { max: MAX })));
    }
}
