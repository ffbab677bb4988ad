//! Crafted histograms inside an otherwise good record: what the fuzzer makes is deflated and put into
//! base64, so that it reaches what lies behind both. A second reading of the counts, written here, must
//! agree.
//!
//! First byte even: counts behind a good header. Odd: header and counts, plain.

#![no_main]

use std::fs;
use std::io::Read as _;
use std::path::Path;
use std::sync::LazyLock;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use flate2::Compression;
use flate2::read::ZlibEncoder;
use libfuzzer_sys::fuzz_target;
use tempfile::TempDir;
use volley::record::read;

#[path = "../../tests/record/fabricate.rs"]
mod fabricate;

/// A record of one second with one histogram, whose line is written anew each time; and its row.
static RECORD: LazyLock<(TempDir, String)> = LazyLock::new(|| {
    let memory = Path::new("/dev/shm");
    let dir = if memory.is_dir() { TempDir::new_in(memory) } else { TempDir::new() }.expect("a temporary folder");
    let mut fab = fabricate::Fab::new(1);
    fab.second(&[("echo", &[1_000_000])]);
    drop(fab.write_open(dir.path()));
    let row = fs::read_to_string(dir.path().join("counters.ndjson")).expect("was written");
    assert!(row.contains(FIGURES), "{row}");
    (dir, row)
});

/// The figures of the one value in it.
const FIGURES: &str = r#"{"count":1,"min":1000000,"max":1000000,"sum":1000000,"clipped":0}"#;

fn header(len: usize) -> Vec<u8> {
    let mut head = vec![0x1c, 0x84, 0x93, 0x13];
    head.extend((len as u32).to_be_bytes());
    head.extend([0, 0, 0, 0, 0, 0, 0, 3]);
    head.extend(1_000u64.to_be_bytes());
    head.extend(3_600_000_000_000u64.to_be_bytes());
    head.extend(1f64.to_be_bytes());
    head
}

/// The values that `counts` claims to hold; `None` when that is not believed.
fn claimed(counts: &[u8]) -> Option<u64> {
    let mut sum = 0u64;
    let mut left = counts;
    while !left.is_empty() {
        let mut number = 0u64;
        for at in 0..9 {
            let (&byte, rest) = left.split_first()?;
            left = rest;
            if at == 8 {
                number |= u64::from(byte) << 56;
            } else {
                number |= u64::from(byte & 0x7f) << (7 * at);
                if byte & 0x80 == 0 {
                    break;
                }
            }
        }
        // Even numbers are counts, odd ones runs of zeros.
        if number & 1 == 0 {
            sum = sum.saturating_add(number >> 1);
        }
    }
    Some(sum).filter(|&sum| (1..=1 << 40).contains(&sum))
}

fuzz_target!(|data: &[u8]| {
    let Some((&kind, data)) = data.split_first() else { return };
    let plain = if kind % 2 == 0 { [&header(data.len())[..], data].concat() } else { data.to_vec() };
    let claim = plain.get(40..).and_then(claimed);
    let mut deflated = Vec::new();
    ZlibEncoder::new(&plain[..], Compression::none()).read_to_end(&mut deflated).expect("a slice can be read");
    let bytes = [&[0x1c, 0x84, 0x93, 0x14][..], &(deflated.len() as u32).to_be_bytes(), &deflated].concat();
    let (dir, row) = &*RECORD;
    let n = claim.unwrap_or(1);
    let figures = format!(r#"{{"count":{n},"min":0,"max":{n},"sum":{n},"clipped":0}}"#);
    let line = format!("Tag=echo,0.0,1.0,1.0,{}\n", STANDARD.encode(bytes));
    // A second line, so that the first is not forgiven as torn.
    let legend = "#[Exact]\n";
    fs::write(dir.path().join("counters.ndjson"), row.replace(FIGURES, &figures)).expect("written");
    fs::write(dir.path().join("intervals.hlog"), format!("{line}{legend}")).expect("written");
    match read(dir.path()) {
        Ok(run) => {
            let hist = &run.totals["echo"];
            assert_eq!((Some(hist.len()), hist.counts().map(|c| c.len())), (claim, claim));
            assert!(hist.quantile(0.5).is_some_and(|ns| ns <= n));
        }
        Err(error) => assert!(!error.to_string().is_empty()),
    }
});
