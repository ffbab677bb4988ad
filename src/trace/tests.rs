use std::borrow::Cow;
use std::io::Write as _;

use super::*;

const HEAD: &str = "{\"volley_trace\":1,\"made_by\":\"hand\"}\n";

/// The lines behind the head, or the first mistake.
fn lines(text: &str) -> Result<Vec<String>, Mistake> {
    let mut reader = Reader::new(text.as_bytes())?;
    let mut found = Vec::new();
    while let Some(row) = reader.next_row()? {
        found.push(format!("{} {} {:?}", row.line.at_ns, row.line.conn, row.line.event));
    }
    Ok(found)
}

fn mistake(rest: &str) -> Mistake {
    lines(&format!("{HEAD}{rest}")).expect_err(rest)
}

fn text(text: &str) -> Frame<'_> {
    Frame::Text(Cow::Borrowed(text))
}

#[test]
fn what_is_written_is_read_back() {
    let head = Head { target: Some("wss://h/".into()), profile: Some("echo".into()), ..Head::new("record") };
    let mut writer = Writer::new(Vec::new(), &head).expect("written");
    let events = [
        (0, Event::Open { path: Some("/ws?x=1".into()), subprotocol: Some("chat".into()) }),
        (10, Event::Sent(text("say \"hi\"\n\u{1}€"))),
        (30, Event::Got(Frame::Binary(vec![0, 255, 7].into()))),
        (20, Event::Sent(Frame::Binary(Vec::new().into()))),
        (40, Event::Close { by: Side::Client, code: Some(1000) }),
        (41, Event::Close { by: Side::Server, code: None }),
    ];
    for (at_ns, event) in events.clone() {
        let role = matches!(event, Event::Open { .. }).then_some(Cow::Borrowed("writer"));
        writer.line(&Line { at_ns, conn: 3, role, event }).expect("written");
    }
    writer.flush().expect("flushed");
    let written = writer.into_inner();
    let mut reader = Reader::new(written.as_slice()).expect("a trace");
    assert_eq!(reader.head(), &head);
    for (n, (at_ns, event)) in events.iter().enumerate() {
        let row = reader.next_row().expect("good").expect("there");
        let lines: Vec<&[u8]> = written.split(|b| *b == b'\n').collect();
        assert_eq!(&written[row.offset as usize..][..row.bytes as usize], lines[n + 1]);
        // The one that came late is raised to the one before.
        assert_eq!((row.line.at_ns, row.line.conn, &row.line.event), ((*at_ns).max(if n > 2 { 30 } else { 0 }), 3, event));
        assert_eq!(row.number, n as u64 + 2);
    }
    assert!(reader.next_row().expect("good").is_none());
}

#[test]
fn what_is_left_out_has_a_meaning() {
    let found = lines(&format!("{HEAD}{{\"at_ns\":5,\"sent\":{{\"text\":\"x\"}}}}\n\n{{\"at_ns\":5,\"sent\":{{\"text\":\"y\"}}}}"));
    assert_eq!(found.expect("good").len(), 2, "no conn, a blank line, a last line without its break");
}

#[test]
fn a_bad_line_is_named_with_what_to_do() {
    let sent = r#""sent":{"text":"x"}"#;
    for (rest, line, what, hint) in [
        (format!("{{\"at_ns\":9,{sent}}}\n{{\"at_ns\":8,{sent}}}\n"), 3, "goes back: 8 is before 9", "Sort"),
        (format!("{{\"at_ns\":9,{sent}}}\n{{\"at_ns\":9,\"sent\":{{\"te"), 3, "cut off", "2 lines are whole; `head -n 2 FILE`"),
        (format!("{{\"at_ns\":9,{sent},\"size\":4}}\n"), 2, "unknown field `size`", "at_ns, conn, role"),
        ("{\"at_ns\":9,\"sent\":{\"txt\":\"x\"}}\n".into(), 2, "unknown variant `txt`", "text or binary"),
        ("{\"at_ns\":9,\"sent\":{\"binary\":\"x\"}}\n".into(), 2, "no base64", ""),
        ("{\"at_ns\":9}\n".into(), 2, "does not say what happened", "one of open"),
        (format!("{{\"at_ns\":9,\"close\":{{\"by\":\"client\"}},{sent}}}\n"), 2, "several things", ""),
        ("{\"at_ns\":-1,\"sent\":{\"text\":\"x\"}}\n".into(), 2, "invalid value", ""),
        ("{\"at_ns\":1.5,\"sent\":{\"text\":\"x\"}}\n".into(), 2, "invalid type", ""),
        (format!("{{\"at_ns\":1,{sent}}}\n{{\"at_ns\":2,\"open\":{{}}}}\n"), 3, "is there already", "number of its own"),
        (format!("{{\"at_ns\":1,\"close\":{{\"by\":\"server\"}}}}\n{{\"at_ns\":2,{sent}}}\n"), 3, "after its close in line 2", ""),
        (format!("{{\"at_ns\":1,{sent}}}\n{{\"at_ns\":2,\"role\":\"a\",{sent}}}\n"), 3, "too late", "first line"),
        (format!("{{\"at_ns\":1,\"role\":\"a\",{sent}}}\n{{\"at_ns\":2,\"role\":\"b\",{sent}}}\n"), 3, "now called `b`", ""),
        ("[]\n".into(), 2, "", "one of open"),
        ("\u{0}\n".into(), 2, "", "one of open"),
    ] {
        let found = mistake(&rest);
        assert_eq!(found.line, line, "{rest}: {found}");
        assert!(found.what.contains(what) && found.hint.contains(hint), "{rest}: {found}");
    }
}

