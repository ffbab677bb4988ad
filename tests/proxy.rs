//! Another way to the target: through a proxy that the test plays itself, and by addresses that were typed.

mod kit;

use std::io::Read;
use std::io::Write;
use std::net::TcpListener;
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering;
use std::time::Duration;

use kit::*;
use volley::mock::Words;

/// What a proxy does with who asks.
#[derive(Clone, Copy)]
enum Manner {
    /// Lets them through to the port.
    Through(u16),
    /// Says this and hangs up.
    Says(&'static str),
    /// Says nothing.
    Silent,
}

/// A proxy; where it listens, and the heads of the requests that it got.
fn proxy(manner: Manner) -> (String, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let place = listener.local_addr().expect("an address").to_string();
    let heads = Arc::new(Mutex::new(Vec::new()));
    let seen = heads.clone();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let seen = seen.clone();
            std::thread::spawn(move || serve(stream, manner, &seen));
        }
    });
    (place, heads)
}

fn serve(mut stream: TcpStream, manner: Manner, seen: &Mutex<Vec<String>>) {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") && stream.read(&mut byte).is_ok_and(|n| n == 1) {
        head.push(byte[0]);
    }
    // The program tries whether anybody listens, without a word.
    if head.is_empty() {
        return;
    }
    seen.lock().expect("no panic").push(String::from_utf8(head).expect("a head is text"));
    match manner {
        Manner::Says(words) => drop(stream.write_all(words.as_bytes())),
        Manner::Silent => drop(stream.read(&mut byte)),
        Manner::Through(port) => {
            let Ok(mut server) = TcpStream::connect(("127.0.0.1", port)) else { return };
            stream.write_all(b"HTTP/1.1 200 Connection established\r\n\r\n").ok();
            let (mut from, mut to) = (stream.try_clone().expect("a socket"), server.try_clone().expect("a socket"));
            std::thread::spawn(move || {
                std::io::copy(&mut from, &mut to).ok();
                to.shutdown(std::net::Shutdown::Write).ok();
            });
            std::io::copy(&mut server, &mut stream).ok();
            stream.shutdown(std::net::Shutdown::Both).ok();
        }
    }
}

const LOAD: [&str; 12] = ["--clients", "20", "--rate", "5/s", "--warmup", "0s", "--duration", "2s", "--timeout", "2s", "--report", "none"];

#[test]
fn a_proxy_lets_everybody_through_and_its_password_stays_unwritten() {
    let server = mock(Words { profile: "echo".into(), ..Words::default() });
    let (place, heads) = proxy(Manner::Through(server.addr().port()));
    let dir = folder();
    let out = dir.path().join("out");
    // Only the proxy knows where this is.
    let (target, url) = ("ws://far.invalid:9001/", format!("http://me:open-sesame@{place}"));
    let args =
        ["run", "echo", "--target", target, "--proxy", &url, "--allow-host", "far.invalid", "--plaintext-secrets", "--out", text(&out)];
    let ended = call(&[&args[..], &LOAD, &["--format", "json", "--progress", "none"]].concat());
    ended.ran();
    let summary = ended.json();
    counts_add_up(&summary);
    assert_eq!(number(&summary, "/connections/opened"), 20);
    assert_eq!(number(&summary, "/counts/answered"), number(&summary, "/counts/sent"));
    let heads = heads.lock().expect("no panic");
    assert_eq!(heads.len(), 20);
    for head in heads.iter() {
        assert!(head.starts_with("CONNECT far.invalid:9001 HTTP/1.1\r\n"), "{head}");
        assert!(head.to_lowercase().contains("\r\nhost: far.invalid:9001\r\n"), "{head}");
        assert!(head.contains("Basic bWU6b3Blbi1zZXNhbWU="), "{head}");
    }
    assert_eq!(server.stop().expect("an account").connections.accepted, 20);
    for file in std::fs::read_dir(&out).expect("a record").flatten() {
        let bytes = std::fs::read(file.path()).expect("a file");
        for secret in ["open-sesame", "bWU6b3Blbi1zZXNhbWU"] {
            assert!(!bytes.windows(secret.len()).any(|w| w == secret.as_bytes()), "{secret} in {:?}", file.path());
        }
    }
}

