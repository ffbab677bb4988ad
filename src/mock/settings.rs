//! The variables of the reference servers, from text, each with its default.
//!
//! Knows what a variable may hold, not what it changes.

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

const fn open_shock(name: &'static str, about: &'static str, read: fn(&mut Settings, &str) -> Option<()>) -> Variable {
    Variable { profile: Protocol::OpenShockLive, name, about, read }
}

/// Every variable of every profile.
pub const VARIABLES: &[Variable] = &[
    Variable {
        profile: Protocol::Echo,
        name: "subprotocol",
        about: "the subprotocol accepted when a client offers it",
        read: |to, text| text.bytes().all(|b| b.is_ascii_graphic() && b != b',').then(|| to.subprotocol = Some(text.into())),
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
        }
    }
}

/// Sets a variable of `profile`, or says what is wrong.
pub(super) fn set(profile: Protocol, settings: &mut Settings, name: &str, value: &str) -> Result<(), String> {
    let mut ours = VARIABLES.iter().filter(|v| v.profile == profile);
    let Some(variable) = ours.clone().find(|v| v.name == name) else {
        let names: Vec<&str> = ours.by_ref().map(|v| v.name).collect();
        return Err(format!("the server of `{}` has no variable `{name}`; it has {}", profile.name(), names.join(", ")));
    };
    (variable.read)(settings, value).ok_or_else(|| format!("`{name}={value}` does not fit: {}", variable.about))
}
