//! When a client comes back whose connection ended or was not made. Pure arithmetic: the delay of
//! the profile, less a share drawn from seed, client and dial, so that a run can be repeated.

use super::Plan;
use crate::units::MILLI;
use crate::units::Nanos;
use crate::units::SECOND;
use crate::units::mix;
use crate::units::share_of;

/// A client begins no two connections within this time, whatever its profile says.
pub const REDIAL_REST: Nanos = Nanos(100 * MILLI);
/// A `Retry-After` is obeyed up to this time.
pub const RETRY_AFTER_MOST: Nanos = Nanos(300 * SECOND);

/// How a client stands when it may come back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Absence {
    /// Number of the client.
    pub client: u64,
    /// Attempt in a row without a ready connection, from 1.
    pub attempt: u32,
    /// Number of the dial among all of this client, from 0; 0 was its first.
    pub dial: u32,
    /// What the server asked it to wait.
    pub retry_after: Option<Nanos>,
}

impl Plan {
    /// How long a client waits before it is dialed again; `None` when it stays away.
    pub fn redial_after(&self, absence: Absence) -> Option<Nanos> {
        let rule = &self.profile.reconnect;
        if rule.attempts.is_some_and(|most| absence.attempt > most) {
            return None;
        }
        let delay = rule.backoff.as_ref()?.delay(absence.attempt);
        let share = rule.jitter * draw(self.seed, absence.client, u64::from(absence.dial));
        let drawn = Nanos((delay.0 as f64 * (1.0 - share)).round() as u64);
        Some(drawn.max(absence.retry_after.unwrap_or_default().min(RETRY_AFTER_MOST)))
    }

    /// Whether a client comes back after a close with `code`, or without one, if the profile lets
    /// clients come back at all.
    pub fn retries_close(&self, code: Option<u16>) -> bool {
        let code = code.unwrap_or(1005);
        let rule = self.profile.closes.iter().find(|rule| rule.code == code);
        rule.map_or(code != crate::profile::POLICY_CODE, |rule| rule.retry)
    }

    /// Whether a client comes back after the upgrade was answered with HTTP `status`, likewise.
    /// Redirects are never followed and lead to the same place each time.
    pub fn retries_status(&self, status: u16) -> bool {
        !(300..400).contains(&status) && !self.profile.reconnect.stop_on.contains(&status)
    }
}

/// The 16 bytes of the handshake key of a dial: of no security value (RFC 6455 section 10.3 speaks of
/// masks), only different for each connection.
pub fn nonce(seed: u64, client: u64, dial: u32) -> u128 {
    let high = mix(seed ^ client.wrapping_mul(0x9e37_79b9_7f4a_7c15));
    let low = mix(client.wrapping_add(1).wrapping_mul(0xd6e8_feb8_6659_fd93) ^ seed.wrapping_add(u64::from(dial).rotate_left(32)));
    u128::from(high) << 64 | u128::from(low)
}

/// A number from 0 up to, not including, 1.
pub(super) fn draw(seed: u64, client: u64, turn: u64) -> f64 {
    let bits = mix(mix(seed.wrapping_add(client.wrapping_mul(0xa076_1d64_78bd_642f))) ^ turn.wrapping_mul(0xe703_7ed1_a0b4_28db));
    share_of(bits)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::plan::tests::plan;
    use crate::profile::Backoff;
    use crate::profile::CloseRule;
    use crate::profile::Reconnect;

    fn with(reconnect: Reconnect) -> Plan {
        let mut plan = plan(Nanos::ZERO, Nanos::ZERO, Nanos(SECOND));
        plan.profile.reconnect = reconnect;
        plan
    }

    proptest! {
        #[test]
        fn a_delay_is_the_rule_less_its_share(
            first in 0u64..3_600 * SECOND, factor in 1.0f64..10.0, jitter in 0.0f64..=1.0, seed: u64, client: u64, dial: u32, attempt in 1u32..100
        ) {
            let backoff = Backoff::Exponential { first: Nanos(first), factor, max: Nanos(3_600 * SECOND) };
            let mut plan = with(Reconnect { backoff: Some(backoff.clone()), jitter, ..Reconnect::default() });
            plan.seed = seed;
            let absence = Absence { client, attempt, dial, retry_after: None };
            let whole = backoff.delay(attempt).0;
            let delay = plan.redial_after(absence).expect("no bound on attempts").0;
            prop_assert!(delay <= whole && delay as f64 >= whole as f64 * (1.0 - jitter) - 1.0);
            prop_assert_eq!(plan.redial_after(absence), Some(Nanos(delay)), "drawn, not random");
        }

        #[test]
        fn retry_after_is_obeyed_within_bounds(asked in 0u64..10_000, delay in 0u64..600) {
            let plan = with(Reconnect { backoff: Some(Backoff::Fixed(Nanos::from_secs(delay))), jitter: 0.0, ..Reconnect::default() });
            let absence = Absence { client: 1, attempt: 1, dial: 1, retry_after: Some(Nanos::from_secs(asked)) };
            prop_assert_eq!(plan.redial_after(absence), Some(Nanos::from_secs(delay.max(asked.min(300)))));
        }

        #[test]
        fn keys_and_draws_differ_by_client_and_dial(seed: u64, client in 0u64..1_000_000, dial in 0u32..1_000_000) {
            prop_assert_ne!(nonce(seed, client, dial), nonce(seed, client, dial + 1));
            prop_assert_ne!(nonce(seed, client, dial), nonce(seed, client + 1, dial));
            prop_assert!((0.0..1.0).contains(&draw(seed, client, u64::from(dial))));
        }
    }

    #[test]
    fn draws_are_spread_evenly() {
        let mut bins = [0u32; 10];
        (0..10_000u64).for_each(|n| bins[(draw(1, n / 10, n % 10) * 10.0) as usize] += 1);
        // Binomial with mean 1,000 and deviation 30.
        assert!(bins.iter().all(|n| (850..1_150).contains(n)), "{bins:?}");
    }

    #[test]
    fn after_the_last_attempt_a_client_stays_away() {
        let plan = with(Reconnect { backoff: Some(Backoff::Fixed(Nanos::ZERO)), attempts: Some(3), ..Reconnect::default() });
        let after = |attempt| plan.redial_after(Absence { client: 0, attempt, dial: 9, retry_after: None });
        assert_eq!([1, 3, 4].map(after), [Some(Nanos::ZERO), Some(Nanos::ZERO), None]);
        let none = with(Reconnect::default());
        assert_eq!(none.redial_after(Absence { client: 0, attempt: 1, dial: 1, retry_after: None }), None);
    }

    #[test]
    fn what_is_never_retried() {
        let mut plan = with(Reconnect { stop_on: vec![401, 410], ..Reconnect::default() });
        assert_eq!([301, 401, 403, 410, 429, 503].map(|s| plan.retries_status(s)), [false, false, true, false, true, true]);
        plan.profile.closes = vec![
            CloseRule { code: 4001, name: "a".into(), retry: false },
            CloseRule { code: 1005, name: "b".into(), retry: false },
            CloseRule { code: 1000, name: "c".into(), retry: true },
        ];
        let codes = [None, Some(1000), Some(1008), Some(1011), Some(4001), Some(4002)];
        assert_eq!(codes.map(|code| plan.retries_close(code)), [false, true, false, true, false, true]);
    }
}
