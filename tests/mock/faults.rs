//! Faults of answers as messages, and what all faults share: each shows, and is counted as what it is.

use std::net::Shutdown;

use volley::mock::Account;
use volley::mock::FAULTS;
use volley::mock::Words;

use super::message;
use super::peer;
use super::peer::*;

/// What one client of `echo` gets for `n` messages sent at once, and what came at the end.
pub(super) fn echoes(words: Words, n: usize) -> (Vec<Frame>, Account) {
    let server = server(words);
    let mut client = Client::echo(server.addr());
    (0..n).for_each(|id| client.say(&message(id)));
    let heard = client.leave();
    (heard, server.stop().expect("an account"))
}

#[test]
fn every_fault_is_shown_by_a_test() {
    let tests = [
        include_str!("faults.rs"),
        include_str!("handshakes.rs"),
        include_str!("connections.rs"),
        include_str!("frames.rs"),
        include_str!("../families.rs"),
    ]
    .concat();
    for row in FAULTS.iter().flat_map(|(_, rows)| *rows) {
        let shown = ["\"", "=", ":"].iter().any(|end| tests.contains(&format!("\"{}{end}", row.name)));
        assert!(shown, "{} is shown by no test", row.name);
    }
}

#[test]
fn answers_dropped_doubled_and_swapped() {
    let (heard, account) = echoes(with_fault(echo(), "no_ack:25%"), 10);
    assert_eq!(texts(&heard), [0, 1, 2, 4, 5, 6, 8, 9].map(message));
    assert_eq!((account.dropped.get("no_ack"), sent(&account, "echo"), struck(&account, "no_ack")), (Some(&2), 8, 2));

    let (heard, account) = echoes(with_fault(echo(), "ack_dup:0.5"), 4);
    assert_eq!(texts(&heard), [0, 1, 1, 2, 3, 3].map(message));
    assert_eq!((sent(&account, "echo"), struck(&account, "ack_dup")), (6, 2));

    let (heard, account) = echoes(with_fault(echo(), "ack_reorder"), 5);
    assert_eq!(texts(&heard), [1, 0, 3, 2, 4].map(message));
    assert_eq!((sent(&account, "echo"), struck(&account, "ack_reorder")), (5, 3), "two pairs, and one that found no partner");
}

#[test]
fn opcodes_that_do_not_fit() {
    let (heard, account) = echoes(with_fault(echo(), "binary_for_text"), 2);
    assert_eq!(heard.iter().map(|f| f.opcode).collect::<Vec<_>>(), [BINARY, BINARY, CLOSE]);
    assert_eq!(struck(&account, "binary_for_text"), 2);

    let server = server(with_fault(echo(), "text_for_binary"));
    let mut client = Client::echo(server.addr());
    client.send(BINARY, b"\xff\x00");
    client.say(&message(1));
    assert_eq!(client.next(), Some(Frame { opcode: TEXT, masked: false, body: b"\xff\x00".to_vec() }));
    assert_eq!(client.text(), message(1));
    client.leave();
    assert_eq!(struck(&server.stop().expect("an account"), "text_for_binary"), 1);
}

