//! Fleets that change while they run, over NATS: spares take the place of lost agents, late agents take what nobody had, seconds
//! travel several at once, and what is too large for a message is kept beside the plan.

#![cfg(feature = "cluster")]

mod certificates;
mod kit;
#[path = "fleet/nats.rs"]
mod nats;

use std::path::Path;

use kit::Call;
use kit::call;
use kit::counts_add_up;
use kit::folder;
use kit::number;
use kit::text;
use kit::volley;
use nats::Nats;
use nix::sys::signal::Signal;
use serde_json::Value;
use volley::fleet::Bus;
use volley::fleet::local::LocalBus;
use volley::fleet::message::Blob;

fn summary(dir: &Path) -> Value {
    serde_json::from_str(&kit::read(dir, "summary.json")).expect("a summary")
}

/// An agent that plays once.
fn agent(nats: &Nats, more: &[&str]) -> Call {
    let mut command = volley();
    command.args(["agent", "--once", "--cluster", &nats.url()]).args(more);
    Call::start(command)
}

/// A controller of a run that records into `dir`.
fn lead(nats: &Nats, dir: &Path, more: &[&str]) -> Call {
    let mut command = volley();
    command.args(["run", "echo", "--cluster", &nats.url(), "--out", text(dir), "--report", "html", "--progress", "line"]).args(more);
    Call::start(command)
}

fn keeps_what_is_large(bus: &dyn Bus) {
    let bytes: Vec<u8> = (0..3_000_017u32).map(|n| n.wrapping_mul(2_654_435_761).to_le_bytes()[3]).collect();
    let blob = Blob::of(&bytes);
    assert!(bus.kept(&blob).is_err(), "it is not there yet");
    bus.keep(&blob, &bytes).expect("there is room");
    bus.keep(&blob, &bytes).expect("a second time is no mistake");
    assert_eq!(bus.kept(&blob).as_deref(), Ok(bytes.as_slice()));
    assert!(bus.kept(&Blob::of(b"other")).is_err());
}

#[test]
fn both_buses_keep_what_is_large() {
    keeps_what_is_large(&LocalBus::default());
    let Some(nats) = Nats::start() else { return };
    keeps_what_is_large(&nats.bus());
}

#[test]
fn a_spare_goes_on_with_the_clients_of_a_lost_agent() {
    let Some(nats) = Nats::start() else { return };
    let dir = folder();
    let out = dir.path().join("run");
    let (dies, lives) = (agent(&nats, &["--shard", "0"]), agent(&nats, &["--shard", "1"]));
    let load =
        ["--agents", "2", "--rate", "10/s", "--clients", "20", "--duration", "16s", "--warmup", "0", "--timeout", "2s", "--ramp", "1s"];
    let controller = lead(&nats, &out, &[&load[..], &["--lost-after", "3s", "--on-loss", "replace"]].concat());
    controller.has_recorded(&out, 2);
    let spare = agent(&nats, &[]);
    dies.signal(Signal::SIGKILL);
    let ended = controller.end();
    assert!(ended.code == Some(4) && ended.err.contains("shard 0 is played by") && ended.err.contains("in the place of"), "{ended:?}");
    assert_eq!((spare.end().code, lives.end().code), (Some(0), Some(0)));
    let summary = summary(&out);
    let (replaced, whole) = (&summary["fleet"]["agents"][0], &summary["fleet"]["agents"][1]);
    assert_eq!((&replaced["state"], &whole["state"]), (&Value::from("done"), &Value::from("done")));
    assert!(replaced["adds_up"] == true && replaced["former"].as_array().map(Vec::len) == Some(1) && whole.get("former").is_none());
    let gap = [replaced["former"][0]["until_ns"].as_u64(), replaced["joined_ns"].as_u64()];
    assert_eq!(replaced["lost"], serde_json::json!([gap]), "what is missing lies between the two owners");
    let reasons = summary["reasons"].to_string();
    assert!(reasons.contains("part of the fleet was lost") && reasons.contains("all its clients connected anew"), "{reasons}");
    // The other shard offered all it was to, and the spare connected the other ten clients again.
    assert_eq!(number(&summary, "/connections/opened"), 30);
    assert!(kit::read(&out, "events.ndjson").contains("its clients connect, all of them anew"));
    assert_eq!(number(&summary, "/counts/planned"), number(&summary, "/counts/sent") + kit::sum(&summary["counts"]["not_offered"]));
}

