//! What a peer may and may not say, in any pieces.

use proptest::prelude::*;

use super::*;

fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut out = vec![first];
    match payload.len() {
        n @ 0..126 => out.push(n as u8),
        n @ 126..65_536 => {
            out.push(126);
            out.extend_from_slice(&(n as u16).to_be_bytes());
        }
        n => {
            out.push(127);
            out.extend_from_slice(&(n as u64).to_be_bytes());
        }
    }
    out.extend_from_slice(payload);
    out
}

/// Everything said in `bytes`, read in pieces of `step` bytes.
fn hear(bytes: &[u8], step: usize, cap: usize) -> Result<Vec<String>, Broken> {
    let (mut decoder, mut assembly, mut said) = (Decoder::new(cap), Assembly::default(), Vec::new());
    for piece in bytes.chunks(step) {
        decoder.take_in(&mut assembly, piece);
        while let Some(heard) = decoder.next(&mut assembly)? {
            said.push(match heard {
                Heard::Message(_, m) => format!("message {}", String::from_utf8_lossy(m.bytes())),
                Heard::Ping(m) => format!("ping {}", String::from_utf8_lossy(m.bytes())),
                Heard::Pong(m) => format!("pong {}", String::from_utf8_lossy(m.bytes())),
                Heard::Close { code, .. } => format!("close {code:?}"),
            });
        }
    }
    assert!(assembly.held() <= 2 * cap + HEADER_MAX);
    Ok(said)
}

#[test]
fn fragments_with_a_ping_between_them() {
    let bytes = [frame(0x01, b"a"), frame(0x89, b"p"), frame(0x00, b"b"), frame(0x80, b"c"), frame(0x88, &[3, 232])].concat();
    for step in 1..=bytes.len() {
        assert_eq!(hear(&bytes, step, 100), Ok(vec!["ping p".into(), "message abc".into(), "close Some(1000)".into()]), "{step}");
    }
}

#[test]
fn what_breaks_the_protocol_is_named() {
    let masked = vec![0x81, 0x81, 0, 0, 0, 0, b'a'];
    for (bytes, code) in [
        (masked, 1002),
        (frame(0xc1, b"a"), 1002),
        (frame(0x21, &[0xff, 0]), 1002),
        ([frame(0x01, &[b'a'; 60]), frame(0xc0, &[b'a'; 60])].concat(), 1002),
        (frame(0x83, b"a"), 1002),
        (frame(0x09, b"a"), 1002),
        (frame(0x89, &[b'a'; 126]), 1002),
        (frame(0x8a, &[b'a'; 126]), 1002),
        (frame(0x88, &[b'a'; 126]), 1002),
        (frame(0x80, b"a"), 1002),
        ([frame(0x01, b"a"), frame(0x81, b"b")].concat(), 1002),
        (frame(0x88, &[1]), 1002),
        (frame(0x88, &[3, 237]), 1002),
        (frame(0x88, &[3, 232, 0xff]), 1007),
        (frame(0x81, &[0xff]), 1007),
        ([frame(0x01, &[0xe2]), frame(0x80, &[0x28, 0xa1])].concat(), 1007),
        (frame(0x81, &[b'a'; 101]), 1009),
        ([frame(0x01, &[b'a'; 60]), frame(0x80, &[b'a'; 60])].concat(), 1009),
        (vec![0x82, 127, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff], 1009),
    ] {
        for step in [1, 3, 1_000] {
            assert_eq!(hear(&bytes, step, 100).map_err(Broken::close_code), Err(code), "{bytes:?}");
        }
    }
}

#[test]
fn a_broken_connection_does_not_spoil_the_next() {
    let (mut decoder, mut one, mut two) = (Decoder::new(100), Assembly::default(), Assembly::default());
    let bad = [frame(0x83, b"a"), frame(0x81, b"left over")].concat();
    decoder.take_in(&mut one, &bad);
    assert!(decoder.next(&mut one).is_err());
    decoder.take_in(&mut two, &frame(0x81, b"fine"));
    assert!(matches!(decoder.next(&mut two), Ok(Some(Heard::Message(_, m))) if m.bytes() == b"fine"));
    assert!(matches!(decoder.next(&mut two), Ok(None)));
}

