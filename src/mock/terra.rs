//! The server's side of Terra's streaming: one stream for each developer, its producers submit, its one
//! consumer is sent everything and may ask for what it missed.

use std::collections::BTreeMap;
use std::collections::VecDeque;

use serde_json::Value;
use serde_json::json;

use super::kinds::Kind;
use super::kinds::Violation;
use super::story::Call;
use super::story::Scene;
use super::story::Story;
use super::story::json;
use super::story::now;
use super::world::World;
use crate::units::Nanos;
use crate::units::SECOND;
use crate::wire::accept::Asked;
use crate::wire::accept::Refusal;
use crate::wire::accept::Verdict;

/// How late a heartbeat may be, as a share of the interval.
const LEEWAY: f64 = 1.25;
/// Beats: the deadline of IDENTIFY, and that of the next heartbeat.
const IDENTIFY: u8 = 0;
const HEARTBEAT: u8 = 1;
/// Most tokens minted and not used, and messages kept, unless told otherwise.
const TOKENS: usize = 100_000;
const HISTORY: u64 = 100_000;

/// All streams, and the tokens that lead to them.
#[derive(Debug, Default)]
pub(super) struct Streams {
    streams: BTreeMap<String, Stream>,
    minted: BTreeMap<String, Minted>,
    mints: u64,
}

/// What one developer's producers have submitted.
#[derive(Debug, Default)]
struct Stream {
    consumer: Option<u64>,
    seq: u64,
    history: VecDeque<Dispatched>,
}

#[derive(Debug)]
struct Dispatched {
    seq: u64,
    at: u64,
    message: Value,
}

#[derive(Clone, Debug)]
struct Minted {
    stream: String,
    user: String,
    is_consumer: bool,
}

/// Everybody may connect; who they are they say later.
pub(super) fn verdict(asked: &Asked) -> Verdict {
    match asked.path.as_str() {
        "/connect" => Verdict::Accept(None),
        _ => Verdict::Refuse(Refusal::text(404, "connect to /connect")),
    }
}

/// Mints tokens.
pub(super) fn serve(world: &mut World, call: &Call<'_>) -> Option<(&'static str, Refusal)> {
    let (route, is_consumer) = match (call.method, call.path) {
        ("POST", "/auth/user") => ("/auth/user", false),
        ("POST", "/auth/developer") => ("/auth/developer", true),
        _ => return None,
    };
    let given = |header: &str, setting: &str| {
        let value = (call.header)(header).filter(|value| !value.is_empty())?;
        call.settings.text(setting).is_none_or(|only| only == value).then_some(value)
    };
    let (Some(dev), Some(_)) = (given("dev-id", "dev_id"), given("x-api-key", "api_key")) else {
        return Some((route, json(403, &json!({"message": "bad dev-id or x-api-key"}))));
    };
    let user = call.query.get("id").cloned().unwrap_or_default();
    if !is_consumer && user.is_empty() {
        return Some((route, json(400, &json!({"message": "an id is needed"}))));
    }
    let terra = &mut world.terra;
    terra.mints += 1;
    let token = format!("t.{}.{:08x}", if is_consumer { "dev" } else { "user" }, terra.mints);
    if terra.minted.len() < TOKENS {
        terra.minted.insert(token.clone(), Minted { stream: dev, user, is_consumer });
    }
    world.count("tokens_minted", 1);
    Some((route, json(200, &json!({ "token": token }))))
}

/// One connection.
#[derive(Debug, Default)]
pub(super) struct Terra {
    who: Option<Minted>,
    interval: u64,
    /// When the last heartbeat came, or the connection.
    beaten: u64,
}

impl Terra {
    fn bad(scene: &mut Scene<'_>, what: Violation, code: u16, reason: &str) {
        scene.violated(what);
        scene.close(code, reason);
    }

    fn malformed(scene: &mut Scene<'_>) {
        let code = scene.settings().number("close_malformed", 1007) as u16;
        Terra::bad(scene, Violation::BadData, code, "malformed");
    }

