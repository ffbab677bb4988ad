//! Whom a run may load, how much, and with what effect.

use serde_json::Value;

use crate::done;
use crate::in_a_network_of_its_own;
use crate::kit::*;

#[test]
fn hosts_of_others_are_guarded() {
    let dir = folder();
    let out = dir.path().join("out");
    let out = text(&out);
    for (url, more, words) in [
        ("ws://8.8.8.8/", &[][..], &["8.8.8.8 is neither", "--allow-host 8.8.8.8"][..]),
        ("ws://[::ffff:8.8.8.8]/", &[], &["--allow-host ::ffff:8.8.8.8"]),
        ("wss://8.8.8.8/", &["--allow-host", "8.8.4.4"], &["--allow-host 8.8.8.8"]),
        ("ws://de1-gateway.openshock.app/", &[], &["openshock.app", "--i-own de1-gateway.openshock.app", "--allow-host"]),
        ("wss://ZYETA.io.:9/", &["--i-own", "zyeta.io"], &["production host", "--allow-host ZYETA.io."]),
        ("ws://x.bayit.tv/", &["--allow-host", "*.bayit.tv"], &["--i-own x.bayit.tv"]),
        ("ws://8.8.8.8/", &["--allow-host", "*"], &["`*`", "no host name"]),
        ("ws://8.8.8.8/", &["--allow-host", "8.8.8.8", "--clients", "101", "--rate", "1/s"], &["101 connections", "--over-limit"]),
        ("ws://8.8.8.8/", &["--allow-host", "8.8.8.8", "--clients", "100", "--rate", "11/s"], &["1,100 messages/s", "--over-limit"]),
    ] {
        for dry in [&["--dry-run"][..], &[]] {
            let ended = call(&[&["run", "echo", "--target", url, "--out", out], more, dry].concat());
            ended.refuses(2, words);
        }
    }
    assert!(!std::path::Path::new(out).exists());
}

#[test]
fn a_dry_run_says_what_the_guard_says() {
    for (args, words) in [
        (&["echo"][..], &["guard this machine alone", "secrets none"][..]),
        (&["echo", "--target", "ws://localhost:9/"], &["guard loopback: no caps"]),
        (&["echo", "--target", "ws://10.1.2.3/"], &["guard private: connects at 500/s at most", "ramp 200ms"]),
        (&["echo", "--target", "ws://10.1.2.3/", "--over-limit"], &["no caps (--over-limit)", "ramp 100ms"]),
        (&["echo", "--target", "ws://8.8.8.8/", "--allow-host", "8.8.8.8"], &["guard public: 100 connections, 1,000 messages/s"]),
        (&["echo", "--target", "wss://staging.invalid/"], &["judged by its addresses", "--allow-host staging.invalid"]),
        (&["openshock-live", "--set", "token=hunter2"], &["electric shocks", "variable `token`"]),
        (&["openshock-live", "--allow-harm", "--set", "control=Vibrate"], &["electric shocks", "allowed by --allow-harm"]),
    ] {
        let ended = call(&[&["run", "--dry-run"], args].concat());
        assert_eq!(ended.code, Some(0), "{ended:#?}");
        let said = ended.out.split_whitespace().collect::<Vec<_>>().join(" ");
        words.iter().for_each(|word| assert!(said.contains(word), "`{word}` is not said: {}", ended.out));
        assert!(!said.contains("hunter2"));
    }
}

#[test]
fn names_are_judged_by_all_their_addresses() {
    in_a_network_of_its_own(|| {
        let dir = folder();
        let hosts = dir.path().join("hosts");
        std::fs::write(&hosts, "127.0.0.1 home.test mixed.test\n203.0.113.7 far.test mixed.test\n10.77.0.1 near.test\n").expect("a file");
        if !done("mount", &["--bind", text(&hosts), "/etc/hosts"]) || !done("ip", &["addr", "add", "10.77.0.1/24", "dev", "lo"]) {
            println!("skipped: names and addresses cannot be set here");
            return;
        }
        let run = |name: &str, url: &str, more: &[&str]| {
            let out = dir.path().join(name);
            (call(&[&short(url, text(&out))[..], more].concat()), out)
        };
        for host in ["far.test", "mixed.test"] {
            run(host, &format!("ws://{host}/"), &[]).0.refuses(2, &[&format!("{host} (203.0.113.7)"), &format!("--allow-host {host}")]);
        }
        let server = Server::start(&["openshock-live", "--listen", "10.77.0.1:0"]);
        let port = server.url.trim_end_matches('/').rsplit(':').next().expect("a port").to_owned();
        let url = format!("ws://near.test:{port}/");
        let openshock = |name: &str, more: &[&str]| {
            let out = dir.path().join(name);
            let args: Vec<&str> = short(&url, text(&out)).into_iter().map(|a| if a == "echo" { "openshock-live" } else { a }).collect();
            (call(&[&args[..], more].concat()), out)
        };
        let secret = ["--set", "token=hunter2"];
        openshock("open", &secret).0.refuses(2, &["near.test is not this machine", "variable `token`", "--plaintext-secrets"]);
        openshock("header", &["-H", "X-Key: hunter2"]).0.refuses(2, &["header `X-Key`", "--plaintext-secrets"]);
        // The default of a shipped profile is no secret.
        openshock("placeholder", &["--ramp", "0"]).0.ran();
        let (ended, out) = openshock("allowed", &[&secret[..], &["--plaintext-secrets", "--ramp", "0"]].concat());
        ended.ran();
        assert!(ended.err.contains("paced at 500/s"), "{}", ended.err);
        let run: Value = serde_json::from_str(&read(&out, "run.json")).expect("JSON");
        assert_eq!(number(&run, "/plan/ramp_ns"), 1_020_000_000, "10 clients at 500/s, and the opening");
        assert_eq!(run["plan"]["address"], format!("10.77.0.1:{port}"));
        assert_eq!(server.stop().connections.accepted, 20, "two of four runs reached the server");
    });
}

#[test]
fn harm_needs_to_be_allowed() {
    let dir = folder();
    let (out, mine) = (dir.path().join("out"), dir.path().join("mine.toml"));
    let server = Server::start(&["openshock-live"]);
    let shock = ["run", "openshock-live", "--target", &server.url, "--out", text(&out), "--set", "control=Shock", "--set", "intensity=1"];
    call(&shock).refuses(2, &["`control` is harmless only as `Stop`", "electric shocks", "--allow-harm"]);
    let shipped = call(&["profiles", "show", "openshock-live"]).out;
    let literal = shipped.replace("{intensity}", "7").replace("{control}", "Shock");
    std::fs::write(&mine, literal).expect("a file");
    call(&["run", text(&mine), "--target", &server.url, "--out", text(&out)]).refuses(2, &["may do harm as they stand", "--allow-harm"]);
    assert!(!out.exists());
    let load = ["--clients", "2", "--rate", "5/s", "--duration", "1s", "--warmup", "0", "--report", "none", "--allow-harm"];
    call(&[&shock[..], &load].concat()).ran();
    let account = server.stop();
    assert!(account.received["frame"] > 0 && account.violations_total == 0, "{account:?}");
    assert_eq!(account.connections.accepted, 2);
}
