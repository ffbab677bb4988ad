//! Voice support: a turn is sound, a commit, a transcript, an answer in chunks of text and sound, and its end. A new
//! transcript cancels the answer that is running.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use serde_json::json;

use super::kinds::Kind;
use super::kinds::Violation;
use super::settings::Settings;
use super::story::Scene;
use super::story::Story;
use super::story::query;
use super::world::World;
use crate::units::MILLI;
use crate::units::Nanos;
use crate::wire::accept::Asked;
use crate::wire::accept::Refusal;
use crate::wire::accept::Verdict;

/// Bytes of sound that make a turn in the `docs` dialect, which has no commit.
const DOCS_TURN: u64 = 16_000;

/// Who may connect; a refusal comes before the upgrade, so that its close code is not seen.
pub(super) fn verdict(asked: &Asked, settings: &Settings) -> Verdict {
    if asked.path != "/api/v1/support/voice" {
        return Verdict::Refuse(Refusal::text(404, "Not Found"));
    }
    let token = query(asked.query.as_deref()).remove("token").unwrap_or_default();
    let good = !token.is_empty() && settings.text("token").is_none_or(|only| only == token);
    if good { Verdict::Accept(None) } else { Verdict::Refuse(Refusal::text(403, "Forbidden")) }
}

/// One caller.
#[derive(Debug)]
pub(super) struct Caller {
    conversation: String,
    bytes: u64,
    turn: u64,
    /// The next stage of the running answer; none is running at 0.
    stage: u64,
    /// Which wake belongs to the running answer.
    beat: u8,
}

impl Caller {
    pub(super) fn new(asked: Option<&str>) -> Self {
        let conversation = query(asked).remove("conversation_id").filter(|id| !id.is_empty()).unwrap_or_else(|| "c1".to_owned());
        Caller { conversation, bytes: 0, turn: 0, stage: 0, beat: 0 }
    }

    fn think(&mut self, scene: &mut Scene<'_>) {
        let think = scene.settings().time("think", Nanos(5 * MILLI));
        scene.wake(think.0, self.beat);
    }

    /// The speaker has finished: what he said is known, and an answer begins.
    fn commit(&mut self, scene: &mut Scene<'_>) {
        self.turn += 1;
        self.bytes = 0;
        self.stage = 1;
        self.beat = self.beat.wrapping_add(1);
        scene.world.count("turns", 1);
        self.think(scene);
    }

    /// Stage 1 is the transcript, then come text and sound by turns, and the end.
    fn stage(&mut self, scene: &mut Scene<'_>) {
        let (docs, chunks) = (scene.is_docs(), scene.settings().number("chunks", 3));
        let at = self.stage;
        self.stage += 1;
        if at == 1 {
            let text = format!("turn {}", self.turn);
            match docs {
                true => scene.answer(Kind::Transcript, &json!({"type": "transcript", "text": text, "is_final": true})),
                false => scene.answer(Kind::TranscriptFinal, &json!({"type": "transcript_final", "text": text, "language": "en"})),
            }
        } else if at < 2 + chunks {
            match docs {
                true => scene.answer(Kind::Response, &json!({"type": "response", "text": format!("part {at}")})),
                false => scene.answer(Kind::LlmChunk, &json!({"type": "llm_chunk", "text": format!("part {at}")})),
            }
        } else if at < 2 + 2 * chunks {
            let sound = vec![0u8; scene.settings().number("chunk_bytes", 3_200) as usize];
            match docs {
                true => scene.answer_binary(Kind::TtsAudio, &sound),
                false => scene.answer(Kind::TtsAudio, &json!({"type": "tts_audio", "data": STANDARD.encode(sound)})),
            }
        } else {
            self.stage = 0;
            scene.world.count("turns_completed", 1);
            if !docs {
                let said = json!({"type": "complete", "conversation_id": self.conversation, "escalation_needed": false});
                scene.answer(Kind::Complete, &said);
            }
            return;
        }
        self.think(scene);
    }

    fn sound(&mut self, scene: &mut Scene<'_>, bytes: usize) {
        self.bytes += bytes as u64;
        scene.world.count("audio_bytes", bytes as u64);
    }
}

impl Story for Caller {
    fn opened(&mut self, _: &mut Scene<'_>) {}

    fn text(&mut self, scene: &mut Scene<'_>, message: Option<&Value>) {
        let Some(message) = message else {
            scene.answer(Kind::Error, &json!({"type": "error", "message": "Invalid JSON"}));
            return scene.end();
        };
        let kind = match message["type"].as_str() {
            Some("audio") => Kind::Audio,
            Some("commit") => Kind::Commit,
            Some("cancel") => Kind::Cancel,
            Some("ping") => Kind::Ping,
            _ => Kind::UnknownRequest,
        };
        scene.received(kind);
        match kind {
            Kind::Audio => match message["data"].as_str().and_then(|data| STANDARD.decode(data).ok()) {
                Some(sound) => self.sound(scene, sound.len()),
                None => scene.violated(Violation::BadData),
            },
            Kind::Commit if self.bytes == 0 => {
                scene.violated(Violation::Missing);
                scene.answer(Kind::Error, &json!({"type": "error", "message": "No audio"}));
            }
            Kind::Commit => self.commit(scene),
            Kind::Cancel => {
                self.stage = 0;
                self.beat = self.beat.wrapping_add(1);
                scene.answer(Kind::Cancelled, &json!({"type": "cancelled"}));
            }
            Kind::Ping => scene.answer(Kind::Pong, &json!({"type": "pong"})),
            _ => scene.violated(Violation::UnknownKind),
        }
    }

    fn binary(&mut self, scene: &mut Scene<'_>, bytes: &[u8]) {
        scene.received(Kind::Audio);
        if !scene.is_docs() {
            scene.violated(Violation::WrongFrame);
            return scene.end();
        }
        self.sound(scene, bytes.len());
        if self.bytes >= DOCS_TURN {
            self.commit(scene);
        }
    }

    fn beat(&mut self, scene: &mut Scene<'_>, beat: u8) {
        if beat == self.beat && self.stage > 0 {
            self.stage(scene);
        }
    }

    fn gone(&mut self, _: &mut World, _: u64) {}
}
