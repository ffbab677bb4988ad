//! Each fault of the reference server shows, and is counted as what it is.

use std::io::Read;
use std::io::Write;
use std::net::Shutdown;
use std::time::Duration;

use volley::mock::Account;
use volley::mock::Words;

use super::message;
use super::peer;
use super::peer::*;

/// What one client of `echo` gets for `n` messages sent at once, and what came at the end.
fn echoes(words: Words, n: usize) -> (Vec<Frame>, Account) {
    let server = server(words);
    let mut client = Client::echo(server.addr());
    (0..n).for_each(|id| client.say(&message(id)));
    let heard = client.leave();
    (heard, server.stop().expect("an account"))
}

fn texts(frames: &[Frame]) -> Vec<String> {
    frames.iter().filter(|f| f.opcode == TEXT).map(|f| String::from_utf8_lossy(&f.body).into_owned()).collect()
}

#[test]
fn faults_of_answers() {
    let (heard, account) = echoes(with_fault(echo(), "no_ack:25%"), 10);
    assert_eq!(texts(&heard), [0, 1, 2, 4, 5, 6, 8, 9].map(message));
    assert_eq!((account.dropped.get("no_ack"), sent(&account, "echo")), (Some(&2), 8));

    let (heard, account) = echoes(with_fault(echo(), "ack_dup:0.5"), 4);
    assert_eq!(texts(&heard), [0, 1, 1, 2, 3, 3].map(message));
    assert_eq!(sent(&account, "echo"), 6);

    let (heard, account) = echoes(with_fault(echo(), "ack_reorder"), 5);
    assert_eq!(texts(&heard), [1, 0, 3, 2, 4].map(message));
    assert_eq!(sent(&account, "echo"), 5);

    let (heard, _) = echoes(with_fault(echo(), "binary_for_text"), 2);
    assert_eq!(heard.iter().map(|f| f.opcode).collect::<Vec<_>>(), [BINARY, BINARY, CLOSE]);

    let (heard, _) = echoes(with_fault(echo(), "masked"), 2);
    assert_eq!(heard.iter().map(|f| f.masked).collect::<Vec<_>>(), [true, true, false]);
    assert_eq!(texts(&heard), [0, 1].map(message));

    for (fault, shows) in [
        ("unknown_type", "volley_unknown"),
        ("missing_fields", r#"{"pad":""}"#),
        ("null_data", r#""id":null"#),
        ("deep_nesting", "[[[[[["),
        ("bad_utf8", "\u{fffd}"),
        ("huge=200000", "xxxx"),
    ] {
        let (heard, account) = echoes(with_fault(echo(), fault), 3);
        let texts = texts(&heard);
        assert!(texts.len() == 3 && texts.iter().all(|text| text.contains(shows)), "{fault}");
        assert_eq!((sent(&account, "faulty"), sent(&account, "echo"), account.violations_total), (3, 0, 0), "{fault}");
    }
}

#[test]
fn huge_answers_stay_bounded() {
    let (heard, account) = echoes(with_fault(echo(), "huge=8388608"), 50);
    let dropped = account.dropped.get("no_room").unwrap_or(&0);
    assert_eq!(sent(&account, "faulty") + dropped, 50, "{account:?}");
    assert_eq!(texts(&heard).len() as u64, sent(&account, "faulty"));
}

#[test]
fn faults_of_connections() {
    let (heard, account) = echoes(with_fault(echo(), "ack_extra"), 1);
    assert_eq!(texts(&heard), [r#"{"id":18446744073709551615,"pad":""}"#.to_string(), message(0)]);
    assert_eq!((received(&account, "echo"), sent(&account, "echo"), account.hold.count), (1, 2, 1));

    let (heard, _) = echoes(with_fault(echo(), "one_byte"), 3);
    assert_eq!(texts(&heard), [0, 1, 2].map(message));

    let (heard, account) = echoes(with_fault(echo(), "coalesce=50ms"), 20);
    assert_eq!(texts(&heard).len(), 20);
    assert!(account.hold.max > account.hold.p50.map(|_| 0), "{account:?}");

    let server = server(with_fault(echo(), "close_code=4000@2"));
    let mut client = Client::echo(server.addr());
    (0..3).for_each(|id| client.say(&message(id)));
    let end = client.rest();
    assert_eq!((texts(&end), end.last().map(Frame::code)), ([0, 1].map(message).to_vec(), Some(4000)));
    let account = server.stop().expect("an account");
    assert_eq!((received(&account, "echo"), sent(&account, "echo"), account.dropped.get("closed")), (3, 2, Some(&1)));
}

#[test]
fn connections_that_end_without_a_close() {
    for (fault, answers) in [("drop_after_101", 0), ("drop_midstream=2", 2)] {
        let server = server(with_fault(echo(), fault));
        let mut client = Client::echo(server.addr());
        (0..answers).for_each(|id| client.say(&message(id)));
        let heard = client.rest();
        assert_eq!(texts(&heard), (0..answers).map(message).collect::<Vec<_>>(), "{fault}");
        assert_eq!(heard.len(), answers, "{fault}: no Close");
    }
}

#[test]
fn faults_of_handshakes() {
    for (fault, retry) in [("reject_http=503", true), ("reject_http=429", true), ("reject_http=401", false)] {
        let server = server(with_fault(echo(), fault));
        let (_, answer) = Client::ask(server.addr(), "/", &[]);
        assert!(answer.contains(&fault[12..]), "{answer}");
        assert_eq!(answer.contains("retry-after: 1"), retry, "{answer}");
        assert_eq!(server.stop().expect("an account").connections.refused, 1);
    }
    let server = server(with_fault(echo(), "no_101:50%"));
    Client::echo(server.addr());
    let mut silent = Client::dial(server.addr());
    silent.write(upgrade("/", &[]).as_bytes());
    silent.stream.set_read_timeout(Some(Duration::from_millis(200))).expect("a timeout");
    assert!(silent.stream.read(&mut [0]).is_err(), "nothing comes, not even the end");
    let account = server.stop().expect("an account");
    assert_eq!((account.connections.accepted, account.dropped.get("no_101")), (1, Some(&1)));
}

#[test]
fn a_server_that_does_not_read() {
    let server = server(with_fault(echo(), "stall_read"));
    let mut client = Client::echo(server.addr());
    client.stream.set_write_timeout(Some(Duration::from_millis(300))).expect("a timeout");
    let wire = frame(true, BINARY, &vec![7; 100_000]);
    let taken = (0..500).take_while(|_| client.stream.write_all(&wire).is_ok()).count();
    assert!(taken < 500, "the buffers of the kernel are finite");
    assert_eq!(server.stop().expect("an account").bytes_in, 0);
}

#[test]
fn floods_of_pings() {
    let echo = server(with_fault(echo(), "ping_flood=500/s"));
    let mut client = Client::echo(echo.addr());
    (0..20).for_each(|_| assert_eq!(client.next().map(|f| f.opcode), Some(PING)));
    let gateway = server(with_fault(openshock("docs"), "ping_flood=500/s"));
    let mut client = Client::openshock(gateway.addr());
    (0..20).for_each(|_| assert!(client.text().starts_with(r#"{"responseType":1000,"#)));
    client.say(r#"{"requestType":1000,"data":{}}"#);
    client.leave();
    let account = gateway.stop().expect("an account");
    assert!(sent(&account, "ping") >= 20 && account.violations_total == 0, "{account:?}");
}

#[test]
fn faults_of_the_gateway() {
    let server = |fault| peer::server(with_fault(with_set(openshock("docs"), "ping_every", "0"), fault));
    for (fault, answer) in [
        ("error_instead=150", r#"{"responseType":150,"data":null}"#),
        ("unknown_type", r#"{"responseType":999,"data":{}}"#),
        ("missing_fields", r#"{"data":null}"#),
        ("null_data", r#"{"responseType":null,"data":null}"#),
    ] {
        let server = server(fault);
        let mut client = Client::openshock(server.addr());
        client.say(FRAME);
        assert_eq!(client.text(), answer, "{fault}");
    }
    let server = server("ack_extra");
    let mut client = Client::openshock(server.addr());
    assert_eq!(client.text(), r#"{"responseType":0,"data":null}"#);
    let account = server.stop().expect("an account");
    assert_eq!((received(&account, "frame"), sent(&account, "frame")), (0, 1));
}

#[test]
fn a_full_server_refuses() {
    let server = server(Words { capacity: Some(1), ..echo() });
    let first = Client::echo(server.addr());
    let (_, answer) = Client::ask(server.addr(), "/", &[]);
    assert!(answer.starts_with("HTTP/1.1 503") && answer.contains("retry-after: 1"), "{answer}");
    first.leave();
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