#[test]
fn a_late_agent_takes_a_shard_that_nobody_has_where_that_is_wanted() {
    let Some(mut nats) = Nats::start() else { return };
    let dir = folder();
    let out = dir.path().join("run");
    let first = agent(&nats, &[]);
    let load = ["--agents", "2", "--min-agents", "1", "--gather", "2s", "--clients", "8", "--duration", "16s", "--warmup", "0"];
    let controller = lead(&nats, &out, &[&load[..], &["--late", "join"]].concat());
    controller.has_recorded(&out, 1);
    // A server that comes back in between has forgotten neither who is missing nor what is wanted.
    nats.kill();
    std::thread::sleep(std::time::Duration::from_secs(1));
    nats.restart();
    let late = agent(&nats, &[]);
    let ended = controller.end();
    assert_eq!((ended.code, first.end().code, late.end().code), (Some(4), Some(0), Some(0)), "{ended:?}");
    let summary = summary(&out);
    let agents = summary["fleet"]["agents"].as_array().expect("a fleet");
    assert!(agents.iter().all(|agent| agent["state"] == "done"), "{agents:?}");
    let joined: Vec<u64> = agents.iter().filter_map(|agent| agent["joined_ns"].as_u64()).collect();
    assert!(joined.len() == 1 && agents.iter().any(|agent| agent["lost"] == serde_json::json!([[0, joined[0]]])), "{agents:?}");
    counts_add_up(&summary);
}

/// With keys that let each role do no more than it has to.
#[test]
fn seconds_travel_several_at_once_and_large_data_beside_the_plan() {
    let dir = folder();
    let keys = dir.path().join("keys");
    let made = call(&["cluster", "keys", "--out", text(&keys)]);
    let Some(nats) = Nats::bare(&made.out, "nats") else { return };
    let key = |role: &str| text(&keys.join(format!("{role}.nk"))).to_owned();
    let init = call(&["cluster", "init", "--size", "64MiB", "--cluster", &nats.url(), "--nats-nkey", &key("init")]);
    assert_eq!(init.code, Some(0), "{init:?}");
    let (out, rows) = (dir.path().join("run"), dir.path().join("rows.ndjson"));
    // More than a message may have, a text for each client.
    let text_of = |client: u32| serde_json::json!({"message": format!("{client:06}").repeat(5_000)}).to_string();
    std::fs::write(&rows, (0..30).map(text_of).collect::<Vec<_>>().join("\n")).expect("it can be written");
    let agents = [(); 2].map(|()| agent(&nats, &["--nats-nkey", &key("agent")]));
    let mut command = volley();
    command.args([
        "run",
        "ask",
        "--nats-nkey",
        &key("controller"),
        "--cluster",
        &nats.url(),
        "--out",
        text(&out),
        "--report",
        "none",
        "--progress",
        "line",
        "--agents",
        "2",
    ]);
    command.args(["-n", "30", "--rate", "5/s", "--clients", "30", "--timeout", "30s", "--interval", "3s", "--data", text(&rows)]);
    let ended = Call::start(command).end();
    ended.ran();
    agents.into_iter().for_each(|agent| assert_eq!(agent.end().code, Some(0)));
    let summary = summary(&out);
    counts_add_up(&summary);
    assert_eq!(number(&summary, "/counts/planned"), 900);
    let run: Value = serde_json::from_str(&kit::read(&out, "run.json")).expect("JSON");
    assert_eq!(run["coverage"], 1.0);
    // Every send was as long as its client's row says.
    assert!(number(&summary, "/counts/bytes_out") > 900 * 30_000);
    call(&["run", "echo", "--cluster", &nats.url(), "--agents", "1", "--interval", "3s", "--lost-after", "4s"])
        .refuses(2, &["--lost-after is to be 2 intervals at least"]);
    call(&["run", "echo", "--shards", "2", "--on-loss", "replace"]).refuses(2, &["needs --cluster"]);
}

