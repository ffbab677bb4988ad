//! The reference server, talked to over loopback by a client of the tests' own.
//!
//! Every count is compared exactly. Times are known beforehand and read from the server's own
//! account; only lower bounds are strict, so that a busy machine breaks nothing.

#[path = "mock/connections.rs"]
mod connections;
#[path = "mock/faults.rs"]
mod faults;
#[path = "mock/frames.rs"]
mod frames;
#[path = "mock/handshakes.rs"]
mod handshakes;
#[path = "mock/peer.rs"]
mod peer;

use std::io::Read;
use std::net::Shutdown;
use std::time::Duration;
use std::time::Instant;

use peer::*;
use volley::mock::Words;

const MILLI: u64 = 1_000_000;

fn message(id: usize) -> String {
    format!(r#"{{"id":{id},"pad":"xxxx"}}"#)
}

#[test]
fn echo_gives_back_what_it_got() {
    let server = server(echo());
    let mut client = Client::echo(server.addr());
    let long = format!(r#"{{"id":1,"pad":"{}"}}"#, "é".repeat(100_000));
    for text in ["{\"id\":0}", &message(1), &long] {
        client.say(text);
        assert_eq!(client.text(), text);
    }
    client.send(BINARY, b"\x00\xff");
    assert_eq!(client.next(), Some(Frame { opcode: BINARY, masked: false, body: b"\x00\xff".to_vec() }));
    client.send(PING, b"counter1");
    assert_eq!(client.next(), Some(Frame { opcode: PONG, masked: false, body: b"counter1".to_vec() }));
    let end = client.leave();
    assert_eq!(end.iter().map(Frame::code).collect::<Vec<_>>(), [1000]);
    let account = server.stop().expect("an account");
    assert_eq!((received(&account, "echo"), sent(&account, "echo")), (4, 4));
    assert_eq!((received(&account, "ws_ping"), sent(&account, "ws_pong")), (1, 1));
    assert_eq!((received(&account, "close"), sent(&account, "close")), (1, 1));
    assert_eq!(account.violations_total, 0, "{account:?}");
    assert_eq!((account.connections.accepted, account.connections.ended, account.connections.open_peak), (1, 1, 1));
    assert_eq!(account.hold.count, 5);
    assert_eq!(account.dialect, None);
}

#[test]
fn handshakes_good_and_bad() {
    let server = server(with_set(echo(), "subprotocol", "chat"));
    let addr = server.addr();
    let (_, head) = Client::ask(addr, "/any?x=1", &[("Sec-WebSocket-Protocol", "soap, chat")]);
    let head = head.to_ascii_lowercase();
    assert!(head.contains("sec-websocket-accept: s3pplmbitxaq9kygzzhzrbk+xoo="), "{head}");
    assert!(head.contains("sec-websocket-protocol: chat") && !head.contains("extensions"), "{head}");
    let (_, head) = Client::ask(addr, "/", &[("Sec-WebSocket-Protocol", "soap")]);
    assert!(head.starts_with("HTTP/1.1 101") && !head.to_ascii_lowercase().contains("sec-websocket-protocol"), "{head}");
    let good = upgrade("/", &[]);
    for (request, status) in [
        (good.replace("GET", "POST"), 405),
        (good.replace("Upgrade: WebSocket\r\n", ""), 426),
        (good.replace("keep-alive, Upgrade", "keep-alive"), 400),
        (good.replace("Version: 13", "Version: 8"), 426),
        (good.replace("dGhlIHNhbXBsZSBub25jZQ==", "c2hvcnQ="), 400),
        (good.replace("Host: test\r\n", ""), 400),
        (good.replace("HTTP/1.1", "HTTP/1.0"), 400),
        (good.replace("Host: test", &format!("Host: test\r\nX: {}", "y".repeat(20_000))), 431),
        ("nonsense\r\n\r\n".into(), 400),
    ] {
        let mut client = Client::dial(addr);
        client.write(request.as_bytes());
        let head = client.head();
        assert!(head.starts_with(&format!("HTTP/1.1 {status}")) || head.starts_with(&format!("HTTP/1.0 {status}")), "{status}: {head}");
    }
    let account = server.stop().expect("an account");
    assert_eq!((account.connections.accepted, account.connections.refused, account.connections.failed), (2, 7, 2));
}

#[test]
fn frames_behind_the_request_are_heard() {
    let server = server(echo());
    let mut client = Client::dial(server.addr());
    let request = [upgrade("/", &[]).into_bytes(), frame(true, TEXT, message(7).as_bytes())].concat();
    client.write(&request);
    assert!(client.head().starts_with("HTTP/1.1 101"));
    assert_eq!(client.text(), message(7));
}

#[test]
fn input_in_single_bytes_and_fragments() {
    let server = server(echo());
    let mut client = Client::echo(server.addr());
    let text = message(3);
    let (head, tail) = text.as_bytes().split_at(4);
    let wire = [frame(false, TEXT, head), frame(true, PING, b"p"), frame(true, 0, tail), frame(true, TEXT, text.as_bytes())].concat();
    for byte in wire {
        client.write(&[byte]);
    }
    assert_eq!(client.next().map(|f| (f.opcode, f.body)), Some((PONG, b"p".to_vec())));
    assert_eq!((client.text(), client.text()), (text.clone(), text));
    client.leave();
    let account = server.stop().expect("an account");
    assert_eq!((received(&account, "echo"), received(&account, "ws_ping"), account.violations_total), (2, 1, 0));
}

#[test]
fn protocol_errors_get_their_code() {
    let server = server(Words { message_cap: Some(1000), ..echo() });
    let unmasked = vec![0x81, 1, b'x'];
    let rows = [
        (unmasked, 1002, "unmasked_frame"),
        (frame(true, 0x41, b"x"), 1002, "protocol_error"),
        (frame(true, 3, b""), 1002, "protocol_error"),
        (frame(true, TEXT, b"\xff\xfe"), 1007, "invalid_utf8"),
        (frame(true, BINARY, &[0; 1001]), 1009, "message_too_big"),
        ([frame(false, BINARY, &[0; 600]), frame(true, 0, &[0; 600])].concat(), 1009, "message_too_big"),
        // Told at the first wrong byte of a message that has not ended, and of a frame that has not.
        (frame(false, TEXT, b"\xe2\x28"), 1007, "invalid_utf8"),
        (frame(true, TEXT, b"\xffand more to come")[..12].to_vec(), 1007, "invalid_utf8"),
        // A header that claims too much is enough.
        (frame(true, BINARY, &[0; 5000])[..8].to_vec(), 1009, "message_too_big"),
        (frame(true, PING, &[0; 126]), 1002, "protocol_error"),
        (frame(false, PING, b""), 1002, "protocol_error"),
        (frame(true, 0, b"x"), 1002, "protocol_error"),
        ([frame(false, TEXT, b"a"), frame(true, TEXT, b"b")].concat(), 1002, "protocol_error"),
        // 5 bytes in a length of two bytes.
        (vec![0x82, 0xfe, 0, 5, 0, 0, 0, 0], 1002, "protocol_error"),
        (frame(true, CLOSE, b"x"), 1002, "protocol_error"),
        (frame(true, CLOSE, b"\x03\xe8\xff"), 1007, "invalid_utf8"),
    ];
    let count = rows.len() as u64;
    for (wire, code, _) in &rows {
        let mut client = Client::echo(server.addr());
        client.write(wire);
        assert_eq!(client.rest().iter().map(Frame::code).collect::<Vec<_>>(), [*code], "{wire:?}");
    }
    let account = server.stop().expect("an account");
    for (_, _, kind) in &rows {
        assert!(account.violations.contains_key(*kind), "{kind} in {account:?}");
    }
    assert_eq!((account.violations_total, sent(&account, "close")), (count, count));
}

#[test]
fn close_codes_are_checked() {
    let server = server(echo());
    let valid: [u16; 8] = [1000, 1001, 1003, 1007, 1011, 1014, 3000, 4999];
    let invalid: [u16; 10] = [0, 999, 1004, 1005, 1006, 1015, 1016, 2999, 5000, 65535];
    for (codes, answer) in [(&valid[..], None), (&invalid, Some(1002))] {
        for code in codes {
            let mut client = Client::echo(server.addr());
            client.send(CLOSE, code.to_be_bytes());
            assert_eq!(client.rest().iter().map(Frame::code).collect::<Vec<_>>(), [answer.unwrap_or(*code)], "to {code}");
        }
    }
    let account = server.stop().expect("an account");
    assert_eq!((received(&account, "close"), account.violations_total, sent(&account, "close")), (8, 10, 18));
}

#[test]
fn a_close_is_not_waited_for_without_end() {
    let server = server(with_fault(echo(), "close_code=4000"));
    let mut client = Client::echo(server.addr());
    client.say(&message(0));
    assert_eq!(client.rest().len(), 2, "the answer and the Close");
    // No answer to the Close: the server takes what is said for a while, then resets.
    let told = (0..2000).find(|_| {
        std::thread::sleep(Duration::from_millis(10));
        std::io::Write::write_all(&mut client.stream, &frame(true, PING, b"")).is_err()
    });
    assert!(told.is_some());
    assert_eq!(server.stop().expect("an account").connections.ended, 1);
}

#[test]
fn messages_of_16_mib_come_back_when_they_are_allowed() {
    let server = server(Words { message_cap: Some(32 << 20), ..echo() });
    let mut client = Client::echo(server.addr());
    let body: Vec<u8> = (0..16 << 20).map(|n: u32| (n % 251) as u8).collect();
    let half = body.len() / 2;
    for wire in [frame(true, BINARY, &body), [frame(false, BINARY, &body[..half]), frame(true, 0, &body[half..])].concat()] {
        client.write(&wire);
        let back = client.next().expect("an echo");
        assert!(back.opcode == BINARY && back.body == body, "{} bytes came back", back.body.len());
    }
    client.leave();
    let account = server.stop().expect("an account");
    assert_eq!((received(&account, "echo"), sent(&account, "echo"), account.violations_total), (2, 2, 0));
}

#[test]
fn what_is_not_the_profiles_json_comes_back_too() {
    let server = server(echo());
    let mut client = Client::echo(server.addr());
    for text in ["", "hello", "\u{e9}\u{1f600}", "[1,2]"] {
        client.say(text);
        assert_eq!(client.text(), text);
    }
    client.leave();
    let account = server.stop().expect("an account");
    assert_eq!((sent(&account, "echo"), account.violations.get("echo_without_id")), (4, Some(&4)));
}

#[test]
fn a_close_is_the_last_thing() {
    let server = server(echo());
    let mut client = Client::echo(server.addr());
    let wire = [frame(true, CLOSE, &3456u16.to_be_bytes()), frame(true, TEXT, b"{\"id\":1}")].concat();
    client.write(&wire);
    assert_eq!(client.rest().iter().map(Frame::code).collect::<Vec<_>>(), [3456]);
    let account = server.stop().expect("an account");
    assert_eq!((received(&account, "echo"), account.violations.get("data_after_close")), (0, Some(&1)));
}

#[test]
fn openshock_in_the_documented_dialect() {
    let server = server(with_set(openshock("docs"), "ping_every", "50ms"));
    let (mut client, head) = Client::ask(server.addr(), &format!("{HUB}?tps=7"), &[("User-Agent", "test"), ("Open-Shock-Token", "t")]);
    assert!(head.starts_with("HTTP/1.1 101"), "{head}");
    assert_eq!(client.text(), r#"{"responseType":50,"data":{"client":7}}"#);
    assert_eq!(client.text(), r#"{"responseType":101,"data":null}"#);
    let ping = client.text();
    assert!(ping.starts_with(r#"{"responseType":1000,"data":{"timestamp":1"#), "{ping}");
    client.say(r#"{"requestType":1000,"data":{"timestamp":1}}"#);
    // The next ping may come first on a busy machine.
    let announce = std::iter::repeat_with(|| client.text()).find(|text| !text.starts_with(&ping[..20])).expect("endless");
    assert!(announce.starts_with(r#"{"responseType":1001,"data":{"deviceLatency":0,"ownLatency":"#), "{announce}");
    client.leave();
    let account = server.stop().expect("an account");
    assert_eq!((received(&account, "pong"), sent(&account, "latency_announce"), account.violations_total), (1, 1, 0), "{account:?}");
    assert_eq!((sent(&account, "tps"), sent(&account, "device_connected")), (1, 1));
    assert_eq!(account.dialect.as_deref(), Some("docs"));
}

#[test]
fn openshock_keeps_connections_alive() {
    let server = server(with_set(openshock("server"), "keep_alive", "10ms"));
    let mut client = Client::openshock(server.addr());
    (0..3).for_each(|_| assert_eq!(client.next(), Some(Frame { opcode: PONG, masked: false, body: vec![] })));
}

/// What the gateway says to one message in each dialect; the pings are off.
#[test]
fn openshock_answers() {
    let id = "0f0d8a7e-1111-4222-8333-944445555666";
    let bulk = format!(
        r#"{{"requestType":1,"data":[{{"shocker":"{id}","intensity":1,"type":"Stop"}},{{"shocker":"{id}","intensity":200,"type":9}}]}}"#
    );
    let rows: Vec<(String, Vec<&str>, Vec<&str>)> = vec![
        (FRAME.into(), vec![r#"{"responseType":0,"data":null}"#], vec![]),
        (bulk, vec![r#"{"responseType":152,"data":null}"#], vec![r#"{"ResponseType":"ShockerMissingPermission","Data":null}"#]),
        (
            r#"{"requestType":1,"data":[]}"#.into(),
            vec![r#"{"responseType":200,"data":null}"#],
            vec![r#"{"ResponseType":"InvalidData","Data":null}"#],
        ),
        (
            FRAME.replace(":0,\"type", ":-1,\"type"),
            vec![r#"{"responseType":200,"data":null}"#],
            vec![r#"{"ResponseType":"InvalidData","Data":null}"#],
        ),
        (
            r#"{"requestType":999,"data":{}}"#.into(),
            vec![r#"{"responseType":201,"data":null}"#],
            vec![r#"{"ResponseType":"RequestTypeNotFound","Data":null}"#],
        ),
    ];
    for dialect in ["docs", "server"] {
        let server = server(with_set(openshock(dialect), "ping_every", "0"));
        let mut client = Client::openshock(server.addr());
        for (request, docs, code) in &rows {
            client.say(request);
            for answer in if dialect == "docs" { docs } else { code } {
                assert_eq!(client.text(), *answer, "to {request}");
            }
        }
        assert_eq!(client.leave().iter().map(Frame::code).collect::<Vec<_>>(), [1000]);
        let account = server.stop().expect("an account");
        assert_eq!((received(&account, "frame"), received(&account, "bulk_frame")), (2, 2));
        assert_eq!(account.violations_total, 4, "{account:?}");
    }
}

#[test]
fn openshock_takes_names_in_the_server_dialect() {
    let server = server(with_set(with_set(openshock("server"), "ping_every", "0"), "exclusive_until", "2030-01-01T00:00:00Z"));
    let mut client = Client::openshock(server.addr());
    client.send(BINARY, FRAME.replace("requestType\":0", "REQUESTTYPE\":\"fRame\"").replace("data", "Data").replace("Stop", "sTOP"));
    assert_eq!(client.text(), r#"{"ResponseType":"ShockerExclusive","Data":"2030-01-01T00:00:00Z"}"#);
    // One ping counts as open from the start: the first unasked pong is answered, the second is not.
    client.say(r#"{"requestType":"Pong","data":null}"#);
    client.say(r#"{"requestType":"Pong","data":null}"#);
    let announce = client.text();
    assert!(announce.starts_with(r#"{"ResponseType":"LatencyAnnounce","Data":{"DeviceLatency":0,"OwnLatency":"#), "{announce}");
    assert_eq!(client.leave().len(), 1);
    let account = server.stop().expect("an account");
    assert_eq!(account.violations.get("pong_unasked"), Some(&2));
}

#[test]
fn openshock_closes_on_what_it_cannot_read() {
    let server = server(openshock("server"));
    for request in ["", "{", "[]", "{}", r#"{"requestType":"Frames","data":{}}"#, r#"{"requestType":1000}"#, r#"{"data":{}}"#] {
        let mut client = Client::openshock(server.addr());
        client.say(request);
        let end = client.rest();
        assert_eq!(
            end.iter().map(|f| (f.code(), &f.body[2..])).collect::<Vec<_>>(),
            [(1007, &b"Invalid json message received"[..])],
            "{request}"
        );
    }
    let account = server.stop().expect("an account");
    assert_eq!((account.violations_total, account.violations.get("missing_data")), (7, Some(&1)));
}

#[test]
fn openshock_guards_its_door() {
    let server = server(with_set(openshock("server"), "device_id", &HUB[11..]));
    let (agent, token) = (("User-Agent", "test"), ("OpenShockToken", "t"));
    let other = HUB.replace("6b0d", "7b0d");
    for (path, headers, status, kind) in [
        ("/", vec![agent, token], 404, "NotFound"),
        ("/1/ws/live/hub", vec![agent, token], 404, "NotFound"),
        (HUB, vec![token], 403, "Edge.UserAgentMissing"),
        (HUB, vec![("User-Agent", ""), token], 403, "Edge.UserAgentMissing"),
        (HUB, vec![agent], 401, "Authentication.CookieMissingOrInvalid"),
        (HUB, vec![agent, ("ShockLinkToken", "")], 401, "Authentication.CookieMissingOrInvalid"),
        (&other, vec![agent, token], 404, "Websocket.LiveControl.HubNotFound"),
    ] {
        let (_, answer) = Client::ask(server.addr(), path, &headers);
        assert!(answer.starts_with(&format!("HTTP/1.1 {status}")) && answer.contains(kind), "{path} {headers:?}: {answer}");
        assert!(answer.contains("application/problem+json"), "{answer}");
    }
    let mut plain = Client::dial(server.addr());
    plain.write(format!("GET {HUB} HTTP/1.1\r\nHost: t\r\nUser-Agent: t\r\nOpenShockToken: t\r\n\r\n").as_bytes());
    let answer = plain.head();
    assert!(answer.starts_with("HTTP/1.1 400") && answer.contains("Websocket.NonWebsocketRequest"), "{answer}");
    let (_, answer) = Client::ask(server.addr(), HUB, &[agent, ("Cookie", "a=b; openShockSession=s")]);
    assert!(answer.starts_with("HTTP/1.1 101"), "{answer}");
    let account = server.stop().expect("an account");
    assert_eq!((account.connections.accepted, account.connections.refused), (1, 8));
}

#[test]
fn a_fixed_delay_is_what_the_account_says() {
    let server = server(Words { delay: Some("fixed:20ms".into()), ..echo() });
    let mut client = Client::echo(server.addr());
    for id in 0..40 {
        client.say(&message(id));
        std::thread::sleep(Duration::from_millis(1));
    }
    for id in 0..40 {
        assert_eq!(client.text(), message(id));
    }
    client.leave();
    let hold = server.stop().expect("an account").hold;
    assert_eq!(hold.count, 40);
    let p50 = hold.p50.expect("40 answers");
    assert!((20 * MILLI..60 * MILLI).contains(&p50), "{hold:?}");
}

#[test]
fn a_stall_holds_everything() {
    let server = server(Words { stall: Some("300ms/600ms".into()), ..echo() });
    let start = Instant::now();
    let mut client = Client::echo(server.addr());
    // Asks throughout one stall, which lies somewhere between 300 and 900 ms from now.
    let mut asked = 0;
    while start.elapsed() < Duration::from_millis(900) {
        client.say(&message(asked));
        asked += 1;
        std::thread::sleep(Duration::from_millis(5));
    }
    for id in 0..asked {
        assert_eq!(client.text(), message(id));
    }
    client.leave();
    let hold = server.stop().expect("an account").hold;
    assert_eq!(hold.count, asked as u64);
    let max = hold.max.expect("answers");
    assert!((200 * MILLI..2_000 * MILLI).contains(&max), "{hold:?}");
}

#[test]
fn acknowledgements_never_overtake_each_other() {
    let words = with_set(openshock("docs"), "ping_every", "0");
    let server = server(Words { delay: Some("uniform:0..20ms".into()), ..words });
    let mut client = Client::openshock(server.addr());
    for n in 0..50 {
        client.say(if n % 2 == 0 { FRAME } else { r#"{"requestType":999,"data":{}}"# });
    }
    for n in 0..50 {
        let expected = if n % 2 == 0 { r#"{"responseType":0,"# } else { r#"{"responseType":201,"# };
        let answer = client.text();
        assert!(answer.starts_with(expected), "{n}: {answer}");
    }
}

#[test]
fn echoes_overtake_each_other_under_random_delays() {
    let server = server(Words { delay: Some("uniform:0..30ms".into()), seed: 3, ..echo() });
    let mut client = Client::echo(server.addr());
    (0..100).for_each(|id| client.say(&message(id)));
    let mut heard: Vec<String> = (0..100).map(|_| client.text()).collect();
    let mut sorted: Vec<String> = (0..100).map(message).collect();
    assert_ne!(heard, sorted);
    heard.sort_unstable();
    sorted.sort_unstable();
    assert_eq!(heard, sorted);
}

#[test]
fn a_peer_that_does_not_read_is_not_read_from() {
    let server = server(echo());
    let mut client = Client::echo(server.addr());
    client.stream.set_write_timeout(Some(Duration::from_millis(300))).expect("a timeout");
    let wire = frame(true, BINARY, &vec![7; 100_000]);
    // Far below what would come if the server took everything: buffers of both sides plus its bound.
    let most = (64 << 20) / wire.len();
    let taken = (0..most).take_while(|_| std::io::Write::write_all(&mut client.stream, &wire).is_ok()).count();
    assert!(taken < most, "{taken} messages of 100 kB were taken");
    // It goes on once its peer reads.
    let mut some = vec![0; 4 << 20];
    client.stream.read_exact(&mut some).expect("the answers so far");
    client.stream.shutdown(Shutdown::Both).ok();
    server.stop().expect("an account");
}

#[test]
fn a_thousand_connections_are_counted_exactly() {
    nix::sys::resource::setrlimit(nix::sys::resource::Resource::RLIMIT_NOFILE, 4096, 20_000).ok();
    let server = server(Words { lanes: Some(2), ..with_set(openshock("docs"), "ping_every", "0") });
    let mut clients: Vec<Client> = (0..1000).map(|_| Client::openshock(server.addr())).collect();
    for _ in 0..3 {
        clients.iter_mut().for_each(|client| client.say(FRAME));
    }
    for client in &mut clients {
        (0..3).for_each(|_| assert_eq!(client.text(), r#"{"responseType":0,"data":null}"#));
    }
    clients.iter_mut().for_each(|client| client.send(CLOSE, b""));
    clients.iter_mut().for_each(|client| assert_eq!(client.rest().len(), 1));
    let account = server.stop().expect("an account");
    assert_eq!((account.connections.accepted, account.connections.open_peak), (1000, 1000));
    assert_eq!((received(&account, "frame"), sent(&account, "frame"), sent(&account, "tps")), (3000, 3000, 1000));
    assert_eq!((received(&account, "close"), sent(&account, "close"), account.violations_total), (1000, 1000, 0));
}
