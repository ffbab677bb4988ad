//! The bus over NATS: two buckets of keys and one stream of JetStream, and a subject for the time.
//!
//! | thing | name | subjects |
//! |---|---|---|
//! | plans and states | stream `KV_VOLLEY_PLAN` | `$KV.VOLLEY_PLAN.>`; controllers write |
//! | claims | stream `KV_VOLLEY_CLAIM` | `$KV.VOLLEY_CLAIM.>`; agents write |
//! | snapshots | stream `VOLLEY_SNAP` | `volley.v1.snap.RUN.SHARD.EPOCH`; agents write |
//! | large parts of plans | stream `OBJ_VOLLEY_BLOB` | `$O.VOLLEY_BLOB.>`, an object store; controllers write |
//! | time | none | `volley.v1.time.RUN`; a question and its answer |
//!
//! Only what servers from 2.9 on have is used: no age of single keys, no filter of several subjects, no account query, and
//! after a stream was made, what the server made of it is compared with what was asked for. A key changes by the expected last
//! sequence of its subject. The client lives on a runtime in a thread of its own; calls wait for it, each for a bounded time.

mod blob;
mod inbox;
mod setup;
mod time;

use std::future::Future;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::thread;
use std::time::Duration;

use async_nats::Client;
use async_nats::ConnectOptions;
use async_nats::Event;
use async_nats::connection::State;
use async_nats::jetstream::Context;
use async_nats::jetstream::context::PublishError;
use async_nats::jetstream::context::PublishErrorKind;
use async_nats::jetstream::message::PublishMessage;
use async_nats::jetstream::stream::DirectGetErrorKind;
use tokio::runtime::Handle;

use super::RunId;
use super::bus::Bus;
use super::bus::Entry;
use super::bus::Failed;
use super::bus::Inbox;
use super::bus::Key;
use super::bus::Place;
use super::bus::Timekeeper;
use super::message::Blob;
pub use setup::Found;
pub use setup::Storage;

/// The stream of plans and states, as a bucket of keys.
const PLAN: &str = "KV_VOLLEY_PLAN";
/// The stream of claims, as a bucket of keys.
const CLAIM: &str = "KV_VOLLEY_CLAIM";
/// The stream of snapshots.
const SNAP: &str = "VOLLEY_SNAP";
/// Longest wait for any answer.
const WAIT: Duration = Duration::from_secs(5);
/// The oldest server that has what is needed.
const OLDEST: (i64, i64, i64) = (2, 9, 0);

/// How a server is reached.
#[derive(Clone, Debug, Default)]
pub struct Way {
    /// `nats://host:port` or `tls://host:port`; several by commas.
    pub url: String,
    /// Certificates to trust besides those of the system (PEM).
    pub ca: Option<PathBuf>,
    /// Seed of an nkey, which proves who we are.
    pub nkey: Option<String>,
    /// A creds file with a JWT and its key.
    pub creds: Option<PathBuf>,
    /// Name that the server shows for this connection.
    pub name: String,
    /// What the subjects of answers to us begin with.
    pub inbox: String,
}

/// A connection to NATS.
pub struct NatsBus {
    client: Client,
    stream: Context,
    runtime: Handle,
    /// What the server said last that it did not allow; it answers nothing to the one who asked.
    denied: Arc<Mutex<Option<String>>>,
    /// Ends the runtime when dropped.
    _end: tokio::sync::oneshot::Sender<()>,
}

impl NatsBus {
    /// Connects and looks at the server's version.
    ///
    /// # Errors
    /// Whom it could not reach, why, and what to do.
    pub fn connect(way: &Way) -> Result<NatsBus, String> {
        let (end, ended) = tokio::sync::oneshot::channel::<()>();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(|e| format!("a runtime: {e}"))?;
        let handle = runtime.handle().clone();
        let run = move || runtime.block_on(async { drop(ended.await) });
        thread::Builder::new().name("nats".into()).spawn(run).map_err(|e| format!("a thread: {e}"))?;
        let denied = Arc::new(Mutex::new(None));
        let client = handle.block_on(connected(way, denied.clone()))?;
        let info = client.server_info();
        if !client.is_server_compatible(OLDEST.0, OLDEST.1, OLDEST.2) {
            return Err(format!("the NATS server at {} is {}; 2.9 or newer is needed", way.url, info.version));
        }
        // It begins tasks of its own.
        let mut stream = handle.block_on(async { async_nats::jetstream::new(client.clone()) });
        stream.set_timeout(WAIT);
        Ok(NatsBus { client, stream, runtime: handle, denied, _end: end })
    }

    /// Version of the server.
    pub fn version(&self) -> String {
        self.client.server_info().version
    }

    /// Waits for an answer, [`WAIT`] and a little at most.
    fn wait<T>(&self, answer: impl Future<Output = T>) -> Result<T, Failed> {
        self.wait_for(WAIT + Duration::from_secs(1), answer)
    }

    /// Waits for an answer for so long.
    fn wait_for<T>(&self, most: Duration, answer: impl Future<Output = T>) -> Result<T, Failed> {
        let bounded = async { tokio::time::timeout(most, answer).await };
        self.runtime.block_on(bounded).map_err(|_| self.silent("nothing was answered"))
    }

    /// Why there was no answer: what was denied, if anything was, else `what`.
    fn silent(&self, what: &str) -> Failed {
        match self.denied.lock().unwrap_or_else(PoisonError::into_inner).take() {
            Some(denied) => Failed::Refused(format!("the NATS server does not allow it: {denied}")),
            None => Failed::Unreachable(format!("NATS: {what}")),
        }
    }

