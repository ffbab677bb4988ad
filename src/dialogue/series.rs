//! The series of a run: the profile's own, those that every run has, and those derived of others.
//!
//! ```text
//! own | tcp_rtt tcp_rtt_min (with --hops) | recovery .. ready | NAME.first NAME.median NAME.last NAME.spread ..
//! ```

use super::fanout;
use super::script::Script;
use crate::profile::Class;
use crate::profile::Profile;

/// A series of the run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Series {
    /// Name.
    pub name: String,
    /// How answers are matched.
    pub class: Class,
    /// One line on what it is.
    pub about: String,
}

/// The series of the kernel's round trips, in runs that ask for them, before those that every profile has.
const TCP_RTT: [(&str, &str); 2] = [
    ("tcp_rtt", "the kernel's round trip: TCP's smoothed RTT of each open socket, once a second"),
    ("tcp_rtt_min", "the shortest that the kernel saw on each open socket in some minutes, once a second"),
];

/// Series that every profile has, after the profile's own.
pub(super) const BUILT_IN_SERIES: [(&str, &str); 6] = [
    ("recovery", "struck by a storm to ready again"),
    ("ws_ping", "WebSocket ping to pong: the server's WebSocket layer, not its application"),
    ("tcp_connect", "TCP connection made"),
    ("tls", "TLS handshake"),
    ("upgrade", "upgrade request written to 101 read"),
    ("ready", "101 read to the message that lets the load begin"),
];

impl Series {
    /// All that a run of a profile may measure, in the order of [`Script::series`].
    pub fn all(profile: &Profile, hops: bool) -> Vec<Series> {
        let mut all = Series::always(profile, hops);
        let derived = fanout::derived(all[..profile.series.len()].iter().filter(|series| series.class == Class::Cross));
        all.extend(derived);
        all
    }

    /// What every run of a profile measures: its own series in the order of the file, then the built-in ones, with those of the
    /// kernel's round trips if they are asked for.
    pub(super) fn always(profile: &Profile, hops: bool) -> Vec<Series> {
        let own = profile.series.iter().map(|s| Series { name: s.name.clone(), class: s.class, about: s.about.clone() });
        let built_in = hops.then_some(&TCP_RTT).into_iter().flatten().chain(&BUILT_IN_SERIES).map(|(name, about)| Series {
            name: (*name).to_owned(),
            class: if *name == "ws_ping" { Class::Keyed } else { Class::Single },
            about: (*about).to_owned(),
        });
        own.chain(built_in).collect()
    }
}

impl Script {
    /// Index of the first series that every run has.
    fn built_in_from(&self) -> usize {
        self.own_series + if self.hops { TCP_RTT.len() } else { 0 }
    }

    /// Index of the first series that is derived of others; as many as there are series, when none is.
    pub fn derived_from(&self) -> usize {
        self.built_in_from() + BUILT_IN_SERIES.len()
    }

    /// Indices of the series of the kernel's round trips, the smoothed and the shortest, in a run that asks for them.
    pub fn tcp_rtt(&self) -> Option<[usize; 2]> {
        self.hops.then_some([self.own_series, self.own_series + 1])
    }

    /// Index of the series of recoveries from a storm.
    pub fn recovery(&self) -> usize {
        self.built_in_from()
    }

    /// Index of the series of WebSocket pings.
    pub fn ws_ping(&self) -> usize {
        self.built_in_from() + 1
    }

    /// Index of the series of TCP connections.
    pub fn tcp_connect(&self) -> usize {
        self.built_in_from() + 2
    }

    /// Index of the series of TLS handshakes.
    pub fn tls(&self) -> usize {
        self.built_in_from() + 3
    }

    /// Index of the series of upgrades.
    pub fn upgrade(&self) -> usize {
        self.built_in_from() + 4
    }

    /// Index of the series of openings.
    pub fn ready(&self) -> usize {
        self.built_in_from() + 5
    }
}
