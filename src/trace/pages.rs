//! Reads lines again when they are due, in blocks: a lane that plays on finds most of them there already.

use std::fs::File;
use std::io;
use std::io::Seek;
use std::os::unix::fs::FileExt;
use std::sync::Arc;

/// Bytes of a block: small, for clones that begin apart are at many places of the file at once.
const BLOCK: usize = 16 << 10;
/// Blocks kept.
const KEPT: usize = 256;

/// The file of a trace, to be read again; the same file whatever its name leads to meanwhile.
#[derive(Clone, Debug)]
pub struct Tape(Arc<File>);

impl Tape {
    /// That of a file.
    pub fn of(file: File) -> Self {
        Tape(Arc::new(file))
    }

    /// Reads it from its beginning.
    ///
    /// # Errors
    /// Those of the file.
    pub fn rewound(&self) -> io::Result<File> {
        let mut file = self.0.try_clone()?;
        file.rewind()?;
        Ok(file)
    }

    /// Where a lane reads it.
    pub fn pages(&self) -> Pages {
        Pages { file: self.0.clone(), blocks: Vec::new(), last: 0, turn: 0 }
    }
}

/// A block of the file.
#[derive(Debug)]
struct Block {
    number: u64,
    bytes: Vec<u8>,
    used: u64,
}

/// The file of a trace as one lane reads it: at most 4 MiB of it are kept.
#[derive(Debug)]
pub struct Pages {
    file: Arc<File>,
    blocks: Vec<Block>,
    /// The block used last, which is the one wanted next most of the time.
    last: usize,
    turn: u64,
}

impl Pages {
    /// Puts the `bytes` bytes from `offset` on into `out`, in the place of what was there.
    ///
    /// # Errors
    /// Those of the file, and that it has become shorter.
    pub fn read(&mut self, offset: u64, bytes: usize, out: &mut Vec<u8>) -> io::Result<()> {
        out.clear();
        if bytes > BLOCK {
            out.resize(bytes, 0);
            return self.file.read_exact_at(out, offset);
        }
        let mut at = offset;
        while out.len() < bytes {
            let (number, from) = (at / BLOCK as u64, (at % BLOCK as u64) as usize);
            let missing = bytes - out.len();
            let block = self.block(number)?;
            let there = block.get(from..).unwrap_or_default();
            if there.is_empty() {
                return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the trace has become shorter"));
            }
            let taken = there.len().min(missing);
            out.extend_from_slice(&there[..taken]);
            at += taken as u64;
        }
        Ok(())
    }

    /// The bytes of a block, which are fewer in the last one.
    fn block(&mut self, number: u64) -> io::Result<&[u8]> {
        self.turn += 1;
        let is_it = |block: &Block| block.number == number;
        let index = match self.blocks.get(self.last).is_some_and(is_it) {
            true => self.last,
            false => match self.blocks.iter().position(is_it) {
                Some(index) => index,
                None => self.load(number)?,
            },
        };
        self.last = index;
        let block = &mut self.blocks[index];
        block.used = self.turn;
        Ok(&block.bytes)
    }

    /// Reads a block in the place of the one that was not used for longest.
    fn load(&mut self, number: u64) -> io::Result<usize> {
        let oldest = || self.blocks.iter().enumerate().min_by_key(|(_, block)| block.used).map(|(index, _)| index);
        let index = match oldest().filter(|_| self.blocks.len() == KEPT) {
            Some(index) => index,
            None => {
                self.blocks.push(Block { number, bytes: vec![0; BLOCK], used: 0 });
                self.blocks.len() - 1
            }
        };
        let block = &mut self.blocks[index];
        // What is half read is found by nobody.
        block.number = u64::MAX;
        block.bytes.resize(BLOCK, 0);
        let mut filled = 0;
        while filled < BLOCK {
            match self.file.read_at(&mut block.bytes[filled..], number * BLOCK as u64 + filled as u64) {
                Ok(0) => break,
                Ok(n) => filled += n,
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) => return Err(e),
            }
        }
        block.bytes.truncate(filled);
        block.number = number;
        Ok(index)
    }
}
