//! What goes from the door to the scribe: copies of what was passed on, each with its instant. A bounded number of bytes waits;
//! when the scribe falls so far behind, nothing more is taken, so that what was taken is a whole beginning.

use std::sync::Arc;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering;
use std::sync::mpsc::Receiver;
use std::sync::mpsc::RecvTimeoutError;
use std::sync::mpsc::Sender;
use std::sync::mpsc::TryRecvError;
use std::sync::mpsc::channel;
use std::time::Duration;

use super::Notice;
use super::head::Asked;
use crate::trace::Side;
use crate::units::bytes_text;
use crate::wire::Clock;

/// Most bytes that wait for the scribe.
const WAITING_MOST: usize = 64 << 20;
/// What a letter costs besides its bytes.
const LETTER: usize = 128;

/// What happened.
#[derive(Debug)]
pub(super) enum What {
    /// A connection was asked for.
    Asked(Box<Asked>),
    /// These bytes were passed on; by whom they were said.
    Said(Side, Vec<u8>),
    /// It has ended; who ended it.
    Ended(Side),
}

/// What happened, when and on which connection.
#[derive(Debug)]
pub(super) struct Letter {
    /// Number of the connection at the door.
    pub(super) door: u64,
    /// When, on the clock of the trace.
    pub(super) at_ns: u64,
    pub(super) what: What,
}

impl Letter {
    fn weight(&self) -> usize {
        LETTER
            + match &self.what {
                What::Said(_, bytes) => bytes.len(),
                What::Asked(asked) => asked.weight(),
                What::Ended(_) => 0,
            }
    }

    /// How many bytes were passed on.
    fn passed(&self) -> u64 {
        match &self.what {
            What::Said(_, bytes) => bytes.len() as u64,
            What::Asked(asked) => asked.bytes.len() as u64,
            What::Ended(_) => 0,
        }
    }
}

/// What both sides see.
#[derive(Debug, Default)]
struct Shared {
    waiting: AtomicUsize,
    is_stopped: AtomicBool,
    why: Mutex<Option<String>>,
    unrecorded: AtomicU64,
}

/// The door's side.
#[derive(Clone)]
pub(super) struct Post {
    clock: Clock,
    shared: Arc<Shared>,
    sender: Sender<Letter>,
    tell: Arc<dyn Fn(Notice) + Send + Sync>,
}

/// The scribe's side.
pub(super) struct Mail {
    shared: Arc<Shared>,
    letters: Receiver<Letter>,
    tell: Arc<dyn Fn(Notice) + Send + Sync>,
}

/// Both sides of a post.
pub(super) fn post(clock: Clock, tell: Arc<dyn Fn(Notice) + Send + Sync>) -> (Post, Mail) {
    let (sender, letters) = channel();
    let shared = Arc::new(Shared::default());
    (Post { clock, shared: shared.clone(), sender, tell: tell.clone() }, Mail { shared, letters, tell })
}

impl Shared {
    fn stop(&self, tell: &dyn Fn(Notice), why: String) {
        if !self.is_stopped.swap(true, Ordering::Relaxed) {
            *self.why.lock().unwrap_or_else(PoisonError::into_inner) = Some(why.clone());
            tell(Notice::Stopped(why));
        }
    }
}

impl Post {
    /// Something has happened now. Never waits.
    pub(super) fn send(&self, door: u64, what: What) {
        let letter = Letter { door, at_ns: self.clock.now(), what };
        let (weight, passed) = (letter.weight(), letter.passed());
        let waiting = self.shared.waiting.fetch_add(weight, Ordering::Relaxed) + weight;
        let is_full = waiting > WAITING_MOST;
        if is_full {
            let why = format!("the trace could not be written as fast as it was made, and {} waited", bytes_text(WAITING_MOST as u64));
            self.shared.stop(&*self.tell, why);
        }
        // A scribe that is gone has panicked, which is told.
        if self.shared.is_stopped.load(Ordering::Relaxed) || self.sender.send(letter).is_err() {
            self.shared.waiting.fetch_sub(weight, Ordering::Relaxed);
            self.shared.unrecorded.fetch_add(passed, Ordering::Relaxed);
        }
    }
}

impl Mail {
    /// The next letter, at once or not at all.
    pub(super) fn at_once(&self) -> Result<Letter, TryRecvError> {
        self.letters.try_recv().inspect(|letter| self.taken(letter))
    }

    /// The next letter; `Timeout` when none came within `patience`, `Disconnected` when none will come.
    pub(super) fn within(&self, patience: Duration) -> Result<Letter, RecvTimeoutError> {
        self.letters.recv_timeout(patience).inspect(|letter| self.taken(letter))
    }

    fn taken(&self, letter: &Letter) {
        self.shared.waiting.fetch_sub(letter.weight(), Ordering::Relaxed);
    }

    /// A letter is not recorded.
    pub(super) fn leave_out(&self, letter: &Letter) {
        self.shared.unrecorded.fetch_add(letter.passed(), Ordering::Relaxed);
    }

    /// Nothing more is recorded.
    pub(super) fn stop(&self, why: String) {
        self.shared.stop(&*self.tell, why);
    }

    /// Why nothing is recorded any more, and how many bytes were not.
    pub(super) fn stopped(&self) -> (Option<String>, u64) {
        let why = self.shared.why.lock().unwrap_or_else(PoisonError::into_inner).clone();
        (why, self.shared.unrecorded.load(Ordering::Relaxed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A scribe that does not read: what was taken is the beginning, and the door never waits.
    #[test]
    fn a_full_post_takes_nothing_more() {
        let told = Arc::new(Mutex::new(Vec::new()));
        let heard = told.clone();
        let (post, mail) = post(Clock::start(), Arc::new(move |notice| heard.lock().expect("no panic").push(notice)));
        let part = WAITING_MOST / 10;
        (0..12).for_each(|n| post.send(n, What::Said(Side::Client, vec![0; part])));
        let mut taken = Vec::new();
        while let Ok(letter) = mail.at_once() {
            taken.push(letter.door);
        }
        assert_eq!(taken, (0..9).collect::<Vec<_>>());
        // There is room again, and a hole would not be seen.
        post.send(99, What::Said(Side::Client, vec![0; 7]));
        assert!(mail.at_once().is_err());
        let (why, unrecorded) = mail.stopped();
        assert!(why.expect("it has stopped").contains("as fast as it was made"));
        assert_eq!(unrecorded, 3 * part as u64 + 7);
        assert_eq!(told.lock().expect("no panic").len(), 1);
    }
}
