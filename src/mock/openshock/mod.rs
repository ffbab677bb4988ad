//! The server's side of OpenShock's live control gateway, in both dialects.
//!
//! Requests are read in [`read`], connections let in by [`gate`]. One message is handled at a time,
//! to completion, and everything leaves through one queue. Knows neither sockets nor delays.

mod gate;
mod read;
mod uuid;

use std::time::SystemTime;
use std::time::UNIX_EPOCH;

use crate::units::MILLI;

use super::codec::PONG;
use super::codec::TEXT;
use super::config::Config;
use super::config::Dialect;
use super::desk::Desk;
use super::kinds::Kind;
use super::kinds::Violation;
use super::line::Line;
use super::line::Ready;
use super::queue::Beat;
use super::settings::BulkAcks;
use super::settings::Settings;
pub(super) use gate::busy;
pub(super) use gate::serve;
pub(super) use gate::verdict;
use read::Data;
use read::Fields;
use read::Request;
use read::RequestType;
pub(super) use uuid::Uuid;

/// Why the server closes on a message it cannot read.
const UNREADABLE: &str = "Invalid json message received";
/// Why the server closes when the hub has left.
const OFFLINE: &str = "Hub is disconnected";
/// How far off a skewed clock is, and how far it goes back each time.
const SKEW_MS: u128 = 12 * 3600 * 1000;
const SKEW_STEP_MS: u128 = 3600 * 1000;
/// What the server answers to a client's Close.
const NORMAL: &str = "Normal closure";
/// The largest latency announced, in ms.
const OWN_LATENCY_MAX: u64 = 65_535;
/// Control types that exist: Stop, Shock, Vibrate, Sound.
const CONTROLS: std::ops::RangeInclusive<i64> = 0..=3;

/// What the server says: kind, number in `docs`, name in `server`.
const SPOKEN: [(Kind, u16, &str); 14] = [
    (Kind::Frame, 0, "Frame"),
    (Kind::Tps, 50, "TPS"),
    (Kind::DeviceNotConnected, 100, "DeviceNotConnected"),
    (Kind::DeviceConnected, 101, "DeviceConnected"),
    (Kind::ShockerNotFound, 150, "ShockerNotFound"),
    (Kind::ShockerMissingLivePermission, 151, "ShockerMissingLivePermission"),
    (Kind::ShockerMissingPermission, 152, "ShockerMissingPermission"),
    (Kind::ShockerPaused, 153, "ShockerPaused"),
    (Kind::ShockerExclusive, 154, "ShockerExclusive"),
    (Kind::TokenPaused, 155, "TokenPaused"),
    (Kind::InvalidData, 200, "InvalidData"),
    (Kind::RequestTypeNotFound, 201, "RequestTypeNotFound"),
    (Kind::Ping, 1000, "Ping"),
    (Kind::LatencyAnnounce, 1001, "LatencyAnnounce"),
];

/// The commonest answer, ready to send.
const ACK: &[u8] = br#"{"responseType":0,"data":null}"#;

/// The error with this number of [`SPOKEN`] as `config` has it said.
pub(super) fn error(number: u16, config: &Config) -> (Kind, Vec<u8>) {
    let (kind, ..) = SPOKEN.iter().find(|(_, n, _)| *n == number).expect("faults name only errors of the table");
    (*kind, said(config.dialect, *kind, "null").into_bytes())
}

