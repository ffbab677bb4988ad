//! Live subtitles, dubbing and trivia of a channel: a token in the query or in the first message, then sound or
//! transcripts in, cues, dubbed sound or facts out.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use serde_json::json;

use super::kinds::Kind;
use super::kinds::Violation;
use super::story::Call;
use super::story::Scene;
use super::story::Story;
use super::story::json;
use super::story::query;
use super::world::World;
use crate::units::Nanos;
use crate::units::SECOND;
use crate::wire::accept::Asked;
use crate::wire::accept::Refusal;
use crate::wire::accept::Verdict;

/// How long the first message is waited for.
const AUTH_WITHIN: u64 = 10 * SECOND;
/// Bytes of sound in a second.
const SECOND_BYTES: f64 = 32_000.0;
/// Bytes of dubbed sound in a piece.
const PIECE: usize = 4_800;
/// Beats: the deadline of the token, reports of dubbing, the end of the quota.
const AUTH: u8 = 0;
const REPORT: u8 = 1;
const QUOTA: u8 = 2;

/// Which of the three.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Feature {
    Subtitles,
    Dubbing,
    Trivia,
}

/// The feature and channel of a path, and what stands behind.
fn place(path: &str) -> Option<(&str, &str)> {
    let rest = path.strip_prefix("/api/v1/ws/live/").or_else(|| path.strip_prefix("/api/v1/live/"))?;
    rest.split_once('/')
}

pub(super) fn verdict(asked: &Asked) -> Verdict {
    match place(&asked.path) {
        Some((_, "subtitles" | "dubbing" | "trivia")) => Verdict::Accept(None),
        _ => Verdict::Refuse(Refusal::text(404, "Not Found")),
    }
}

/// Whether a channel has a feature; one that is called `none` has nothing.
pub(super) fn serve(call: &Call<'_>) -> Option<(&'static str, Refusal)> {
    let (channel, feature) = place(call.path).filter(|_| call.method == "GET" && call.path.starts_with("/api/v1/live/"))?;
    let route = match feature {
        "subtitles/status" => "/api/v1/live/{channel_id}/subtitles/status",
        "dubbing/status" => "/api/v1/live/{channel_id}/dubbing/status",
        "trivia/status" => "/api/v1/live/{channel_id}/trivia/status",
        _ => return None,
    };
    if channel == "none" {
        return Some((route, json(200, &json!({"available": false, "error": "Channel not found"}))));
    }
    let mut answer = json!({"available": true, "source_language": "he", "supported_target_languages": ["en", "es"]});
    if feature.starts_with("dubbing") {
        answer["default_voice_id"] = "voice-1".into();
        answer["default_sync_delay_ms"] = 600.into();
        answer["active_sessions"] = 0.into();
    }
    if feature.starts_with("trivia") && !call.docs {
        answer["trivia_enabled"] = true.into();
        answer["rollout_percentage"] = 100.into();
    }
    Some((route, json(200, &answer)))
}

/// One session.
#[derive(Debug)]
pub(super) struct Live {
    feature: Feature,
    channel: String,
    token: Option<String>,
    target: String,
    is_in: bool,
    /// Bytes of sound so far, and in the cue at hand.
    bytes: u64,
    in_cue: u64,
    pieces: u64,
}

impl Live {
    pub(super) fn new(feature: Feature, path: &str, asked: Option<&str>) -> Self {
        let mut asked = query(asked);
        let channel = place(path).map_or("", |(channel, _)| channel).to_owned();
        let target = asked.remove("target_lang").unwrap_or_else(|| "en".to_owned());
        Live { feature, channel, token: asked.remove("token"), target, is_in: false, bytes: 0, in_cue: 0, pieces: 0 }
    }

    fn error(scene: &mut Scene<'_>, code: &str, text: &str) {
        let message = match scene.is_docs() {
            true => json!({"type": "error", "code": code, "message": text}),
            false => json!({"type": "error", "message": text, "recoverable": false}),
        };
        scene.answer(Kind::Error, &message);
    }

    fn admit(&mut self, scene: &mut Scene<'_>, token: &str) {
        let good = !token.is_empty() && scene.settings().text("token").is_none_or(|only| only == token);
        if !good {
            scene.violated(Violation::BadCredential);
            Live::error(scene, "auth_failed", "Authentication failed");
            return scene.close(4001, "Authentication failed");
        }
        if self.channel == "none" {
            Live::error(scene, "not_found", "Channel not found");
            return scene.close(4004, "Channel not found");
        }
        self.is_in = true;
        if self.feature == Feature::Dubbing {
            let every = scene.settings().time("report_every", Nanos(10 * SECOND));
            scene.wake(every.0, REPORT);
        }
        let quota = scene.settings().time("quota", Nanos::ZERO);
        if quota > Nanos::ZERO {
            scene.wake(quota.0, QUOTA);
        }
        if scene.is_docs() {
            return;
        }
        let connected = match self.feature {
            Feature::Subtitles => json!({"type": "connected", "source_lang": "he", "target_lang": self.target, "channel_id": self.channel,
                "stt_provider": "reference", "translation_provider": "reference"}),
            Feature::Dubbing => json!({"type": "connected", "session_id": format!("s{}", scene.me()), "source_lang": "he",
                "target_lang": self.target, "voice_id": "voice-1", "sync_delay_ms": 600}),
            Feature::Trivia => json!({"type": "connected", "channel_id": self.channel, "trivia_enabled": true, "source_language": "he"}),
        };
        scene.answer(Kind::Connected, &connected);
    }

