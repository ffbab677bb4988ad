//! Numbers drawn from seed, client and purpose, so that a run can be repeated.

/// A number drawn for `client` and `turn`, 64 bits.
pub(super) fn bits(seed: u64, client: u64, turn: u64) -> u64 {
    mix(mix(seed ^ client.wrapping_mul(0x9e37_79b9_7f4a_7c15)).wrapping_add(turn.wrapping_mul(0xd6e8_feb8_6659_fd93)))
}

/// A number from 0 up to, not including, 1.
pub(super) fn share(seed: u64, client: u64, turn: u64) -> f64 {
    (bits(seed, client, turn) >> 11) as f64 / (1u64 << 53) as f64
}

/// The output of SplitMix64 (Steele, Lea, Flood 2014).
fn mix(x: u64) -> u64 {
    let z = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
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
