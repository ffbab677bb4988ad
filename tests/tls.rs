//! wss: the reference server behind a TLS end of our own, with good and bad certificates. The server's
//! account tells whether anything was lost or doubled on the way through TLS.

mod certificates;
mod kit;
mod tls_end;

use std::io::Read;
use std::io::Write;
use std::net::SocketAddr;
use std::net::TcpListener;
use std::sync::atomic::Ordering;

use certificates::Authority;
use certificates::Certified;
use kit::*;
use tls_end::tls_end;
use volley::mock::Words;

/// One run of `echo` over wss to `host` at the port of `at`, with 20 clients.
fn run(at: SocketAddr, host: &str, more: &[&str]) -> Ended {
    let dir = folder();
    let url = format!("wss://{host}:{}/", at.port());
    let load = ["--clients", "20", "--rate", "20/s", "--duration", "2s", "--warmup", "500ms", "--timeout", "5s", "--lanes", "2"];
    let show = ["--report", "none", "--format", "json", "--progress", "none"];
    call(&[&["run", "echo", "--target", &url, "--out", text(&dir.path().join("out"))], load.as_slice(), &show, more].concat())
}

fn echo() -> Words {
    Words { profile: "echo".into(), ..Words::default() }
}

#[test]
fn counts_are_exact_under_tls() {
    let (dir, authority, server) = (folder(), Authority::new(), mock(echo()));
    let (at, passed) = tls_end(&authority.certify("127.0.0.1"), server.addr(), None);
    let ca = authority.write_to(dir.path());
    // Messages of several records (16 KiB each) and of a few bytes.
    for size in ["64", "70000"] {
        let ended = run(at, "127.0.0.1", &["--ca", text(&ca), "--set", &format!("payload_bytes={size}")]);
        ended.ran();
        let summary = ended.json();
        counts_add_up(&summary);
        assert_eq!(number(&summary, "/counts/answered") + number(&summary, "/counts/late"), number(&summary, "/counts/sent"));
        assert_eq!(sum(&summary["counts"]["faults"]), 0, "{summary:#}");
        assert_eq!(series(&summary, "tls")["count"], 20);
        assert!(series(&summary, "echo")["response"]["max"].as_u64() > Some(0));
    }
    let account = server.stop().expect("an account");
    assert_eq!(account.connections.accepted, 40);
    assert_eq!(account.violations_total, 0);
    assert_eq!(account.received["echo"], account.sent["echo"]);
    assert_eq!(passed.alpn.load(Ordering::Relaxed), 40, "http/1.1 is offered, and h2 is not");
    assert_eq!(passed.resumed.load(Ordering::Relaxed), 0, "every client makes a full handshake");
}

#[test]
fn clients_come_back_under_tls() {
    let (dir, authority) = (folder(), Authority::new());
    let server = mock(Words { profile: "openshock-live".into(), faults: vec!["close_code=1012@5".into()], ..Words::default() });
    let (at, passed) = tls_end(&authority.certify("127.0.0.1"), server.addr(), None);
    let (ca, out) = (authority.write_to(dir.path()), dir.path().join("out"));
    let url = format!("wss://127.0.0.1:{}/", at.port());
    let load = ["--clients", "20", "--rate", "20/s", "--duration", "3s", "--warmup", "500ms", "--timeout", "5s"];
    let show = ["--ca", text(&ca), "--report", "none", "--format", "json", "--progress", "none"];
    let ended = call(&[&["run", "openshock-live", "--target", &url, "--out", text(&out)], load.as_slice(), &show].concat());
    let summary = ended.json();
    counts_add_up(&summary);
    ended.is_calm();
    let account = server.stop().expect("an account");
    assert!(number(&summary, "/connections/reconnects") >= 20, "{summary:#}");
    assert_eq!(number(&summary, "/connections/opened"), account.connections.accepted);
    assert_eq!(passed.handshakes.load(Ordering::Relaxed), account.connections.accepted);
    assert_eq!(account.violations_total, 0, "{account:#?}");
}

#[test]
fn sessions_are_resumed_only_when_asked_for() {
    let (dir, authority, server) = (folder(), Authority::new(), mock(echo()));
    let (at, passed) = tls_end(&authority.certify("127.0.0.1"), server.addr(), None);
    let ca = authority.write_to(dir.path());
    let ended = run(at, "127.0.0.1", &["--ca", text(&ca), "--tls-resume", "--ramp", "2s"]);
    ended.ran();
    let (handshakes, resumed) = (passed.handshakes.load(Ordering::Relaxed), passed.resumed.load(Ordering::Relaxed));
    assert_eq!(handshakes, 20);
    assert!((1..=18).contains(&resumed), "{resumed}: the first of each of two lanes has nothing to resume");
}