#[test]
fn kinds_and_reasons_are_told() {
    let bytes =
        [frame(0x02, &[0xff]), frame(0x80, &[0xfe]), frame(0x82, b"b"), frame(0x81, b"t"), frame(0x88, b"\x0f\xa0gone \xe2\x82\xac")];
    let (mut decoder, mut assembly, mut said) = (Decoder::new(100), Assembly::default(), Vec::new());
    decoder.take_in(&mut assembly, &bytes.concat());
    while let Some(heard) = decoder.next(&mut assembly).expect("nothing is wrong") {
        said.push(match heard {
            Heard::Message(kind, m) => format!("{kind:?} {:?}", m.bytes()),
            Heard::Close { code, reason } => format!("{code:?} {reason}"),
            Heard::Ping(_) | Heard::Pong(_) => unreachable!("none was sent"),
        });
    }
    assert_eq!(said, ["Binary [255, 254]", "Binary [98]", "Text [116]", "Some(4000) gone \u{20ac}"]);
}

#[test]
fn what_looks_like_frames_inside_a_half_received_frame_is_payload() {
    let inner = [frame(0x89, b"ping"), frame(0x88, &[3, 232]), vec![0x81, 0xfe]].concat();
    let bytes = [frame(0x82, &inner), frame(0x89, b"real")].concat();
    for step in 1..=bytes.len() {
        let said = hear(&bytes, step, 100).expect("nothing is wrong");
        assert_eq!((said.len(), said[1].as_str()), (2, "ping real"), "{step}");
    }
}

/// The number of bytes of `bytes`, read one by one, at which they are found to be wrong, and how.
fn wrong_at(bytes: &[u8], cap: usize) -> Option<(usize, u16)> {
    let (mut decoder, mut assembly) = (Decoder::new(cap), Assembly::default());
    (0..bytes.len()).find_map(|at| {
        decoder.take_in(&mut assembly, &bytes[at..=at]);
        loop {
            match decoder.next(&mut assembly) {
                Ok(Some(_)) => {}
                Ok(None) => return None,
                Err(broken) => {
                    assert_eq!(assembly.held(), 0, "what broke is dropped");
                    return Some((at + 1, broken.close_code()));
                }
            }
        }
    })
}

#[test]
fn a_mistake_is_found_at_the_byte_that_makes_it() {
    let euro = "\u{20ac}".as_bytes();
    for (what, bytes, wrong) in [
        ("text inside a frame", frame(0x81, b"ok\xffmore to come"), Some((5, 1007))),
        ("text inside a first fragment", frame(0x01, b"ok\xffmore to come"), Some((5, 1007))),
        ("text inside a last fragment", [frame(0x01, b"ok"), frame(0x80, b"ok\xffmore")].concat(), Some((9, 1007))),
        ("a fragment that is not the last", [frame(0x01, b"o\xff"), frame(0x00, b"k")].concat(), Some((4, 1007))),
        ("a character cut by fragments", [frame(0x01, &euro[..1]), frame(0x80, &euro[1..])].concat(), None),
        ("and spoiled behind the cut", [frame(0x01, &euro[..1]), frame(0x80, b"\x82xx")].concat(), Some((7, 1007))),
        ("and with a ping in the cut", [frame(0x01, &euro[..2]), frame(0x89, b"\xff"), frame(0x80, &euro[2..])].concat(), None),
        ("text that ends inside a character", [frame(0x01, b"a"), frame(0x80, &euro[..2])].concat(), Some((7, 1007))),
        ("what is not text", [frame(0x02, b"\xff"), frame(0x80, b"\xff")].concat(), None),
        ("text behind what is not", [frame(0x02, b"\xe2"), frame(0x80, b""), frame(0x01, b"a"), frame(0x80, b"b")].concat(), None),
        ("reserved bits, before what may be text", frame(0x51, b"\xff"), Some((2, 1002))),
        ("a header that makes the message too large", [frame(0x01, &[b'a'; 60]), vec![0x80, 41]].concat(), Some((64, 1009))),
        ("a header too large by itself", vec![0x82, 126, 0, 101], Some((4, 1009))),
    ] {
        assert_eq!(wrong_at(&bytes, 100), wrong, "{what}");
    }
}

/// How often the memory of an assembly grew while the message in `reads` came, which is how often it was
/// copied, and the most that was held.
fn growths<'a>(reads: impl Iterator<Item = &'a [u8]>, cap: usize) -> (usize, usize) {
    let budget: &'static Budget = Box::leak(Box::new(Budget::new(BUDGET_MAX)));
    let (mut decoder, mut assembly) = (Decoder::within(cap, budget), Assembly::default());
    let (mut growths, mut most, mut messages, mut before) = (0, 0, 0, 0);
    for read in reads {
        decoder.take_in(&mut assembly, read);
        while let Some(heard) = decoder.next(&mut assembly).expect("nothing is wrong") {
            messages += usize::from(matches!(heard, Heard::Message(..)));
        }
        growths += usize::from(assembly.held() > before);
        before = assembly.held();
        most = most.max(before);
        assert_eq!(budget.held(), before, "all that is held is counted");
    }
    assert_eq!((messages, assembly.held(), budget.held()), (1, 0, 0), "and given back");
    (growths, most)
}

