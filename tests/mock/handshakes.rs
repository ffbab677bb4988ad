//! Faults of the opening handshake: what is answered, and what the account calls it.

use std::io::Read;
use std::time::Duration;
use std::time::Instant;

use volley::mock::Account;
use volley::mock::Running;
use volley::mock::Words;

use super::message;
use super::peer::*;

/// The accept value of the key that the tests send.
const ACCEPT: &str = "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n";

/// The answer of an `echo` with this fault, and its account.
fn answer(fault: &str) -> (String, Account) {
    let server = server(with_fault(echo(), fault));
    let (client, head) = Client::ask(server.addr(), "/", &[]);
    drop(client);
    (head, server.stop().expect("an account"))
}

/// A connection that the fault has answered 101, with its head.
fn opened(fault: &str) -> (Running, Client, String) {
    let server = server(with_fault(echo(), fault));
    let (client, head) = Client::ask(server.addr(), "/", &[]);
    assert!(head.starts_with("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"), "{fault}: {head}");
    (server, client, head)
}

#[test]
fn refusals() {
    for (fault, status, retry) in [
        ("reject_http=503", "503", Some("1")),
        ("reject_http=429", "429", Some("1")),
        ("reject_http=429@5s", "429", Some("5")),
        ("reject_http=503@0", "503", Some("0")),
        ("reject_http=403@1500ms", "403", Some("2")),
        ("reject_http=401", "401", None),
        ("reject_http=404", "404", None),
        ("reject_http=412", "412", None),
    ] {
        let (answer, account) = answer(fault);
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{answer}");
        let said = answer.lines().find_map(|line| line.strip_prefix("retry-after: "));
        assert_eq!(said, retry, "{fault}: {answer}");
        assert_eq!((account.connections.refused, account.connections.accepted, struck(&account, "reject_http")), (1, 0, 1));
    }
    let server = server(with_fault(openshock("docs"), "busy"));
    let (_, answer) = Client::ask(server.addr(), HUB, &[("User-Agent", "test"), ("OpenShockToken", "t")]);
    assert!(answer.starts_with("HTTP/1.1 412 ") && answer.contains("Websocket.LiveControl.HubLifetimeBusy"), "{answer}");
    assert_eq!(struck(&server.stop().expect("an account"), "busy"), 1);
}

#[test]
fn redirects() {
    for status in ["301", "302", "303", "307", "308"] {
        let (answer, account) = answer(&format!("redirect={status}"));
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")) && answer.contains("location: /redirected\r\n"), "{answer}");
        assert_eq!((account.connections.refused, struck(&account, "redirect")), (1, 1));
    }
}

#[test]
fn no_answer_at_all() {
    let server = server(with_fault(echo(), "no_101:50%"));
    Client::echo(server.addr());
    let mut silent = Client::dial(server.addr());
    silent.write(upgrade("/", &[]).as_bytes());
    assert!(silent.hears_nothing());
    let account = server.stop().expect("an account");
    assert_eq!((account.connections.accepted, account.dropped.get("no_101"), struck(&account, "no_101")), (1, Some(&1), 1));
}

#[test]
fn an_answer_that_is_not_http() {
    let (answer, account) = answer("not_http");
    assert_eq!(answer, "220 volley.invalid ESMTP ready\r\n");
    assert_eq!((account.connections.refused, account.connections.accepted, struck(&account, "not_http")), (1, 0, 1));
}

#[test]
fn heads_that_are_wrong_or_unusual() {
    for (fault, field, right) in [
        ("wrong_accept", "Sec-WebSocket-Accept: ", false),
        ("no_accept", "Connection: Upgrade\r\n\r\n", false),
        ("unasked_extension", "Sec-WebSocket-Extensions: x-volley-unasked\r\n", true),
        ("unasked_subprotocol", "Sec-WebSocket-Protocol: volley-unasked\r\n", true),
        ("keep_alive_upgrade", "Connection: keep-alive, Upgrade\r\n", true),
    ] {
        let (server, mut client, head) = opened(fault);
        assert!(head.contains(field), "{fault}: {head}");
        assert_eq!(head.contains(ACCEPT), right, "{fault}: {head}");
        client.say(&message(1));
        assert_eq!(client.text(), message(1), "{fault}: the server takes it for open");
        client.leave();
        let account = server.stop().expect("an account");
        assert_eq!((account.connections.accepted, struck(&account, fault)), (1, 1), "{fault}");
    }
}

