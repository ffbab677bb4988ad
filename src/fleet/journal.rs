//! Every snapshot as it came, on the controller's disk before it is acknowledged: what a run can be merged from again.
//!
//! ```text
//! length (4)  message ..  length (4)  message ..
//! ```
//!
//! Lengths are little-endian; a message has a checksum of its own. A torn end, which a crash may leave, is cut off when the
//! journal is opened again.

use std::fs::File;
use std::fs::OpenOptions;
use std::io;
use std::io::BufReader;
use std::io::Read as _;
use std::io::Seek as _;
use std::io::SeekFrom;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::path::PathBuf;

use super::snapshot::MOST;

/// Its name in the folder of a record.
pub const NAME: &str = "fleet.journal";

/// A journal that grows.
#[derive(Debug)]
pub struct Journal {
    file: File,
    whole: u64,
    dir: PathBuf,
}

impl Journal {
    /// A new one in the folder `dir`.
    ///
    /// # Errors
    /// When it cannot be made, or is there already.
    pub fn create(dir: &Path) -> io::Result<Journal> {
        let file = OpenOptions::new().append(true).create_new(true).mode(0o600).open(dir.join(NAME))?;
        Ok(Journal { file, whole: 0, dir: dir.into() })
    }

    /// One that is there; [`Journal::replay`] tells what is in it.
    ///
    /// # Errors
    /// When it cannot be read or written.
    pub fn resume(dir: &Path) -> io::Result<Journal> {
        let whole = read(dir, |_| {})?;
        let mut file = OpenOptions::new().read(true).write(true).open(dir.join(NAME))?;
        file.set_len(whole)?;
        file.seek(SeekFrom::End(0))?;
        Ok(Journal { file, whole, dir: dir.into() })
    }

    /// Hands `each` message over that it holds, one after the other.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn replay(&self, each: impl FnMut(&[u8])) -> io::Result<()> {
        read(&self.dir, each).map(drop)
    }

    /// Appends messages, all or none, and has them on the disk.
    ///
    /// # Errors
    /// When the disk does not take them.
    pub fn append<'a>(&mut self, messages: impl Iterator<Item = &'a [u8]>) -> io::Result<()> {
        let mut bytes = Vec::new();
        for message in messages {
            bytes.extend((message.len() as u32).to_le_bytes());
            bytes.extend(message);
        }
        if bytes.is_empty() {
            return Ok(());
        }
        let written = self.file.write_all(&bytes).and_then(|()| self.file.sync_data());
        match written {
            Ok(()) => {
                self.whole += bytes.len() as u64;
                Ok(())
            }
            Err(e) => {
                // What was written of it goes again; if that fails too, the end is torn and known to be.
                let _ = self.file.set_len(self.whole);
                Err(e)
            }
        }
    }
}

/// Hands `each` message over; how many bytes were whole.
///
/// # Errors
/// When the journal cannot be read.
pub fn read(dir: &Path, mut each: impl FnMut(&[u8])) -> io::Result<u64> {
    let mut file = BufReader::new(File::open(dir.join(NAME))?);
    let (mut whole, mut message) = (0u64, Vec::new());
    loop {
        let mut length = [0; 4];
        let is_there = file.read_exact(&mut length).is_ok();
        let n = u32::from_le_bytes(length) as usize;
        if !is_there || n > MOST {
            return Ok(whole);
        }
        message.resize(n, 0);
        if file.read_exact(&mut message).is_err() {
            return Ok(whole);
        }
        each(&message);
        whole += 4 + n as u64;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_torn_end_is_cut_off_and_it_grows_on() {
        let dir = tempfile::tempdir().expect("a folder");
        let mut journal = Journal::create(dir.path()).expect("new");
        journal.append([&b"one"[..], b"", b"three"].into_iter()).expect("room");
        drop(journal);
        let mut file = OpenOptions::new().append(true).open(dir.path().join(NAME)).expect("there");
        file.write_all(&[200, 0, 0, 0, 1, 2]).expect("room");
        let mut seen = Vec::new();
        let mut journal = Journal::resume(dir.path()).expect("there");
        journal.replay(|message| seen.push(message.to_vec())).expect("there");
        journal.append([&b"four"[..]].into_iter()).expect("room");
        read(dir.path(), |message| seen.push(message.to_vec())).expect("there");
        assert_eq!(seen, [&b"one"[..], b"", b"three", b"one", b"", b"three", b"four"]);
        assert!(Journal::create(dir.path()).is_err(), "it holds one already");
    }
}
