//! What has to be there before the first run: made once, looked at, cleared.

use std::time::Duration;

use async_nats::jetstream::stream::Config;
use async_nats::jetstream::stream::DiscardPolicy;
use async_nats::jetstream::stream::Info;
use async_nats::jetstream::stream::RetentionPolicy;
use async_nats::jetstream::stream::StorageType;

use super::CLAIM;
use super::NatsBus;
use super::PLAN;
use super::SNAP;
use super::blob;
use super::blob::BLOB;
use super::inbox;
use super::words;
use crate::fleet::RunId;
use crate::fleet::bus::Bus as _;
use crate::fleet::bus::Failed;
use crate::fleet::bus::Key;
use crate::fleet::message::Blob;
use crate::fleet::message::Message as _;
use crate::fleet::message::PlanMessage;

const DAY: Duration = Duration::from_secs(24 * 3_600);

/// How much is kept, and how often.
#[derive(Clone, Copy, Debug)]
pub struct Storage {
    /// Most bytes of snapshots.
    pub bytes: u64,
    /// Copies on different servers.
    pub replicas: usize,
}

/// What there is of a stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// Its name.
    pub name: &'static str,
    /// Messages and bytes in it, and most bytes; `None` when it is not there.
    pub held: Option<(u64, u64, i64)>,
}

fn bucket(name: &str, history: i64, replicas: usize) -> Config {
    Config {
        name: name.into(),
        subjects: vec![format!("$KV.{}.>", &name[3..])],
        max_messages_per_subject: history,
        max_age: 7 * DAY,
        max_message_size: 1 << 20,
        allow_rollup: true,
        allow_direct: true,
        deny_delete: true,
        ..common(256 << 20, replicas)
    }
}

fn common(bytes: u64, replicas: usize) -> Config {
    Config {
        retention: RetentionPolicy::Limits,
        storage: StorageType::File,
        // A full stream refuses what is new, which is seen, instead of losing what is old.
        discard: DiscardPolicy::New,
        max_bytes: i64::try_from(bytes).unwrap_or(i64::MAX),
        num_replicas: replicas,
        duplicate_window: Duration::from_secs(120),
        ..Config::default()
    }
}

fn streams(storage: Storage) -> [Config; 4] {
    let snap = Config {
        name: SNAP.into(),
        subjects: vec!["volley.v1.snap.>".into()],
        max_age: DAY,
        max_message_size: crate::fleet::snapshot::MOST as i32,
        ..common(storage.bytes, storage.replicas)
    };
    let snap = Config { duplicate_window: Duration::from_secs(600), ..snap };
    let blob = Config {
        name: BLOB.into(),
        subjects: vec!["$O.VOLLEY_BLOB.C.>".into(), "$O.VOLLEY_BLOB.M.>".into()],
        max_age: 7 * DAY,
        max_message_size: 1 << 20,
        allow_rollup: true,
        allow_direct: true,
        ..common(256 << 20, storage.replicas)
    };
    [bucket(PLAN, 16, storage.replicas), bucket(CLAIM, 8, storage.replicas), snap, blob]
}

/// What of `asked` the server made otherwise.
fn differs(asked: &Config, made: &Config) -> Option<String> {
    let same = [
        ("subjects", asked.subjects == made.subjects),
        ("bytes", asked.max_bytes == made.max_bytes),
        ("age", asked.max_age == made.max_age),
        ("history", asked.max_messages_per_subject == made.max_messages_per_subject || asked.max_messages_per_subject == 0),
        ("discard", asked.discard == made.discard),
        ("storage", asked.storage == made.storage),
        ("retention", asked.retention == made.retention),
        ("replicas", asked.num_replicas == made.num_replicas),
        ("direct reads", asked.allow_direct == made.allow_direct),
        ("message size", asked.max_message_size == made.max_message_size),
        ("window of duplicates", asked.duplicate_window == made.duplicate_window),
    ];
    same.iter().find(|(_, is_same)| !is_same).map(|(what, _)| format!("{}: the server has other {what} than were asked for", asked.name))
}

impl NatsBus {
    /// Makes what is not there, and more room where more is asked for; all else that is there has to be as it would be made.
    ///
    /// # Errors
    /// What the server did not make as asked.
    pub fn init(&self, storage: Storage) -> Result<(), Failed> {
        for config in streams(storage) {
            let made = async {
                match self.stream.get_stream(&config.name).await {
                    Ok(stream) if stream.cached_info().config.max_bytes < config.max_bytes => {
                        self.stream.update_stream(&config).await.map_err(|e| words(&e))
                    }
                    Ok(stream) => Ok(stream.cached_info().clone()),
                    Err(_) => {
                        self.stream.create_stream(config.clone()).await.map(|stream| stream.cached_info().clone()).map_err(|e| words(&e))
                    }
                }
            };
            let made: Info = self.wait(made)?.map_err(|e| self.silent(&format!("making {}: {e}", config.name)))?;
            if let Some(what) = differs(&config, &made.config) {
                return Err(Failed::Refused(what));
            }
        }
        Ok(())
    }

    /// Bytes of snapshots that there is room for; `None` when nothing bounds them.
    ///
    /// # Errors
    /// When nothing is answered, or there is no stream for them.
    pub(super) fn free(&self) -> Result<Option<u64>, Failed> {
        let stream = self.wait(self.stream.get_stream(SNAP))?;
        let stream = stream.map_err(|e| self.silent(&format!("{SNAP}: {}; `volley cluster init` makes it", words(&e))))?;
        let info = stream.cached_info();
        Ok(u64::try_from(info.config.max_bytes).ok().map(|most| most.saturating_sub(info.state.bytes)))
    }

    /// What there is.
    ///
    /// # Errors
    /// When nothing is answered.
    pub fn found(&self) -> Result<Vec<Found>, Failed> {
        let look = |name: &'static str| {
            let info = self.wait(self.stream.get_stream(name))?;
            let held = info.ok().map(|stream| {
                let info = stream.cached_info();
                (info.state.messages, info.state.bytes, info.config.max_bytes)
            });
            Ok(Found { name, held })
        };
        [PLAN, CLAIM, SNAP, BLOB].into_iter().map(look).collect()
    }

    /// Clears the snapshots of a run, what waits for its controller, and what is kept beside its plan; how many snapshots there were.
    ///
    /// # Errors
    /// When nothing is answered.
    pub fn purge(&self, run: RunId) -> Result<u64, Failed> {
        let plan = self.get(&Key::Plan(run))?.and_then(|entry| PlanMessage::decode(&entry.value).ok());
        let kept: Vec<Blob> = plan.iter().filter(|plan| plan.check().is_ok()).flat_map(PlanMessage::blobs).cloned().collect();
        let purge = async {
            for kept in &kept {
                blob::remove(self, kept).await;
            }
            let stream = self.stream.get_stream(SNAP).await.map_err(|e| self.silent(&words(&e)))?;
            let purged = stream.purge().filter(format!("volley.v1.snap.{run}.>")).await.map_err(|e| self.silent(&words(&e)))?;
            // It is not there when the run never began.
            let _ = stream.delete_consumer(&inbox::name(run)).await;
            Ok(purged.purged)
        };
        self.wait(purge)?
    }
}
