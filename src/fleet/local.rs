//! The bus within one process: maps behind a lock. A shard in a thread speaks through it as an agent on another machine does
//! through NATS.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::Condvar;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;
use std::time::Duration;
use std::time::Instant;

use super::RunId;
use super::bus::Bus;
use super::bus::Entry;
use super::bus::Failed;
use super::bus::Inbox;
use super::bus::Key;
use super::bus::Parcel;
use super::bus::Place;
use super::bus::Timekeeper;
use super::message::Blob;
use crate::wire::clock;

/// A bus that ends with its process.
#[derive(Clone, Default)]
pub struct LocalBus(Arc<Shared>);

#[derive(Default)]
struct Shared {
    held: Mutex<Held>,
    news: Condvar,
}

#[derive(Default)]
struct Held {
    revision: u64,
    values: BTreeMap<Key, Entry>,
    /// Messages by the number under which they came.
    kept: BTreeMap<u64, (Place, Vec<u8>)>,
    places: BTreeSet<Place>,
    timekeepers: BTreeMap<RunId, usize>,
    /// What is large, by its SHA-256.
    blobs: BTreeMap<String, Arc<[u8]>>,
}

impl Held {
    fn put(&mut self, key: &Key, value: &[u8]) -> u64 {
        self.revision += 1;
        self.values.insert(key.clone(), Entry { value: value.to_vec(), revision: self.revision });
        self.revision
    }
}

impl Shared {
    /// What is held stays whole even if a holder of the lock panicked: each change is one call.
    fn hold(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Bus for LocalBus {
    fn create(&self, key: &Key, value: &[u8]) -> Result<u64, Failed> {
        let mut held = self.0.hold();
        if held.values.contains_key(key) { Err(Failed::Changed) } else { Ok(held.put(key, value)) }
    }

    fn change(&self, key: &Key, value: &[u8], revision: u64) -> Result<u64, Failed> {
        let mut held = self.0.hold();
        let is_same = held.values.get(key).is_some_and(|entry| entry.revision == revision);
        if is_same { Ok(held.put(key, value)) } else { Err(Failed::Changed) }
    }

    fn get(&self, key: &Key) -> Result<Option<Entry>, Failed> {
        Ok(self.0.hold().values.get(key).cloned())
    }

    fn send(&self, place: Place, bytes: &[u8]) -> Result<(), Failed> {
        let mut held = self.0.hold();
        if held.places.insert(place) {
            held.revision += 1;
            let number = held.revision;
            held.kept.insert(number, (place, bytes.to_vec()));
            self.0.news.notify_all();
        }
        Ok(())
    }

    fn inbox(&self, run: RunId) -> Result<Box<dyn Inbox>, Failed> {
        Ok(Box::new(LocalInbox { shared: self.0.clone(), run, from: 0 }))
    }

    fn keep_time(&self, run: RunId) -> Result<Box<dyn Timekeeper>, Failed> {
        *self.0.hold().timekeepers.entry(run).or_default() += 1;
        Ok(Box::new(LocalTime { shared: self.0.clone(), run }))
    }

    fn keep(&self, blob: &Blob, bytes: &[u8]) -> Result<(), Failed> {
        self.0.hold().blobs.entry(blob.sha256.clone()).or_insert_with(|| bytes.into());
        Ok(())
    }

    fn kept(&self, blob: &Blob) -> Result<Vec<u8>, Failed> {
        let found = self.0.hold().blobs.get(&blob.sha256).cloned();
        let found = found.ok_or_else(|| Failed::Refused(format!("{} is not kept here", blob.sha256)))?;
        Ok(found.iter().copied().take(usize::try_from(blob.bytes).unwrap_or(usize::MAX)).collect())
    }

    fn ask_time(&self, run: RunId) -> Result<u64, Failed> {
        match self.0.hold().timekeepers.get(&run) {
            Some(n) if *n > 0 => Ok(clock::realtime()),
            _ => Err(Failed::Unreachable("nobody answers after the time of this run".into())),
        }
    }
}

struct LocalInbox {
    shared: Arc<Shared>,
    run: RunId,
    /// Messages below this number were fetched here.
    from: u64,
}

impl Inbox for LocalInbox {
    fn fetch(&mut self, most: usize, wait: Duration) -> Result<Vec<Parcel>, Failed> {
        let until = Instant::now() + wait;
        let mut held = self.shared.hold();
        loop {
            let own = held.kept.range(self.from..).filter(|(_, (place, _))| place.run == self.run).take(most);
            let parcels: Vec<Parcel> = own.map(|(ticket, (_, bytes))| Parcel { ticket: *ticket, bytes: bytes.clone() }).collect();
            if let Some(last) = parcels.last() {
                self.from = last.ticket + 1;
                return Ok(parcels);
            }
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok(parcels);
            }
            held = self.shared.news.wait_timeout(held, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    fn acknowledge(&mut self, tickets: &[u64]) -> Result<(), Failed> {
        let mut held = self.shared.hold();
        for ticket in tickets {
            if let Some((place, _)) = held.kept.remove(ticket) {
                held.places.remove(&place);
            }
        }
        Ok(())
    }
}

struct LocalTime {
    shared: Arc<Shared>,
    run: RunId,
}

impl Timekeeper for LocalTime {}

impl Drop for LocalTime {
    fn drop(&mut self) {
        if let Some(n) = self.shared.hold().timekeepers.get_mut(&self.run) {
            *n -= 1;
        }
    }
}