#[test]
fn heads_that_are_long_or_slow() {
    let (server, client, head) = opened("huge_headers=70000");
    assert_eq!((head.len(), head.contains(ACCEPT)), (70_000, true));
    client.leave();
    assert_eq!(struck(&server.stop().expect("an account"), "huge_headers"), 1);

    let start = Instant::now();
    let (server, mut client, head) = opened("slow_headers=1ms");
    assert!(start.elapsed() >= Duration::from_millis(head.len() as u64), "a pause before each byte");
    client.say(&message(1));
    assert_eq!(client.text(), message(1));
    client.leave();
    assert_eq!(struck(&server.stop().expect("an account"), "slow_headers"), 1);
}

#[test]
fn a_frame_in_the_segment_of_the_101() {
    let gateway = ("User-Agent", "test");
    for (words, path, first) in [(echo(), "/", &b"\x89\x05early"[..]), (openshock("docs"), HUB, b"\x81\x28{\"responseType\":50,")] {
        let server = server(with_fault(words, "early_frame"));
        let mut client = Client::dial(server.addr());
        client.write(upgrade(path, &[gateway, ("OpenShockToken", "t")]).as_bytes());
        let mut room = [0; 4096];
        let n = client.stream.read(&mut room).expect("an answer");
        let end = room.windows(4).position(|w| w == b"\r\n\r\n").expect("a whole head") + 4;
        assert!(room[end..n].starts_with(first), "{}", String::from_utf8_lossy(&room[..n]));
        let account = server.stop().expect("an account");
        assert_eq!((account.connections.accepted, struck(&account, "early_frame")), (1, 1));
        assert_eq!(account.bytes_out as usize, n - end, "the head does not count as frames");
    }
}

#[test]
fn what_comes_behind_the_request_is_heard_by_an_odd_server_too() {
    for fault in ["keep_alive_upgrade", "early_frame", "slow_headers=1ms"] {
        let server = server(with_fault(echo(), fault));
        let mut client = Client::dial(server.addr());
        client.write(&[upgrade("/", &[]).into_bytes(), frame(true, TEXT, message(7).as_bytes())].concat());
        assert!(client.head().starts_with("HTTP/1.1 101"), "{fault}");
        assert_eq!(client.text(), message(7), "{fault}");
        client.leave();
        assert_eq!(received(&server.stop().expect("an account"), "echo"), 1, "{fault}");
    }
}

#[test]
fn a_101_is_spoilt_only_where_there_would_be_one() {
    let server = server(with_fault(with_set(openshock("docs"), "token", "only"), "wrong_accept:50%"));
    let ask = |token| Client::ask(server.addr(), HUB, &[("User-Agent", "test"), ("OpenShockToken", token)]).1;
    for (token, status, right) in [("other", "401", false), ("only", "101", true), ("other", "401", false), ("only", "101", false)] {
        let head = ask(token);
        assert!(head.starts_with(&format!("HTTP/1.1 {status} ")), "{token}: {head}");
        assert_eq!(head.to_lowercase().contains(&ACCEPT.to_lowercase()), right, "{token}: {head}");
    }
    assert_eq!(struck(&server.stop().expect("an account"), "wrong_accept"), 1);
}

#[test]
fn a_full_server_refuses() {
    let server = server(Words { capacity: Some(1), ..echo() });
    let first = Client::echo(server.addr());
    let (_, answer) = Client::ask(server.addr(), "/", &[]);
    assert!(answer.starts_with("HTTP/1.1 503") && answer.contains("retry-after: 1"), "{answer}");
    first.leave();
}
