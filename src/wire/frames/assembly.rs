//! What one connection keeps between reads: the beginning of an unfinished frame, the fragments of an
//! unfinished message.
//!
//! Memory grows with what arrived, never with what a header claims; it doubles, so that a frame in
//! single bytes costs no more than twice its length in copies; it is counted in a [`Budget`] that all
//! connections share, and given back once nothing is unfinished. Knows no codec.

use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering;

use super::Broken;
use super::Kind;
use super::text::Text;

/// Most bytes that all unfinished frames and messages of the process hold together.
pub const BUDGET_MAX: usize = 32 << 20;

/// Least bytes asked for at once, unless the frame or the cap is smaller.
const LEAST: usize = 64;

/// The budget of the process.
pub static BUDGET: Budget = Budget::new(BUDGET_MAX);

/// Bytes that many assemblies may hold together. Touched only when one of them grows or is given back.
#[derive(Debug)]
pub struct Budget {
    held: AtomicUsize,
    most: usize,
}

impl Budget {
    /// A budget of `most` bytes.
    pub const fn new(most: usize) -> Self {
        Budget { held: AtomicUsize::new(0), most }
    }

    /// Bytes held now.
    pub fn held(&self) -> usize {
        self.held.load(Ordering::Relaxed)
    }

    fn take(&self, bytes: usize) -> Result<(), Broken> {
        let more = |held: usize| held.checked_add(bytes).filter(|&sum| sum <= self.most);
        self.held.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more).map(drop).map_err(|_| Broken::BUDGET)
    }

    fn give_back(&self, bytes: usize) {
        self.held.fetch_sub(bytes, Ordering::Relaxed);
    }
}

/// Bytes counted in a budget.
#[derive(Debug)]
struct Store {
    bytes: Vec<u8>,
    /// Bytes taken from the budget: what `bytes` may grow to without asking again.
    taken: usize,
    budget: &'static Budget,
}

impl Store {
    fn new(budget: &'static Budget) -> Self {
        Store { bytes: Vec::new(), taken: 0, budget }
    }

    /// Appends `more`; never reserves beyond `most` unless `more` needs it.
    fn append(&mut self, more: &[u8], most: usize) -> Result<(), Broken> {
        let wanted = self.bytes.len() + more.len();
        if wanted > self.taken {
            let room = (self.taken * 2).max(LEAST).min(most).max(wanted);
            self.budget.take(room - self.taken)?;
            self.taken = room;
            self.bytes.reserve_exact(room - self.bytes.len());
        }
        self.bytes.extend_from_slice(more);
        Ok(())
    }

    /// Gives the memory and its share of the budget back.
    fn clear(&mut self) {
        *self = Store::new(self.budget);
    }

    /// The bytes, which are counted no more.
    fn take(&mut self) -> Vec<u8> {
        let bytes = std::mem::take(&mut self.bytes);
        self.clear();
        bytes
    }
}

impl Drop for Store {
    fn drop(&mut self) {
        if self.taken > 0 {
            self.budget.give_back(self.taken);
        }
    }
}

/// What one connection keeps between reads; empty and without memory of its own as a rule.
#[derive(Debug, Default)]
pub struct Assembly(Option<Box<Unfinished>>);

#[derive(Debug)]
struct Unfinished {
    frame: Store,
    /// Payload bytes of `frame` that were looked at as text.
    looked_at: usize,
    message: Store,
    /// Whether a message is being put together, and which kind.
    fragmented: Option<Kind>,
    text: Text,
}

impl Unfinished {
    fn new(budget: &'static Budget) -> Box<Self> {
        Box::new(Unfinished {
            frame: Store::new(budget),
            looked_at: 0,
            message: Store::new(budget),
            fragmented: None,
            text: Text::default(),
        })
    }

    /// Appends a fragment to the message.
    fn append(&mut self, fragment: &[u8], cap: usize) -> Result<(), Broken> {
        if self.message.bytes.len() + fragment.len() > cap {
            return Err(Broken::TOO_LARGE);
        }
        let looked_at = std::mem::take(&mut self.looked_at);
        if self.fragmented == Some(Kind::Text) {
            self.text.push(fragment.get(looked_at..).unwrap_or_default())?;
        }
        self.message.append(fragment, cap)
    }
}

