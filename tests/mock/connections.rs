//! Faults of open connections: how they end, fall silent, or say too much.

use std::io::Write;
use std::time::Duration;
use std::time::SystemTime;
use std::time::UNIX_EPOCH;

use volley::mock::Running;
use volley::mock::Words;

use super::faults::echoes;
use super::message;
use super::peer;
use super::peer::*;

const TPS: &str = r#"{"responseType":50,"data":{"client":10}}"#;
const READY: &str = r#"{"responseType":101,"data":null}"#;
const ACK: &str = r#"{"responseType":0,"data":null}"#;

/// A gateway of the documented dialect whose pings are off.
fn gateway(fault: &str) -> Running {
    peer::server(with_fault(with_set(openshock("docs"), "ping_every", "0"), fault))
}

/// A connection to a gateway of which nothing was read yet.
fn asked(server: &Running) -> Client {
    let (client, head) = Client::ask(server.addr(), HUB, &[("User-Agent", "test"), ("OpenShockToken", "secret")]);
    assert!(head.starts_with("HTTP/1.1 101"), "{head}");
    client
}

#[test]
fn small_oddities() {
    let (heard, account) = echoes(with_fault(echo(), "ack_extra"), 1);
    assert_eq!(texts(&heard), [r#"{"id":18446744073709551615,"pad":""}"#.to_string(), message(0)]);
    assert_eq!((received(&account, "echo"), sent(&account, "echo"), account.hold.count, struck(&account, "ack_extra")), (1, 2, 1, 1));

    let (heard, account) = echoes(with_fault(echo(), "one_byte"), 3);
    assert_eq!((texts(&heard), struck(&account, "one_byte")), ([0, 1, 2].map(message).to_vec(), 1));

    let (heard, account) = echoes(with_fault(echo(), "coalesce=50ms"), 20);
    assert_eq!((texts(&heard).len(), struck(&account, "coalesce")), (20, 1));
    assert!(account.hold.max > account.hold.p50.map(|_| 0), "{account:?}");

    let server = gateway("ack_extra");
    let mut client = Client::openshock(server.addr());
    assert_eq!(client.text(), ACK);
    let account = server.stop().expect("an account");
    assert_eq!((received(&account, "frame"), sent(&account, "frame")), (0, 1));
}

#[test]
fn closes_of_every_kind() {
    let reason = [&b"\x88\x7d\x03\xe8"[..], &[b'r'; 123]].concat();
    for (what, wire) in [
        ("4000", &b"\x88\x02\x0f\xa0"[..]),
        ("1000", b"\x88\x02\x03\xe8"),
        ("1005", b"\x88\x02\x03\xed"),
        ("1006", b"\x88\x02\x03\xee"),
        ("1015", b"\x88\x02\x03\xf7"),
        ("999", b"\x88\x02\x03\xe7"),
        ("0", b"\x88\x02\x00\x00"),
        ("none", b"\x88\x00"),
        ("one_byte", b"\x88\x01\x03"),
        ("long_reason", &reason),
        ("bad_reason", b"\x88\x04\x03\xe8\xc3\x28"),
    ] {
        let server = server(with_fault(echo(), &format!("close_code={what}@2")));
        let mut client = Client::echo(server.addr());
        (0..3).for_each(|id| client.say(&message(id)));
        assert_eq!((client.text(), client.text()), (message(0), message(1)));
        assert_eq!(client.bytes(), wire, "{what}");
        let account = server.stop().expect("an account");
        assert_eq!((received(&account, "echo"), sent(&account, "echo"), account.dropped.get("closed")), (3, 2, Some(&1)), "{what}");
        assert_eq!((sent(&account, "close"), struck(&account, "close_code")), (1, 1), "{what}");
    }
}

#[test]
fn a_close_that_is_not_answered_or_not_the_last() {
    let server = server(with_fault(echo(), "close_no_echo"));
    let mut client = Client::echo(server.addr());
    client.say(&message(0));
    client.send(CLOSE, 1000u16.to_be_bytes());
    assert_eq!(client.text(), message(0));
    assert!(client.hears_nothing());
    drop(client);
    let account = server.stop().expect("an account");
    assert_eq!((received(&account, "close"), sent(&account, "close"), struck(&account, "close_no_echo")), (1, 0, 1));

    let (heard, account) = echoes(with_fault(echo(), "data_after_close"), 1);
    assert_eq!(heard.iter().map(|f| f.opcode).collect::<Vec<_>>(), [TEXT, CLOSE, TEXT]);
    assert_eq!((heard[1].code(), heard[2].text()), (1000, r#"{"after":"close"}"#));
    assert_eq!((sent(&account, "close"), struck(&account, "data_after_close")), (1, 1));
}

#[test]
fn ends_without_a_close() {
    for (fault, answers, reset) in
        [("drop_after_101", 0, false), ("drop_after_101=rst", 0, true), ("drop_midstream=2", 2, false), ("drop_midstream=2@rst", 2, true)]
    {
        let server = server(with_fault(echo(), fault));
        let mut client = Client::echo(server.addr());
        (0..answers).for_each(|id| client.say(&message(id)));
        let bare = |id| [&[0x81, message(id).len() as u8], message(id).as_bytes()].concat();
        let heard = if reset { client.bytes_to_reset() } else { client.bytes() };
        assert_eq!(heard, (0..answers).flat_map(bare).collect::<Vec<u8>>(), "{fault}: the answers, no Close");
        let account = server.stop().expect("an account");
        let name = fault.split('=').next().expect("a name");
        assert_eq!((sent(&account, "echo"), sent(&account, "close"), struck(&account, name)), (answers as u64, 0, 1), "{fault}");
    }
}

#[test]
fn a_server_that_does_not_read() {
    let server = server(with_fault(echo(), "stall_read"));
    let mut client = Client::echo(server.addr());
    client.stream.set_write_timeout(Some(Duration::from_millis(300))).expect("a timeout");
    let wire = frame(true, BINARY, &vec![7; 100_000]);
    let taken = (0..500).take_while(|_| client.stream.write_all(&wire).is_ok()).count();
    assert!(taken < 500, "the buffers of the kernel are finite");
    let account = server.stop().expect("an account");
    assert_eq!((account.bytes_in, struck(&account, "stall_read")), (0, 1));
}

#[test]
fn a_server_that_does_not_write() {
    let server = server(with_fault(echo(), "stall_write=2"));
    let mut client = Client::echo(server.addr());
    (0..5).for_each(|id| client.say(&message(id)));
    client.send(PING, b"");
    client.send(CLOSE, b"");
    assert_eq!((client.text(), client.text()), (message(0), message(1)));
    assert!(client.hears_nothing(), "no answer, no pong, no Close, no end");
    drop(client);
    let account = server.stop().expect("an account");
    assert_eq!((received(&account, "echo"), sent(&account, "echo"), account.dropped.get("muted")), (5, 2, Some(&4)));
    assert_eq!((sent(&account, "close"), struck(&account, "stall_write")), (0, 1));
}

#[test]
fn what_was_held_is_silenced_too() {
    let words = Words { delay: Some("fixed:100ms".into()), ..with_fault(echo(), "stall_write=3") };
    let server = server(words);
    let mut client = Client::echo(server.addr());
    (0..3).for_each(|id| client.say(&message(id)));
    assert!(client.hears_nothing());
    drop(client);
    let account = server.stop().expect("an account");
    let lost: u64 = account.dropped.values().sum();
    assert_eq!((sent(&account, "echo"), lost), (0, 3), "{account:?}");
}

#[test]
fn a_message_that_never_ends() {
    let server = server(with_fault(echo(), "endless_fragments=1"));
    let mut client = Client::echo(server.addr());
    client.say(&message(0));
    client.say(&message(1));
    assert_eq!(client.text(), message(0));
    for n in 0..40 {
        let mut part = vec![0; 4 + (16 << 10)];
        std::io::Read::read_exact(&mut client.stream, &mut part).expect("there is always more");
        let first = if n == 0 { 0x01 } else { 0x00 };
        assert_eq!(part[..4], [first, 126, 0x40, 0], "part {n}: no FIN");
        assert!(part[4..].iter().all(|b| *b == b'x'), "part {n}");
    }
    drop(client);
    let account = server.stop().expect("an account");
    assert_eq!((sent(&account, "echo"), account.dropped.get("muted"), struck(&account, "endless_fragments")), (1, Some(&1), 1));
}

#[test]
fn bursts() {
    let (heard, account) = echoes(with_fault(echo(), "burst=10000@2"), 3);
    let texts = texts(&heard);
    assert_eq!((texts.len(), &texts[..2], &texts[10_002]), (10_003, &[0, 1].map(message)[..], &message(2)));
    assert!(texts[2..10_002].iter().all(|text| text == r#"{"id":18446744073709551615,"pad":""}"#));
    assert_eq!((sent(&account, "echo"), struck(&account, "burst")), (10_003, 1));

    let server = gateway("burst=3");
    let mut client = Client::openshock(server.addr());
    client.say(FRAME);
    assert_eq!(client.text(), ACK);
    for _ in 0..3 {
        assert_eq!(client.text(), r#"{"responseType":1001,"data":{"deviceLatency":0,"ownLatency":0}}"#);
    }
}

#[test]
fn floods_of_pings() {
    let echo = server(with_fault(echo(), "ping_flood=500/s"));
    let mut client = Client::echo(echo.addr());
    (0..20).for_each(|_| assert_eq!(client.next().map(|f| f.opcode), Some(PING)));
    assert_eq!(struck(&echo.stop().expect("an account"), "ping_flood"), 1);
    let gateway = gateway("ping_flood=500/s");
    let mut client = Client::openshock(gateway.addr());
    (0..20).for_each(|_| assert!(client.text().starts_with(r#"{"responseType":1000,"#)));
    client.say(r#"{"requestType":1000,"data":{}}"#);
    client.leave();
    let account = gateway.stop().expect("an account");
    assert!(sent(&account, "ping") >= 20 && account.violations_total == 0, "{account:?}");
}

#[test]
fn all_are_closed_at_one_instant() {
    let server = server(with_fault(echo(), "reconnect_storm=300ms"));
    let mut clients: Vec<Client> = (0..5).map(|_| Client::echo(server.addr())).collect();
    for client in &mut clients {
        assert_eq!(client.rest().iter().map(Frame::code).collect::<Vec<_>>(), [1001]);
    }
    let account = server.stop().expect("an account");
    assert_eq!((sent(&account, "close"), struck(&account, "reconnect_storm")), (5, 5));
}

#[test]
fn ready_late_never_or_not_at_all() {
    let server = gateway("auth_late=100ms");
    let mut client = Client::dial(server.addr());
    // The frame comes with the request, so that its answer does not depend on who is quicker.
    let request = upgrade(HUB, &[("User-Agent", "test"), ("OpenShockToken", "t")]);
    client.write(&[request.as_bytes(), &frame(true, TEXT, FRAME.as_bytes())].concat());
    assert!(client.head().starts_with("HTTP/1.1 101"));
    assert_eq!([client.text(), client.text(), client.text()], [TPS, ACK, READY]);
    assert_eq!(struck(&server.stop().expect("an account"), "auth_late"), 1);

    let server = gateway("auth_never");
    let mut client = asked(&server);
    client.say(FRAME);
    assert_eq!([client.text(), client.text()], [TPS, ACK]);
    assert_eq!(client.leave().len(), 1);
    let account = server.stop().expect("an account");
    assert_eq!((sent(&account, "device_connected"), struck(&account, "auth_never")), (0, 1));

    let server = gateway("silent_auth_fail");
    let mut client = asked(&server);
    assert_eq!(client.bytes(), b"\x88\x02\x03\xf0", "Close 1008 and nothing else");
    let account = server.stop().expect("an account");
    assert_eq!((sent(&account, "tps"), struck(&account, "silent_auth_fail")), (0, 1));
}

#[test]
fn a_hub_that_goes_offline() {
    for (dialect, said) in
        [("docs", r#"{"responseType":100,"data":null}"#), ("server", r#"{"ResponseType":"DeviceNotConnected","Data":null}"#)]
    {
        let server = server(with_fault(with_set(openshock(dialect), "ping_every", "0"), "device_offline=2"));
        let mut client = Client::openshock(server.addr());
        client.say(r#"{"requestType":999,"data":{}}"#);
        client.say(r#"{"requestType":999,"data":{}}"#);
        let heard = client.rest();
        let texts = texts(&heard);
        assert_eq!((texts.len(), &*texts[2]), (3, said));
        let last = heard.last().expect("a Close");
        assert_eq!((last.code(), &last.body[2..]), (1000, &b"Hub is disconnected"[..]));
        let account = server.stop().expect("an account");
        assert_eq!((sent(&account, "device_not_connected"), struck(&account, "device_offline")), (1, 1));
    }
}

#[test]
fn pings_of_the_gateway() {
    let words = |fault| with_fault(with_set(openshock("docs"), "ping_every", "10ms"), fault);
    let none = server(with_set(words("no_app_ping"), "keep_alive", "10ms"));
    let mut client = Client::openshock(none.addr());
    (0..10).for_each(|_| assert_eq!(client.next().map(|f| f.opcode), Some(PONG), "the other beat goes on"));
    let account = none.stop().expect("an account");
    assert_eq!((sent(&account, "ping"), struck(&account, "no_app_ping")), (0, 1));

    let bare = server(words("ping_missing_data"));
    let mut client = Client::openshock(bare.addr());
    (0..3).for_each(|_| assert_eq!(client.text(), r#"{"responseType":1000}"#));
    client.leave();
    let account = bare.stop().expect("an account");
    assert_eq!(struck(&account, "ping_missing_data"), sent(&account, "ping"), "{account:?}");

    let skewed = server(words("clock_skew"));
    let mut client = Client::openshock(skewed.addr());
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_secs();
    for n in 0..3 {
        let ping = client.text();
        let stamp = ping.trim_start_matches(r#"{"responseType":1000,"data":{"timestamp":"#).trim_end_matches('}');
        let off_s = stamp.parse::<u64>().expect("milliseconds") / 1000 - now;
        let hour = (12 - n) * 3600;
        assert!((hour - 60..hour + 60).contains(&off_s), "ping {n}: {off_s} s ahead");
    }
    client.leave();
    let account = skewed.stop().expect("an account");
    assert_eq!(struck(&account, "clock_skew"), sent(&account, "ping"), "{account:?}");
}
