//! The channel notification service: channels, their subscribers, and messages published through a plain HTTP
//! request, since clients cannot publish.

use std::collections::BTreeMap;
use std::collections::BTreeSet;

use serde_json::Value;
use serde_json::json;

use super::kinds::Kind;
use super::kinds::Violation;
use super::settings::Settings;
use super::story::Call;
use super::story::Scene;
use super::story::Story;
use super::story::json;
use super::story::now;
use super::story::query;
use super::world::World;
use crate::units::Nanos;
use crate::wire::accept::Asked;
use crate::wire::accept::Refusal;
use crate::wire::accept::Verdict;

/// Beats: the server publishes by itself, and the token expires.
const PUBLISH: u8 = 0;
const EXPIRE: u8 = 1;

/// All channels.
#[derive(Debug, Default)]
pub(super) struct Channels {
    subscribers: BTreeMap<String, BTreeSet<u64>>,
    left: BTreeMap<String, BTreeSet<u64>>,
    everybody: BTreeSet<u64>,
    published: u64,
    /// Messages published by HTTP.
    asked: u64,
}

/// Who may connect.
pub(super) fn verdict(asked: &Asked, settings: &Settings) -> Verdict {
    if asked.path != "/api/ws" {
        return Verdict::Refuse(Refusal::text(404, "Not Found"));
    }
    match query(asked.query.as_deref()).get("token") {
        Some(token) if is_good(token, settings) => Verdict::Accept(None),
        _ if settings.flag("in_band", false) => Verdict::Accept(None),
        _ => Verdict::Refuse(Refusal::text(401, "unauthorized")),
    }
}

fn is_good(token: &str, settings: &Settings) -> bool {
    !token.is_empty() && settings.text("token").is_none_or(|only| only == token)
}

/// `POST /control/publish` with `{type, channel?, data}`: what it reaches is told at once.
pub(super) fn serve(world: &mut World, call: &Call<'_>) -> Option<(&'static str, Refusal)> {
    let ("POST", "/control/publish") = (call.method, call.path) else { return None };
    let route = "/control/publish";
    let kind = match call.body["type"].as_str() {
        Some("chat_message") => Kind::ChatMessage,
        Some("notification") => Kind::Notification,
        Some("status_update") => Kind::StatusUpdate,
        _ => return Some((route, json(400, &json!({"error": "type is chat_message, notification or status_update"})))),
    };
    let channel = call.body["channel"].as_str();
    if kind == Kind::ChatMessage && channel.is_none() {
        return Some((route, json(400, &json!({"error": "a chat_message needs a channel"}))));
    }
    let message = json!({"type": call.body["type"], "data": call.body["data"], "timestamp": now()});
    let (told, leaked) = told(world, channel, call.settings);
    world.notify.asked += 1;
    let misses = call.settings.number("fanout_miss", 0);
    let skipped = usize::from(misses > 0 && world.notify.asked.is_multiple_of(misses));
    let (copies, step) = (call.settings.number("fanout_copies", 1), call.settings.time("fanout_step", Nanos::ZERO));
    for (to, turn) in told.iter().zip(0u64..).skip(skipped).chain(leaked.iter().map(|to| (to, 0))) {
        (0..copies).for_each(|_| world.post(*to, kind, &message, turn * step.0));
    }
    world.count("published", 1);
    world.count("delivered", told.len().saturating_sub(skipped) as u64 * copies);
    world.count("leaked", leaked.len() as u64 * copies);
    Some((route, json(200, &json!({ "delivered": told.len() }))))
}

/// Who is told what goes to `channel`, and who is although he has left.
fn told(world: &World, channel: Option<&str>, settings: &Settings) -> (Vec<u64>, Vec<u64>) {
    let notify = &world.notify;
    let Some(channel) = channel else { return (notify.everybody.iter().copied().collect(), Vec::new()) };
    let of = |all: &BTreeMap<String, BTreeSet<u64>>| all.get(channel).into_iter().flatten().copied().collect::<Vec<_>>();
    let leaked = if settings.flag("leak", false) { of(&notify.left) } else { Vec::new() };
    (of(&notify.subscribers), leaked)
}

/// One connection.
#[derive(Debug)]
pub(super) struct Subscriber {
    token: String,
}

impl Subscriber {
    pub(super) fn new(asked: Option<&str>) -> Self {
        Subscriber { token: query(asked).remove("token").unwrap_or_default() }
    }

    fn error(scene: &mut Scene<'_>, code: &str, text: &str) {
        scene.answer(Kind::Error, &json!({"type": "error", "data": {"code": code, "message": text}, "timestamp": now()}));
    }

