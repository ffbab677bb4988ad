//! Device pairing: a session made over HTTP, a screen that waits on a WebSocket, a companion that acts over HTTP.

use std::collections::BTreeMap;

use serde_json::Value;
use serde_json::json;

use super::kinds::Kind;
use super::kinds::Violation;
use super::story::Call;
use super::story::Scene;
use super::story::Story;
use super::story::json;
use super::story::later;
use super::story::now;
use super::world::World;
use crate::units::Nanos;
use crate::units::SECOND;
use crate::wire::accept::Asked;
use crate::wire::accept::Refusal;
use crate::wire::accept::Verdict;

const BASE: &str = "/api/v1/auth/device-pairing";
/// How long a session lives unless told otherwise.
const LIFE: Nanos = Nanos(300 * SECOND);
/// Most sessions.
const SESSIONS: usize = 100_000;

/// All sessions.
#[derive(Debug, Default)]
pub(super) struct Sessions {
    sessions: BTreeMap<String, Session>,
    made: u64,
}

#[derive(Debug)]
struct Session {
    made: u64,
    socket: Option<u64>,
    status: &'static str,
}

pub(super) fn verdict(asked: &Asked) -> Verdict {
    match asked.path.strip_prefix(BASE).is_some_and(|rest| rest.starts_with("/ws/")) {
        true => Verdict::Accept(None),
        false => Verdict::Refuse(Refusal::text(404, "Not Found")),
    }
}

/// The HTTP side.
pub(super) fn serve(world: &mut World, call: &Call<'_>) -> Option<(&'static str, Refusal)> {
    let rest = call.path.strip_prefix(BASE)?;
    let id = call.body["session_id"].as_str().unwrap_or_default().to_owned();
    let gone = || json(404, &json!({"detail": "Session not found or expired"}));
    Some(match (call.method, rest) {
        ("POST", "/init") => ("/init", init(world, call)),
        ("POST", "/verify") => {
            let known = call.body["token"].is_string() && alive(world, call, &id).is_some();
            ("/verify", if known { json(200, &json!({"valid": true})) } else { gone() })
        }
        ("POST", "/companion-connect") => ("/companion-connect", companion(world, call, &id).unwrap_or_else(gone)),
        ("POST", "/complete") => ("/complete", complete(world, call, &id).unwrap_or_else(gone)),
        ("POST", "/complete-oauth") => ("/complete-oauth", json(501, &json!({"detail": "Not implemented"}))),
        ("GET", rest) if rest.starts_with("/status/") => {
            let status = alive(world, call, rest.trim_start_matches("/status/")).map(|session| session.status);
            ("/status/{id}", status.map_or_else(gone, |status| json(200, &json!({ "status": status }))))
        }
        ("DELETE", rest) => {
            let removed = world.pairing.sessions.remove(rest.trim_start_matches('/'));
            ("/{id}", if removed.is_some() { json(200, &json!({"deleted": true})) } else { gone() })
        }
        _ => return None,
    })
}

fn init(world: &mut World, call: &Call<'_>) -> Refusal {
    let pairing = &mut world.pairing;
    if pairing.sessions.len() >= SESSIONS {
        pairing.sessions.pop_first();
    }
    pairing.made += 1;
    let id = format!("p{:08x}", pairing.made);
    pairing.sessions.insert(id.clone(), Session { made: call.now, socket: None, status: "waiting" });
    world.count("sessions", 1);
    let life = call.settings.time("life", LIFE);
    json(
        200,
        &json!({"session_id": id, "qr_code_data": format!("volley:{id}"), "expires_at": later(life), "ws_url": format!("{BASE}/ws/{id}")}),
    )
}

fn alive<'w>(world: &'w mut World, call: &Call<'_>, id: &str) -> Option<&'w mut Session> {
    let life = call.settings.time("life", LIFE);
    world.pairing.sessions.get_mut(id).filter(|session| call.now < session.made + life.0)
}

