//! Who has which shard, and what follows from it. Pure: claims and instants in, decisions out.

use std::time::Duration;

use super::bus::Place;
use super::message::ClaimMessage;
use super::message::Standing;

/// A shard silent for so long is given up, or for so many intervals where that is longer.
const LOST: Duration = Duration::from_secs(10);
const LOST_INTERVALS: u32 = 5;
/// A shard silent for so many intervals is told of.
const LATE_INTERVALS: u32 = 3;

/// A shard of which something came before its turn is waited for so long: longer than it takes the bus to send again what was
/// lost on its way.
pub(super) const GAP: Duration = Duration::from_secs(45);

/// After how much silence a shard is given up unless it is said otherwise, when something is to come every `interval`.
pub(super) fn lost_after(interval: Duration) -> Duration {
    LOST.max(LOST_INTERVALS * interval)
}

/// A shard and its owner.
#[derive(Clone, Debug, Default)]
pub(super) struct Seat {
    /// Owners before, whose place it took.
    pub(super) former: Vec<ClaimMessage>,
    /// The claim, and its revision.
    pub(super) claim: Option<(ClaimMessage, u64)>,
    /// Whether it belongs to the run: its owner is ready or further.
    pub(super) is_taken: bool,
    /// When it was heard last, in nanoseconds of the controller's clock while the bus was reached.
    pub(super) heard_ns: u64,
    /// Whether it was told to be late.
    pub(super) is_late: bool,
    /// Whether its owner came under way.
    pub(super) has_joined: bool,
    /// Whether it has no owner and may be taken.
    pub(super) is_vacant: bool,
    /// Whether it is given up and its claim does not say so yet.
    pub(super) must_be_fenced: bool,
}

impl Seat {
    /// How its owner stands.
    pub(super) fn standing(&self) -> Option<Standing> {
        self.claim.as_ref().map(|(claim, _)| claim.standing)
    }

    /// Whether its owner has confirmed the start.
    pub(super) fn is_armed(&self) -> bool {
        self.standing() == Some(Standing::Armed)
    }

    /// A name for people.
    pub(super) fn who(&self) -> String {
        self.claim.as_ref().map_or("nobody".into(), |(claim, _)| claim.who())
    }
}

/// How the gathering stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Gathered {
    /// Every shard has an owner that could play.
    All,
    /// So many of them do.
    Some(u32),
    /// An owner cannot play: which shard, and why.
    Refused(u32, String),
}

/// Looks at all seats.
pub(super) fn gathered(seats: &[Seat]) -> Gathered {
    let refused = (0..).zip(seats).find(|(_, seat)| seat.standing() == Some(Standing::Refused));
    if let Some((shard, seat)) = refused {
        let why = seat.claim.as_ref().map_or(String::new(), |(claim, _)| crate::units::printable(&claim.reason, 1_000));
        return Gathered::Refused(shard, format!("{}: {why}", seat.who()));
    }
    let ready = seats.iter().filter(|seat| is_ready(seat)).count();
    if ready == seats.len() { Gathered::All } else { Gathered::Some(ready as u32) }
}

/// Whether a seat's owner could play.
pub(super) fn is_ready(seat: &Seat) -> bool {
    matches!(seat.standing(), Some(Standing::Ready | Standing::Armed))
}

/// The shards that lack an owner that could play, in words.
pub(super) fn missing(seats: &[Seat]) -> String {
    let missing = (0u32..).zip(seats).filter(|(_, seat)| !is_ready(seat));
    let named: Vec<String> = missing
        .map(|(shard, seat)| match seat.standing() {
            None => format!("{shard} (nobody took it)"),
            Some(_) => format!("{shard} ({} is not ready)", seat.who()),
        })
        .collect();
    let (shown, rest) = named.split_at(named.len().min(8));
    let more = if rest.is_empty() { String::new() } else { format!(" and {} more", rest.len()) };
    format!("{}{more}", shown.join(", "))
}

/// What silence means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Silence {
    /// None to speak of.
    Fine,
    /// Worth a word.
    Late,
    /// The shard is given up.
    Lost,
}

