//! What an agent of a fleet may send: the fuzzer makes what lies inside, which is deflated and sealed so that it gets there. It is
//! refused in words, or read into a second that is read back as the same.
//!
//! First byte even: a second. Odd: the last word of a shard.

#![no_main]

use std::io::Write as _;

use flate2::Compression;
use flate2::write::ZlibEncoder;
use libfuzzer_sys::fuzz_target;
use volley::fleet::RunId;
use volley::fleet::snapshot::Body;
use volley::fleet::snapshot::Snapshot;
use volley::fleet::snapshot::encoded;
use volley::fleet::snapshot::of_seconds;
use volley::tally::Width;

const WIDTH: Width = Width { series: 2, out_kinds: 2, in_kinds: 2, places: 2 };

fuzz_target!(|data: &[u8]| {
    let Some((kind, body)) = data.split_first() else { return };
    let mut bytes = vec![b'V', b'L', b'Y', volley::fleet::PROTOCOL as u8, kind & 1];
    bytes.extend(RunId::drawn(7).as_str().bytes());
    bytes.extend([0; 16]);
    let mut deflate = ZlibEncoder::new(bytes, Compression::fast());
    deflate.write_all(body).expect("memory can be written");
    let mut bytes = deflate.finish().expect("memory can be written");
    bytes.extend(crc32fast::hash(&bytes).to_le_bytes());
    // As it comes, and with its seal.
    assert!(Snapshot::decode(body, WIDTH).is_err() || body.len() > 40);
    let Ok(snapshot) = Snapshot::decode(&bytes, WIDTH) else { return };
    let before = format!("{snapshot:?}");
    if let Body::Seconds(seconds) = snapshot.body {
        let encoded: Vec<Vec<u8>> = seconds.into_iter().map(|sent| encoded(&sent.whole())).collect();
        let again = of_seconds(snapshot.place, &encoded).expect("what came in a message fits into one");
        let back = Snapshot::decode(&again, WIDTH).expect("what was written is read");
        assert_eq!(format!("{back:?}"), before);
    }
});
