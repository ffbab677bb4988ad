//! `--audio FILE`: sound that takes the place of what a profile has generated, in pieces of the profile's size, from its
//! beginning again when it is over.
//!
//! What profiles speak of is 16 kHz mono PCM of 16 bits, little-endian; a `.wav` of just that is taken apart, anything
//! else is taken as it is.

use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::sync::Arc;

use super::Trouble;

/// Largest file, in bytes: more than half an hour.
const MOST: u64 = 64 << 20;
/// What a `fmt ` chunk says: PCM, one channel, 16,000 samples a second, 32,000 bytes a second, 2 bytes a sample, 16 bits.
const FORMAT: [u8; 16] = [1, 0, 1, 0, 0x80, 0x3e, 0, 0, 0, 0x7d, 0, 0, 2, 0, 16, 0];

/// The sound in a file.
pub(super) fn read(path: &Path) -> Result<Arc<[u8]>, Trouble> {
    let wrong = |why: String| Trouble::usage(format!("--audio {}: {why}", path.display()));
    let file = File::open(path).map_err(|e| wrong(e.to_string()))?;
    let mut bytes = Vec::new();
    file.take(MOST + 1).read_to_end(&mut bytes).map_err(|e| wrong(e.to_string()))?;
    if bytes.len() as u64 > MOST {
        return Err(wrong(format!("it has more than {} MiB", MOST >> 20)));
    }
    let sound = if bytes.starts_with(b"RIFF") { wave(&bytes).map_err(|why| wrong(why.to_owned()))? } else { &bytes };
    if sound.is_empty() { Err(wrong("there is no sound in it".into())) } else { Ok(sound.into()) }
}

/// The samples of a RIFF WAVE file: chunks of four letters, a length, and content padded to an even length.
fn wave(file: &[u8]) -> Result<&[u8], &'static str> {
    const CUT: &str = "it is cut off, or no WAVE file";
    const OTHER: &str = "it is not 16 kHz mono PCM of 16 bits; convert it, for example with \
                         `ffmpeg -i IN -ar 16000 -ac 1 -c:a pcm_s16le OUT.wav`";
    if file.get(8..12) != Some(b"WAVE") {
        return Err(CUT);
    }
    let (mut rest, mut is_ours) = (&file[12..], false);
    while let Some((head, behind)) = rest.split_first_chunk::<8>() {
        let length = u32::from_le_bytes([head[4], head[5], head[6], head[7]]) as usize;
        match &head[..4] {
            b"fmt " => is_ours = behind.get(..16) == Some(&FORMAT[..]),
            // A recorder that was stopped leaves a length that is too large.
            b"data" if is_ours => return Ok(&behind[..length.min(behind.len()) & !1]),
            b"data" => return Err(OTHER),
            _ => {}
        }
        rest = behind.get(length + (length & 1)..).unwrap_or_default();
    }
    Err(CUT)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(format: &[u8], samples: &[u8], claimed: u32) -> Vec<u8> {
        let mut file = b"RIFF\0\0\0\0WAVE".to_vec();
        for (name, content, length) in [(b"LIST", &b"odd"[..], 3), (b"fmt ", format, format.len() as u32), (b"data", samples, claimed)] {
            file.extend_from_slice(name);
            file.extend_from_slice(&length.to_le_bytes());
            file.extend_from_slice(content);
            file.resize(file.len() + content.len() % 2, 0);
        }
        file
    }

    #[test]
    fn a_wave_file_is_taken_apart_or_refused() {
        assert_eq!(wave(&file(&FORMAT, &[1, 2, 3, 4], 4)), Ok(&[1, 2, 3, 4][..]));
        assert_eq!(wave(&file(&FORMAT, &[1, 2, 3, 4], u32::MAX)), Ok(&[1, 2, 3, 4][..]));
        let mut stereo = FORMAT;
        stereo[2] = 2;
        assert!(wave(&file(&stereo, &[1, 2], 2)).is_err_and(|why| why.contains("ffmpeg")));
        let whole = file(&FORMAT, &[], 0);
        for cut in 0..whole.len() {
            assert!(wave(&whole[..cut]).is_err(), "{cut}");
        }
    }
}
