//! The fan-out map: what one client sends and several others see. Of each message: when the first, the middle and the last
//! receiver saw it, and how far apart the first and the last did; of each receiver: how many it saw, how far behind the first,
//! and how often it was the last.
//!
//! ```text
//! sent ----- first ---- median ------- last
//!              |<-------- spread ------->|       the k-th receiver of n at the median: k = ceil(n / 2)
//! ```
//!
//! A message that some have not seen has no last receiver and no spread; these count as unanswered in their series, so that
//! quantiles know what is missing. Only live sights count: what came because it was asked for again is no fan-out.

use super::Stage;
use super::crossing::Fate;
use super::script::Script;
use super::series::Series;
use crate::profile::Class;
use crate::tally::Phase;
use crate::tally::Receiver;
use crate::tally::Sample;

/// What is derived of a series: ends of names, class, and what it is.
const DERIVED: [(&str, Class, &str); 4] = [
    ("first", Class::Cross, "until the first of several receivers saw it"),
    ("median", Class::Cross, "until half of the receivers had seen it"),
    ("last", Class::Cross, "until all receivers had seen it"),
    ("spread", Class::Spread, "first receiver to last"),
];

/// The series derived of each of these.
pub(super) fn derived<'a>(of: impl Iterator<Item = &'a Series>) -> Vec<Series> {
    let of_one = |one: &Series| {
        DERIVED.map(|(end, class, about)| Series {
            name: format!("{}.{end}", one.name),
            class,
            about: format!("fan-out of {}: {about}", one.name),
        })
    };
    of.flat_map(of_one).collect()
}

/// Takes down what became of a message: `fan` is the first of its derived series, `receivers` the places that were to see it. Of
/// the measure phase only.
pub(super) fn take_down(stage: &mut Stage<'_>, fan: usize, receivers: u64, fate: &Fate<'_>) {
    let (wanted, phase) = (receivers.count_ones() as usize, stage.script.phase_of(fate.due));
    if phase != Phase::Measure {
        return;
    }
    let nth = |n: usize| fate.sights.get(n - 1).map(|(done, _)| *done);
    let first = nth(1);
    let since_send = |done| Sample { due: fate.due, sent: fate.sent, done };
    let times = [
        first.map(since_send),
        nth(wanted.div_ceil(2)).map(since_send),
        nth(wanted).map(since_send),
        nth(wanted).zip(first).map(|(done, first)| Sample { due: first, sent: first, done }),
    ];
    for (series, time) in (fan..).zip(times) {
        match time {
            Some(sample) => stage.tally.timed(phase, series, sample),
            None => stage.tally.counts.series_unanswered[series] += 1,
        }
    }
    each_receiver(&mut stage.tally.counts.receivers, receivers, fate);
}

fn each_receiver(all: &mut [Receiver], receivers: u64, fate: &Fate<'_>) {
    let mut missing = receivers;
    let first = fate.sights.first().map_or(0, |(done, _)| *done);
    for (done, place) in fate.sights {
        missing &= !(1 << place);
        let receiver = &mut all[usize::from(*place)];
        receiver.seen += 1;
        receiver.behind_ns += done - first;
    }
    let last = fate.sights.last().filter(|_| missing == 0);
    if let Some((_, place)) = last {
        all[usize::from(*place)].last += 1;
    }
    for (place, receiver) in all.iter_mut().enumerate() {
        receiver.missed += missing >> place & 1;
    }
}

impl Script {
    /// Places of the group, as bits, whose clients see what the one at `place` sends in `series`; it does not see its own.
    pub(super) fn receivers(&self, place: usize, series: usize) -> u64 {
        let sees = |other: &usize| *other != place && self.sees(self.cast.role(*other as u64), series);
        (0..self.cast.group() as usize).filter(sees).fold(0, |bits, other| bits | 1 << other)
    }

    /// How many receivers a message of `series` has, at most; 0 when no load sends in it.
    pub fn reach(&self, series: usize) -> u32 {
        let places = 0..self.cast.group() as usize;
        let sends = |place: &usize| {
            let load = self.roles[self.cast.role(*place as u64)].load.as_ref();
            load.is_some_and(|load| load.cross == Some(series))
        };
        places.filter(sends).map(|place| self.receivers(place, series).count_ones()).max().unwrap_or(0)
    }

    /// Adds the series derived of those that several receivers see, in the place of those of another cast.
    pub(super) fn fan_out(&mut self) {
        self.series.truncate(self.derived_from());
        let fans: Vec<usize> = (0..self.own_series).filter(|series| self.reach(*series) > 1).collect();
        for load in self.roles.iter_mut().filter_map(|role| role.load.as_mut()) {
            let at = load.cross.and_then(|series| fans.iter().position(|fan| *fan == series));
            load.fan = at.map(|at| self.series.len() + at * DERIVED.len());
        }
        let derived = derived(fans.iter().map(|series| &self.series[*series]));
        self.series.extend(derived);
    }

    /// The series that series number `index` is derived of, when it is.
    pub(super) fn derived_of(&self, index: usize) -> Option<usize> {
        let name = self.series[index].name.split_once('.')?.0;
        self.series.iter().position(|series| series.name == name)
    }
}