fn companion(world: &mut World, call: &Call<'_>, id: &str) -> Option<Refusal> {
    let session = alive(world, call, id)?;
    session.status = "companion_connected";
    let device = &call.body["device_type"];
    let said = match call.docs {
        true => json!({"type": "companion_connected", "device_type": device}),
        false => json!({"type": "companion_connected", "device_info": {"device_type": device, "browser": call.body["browser"],
            "connected_at": now()}}),
    };
    if let Some(socket) = session.socket {
        world.post(socket, Kind::CompanionConnected, &said, 0);
    }
    Some(json(200, &json!({"success": true})))
}

fn complete(world: &mut World, call: &Call<'_>, id: &str) -> Option<Refusal> {
    let session = alive(world, call, id)?;
    let good = call.body["email"].is_string() && call.body["password"].as_str().is_some_and(|password| password != "wrong");
    session.status = if good { "success" } else { "failed" };
    let socket = session.socket;
    let (kind, said) = match (good, call.docs) {
        (true, true) => (Kind::PairingSuccess, json!({"type": "pairing_success", "access_token": "reference-token", "user": {"id": "u1"}})),
        (true, false) => (Kind::PairingSuccess, json!({"type": "pairing_success", "token": "reference-token", "user": {"id": "u1"}})),
        (false, _) => (Kind::PairingFailed, json!({"type": "pairing_failed", "reason": "Invalid credentials"})),
    };
    if let Some(socket) = socket {
        world.post(socket, Kind::Authenticating, &json!({"type": "authenticating"}), 0);
        world.post(socket, kind, &said, 0);
    }
    world.count(if good { "paired" } else { "not_paired" }, 1);
    Some(if good { json(200, &json!({"success": true})) } else { json(401, &json!({"detail": "Invalid credentials"})) })
}

/// The waiting screen.
#[derive(Debug)]
pub(super) struct Device {
    id: String,
}

impl Device {
    pub(super) fn new(path: &str) -> Self {
        Device { id: path.rsplit('/').next().unwrap_or_default().to_owned() }
    }
}

impl Story for Device {
    fn opened(&mut self, scene: &mut Scene<'_>) {
        let (me, at, life) = (scene.me(), scene.now(), scene.settings().time("life", LIFE));
        let session = scene.world.pairing.sessions.get_mut(&self.id).filter(|session| at < session.made + life.0);
        let Some(session) = session else {
            scene.news(Kind::Error, &json!({"type": "error", "message": "Session not found or expired"}));
            return scene.close(1000, "");
        };
        let left = session.made + life.0 - at;
        let before = session.socket.replace(me);
        if let Some(other) = before {
            scene.close_other(other, 1000, "replaced");
        }
        scene.wake(left, 0);
        let mut connected = json!({"type": "connected", "session_id": self.id});
        if !scene.is_docs() {
            connected["expires_at"] = later(Nanos(left)).into();
        }
        scene.news(Kind::Connected, &connected);
    }

    fn text(&mut self, scene: &mut Scene<'_>, message: Option<&Value>) {
        let Some(message) = message else { return scene.end() };
        let kind = match message["type"].as_str() {
            Some("ping") => Kind::Ping,
            Some("refresh") => Kind::Refresh,
            _ => Kind::UnknownRequest,
        };
        scene.received(kind);
        match kind {
            Kind::Ping => scene.answer(Kind::Pong, &json!({"type": "pong"})),
            Kind::Refresh => {
                let status = scene.world.pairing.sessions.get(&self.id).map_or("expired", |session| session.status);
                scene.answer(Kind::Connected, &json!({"type": "connected", "session_id": self.id, "status": status}));
            }
            _ => scene.violated(Violation::UnknownKind),
        }
    }

    fn binary(&mut self, scene: &mut Scene<'_>, _: &[u8]) {
        scene.received(Kind::Unparsed);
        scene.violated(Violation::WrongFrame);
        scene.end();
    }

    fn beat(&mut self, scene: &mut Scene<'_>, _: u8) {
        scene.news(Kind::SessionExpired, &json!({"type": "session_expired"}));
        scene.close(1000, "");
    }

    fn gone(&mut self, world: &mut World, me: u64) {
        if let Some(session) = world.pairing.sessions.get_mut(&self.id).filter(|session| session.socket == Some(me)) {
            session.socket = None;
        }
    }
}
