//! What the server counted: the account it gives at the end, and the counters it is made from.
//!
//! A lane has its own [`Counts`]; adding them up gives the [`Account`]. Counts are exact: a message
//! is received when it was read whole, and sent when its last byte was taken by the socket. Knows
//! nothing of what the kinds mean.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde::Serialize;

use crate::tally::Hist;

/// Close codes told apart.
const CLOSE_CODES: usize = 64;

/// Name and version of the account's format.
pub const SCHEMA: &str = "volley.account/1";

/// An enum that counts: its variants, their names, their number.
macro_rules! counted {
    ($(#[$doc:meta])* $name:ident { $($(#[$inner:meta])* $variant:ident = $text:literal,)* }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(super) enum $name { $($(#[$inner])* $variant,)* }

        impl $name {
            /// Names in the order of the variants.
            pub(super) const NAMES: &'static [&'static str] = &[$($text,)*];
        }
    };
}

counted! {
    /// A kind of message, in either direction.
    Kind {
        /// A message of `echo`.
        Echo = "echo",
        /// OpenShock: a frame from the client, its acknowledgement from the server.
        Frame = "frame",
        /// OpenShock: several frames at once.
        BulkFrame = "bulk_frame",
        /// OpenShock: the client's answer to a ping.
        Pong = "pong",
        /// A request of a type that does not exist.
        UnknownRequest = "unknown_request",
        /// A message that could not be read.
        Unparsed = "unparsed",
        /// OpenShock: the announced rate.
        Tps = "tps",
        /// OpenShock: the hub is offline.
        DeviceNotConnected = "device_not_connected",
        /// OpenShock: the hub is online.
        DeviceConnected = "device_connected",
        /// OpenShock error 150.
        ShockerNotFound = "shocker_not_found",
        /// OpenShock error 151.
        ShockerMissingLivePermission = "shocker_missing_live_permission",
        /// OpenShock error 152.
        ShockerMissingPermission = "shocker_missing_permission",
        /// OpenShock error 153.
        ShockerPaused = "shocker_paused",
        /// OpenShock error 154.
        ShockerExclusive = "shocker_exclusive",
        /// OpenShock error 155.
        TokenPaused = "token_paused",
        /// OpenShock error 200.
        InvalidData = "invalid_data",
        /// OpenShock error 201.
        RequestTypeNotFound = "request_type_not_found",
        /// OpenShock: the server's ping.
        Ping = "ping",
        /// OpenShock: the answer to a pong.
        LatencyAnnounce = "latency_announce",
        /// Terra.
        Heartbeat = "heartbeat",
        /// Terra.
        HeartbeatAck = "heartbeat_ack",
        /// Terra.
        Hello = "hello",
        /// Terra.
        Identify = "identify",
        /// Terra.
        Ready = "ready",
        /// Terra.
        Dispatch = "dispatch",
        /// Terra.
        Submit = "submit",
        /// Terra.
        Replay = "replay",
        /// A first message with a credential.
        Auth = "auth",
        /// The answer to one.
        AuthSuccess = "auth_success",
        /// LiveStyler.
        SessionStart = "session_start",
        /// LiveStyler.
        NodeStatus = "node_status",
        /// LiveStyler.
        ServerProvisioning = "server_provisioning",
        /// LiveStyler.
        Offer = "offer",
        /// LiveStyler.
        Answer = "answer",
        /// LiveStyler.
        Candidate = "candidate",
        /// Notifications.
        Subscribe = "subscribe",
        /// Notifications.
        Subscribed = "subscribed",
        /// Notifications.
        Unsubscribe = "unsubscribe",
        /// Notifications.
        Unsubscribed = "unsubscribed",
        /// Notifications.
        Notification = "notification",
        /// Notifications.
        ChatMessage = "chat_message",
        /// Notifications.
        StatusUpdate = "status_update",
        /// The server is ready for a conversation.
        Connected = "connected",
        /// Sound.
        Audio = "audio",
        /// Subtitles.
        Subtitle = "subtitle",
        /// Dubbing.
        DubbedAudio = "dubbed_audio",
        /// Dubbing.
        SyncStatus = "sync_status",
        /// Dubbing.
        LatencyReport = "latency_report",
        /// Trivia, voice.
        Transcript = "transcript",
        /// Trivia.
        Trivia = "trivia",
        /// Chess.
        Move = "move",
        /// Chess.
        GameState = "game_state",
        /// Chess.
        GameOver = "game_over",
        /// Chess.
        Chat = "chat",
        /// Chess.
        Resign = "resign",
        /// Chess.
        Draw = "draw",
        /// Direct messages.
        Message = "message",
        /// Direct messages.
        Typing = "typing",
        /// Direct messages.
        Read = "read",
        /// Direct messages.
        ReadReceipt = "read_receipt",
        /// Direct messages.
        React = "react",
        /// Direct messages.
        Reaction = "reaction",
        /// Pairing.
        CompanionConnected = "companion_connected",
        /// Pairing.
        Authenticating = "authenticating",
        /// Pairing.
        PairingSuccess = "pairing_success",
        /// Pairing.
        PairingFailed = "pairing_failed",
        /// Pairing.
        SessionExpired = "session_expired",
        /// Diagnostics.
        Snapshot = "snapshot",
        /// Diagnostics.
        Update = "update",
        /// Diagnostics, pairing.
        Refresh = "refresh",
        /// Voice.
        Commit = "commit",
        /// Voice.
        Cancel = "cancel",
        /// Voice.
        Cancelled = "cancelled",
        /// Voice.
        TranscriptFinal = "transcript_final",
        /// Voice.
        LlmChunk = "llm_chunk",
        /// Voice.
        TtsAudio = "tts_audio",
        /// Voice.
        Response = "response",
        /// Voice.
        Complete = "complete",
        /// What the server says of a mistake.
        Error = "error",
        /// A message that a fault put in the place of an answer.
        Faulty = "faulty",
        /// Control frame.
        WsPing = "ws_ping",
        /// Control frame.
        WsPong = "ws_pong",
        /// Control frame.
        Close = "close",
    }
}

