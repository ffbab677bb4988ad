//! What do reading and recording cost alone? Nanoseconds per message of each step between the
//! kernel and the histogram: cutting a read into frames, reading JSON, matching, recording.

#![allow(missing_docs, reason = "the macros of criterion make undocumented functions")]

use criterion::Criterion;
use criterion::criterion_group;
use criterion::criterion_main;
use std::collections::BTreeMap;
use std::hint::black_box;

use volley::dialogue::Bounds;
use volley::dialogue::Dialogue;
use volley::dialogue::Reader;
use volley::dialogue::Script;
use volley::dialogue::Stage;
use volley::dialogue::Values;
use volley::profile::Pointer;
use volley::profile::shipped;
use volley::tally::Hist;
use volley::tally::Tally;
use volley::wire::frames::Assembly;
use volley::wire::frames::Decoder;
use volley::wire::frames::Encoder;
use volley::wire::frames::Kind;

const ANSWER: &str = r#"{"id":0,"pad":"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"}"#;

fn script() -> Script {
    let profile = shipped::get("echo").expect("shipped");
    let vars = BTreeMap::from([("payload_bytes".to_owned(), "64".to_owned())]);
    let bounds = Bounds { measure_from: 0, measure_until: u64::MAX, timeout: 10_000_000_000, window: 100, seed: 1, unix_ms: 0 };
    Script::compile(&profile, None, &Values { vars, ..Values::default() }, bounds).expect("compiles")
}

fn frames(c: &mut Criterion) {
    let mut frame = vec![0x81, ANSWER.len() as u8];
    frame.extend_from_slice(ANSWER.as_bytes());
    let (mut decoder, mut assembly) = (Decoder::new(1 << 18), Assembly::default());
    c.bench_function("frame: take one apart", |b| {
        b.iter(|| {
            decoder.take_in(&mut assembly, black_box(&frame));
            decoder.next(&mut assembly).map(|heard| heard.is_some())
        });
    });
    let mut encoder = Encoder::new(1);
    let mut payload = ANSWER.as_bytes().to_vec();
    c.bench_function("frame: put one together", |b| b.iter(|| encoder.frame(Kind::Text, black_box(&mut payload)).len()));
}

fn json(c: &mut Criterion) {
    let mut reader = Reader::default();
    let mut message = ANSWER.as_bytes().to_vec();
    let id = Pointer::parse("id").expect("a member");
    c.bench_function("json: read the key", |b| b.iter(|| reader.read(black_box(&mut message), |f| f.key(&id))));
}

fn exchange(c: &mut Criterion) {
    let script = script();
    let mut dialogue = Dialogue::new(0, &script);
    let (mut reader, mut tally, mut out, mut now) = (Reader::default(), Tally::new(script.width()), Vec::new(), 1u64);
    let mut effects = Vec::new();
    dialogue.opened(&mut Stage { script: &script, reader: &mut reader, tally: &mut tally, effects: &mut effects }, 0);
    effects.clear();
    c.bench_function("dialogue: render, send, hear, match, record", |b| {
        b.iter(|| {
            now += 1_000_000;
            out.clear();
            let mut stage = Stage { script: &script, reader: &mut reader, tally: &mut tally, effects: &mut effects };
            if let volley::dialogue::Place::Taken { seq, .. } = dialogue.load(&script, now, now, &mut out) {
                dialogue.load_sent(&mut stage, seq, now, now + 1_000);
            }
            dialogue.message(&mut stage, black_box(&mut out), now + 60_000)
        });
    });
}

fn record(c: &mut Criterion) {
    let mut hist = Hist::new();
    let mut ns = 50_000u64;
    c.bench_function("tally: record one value", |b| {
        b.iter(|| {
            ns = (ns * 31 + 7) % 10_000_000;
            hist.record(black_box(ns));
        });
    });
    let other = hist.clone();
    c.bench_function("tally: merge two histograms", |b| b.iter(|| hist.merge(black_box(&other))));
}

criterion_group!(benches, frames, json, exchange, record);
criterion_main!(benches);
