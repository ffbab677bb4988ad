//! The hops of exchanges against servers that hold what is known: the application's answers, or everything behind a proxy. The
//! kernel is asked about the run's own sockets and about no others.

mod kit;

use std::io::Read;
use std::io::Write;
use std::net::SocketAddr;
use std::net::TcpListener;
use std::net::TcpStream;
use std::path::Path;
use std::sync::mpsc;
use std::time::Duration;
use std::time::Instant;

use kit::*;
use serde_json::Value;
use volley::mock::Words;

const MILLI: u64 = 1_000_000;
const CLIENTS: u64 = 20;
const SECONDS: u64 = 3;

/// Runs `echo` with `more` against the server at `address`; the summary and what was said to people.
fn run(address: SocketAddr, out: &Path, more: &[&str]) -> (Value, String) {
    let url = format!("ws://{address}/");
    let mut command = volley();
    command.args(["run", "echo", "--target", &url, "--out", text(out), "--format", "json", "--progress", "none", "--lanes", "1"]);
    command.args(["--clients", "20", "--rate", "2/s", "--warmup", "1s", "--duration", "3s", "--timeout", "5s"]).args(more);
    let ended = Call::start(command).end();
    ended.ran();
    let summary = ended.json();
    counts_add_up(&summary);
    (summary, ended.err)
}

fn hop<'a>(summary: &'a Value, name: &str) -> &'a Value {
    let hops = summary["hops"]["hops"].as_array().expect("a list of hops");
    hops.iter().find(|hop| hop["hop"] == name).unwrap_or_else(|| panic!("no hop {name}: {:#}", summary["hops"]))
}

fn p50(times: &Value) -> u64 {
    times["p50"].as_u64().unwrap_or_else(|| panic!("no p50: {times:#}"))
}

/// A server of `echo` that holds the application's answers and answers pings at once.
fn slow_application(delay: &str) -> volley::mock::Running {
    let set = vec![("pong_at_once".into(), "true".into())];
    mock(Words { profile: "echo".into(), delay: Some(format!("fixed:{delay}")), set, ..Words::default() })
}

/// Samples of a series in each measured second of a record.
fn by_second(out: &Path, name: &str) -> Vec<u64> {
    let rows = read(out, "counters.ndjson");
    let rows = rows.lines().map(|line| serde_json::from_str::<Value>(line).expect("a row"));
    let measured = rows.filter(|row| row["phase"] == "measure");
    measured.map(|row| row["exact"][name]["count"].as_u64().unwrap_or(0)).collect()
}

/// One sample of each of ours in each second, and none of anybody else's; a busy machine may miss a second.
#[track_caller]
fn each_once_a_second(told: &[u64]) {
    assert!(told.len() as u64 == SECONDS && told.iter().all(|n| *n <= CLIENTS), "{told:?}");
    assert!(told.iter().sum::<u64>() >= CLIENTS * (SECONDS - 1), "{told:?}");
}

#[test]
fn the_application_is_told_from_what_carries_it() {
    let server = slow_application("300ms");
    let dir = folder();
    let out = dir.path().join("out");
    let foreign: Vec<TcpStream> = (0..7).map(|_| TcpStream::connect(server.addr()).expect("a connection of others")).collect();
    let (summary, _) = run(server.addr(), &out, &["--hops", "--report", "html,png,svg,text,markdown"]);
    drop(foreign);
    // Neither those of others to the same server, nor the server's own ends.
    let told = by_second(&out, "tcp_rtt");
    each_once_a_second(&told);
    assert_eq!(told, by_second(&out, "tcp_rtt_min"));
    assert_eq!(number(&summary, "/hops/told"), told.iter().sum::<u64>());
    assert_eq!(series(&summary, "tcp_rtt")["count"].as_u64(), Some(told.iter().sum()));
    assert_eq!(number(&summary, "/hops/open"), CLIENTS * SECONDS);
    // Each client pings once a second.
    let pings = &summary["counts"]["messages_out"]["ws_ping"];
    assert!(pings.as_u64().is_some_and(|n| (CLIENTS * SECONDS..=CLIENTS * (SECONDS + 2)).contains(&n)), "{pings}");
    let [kernel, ping, answer] = ["kernel", "frames", "application"].map(|name| p50(&hop(&summary, name)["time"]));
    assert!(answer >= 300 * MILLI, "{:#}", summary["hops"]);
    assert!(ping < 300 * MILLI && kernel < 300 * MILLI, "{:#}", summary["hops"]);
    assert!(p50(&summary["hops"]["shortest"]) <= kernel);
    let adds = hop(&summary, "application")["adds"]["p50"].as_i64().expect("a difference");
    assert_eq!(adds, answer as i64 - ping as i64);
    assert!(hop(&summary, "kernel")["adds"].as_object().expect("a map").is_empty());
    assert_eq!((&summary["hops"]["proxy"], &summary["hops"]["refused"]), (&Value::Bool(false), &Value::Null));
    for (file, words) in [
        ("summary.txt", &["hops, counted from the real send", "echo adds", "no quantiles of differences"][..]),
        ("summary.md", &["Hops: kernel p50"]),
        ("report.html", &["id=\"hops\"", "Network, frames or application?"]),
        ("hops.svg", &["Hops by percentile", "tcp_rtt"]),
    ] {
        let text = read(&out, file);
        words.iter().for_each(|words| assert!(text.contains(words), "{file} lacks {words}"));
    }
    assert!(out.join("hops.png").exists() && summary["alt"]["hops.png"].as_str().expect("its words").contains("half of"));
    server.stop().expect("an account");
    comes_back_whole(&out, dir.path());
}