counted! {
    /// Something a client must not do.
    Violation {
        /// A frame without a mask.
        Unmasked = "unmasked_frame",
        /// Framing against RFC 6455.
        Protocol = "protocol_error",
        /// Text that is not UTF-8.
        Utf8 = "invalid_utf8",
        /// A message over the cap.
        TooBig = "message_too_big",
        /// A frame after the client's own Close.
        AfterClose = "data_after_close",
        /// Text without an `id` to `echo`.
        NoId = "echo_without_id",
        /// A message that is not the JSON of a request.
        BadJson = "bad_json",
        /// A request without `data`.
        NoData = "missing_data",
        /// Data that does not fit its request type.
        BadData = "bad_data",
        /// A request of a type that does not exist.
        UnknownRequest = "unknown_request_type",
        /// Intensity above 100.
        Intensity = "intensity_above_100",
        /// A pong without a ping.
        PongUnasked = "pong_unasked",
        /// A message before the client had introduced itself.
        TooEarly = "before_identification",
        /// A second introduction.
        Again = "identified_twice",
        /// A message that this role may not send.
        WrongRole = "wrong_role",
        /// A message of a kind that does not exist.
        UnknownKind = "unknown_kind",
        /// A message without what it needs.
        Missing = "missing_field",
        /// Text where binary is read, or the reverse.
        WrongFrame = "wrong_kind_of_frame",
        /// A heartbeat that did not come in time.
        HeartbeatMissed = "heartbeat_missed",
        /// A move that the rules of the game forbid, or out of turn.
        IllegalMove = "illegal_move",
        /// A credential that is none.
        BadCredential = "bad_credential",
        /// More of something than may be.
        TooMany = "too_many",
    }
}