    fn identify(&mut self, scene: &mut Scene<'_>, data: &Value) {
        if self.who.is_some() {
            return Terra::bad(scene, Violation::Again, 4003, "already identified");
        }
        let (Some(token), Some(kind)) = (data["token"].as_str(), data["type"].as_u64()) else { return Terra::malformed(scene) };
        let Some(who) = admitted(scene, token, kind == 1) else {
            return Terra::bad(scene, Violation::BadCredential, 4001, "bad or used token");
        };
        if who.is_consumer {
            let me = scene.me();
            let stream = scene.world.terra.streams.entry(who.stream.clone()).or_default();
            if stream.consumer.is_some() {
                return Terra::bad(scene, Violation::TooMany, 4002, "a consumer is connected already");
            }
            stream.consumer = Some(me);
        }
        self.who = Some(who);
        if scene.odd("dispatch_before_ready") {
            scene.news(Kind::Dispatch, &json!({"op": 5, "d": {"ts": now(), "val": 1e15}, "uid": "early", "seq": 0, "t": "STEPS"}));
        }
        for _ in 0..=u8::from(scene.odd("ready_twice")) {
            scene.answer(Kind::Ready, &json!({"op": 4}));
        }
    }

    fn submit(&self, scene: &mut Scene<'_>, who: &Minted, message: &Value) {
        let data = &message["d"];
        let (is_scalar, is_vector) = (data["val"].is_number(), data["d"].as_array().is_some_and(|d| d.iter().all(Value::is_number)));
        let Some(kind) = message["t"].as_str().filter(|_| is_scalar != is_vector) else { return Terra::malformed(scene) };
        let gap = scene.settings().number("seq_gap", 3);
        let step = 1 + scene.draw(gap + 1);
        let (rounded, copies, reset) = (scene.odd("val_rounded"), 1 + u8::from(scene.odd("seq_dup")), scene.odd("seq_reset"));
        let (at, keep) = (scene.now(), scene.settings().number("history", HISTORY) as usize);
        let stream = scene.world.terra.streams.entry(who.stream.clone()).or_default();
        stream.seq = if reset { step } else { stream.seq + step };
        let stamp = data["ts"].as_str().map_or_else(now, str::to_owned);
        let mut data = data.clone();
        data["ts"] = stamp.into();
        if let (true, Some(val)) = (rounded, data["val"].as_u64()) {
            data["val"] = (val / 10 * 10).into();
        }
        let message = json!({"op": 5, "d": data, "uid": who.user, "seq": stream.seq, "t": kind});
        stream.history.push_back(Dispatched { seq: stream.seq, at, message: message.clone() });
        if stream.history.len() > keep {
            stream.history.pop_front();
        }
        let consumer = stream.consumer;
        scene.world.count("submits", 1);
        match consumer {
            Some(consumer) => {
                scene.world.count("dispatches", u64::from(copies));
                (0..copies).for_each(|_| scene.post(consumer, Kind::Dispatch, &message));
            }
            None => scene.world.count("kept_without_consumer", 1),
        }
    }

    fn replay(scene: &mut Scene<'_>, who: &Minted, data: &Value) {
        let Some(after) = data["after"].as_u64() else { return Terra::malformed(scene) };
        let optional = scene.settings().flag("replay_before_optional", false);
        let before = data["before"].as_u64().unwrap_or(if optional { u64::MAX } else { 0 });
        let (empty, twice, beyond) = (scene.odd("replay_empty"), scene.odd("replay_dup"), scene.odd("replay_out_of_bounds"));
        let ready = scene.now().saturating_sub(scene.settings().time("replay_lag", Nanos::ZERO).0);
        let stream = scene.world.terra.streams.entry(who.stream.clone()).or_default();
        let asked = |d: &&Dispatched| (beyond || d.seq > after) && d.seq < before && d.at <= ready && !empty;
        let lost = stream.history.iter().filter(asked);
        let lost: Vec<Value> = lost.flat_map(|d| std::iter::repeat_n(d.message.clone(), 1 + usize::from(twice))).collect();
        scene.world.count("replayed", lost.len() as u64);
        lost.iter().for_each(|message| scene.answer(Kind::Dispatch, message));
    }

    fn heartbeat(&mut self, scene: &mut Scene<'_>) {
        self.beaten = scene.now();
        if scene.odd("hb_timeout") {
            return scene.close(4005, "no heartbeat came");
        }
        scene.answer(Kind::HeartbeatAck, &json!({"op": 1}));
    }
}

