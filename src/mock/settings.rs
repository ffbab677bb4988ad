//! The variables of the reference servers, from text, each with its default.
//!
//! Knows what a variable may hold, not what it changes.

use std::collections::BTreeMap;

use crate::units::Nanos;

use super::config::Protocol;
use super::openshock::Uuid;

/// Which acknowledgements a bulk of frames gets in the `docs` dialect, which does not say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum BulkAcks {
    /// One for the message when every frame of it was accepted.
    One,
    /// One for each accepted frame.
    PerFrame,
    /// None.
    None,
}

/// The variables of all profiles, each with its default.
#[derive(Clone, Debug)]
pub(super) struct Settings {
    pub(super) subprotocol: Option<String>,
    pub(super) token: Option<String>,
    pub(super) device_id: Option<Uuid>,
    pub(super) shocker: Option<Uuid>,
    pub(super) ping_every: Nanos,
    pub(super) keep_alive: Nanos,
    pub(super) token_paused: bool,
    pub(super) shocker_paused: bool,
    pub(super) permission: bool,
    pub(super) exclusive_until: Option<String>,
    pub(super) bulk_acks: BulkAcks,
    /// What stories are told, by name.
    pub(super) told: BTreeMap<&'static str, String>,
}

/// A variable of a server.
pub struct Variable {
    /// The profile that has it.
    pub profile: Protocol,
    /// Name in `--set NAME=VALUE`.
    pub name: &'static str,
    /// One line for lists.
    pub about: &'static str,
    read: fn(&mut Settings, &str) -> Option<()>,
}

impl Settings {
    /// A text that a story was told.
    pub(super) fn text(&self, name: &str) -> Option<&str> {
        self.told.get(name).map(String::as_str)
    }

    /// A number that a story was told, or its default.
    pub(super) fn number(&self, name: &str, default: u64) -> u64 {
        self.text(name).and_then(|text| text.parse().ok()).unwrap_or(default)
    }

    /// A time that a story was told, or its default.
    pub(super) fn time(&self, name: &str, default: Nanos) -> Nanos {
        self.text(name).and_then(|text| text.parse().ok()).unwrap_or(default)
    }

    /// Whether a story was told that something is so; it is so by `default`.
    pub(super) fn flag(&self, name: &str, default: bool) -> bool {
        self.text(name).map_or(default, |text| text == "true")
    }
}

/// Declares variables of stories: name, what it may hold, one line for lists.
macro_rules! told {
    ($profile:ident: $($name:literal $kind:ident $about:literal,)*) => {
        [$(Variable {
            profile: Protocol::$profile,
            name: $name,
            about: $about,
            read: |to, text| $kind(text).then(|| drop(to.told.insert($name, text.into()))),
        },)*]
    };
}

fn any(text: &str) -> bool {
    !text.chars().any(char::is_control)
}

fn number(text: &str) -> bool {
    text.parse::<u32>().is_ok()
}

fn time(text: &str) -> bool {
    pause(text).is_some()
}

fn flag(text: &str) -> bool {
    matches!(text, "true" | "false")
}

const fn open_shock(name: &'static str, about: &'static str, read: fn(&mut Settings, &str) -> Option<()>) -> Variable {
    Variable { profile: Protocol::OpenShockLive, name, about, read }
}

/// Every variable of every profile: those of the first two, then of the stories.
pub fn variables() -> impl Iterator<Item = &'static Variable> + Clone {
    VARIABLES.iter().chain(STORIES.iter().flat_map(|story| story.iter()))
}

const VARIABLES: &[Variable] = &[
    Variable {
        profile: Protocol::Echo,
        name: "subprotocol",
        about: "the subprotocol accepted when a client offers it",
        read: |to, text| text.bytes().all(|b| b.is_ascii_graphic() && b != b',').then(|| to.subprotocol = Some(text.into())),
    },
    Variable {
        profile: Protocol::Echo,
        name: "pong_at_once",
        about: "true: WebSocket pings are answered at once, whatever holds the application's answers (default false)",
        read: |to, text| flag(text).then(|| drop(to.told.insert("pong_at_once", text.into()))),
    },
    open_shock("token", "the only token accepted (default: any)", |to, text| {
        to.token = Some(text.into());
        Some(())
    }),
    open_shock("device_id", "the only hub there is, a UUID (default: any)", |to, text| {
        to.device_id = Some(Uuid::read(text)?);
        Some(())
    }),
    open_shock("shocker", "the only shocker there is, a UUID (default: any)", |to, text| {
        to.shocker = Some(Uuid::read(text)?);
        Some(())
    }),
    open_shock("ping_every", "time between pings (default 5s; 0 for never)", |to, text| {
        to.ping_every = pause(text)?;
        Some(())
    }),
    open_shock("keep_alive", "time between unsolicited WebSocket pongs (default 60s; 0 for never)", |to, text| {
        to.keep_alive = pause(text)?;
        Some(())
    }),
    open_shock("token_paused", "true: every frame gets TokenPaused", |to, text| {
        to.token_paused = text.parse().ok()?;
        Some(())
    }),
    open_shock("shocker_paused", "true: every frame gets ShockerPaused", |to, text| {
        to.shocker_paused = text.parse().ok()?;
        Some(())
    }),
    open_shock("permission", "false: every frame gets ShockerMissingPermission", |to, text| {
        to.permission = text.parse().ok()?;
        Some(())
    }),
    open_shock("exclusive_until", "an instant: every frame gets ShockerExclusive until then", |to, text| {
        to.exclusive_until = text.bytes().all(|b| b.is_ascii_alphanumeric() || b"-:.+".contains(&b)).then(|| text.into());
        to.exclusive_until.is_some().then_some(())
    }),
    open_shock("bulk_acks", "docs dialect: one, per_frame or none (default one)", |to, text| {
        to.bulk_acks = match text {
            "one" => BulkAcks::One,
            "per_frame" => BulkAcks::PerFrame,
            "none" => BulkAcks::None,
            _ => return None,
        };
        Some(())
    }),
];