impl Assembly {
    /// Bytes held.
    pub fn held(&self) -> usize {
        self.0.as_ref().map_or(0, |u| u.frame.taken + u.message.taken)
    }

    /// Whether nothing is unfinished.
    #[inline]
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_none()
    }

    /// Drops what is unfinished.
    pub(super) fn clear(&mut self) {
        self.0 = None;
    }

    /// The unfinished frame so far; empty when there is none.
    pub(super) fn frame(&self) -> &[u8] {
        self.0.as_ref().map_or(&[], |u| &u.frame.bytes)
    }

    /// Keeps `more` of a frame whose whole length is at most `most`.
    ///
    /// # Errors
    /// When the budget is used up.
    pub(super) fn keep(&mut self, more: &[u8], most: usize, budget: &'static Budget) -> Result<(), Broken> {
        self.0.get_or_insert_with(|| Unfinished::new(budget)).frame.append(more, most)
    }

    /// The unfinished frame is whole and was read; what was looked at of it is remembered.
    pub(super) fn frame_done(&mut self) {
        if let Some(unfinished) = &mut self.0 {
            unfinished.frame.clear();
        }
        self.tidy();
    }

    /// The kind of the message being put together.
    pub(super) fn fragmented(&self) -> Option<Kind> {
        self.0.as_ref().and_then(|u| u.fragmented)
    }

    /// The first fragment of a message.
    ///
    /// # Errors
    /// When it cannot be text, or the budget is used up.
    pub(super) fn begin(&mut self, kind: Kind, fragment: &[u8], cap: usize, budget: &'static Budget) -> Result<(), Broken> {
        let unfinished = self.0.get_or_insert_with(|| Unfinished::new(budget));
        unfinished.fragmented = Some(kind);
        unfinished.append(fragment, cap)
    }

    /// A further fragment, and whether it is the last. Then the whole message comes back.
    ///
    /// # Errors
    /// When no message was begun, it is too large or cannot be text, or the budget is used up.
    pub(super) fn append(&mut self, fragment: &[u8], last: bool, cap: usize) -> Result<Option<(Kind, Vec<u8>)>, Broken> {
        let Some((unfinished, kind)) = self.0.as_mut().and_then(|u| u.fragmented.map(|kind| (u, kind))) else {
            return Err(Broken::NO_BEGINNING);
        };
        unfinished.append(fragment, cap)?;
        if !last {
            return Ok(None);
        }
        unfinished.fragmented = None;
        std::mem::take(&mut unfinished.text).end()?;
        let message = unfinished.message.take();
        self.tidy();
        Ok(Some((kind, message)))
    }

    /// Looks at the frame still coming, whose header has `header` bytes and claims `payload` more:
    /// its message may already be too large, and its text may already be none.
    ///
    /// # Errors
    /// When it is so.
    pub(super) fn look_ahead(&mut self, header: usize, payload: usize, cap: usize) -> Result<(), Broken> {
        let Some(unfinished) = &mut self.0 else { return Ok(()) };
        // With reserved bits it is no frame to look into; what is wrong with it is said when it is whole.
        let opcode = unfinished.frame.bytes.first().map_or(0, |first| first & 0x7f);
        let kind = match (opcode, unfinished.fragmented) {
            (0, Some(_)) if unfinished.message.bytes.len() + payload > cap => return Err(Broken::TOO_LARGE),
            (0, Some(kind)) => kind,
            (1, None) => Kind::Text,
            _ => return Ok(()),
        };
        if kind == Kind::Text {
            let arrived = unfinished.frame.bytes.get(header..).unwrap_or_default();
            unfinished.text.push(arrived.get(unfinished.looked_at..).unwrap_or_default())?;
            unfinished.looked_at = arrived.len();
        }
        Ok(())
    }

    /// Gives the memory back once nothing is unfinished.
    fn tidy(&mut self) {
        if self.0.as_ref().is_some_and(|u| u.frame.bytes.is_empty() && u.fragmented.is_none()) {
            self.0 = None;
        }
    }
}