#[test]
fn answers_with_other_messages() {
    let deep = ["[".repeat(10_000), "]".repeat(10_000)].concat();
    let huge = format!(r#"{{"huge":"{}"}}"#, "x".repeat(200_000 - 11));
    for (fault, body) in [
        ("unknown_type", &br#"{"type":"volley_unknown","data":{}}"#[..]),
        ("missing_fields", br#"{"pad":""}"#),
        ("null_data", br#"{"id":null,"pad":null}"#),
        ("wrong_json_type", br#"{"id":["1"],"pad":7}"#),
        ("number_64bit", br#"{"id":18446744073709551615,"pad":""}"#),
        ("number_fraction", br#"{"id":0.5,"pad":""}"#),
        ("lone_surrogate", br#"{"id":"\ud800","pad":"\udfff"}"#),
        ("key_case", br#"{"ID":0,"pad":"xxxx"}"#),
        ("duplicate_keys", br#"{"id":18446744073709551615,"id":0,"pad":"xxxx"}"#),
        ("empty_message", b""),
        ("empty_array", b"[]"),
        ("bare_scalar", b"7"),
        ("bad_utf8", b"{\"id\":1,\"pad\":\"\xc3\x28\xff\"}"),
        ("deep_nesting", deep.as_bytes()),
        ("huge=200000", huge.as_bytes()),
    ] {
        let (heard, account) = echoes(with_fault(echo(), &format!("{fault}:50%")), 3);
        // Of three answers the second is struck; its own message was 1.
        let own = [message(1).as_bytes(), message(0).as_bytes()].map(<[u8]>::to_vec);
        let shown = String::from_utf8_lossy(&heard[1].body).replace(":1,\"pad\":\"x", ":0,\"pad\":\"x").into_bytes();
        assert!(
            heard[1].opcode == TEXT && (heard[1].body == body || shown == body),
            "{fault}: {:.200}",
            String::from_utf8_lossy(&heard[1].body)
        );
        assert_eq!((heard.len(), &heard[0].body), (4, &own[1]), "{fault}: the others are as they should be");
        let name = fault.split('=').next().expect("a name");
        assert_eq!((sent(&account, "faulty"), sent(&account, "echo"), struck(&account, name)), (1, 2, 1), "{fault}");
        assert_eq!(account.violations_total, 0);
    }
    let (heard, account) = echoes(with_fault(echo(), "extra_fields"), 1);
    assert_eq!(texts(&heard), [r#"{"volley_extra":{"a":[1,2.5,null,true],"b":"\u00e9"},"id":0,"pad":"xxxx"}"#]);
    assert_eq!((sent(&account, "echo"), sent(&account, "faulty"), struck(&account, "extra_fields")), (1, 0, 1), "it is still the answer");
}

#[test]
fn huge_answers_stay_bounded() {
    let (heard, account) = echoes(with_fault(echo(), "huge=8388608"), 50);
    let dropped = account.dropped.get("no_room").unwrap_or(&0);
    assert_eq!(sent(&account, "faulty") + dropped, 50, "{account:?}");
    assert_eq!((texts(&heard).len() as u64, struck(&account, "huge")), (sent(&account, "faulty"), 50));
}

#[test]
fn answers_of_the_gateway() {
    for (fault, docs, code) in [
        ("error_instead=150", r#"{"responseType":150,"data":null}"#, r#"{"ResponseType":"ShockerNotFound","Data":null}"#),
        ("unknown_type", r#"{"responseType":999,"data":{}}"#, r#"{"ResponseType":"Unknown","Data":{}}"#),
        ("missing_fields", r#"{"data":null}"#, r#"{"Data":null}"#),
        ("null_data", r#"{"responseType":null,"data":null}"#, r#"{"ResponseType":null,"Data":null}"#),
        ("wrong_json_type", r#"{"responseType":[0],"data":"x"}"#, r#"{"ResponseType":{"a":0},"Data":true}"#),
        ("number_64bit", r#"{"responseType":18446744073709551615,"data":null}"#, r#"{"ResponseType":18446744073709551615,"Data":null}"#),
        ("number_fraction", r#"{"responseType":0.5,"data":null}"#, r#"{"ResponseType":0.5,"Data":null}"#),
        ("lone_surrogate", r#"{"responseType":"\ud800","data":"\udfff"}"#, r#"{"ResponseType":"\ud800","Data":"\udfff"}"#),
        ("key_case", r#"{"RESPONSETYPE":201,"data":null}"#, r#"{"RESPONSETYPE":"RequestTypeNotFound","Data":null}"#),
    ] {
        for (dialect, answer) in [("docs", docs), ("server", code)] {
            let server = peer::server(with_fault(with_set(openshock(dialect), "ping_every", "0"), fault));
            let mut client = Client::openshock(server.addr());
            client.say(r#"{"requestType":999,"data":{}}"#);
            assert_eq!(client.text(), answer, "{fault} in {dialect}");
            client.leave();
            assert_eq!(struck(&server.stop().expect("an account"), fault.split('=').next().expect("a name")), 1);
        }
    }
}

#[test]
fn a_client_that_vanishes_is_accounted_for() {
    let server = server(Words { delay: Some("fixed:100ms".into()), ..echo() });
    let mut client = Client::echo(server.addr());
    (0..5).for_each(|id| client.say(&message(id)));
    client.send(PING, b"");
    client.stream.shutdown(Shutdown::Write).expect("open");
    assert_eq!(client.rest(), [], "a peer that ended its side without a Close gets nothing more");
    let account = server.stop().expect("an account");
    let lost = account.dropped.get("peer_gone").unwrap_or(&0) + account.dropped.get("stopped").unwrap_or(&0);
    assert_eq!((received(&account, "echo"), sent(&account, "echo"), lost), (5, 0, 6));
    assert_eq!(account.connections.ended, 1);
}

#[test]
fn an_account_is_one_line_that_reads_back() {
    let (_, account) = echoes(echo(), 2);
    let line = serde_json::to_string(&account).expect("plain data");
    assert!(line.starts_with(r#"{"schema":"volley.account/1","profile":"echo","#) && !line.contains('\n'));
    assert_eq!(serde_json::from_str::<Account>(&line).expect("the same"), account);
}
