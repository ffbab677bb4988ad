//! The server's side of direct messages. Sockets are kept per user, not per friend: a user with several gets every
//! message as often.

use std::collections::BTreeMap;
use std::collections::BTreeSet;

use serde_json::Value;
use serde_json::json;

use super::kinds::Kind;
use super::kinds::Violation;
use super::story::Scene;
use super::story::Story;
use super::story::now;
use super::story::query;
use super::world::World;
use crate::wire::accept::Asked;
use crate::wire::accept::Refusal;
use crate::wire::accept::Verdict;

/// Messages remembered, for reading and reacting.
const MESSAGES: usize = 100_000;

/// All users, their sockets and their messages.
#[derive(Debug, Default)]
pub(super) struct Users {
    sockets: BTreeMap<String, BTreeSet<u64>>,
    messages: BTreeMap<u64, Sent>,
    next: u64,
}

#[derive(Debug)]
struct Sent {
    author: String,
    reader: String,
    read: bool,
    reactions: BTreeSet<(String, String)>,
}

/// Who may connect: a missing token is refused before the upgrade.
pub(super) fn verdict(asked: &Asked) -> Verdict {
    let is_here = asked.path.starts_with("/api/v1/ws/dm/");
    match (is_here, query(asked.query.as_deref()).contains_key("token")) {
        (false, _) => Verdict::Refuse(Refusal::text(404, "Not Found")),
        (true, false) => Verdict::Refuse(Refusal::text(403, "Forbidden")),
        (true, true) => Verdict::Accept(None),
    }
}

/// One socket of a user, in a conversation with a friend.
#[derive(Debug)]
pub(super) struct User {
    me: String,
    friend: String,
    is_in: bool,
}

impl User {
    pub(super) fn new(path: &str, asked: Option<&str>) -> Self {
        let friend = path.rsplit('/').next().unwrap_or_default().to_owned();
        User { me: query(asked).remove("token").unwrap_or_default(), friend, is_in: false }
    }

    /// Sockets of both sides, or of the friend alone.
    fn told(&self, scene: &Scene<'_>, both: bool) -> Vec<u64> {
        let of = |user: &String| scene.world.dm.sockets.get(user).into_iter().flatten().copied();
        if both && self.me != self.friend { of(&self.me).chain(of(&self.friend)).collect() } else { of(&self.friend).collect() }
    }

    fn error(scene: &mut Scene<'_>, text: &str) {
        let message = match scene.is_docs() {
            true => json!({"type": "error", "code": "internal_error", "message": text}),
            false => json!({"type": "error", "message": text}),
        };
        scene.answer(Kind::Error, &message);
    }

    fn message(&self, scene: &mut Scene<'_>, message: &Value) {
        let text = message["text"].as_str().map(str::trim).filter(|text| !text.is_empty());
        let Some(text) = text else {
            scene.violated(Violation::Missing);
            return User::error(scene, "Empty message");
        };
        let dm = &mut scene.world.dm;
        dm.next += 1;
        let id = dm.next;
        let sent = Sent { author: self.me.clone(), reader: self.friend.clone(), read: false, reactions: BTreeSet::new() };
        dm.messages.insert(id, sent);
        if dm.messages.len() > MESSAGES {
            dm.messages.pop_first();
        }
        let (id, stamp) = (format!("m{id}"), now());
        let said = match scene.is_docs() {
            true => json!({"type": "message", "id": id, "sender_id": self.me, "text": text, "timestamp": stamp}),
            false => json!({"type": "message", "data": {
                "id": id, "sender_id": self.me, "sender_name": self.me, "receiver_id": self.friend, "receiver_name": self.friend,
                "message": text, "display_message": text, "message_type": "text", "source_language": "en", "is_translated": false,
                "translation_available": false, "read": false, "reactions": {}, "timestamp": stamp,
            }}),
        };
        scene.world.count("messages", 1);
        let copies = scene.settings().number("fanout_copies", 1);
        for to in self.told(scene, true) {
            (0..copies).for_each(|_| scene.post(to, Kind::Message, &said));
        }
    }

    fn typing(&self, scene: &mut Scene<'_>) {
        let said = match scene.is_docs() {
            true => json!({"type": "typing", "user_id": self.me}),
            false => json!({"type": "typing", "user_id": self.me, "user_name": self.me, "timestamp": now()}),
        };
        self.told(scene, false).into_iter().for_each(|to| scene.post(to, Kind::Typing, &said));
    }

    /// The message that `message` names, by its number.
    fn named(scene: &mut Scene<'_>, message: &Value) -> Option<u64> {
        let id = message["message_id"].as_str().and_then(|id| id.strip_prefix('m')?.parse().ok());
        if id.is_none() {
            scene.violated(Violation::Missing);
            User::error(scene, "Missing required field: 'message_id'");
        }
        id
    }

