//! Traces of strangers: refused with a line and a hint, or read into rows that stand where they say, in order of time, and that
//! written again are read as the same.

#![no_main]

use libfuzzer_sys::fuzz_target;
use volley::trace::Reader;
use volley::trace::Writer;

fuzz_target!(|data: &[u8]| {
    let Ok(mut reader) = Reader::new(data) else { return };
    let mut again = Vec::new();
    let mut writer = Writer::new(&mut again, reader.head()).expect("memory can be written");
    let (mut rows, mut at_ns) = (0u64, 0);
    loop {
        match reader.next_row() {
            Ok(None) => break,
            Err(mistake) => {
                let text = mistake.to_string();
                assert!(!text.is_empty() && text.len() < 4_096, "{text}");
                return;
            }
            Ok(Some(row)) => {
                let from = row.offset as usize;
                assert!(from + row.bytes as usize <= data.len());
                assert!(row.line.at_ns >= at_ns);
                at_ns = row.line.at_ns;
                rows += 1;
                writer.line(&row.line).expect("memory can be written");
            }
        }
    }
    drop(writer);
    let mut reader = Reader::new(&again[..]).expect("what was written is a trace");
    while let Some(_row) = reader.next_row().expect("and so is each of its lines") {
        rows -= 1;
    }
    assert_eq!(rows, 0);
});