    fn published(&self, subject: String, message: PublishMessage) -> Result<u64, Failed> {
        let publish = async { self.stream.send_publish(subject, message).await?.await };
        self.wait(publish)?.map(|ack| ack.sequence).map_err(|e| self.unpublished(&e))
    }

    fn unpublished(&self, error: &PublishError) -> Failed {
        match error.kind() {
            PublishErrorKind::WrongLastSequence => Failed::Changed,
            PublishErrorKind::TimedOut | PublishErrorKind::BrokenPipe | PublishErrorKind::MaxAckPending => {
                self.silent(&format!("publishing: {error}"))
            }
            PublishErrorKind::StreamNotFound => Failed::Unreachable(
                "NATS: nobody keeps what is published; either JetStream is starting, or `volley cluster init` was not done there".into(),
            ),
            _ => match error.to_string() {
                full if full.contains("maximum bytes") || full.contains("maximum messages") || full.contains("resource") => {
                    Failed::Unreachable(format!("NATS has no room left: {full}. `volley cluster purge RUN` makes some"))
                }
                other => Failed::Refused(format!("NATS: {other}")),
            },
        }
    }
}

/// Connects, within bounds.
async fn connected(way: &Way, denied: Arc<Mutex<Option<String>>>) -> Result<Client, String> {
    let mut options = ConnectOptions::new()
        .name(&way.name)
        .custom_inbox_prefix(&way.inbox)
        .connection_timeout(WAIT)
        .request_timeout(Some(WAIT))
        .ping_interval(Duration::from_secs(5))
        .reconnect_delay_callback(|attempt| Duration::from_millis((50 * attempt as u64).min(1_000)))
        .event_callback(move |event| {
            let denied = denied.clone();
            async move {
                if let Event::ServerError(error) = event {
                    *denied.lock().unwrap_or_else(PoisonError::into_inner) = Some(crate::units::printable(&error.to_string(), 200));
                }
            }
        });
    if let Some(ca) = &way.ca {
        options = options.add_root_certificates(ca.clone());
    }
    if let Some(seed) = &way.nkey {
        options = options.nkey(seed.clone());
    }
    if let Some(creds) = &way.creds {
        options = options.credentials_file(creds).await.map_err(|e| format!("the creds file {}: {e}", creds.display()))?;
    }
    let servers: Vec<&str> = way.url.split(',').collect();
    let connect = tokio::time::timeout(2 * WAIT, options.connect(servers)).await;
    match connect {
        Ok(Ok(client)) => Ok(client),
        Ok(Err(e)) => Err(format!("NATS at {} is not reached: {}. Is nats-server running there?", way.url, words(&e))),
        Err(_) => Err(format!("NATS at {} did not answer in {} s. Is it a NATS server?", way.url, 2 * WAIT.as_secs())),
    }
}

/// An error with what caused it.
fn words(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        let more = inner.to_string();
        if !text.contains(&more) {
            text = format!("{text}: {more}");
        }
        cause = inner.source();
    }
    crate::units::printable(&text, 300)
}

/// The stream of a key, and its subject.
fn address(key: &Key) -> (&'static str, String) {
    let stream = if key.is_claim() { CLAIM } else { PLAN };
    (stream, format!("$KV.{}.{key}", &stream[3..]))
}

impl Bus for NatsBus {
    fn create(&self, key: &Key, value: &[u8]) -> Result<u64, Failed> {
        self.change(key, value, 0)
    }

    fn change(&self, key: &Key, value: &[u8], revision: u64) -> Result<u64, Failed> {
        let (stream, subject) = address(key);
        let message = PublishMessage::build().expected_stream(stream).expected_last_subject_sequence(revision);
        self.published(subject, message.payload(value.to_vec().into()))
    }

    fn get(&self, key: &Key) -> Result<Option<Entry>, Failed> {
        let (stream, subject) = address(key);
        let get = async {
            let stream = self.stream.get_stream_no_info(stream).await.map_err(|e| Failed::Refused(format!("NATS: {e}")))?;
            match stream.direct_get_last_for_subject(subject).await {
                Ok(message) => Ok(Some(Entry { value: message.payload.to_vec(), revision: message.sequence })),
                Err(e) if e.kind() == DirectGetErrorKind::NotFound => Ok(None),
                Err(e) => Err(self.silent(&format!("reading: {}", words(&e)))),
            }
        };
        self.wait(get)?
    }

    fn send(&self, place: Place, bytes: &[u8]) -> Result<(), Failed> {
        let Place { run, shard, epoch, seq } = place;
        let message = PublishMessage::build().expected_stream(SNAP).message_id(format!("{run}/{shard}/{epoch}/{seq}"));
        self.published(format!("volley.v1.snap.{run}.{shard}.{epoch}"), message.payload(bytes.to_vec().into())).map(drop)
    }

    fn room(&self) -> Result<Option<u64>, Failed> {
        self.free()
    }

    fn inbox(&self, run: RunId) -> Result<Box<dyn Inbox>, Failed> {
        inbox::open(self, run)
    }

    fn keep_time(&self, run: RunId) -> Result<Box<dyn Timekeeper>, Failed> {
        time::keep(self, run)
    }

    fn ask_time(&self, run: RunId) -> Result<u64, Failed> {
        time::ask(self, run)
    }

    fn keep(&self, blob: &Blob, bytes: &[u8]) -> Result<(), Failed> {
        blob::put(self, blob, bytes)
    }

    fn kept(&self, blob: &Blob) -> Result<Vec<u8>, Failed> {
        blob::get(self, blob)
    }

    fn is_reached(&self) -> bool {
        self.client.connection_state() == State::Connected
    }
}
