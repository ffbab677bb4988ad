//! What a server is told before it starts, from words, all mistakes at once.
//!
//! Knows the names of profiles, dialects and variables; does no I/O.

use super::fault::Planned;
use super::settings::Settings;
use super::settings::set;
use super::trouble::Delay;
use super::trouble::Knee;
use super::trouble::Stall;
use crate::units::Rate;

/// Largest message read unless told otherwise, in bytes.
pub const MESSAGE_CAP: usize = 1 << 20;
/// Most lanes of one server.
pub const LANES_CAP: usize = 64;

/// A protocol this server speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// Every message comes back as it came.
    Echo,
    /// The same, in order: whatever is said is its own answer.
    Ask,
    /// OpenShock's live control gateway.
    OpenShockLive,
    /// Terra's streaming of readings.
    Terra,
    /// LiveStyler's signalling.
    LiveStyler,
    /// The channel notification service.
    Notify,
    /// Live subtitles.
    Subtitles,
    /// Live dubbing.
    Dubbing,
    /// Live trivia.
    Trivia,
    /// Chess.
    Chess,
    /// Direct messages.
    Dm,
    /// Device pairing.
    Pairing,
    /// Admin diagnostics.
    Diagnostics,
    /// Voice support.
    Voice,
}

impl Protocol {
    /// All of them, in the order of lists.
    pub const ALL: [Protocol; 14] = [
        Protocol::Echo,
        Protocol::Ask,
        Protocol::OpenShockLive,
        Protocol::Terra,
        Protocol::LiveStyler,
        Protocol::Notify,
        Protocol::Subtitles,
        Protocol::Dubbing,
        Protocol::Trivia,
        Protocol::Chess,
        Protocol::Dm,
        Protocol::Pairing,
        Protocol::Diagnostics,
        Protocol::Voice,
    ];

    /// The name of its profile.
    pub const fn name(self) -> &'static str {
        match self {
            Protocol::Echo => "echo",
            Protocol::Ask => "ask",
            Protocol::OpenShockLive => "openshock-live",
            Protocol::Terra => "terra",
            Protocol::LiveStyler => "livestyler-signal",
            Protocol::Notify => "channel-notify",
            Protocol::Subtitles => "media-subtitles",
            Protocol::Dubbing => "media-dubbing",
            Protocol::Trivia => "media-trivia",
            Protocol::Chess => "media-chess",
            Protocol::Dm => "media-dm",
            Protocol::Pairing => "media-pairing",
            Protocol::Diagnostics => "media-diagnostics",
            Protocol::Voice => "media-voice",
        }
    }

    /// Whether a later answer of a connection may overtake an earlier one.
    pub(super) const fn answers_overtake(self) -> bool {
        matches!(self, Protocol::Echo)
    }

    /// Whether it comes in two dialects.
    const fn has_dialects(self) -> bool {
        !matches!(self, Protocol::Echo | Protocol::Ask | Protocol::Terra | Protocol::LiveStyler | Protocol::Notify)
    }

    /// Whether its connections share a world, and so a lane.
    pub(super) const fn is_shared(self) -> bool {
        !matches!(self, Protocol::Echo | Protocol::Ask | Protocol::OpenShockLive)
    }
}

/// Where documents and running servers differ, which of them is followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    /// The published documents.
    Docs,
    /// The published server code.
    Server,
}

impl Dialect {
    /// Its name on the command line.
    pub const fn name(self) -> &'static str {
        match self {
            Dialect::Docs => "docs",
            Dialect::Server => "server",
        }
    }
}

/// What was typed about a server.
#[derive(Clone, Debug, Default)]
pub struct Words {
    /// Name of the profile.
    pub profile: String,
    /// Name of the dialect; the default is `docs`.
    pub dialect: Option<String>,
    /// Variables and their values.
    pub set: Vec<(String, String)>,
    /// Seed of the random delays.
    pub seed: u64,
    /// A [`Delay`].
    pub delay: Option<String>,
    /// A [`Stall`].
    pub stall: Option<String>,
    /// Faults as `NAME[=ARG][:SHARE]`.
    pub faults: Vec<String>,
    /// Threads that serve; the default is 1.
    pub lanes: Option<usize>,
    /// Largest message read, in bytes; the default is [`MESSAGE_CAP`].
    pub message_cap: Option<usize>,
    /// Most connections open at once; more are refused with 503. No bound by default.
    pub capacity: Option<usize>,
    /// Connections beyond which every answer is slower; none by default.
    pub knee: Option<u64>,
    /// Handshakes answered a second at most, as `500/s`; no bound by default.
    pub accept_rate: Option<Rate>,
}

/// What a server does. Made from [`Words`].
#[derive(Clone, Debug)]
pub struct Config {
    /// The protocol spoken.
    pub profile: Protocol,
    /// Its dialect; [`Dialect::Docs`] where there is only one way to speak.
    pub dialect: Dialect,
    /// Seed of the random delays.
    pub seed: u64,
    /// How long answers are held.
    pub delay: Option<Delay>,
    /// When nothing is sent.
    pub stall: Option<Stall>,
    /// Faults and their shares.
    pub faults: Vec<Planned>,
    /// Threads that serve, at least 1.
    pub lanes: usize,
    /// Largest message read, in bytes.
    pub message_cap: usize,
    /// Most connections open at once.
    pub capacity: usize,
    /// Beyond how many connections every answer is slower.
    pub knee: Option<Knee>,
    /// Handshakes answered a second at most.
    pub accept_rate: Option<Rate>,
    pub(super) settings: Settings,
}