#[test]
fn a_file_that_is_no_trace_is_told_so() {
    for (text, what) in [
        ("", "empty"),
        ("{\"at_ns\":1}\n", "not the head"),
        ("{\"volley_trace\":2,\"made_by\":\"x\"}\n", "format 2"),
        ("{\"volley_trace\":1,\"made_by\":\"x\",\"y\":1}\n", "unknown field `y`"),
        ("GIF89a\u{0}\u{1}", "not the head"),
    ] {
        let found = lines(text).expect_err(text);
        assert!(found.what.contains(what), "{text}: {found}");
    }
}

#[test]
fn sizes_are_bounded_and_said() {
    let frame = |bytes: usize| format!("{{\"at_ns\":1,\"sent\":{{\"text\":\"{}\"}}}}\n", "x".repeat(bytes));
    assert!(lines(&format!("{HEAD}{}", frame(FRAME_MOST))).is_ok());
    let found = mistake(&frame(2 << 20));
    assert!(found.what.contains("the frame has 2.0 MiB; the most is 1.0 MiB"), "{found}");
    let found = mistake(&frame(16 << 20));
    assert!(found.line == 2 && found.what.contains("the line has 16.0 MiB; the most is 8.0 MiB"), "{found}");
}

#[test]
fn connections_are_bounded() {
    let lines_of = |n: usize| (0..n).map(|conn| format!("{{\"at_ns\":1,\"conn\":{conn},\"open\":{{}}}}\n")).collect::<String>();
    let found = mistake(&lines_of(CONNS_MOST + 1));
    assert!(found.line == CONNS_MOST as u64 + 2 && found.what.contains("more than 100000 connections"), "{found}");
}

#[test]
fn pages_give_back_every_line_wherever_blocks_end() {
    let mut file = tempfile::tempfile().expect("a temporary file");
    let bytes: Vec<u8> = (0..5_000_000u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    file.write_all(&bytes).expect("written");
    let (mut pages, mut out) = (Tape::of(file).pages(), Vec::new());
    let mut at = 0u64;
    for n in 0..2_000u64 {
        at = (at + n * 7_919) % 4_800_000;
        let length = [1, 100, 16_383, 16_384, 16_385, 190_000][(n % 6) as usize];
        pages.read(at, length, &mut out).expect("within the file");
        assert!(out == bytes[at as usize..at as usize + length], "{length} bytes at {at}");
    }
    assert!(pages.read(4_999_999, 2, &mut out).is_err());
    assert!(pages.read(4_900_000, 200_000, &mut out).is_err());
}

proptest::proptest! {
    /// Whatever is read, it is a line or a mistake with its number.
    #[test]
    fn nothing_that_is_read_is_a_panic(bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..200), at in 0..150usize, with_head: bool) {
        let good = "{\"at_ns\":1,\"conn\":2,\"role\":\"a\",\"sent\":{\"text\":\"x\\u0041\"}}\n{\"at_ns\":2,\"close\":{\"by\":\"client\",\"code\":1000}}\n";
        let mut text = if with_head { HEAD.as_bytes().to_vec() } else { Vec::new() };
        text.extend(&good.as_bytes()[..at.min(good.len())]);
        text.extend(bytes);
        let read = || -> Result<u64, Mistake> {
            let (mut reader, mut rows) = (Reader::new(text.as_slice())?, 0);
            while reader.next_row()?.is_some() {
                rows += 1;
            }
            Ok(rows)
        };
        let breaks = text.iter().filter(|b| **b == b'\n').count() as u64;
        match read() {
            Ok(rows) => proptest::prop_assert!(rows <= breaks),
            Err(mistake) => proptest::prop_assert!(mistake.line <= breaks + 1 && !mistake.hint.is_empty(), "{}", mistake),
        }
    }
}