#[test]
fn single_bytes_are_copied_a_bounded_number_of_times() {
    const CAP: usize = 1 << 18;
    let (times, most) = growths(frame(0x82, &[7; CAP]).chunks(1), CAP);
    assert!(times <= 16 && most <= CAP + HEADER_MAX, "one frame: {times} growths to {most}");
    let fragments = [frame(0x01, b"a"), frame(0x00, b"a").repeat(CAP - 2), frame(0x80, b"a")].concat();
    let (times, most) = growths(fragments.chunks(3), CAP);
    assert!(times <= 16 && most <= CAP, "fragments of one byte: {times} growths to {most}");
    let (_, most) = growths(fragments.chunks(1), CAP);
    assert!(most <= CAP + HEADER_MAX, "in single bytes: {most}");
}

#[test]
fn all_connections_share_one_budget() {
    let budget: &'static Budget = Box::leak(Box::new(Budget::new(1_000)));
    let (mut one, mut two) = (Decoder::within(500, budget), Decoder::within(500, budget));
    let mut assemblies: [Assembly; 4] = std::array::from_fn(|_| Assembly::default());
    let (part, half) = (frame(0x02, &[7; 400]), &frame(0x82, &[7; 400])[..300]);
    one.take_in(&mut assemblies[0], &part);
    assert!(matches!(one.next(&mut assemblies[0]), Ok(None)), "a fragment is kept");
    two.take_in(&mut assemblies[1], half);
    assert!(matches!(two.next(&mut assemblies[1]), Ok(None)), "half a frame is kept");
    assert_eq!(budget.held(), 700);
    for (at, bytes) in [(2, part.as_slice()), (3, [frame(0x89, b"p").as_slice(), &part[..320]].concat().as_slice())] {
        two.take_in(&mut assemblies[at], bytes);
        let broken = loop {
            match two.next(&mut assemblies[at]) {
                Ok(Some(heard)) => assert!(matches!(heard, Heard::Ping(_)), "what came before is heard"),
                Ok(None) => panic!("there is no room for it"),
                Err(broken) => break broken,
            }
        };
        assert_eq!((broken.fault, broken.close_code()), (Fault::FrameBudget, 1009));
        assert_eq!((assemblies[at].held(), budget.held()), (0, 700));
    }
    two.take_in(&mut assemblies[2], &frame(0x82, &[7; 500]));
    assert!(matches!(two.next(&mut assemblies[2]), Ok(Some(Heard::Message(..)))), "a whole message needs none of it");
    drop(assemblies);
    assert_eq!(budget.held(), 0);
}

proptest! {
    #[test]
    fn any_cut_hears_the_same(messages in prop::collection::vec("[a-z]{0,300}", 1..20), step in 1usize..700) {
        let bytes: Vec<u8> = messages.iter().flat_map(|m| frame(0x81, m.as_bytes())).collect();
        let expected: Vec<String> = messages.iter().map(|m| format!("message {m}")).collect();
        prop_assert_eq!(hear(&bytes, step, 1_000), Ok(expected));
    }

    #[test]
    fn any_fragments_in_any_cut_hear_the_same(
        messages in prop::collection::vec((".{0,40}", 1usize..12, any::<bool>(), any::<bool>()), 1..8),
        step in 1usize..64,
    ) {
        let (mut bytes, mut expected) = (Vec::new(), Vec::new());
        for (text, size, is_text, with_pings) in &messages {
            let mut fragments: Vec<&[u8]> = text.as_bytes().chunks(*size).collect();
            let last = fragments.pop().unwrap_or_default();
            let first = if *is_text { 1 } else { 2 };
            for (i, fragment) in fragments.iter().enumerate() {
                bytes.extend(frame(if i == 0 { first } else { 0 }, fragment));
                if *with_pings {
                    bytes.extend(frame(0x89, &[0xff]));
                    expected.push("ping \u{fffd}".to_owned());
                }
            }
            bytes.extend(frame(0x80 | if fragments.is_empty() { first } else { 0 }, last));
            expected.push(format!("message {text}"));
        }
        prop_assert_eq!(hear(&bytes, step, 1_000), Ok(expected));
    }

    #[test]
    fn garbage_never_panics_and_cuts_do_not_matter(bytes in prop::collection::vec(any::<u8>(), 0..600), step in 1usize..100) {
        prop_assert_eq!(hear(&bytes, step, 256), hear(&bytes, bytes.len().max(1), 256));
    }
}
