//! The snapshots of a run as its controller fetches them: a durable consumer, so that another controller can go on.

use std::collections::BTreeMap;
use std::time::Duration;

use async_nats::jetstream::Message;
use async_nats::jetstream::consumer::AckPolicy;
use async_nats::jetstream::consumer::DeliverPolicy;
use async_nats::jetstream::consumer::PullConsumer;
use async_nats::jetstream::consumer::pull::Config;
use async_nats::jetstream::consumer::pull::Stream;
use futures_util::FutureExt as _;
use futures_util::StreamExt as _;
use tokio::runtime::Handle;

use super::NatsBus;
use super::SNAP;
use super::words;
use crate::fleet::RunId;
use crate::fleet::bus::Failed;
use crate::fleet::bus::Inbox;
use crate::fleet::bus::Parcel;

/// How long the server waits for an acknowledgement before it sends again.
const ACK_WAIT: Duration = Duration::from_secs(30);
/// Messages that may await one.
const PENDING: i64 = 2_000;

pub(super) fn name(run: RunId) -> String {
    format!("merge-{run}")
}

/// Makes the consumer of a run. One that is there is of a controller that is gone: what that one had fetched and not
/// acknowledged would come again only after [`ACK_WAIT`], so it is made anew, from what was acknowledged on.
pub(super) fn open(bus: &NatsBus, run: RunId) -> Result<Box<dyn Inbox>, Failed> {
    let config = Config {
        durable_name: Some(name(run)),
        filter_subject: format!("volley.v1.snap.{run}.>"),
        ack_policy: AckPolicy::Explicit,
        ack_wait: ACK_WAIT,
        max_ack_pending: PENDING,
        ..Config::default()
    };
    let deliver_policy = match taken_over(bus, run)? {
        Some(floor) => DeliverPolicy::ByStartSequence { start_sequence: floor + 1 },
        None => DeliverPolicy::All,
    };
    let create = bus.stream.create_consumer_on_stream(Config { deliver_policy, ..config }, SNAP);
    let consumer = bus.wait(create)?.map_err(|e| bus.silent(&format!("a consumer of {SNAP}: {}", words(&e))))?;
    Ok(Box::new(NatsInbox { consumer, runtime: bus.runtime.clone(), stream: None, held: BTreeMap::new(), next: 0 }))
}

/// Removes the consumer that a run has already; up to which message of the stream everything was acknowledged.
fn taken_over(bus: &NatsBus, run: RunId) -> Result<Option<u64>, Failed> {
    let Ok(found) = bus.wait(bus.stream.get_consumer_from_stream::<Config, _, _>(name(run), SNAP))? else { return Ok(None) };
    let removed = bus.wait(bus.stream.delete_consumer_from_stream(name(run), SNAP))?;
    removed.map_err(|e| bus.silent(&format!("a consumer of {SNAP}: {}", words(&e))))?;
    Ok(Some(found.cached_info().ack_floor.stream_sequence))
}

struct NatsInbox {
    consumer: PullConsumer,
    runtime: Handle,
    /// Messages as they come; made anew when it ended.
    stream: Option<Stream>,
    /// Messages that were fetched and are not acknowledged, by ticket.
    held: BTreeMap<u64, Message>,
    next: u64,
}

impl NatsInbox {
    async fn gather(&mut self, most: usize, wait: Duration) -> Result<Vec<Message>, Failed> {
        let gone = |what: String| Failed::Unreachable(format!("NATS: fetching: {what}"));
        if self.stream.is_none() {
            let opened = tokio::time::timeout(super::WAIT, self.consumer.messages()).await;
            self.stream = Some(opened.map_err(|_| gone("nothing was answered".into()))?.map_err(|e| gone(words(&e)))?);
        }
        let Some(stream) = &mut self.stream else { return Ok(Vec::new()) };
        let mut messages = Vec::new();
        let mut next = tokio::time::timeout(wait, stream.next()).await.ok();
        loop {
            match next {
                None => return Ok(messages),
                Some(Some(Ok(message))) => messages.push(message),
                // What was fetched so far is good; the stream is made anew at the next call.
                Some(Some(Err(_)) | None) if !messages.is_empty() => {
                    self.stream = None;
                    return Ok(messages);
                }
                Some(ended) => {
                    self.stream = None;
                    return Err(gone(ended.and_then(Result::err).map_or("it ended".into(), |e| words(&e))));
                }
            }
            if messages.len() >= most {
                return Ok(messages);
            }
            next = stream.next().now_or_never();
        }
    }
}

impl Inbox for NatsInbox {
    fn fetch(&mut self, most: usize, wait: Duration) -> Result<Vec<Parcel>, Failed> {
        let runtime = self.runtime.clone();
        let messages = runtime.block_on(self.gather(most, wait))?;
        let parcel = |message: Message| {
            let ticket = self.next;
            self.next += 1;
            let bytes = message.payload.to_vec();
            self.held.insert(ticket, message);
            Parcel { ticket, bytes }
        };
        Ok(messages.into_iter().map(parcel).collect())
    }

    fn acknowledge(&mut self, tickets: &[u64]) -> Result<(), Failed> {
        let messages: Vec<Message> = tickets.iter().filter_map(|ticket| self.held.remove(ticket)).collect();
        self.runtime.block_on(async {
            for message in &messages {
                message.ack().await.map_err(|e| Failed::Unreachable(format!("NATS: acknowledging: {e}")))?;
            }
            Ok(())
        })
    }
}