    fn sound(&mut self, scene: &mut Scene<'_>, bytes: &[u8]) {
        let before = self.bytes;
        self.bytes += bytes.len() as u64;
        self.in_cue += bytes.len() as u64;
        scene.world.count("audio_bytes", bytes.len() as u64);
        let cue = scene.settings().number("cue_bytes", 32_000).max(1);
        while self.in_cue >= cue {
            self.in_cue -= cue;
            self.pieces += 1;
            let (from, to) = (before as f64 / SECOND_BYTES, self.bytes as f64 / SECOND_BYTES);
            if self.feature == Feature::Subtitles { self.cue(scene, from, to) } else { self.piece(scene) }
        }
    }

    fn cue(&self, scene: &mut Scene<'_>, from: f64, to: f64) {
        let text = format!("cue {}", self.pieces);
        let message = match scene.is_docs() {
            true => {
                json!({"type": "subtitle", "text": text, "language": self.target, "start_time": from, "end_time": to, "is_predictive": false})
            }
            false => json!({"type": "subtitle", "data": {"text": text, "original_text": text, "timestamp": to, "source_lang": "he",
                "target_lang": self.target, "confidence": 0.95, "chunk_index": 0, "total_chunks": 1}}),
        };
        scene.world.count("cues", 1);
        scene.answer(Kind::Subtitle, &message);
    }

    fn piece(&self, scene: &mut Scene<'_>) {
        scene.world.count("pieces", 1);
        let sound = vec![0u8; PIECE];
        if scene.is_docs() {
            return scene.answer_binary(Kind::DubbedAudio, &sound);
        }
        let ms = scene.now() / 1_000_000;
        let data = json!({"type": "dubbed_audio", "data": STANDARD.encode(sound), "original_text": "x", "translated_text": "x",
            "sequence": self.pieces, "timestamp_ms": ms, "latency_ms": 120});
        scene.answer(Kind::DubbedAudio, &json!({"type": "dubbed_audio", "data": data, "error": null, "timestamp_ms": ms}));
    }

    fn transcript(&mut self, scene: &mut Scene<'_>, message: &Value) {
        let Some(text) = message["text"].as_str().filter(|text| !text.is_empty()) else { return };
        for _ in 0..scene.settings().number("facts", 1) {
            self.pieces += 1;
            let fact = match scene.is_docs() {
                true => {
                    json!({"type": "trivia", "fact": format!("about {text}"), "topic": "test", "source": "reference", "confidence": 0.95})
                }
                false => json!({"type": "trivia_fact", "data": {"fact_id": format!("f{}", self.pieces), "text": format!("about {text}"),
                    "text_en": text, "text_es": text, "category": "test", "source": "reference", "display_duration": 10, "priority": 5}}),
            };
            scene.world.count("facts", 1);
            scene.answer(Kind::Trivia, &fact);
        }
    }
}

impl Story for Live {
    fn opened(&mut self, scene: &mut Scene<'_>) {
        match self.token.take() {
            Some(token) => self.admit(scene, &token),
            None => scene.wake(AUTH_WITHIN, AUTH),
        }
    }

    fn text(&mut self, scene: &mut Scene<'_>, message: Option<&Value>) {
        let Some(message) = message else { return scene.end() };
        let docs = scene.is_docs();
        let kind = match message["type"].as_str() {
            Some("auth") if docs => Kind::Auth,
            Some("authenticate") => Kind::Auth,
            Some("transcript") => Kind::Transcript,
            Some("ping") => Kind::Ping,
            _ => Kind::UnknownRequest,
        };
        scene.received(kind);
        if !self.is_in {
            if kind != Kind::Auth {
                scene.violated(Violation::TooEarly);
                return scene.close(4001, "Authentication required");
            }
            let token = message["token"].as_str().unwrap_or_default().to_owned();
            return self.admit(scene, &token);
        }
        match (kind, self.feature) {
            (Kind::Transcript, Feature::Trivia) => self.transcript(scene, message),
            (Kind::Ping, _) if docs => scene.answer(Kind::Pong, &json!({"type": "pong"})),
            (_, Feature::Trivia) => {}
            // Only bytes are read there: the handler fails and the connection drops.
            _ => {
                scene.violated(Violation::WrongFrame);
                scene.end();
            }
        }
    }

    fn binary(&mut self, scene: &mut Scene<'_>, bytes: &[u8]) {
        scene.received(Kind::Audio);
        if !self.is_in {
            scene.violated(Violation::TooEarly);
            return scene.close(4001, "Authentication required");
        }
        match self.feature {
            Feature::Trivia => {
                scene.violated(Violation::WrongFrame);
                scene.end();
            }
            Feature::Subtitles | Feature::Dubbing => self.sound(scene, bytes),
        }
    }

    fn beat(&mut self, scene: &mut Scene<'_>, beat: u8) {
        match beat {
            AUTH if !self.is_in => scene.close(4001, "Authentication required"),
            REPORT => {
                let (kind, report) = match scene.is_docs() {
                    true => (Kind::SyncStatus, json!({"type": "sync_status", "offset_ms": 150, "quality": "good"})),
                    false => (
                        Kind::LatencyReport,
                        json!({"type": "latency_report", "avg_stt_ms": 40.0, "avg_translation_ms": 30.0,
                        "avg_tts_ms": 50.0, "avg_total_ms": 120.0, "segments_processed": self.pieces}),
                    ),
                };
                scene.news(kind, &report);
                let every = scene.settings().time("report_every", Nanos(10 * SECOND));
                scene.wake(every.0, REPORT);
            }
            QUOTA => {
                let message = match scene.is_docs() {
                    true => json!({"type": "error", "code": "rate_limited", "message": "Quota exceeded"}),
                    false => json!({"type": "quota_exceeded", "message": "Quota exceeded", "recoverable": false}),
                };
                scene.news(Kind::Error, &message);
                scene.end();
            }
            _ => {}
        }
    }

    fn gone(&mut self, _: &mut World, _: u64) {}
}
