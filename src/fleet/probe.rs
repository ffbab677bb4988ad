//! What an agent knows of the controller's clock. Pure: instants in, instants out.
//!
//! ```text
//! agent, monotonic   sent ------------------ heard        the controller's date belongs to an instant between the two;
//! controller, date            date                        the middle is wrong by half of the round trip at most
//! ```
//!
//! Of several round trips the shortest says most. The start is brought onto the agent's monotonic clock once, so what happens
//! to its date afterwards moves nothing.

/// A question and its answer. Nanoseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Probe {
    /// When it was asked, on the agent's monotonic clock.
    pub sent: u64,
    /// When the answer came.
    pub heard: u64,
    /// The controller's date in between.
    pub date: u64,
}

/// An estimate of the controller's clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Estimate {
    /// The controller's date less the agent's monotonic clock, in nanoseconds.
    pub ahead_ns: i128,
    /// The most that it is wrong by, in nanoseconds.
    pub half_rtt_ns: u64,
}

impl Estimate {
    /// From the shortest of the round trips; `None` without any.
    pub fn of(probes: &[Probe]) -> Option<Estimate> {
        let best = probes.iter().filter(|p| p.heard >= p.sent).min_by_key(|p| p.heard - p.sent)?;
        let middle = best.sent + (best.heard - best.sent) / 2;
        let half_rtt_ns = (best.heard - best.sent).div_ceil(2);
        Some(Estimate { ahead_ns: i128::from(best.date) - i128::from(middle), half_rtt_ns })
    }

    /// An instant of the controller's date on the agent's monotonic clock; 0 when it lies before its start.
    pub fn to_own(&self, date: u64) -> u64 {
        u64::try_from(i128::from(date) - self.ahead_ns).unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// Whatever the delays of both ways and the difference of the clocks, the error is within half of the shortest round trip.
        #[test]
        fn the_error_is_within_half_of_the_round_trip(
            ahead in 0u64..1 << 60, trips in prop::collection::vec((0u64..1 << 40, 0u64..10_000_000, 0u64..10_000_000), 1..20), t0 in 1u64 << 41..1 << 50,
        ) {
            let probes: Vec<Probe> =
                trips.iter().map(|&(sent, there, back)| Probe { sent, heard: sent + there + back, date: sent + there + ahead }).collect();
            let estimate = Estimate::of(&probes).expect("there are some");
            let shortest = trips.iter().map(|(_, there, back)| there + back).min().unwrap_or(0);
            prop_assert_eq!(estimate.half_rtt_ns, shortest.div_ceil(2));
            // The true instant on the agent's clock is t0.
            prop_assert!(estimate.to_own(t0 + ahead).abs_diff(t0) <= estimate.half_rtt_ns);
        }
    }

    #[test]
    fn nothing_is_known_without_an_answer() {
        assert_eq!(Estimate::of(&[]), None);
        assert_eq!(Estimate::of(&[Probe { sent: 2, heard: 1, date: 5 }]), None);
    }
}
