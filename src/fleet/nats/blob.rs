//! What is too large for a message: an object store of the server, whose objects are named by their SHA-256.

use std::time::Duration;

use async_nats::jetstream::object_store::InfoErrorKind;
use async_nats::jetstream::object_store::ObjectStore;
use tokio::io::AsyncReadExt as _;

use super::NatsBus;
use super::words;
use crate::fleet::bus::Failed;
use crate::fleet::message::Blob;

/// Name of the object store, and of the stream that it is.
const STORE: &str = "VOLLEY_BLOB";
pub(super) const BLOB: &str = "OBJ_VOLLEY_BLOB";
/// How long the whole of it may take on its way.
const LONG: Duration = Duration::from_secs(120);

async fn store(bus: &NatsBus) -> Result<ObjectStore, Failed> {
    let found = bus.stream.get_object_store(STORE).await;
    found.map_err(|e| bus.silent(&format!("the store of what is large ({BLOB}; `volley cluster init` makes it): {}", words(&e))))
}

/// Puts it there unless it is there whole.
pub(super) fn put(bus: &NatsBus, blob: &Blob, mut bytes: &[u8]) -> Result<(), Failed> {
    let put = async {
        let store = store(bus).await?;
        if store.info(&blob.sha256).await.is_ok_and(|info| !info.deleted && info.size as u64 == blob.bytes) {
            return Ok(());
        }
        match store.put(blob.sha256.as_str(), &mut bytes).await {
            Ok(_) => Ok(()),
            Err(e) => Err(bus.silent(&format!("keeping {} bytes: {}. `volley cluster purge RUN` makes room", blob.bytes, words(&e)))),
        }
    };
    bus.wait_for(LONG, put)?
}

/// Reads it, and not more than it says.
pub(super) fn get(bus: &NatsBus, blob: &Blob) -> Result<Vec<u8>, Failed> {
    let get = async {
        let store = store(bus).await?;
        let gone = || Failed::Refused(format!("what the plan refers to ({}) is not kept there any more", blob.sha256));
        match store.info(&blob.sha256).await {
            Ok(info) if info.deleted || info.size as u64 != blob.bytes => return Err(gone()),
            Ok(_) => {}
            Err(e) if e.kind() == InfoErrorKind::NotFound => return Err(gone()),
            Err(e) => return Err(bus.silent(&format!("reading what is large: {}", words(&e)))),
        }
        let read = |e: &dyn std::error::Error| bus.silent(&format!("reading what is large: {}", words(e)));
        let object = store.get(&blob.sha256).await.map_err(|e| read(&e))?;
        let mut bytes = Vec::new();
        object.take(blob.bytes + 1).read_to_end(&mut bytes).await.map_err(|e| read(&e))?;
        Ok(bytes)
    };
    bus.wait_for(LONG, get)?
}

/// Removes it, if it is there.
pub(super) async fn remove(bus: &NatsBus, blob: &Blob) {
    if let Ok(store) = store(bus).await {
        // It may be there for another run's sake; that one says so when it misses it.
        let _ = store.delete(&blob.sha256).await;
    }
}