/// Variables of the stories.
const STORIES: &[&[Variable]] = &[
    &told! { Terra:
        "dev_id" any "the only developer id that mints tokens (default: any)",
        "api_key" any "its only key (default: any)",
        "open_tokens" flag "false: only minted tokens are good (default true: producer-.. and consumer-.. are too)",
        "heartbeat_interval" time "time between heartbeats that is announced (default 40s)",
        "identify_within" time "how long IDENTIFY is waited for (default 15s)",
        "seq_gap" number "most numbers left out between two messages (default 3)",
        "replay_lag" time "how long a message is not replayed yet (default 0s)",
        "replay_before_optional" flag "true: a replay without `before` goes up to now (default false)",
        "close_malformed" number "code of the close after what cannot be read: 1007 or 1003 (default 1007)",
        "history" number "messages kept for replay (default 100000)",
    },
    &told! { LiveStyler:
        "credential" any "the only credential accepted (default: any)",
        "auth_within" time "how long the credential is waited for (default 10s)",
        "auth_fail" any "close or drop: how a bad credential is refused (default close)",
        "provision_for" time "how long a node is pending (default 0s: it waits at once)",
        "provision_poll" time "time between two reports of it (default 1s)",
        "full" flag "true: there is no node (default false)",
        "candidates" number "candidates sent behind an answer (default 3)",
    },
    &told! { Notify:
        "token" any "the only token accepted (default: any that is not empty)",
        "sub_ack" any "none or typed: whether subscriptions are acknowledged (default typed)",
        "ping_echo" flag "true: a pong has the data of its ping (default false)",
        "in_band" flag "true: a bad token is refused by a message and a close (default false: HTTP 401)",
        "expire_after" time "when a token expires within a connection (default 0s: never)",
        "publish_every" time "time between messages that the server publishes by itself (default 0s: never)",
        "leak" flag "true: those who have unsubscribed are still told (default false)",
        "fanout_copies" number "copies of each message to each subscriber (default 1)",
        "fanout_step" time "how much later each next subscriber of a channel is told (default 0s)",
        "fanout_miss" number "one in so many messages does not reach the first subscriber of its channel (default 0: all do)",
    },
    &told! { Subtitles:
        "token" any "the only token accepted (default: any that is not empty)",
        "cue_bytes" number "bytes of sound for each cue (default 32000)",
        "quota" time "how long a session may last (default 0s: without end)",
    },
    &told! { Dubbing:
        "token" any "the only token accepted (default: any that is not empty)",
        "cue_bytes" number "bytes of sound for each dubbed piece (default 32000)",
        "report_every" time "time between reports (default 10s)",
        "quota" time "how long a session may last (default 0s: without end)",
    },
    &told! { Trivia:
        "token" any "the only token accepted (default: any that is not empty)",
        "facts" number "facts for each transcript (default 1)",
    },
    &told! { Chess:
        "token" any "the only token accepted (default: any that is not empty)",
    },
    &told! { Dm:
        "token" any "the only token accepted (default: any that is not empty)",
        "friends" flag "false: nobody is a friend of anybody (default true)",
        "known_users" any "the only users there are, by commas (default: any)",
        "fanout_copies" number "copies of each message to each socket (default 1)",
    },
    &told! { Pairing:
        "life" time "how long a session lives (default 5m)",
    },
    &told! { Diagnostics:
        "token" any "the only token of an admin (default: any that is not empty)",
        "every" time "time between updates (default 5s)",
    },
    &told! { Voice:
        "token" any "the only token accepted (default: any that is not empty)",
        "think" time "time from one stage of a turn to the next (default 5ms)",
        "chunks" number "chunks of text and of sound in each answer (default 3)",
        "chunk_bytes" number "bytes of sound in each (default 3200)",
    },
];

/// A time that is 0 or at least 1 ms.
fn pause(text: &str) -> Option<Nanos> {
    text.parse().ok().filter(|span: &Nanos| span.0 == 0 || *span >= Nanos::from_millis(1))
}

impl Default for Settings {
    fn default() -> Self {
        Settings {
            subprotocol: None,
            token: None,
            device_id: None,
            shocker: None,
            ping_every: Nanos::from_secs(5),
            keep_alive: Nanos::from_secs(60),
            token_paused: false,
            shocker_paused: false,
            permission: true,
            exclusive_until: None,
            bulk_acks: BulkAcks::One,
            told: BTreeMap::new(),
        }
    }
}

/// Sets a variable of `profile`, or says what is wrong.
pub(super) fn set(profile: Protocol, settings: &mut Settings, name: &str, value: &str) -> Result<(), String> {
    let mut ours = variables().filter(|v| v.profile == profile);
    let Some(variable) = ours.clone().find(|v| v.name == name) else {
        let names: Vec<&str> = ours.by_ref().map(|v| v.name).collect();
        return Err(format!("the server of `{}` has no variable `{name}`; it has {}", profile.name(), names.join(", ")));
    };
    (variable.read)(settings, value).ok_or_else(|| format!("`{name}={value}` does not fit: {}", variable.about))
}