#[test]
fn proxies_that_do_not_let_through_are_told_from_the_target() {
    for (manner, words) in [
        (Manner::Says("HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n"), &["the proxy", "407"][..]),
        (Manner::Says("HTTP/1.1 502 Bad Gateway\r\nContent-Length: 3\r\n\r\nno!"), &["the proxy", "502"]),
        (Manner::Says("SSH-2.0-OpenSSH\r\n"), &["the proxy"]),
        (Manner::Silent, &["the proxy did not answer"]),
    ] {
        let (place, _) = proxy(manner);
        let (url, dir) = (format!("http://{place}"), folder());
        let out = dir.path().join("out");
        let args = ["run", "echo", "--target", "ws://127.0.0.1:9/", "--proxy", &url, "--out", text(&out)];
        let load = ["--clients", "2", "--rate", "5/s", "--warmup", "0s", "--duration", "1s", "--timeout", "1s", "--report", "none"];
        let ended = call(&[&args[..], &load].concat());
        assert_eq!(ended.code, Some(3), "{ended:#?}");
        ended.is_calm();
        let said = format!("{}{}", ended.out, ended.err);
        let events = std::fs::read_to_string(out.join("events.ndjson")).unwrap_or_default();
        words.iter().for_each(|word| assert!(said.contains(word) || events.contains(word), "`{word}`: {said}\n{events}"));
    }
}

#[test]
fn an_address_that_was_typed_takes_the_place_of_a_name() {
    let server = mock(Words { profile: "echo".into(), ..Words::default() });
    let port = server.addr().port();
    let (target, known) = (format!("ws://staging.invalid:{port}/"), format!("staging.invalid:{port}:127.0.0.1"));
    let dir = folder();
    let out = dir.path().join("out");
    let args = ["run", "echo", "--target", &target, "--resolve", &known, "--out", text(&out), "--format", "json"];
    let ended = call(&[&args[..], &LOAD, &["--progress", "none"]].concat());
    ended.ran();
    assert_eq!(number(&ended.json(), "/connections/opened"), 20);
    assert_eq!(server.stop().expect("an account").connections.accepted, 20);
}

#[test]
fn requests_over_http_go_to_a_host_of_their_own() {
    let server = mock(Words { profile: "openshock-live".into(), ..Words::default() });
    let target = format!("ws://{}/", server.addr());
    for (answer, opened) in [
        ("HTTP/1.1 200 OK\r\nContent-Length: 45\r\n\r\n{\"data\":{\"gateway\":\"gw.test\",\"country\":\"DE\"}}", 20),
        ("HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n", 0),
    ] {
        let (place, heads) = proxy(Manner::Says(answer));
        let (url, dir) = (format!("http://{place}"), folder());
        let out = dir.path().join("out");
        let args = ["run", "openshock-live", "--set", "discover=yes", "--target", &target, "--http-target", &url, "--out", text(&out)];
        let ended = call(&[&args[..], &LOAD, &["--format", "json", "--progress", "none"]].concat());
        assert_eq!(ended.code, Some(if opened > 0 { 0 } else { 3 }), "{ended:#?}");
        let heads = heads.lock().expect("no panic");
        // Who is refused comes back.
        assert!(if opened > 0 { heads.len() == 20 } else { heads.len() >= 20 }, "{}", heads.len());
        for head in heads.iter() {
            assert!(head.starts_with("GET /1/devices/") && head.to_lowercase().contains(&format!("\r\nhost: {place}\r\n")), "{head}");
        }
        if opened > 0 {
            let summary = ended.json();
            counts_add_up(&summary);
            assert_eq!(number(&summary, "/connections/opened"), opened);
            let series = summary["series"].as_array().expect("series");
            let discovery = series.iter().find(|s| s["name"] == "discovery").expect("a series of the profile");
            assert_eq!(discovery["count"], 20, "{discovery:#}");
            assert!(std::fs::read_to_string(out.join("run.json")).expect("a record").contains(&url));
        }
    }
}