counted! {
    /// Why an answer was never sent.
    Dropped {
        /// The fault of this name.
        NoAck = "no_ack",
        /// A fault had silenced the connection before.
        Muted = "muted",
        /// A fault would have made it larger, and too much was waiting already.
        NoRoom = "no_room",
        /// The handshake was left unanswered by the fault of this name.
        No101 = "no_101",
        /// The server had said its last before.
        Closed = "closed",
        /// The connection ended first.
        PeerGone = "peer_gone",
        /// The server was stopped first.
        Stopped = "stopped",
    }
}

/// The counters of one lane.
#[derive(Debug)]
pub(super) struct Counts {
    /// Messages read, by [`Kind`].
    pub(super) received: [u64; Kind::NAMES.len()],
    /// Messages written, by [`Kind`].
    pub(super) sent: [u64; Kind::NAMES.len()],
    /// By [`Dropped`].
    pub(super) dropped: [u64; Dropped::NAMES.len()],
    /// By [`Violation`].
    pub(super) violations: [u64; Violation::NAMES.len()],
    /// Bytes read behind the handshake.
    pub(super) bytes_in: u64,
    /// Bytes written behind the handshake.
    pub(super) bytes_out: u64,
    /// Connections that ended before the server did.
    pub(super) ended: u64,
    /// How often each fault struck, by its name.
    pub(super) faults: BTreeMap<&'static str, u64>,
    /// Codes of the Close frames read, a Close without a code as 1005; at most [`CLOSE_CODES`] are told apart.
    pub(super) closes: BTreeMap<u16, u64>,
    /// From having read a request to writing its answer.
    pub(super) hold: Hist,
}

impl Counts {
    pub(super) fn new() -> Self {
        Counts {
            received: [0; Kind::NAMES.len()],
            sent: [0; Kind::NAMES.len()],
            dropped: Default::default(),
            violations: Default::default(),
            bytes_in: 0,
            bytes_out: 0,
            ended: 0,
            faults: BTreeMap::new(),
            closes: BTreeMap::new(),
            hold: Hist::new(),
        }
    }

    /// Notes a message read.
    pub(super) fn received(&mut self, kind: Kind) {
        self.received[kind as usize] += 1;
    }

    /// Notes a message written.
    pub(super) fn sent(&mut self, kind: Kind) {
        self.sent[kind as usize] += 1;
    }

    /// Notes `n` answers that will never be sent.
    pub(super) fn dropped(&mut self, why: Dropped, n: u64) {
        self.dropped[why as usize] += n;
    }

    /// Notes what a client must not do.
    pub(super) fn violated(&mut self, what: Violation) {
        self.violations[what as usize] += 1;
    }

    /// Notes that a fault struck.
    pub(super) fn struck(&mut self, name: &'static str) {
        *self.faults.entry(name).or_default() += 1;
    }

    /// Notes a Close read; codes beyond those told apart count as 0.
    pub(super) fn closed(&mut self, code: Option<u16>) {
        let code = code.unwrap_or(1005);
        let is_told = self.closes.len() < CLOSE_CODES || self.closes.contains_key(&code);
        *self.closes.entry(if is_told { code } else { 0 }).or_default() += 1;
    }

    /// Takes another lane's counts in.
    pub(super) fn merge(&mut self, other: &Counts) {
        let add = |to: &mut [u64], from: &[u64]| to.iter_mut().zip(from).for_each(|(to, from)| *to += from);
        add(&mut self.received, &other.received);
        add(&mut self.sent, &other.sent);
        add(&mut self.dropped, &other.dropped);
        add(&mut self.violations, &other.violations);
        self.bytes_in += other.bytes_in;
        self.bytes_out += other.bytes_out;
        self.ended += other.ended;
        other.faults.iter().for_each(|(name, n)| *self.faults.entry(name).or_default() += n);
        other.closes.iter().for_each(|(code, n)| *self.closes.entry(*code).or_default() += n);
        self.hold.merge(&other.hold);
    }