impl Config {
    /// The configuration that `words` describe.
    ///
    /// # Errors
    /// Every mistake in them, each in a sentence.
    pub fn new(words: &Words) -> Result<Config, Vec<String>> {
        let mut mistakes = Vec::new();
        let profile = profile(&words.profile).unwrap_or_else(|e| {
            mistakes.push(e);
            Protocol::Echo
        });
        if !mistakes.is_empty() {
            return Err(mistakes);
        }
        let dialect = note(&mut mistakes, dialect(profile, words.dialect.as_deref()));
        let delay = words.delay.as_deref().and_then(|text| note(&mut mistakes, text.parse()));
        let stall = words.stall.as_deref().and_then(|text| note(&mut mistakes, text.parse()));
        let faults: Vec<Planned> = words.faults.iter().filter_map(|text| note(&mut mistakes, planned(profile, text))).collect();
        let mut settings = Settings::default();
        for (name, value) in &words.set {
            note(&mut mistakes, set(profile, &mut settings, name, value));
        }
        let lanes = words.lanes.unwrap_or(1);
        let message_cap = words.message_cap.unwrap_or(MESSAGE_CAP);
        let capacity = words.capacity.unwrap_or(usize::MAX);
        if !(1..=LANES_CAP).contains(&lanes) {
            mistakes.push(format!("lanes {lanes}: between 1 and {LANES_CAP}"));
        }
        if lanes > 1 && profile.is_shared() {
            mistakes.push(format!("lanes {lanes}: the connections of `{}` talk to each other, on one lane", profile.name()));
        }
        if !(125..=1 << 30).contains(&message_cap) {
            mistakes.push(format!("message cap {message_cap}: between 125 bytes and 1 GiB"));
        }
        if words.knee == Some(0) {
            mistakes.push("knee 0: at least 1 connection".into());
        }
        match dialect {
            Some(dialect) if mistakes.is_empty() => Ok(Config {
                profile,
                dialect,
                seed: words.seed,
                delay,
                stall,
                faults,
                lanes,
                message_cap,
                capacity,
                knee: words.knee.and_then(Knee::at),
                accept_rate: words.accept_rate,
                settings,
            }),
            _ => Err(mistakes),
        }
    }

    /// The dialect's name, for profiles that have dialects.
    pub fn dialect_name(&self) -> Option<&'static str> {
        self.profile.has_dialects().then(|| self.dialect.name())
    }
}

fn note<T>(mistakes: &mut Vec<String>, result: Result<T, String>) -> Option<T> {
    result.map_err(|e| mistakes.push(e)).ok()
}

fn profile(name: &str) -> Result<Protocol, String> {
    let names = Protocol::ALL.map(Protocol::name).join(", ");
    Protocol::ALL
        .into_iter()
        .find(|p| p.name() == name)
        .ok_or_else(|| format!("no reference server for profile `{name}`; there are {names}"))
}

fn dialect(profile: Protocol, asked: Option<&str>) -> Result<Dialect, String> {
    match (asked, profile.has_dialects()) {
        (None | Some("docs"), true) | (None, false) => Ok(Dialect::Docs),
        (Some("server"), true) => Ok(Dialect::Server),
        (Some(other), true) => Err(format!("profile `{}` has no dialect `{other}`; it has docs, server", profile.name())),
        (Some(_), false) => Err(format!("profile `{}` has no dialects; leave --dialect away", profile.name())),
    }
}

fn planned(profile: Protocol, text: &str) -> Result<Planned, String> {
    let planned: Planned = text.parse()?;
    match planned.only {
        Some(only) if only != profile => Err(format!("fault `{}`: {} cannot show it, {} can", planned.name, profile.name(), only.name())),
        _ => Ok(planned),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_mistakes_at_once() {
        let words = Words {
            profile: "openshock-live".into(),
            dialect: Some("wiki".into()),
            set: vec![("ping_every".into(), "5".into()), ("colour".into(), "red".into())],
            delay: Some("5ms".into()),
            stall: Some("1s".into()),
            faults: vec!["nack".into(), "huge".into()],
            lanes: Some(0),
            message_cap: Some(1),
            knee: Some(0),
            ..Words::default()
        };
        let mistakes = Config::new(&words).expect_err("nothing in it is right");
        assert_eq!(mistakes.len(), 10, "{mistakes:#?}");
    }

    #[test]
    fn faults_of_another_profile_are_refused() {
        let words = |profile: &str, fault: &str| Words { profile: profile.into(), faults: vec![fault.into()], ..Words::default() };
        for (profile, fault) in [("echo", "device_offline=3"), ("echo", "error_instead=150"), ("openshock-live", "text_for_binary")] {
            let mistakes = Config::new(&words(profile, fault)).expect_err(fault);
            assert!(mistakes.len() == 1 && mistakes[0].contains("cannot show it"), "{mistakes:?}");
        }
        assert!(Config::new(&words("openshock-live", "device_offline=3")).is_ok());
    }

    #[test]
    fn the_least_said_is_enough() {
        for profile in Protocol::ALL {
            let config = Config::new(&Words { profile: profile.name().into(), ..Words::default() }).expect("a name is enough");
            assert_eq!((config.profile, config.lanes, config.message_cap), (profile, 1, MESSAGE_CAP));
        }
        assert!(Config::new(&Words { profile: "exho".into(), ..Words::default() }).is_err());
    }
}
