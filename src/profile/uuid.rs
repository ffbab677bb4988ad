//! UUIDs of sends, clients and runs, from numbers that were drawn.

use crate::units::mix;

/// 128 bits from the seed: of the run for `who` 0, of client `who` - 1 otherwise.
pub(super) fn lasting(seed: u64, who: u64) -> u128 {
    let half = |half: u64| u128::from(mix(mix(seed ^ half).wrapping_add(who)));
    half(0x0075_7569) << 64 | half(0x0169_6475)
}

/// Appends a UUID of version 4 (RFC 9562 section 5.4) made of a number drawn at random.
pub(super) fn push(out: &mut Vec<u8>, random: u128) {
    let bits = random & !(0xf << 76) & !(0x3 << 62) | 0x4 << 76 | 0x2 << 62;
    for (at, nibble) in (0..32).map(|place| (bits >> (124 - 4 * place)) as usize & 0xf).enumerate() {
        if matches!(at, 8 | 12 | 16 | 20) {
            out.push(b'-');
        }
        out.push(b"0123456789abcdef"[nibble]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_uuid_has_its_version_and_variant() {
        let mut out = Vec::new();
        push(&mut out, u128::MAX);
        assert_eq!(String::from_utf8(out).expect("text"), "ffffffff-ffff-4fff-bfff-ffffffffffff");
    }
}