    /// The account of a server that served `profile`.
    pub(super) fn account(&self, profile: &str, dialect: Option<&str>, connections: Connections) -> Account {
        Account {
            schema: SCHEMA.into(),
            profile: profile.into(),
            dialect: dialect.map(Into::into),
            connections,
            received: named(Kind::NAMES, &self.received),
            sent: named(Kind::NAMES, &self.sent),
            bytes_in: self.bytes_in,
            bytes_out: self.bytes_out,
            dropped: named(Dropped::NAMES, &self.dropped),
            faults: self.faults.iter().map(|(name, n)| ((*name).into(), *n)).collect(),
            closes: self.closes.iter().map(|(code, n)| (code.to_string(), *n)).collect(),
            violations: named(Violation::NAMES, &self.violations),
            violations_total: self.violations.iter().sum(),
            hold: Hold::of(&self.hold),
            figures: BTreeMap::new(),
            http: BTreeMap::new(),
        }
    }
}

fn named(names: &[&str], counts: &[u64]) -> BTreeMap<String, u64> {
    names.iter().zip(counts).filter(|(_, n)| **n > 0).map(|(name, n)| (name.to_string(), *n)).collect()
}

/// What a server did, given when it stops. Kinds that never occurred are left out.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Account {
    /// [`SCHEMA`].
    pub schema: String,
    /// The profile served.
    pub profile: String,
    /// Its dialect, if it has any.
    pub dialect: Option<String>,
    /// Connections.
    pub connections: Connections,
    /// Messages read, by kind.
    pub received: BTreeMap<String, u64>,
    /// Messages written, by kind.
    pub sent: BTreeMap<String, u64>,
    /// Bytes of frames read.
    pub bytes_in: u64,
    /// Bytes of frames written.
    pub bytes_out: u64,
    /// Answers never sent, by fault, `peer_gone` or `stopped`.
    pub dropped: BTreeMap<String, u64>,
    /// How often each fault struck: handshakes, answers, pings or connections, whatever it strikes. What
    /// happens later in a connection counts when it happens.
    #[serde(default)]
    pub faults: BTreeMap<String, u64>,
    /// Close frames read, by code; 1005 is a Close without one, 0 any code beyond the first 64.
    #[serde(default)]
    pub closes: BTreeMap<String, u64>,
    /// What clients must not do, by kind.
    pub violations: BTreeMap<String, u64>,
    /// Sum of the violations.
    pub violations_total: u64,
    /// How long answers were held.
    pub hold: Hold,
    /// What else a protocol counts.
    #[serde(default)]
    pub figures: BTreeMap<String, u64>,
    /// Plain HTTP requests, by method and route, then by status.
    #[serde(default)]
    pub http: BTreeMap<String, BTreeMap<u16, u64>>,
}

/// Connections of a server.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Connections {
    /// Answered 101.
    pub accepted: u64,
    /// Answered with anything else.
    pub refused: u64,
    /// Ended before they were answered: no request in time, no HTTP, gone.
    pub failed: u64,
    /// Most open at once.
    pub open_peak: u64,
    /// Ended before the server stopped.
    pub ended: u64,
}

/// How long answers were held, from having read the request to writing the answer, in nanoseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Hold {
    /// Answers written.
    pub count: u64,
    /// Median; null without answers.
    pub p50: Option<u64>,
    /// 99th percentile.
    pub p99: Option<u64>,
    /// Largest.
    pub max: Option<u64>,
}

impl Hold {
    fn of(hist: &Hist) -> Self {
        let max = (!hist.is_empty()).then(|| hist.exact().max);
        Hold { count: hist.len(), p50: hist.quantile(0.5), p99: hist.quantile(0.99), max }
    }
}