    /// A second reading, or one by the author, is passed over in silence.
    fn read(&self, scene: &mut Scene<'_>, message: &Value) {
        let Some(id) = User::named(scene, message) else { return };
        let Some(sent) = scene.world.dm.messages.get_mut(&id).filter(|sent| !sent.read && sent.reader == self.me) else { return };
        sent.read = true;
        let author = sent.author.clone();
        scene.world.count("reads", 1);
        let said = match scene.is_docs() {
            true => json!({"type": "read_receipt", "message_id": message["message_id"]}),
            false => json!({"type": "read", "message_id": message["message_id"], "read_at": now()}),
        };
        let sockets: Vec<u64> = scene.world.dm.sockets.get(&author).into_iter().flatten().copied().collect();
        sockets.into_iter().for_each(|to| scene.post(to, Kind::ReadReceipt, &said));
    }

    /// The same reaction again is passed over in silence.
    fn react(&self, scene: &mut Scene<'_>, message: &Value, adds: bool) {
        let Some(id) = User::named(scene, message) else { return };
        let Some(emoji) = message["emoji"].as_str() else {
            scene.violated(Violation::Missing);
            return User::error(scene, "Missing required field: 'emoji'");
        };
        let Some(sent) = scene.world.dm.messages.get_mut(&id) else { return };
        let reaction = (self.me.clone(), emoji.to_owned());
        let is_new = if adds { sent.reactions.insert(reaction) } else { sent.reactions.remove(&reaction) };
        if !is_new {
            return;
        }
        scene.world.count("reactions", 1);
        let mut said = json!({"type": "reaction", "message_id": message["message_id"], "user_id": self.me, "emoji": emoji});
        if !scene.is_docs() {
            said["action"] = if adds { "add" } else { "remove" }.into();
        }
        self.told(scene, true).into_iter().for_each(|to| scene.post(to, Kind::Reaction, &said));
    }
}

impl Story for User {
    fn opened(&mut self, scene: &mut Scene<'_>) {
        let settings = scene.settings();
        let known = |user: &str| settings.text("known_users").is_none_or(|all| all.split(',').any(|one| one == user));
        let refused = if self.me.is_empty() || settings.text("token").is_some_and(|only| only != self.me) {
            Some((4001, "Invalid token"))
        } else if !known(&self.friend) {
            Some((4004, "Friend not found"))
        } else if !settings.flag("friends", true) {
            Some((4003, "You can only message friends"))
        } else {
            None
        };
        if let Some((code, reason)) = refused {
            return scene.close(code, reason);
        }
        let me = scene.me();
        scene.world.dm.sockets.entry(self.me.clone()).or_default().insert(me);
        self.is_in = true;
        if !scene.is_docs() {
            let said = json!({"type": "connected", "friend_id": self.friend, "friend_name": self.friend, "friend_avatar": null});
            scene.news(Kind::Connected, &said);
        }
    }

    fn text(&mut self, scene: &mut Scene<'_>, message: Option<&Value>) {
        let Some(message) = message else { return User::error(scene, "Invalid JSON") };
        let kind = match message["type"].as_str() {
            Some("message") => Kind::Message,
            Some("typing") => Kind::Typing,
            Some("read") => Kind::Read,
            Some("react" | "unreact") => Kind::React,
            Some("ping") => Kind::Ping,
            _ => Kind::UnknownRequest,
        };
        scene.received(kind);
        match kind {
            Kind::Message => self.message(scene, message),
            Kind::Typing => self.typing(scene),
            Kind::Read => self.read(scene, message),
            Kind::React => self.react(scene, message, message["type"] == "react"),
            Kind::Ping if scene.is_docs() => scene.answer(Kind::Pong, &json!({"type": "pong"})),
            Kind::Ping => scene.answer(Kind::Pong, &json!({"type": "pong", "timestamp": now()})),
            _ => scene.violated(Violation::UnknownKind),
        }
    }

    /// A handler that reads text and gets bytes fails, and the connection drops.
    fn binary(&mut self, scene: &mut Scene<'_>, _: &[u8]) {
        scene.received(Kind::Unparsed);
        scene.violated(Violation::WrongFrame);
        scene.end();
    }

    fn beat(&mut self, _: &mut Scene<'_>, _: u8) {}

    fn gone(&mut self, world: &mut World, me: u64) {
        if !self.is_in {
            return;
        }
        if let Some(sockets) = world.dm.sockets.get_mut(&self.me) {
            sockets.remove(&me);
            if sockets.is_empty() {
                world.dm.sockets.remove(&self.me);
            }
        }
    }
}