/// A host that answers each request after `hold`, and the most that it had open at once.
fn slow_hook(hold: Duration) -> (String, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let place = listener.local_addr().expect("an address").to_string();
    let most = Arc::new(AtomicUsize::new(0));
    let (seen, open) = (most.clone(), Arc::new(AtomicUsize::new(0)));
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let (seen, open) = (seen.clone(), open.clone());
            std::thread::spawn(move || {
                seen.fetch_max(open.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                let answered = stream.read(&mut [0; 4096]).is_ok_and(|n| n > 0);
                if answered {
                    std::thread::sleep(hold);
                }
                open.fetch_sub(1, Ordering::SeqCst);
                stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}").ok();
            });
        }
    });
    (place, most)
}

#[test]
fn requests_over_http_are_bounded_and_their_wait_counts() {
    let server = mock(Words { profile: "channel-notify".into(), ..Words::default() });
    let (place, most) = slow_hook(Duration::from_millis(1_500));
    let (target, url) = (format!("ws://{}/", server.addr()), format!("http://{place}"));
    let dir = folder();
    let out = dir.path().join("out");
    let load = ["--clients", "400", "--rate", "5/s", "--warmup", "0s", "--duration", "3s", "--timeout", "9s", "--report", "none"];
    let args = ["run", "channel-notify", "--target", &target, "--http-target", &url, "--out", text(&out), "--format", "json"];
    let ended = call(&[&args[..], &load, &["--progress", "none"]].concat());
    ended.ran();
    let summary = ended.json();
    counts_add_up(&summary);
    // Some 400 publishes a second of 1.5 s each would be 600 at once.
    let most = most.load(Ordering::SeqCst);
    assert!((200..=256).contains(&most), "{most} at once");
    let publish = summary["series"].as_array().expect("series").iter().find(|s| s["name"] == "publish").expect("it is measured");
    let of = |time: &str| publish[time]["max"].as_u64().expect("it was answered");
    assert!(of("service") >= 1_500_000_000 && of("response") > of("service") + 100_000_000, "{publish:#}");
}

#[test]
fn what_was_typed_wrong_is_named() {
    let hook = ["run", "openshock-live", "--http-target", "http://127.0.0.1:9/path"];
    call(&hook).refuses(2, &["--http-target", "has a path", "for example"]);
    call(&["run", "echo", "--http-target", "http://127.0.0.1:9"]).refuses(2, &["--http-target", "echo", "over HTTP"]);
    let far = ["run", "openshock-live", "--set", "discover=yes", "--http-target", "http://192.0.2.1"];
    call(&far).refuses(2, &["192.0.2.1", "--allow-host 192.0.2.1"]);
    let target = ["run", "echo", "--target", "ws://127.0.0.1:9/", "--dry-run"];
    for (more, words) in [
        (&["--proxy", "socks5://127.0.0.1:1"][..], &["--proxy", "http://127.0.0.1:3128"][..]),
        (&["--proxy", "http://me:secret-word@x"], &["--proxy", "no port"]),
        (&["--resolve", "a:b"], &["`a:b`", "HOST:PORT:ADDRESS"]),
        (&["--reconnect-jitter", "0.5"], &["`0.5`", "0% to 100%"]),
    ] {
        let ended = call(&[&target[..], more].concat());
        ended.refuses(2, words);
        assert!(!ended.err.contains("secret-word"), "{}", ended.err);
    }
    let far = ["run", "echo", "--target", "ws://far.invalid:9001/", "--proxy", "http://127.0.0.1:9"];
    call(&far).refuses(2, &["far.invalid", "--allow-host far.invalid"]);
    call(&["run", "echo", "--proxy", "http://127.0.0.1:9"]).refuses(2, &["--target"]);
}