/// A message; `data` is JSON with the keys of the dialect.
fn said(dialect: Dialect, kind: Kind, data: &str) -> String {
    let (_, number, name) = SPOKEN.iter().find(|(k, ..)| *k == kind).expect("only kinds of the table are said");
    match dialect {
        Dialect::Docs => format!(r#"{{"responseType":{number},"data":{data}}}"#),
        Dialect::Server => format!(r#"{{"ResponseType":"{name}","Data":{data}}}"#),
    }
}

/// One connection.
#[derive(Debug)]
pub(super) struct OpenShock {
    tps: u8,
    /// Since when a ping is open; one is open from the start although none was sent.
    ping_open: Option<u64>,
    /// Pings sent and not yet answered by a pong.
    pings_owed: u64,
    /// Pings sent.
    pings: u64,
}

impl OpenShock {
    /// A connection asked for with `query`, open since `now`.
    pub(super) fn new(query: Option<&str>, now: u64) -> Self {
        OpenShock { tps: gate::tps(query), ping_open: Some(now), pings_owed: 0, pings: 0 }
    }

    pub(super) fn opened(&mut self, desk: &mut Desk, line: &mut Line) {
        let dialect = desk.config.dialect;
        let client = match dialect {
            Dialect::Docs => format!(r#"{{"client":{}}}"#, self.tps),
            Dialect::Server => format!(r#"{{"Client":{}}}"#, self.tps),
        };
        self.say(desk, line, Kind::Tps, &client);
        match line.quirks.ready {
            Ready::Now => self.say(desk, line, Kind::DeviceConnected, "null"),
            Ready::Late(late) => desk.wake(line, desk.now + late, Beat::Ready),
            Ready::Never => {}
        }
        if line.quirks.extra {
            match dialect {
                Dialect::Docs => self.say(desk, line, Kind::Frame, "null"),
                Dialect::Server => self.event(desk, line),
            }
        }
        let settings = &desk.config.settings;
        for (every, beat) in [(settings.ping_every, Beat::App), (settings.keep_alive, Beat::KeepAlive)] {
            if every.0 > 0 && !(beat == Beat::App && line.quirks.no_app_ping) {
                desk.wake(line, desk.now + every.0, beat);
            }
        }
    }

    /// Its period came round; it was due `at`.
    pub(super) fn beat(&mut self, desk: &mut Desk, line: &mut Line, beat: Beat, at: u64) {
        let every = match beat {
            Beat::Ready => return self.say(desk, line, Kind::DeviceConnected, "null"),
            Beat::KeepAlive => {
                desk.news(line, Kind::WsPong, PONG, b"");
                desk.config.settings.keep_alive
            }
            _ => {
                self.ping(desk, line);
                desk.config.settings.ping_every
            }
        };
        if beat != Beat::Flood {
            desk.wake(line, at + every.0, beat);
        }
    }

    /// Text and binary are treated alike.
    pub(super) fn heard(&mut self, desk: &mut Desk, line: &mut Line, body: &[u8]) {
        let dialect = desk.config.dialect;
        let Some(Request { kind: Some(kind), data }) = read::request(body, dialect) else {
            desk.counts.received(Kind::Unparsed);
            desk.counts.violated(Violation::BadJson);
            return desk.close(line, Some(1007), UNREADABLE);
        };
        desk.counts.received(match kind {
            RequestType::Frame => Kind::Frame,
            RequestType::BulkFrame => Kind::BulkFrame,
            RequestType::Pong => Kind::Pong,
            RequestType::Unknown => Kind::UnknownRequest,
        });
        if data == Data::Missing {
            desk.counts.violated(Violation::NoData);
            if kind != RequestType::Pong || dialect == Dialect::Server {
                return desk.close(line, Some(1007), UNREADABLE);
            }
        }
        match (kind, data) {
            (RequestType::Frame, Data::Object(fields)) => self.frames(desk, line, &[fields], false),
            (RequestType::BulkFrame, Data::Array(frames)) => self.frames(desk, line, &frames, true),
            (RequestType::Frame | RequestType::BulkFrame, _) => self.invalid(desk, line),
            (RequestType::Pong, _) => self.pong(desk, line),
            (RequestType::Unknown, _) => {
                desk.counts.violated(Violation::UnknownRequest);
                self.answer(desk, line, Kind::RequestTypeNotFound, "null");
            }
        }
    }

    /// News that nobody asked for.
    pub(super) fn event(&mut self, desk: &mut Desk, line: &mut Line) {
        self.say(desk, line, Kind::LatencyAnnounce, &announced(desk.config.dialect, 0));
    }

    /// The hub has left.
    pub(super) fn offline(&mut self, desk: &mut Desk, line: &mut Line) {
        self.say(desk, line, Kind::DeviceNotConnected, "null");
        desk.close(line, Some(1000), OFFLINE);
    }

    /// Code and reason of the answer to a client's Close.
    pub(super) fn farewell() -> (Option<u16>, &'static str) {
        (Some(1000), NORMAL)
    }

    fn frames(&mut self, desk: &mut Desk, line: &mut Line, frames: &[Fields], bulk: bool) {
        let whole = |f: &Fields| f.shocker.is_some() && f.intensity.is_some() && f.control.is_some();
        if frames.is_empty() || !frames.iter().all(whole) {
            return self.invalid(desk, line);
        }
        let mut accepted = 0;
        for frame in frames {
            if frame.intensity > Some(100) {
                desk.counts.violated(Violation::Intensity);
            }
            match refused(frame, &desk.config.settings) {
                None => accepted += 1,
                Some(Kind::ShockerExclusive) => {
                    let until = desk.config.settings.exclusive_until.as_deref().unwrap_or_default();
                    let data = if desk.config.dialect == Dialect::Server { format!("\"{until}\"") } else { "null".into() };
                    self.answer(desk, line, Kind::ShockerExclusive, &data);
                }
                Some(kind) => self.answer(desk, line, kind, "null"),
            }
        }
        let acks = match (desk.config.dialect, bulk, desk.config.settings.bulk_acks) {
            (Dialect::Server, ..) | (_, true, BulkAcks::None) => 0,
            (_, true, BulkAcks::One) => usize::from(accepted == frames.len()),
            (_, true, BulkAcks::PerFrame) | (_, false, _) => accepted,
        };
        for _ in 0..acks {
            desk.answer(line, Kind::Frame, TEXT, ACK);
        }
    }

    fn invalid(&mut self, desk: &mut Desk, line: &mut Line) {
        desk.counts.violated(Violation::BadData);
        self.answer(desk, line, Kind::InvalidData, "null");
    }

    /// A pong closes the open ping; when none is open it gets nothing.
    fn pong(&mut self, desk: &mut Desk, line: &mut Line) {
        match self.pings_owed {
            0 => desk.counts.violated(Violation::PongUnasked),
            _ => self.pings_owed -= 1,
        }
        if let Some(since) = self.ping_open.take() {
            let own_ms = ((desk.now - since) / MILLI).min(OWN_LATENCY_MAX);
            let data = announced(desk.config.dialect, own_ms);
            match desk.config.dialect {
                // The acknowledgements are the answers that faults strike; `server` has none.
                Dialect::Docs => {
                    desk.answer_unspoilt(line, Kind::LatencyAnnounce, said(Dialect::Docs, Kind::LatencyAnnounce, &data).as_bytes())
                }
                Dialect::Server => self.answer(desk, line, Kind::LatencyAnnounce, &data),
            }
        }
    }

    fn ping(&mut self, desk: &mut Desk, line: &mut Line) {
        self.ping_open = Some(desk.now);
        self.pings_owed += 1;
        let mut unix_ms = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis());
        if let Some(name) = line.quirks.clock_skew {
            desk.counts.struck(name);
            unix_ms = (unix_ms + SKEW_MS).saturating_sub(u128::from(self.pings) * SKEW_STEP_MS);
        }
        self.pings += 1;
        if let Some(name) = line.quirks.ping_missing_data {
            desk.counts.struck(name);
            return desk.news(line, Kind::Ping, TEXT, bare_ping(desk.config.dialect));
        }
        let data = match desk.config.dialect {
            Dialect::Docs => format!(r#"{{"timestamp":{unix_ms}}}"#),
            Dialect::Server => format!(r#"{{"Timestamp":{unix_ms}}}"#),
        };
        self.say(desk, line, Kind::Ping, &data);
    }

    fn say(&self, desk: &mut Desk, line: &mut Line, kind: Kind, data: &str) {
        let text = said(desk.config.dialect, kind, data);
        desk.news(line, kind, TEXT, text.as_bytes());
    }

    fn answer(&self, desk: &mut Desk, line: &mut Line, kind: Kind, data: &str) {
        let text = said(desk.config.dialect, kind, data);
        desk.answer(line, kind, TEXT, text.as_bytes());
    }
}

/// A ping without data.
fn bare_ping(dialect: Dialect) -> &'static [u8] {
    match dialect {
        Dialect::Docs => br#"{"responseType":1000}"#,
        Dialect::Server => br#"{"ResponseType":"Ping"}"#,
    }
}

fn announced(dialect: Dialect, own_ms: u64) -> String {
    match dialect {
        Dialect::Docs => format!(r#"{{"deviceLatency":0,"ownLatency":{own_ms}}}"#),
        Dialect::Server => format!(r#"{{"DeviceLatency":0,"OwnLatency":{own_ms}}}"#),
    }
}

/// The checks of a frame in the server's order; `None` when it is accepted.
fn refused(frame: &Fields, settings: &Settings) -> Option<Kind> {
    if settings.token_paused {
        Some(Kind::TokenPaused)
    } else if settings.shocker.is_some() && settings.shocker != frame.shocker {
        Some(Kind::ShockerNotFound)
    } else if settings.shocker_paused {
        Some(Kind::ShockerPaused)
    } else if !settings.permission || !frame.control.is_some_and(|control| CONTROLS.contains(&control)) {
        Some(Kind::ShockerMissingPermission)
    } else if settings.exclusive_until.is_some() {
        Some(Kind::ShockerExclusive)
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ready_answer_is_what_would_be_said() {
        assert_eq!(said(Dialect::Docs, Kind::Frame, "null").as_bytes(), ACK);
    }
}