#[test]
fn bad_certificates_are_refused_by_name() {
    let (dir, authority, server) = (folder(), Authority::new(), mock(echo()));
    let ca = authority.write_to(dir.path());
    let trust: &[&str] = &["--ca", text(&ca)];
    let rows = [
        ("tls_expired", authority.certify_expired("127.0.0.1"), trust, "expired"),
        ("tls_name", authority.certify("elsewhere.example"), trust, "not valid for"),
        ("tls_issuer", Certified::self_signed("127.0.0.1"), trust, "--ca"),
        ("tls_issuer", authority.certify("127.0.0.1"), &[], "--insecure"),
    ];
    for (kind, certified, trust, says) in rows {
        let (at, passed) = tls_end(&certified, server.addr(), None);
        let ended = run(at, "127.0.0.1", trust);
        ended.refuses(3, &[kind, says]);
        assert_eq!(number(&ended.json(), &format!("/counts/faults/{kind}")), 20, "{}", ended.out);
        assert_eq!(number(&ended.json(), "/connections/failed"), 20);
        assert_eq!(passed.handshakes.load(Ordering::Relaxed), 0);
        // The same server is taken when nobody looks, and that is said.
        let ended = run(at, "127.0.0.1", &["--insecure"]);
        ended.ran();
        assert!(ended.err.contains("--insecure"), "{}", ended.err);
        assert_eq!(number(&ended.json(), "/connections/opened"), 20);
    }
    assert_eq!(server.stop().expect("an account").connections.accepted, 80);
}

#[test]
fn a_client_certificate_is_shown_when_given() {
    let (dir, authority, server) = (folder(), Authority::new(), mock(echo()));
    let (at, _) = tls_end(&authority.certify("127.0.0.1"), server.addr(), Some(&authority));
    let ca = authority.write_to(dir.path());
    let files = authority.certify("client.example").write_to(dir.path());
    let with = run(at, "127.0.0.1", &["--ca", text(&ca), "--cert", text(&files.chain), "--key", text(&files.key)]);
    with.ran();
    assert_eq!(number(&with.json(), "/connections/opened"), 20);
    let without = run(at, "127.0.0.1", &["--ca", text(&ca)]);
    assert_eq!(without.code, Some(3), "{without:#?}");
    assert_eq!(number(&without.json(), "/counts/faults/tls_alert"), 20, "{}", without.out);
}

/// A server that answers the first bytes of every connection with `answer` and closes.
fn answers(answer: &'static [u8]) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("bound");
    std::thread::spawn(move || {
        for tcp in listener.incoming() {
            let mut tcp = tcp.expect("a connection");
            let _ = tcp.read(&mut [0; 4096]);
            let _ = tcp.write_all(answer);
        }
    });
    address
}

#[test]
fn what_is_not_our_tls_is_refused() {
    // An alert `protocol_version`, as a server says it that speaks TLS 1.0 only (RFC 5246 section 7.2).
    let old = answers(&[0x15, 0x03, 0x01, 0x00, 0x02, 0x02, 70]);
    // A ServerHello of TLS 1.0 (RFC 2246 section 7.4.1.3) with TLS_RSA_WITH_AES_128_CBC_SHA.
    let hello: &[u8] = &[
        0x16, 0x03, 0x01, 0x00, 0x2a, 0x02, 0x00, 0x00, 0x26, 0x03, 0x01, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1,
        1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 0x00, 0x00, 0x2f, 0x00,
    ];
    for (at, kind) in
        [(old, "tls_version"), (answers(hello), "tls_version"), (answers(b"HTTP/1.1 400 Bad Request\r\n\r\n"), "tls_protocol")]
    {
        let ended = run(at, "127.0.0.1", &[]);
        ended.refuses(3, &[kind]);
        assert_eq!(number(&ended.json(), &format!("/counts/faults/{kind}")), 20, "{}", ended.out);
    }
}

#[test]
fn flags_that_do_not_fit_are_refused_before_anything_is_done() {
    let dir = folder();
    let nothing = dir.path().join("nothing.pem");
    std::fs::write(&nothing, "no certificate").expect("a file");
    let run = |more: &[&str]| call(&[&["run", "echo", "--target"], more].concat());
    run(&["ws://127.0.0.1:9/", "--insecure"]).refuses(2, &["--insecure", "wss://"]);
    run(&["wss://127.0.0.1:9/", "--ca", "/absent.pem"]).refuses(2, &["--ca", "/absent.pem"]);
    run(&["wss://127.0.0.1:9/", "--ca", text(&nothing)]).refuses(2, &["--ca", "no certificate"]);
    run(&["wss://127.0.0.1:9/", "--cert", text(&nothing)]).refuses(2, &["--key"]);
}