    fn subscription(scene: &mut Scene<'_>, message: &Value, joins: bool) {
        let channel = message["data"]["channel"].as_str().filter(|channel| !channel.is_empty());
        let Some(channel) = channel else {
            scene.violated(Violation::Missing);
            return Subscriber::error(scene, "invalid_request", "a channel is needed");
        };
        if channel.starts_with("forbidden:") {
            return Subscriber::error(scene, "subscription_failed", "this channel is not for you");
        }
        let (me, notify) = (scene.me(), &mut scene.world.notify);
        let (into, from) = if joins { (&mut notify.subscribers, &mut notify.left) } else { (&mut notify.left, &mut notify.subscribers) };
        into.entry(channel.to_owned()).or_default().insert(me);
        if let Some(members) = from.get_mut(channel) {
            members.remove(&me);
        }
        if scene.settings().text("sub_ack") != Some("none") {
            let (kind, name) = if joins { (Kind::Subscribed, "subscribed") } else { (Kind::Unsubscribed, "unsubscribed") };
            scene.answer(kind, &json!({"type": name, "data": {"channel": channel}, "timestamp": now()}));
        }
    }

    /// The server has something to say in every channel: the one connection that is the first of all says so.
    fn publish(scene: &mut Scene<'_>, every: Nanos) {
        scene.wake(every.0, PUBLISH);
        if scene.world.notify.everybody.first() != Some(&scene.me()) {
            return;
        }
        scene.world.notify.published += 1;
        let n = scene.world.notify.published;
        let channels: Vec<(String, Vec<u64>)> =
            scene.world.notify.subscribers.iter().map(|(name, all)| (name.clone(), all.iter().copied().collect())).collect();
        for (channel, all) in channels {
            let data = json!({"conversation_id": channel, "sender_id": "server", "content": format!("news {n}")});
            let message = json!({"type": "chat_message", "data": data, "timestamp": now()});
            scene.world.count("delivered", all.len() as u64);
            all.into_iter().for_each(|to| scene.post(to, Kind::ChatMessage, &message));
        }
    }
}

impl Story for Subscriber {
    fn opened(&mut self, scene: &mut Scene<'_>) {
        if !is_good(&self.token, scene.settings()) {
            scene.violated(Violation::BadCredential);
            Subscriber::error(scene, "unauthorized", "authentication failed");
            return scene.close(1008, "unauthorized");
        }
        let me = scene.me();
        scene.world.notify.everybody.insert(me);
        for (setting, beat) in [("publish_every", PUBLISH), ("expire_after", EXPIRE)] {
            let time = scene.settings().time(setting, Nanos::ZERO);
            if time > Nanos::ZERO {
                scene.wake(time.0, beat);
            }
        }
    }

    fn text(&mut self, scene: &mut Scene<'_>, message: Option<&Value>) {
        let Some(message) = message else { return Subscriber::error(scene, "invalid_request", "not JSON") };
        let kind = match message["type"].as_str() {
            Some("subscribe") => Kind::Subscribe,
            Some("unsubscribe") => Kind::Unsubscribe,
            Some("ping") => Kind::Ping,
            _ => Kind::UnknownRequest,
        };
        scene.received(kind);
        match kind {
            Kind::Subscribe | Kind::Unsubscribe => Subscriber::subscription(scene, message, kind == Kind::Subscribe),
            Kind::Ping => {
                let data = if scene.settings().flag("ping_echo", false) { message["data"].clone() } else { json!({}) };
                scene.answer(Kind::Pong, &json!({"type": "pong", "data": data, "timestamp": now()}));
            }
            _ => {
                scene.violated(Violation::UnknownKind);
                Subscriber::error(scene, "invalid_request", "unknown type");
            }
        }
    }

    fn binary(&mut self, scene: &mut Scene<'_>, _: &[u8]) {
        scene.received(Kind::Unparsed);
        scene.violated(Violation::WrongFrame);
        Subscriber::error(scene, "invalid_request", "text is read here");
    }

    fn beat(&mut self, scene: &mut Scene<'_>, beat: u8) {
        if beat == PUBLISH {
            let every = scene.settings().time("publish_every", Nanos::ZERO);
            return Subscriber::publish(scene, every);
        }
        Subscriber::error(scene, "unauthorized", "the token has expired");
        scene.close(1008, "token expired");
    }

    fn gone(&mut self, world: &mut World, me: u64) {
        let notify = &mut world.notify;
        notify.everybody.remove(&me);
        for all in notify.subscribers.values_mut().chain(notify.left.values_mut()) {
            all.remove(&me);
        }
    }
}