/// Who connects are the agents: by their own proxy, with their own certificate. Sound is the plan's, and travels beside it.
#[test]
fn what_is_the_agents_is_theirs_and_sound_is_the_plans() {
    let Some(nats) = Nats::start() else { return };
    let dir = folder();
    let sound = dir.path().join("sound.pcm");
    std::fs::write(&sound, vec![3u8; 600_000]).expect("it can be written");
    let run = |more: &[&str]| call(&[&["run", "echo", "--cluster", &nats.url(), "--agents", "1"], more].concat());
    run(&["--target", "ws://127.0.0.1:9/", "--proxy", "http://127.0.0.1:3128"]).refuses(2, &["volley agent --proxy URL"]);
    // A proxy that is not there is asked for by the agent, which says so.
    let player = agent(&nats, &["--proxy", "http://name:hunter2hunter2@127.0.0.1:1"]);
    let out = dir.path().join("run");
    let ended = lead(&nats, &out, &["--agents", "1", "--clients", "2", "--duration", "2s", "--warmup", "0"]).end();
    let played = player.end();
    assert!(!ended.err.contains("hunter2") && !played.err.contains("hunter2"), "{ended:?} {played:?}");
    assert_eq!(number(&summary(&out), "/connections/opened"), 0);
    let player = agent(&nats, &[]);
    let out = dir.path().join("loud");
    let mut command = volley();
    command.args(["run", "media-voice", "--cluster", &nats.url(), "--agents", "1", "--out", text(&out), "--report", "none"]);
    command.args(["--clients", "2", "--duration", "2s", "--warmup", "0", "--audio", text(&sound)]);
    let ended = Call::start(command).end();
    assert_eq!(player.end().code, Some(0), "{ended:?}");
    assert!(number(&summary(&out), "/counts/sent") > 0);
}

/// Who plays which connection of a trace changes nothing of what is said.
#[test]
fn a_trace_is_split_as_clients_are() {
    let dir = folder();
    let play = |name: &str, more: &[&str]| {
        let out = dir.path().join(name);
        let mut command = volley();
        command.args([
            "run",
            "terra",
            "--trace",
            "examples/terra-day.trace.ndjson",
            "--speed",
            "x20000",
            "--clones",
            "4",
            "--ramp",
            "100ms",
        ]);
        command.args(["--out", text(&out), "--report", "none", "--progress", "none", "--timeout", "20s"]).args(more);
        let ended = Call::start(command).end();
        assert!(matches!(ended.code, Some(0 | 4)), "{ended:?}");
        let summary = summary(&out);
        counts_add_up(&summary);
        let of = |pointer: &str| number(&summary, pointer);
        [of("/counts/planned"), of("/counts/sent"), of("/counts/bytes_out"), of("/connections/opened"), of("/connections/asked")]
    };
    let whole = play("one", &[]);
    assert!(whole[0] > 100, "{whole:?}");
    assert_eq!(play("shards", &["--shards", "2"]), whole);
    call(&["run", "terra", "--trace", "examples/terra-day.trace.ndjson", "--shards", "9"]).refuses(2, &["cannot be split into 9 shards"]);
    let Some(nats) = Nats::start() else { return };
    let agents = [agent(&nats, &[]), agent(&nats, &[])];
    assert_eq!(play("agents", &["--cluster", &nats.url(), "--agents", "2"]), whole);
    agents.into_iter().for_each(|agent| assert_eq!(agent.end().code, Some(0)));
    let trace = ["run", "terra", "--trace", "examples/terra-day.trace.ndjson", "--cluster"];
    call(&[&trace[..], &[&nats.url(), "--agents", "1", "--on-loss", "replace"]].concat()).refuses(2, &["cannot be joined in its middle"]);
}
