//! Ids, and what is refused.

use super::*;

#[test]
fn ids_are_ten_letters_and_differ() {
    let ids: std::collections::BTreeSet<RunId> = (0..2_000u128).map(|n| RunId::drawn(n * 1_000_000_007)).collect();
    assert_eq!(ids.len(), 2_000);
    assert!(ids.iter().all(|id| RunId::parse(id.as_str()) == Ok(*id)));
    for wrong in ["", "abc", "abcdefghi1", "ABCDEFGHIJ", "abc.efghij", "abcdefghijk", "abcdefghi\u{e9}"] {
        assert!(RunId::parse(wrong).is_err(), "{wrong}");
    }
}

#[test]
fn what_is_not_known_or_of_another_protocol_is_refused() {
    let state = StateMessage {
        protocol: PROTOCOL,
        controller: 7,
        pool: "p".into(),
        phase: Phase::Go,
        t0_ns: 5,
        reason: String::new(),
        wanted: Vec::new(),
    };
    let bytes = state.encode().expect("short");
    assert_eq!(StateMessage::decode(&bytes), Ok(state.clone()));
    let text = String::from_utf8(bytes).expect("text");
    for (from, to, why) in [
        ("\"protocol\":1", "\"protocol\":2,\"new\":1", "the same version"),
        ("\"t0_ns\":5", "\"t0_ns\":5,\"x\":1", "unknown field"),
        ("\"go\"", "\"gone\"", "unknown variant"),
        ("\"t0_ns\":5", "\"t0_ns\":-5", "invalid value"),
        ("{", "[", "invalid type"),
    ] {
        let error = StateMessage::decode(text.replacen(from, to, 1).as_bytes()).expect_err(to);
        assert!(error.contains(why) || error.contains("expected"), "{to}: {error}");
    }
    let long = StateMessage { reason: "x".repeat(VALUE_MOST), ..state };
    assert!(long.encode().is_err() && StateMessage::decode(&vec![b' '; VALUE_MOST + 1]).is_err());
}
