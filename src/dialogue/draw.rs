//! Numbers drawn from seed, client and purpose, so that a run can be repeated.

use crate::units::mix;
use crate::units::share_of;

/// A number drawn for `client` and `turn`, 64 bits.
pub(super) fn bits(seed: u64, client: u64, turn: u64) -> u64 {
    mix(mix(seed ^ client.wrapping_mul(0x9e37_79b9_7f4a_7c15)).wrapping_add(turn.wrapping_mul(0xd6e8_feb8_6659_fd93)))
}

/// A number from 0 up to, not including, 1.
pub(super) fn share(seed: u64, client: u64, turn: u64) -> f64 {
    share_of(bits(seed, client, turn))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn draws_repeat_and_differ() {
        assert_eq!(bits(1, 2, 3), bits(1, 2, 3));
        let shares: Vec<f64> = (0..10_000).map(|client| share(7, client, 0)).collect();
        let mean = shares.iter().sum::<f64>() / 10_000.0;
        assert!((mean - 0.5).abs() < 0.01 && shares.iter().all(|share| (0.0..1.0).contains(share)), "{mean}");
    }
}
