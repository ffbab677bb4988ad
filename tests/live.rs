//! `volley run --live`: a page and events while the run goes on, and nothing that readers do touches the run.

mod kit;

use std::io::BufRead;
use std::io::BufReader;
use std::net::TcpStream;
use std::time::Duration;

use kit::shown::Shown;
use kit::*;
use volley::wire::pages::READERS;

#[test]
fn a_page_and_its_seconds_until_the_end() {
    let dir = folder();
    let out = dir.path().join("run");
    let shown = Shown::start(&out, "live", "4s");
    let events = shown.ask(&shown.get("/events"));
    let mut lines = BufReader::new(events).lines().map(|line| line.expect("text"));
    let head: Vec<String> = lines.by_ref().take_while(|line| !line.is_empty()).collect();
    assert!(head[0].contains("200") && head.iter().any(|line| line == "content-type: text/event-stream"), "{head:?}");
    // Three seconds in, the page has figures of measured time.
    let seconds = lines.by_ref().filter(|line| line.starts_with("data: ")).take(3).collect::<Vec<_>>();
    assert!(seconds.iter().all(|line| line.contains("\"schema\":\"volley.second/1\"")), "{seconds:?}");
    let page = shown.answer(&shown.get("/"));
    for what in ["HTTP/1.1 200", "Running: echo", "The run goes on", "volley-summary", "connect-src &#39;self&#39;"] {
        let said = page.contains(what) || page.contains(&what.replace("&#39;", "'"));
        assert!(said, "{what} is not in the page: {}", &page[..page.len().min(2_000)]);
    }
    assert!(page.lines().any(|line| line.starts_with("content-security-policy: default-src 'none'")), "the policy is a header, too");
    let verdict = page.split("\"verdict\":\"").nth(1).and_then(|rest| rest.split('"').next());
    assert_ne!(verdict, Some("aborted"), "a run that goes on is not held for one that died");
    let rest: Vec<String> = lines.collect();
    let end = rest.iter().position(|line| line.contains("event: end")).unwrap_or_else(|| panic!("no end: {rest:?}"));
    assert!(rest[end + 1].contains("Its report is in"), "{rest:?}");
    shown.ends_well(&out);
    assert!(!read(&out, "run.json").contains("connect-src"));
}

#[test]
fn odd_requests_are_refused_and_readers_are_bounded() {
    let dir = folder();
    let out = dir.path().join("run");
    let shown = Shown::start(&out, "live", "4s");
    let long = format!("GET / HTTP/1.1\r\nHost: localhost\r\nX: {}\r\n\r\n", "x".repeat(64 << 10));
    for (request, status) in [
        ("GET / HTTP/1.1\r\nHost: evil.example\r\n\r\n", "403"),
        ("GET / HTTP/1.1\r\n\r\n", "403"),
        ("POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n", "405"),
        ("GET /../run.json HTTP/1.1\r\nHost: localhost\r\n\r\n", "404"),
        ("nonsense\r\n\r\n", "400"),
        (long.as_str(), "431"),
    ] {
        let answer = shown.answer(request);
        // A reset may come before an answer that nobody waited for.
        assert!(answer.starts_with(&format!("HTTP/1.1 {status}")) || (answer.is_empty() && status == "431"), "{status}: {answer}");
    }
    // Followers who never read a byte, as many as there may be.
    let idle: Vec<TcpStream> = (0..READERS).map(|_| shown.ask(&shown.get("/events"))).collect();
    std::thread::sleep(Duration::from_millis(300));
    assert_eq!(shown.answer(&shown.get("/")), "", "one more is not heard");
    drop(idle);
    std::thread::sleep(Duration::from_millis(300));
    assert!(shown.answer(&shown.get("/")).starts_with("HTTP/1.1 200"), "there is room again");
    let _idle: Vec<TcpStream> = (0..READERS).map(|_| shown.ask(&shown.get("/events"))).collect();
    shown.ends_well(&out);
}

#[test]
fn others_see_it_only_when_asked_for() {
    call(&["run", "echo", "--live", "0.0.0.0:0"]).refuses(2, &["--listen-anywhere", "127.0.0.1:0"]);
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = taken.local_addr().expect("an address").to_string();
    call(&["run", "echo", "--live", &address]).refuses(2, &[&address, "cannot be listened at", "Port 0"]);
    call(&["run", "echo", "--live", "here"]).refuses(2, &["--live", "here"]);
}