/// Who has `token`: whom it was minted for, which uses it up, or by its own words where such tokens are open.
fn admitted(scene: &mut Scene<'_>, token: &str, as_consumer: bool) -> Option<Minted> {
    let reusable = token.starts_with("rt.");
    let minted = &mut scene.world.terra.minted;
    let who = if reusable { minted.get(token).cloned() } else { minted.remove(token) };
    if let Some(who) = who {
        return (who.is_consumer == as_consumer).then_some(who);
    }
    let open = scene.settings().flag("open_tokens", true);
    let fits = token.starts_with(if as_consumer { "consumer-" } else { "producer-" });
    let stream = token.rsplit_once("-group-").map_or("all", |(_, group)| group);
    (open && fits).then(|| Minted { stream: format!("group {stream}"), user: token.to_owned(), is_consumer: as_consumer })
}

impl Story for Terra {
    fn opened(&mut self, scene: &mut Scene<'_>) {
        self.interval = scene.settings().time("heartbeat_interval", Nanos::from_secs(40)).0.max(1);
        self.beaten = scene.now();
        let said: Value = if scene.odd("hello_zero_interval") {
            0.into()
        } else if scene.odd("hello_huge") {
            u64::MAX.into()
        } else {
            (self.interval / 1_000_000).into()
        };
        let times = if scene.odd("hello_missing") { 0 } else { 1 + u8::from(scene.odd("hello_twice")) };
        (0..times).for_each(|_| scene.news(Kind::Hello, &json!({"op": 2, "d": {"heartbeat_interval": said}})));
        let within = scene.settings().time("identify_within", Nanos(15 * SECOND));
        scene.wake(within.0, IDENTIFY);
        scene.wake((self.interval as f64 * LEEWAY) as u64, HEARTBEAT);
    }

    fn text(&mut self, scene: &mut Scene<'_>, message: Option<&Value>) {
        let Some(message) = message else {
            let code = scene.settings().number("close_malformed", 1007) as u16;
            return scene.close(code, "malformed");
        };
        let Some(op) = message["op"].as_u64() else {
            scene.received(Kind::Unparsed);
            return Terra::malformed(scene);
        };
        let kind = match op {
            0 => Kind::Heartbeat,
            3 => Kind::Identify,
            6 => Kind::Submit,
            7 => Kind::Replay,
            _ => Kind::UnknownRequest,
        };
        scene.received(kind);
        match (kind, self.who.clone()) {
            (Kind::Heartbeat, _) => self.heartbeat(scene),
            (Kind::Identify, _) => self.identify(scene, &message["d"]),
            (Kind::UnknownRequest, _) => Terra::bad(scene, Violation::UnknownKind, 4004, "unknown opcode"),
            (_, None) => Terra::bad(scene, Violation::TooEarly, 4000, "identify first"),
            (Kind::Submit, Some(who)) if !who.is_consumer => self.submit(scene, &who, message),
            (Kind::Replay, Some(who)) if who.is_consumer => Terra::replay(scene, &who, &message["d"]),
            (_, Some(_)) => Terra::bad(scene, Violation::WrongRole, 4004, "not for this role"),
        }
    }

    fn binary(&mut self, scene: &mut Scene<'_>, _: &[u8]) {
        scene.received(Kind::Unparsed);
        Terra::malformed(scene);
    }

    fn beat(&mut self, scene: &mut Scene<'_>, beat: u8) {
        if beat == IDENTIFY {
            if self.who.is_none() {
                Terra::bad(scene, Violation::TooEarly, 4000, "no IDENTIFY came");
            }
            return;
        }
        let due = self.beaten + (self.interval as f64 * LEEWAY) as u64;
        match due.checked_sub(scene.now()).filter(|left| *left > 0) {
            Some(left) => scene.wake(left, HEARTBEAT),
            None => Terra::bad(scene, Violation::HeartbeatMissed, 4005, "no heartbeat came"),
        }
    }

    fn gone(&mut self, world: &mut World, me: u64) {
        let Some(who) = &self.who else { return };
        if let Some(stream) = world.terra.streams.get_mut(&who.stream)
            && stream.consumer == Some(me)
        {
            stream.consumer = None;
        }
    }
}
