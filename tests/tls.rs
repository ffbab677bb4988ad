//! wss: the reference server behind a TLS end of our own, with good and bad certificates. The server's
//! account tells whether anything was lost or doubled on the way through TLS.

mod certificates;
mod kit;

use std::io::Read;
use std::io::Write;
use std::net::SocketAddr;
use std::net::TcpListener;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;

use certificates::Authority;
use certificates::Certified;
use kit::*;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::HandshakeKind;
use tokio_rustls::rustls::RootCertStore;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::CertificateDer;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::server::WebPkiClientVerifier;
use volley::mock::Words;

/// What came through a TLS end.
#[derive(Default)]
struct Passed {
    handshakes: AtomicU64,
    resumed: AtomicU64,
    alpn: AtomicU64,
}

/// A TLS end in front of `behind`, on a thread that lives as long as the test program.
fn tls_end(certified: &Certified, behind: SocketAddr, client_authority: Option<&Authority>) -> (SocketAddr, Arc<Passed>) {
    let provider = Arc::new(ring::default_provider());
    let builder = ServerConfig::builder_with_provider(provider.clone()).with_safe_default_protocol_versions().expect("versions");
    let builder = match client_authority {
        None => builder.with_no_client_auth(),
        Some(authority) => {
            let mut roots = RootCertStore::empty();
            roots.add(CertificateDer::from_pem_slice(authority.pem().as_bytes()).expect("a certificate")).expect("an authority");
            let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider).build().expect("a verifier");
            builder.with_client_cert_verifier(verifier)
        }
    };
    let chain = CertificateDer::pem_slice_iter(certified.chain.as_bytes()).collect::<Result<_, _>>().expect("a chain");
    let key = PrivateKeyDer::from_pem_slice(certified.key.as_bytes()).expect("a key");
    let mut config = builder.with_single_cert(chain, key).expect("they go together");
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    listener.set_nonblocking(true).expect("a socket");
    let address = listener.local_addr().expect("bound");
    let passed = Arc::new(Passed::default());
    let seen = passed.clone();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(async move {
            let listener = tokio::net::TcpListener::from_std(listener).expect("a listener");
            while let Ok((tcp, _)) = listener.accept().await {
                tokio::spawn(pass(acceptor.clone(), tcp, behind, seen.clone()));
            }
        });
    });
    (address, passed)
}

async fn pass(acceptor: TlsAcceptor, tcp: tokio::net::TcpStream, behind: SocketAddr, passed: Arc<Passed>) {
    let Ok(mut front) = acceptor.accept(tcp).await else { return };
    let (_, connection) = front.get_ref();
    passed.handshakes.fetch_add(1, Ordering::Relaxed);
    passed.resumed.fetch_add(u64::from(connection.handshake_kind() == Some(HandshakeKind::Resumed)), Ordering::Relaxed);
    passed.alpn.fetch_add(u64::from(connection.alpn_protocol() == Some(b"http/1.1")), Ordering::Relaxed);
    let mut back = tokio::net::TcpStream::connect(behind).await.expect("the server behind");
    // Either side may end it as it likes.
    let _ = tokio::io::copy_bidirectional(&mut front, &mut back).await;
}

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
    run(&["ws://127.0.0.1:9/", "--source-addr", "::1"]).refuses(2, &["--source-addr", "IPv6"]);
    run(&["ws://127.0.0.1:9/", "--source-addr", "192.0.2.1"]).refuses(2, &["192.0.2.1", "this machine"]);
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
