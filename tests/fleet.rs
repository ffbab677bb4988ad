//! One run on many machines: both buses keep the same promises, splitting changes nothing of what clients send, and whatever
//! dies, the record tells what is in it and what is not. Servers and agents are processes on this machine.

#![cfg(feature = "cluster")]

#[path = "fleet/bus.rs"]
mod bus;
mod certificates;
mod kit;
#[path = "fleet/nats.rs"]
mod nats;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use std::time::Instant;

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
use volley::fleet::bus::Key;
use volley::fleet::local::LocalBus;

#[test]
fn the_bus_of_one_process_keeps_its_promises() {
    bus::keeps_its_promises(&(Arc::new(LocalBus::default()) as Arc<dyn Bus>), 50);
}

#[test]
fn the_bus_over_nats_keeps_its_promises() {
    let Some(nats) = Nats::start() else { return };
    bus::keeps_its_promises(&(Arc::new(nats.bus()) as Arc<dyn Bus>), 50);
}

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

/// The states of the agents of a run.
fn states(summary: &Value) -> Vec<&str> {
    let agents = summary["fleet"]["agents"].as_array().expect("a fleet");
    agents.iter().map(|agent| agent["state"].as_str().expect("a state")).collect()
}

/// Client k says the same, whoever plays it: eight shards of this process against one.
#[test]
fn splitting_changes_nothing_of_what_is_sent() {
    let dir = folder();
    let mut counts = Vec::new();
    for shards in ["1", "8"] {
        let out = dir.path().join(shards);
        let ended = call(&[
            "run",
            "echo",
            "--shards",
            shards,
            "-n",
            "15",
            "--rate",
            "20/s",
            "--clients",
            "24",
            "--pace",
            "poisson",
            "--out",
            text(&out),
            "--report",
            "none",
            "--progress",
            "none",
            "--timeout",
            "30s",
        ]);
        ended.ran();
        let summary = summary(&out);
        counts_add_up(&summary);
        assert_eq!(summary["fleet"]["agents"].as_array().map(Vec::len), shards.parse().ok());
        assert!(states(&summary).iter().all(|state| *state == "done"));
        let of = |pointer: &str| number(&summary, pointer);
        counts.push([
            of("/counts/planned"),
            of("/counts/sent"),
            of("/counts/messages_out/echo"),
            of("/counts/bytes_out"),
            of("/connections/opened"),
        ]);
    }
    assert_eq!(counts[0], counts[1]);
}

#[test]
fn two_agents_make_one_record() {
    let Some(nats) = Nats::start() else { return };
    let dir = folder();
    let out = dir.path().join("run");
    let agents = [agent(&nats, &["--shard", "0"]), agent(&nats, &["--shard", "1"])];
    let ended = lead(&nats, &out, &["--agents", "2", "-n", "20", "--rate", "10/s", "--clients", "30", "--timeout", "30s"]).end();
    ended.ran();
    assert!(ended.err.contains("2 of 2 agents are ready"), "{ended:?}");
    for agent in agents {
        let ended = agent.end();
        assert!(ended.code == Some(0) && ended.err.contains("played to its end"), "{ended:?}");
    }
    let summary = summary(&out);
    counts_add_up(&summary);
    assert_eq!(states(&summary), ["done", "done"]);
    assert_eq!((number(&summary, "/counts/planned"), number(&summary, "/connections/opened")), (600, 30));
    let run: Value = serde_json::from_str(&kit::read(&out, "run.json")).expect("JSON");
    assert_eq!((&run["coverage"], &run["shards"]), (&Value::from(1.0), &Value::from(2)));
    let agents = summary["fleet"]["agents"].as_array().expect("a fleet");
    assert!(
        agents
            .iter()
            .all(|a| a["adds_up"] == true && a["clients"] == 15 && a["lost"] == serde_json::json!([]) && a["began_late_ns"].is_u64())
    );
    assert!(kit::read(&out, "report.html").contains("Who played it?"));
    let mode = std::os::unix::fs::PermissionsExt::mode(&std::fs::metadata(&out).expect("a folder").permissions());
    assert_eq!(mode & 0o777, 0o700, "it is for its owner alone");
    let taken = ["run", "echo", "--cluster", &nats.url(), "--agents", "1", "--out", text(&out)];
    call(&taken).refuses(2, &["holds a record already"]);
    // What was recorded can be shown again.
    assert!(call(&["report", text(&out), "--report", "none"]).out.contains("fleet: 2 of 2 agents"));
    let status = call(&["cluster", "status", "--cluster", &nats.url()]);
    assert!(status.out.contains("closed") && status.out.contains("NATS"), "{status:?}");
    let id = summary["fleet"]["run"].as_str().expect("an id");
    let purged = call(&["cluster", "purge", id, "--cluster", &nats.url()]);
    assert!(purged.out.contains("results were removed") && !purged.out.contains(" 0 results"), "{purged:?}");
}