/// A page is read back as a record with the same hops.
fn comes_back_whole(out: &Path, dir: &Path) {
    let back = dir.join("back");
    call(&["import", text(&out.join("report.html")), "--out", text(&back)]).ran();
    let again = call(&["report", text(&back), "--format", "json"]).json();
    let first: Value = serde_json::from_str(&read(out, "summary.json")).expect("JSON");
    assert_eq!(again["hops"], first["hops"]);
}

#[test]
fn without_it_nothing_is_asked_and_nothing_said() {
    let server = mock(Words { profile: "echo".into(), ..Words::default() });
    let dir = folder();
    let out = dir.path().join("out");
    let (summary, _) = run(server.addr(), &out, &["--report", "html,png"]);
    assert!(summary.get("hops").is_none() && !summary["series"].to_string().contains("tcp_rtt"), "{summary:#}");
    assert!(!read(&out, "run.json").contains("hops") && !out.join("hops.png").exists());
    assert!(!read(&out, "report.html").contains("id=\"hops\""));
    server.stop().expect("an account");
}

#[test]
fn lanes_and_shards_have_the_same_sockets_told() {
    let server = mock(Words { profile: "echo".into(), ..Words::default() });
    let dir = folder();
    for (name, more) in [("lanes", &["--lanes", "3"][..]), ("shards", &["--shards", "2"])] {
        let (out, url) = (dir.path().join(name), format!("ws://{}/", server.addr()));
        let args = ["run", "echo", "--hops", "--target", &url, "--out", text(&out), "--report", "none", "--progress", "none"];
        let load = ["--clients", "20", "--rate", "2/s", "--warmup", "1s", "--duration", "3s"];
        call(&[&args[..], &load, more].concat()).ran();
        each_once_a_second(&by_second(&out, "tcp_rtt"));
    }
    let [lanes, shards] = ["lanes", "shards"].map(|name| dir.path().join(name));
    let limit = "base: tcp_rtt p(50) <= +900%";
    let compared = call(&["compare", text(&lanes), "--with", text(&shards), "--force", "--format", "json", "--limit", limit]);
    assert!(compared.out.contains("tcp_rtt p(50)"), "{compared:#?}");
    server.stop().expect("an account");
}

/// Passes bytes both ways between whoever connects and `server`, each `delay` later.
fn delaying(server: SocketAddr, delay: Duration) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let place = listener.local_addr().expect("an address");
    std::thread::spawn(move || {
        for client in listener.incoming().flatten() {
            let Ok(server) = TcpStream::connect(server) else { return };
            [&client, &server].iter().for_each(|end| end.set_nodelay(true).expect("a socket"));
            let (client_too, server_too) = (client.try_clone().expect("a socket"), server.try_clone().expect("a socket"));
            later(client, server_too, delay / 2);
            later(server, client_too, delay / 2);
        }
    });
    place
}

fn later(mut from: TcpStream, mut to: TcpStream, delay: Duration) {
    let (put, take) = mpsc::channel::<(Instant, Vec<u8>)>();
    std::thread::spawn(move || {
        let mut bytes = [0; 4_096];
        while let Ok(n) = from.read(&mut bytes)
            && n > 0
            && put.send((Instant::now() + delay, bytes[..n].to_vec())).is_ok()
        {}
    });
    std::thread::spawn(move || {
        for (at, bytes) in take {
            std::thread::sleep(at.saturating_duration_since(Instant::now()));
            if to.write_all(&bytes).is_err() {
                return;
            }
        }
        to.shutdown(std::net::Shutdown::Write).ok();
    });
}

#[test]
fn what_lies_behind_the_first_hop_is_not_the_kernels() {
    let server = mock(Words { profile: "echo".into(), ..Words::default() });
    let between = delaying(server.addr(), Duration::from_millis(200));
    let dir = folder();
    let (summary, _) = run(between, &dir.path().join("out"), &["--hops", "--report", "none"]);
    assert!(number(&summary, "/hops/told") <= CLIENTS * SECONDS);
    let [ping, answer] = ["frames", "application"].map(|name| p50(&hop(&summary, name)["time"]));
    assert!(ping >= 200 * MILLI && answer >= 200 * MILLI, "{:#}", summary["hops"]);
    // Acknowledgements that are held back are in the smoothed figure; the shortest has the first hop alone.
    assert!(p50(&hop(&summary, "kernel")["time"]) < 200 * MILLI && p50(&summary["hops"]["shortest"]) < 20 * MILLI, "{:#}", summary["hops"]);
    server.stop().expect("an account");
}

#[test]
fn limits_may_be_about_it_only_where_it_is_asked_for() {
    let limit = ["run", "echo", "--dry-run", "--limit", "tcp_rtt p(50) < 1s"];
    call(&limit).refuses(2, &["tcp_rtt"]);
    call(&[&limit[..], &["--hops"]].concat()).ran();
}
