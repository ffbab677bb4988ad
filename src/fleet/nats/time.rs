//! The time of a run's controller, asked and answered.

use std::time::Duration;

use futures_util::StreamExt as _;

use super::NatsBus;
use crate::fleet::RunId;
use crate::fleet::bus::Failed;
use crate::fleet::bus::Timekeeper;
use crate::wire::clock;

/// How long one answer is waited for.
const ANSWER: Duration = Duration::from_secs(2);

fn subject(run: RunId) -> String {
    format!("volley.v1.time.{run}")
}

struct Keeper(tokio::task::JoinHandle<()>);

impl Timekeeper for Keeper {}

impl Drop for Keeper {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Answers until what is returned is dropped.
pub(super) fn keep(bus: &NatsBus, run: RunId) -> Result<Box<dyn Timekeeper>, Failed> {
    let subscribed = async {
        let subscribed = bus.client.subscribe(subject(run)).await;
        // So that an agent which hears of the run finds somebody to ask.
        bus.client.flush().await.ok();
        subscribed
    };
    let mut questions = bus.wait(subscribed)?.map_err(|e| bus.silent(&e.to_string()))?;
    let client = bus.client.clone();
    let answer = async move {
        while let Some(question) = questions.next().await {
            let Some(reply) = question.reply else { continue };
            // An answer that is lost is asked for again.
            let _ = client.publish(reply, clock::realtime().to_string().into()).await;
        }
    };
    Ok(Box::new(Keeper(bus.runtime.spawn(answer))))
}

/// Asks once.
pub(super) fn ask(bus: &NatsBus, run: RunId) -> Result<u64, Failed> {
    let asked = async { tokio::time::timeout(ANSWER, bus.client.request(subject(run), bytes::Bytes::new())).await };
    match bus.wait(asked)? {
        Ok(Ok(answer)) => std::str::from_utf8(&answer.payload)
            .ok()
            .and_then(|text| text.parse().ok())
            .ok_or_else(|| Failed::Refused("what was answered is no time".into())),
        Ok(Err(e)) => Err(bus.silent(&format!("asking for the time: {e}"))),
        Err(_) => Err(bus.silent("nobody answers after the time of this run")),
    }
}
