//! The server's side of a conversation: one variant for each protocol, one match for each event.
//!
//! Knows what to answer, not when or how it travels.

use serde_json::Value;

use super::codec::PING;
use super::codec::TEXT;
use super::config::Config;
use super::config::Protocol;
use super::desk::Desk;
use super::kinds::Kind;
use super::kinds::Violation;
use super::line::Line;
use super::openshock;
use super::openshock::OpenShock;
use super::queue::Beat;
use super::story::Scene;
use super::story::Story;
use super::world;
use crate::wire::accept::Asked;
use crate::wire::accept::Verdict;

/// What `echo` says to nobody: a key that no client uses.
const EXTRA_ECHO: &[u8] = br#"{"id":18446744073709551615,"pad":""}"#;

/// Whether `asked` may connect.
pub(super) fn verdict(asked: &Asked, config: &Config) -> Verdict {
    match config.profile {
        Protocol::Echo => {
            let ours = config.settings.subprotocol.as_deref();
            Verdict::Accept(asked.subprotocols().find(|offered| Some(*offered) == ours).map(Into::into))
        }
        Protocol::OpenShockLive => openshock::verdict(asked, &config.settings),
        other => world::verdict(other, asked, config),
    }
}

/// One connection's conversation.
#[derive(Debug)]
pub(super) enum Peer {
    /// Everything comes back as it came.
    Echo,
    /// OpenShock's gateway.
    OpenShock(OpenShock),
    /// One of those that tell each other things.
    Story(Box<dyn Story>),
}

impl Peer {
    /// The conversation of a connection asked for with `path` and `query`, open since `now`.
    pub(super) fn new(protocol: Protocol, path: &str, query: Option<&str>, now: u64) -> Self {
        match (protocol, world::story(protocol, path, query)) {
            (_, Some(story)) => Peer::Story(story),
            (Protocol::OpenShockLive, None) => Peer::OpenShock(OpenShock::new(query, now)),
            (_, None) => Peer::Echo,
        }
    }

    /// Lets a story have its say.
    fn tell(story: &mut dyn Story, desk: &mut Desk, line: &mut Line, say: impl FnOnce(&mut dyn Story, &mut Scene<'_>)) {
        let world = desk.world.clone();
        // A thread that panicked while it held the lock has ended the server.
        if let Ok(mut world) = world.lock() {
            say(story, &mut Scene::new(desk, line, &mut world));
        }
    }

    /// The connection is over.
    pub(super) fn gone(&mut self, desk: &Desk, line: &Line) {
        if let (Peer::Story(story), Ok(mut world)) = (self, desk.world.lock()) {
            story.gone(&mut world, line.token);
        }
    }

    /// The handshake is done.
    pub(super) fn opened(&mut self, desk: &mut Desk, line: &mut Line) {
        match self {
            Peer::Echo if line.quirks.extra => desk.news(line, Kind::Echo, TEXT, EXTRA_ECHO),
            Peer::Echo => {}
            Peer::OpenShock(gateway) => gateway.opened(desk, line),
            Peer::Story(story) => Peer::tell(story.as_mut(), desk, line, |story, scene| story.opened(scene)),
        }
        if let Some(period) = line.quirks.flood_ns {
            desk.wake(line, desk.now + period, Beat::Flood);
        }
    }

    /// A message came.
    pub(super) fn heard(&mut self, desk: &mut Desk, line: &mut Line, opcode: u8, body: &[u8]) {
        match self {
            Peer::Echo => {
                desk.counts.received(Kind::Echo);
                // `ask` sends any text.
                if desk.config.profile == Protocol::Echo && opcode == TEXT && !has_id(body) {
                    desk.counts.violated(Violation::NoId);
                }
                desk.answer(line, Kind::Echo, opcode, body);
            }
            Peer::OpenShock(gateway) => gateway.heard(desk, line, body),
            Peer::Story(story) => Peer::tell(story.as_mut(), desk, line, |story, scene| match opcode {
                TEXT => {
                    let message: Option<Value> = serde_json::from_slice(body).ok();
                    if message.is_none() {
                        scene.received(Kind::Unparsed);
                        scene.violated(Violation::BadJson);
                    }
                    story.text(scene, message.as_ref());
                }
                _ => story.binary(scene, body),
            }),
        }
    }

    /// A beat of this conversation came round; it was due `at`.
    pub(super) fn beat(&mut self, desk: &mut Desk, line: &mut Line, beat: Beat, at: u64) {
        match (self, beat) {
            (Peer::OpenShock(gateway), _) => gateway.beat(desk, line, beat, at),
            (Peer::Story(story), Beat::Story(beat)) => {
                Peer::tell(story.as_mut(), desk, line, |story, scene| story.beat(scene, beat));
            }
            (Peer::Echo | Peer::Story(_), _) => desk.news(line, Kind::WsPing, PING, &at.to_be_bytes()),
        }
        if let (Beat::Flood, Some(period)) = (beat, line.quirks.flood_ns) {
            // Not before the next turn, so that a flood too fast to keep up with cannot hold the lane.
            desk.wake(line, (at + period).max(desk.now + 1), beat);
        }
    }

    /// So many messages that nobody asked for.
    pub(super) fn burst(&mut self, desk: &mut Desk, line: &mut Line, events: u32) {
        for _ in 0..events {
            match self {
                Peer::Echo => desk.news(line, Kind::Echo, TEXT, EXTRA_ECHO),
                Peer::OpenShock(gateway) => gateway.event(desk, line),
                Peer::Story(_) => desk.news(line, Kind::Faulty, TEXT, EXTRA_ECHO),
            }
        }
    }

    /// What the conversation is about has gone offline.
    pub(super) fn offline(&mut self, desk: &mut Desk, line: &mut Line) {
        match self {
            Peer::Echo | Peer::Story(_) => {}
            Peer::OpenShock(gateway) => gateway.offline(desk, line),
        }
    }

    /// Code and reason of the answer to a client's Close.
    pub(super) fn farewell(&self, code: Option<u16>) -> (Option<u16>, &'static str) {
        match self {
            Peer::Echo | Peer::Story(_) => (code, ""),
            Peer::OpenShock(_) => OpenShock::farewell(),
        }
    }
}

/// Whether a text has an `id`; the usual place is looked at first.
fn has_id(body: &[u8]) -> bool {
    body.starts_with(br#"{"id":"#) || body.windows(4).any(|w| w == br#""id""#)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_found() {
        for (text, found) in [(r#"{"id":1,"pad":""}"#, true), (r#"{"pad":"", "id" : 1}"#, true), ("id", false), ("", false)] {
            assert_eq!(has_id(text.as_bytes()), found, "{text}");
        }
    }
}