/// Judges the silence of a shard heard last at `heard_ns`.
pub(super) fn silence(heard_ns: u64, now_ns: u64, interval: Duration, lost_after: Duration) -> Silence {
    let silent = Duration::from_nanos(now_ns.saturating_sub(heard_ns));
    match () {
        () if silent >= lost_after => Silence::Lost,
        () if silent >= LATE_INTERVALS * interval => Silence::Late,
        () => Silence::Fine,
    }
}

/// The order in which an agent tries the shards: the one it prefers, then all others from there on.
pub(super) fn tries(preferred: u32, shards: u32) -> impl Iterator<Item = u32> {
    let first = preferred % shards.max(1);
    (0..shards).map(move |n| (first + n) % shards)
}

/// Between two looks of an agent, of which a fleet has many: `usual`, and more the larger the fleet is, but never so long that a
/// start which is confirmed at the last moment would be missed.
pub(super) fn unhurried(usual: Duration, shards: u32) -> Duration {
    usual + Duration::from_millis(u64::from(shards / 4).min(400))
}

/// How long from the agreement to the start: `least`, and more the larger the fleet is, since each has to confirm it.
pub(super) fn lead(least: Duration, shards: u32) -> Duration {
    least + Duration::from_millis(5) * shards.saturating_sub(100)
}

/// How long after the end of an interval its snapshot is sent, so that a fleet does not speak all at once: up to a half of it.
pub(super) fn jitter(place: Place, shards: u32, interval: Duration) -> Duration {
    interval / 2 * place.shard / shards.max(1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fleet::RunId;

    fn seat(standing: Standing) -> Seat {
        let claim = ClaimMessage {
            protocol: 1,
            agent: "a".into(),
            nonce: 1,
            epoch: 1,
            replaces: String::new(),
            standing,
            reason: "no files".into(),
            host: "h".into(),
            version: "1".into(),
            cpus: 1,
            files: 1,
            clients: 1,
            offset_ns: 0,
            half_rtt_ns: 0,
        };
        Seat { claim: Some((claim, 1)), ..Seat::default() }
    }

    #[test]
    fn gathering_ends_with_all_or_with_the_first_that_cannot() {
        use Standing::*;
        assert_eq!(gathered(&[seat(Ready), seat(Armed)]), Gathered::All);
        assert_eq!(gathered(&[seat(Ready), seat(Claimed), Seat::default()]), Gathered::Some(1));
        assert_eq!(gathered(&[seat(Ready), seat(Refused)]), Gathered::Refused(1, "a on h: no files".into()));
        assert_eq!(gathered(&[seat(Ready), seat(Lost)]), Gathered::Some(1));
        assert_eq!(missing(&[seat(Ready), seat(Claimed), Seat::default()]), "1 (a on h is not ready), 2 (nobody took it)");
    }

    #[test]
    fn silence_is_late_and_then_a_loss() {
        let of = |interval: u64, heard: u64, now: u64| {
            let interval = Duration::from_secs(interval);
            silence(heard * 1_000_000_000, now * 1_000_000_000, interval, lost_after(interval)) as u8
        };
        assert_eq!([(5, 5), (5, 7), (5, 8), (5, 14), (5, 15), (9, 3)].map(|(heard, now)| of(1, heard, now)), [0, 0, 1, 1, 2, 0]);
        assert_eq!([19, 20, 29, 30].map(|now| of(5, 5, now)), [0, 1, 1, 2]);
    }

    #[test]
    fn every_shard_is_tried_once_and_nobody_speaks_in_the_second_half() {
        for preferred in [0, 3, 7, 100] {
            let mut tried: Vec<u32> = tries(preferred, 5).collect();
            assert_eq!(tried[0], preferred % 5);
            tried.sort_unstable();
            assert_eq!(tried, [0, 1, 2, 3, 4]);
        }
        let at = |shard| jitter(Place { run: RunId::drawn(1), shard, epoch: 1, seq: 0 }, 4, Duration::from_secs(1)).as_millis();
        assert_eq!([at(0), at(1), at(3)], [0, 125, 375]);
    }
}