/// A run of some seconds; `more` behind it.
const LONG: [&str; 10] = ["--rate", "10/s", "--clients", "20", "--duration", "8s", "--warmup", "0", "--timeout", "2s"];

fn long(more: &[&'static str]) -> Vec<&'static str> {
    [&LONG[..], more].concat()
}

#[test]
fn an_agent_that_dies_is_named_and_the_rest_is_measured() {
    let Some(nats) = Nats::start() else { return };
    let dir = folder();
    let out = dir.path().join("run");
    let (dies, lives) = (agent(&nats, &["--shard", "0"]), agent(&nats, &["--shard", "1"]));
    let controller = lead(&nats, &out, &long(&["--agents", "2", "--lost-after", "3s"]));
    controller.has_recorded(&out, 2);
    dies.signal(Signal::SIGKILL);
    let ended = controller.end();
    assert!(ended.code == Some(4) && ended.err.contains("shard 0 is lost"), "{ended:?}");
    assert_eq!(lives.end().code, Some(0));
    let summary = summary(&out);
    assert_eq!(states(&summary), ["lost", "done"]);
    let reasons = summary["reasons"].to_string();
    assert!(reasons.contains("part of the fleet was lost") && reasons.contains("shard 0"), "{reasons}");
    let (lost, whole) = (&summary["fleet"]["agents"][0], &summary["fleet"]["agents"][1]);
    assert_eq!((whole["lost"].as_array().map(Vec::len), lost["lost"].as_array().map(Vec::len)), (Some(0), Some(1)));
    assert_eq!(lost["lost"][0][0], lost["until_ns"], "what is missing begins where the last second ended");
    counts_add_up_but_for_what_was_lost(&summary);
}

/// A lost agent never said what became of its last sends.
fn counts_add_up_but_for_what_was_lost(summary: &Value) {
    assert_eq!(number(summary, "/counts/planned"), number(summary, "/counts/sent") + kit::sum(&summary["counts"]["not_offered"]));
    assert!(number(summary, "/counts/planned") < 20 * 10 * 9);
}

#[test]
fn a_loss_ends_the_run_where_that_is_wanted() {
    let Some(nats) = Nats::start() else { return };
    let dir = folder();
    let out = dir.path().join("run");
    let (dies, other) = (agent(&nats, &["--shard", "0"]), agent(&nats, &["--shard", "1"]));
    let controller =
        lead(&nats, &out, &["--agents", "2", "--clients", "10", "--duration", "10m", "--lost-after", "3s", "--on-loss", "abort"]);
    controller.has_recorded(&out, 2);
    dies.signal(Signal::SIGKILL);
    let (ended, other) = (controller.end(), other.end());
    assert!(ended.code == Some(4) && other.code == Some(0) && other.err.contains("shard 0 was lost"), "{ended:?} {other:?}");
    let summary = summary(&out);
    assert_eq!((summary["verdict"].as_str(), states(&summary)), (Some("aborted"), vec!["lost", "ended_early"]));
}

/// What is judged while a run goes on, and what runs again and again, knows nothing of fleets.
#[test]
fn limits_and_repeats_work_with_agents_that_stay() {
    let Some(nats) = Nats::start() else { return };
    let dir = folder();
    let mut command = volley();
    command.args(["agent", "--cluster", &nats.url()]);
    let stays = Call::start(command);
    let url = nats.url();
    let out = dir.path().join("limit");
    let load = ["--agents", "1", "--clients", "4", "--progress", "none", "--report", "none"];
    let run = |more: &[&str]| call(&[&["run", "echo", "--cluster", &url], &load[..], more].concat());
    let ended = run(&["--warmup", "0", "--duration", "10m", "--limit", "echo p(50) < 1us abort", "--out", text(&out)]);
    // 4 where the machine was too busy for true figures.
    assert!(matches!(ended.code, Some(10 | 4)) && !ended.out.contains("was lost"), "{ended:?}");
    let out = dir.path().join("repeat");
    let ended = run(&["-n", "5", "--repeat", "2", "--out", text(&out)]);
    ended.ran();
    for turn in ["1", "2"] {
        assert_eq!(states(&summary(&out.join(turn))), ["done"]);
    }
    stays.signal(Signal::SIGTERM);
    assert_eq!(stays.end().code, Some(0));
}

#[test]
fn an_agent_that_was_away_is_fenced_and_counted_once() {
    let Some(nats) = Nats::start() else { return };
    let dir = folder();
    let out = dir.path().join("run");
    let (sleeps, lives) = (agent(&nats, &["--shard", "0"]), agent(&nats, &["--shard", "1"]));
    let controller = lead(&nats, &out, &long(&["--agents", "2", "--lost-after", "3s"]));
    controller.has_recorded(&out, 2);
    sleeps.signal(Signal::SIGSTOP);
    std::thread::sleep(Duration::from_secs(5));
    sleeps.signal(Signal::SIGCONT);
    let ended = sleeps.end();
    assert!(ended.code == Some(3) && ended.err.contains("had given this shard up"), "{ended:?}");
    assert_eq!((controller.end().code, lives.end().code), (Some(4), Some(0)));
    let summary = summary(&out);
    assert_eq!(states(&summary), ["lost", "done"]);
    counts_add_up_but_for_what_was_lost(&summary);
}

#[test]
fn a_server_that_crashes_and_comes_back_costs_nothing() {
    let Some(mut nats) = Nats::start() else { return };
    let dir = folder();
    let out = dir.path().join("run");
    let agents = [agent(&nats, &[]), agent(&nats, &[])];
    let controller = lead(&nats, &out, &long(&["--agents", "2"]));
    controller.has_recorded(&out, 2);
    nats.kill();
    std::thread::sleep(Duration::from_secs(2));
    nats.restart();
    let ended = controller.end();
    ended.ran();
    agents.into_iter().for_each(|agent| assert_eq!(agent.end().code, Some(0)));
    let summary = summary(&out);
    assert_eq!(states(&summary), ["done", "done"], "{ended:?}");
    counts_add_up(&summary);
    let run: Value = serde_json::from_str(&kit::read(&out, "run.json")).expect("JSON");
    assert_eq!(run["coverage"], 1.0);
}

#[test]
fn a_controller_that_dies_is_taken_over_from_its_journal() {
    let Some(nats) = Nats::start() else { return };
    let dir = folder();
    let out = dir.path().join("run");
    let agents = [agent(&nats, &[]), agent(&nats, &[])];
    // The reference server would die with the controller.
    let server = kit::Server::start(&["echo"]);
    let controller = lead(&nats, &out, &long(&["--agents", "2", "--target"]).into_iter().chain([server.url.as_str()]).collect::<Vec<_>>());
    controller.has_recorded(&out, 2);
    controller.signal(Signal::SIGKILL);
    let _ = controller.end();
    assert_eq!(kit::state(&out), "running");
    let ended = call(&["resume", text(&out), "--cluster", &nats.url()]);
    ended.ran();
    agents.into_iter().for_each(|agent| assert_eq!(agent.end().code, Some(0)));
    let summary = summary(&out);
    assert_eq!(states(&summary), ["done", "done"], "{ended:?}");
    assert!(summary["fleet"]["agents"].as_array().expect("a fleet").iter().all(|agent| agent["adds_up"] == true));
    counts_add_up(&summary);
    assert_eq!(kit::state(&out), "complete");
    call(&["resume", text(&out), "--cluster", &nats.url()]).refuses(2, &["has its end already"]);
}

#[test]
fn a_run_is_aborted_from_elsewhere() {
    let Some(nats) = Nats::start() else { return };
    let dir = folder();
    let out = dir.path().join("run");
    let player = agent(&nats, &[]);
    let controller = lead(&nats, &out, &["--agents", "1", "--clients", "10", "--duration", "60s", "--warmup", "0"]);
    controller.has_recorded(&out, 2);
    let run: Value = serde_json::from_str(&kit::read(&out, "run.json")).expect("JSON");
    let id = run["fleet"]["run"].as_str().expect("an id").to_owned();
    let busy = call(&["run", "echo", "--cluster", &nats.url(), "--agents", "1", "--out", text(&dir.path().join("other"))]);
    busy.refuses(3, &["goes on in pool `default`", "volley abort"]);
    let began = Instant::now();
    assert_eq!(call(&["abort", &id, "--reason", "enough", "--cluster", &nats.url()]).code, Some(0));
    let ended = controller.end();
    assert!(ended.code == Some(4) && began.elapsed() < Duration::from_secs(40), "{ended:?}");
    let ended = player.end();
    assert!(ended.code == Some(0) && ended.err.contains("enough"), "{ended:?}");
    let summary = summary(&out);
    assert_eq!((summary["verdict"].as_str(), states(&summary)), (Some("aborted"), vec!["ended_early"]));
    assert!(summary["reasons"].to_string().contains("enough") && !summary["reasons"].to_string().contains("was lost"));
    assert_eq!(call(&["abort", &id, "--cluster", &nats.url()]).out.trim(), format!("run {id} is over already"));
    call(&["abort", "aaaaaaaaaa", "--cluster", &nats.url()]).refuses(2, &["is not known there"]);
}

#[test]
fn an_agent_that_reaches_nobody_ends() {
    let Some(mut nats) = Nats::start() else { return };
    let dir = folder();
    let out = dir.path().join("run");
    let player = agent(&nats, &[]);
    let controller = lead(&nats, &out, &["--agents", "1", "--clients", "5", "--duration", "10m", "--orphan-grace", "3s"]);
    controller.has_recorded(&out, 2);
    nats.kill();
    let ended = player.end();
    assert!(ended.code == Some(3) && ended.err.contains("could not be sent"), "{ended:?}");
    controller.signal(Signal::SIGINT);
    // Two of a kind at once are one.
    std::thread::sleep(Duration::from_secs(1));
    controller.signal(Signal::SIGINT);
    let ended = controller.end();
    assert_eq!(ended.code, Some(130), "{ended:?}");
    assert_eq!(states(&summary(&out)), ["lost"]);
}

#[test]
fn without_enough_agents_nothing_is_loaded() {
    let Some(nats) = Nats::start() else { return };
    let dir = folder();
    let out = dir.path().join("run");
    let server = kit::Server::start(&["echo"]);
    let player = agent(&nats, &[]);
    let ended = lead(&nats, &out, &["--agents", "2", "--gather", "3s", "--target", &server.url, "--clients", "4"]).end();
    ended.refuses(3, &["1 of 2 agents were ready", "nobody took it", "volley agent --pool default"]);
    let ended = player.end();
    assert!(ended.code == Some(3) && ended.err.contains("not started"), "{ended:?}");
    assert_eq!(server.stop().connections.accepted, 0);
    assert!(!out.exists(), "nothing was recorded");
    // With fewer by wish, what is missing is named.
    let player = agent(&nats, &[]);
    let more = ["--agents", "2", "--min-agents", "1", "--gather", "3s", "--clients", "4", "--duration", "2s", "--warmup", "0"];
    let ended = lead(&nats, &out, &more).end();
    assert_eq!((ended.code, player.end().code), (Some(4), Some(0)), "{ended:?}");
    let mut states = states(&summary(&out)).into_iter().map(str::to_owned).collect::<Vec<_>>();
    states.sort();
    assert_eq!(states, ["done", "not_started"]);
}

#[test]
fn what_must_not_be_is_refused_with_a_reason() {
    let Some(nats) = Nats::start() else { return };
    let dir = folder();
    let out = dir.path().join("run");
    // The allow-list is the agent's own.
    let player = agent(&nats, &[]);
    let ended = lead(&nats, &out, &["--agents", "1", "--target", "ws://10.255.255.1:9/", "--gather", "20s"]).end();
    ended.refuses(3, &["may not load 10.255.255.1", "--allow-target"]);
    assert_eq!(player.end().code, Some(2));
    let url = nats.url();
    let run = |more: &[&str]| call(&[&["run", "openshock-live", "--cluster", &url, "--agents", "1"], more].concat());
    run(&["--set", "token=hunter2hunter2"]).refuses(2, &["secrets do not travel with a plan"]);
    run(&["-H", "Authorization: Bearer hunter2hunter2"]).refuses(2, &["holds a secret"]);
    call(&["run", "echo", "--cluster", &url, "--agents", "9", "--clients", "3"]).refuses(2, &["cannot be split into 9 shards"]);
    let target = "ws://127.0.0.1:9/";
    call(&["run", "echo", "--target", target, "--cluster", "nats://10.255.255.1:4222", "--agents", "1"])
        .refuses(2, &["has no TLS", "--insecure-nats"]);
    call(&["run", "echo", "--cluster", "nats://127.0.0.1:1", "--agents", "1"]).refuses(3, &["is not reached", "Is nats-server running"]);
    call(&["agent", "--cluster", "nats://127.0.0.1:1", "--once"]).refuses(3, &["is not reached"]);
}

/// A plan that was changed on its way is not played.
#[test]
fn a_plan_that_was_tampered_with_is_refused() {
    let Some(nats) = Nats::start() else { return };
    let dir = folder();
    let first = dir.path().join("first");
    let player = agent(&nats, &[]);
    lead(&nats, &first, &["--agents", "1", "-n", "3", "--clients", "2"]).end().ran();
    assert_eq!(player.end().code, Some(0));
    let run: Value = serde_json::from_str(&kit::read(&first, "run.json")).expect("JSON");
    let old = volley::fleet::RunId::parse(run["fleet"]["run"].as_str().expect("an id")).expect("an id");
    let bus = nats.bus();
    let value = |key: Key| String::from_utf8(bus.get(&key).expect("reached").expect("there").value).expect("text");
    // The same plan as another run's, with ten times the clients.
    let new = bus::new_run();
    let plan = value(Key::Plan(old)).replace(old.as_str(), new.as_str()).replace("\"clients\":2", "\"clients\":20");
    let state = value(Key::State(old)).replace("\"closed\"", "\"gather\"");
    bus.create(&Key::Plan(new), plan.as_bytes()).expect("new");
    bus.create(&Key::State(new), state.as_bytes()).expect("new");
    let ended = agent(&nats, &["--run", new.as_str()]).end();
    ended.refuses(2, &["was changed since it was made"]);
    let claim = value(Key::Shard(new, 0));
    assert!(claim.contains("\"refused\"") && claim.contains("fingerprint"), "{claim}");
}

/// Keys of volley's own making, and a server that lets each role do no more than it has to.
#[test]
fn each_role_may_do_what_it_has_to_and_no_more() {
    let keys = folder();
    let dir = keys.path().join("keys");
    let made = call(&["cluster", "keys", "--out", text(&dir)]);
    assert_eq!(made.code, Some(0), "{made:?}");
    call(&["cluster", "keys", "--out", text(&dir)]).refuses(2, &["are not replaced"]);
    let authority = certificates::Authority::new();
    let files = authority.certify("localhost").write_to(keys.path());
    let ca = authority.write_to(keys.path());
    let tls = format!("tls {{ cert_file: {:?}, key_file: {:?} }}\n{}", files.chain, files.key, made.out);
    let Some(nats) = Nats::bare(&tls, "tls") else { return };
    let key = |role: &str| dir.join(format!("{role}.nk"));
    let url = nats.url();
    let of = |role: &str| ["--nats-ca".to_owned(), text(&ca).into(), "--nats-nkey".into(), text(&key(role)).into()];
    let with = |role: &str, args: &[&str]| {
        let mut command = volley();
        command.args(args).args(["--cluster", &url]).args(of(role));
        Call::start(command)
    };
    assert_eq!(with("init", &["cluster", "init", "--size", "64MiB"]).end().code, Some(0));
    let out = keys.path().join("run");
    let player = with("agent", &["agent", "--once"]);
    let args = ["run", "echo", "--agents", "1", "-n", "5", "--clients", "4", "--out", text(&out), "--report", "none"];
    let ended = with("controller", &args).end();
    ended.ran();
    assert_eq!(player.end().code, Some(0), "{ended:?}");
    assert_eq!(states(&summary(&out)), ["done"]);
    // An agent's key cannot lead, and nobody without a key is heard.
    let other = keys.path().join("other");
    let args = ["run", "echo", "--agents", "1", "--clients", "4", "--out", text(&other)];
    let refused = with("agent", &args).end();
    assert!(refused.code == Some(3) && refused.err.contains("NATS"), "{refused:?}");
    call(&["agent", "--cluster", &url, "--nats-ca", text(&ca), "--once"]).refuses(3, &["NATS"]);
    call(&["agent", "--cluster", &url, "--nats-nkey", text(&key("agent")), "--once"]).refuses(3, &["NATS"]);
}
