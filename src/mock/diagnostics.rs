//! Admin diagnostics. In the `server` dialect every connection has a broadcaster of its own that tells all of them, so
//! with N dashboards each is told N times.

use std::collections::BTreeSet;

use serde_json::Value;
use serde_json::json;

use super::kinds::Kind;
use super::kinds::Violation;
use super::settings::Settings;
use super::story::Scene;
use super::story::Story;
use super::story::now;
use super::story::query;
use super::world::World;
use crate::units::Nanos;
use crate::units::SECOND;
use crate::wire::accept::Asked;
use crate::wire::accept::Refusal;
use crate::wire::accept::Verdict;

/// Time between updates unless told otherwise.
const EVERY: Nanos = Nanos(5 * SECOND);

/// All dashboards.
#[derive(Debug, Default)]
pub(super) struct Dashboards {
    open: BTreeSet<u64>,
}

/// Who may connect; a refusal comes before the upgrade, so that its close code is not seen.
pub(super) fn verdict(asked: &Asked, settings: &Settings) -> Verdict {
    if asked.path != "/ws/admin/diagnostics" {
        return Verdict::Refuse(Refusal::text(404, "Not Found"));
    }
    let token = query(asked.query.as_deref()).remove("token").unwrap_or_default();
    let good = !token.is_empty() && settings.text("token").is_none_or(|only| only == token);
    if good { Verdict::Accept(None) } else { Verdict::Refuse(Refusal::text(403, "Forbidden")) }
}

fn figures(scene: &Scene<'_>, kind: &str) -> Value {
    let (open, stamp) = (scene.world.diagnostics.open.len(), now());
    match scene.is_docs() {
        true => json!({"type": "diagnostics_update", "active_connections": open, "active_dubbing_sessions": 0,
            "active_subtitle_sessions": 0, "cpu_usage": 1.5, "memory_usage": 20.5, "timestamp": stamp}),
        false => json!({"type": kind, "timestamp": stamp, "data": {"services": {}, "clients": {"dashboards": open}}}),
    }
}

/// One dashboard.
#[derive(Debug)]
pub(super) struct Dashboard;

impl Story for Dashboard {
    fn opened(&mut self, scene: &mut Scene<'_>) {
        let me = scene.me();
        scene.world.diagnostics.open.insert(me);
        if !scene.is_docs() {
            let snapshot = figures(scene, "snapshot");
            scene.news(Kind::Snapshot, &snapshot);
        }
        let every = scene.settings().time("every", EVERY);
        scene.wake(every.0, 0);
    }

    fn text(&mut self, scene: &mut Scene<'_>, message: Option<&Value>) {
        let Some(message) = message else { return };
        let word = message["command"].as_str().or_else(|| message["type"].as_str().filter(|_| scene.is_docs()));
        let kind = match word {
            Some("ping") => Kind::Ping,
            Some("refresh") => Kind::Refresh,
            _ => Kind::UnknownRequest,
        };
        scene.received(kind);
        match kind {
            Kind::Ping => scene.answer(Kind::Pong, &json!({"type": "pong", "timestamp": now()})),
            Kind::Refresh => {
                let snapshot = figures(scene, "snapshot");
                scene.answer(Kind::Snapshot, &snapshot);
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
        let update = figures(scene, "update");
        let told: Vec<u64> = match scene.is_docs() {
            true => vec![scene.me()],
            false => scene.world.diagnostics.open.iter().copied().collect(),
        };
        scene.world.count("updates", told.len() as u64);
        told.into_iter().for_each(|to| scene.post(to, Kind::Update, &update));
        let every = scene.settings().time("every", EVERY);
        scene.wake(every.0, 0);
    }

    fn gone(&mut self, world: &mut World, me: u64) {
        world.diagnostics.open.remove(&me);
    }
}
