//! Generated sound: 16 kHz mono PCM of 16 bits, little-endian, 32,000 bytes a second.

/// Samples a second.
const RATE: f64 = 16_000.0;
/// Pitch of the voice in Hz, and how often it swells in a second.
const PITCH: f64 = 140.0;
const SYLLABLES: f64 = 4.0;

/// Appends `bytes` bytes of something that has the pitch and the swell of speech; an odd last byte is 0.
pub fn speech(out: &mut Vec<u8>, bytes: usize) {
    let end = out.len() + bytes;
    for sample in 0..bytes / 2 {
        let t = sample as f64 / RATE;
        let turn = std::f64::consts::TAU * t;
        let voice = (turn * PITCH).sin() + 0.5 * (turn * PITCH * 2.0).sin() + 0.25 * (turn * PITCH * 3.0).sin();
        let swell = 0.5 - 0.5 * (turn * SYLLABLES).cos();
        out.extend_from_slice(&((voice * swell * 9_000.0) as i16).to_le_bytes());
    }
    out.resize(end, 0);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sound_has_the_size_asked_for_and_is_not_silent() {
        for bytes in [0, 1, 3_200, 32_001] {
            let mut out = vec![9];
            speech(&mut out, bytes);
            assert_eq!(out.len(), bytes + 1);
        }
        let mut second = Vec::new();
        speech(&mut second, 32_000);
        let loudest = second.chunks(2).map(|b| i16::from_le_bytes([b[0], b[1]]).unsigned_abs()).max();
        assert!(loudest > Some(5_000) && loudest < Some(20_000), "{loudest:?}");
    }
}
