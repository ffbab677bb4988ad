//! Names and addresses: IPv6, local addresses in turn.

mod kit;

use std::io::Read;
use std::io::Write;
use std::net::TcpListener;
use std::net::ToSocketAddrs;

use kit::*;

#[test]
fn ipv6_is_an_address_like_any_other() {
    let server = Server::start(&["echo", "--listen", "[::1]:0"]);
    assert!(server.url.starts_with("ws://[::1]:"), "{}", server.url);
    let dir = folder();
    let out = dir.path().join("out");
    let load = ["--clients", "10", "--duration", "1s", "--warmup", "0s", "--report", "none", "--format", "json"];
    let ended = call(&[&["run", "echo", "--target", &server.url, "--source-addr", "::1", "--out", text(&out)], load.as_slice()].concat());
    ended.ran();
    let summary = ended.json();
    counts_add_up(&summary);
    let account = server.stop();
    assert_eq!(account.connections.accepted, 10);
    assert_eq!(account.received["echo"], number(&summary, "/counts/sent"));
    assert!(std::fs::read_to_string(out.join("run.json")).expect("a record").contains("\"address\": \"[::1]:"));
}

#[test]
fn of_several_addresses_the_one_that_listens_is_taken() {
    // `localhost` is 127.0.0.1 and, on many machines, ::1 before it.
    for listen in ["127.0.0.1:0", "[::1]:0"] {
        let server = Server::start(&["echo", "--listen", listen]);
        let port = server.url.trim_end_matches('/').rsplit(':').next().expect("a port");
        let both = format!("localhost:{port}").as_str().to_socket_addrs().expect("localhost").count();
        if listen.starts_with('[') && both < 2 {
            continue;
        }
        let (dir, url) = (folder(), format!("ws://localhost:{port}/"));
        let load = ["--clients", "3", "--duration", "500ms", "--warmup", "0s", "--report", "none"];
        call(&[&["run", "echo", "--target", &url, "--out", text(&dir.path().join("out"))], load.as_slice()].concat()).ran();
        assert_eq!(server.stop().connections.accepted, 3);
    }
}

#[test]
fn local_addresses_that_cannot_be_used_are_refused() {
    let run = |more: &[&str]| call(&[&["run", "echo", "--target", "ws://127.0.0.1:9/", "--source-addr"], more].concat());
    run(&["::1"]).refuses(2, &["--source-addr", "IPv6"]);
    run(&["192.0.2.1"]).refuses(2, &["192.0.2.1", "this machine"]);
    run(&["here"]).refuses(2, &["here", "--source-addr"]);
}

#[test]
fn connections_come_from_each_source_in_turn() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("ws://{}/", listener.local_addr().expect("bound"));
    let peers = std::thread::spawn(move || {
        let mut peers = std::collections::BTreeMap::<String, u32>::new();
        for tcp in listener.incoming().take(30) {
            let mut tcp = tcp.expect("a connection");
            *peers.entry(tcp.peer_addr().expect("a peer").ip().to_string()).or_default() += 1;
            let _ = tcp.read(&mut [0; 4096]);
            let _ = tcp.write_all(b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n");
        }
        peers
    });
    let dir = folder();
    let out = dir.path().join("out");
    let load = ["--clients", "30", "--duration", "1s", "--warmup", "0s", "--source-addr", "127.0.0.2,127.0.0.3,127.0.0.4"];
    let ended = call(&[&["run", "echo", "--target", &url, "--out", text(&out), "--report", "none"], load.as_slice()].concat());
    ended.refuses(3, &["http_503"]);
    let expected = ["127.0.0.2", "127.0.0.3", "127.0.0.4"].map(|source| (source.to_owned(), 10));
    assert_eq!(peers.join().expect("it counts"), expected.into());
    let manifest = std::fs::read_to_string(out.join("run.json")).expect("a record");
    assert!(["127.0.0.2", "127.0.0.3", "127.0.0.4"].iter().all(|source| manifest.contains(source)), "{manifest}");
}
