//! LiveStyler's signalling: credential, session, a node that may have to be provisioned, offer and answer,
//! candidates. The descriptions are synthetic.

use serde_json::Value;
use serde_json::json;

use super::kinds::Kind;
use super::kinds::Violation;
use super::story::Scene;
use super::story::Story;
use super::world::World;
use crate::units::Nanos;
use crate::units::SECOND;
use crate::wire::accept::Asked;
use crate::wire::accept::Refusal;
use crate::wire::accept::Verdict;

/// Beats: the deadline of the credential, and the next report of a pending node.
const AUTH: u8 = 0;
const NODE: u8 = 1;
/// Bytes of filler in an answer's description.
const SDP: usize = 2_500;

pub(super) fn verdict(asked: &Asked) -> Verdict {
    match asked.path.as_str() {
        "/client" => Verdict::Accept(None),
        _ => Verdict::Refuse(Refusal::text(404, "Not Found")),
    }
}

/// Where a session stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Standing {
    /// The credential is awaited.
    #[default]
    Stranger,
    /// No session yet.
    Known,
    /// A node is being made ready, since this instant.
    Pending(u64),
    /// A node is ready; whether it had to be made.
    Waiting(bool),
}

/// One connection.
#[derive(Debug, Default)]
pub(super) struct LiveStyler {
    standing: Standing,
    offers: u64,
}

impl LiveStyler {
    /// A bad credential gets no message, only an end.
    fn refuse(scene: &mut Scene<'_>, what: Violation) {
        scene.violated(what);
        if scene.settings().text("auth_fail") == Some("drop") { scene.end() } else { scene.close(1008, "") }
    }

    fn auth(&mut self, scene: &mut Scene<'_>, message: &Value) {
        let credential = message["payload"]["credential"].as_str().unwrap_or_default();
        let good = !credential.is_empty() && scene.settings().text("credential").is_none_or(|only| only == credential);
        if !good {
            return LiveStyler::refuse(scene, Violation::BadCredential);
        }
        self.standing = Standing::Known;
        scene.answer(Kind::AuthSuccess, &json!({"type": "auth_success"}));
    }

    fn session(&mut self, scene: &mut Scene<'_>) {
        if scene.settings().flag("full", false) {
            return scene.answer(Kind::NodeStatus, &json!({"type": "node_status", "status": "full"}));
        }
        if scene.settings().time("provision_for", Nanos::ZERO) == Nanos::ZERO {
            self.standing = Standing::Waiting(false);
            return scene.answer(Kind::NodeStatus, &json!({"type": "node_status", "status": "waiting"}));
        }
        self.standing = Standing::Pending(scene.now());
        scene.answer(Kind::NodeStatus, &json!({"type": "node_status", "status": "pending"}));
        self.poll(scene);
    }

    /// Wakes at the next report of the node.
    fn poll(&self, scene: &mut Scene<'_>) {
        let Standing::Pending(since) = self.standing else { return };
        let whole = since + scene.settings().time("provision_for", Nanos::ZERO).0;
        let every = scene.settings().time("provision_poll", Nanos(SECOND)).0.max(1);
        scene.wake(every.min(whole.saturating_sub(scene.now())), NODE);
    }

    fn offer(&mut self, scene: &mut Scene<'_>, message: &Value) {
        let has_sdp = message["sdp"].is_string() || message["payload"]["data"].is_object();
        let Standing::Waiting(made) = self.standing else {
            scene.violated(Violation::TooEarly);
            let text = "Maximum pool size reached. Cannot assign a new node.";
            return scene.answer(Kind::Error, &json!({"type": "error", "message": text}));
        };
        if !has_sdp {
            scene.violated(Violation::Missing);
            return scene.answer(Kind::Error, &json!({"type": "error", "message": "sdp is missing"}));
        }
        if made && self.offers == 0 {
            scene.answer(Kind::ServerProvisioning, &json!({"type": "server_provisioning"}));
        }
        self.offers += 1;
        let sdp = format!("v=0\r\no=- {} 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=x:{}\r\n", self.offers, "x".repeat(SDP));
        scene.answer(Kind::Answer, &json!({"type": "answer", "sdp": sdp}));
        let candidates = scene.settings().number("candidates", 3);
        for n in 0..candidates {
            let text = format!("candidate:{n} 1 udp 2122260223 127.0.0.1 {} typ host", 50_000 + n);
            LiveStyler::candidate(scene, &text);
        }
        if candidates > 0 {
            // An empty one means the end.
            LiveStyler::candidate(scene, "");
        }
    }

    fn candidate(scene: &mut Scene<'_>, text: &str) {
        let candidate = json!({"sdpMid": "0", "sdpMLineIndex": 0, "candidate": text});
        scene.answer(Kind::Candidate, &json!({"type": "candidate", "candidate": candidate}));
    }
}

impl Story for LiveStyler {
    fn opened(&mut self, scene: &mut Scene<'_>) {
        let within = scene.settings().time("auth_within", Nanos(10 * SECOND));
        scene.wake(within.0, AUTH);
    }

    fn text(&mut self, scene: &mut Scene<'_>, message: Option<&Value>) {
        let Some(message) = message else { return scene.close(1007, "not JSON") };
        let kind = match message["type"].as_str() {
            Some("CREDENTIAL") => Kind::Auth,
            Some("session_start") => Kind::SessionStart,
            Some("offer") => Kind::Offer,
            Some("candidate" | "ice_candidate") => Kind::Candidate,
            _ => Kind::UnknownRequest,
        };
        scene.received(kind);
        match (kind, self.standing) {
            (Kind::Auth, Standing::Stranger) => self.auth(scene, message),
            (_, Standing::Stranger) => LiveStyler::refuse(scene, Violation::TooEarly),
            (Kind::Auth, _) => scene.violated(Violation::Again),
            (Kind::SessionStart, _) => self.session(scene),
            (Kind::Offer, _) => self.offer(scene, message),
            (Kind::Candidate, _) if message["candidate"].is_null() && message["payload"].is_null() => scene.violated(Violation::Missing),
            (Kind::Candidate, _) => {}
            _ => scene.violated(Violation::UnknownKind),
        }
    }

    fn binary(&mut self, scene: &mut Scene<'_>, _: &[u8]) {
        scene.received(Kind::Unparsed);
        scene.violated(Violation::WrongFrame);
        scene.close(1003, "");
    }

    fn beat(&mut self, scene: &mut Scene<'_>, beat: u8) {
        match (beat, self.standing) {
            (AUTH, Standing::Stranger) => LiveStyler::refuse(scene, Violation::TooEarly),
            (NODE, Standing::Pending(since)) => {
                let done = scene.now() >= since + scene.settings().time("provision_for", Nanos::ZERO).0;
                let status = if done { "waiting" } else { "pending" };
                scene.answer(Kind::NodeStatus, &json!({"type": "node_status", "status": status}));
                if done { self.standing = Standing::Waiting(true) } else { self.poll(scene) }
            }
            _ => {}
        }
    }

    fn gone(&mut self, _: &mut World, _: u64) {}
}
