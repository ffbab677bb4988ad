//! What a fleet promises when things go wrong at the worst moments: a controller killed at any instant and resumed has what
//! the server counted; many processes that want the same shards each get their own; a date that is wrong moves nothing but
//! what is said of it; a stream that fills ends a run that names what is missing. `VOLLEY_KILLS=30` kills so many controllers,
//! with strace some of them exactly before and after a journal is synced; a few without.

#![cfg(feature = "cluster")]

#[path = "fleet/jwt.rs"]
mod jwt;
mod kit;
#[path = "fleet/nats.rs"]
mod nats;

use std::path::Path;
use std::path::PathBuf;
use std::process::Command;
use std::process::Stdio;
use std::time::Duration;
use std::time::Instant;

use jwt::Operator;
use kit::Call;
use kit::Ended;
use kit::Server;
use kit::call;
use kit::counts_add_up;
use kit::folder;
use kit::number;
use kit::text;
use kit::volley;
use nats::Nats;
use nix::sys::signal::Signal;
use nix::sys::signal::kill;
use nix::unistd::Pid;
use serde_json::Value;
use volley::fleet::Bus as _;
use volley::fleet::RunId;
use volley::fleet::bus::Key;
use volley::fleet::nats::Storage;
use volley::wire::clock;

/// Longest wait for something that comes within a second or two.
const PATIENCE: Duration = Duration::from_secs(40);

fn json(dir: &Path, file: &str) -> Value {
    serde_json::from_str(&kit::read(dir, file)).expect("JSON")
}

fn agents(summary: &Value) -> &Vec<Value> {
    summary["fleet"]["agents"].as_array().expect("a fleet")
}

/// Values in all histograms of a record that hold answers to `echo`.
fn answers(dir: &Path) -> u64 {
    let of = |line: &str| {
        let row: Value = serde_json::from_str(line).expect("JSON");
        ["/exact/echo/count", "/exact/warmup~1echo/count"].iter().map(|pointer| number(&row, pointer)).sum::<u64>()
    };
    kit::read(dir, "counters.ndjson").lines().map(of).sum()
}

fn await_that(what: &str, is_so: impl Fn() -> bool) {
    let until = Instant::now() + PATIENCE;
    while !is_so() {
        assert!(Instant::now() < until, "{what}");
        std::thread::sleep(Duration::from_micros(500));
    }
}

fn is_there(program: &str) -> bool {
    let path = std::env::var("PATH").unwrap_or_default();
    path.split(':').any(|dir| Path::new(dir).join(program).exists())
}

// Controllers that are killed.

/// When a controller is killed.
#[derive(Clone, Copy, Debug)]
enum When {
    /// So long after its first second was written down.
    After(Duration),
    /// As soon as its journal has grown so often, which is about when it is synced.
    Grown(u32),
    /// Before the n-th time that it syncs its journal.
    BeforeSync(u32),
    /// After that, and before what was synced is merged and acknowledged.
    AfterSync(u32),
}

/// The moments to try, the first ones of each kind.
fn moments() -> Vec<When> {
    let asked = std::env::var("VOLLEY_KILLS").ok().and_then(|n| n.parse().ok());
    let of = |n: u32| match n % 5 {
        // Spread evenly over the first three seconds by steps of the golden section.
        0 | 2 | 4 => When::After(Duration::from_secs_f64((f64::from(n) * 0.618_034).fract() * 3.0)),
        1 if asked.is_some() && is_there("strace") => When::BeforeSync(1 + n / 5 % 4),
        3 if asked.is_some() && is_there("strace") => When::AfterSync(1 + n / 5 % 4),
        _ => When::Grown(1 + n % 4),
    };
    (0..asked.unwrap_or(4)).map(of).collect()
}

/// A controller that dies `when`.
fn dies(nats: &Nats, pool: &str, target: &str, out: &Path, when: When) {
    let mut command = match when {
        When::After(_) | When::Grown(_) => volley(),
        When::BeforeSync(n) => traced(&format!("inject=fdatasync:signal=KILL:when={n}")),
        When::AfterSync(n) => traced(&format!("inject=fdatasync:delay_exit=2000000:when={n}")),
    };
    command.args(["run", "echo", "--target", target, "--cluster", &nats.url(), "--agents", "2", "--pool", pool, "--out", text(out)]);
    command.args(["-n", "30", "--rate", "10/s", "--clients", "20", "--timeout", "30s", "--report", "none", "--progress", "none"]);
    let controller = Call::start(command);
    let journal = out.join("fleet.journal");
    let length = || std::fs::metadata(&journal).map_or(0, |meta| meta.len());
    match when {
        When::After(moment) => {
            controller.has_recorded(out, 1);
            std::thread::sleep(moment);
            controller.signal(Signal::SIGKILL);
        }
        When::Grown(times) => {
            let mut known = 0;
            for _ in 0..times {
                await_that("the journal grows", || length() > known);
                known = length();
            }
            controller.signal(Signal::SIGKILL);
        }
        When::BeforeSync(_) => {}
        When::AfterSync(times) => {
            // The call is held back at its end for longer than this takes.
            let mut known = 0;
            for _ in 0..times {
                await_that("the journal grows", || length() > known);
                known = length();
            }
            std::thread::sleep(Duration::from_millis(500));
            let pid = json(out, "run.json")["pid"].as_i64().expect("a number");
            kill(Pid::from_raw(i32::try_from(pid).expect("a process")), Signal::SIGKILL).expect("it runs");
        }
    }
    let ended = controller.end();
    assert!(!matches!(ended.code, Some(0 | 4)), "{when:?}: it was not killed: {ended:?}");
}

/// The program under strace, with one of its calls tampered with.
fn traced(inject: &str) -> Command {
    let mut command = Command::new("strace");
    command.args(["-f", "-qq", "-o", "/dev/null", "-e", "trace=fdatasync", "-e", inject, env!("CARGO_BIN_EXE_volley")]);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// A run whose controller is killed and that is resumed has every message that the server counted, once.
fn killed_and_resumed(nats: &Nats, number_of_run: usize, when: When, dir: &Path) {
    let (pool, out) = (format!("killed-{number_of_run}"), dir.join(number_of_run.to_string()));
    let server = Server::start(&["echo"]);
    let agent = || {
        let mut command = volley();
        command.args(["agent", "--once", "--pool", &pool, "--cluster", &nats.url()]);
        Call::start(command)
    };
    let players = [agent(), agent()];
    dies(nats, &pool, &server.url, &out, when);
    assert_eq!(kit::state(&out), "running", "{when:?}");
    let ended = call(&["resume", text(&out), "--cluster", &nats.url()]);
    ended.ran();
    players.into_iter().for_each(|player| assert_eq!(player.end().code, Some(0), "{when:?}"));
    let (summary, account) = (json(&out, "summary.json"), server.stop());
    assert!(agents(&summary).iter().all(|agent| agent["state"] == "done" && agent["adds_up"] == true), "{when:?}: {ended:?}");
    counts_add_up(&summary);
    let of = |pointer: &str| number(&summary, pointer);
    assert_eq!(of("/counts/planned"), 600, "{when:?}");
    assert_eq!(
        (of("/counts/sent"), of("/counts/messages_out/echo"), of("/counts/messages_in/echo")),
        (account.received["echo"], account.received["echo"], account.sent["echo"]),
        "{when:?}"
    );
    assert_eq!(of("/connections/opened"), account.connections.accepted, "{when:?}");
    assert_eq!(answers(&out), of("/counts/answered"), "{when:?}: a histogram lacks answers, or has some twice");
}

#[test]
fn a_controller_killed_at_any_instant_and_resumed_has_what_the_server_counted() {
    let Some(nats) = Nats::start() else { return };
    let dir = folder();
    let all: Vec<(usize, When)> = moments().into_iter().enumerate().collect();
    for some in all.chunks(4) {
        std::thread::scope(|scope| {
            for (number, when) in some {
                let (nats, dir) = (&nats, dir.path());
                scope.spawn(move || killed_and_resumed(nats, *number, *when, dir));
            }
        });
    }
}

// Shards that many processes want.

/// Processes, and shards that all of them want.
const PROCESSES: usize = 50;
const SHARDS: u32 = 200;

/// One of the processes of the test below, which starts it: claims what it can from an instant on, and says what it got.
#[test]
#[ignore = "a process of another test"]
#[expect(clippy::print_stdout, reason = "who started it reads it")]
fn one_of_many_that_claim() {
    let env = |name: &str| std::env::var(name).expect("it was started by the other test");
    let way =
        volley::fleet::nats::Way { url: env("CLAIM_URL"), name: "claims".into(), inbox: "_INBOX_CLAIMS".into(), ..Default::default() };
    let bus = volley::fleet::nats::NatsBus::connect(&way).expect("it listens");
    let run = RunId::parse(&env("CLAIM_RUN")).expect("an id");
    // Ready; then all at one instant.
    bus.create(&Key::Shard(run, SHARDS + env("CLAIM_NUMBER").parse::<u32>().expect("a number")), b"here").expect("nobody else does");
    let go = loop {
        if let Some(entry) = bus.get(&Key::State(run)).expect("reached") {
            break String::from_utf8(entry.value).expect("text").parse::<u64>().expect("an instant");
        }
        std::thread::sleep(Duration::from_millis(20));
    };
    std::thread::sleep(Duration::from_nanos(go.saturating_sub(clock::realtime())));
    let own = std::process::id().to_string();
    let won: Vec<String> =
        (0..SHARDS).filter(|shard| bus.create(&Key::Shard(run, *shard), own.as_bytes()).is_ok()).map(|shard| shard.to_string()).collect();
    println!("won {}", won.join(" "));
}

#[test]
fn fifty_processes_share_two_hundred_shards() {
    let Some(nats) = Nats::start() else { return };
    let (bus, run) = (nats.bus(), RunId::drawn(u128::from(clock::realtime())));
    let start = |number: usize| {
        let mut command = Command::new(std::env::current_exe().expect("a path"));
        command.args(["one_of_many_that_claim", "--exact", "--ignored", "--nocapture", "--test-threads", "1"]);
        command.env("CLAIM_URL", nats.url()).env("CLAIM_RUN", run.as_str()).env("CLAIM_NUMBER", number.to_string());
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        Call::start(command)
    };
    let processes: Vec<Call> = (0..PROCESSES).map(start).collect();
    for number in 0..PROCESSES as u32 {
        await_that("all are ready", || bus.get(&Key::Shard(run, SHARDS + number)).expect("reached").is_some());
    }
    let go = clock::realtime() + 300_000_000;
    bus.create(&Key::State(run), go.to_string().as_bytes()).expect("it has none");
    let mut won: Vec<u32> = Vec::new();
    for process in processes {
        let (id, ended) = (process.id().to_string(), process.end());
        assert_eq!(ended.code, Some(0), "{ended:?}");
        let line = ended.out.lines().find_map(|line| line.split_once("won ").map(|(_, shards)| shards)).expect("it says so");
        for shard in line.split_whitespace().map(|shard| shard.parse().expect("a number")) {
            let owner = bus.get(&Key::Shard(run, shard)).expect("reached").expect("claimed");
            assert_eq!(String::from_utf8_lossy(&owner.value), id, "shard {shard} is another's than it was told");
            won.push(shard);
        }
    }
    won.sort_unstable();
    assert_eq!(won, (0..SHARDS).collect::<Vec<_>>(), "each shard has one owner");
}

// Dates that are wrong.

/// Where libfaketime is, which makes a program believe in another date.
fn faketime() -> Option<PathBuf> {
    let places = ["x86_64-linux-gnu", "aarch64-linux-gnu"].map(|arch| format!("/usr/lib/{arch}/faketime/libfaketime.so.1"));
    places.into_iter().map(PathBuf::from).find(|path| path.exists())
}

/// Agents an hour ahead and an hour behind, and one whose date is right.
#[test]
#[expect(clippy::print_stderr, reason = "who reads the tests' output is to see that something was passed over")]
fn a_wrong_date_is_told_and_moves_nothing() {
    let Some(nats) = Nats::start() else { return };
    let Some(library) = faketime() else {
        eprintln!("PASSED OVER: there is no libfaketime; tests/fleet/run.sh installs it");
        return;
    };
    let dir = folder();
    let out = dir.path().join("run");
    let server = Server::start(&["echo"]);
    const HOUR: i64 = 3_600_000_000_000;
    let skews = [0, HOUR, -HOUR];
    let agent = |(shard, skew): (usize, &i64)| {
        let mut command = volley();
        command.args(["agent", "--once", "--shard", &shard.to_string(), "--cluster", &nats.url()]);
        command.env("LD_PRELOAD", &library).env("FAKETIME_DONT_FAKE_MONOTONIC", "1").env("FAKETIME", format!("{:+}", skew / 1_000_000_000));
        Call::start(command)
    };
    let players: Vec<Call> = skews.iter().enumerate().map(agent).collect();
    let mut command = volley();
    command.args(["run", "echo", "--target", &server.url, "--cluster", &nats.url(), "--agents", "3", "--out", text(&out)]);
    // The kernel's stamps have the true date, which those agents do not know.
    command.args(["-n", "30", "--rate", "10/s", "--clients", "30", "--timeout", "30s", "--report", "none", "--stamps", "read"]);
    let ended = Call::start(command).end();
    ended.ran();
    players.into_iter().map(Call::end).for_each(|player: Ended| assert_eq!(player.code, Some(0), "{player:?}"));
    let (summary, account) = (json(&out, "summary.json"), server.stop());
    counts_add_up(&summary);
    for (agent, skew) in agents(&summary).iter().zip(skews) {
        let offset = agent["offset_ns"].as_i64().expect("a number");
        // Two clocks are read for it, one after the other; whoever is held up in between errs by that.
        assert!((offset + skew).abs() < HOUR / 100, "an agent {skew} ns ahead is told to be {offset} ns behind");
        assert!(agent["began_late_ns"].is_u64() && agent["half_rtt_ns"].is_u64() && agent["adds_up"] == true, "{agent}");
        assert_eq!((&agent["state"], &agent["lost"]), (&Value::from("done"), &serde_json::json!([])));
    }
    // All began within the seconds that the run lasts, not an hour apart, and no round trip has an hour in it.
    let echo = kit::series(&summary, "echo");
    assert_eq!(answers(&out), number(&summary, "/counts/answered"));
    assert_eq!((number(&summary, "/counts/planned"), number(&summary, "/counts/sent")), (900, account.received["echo"]));
    let late = agents(&summary).iter().filter_map(|agent| agent["began_late_ns"].as_u64()).max();
    assert!(late < Some(HOUR as u64 / 100), "{late:?}");
    assert!(echo["response"]["max"].as_u64().is_some_and(|max| max < HOUR as u64 / 100), "{echo:#}");
}

// Streams that are full.

/// What will not fit is refused before anything starts, and more room is made by `init`.
#[test]
fn a_run_that_does_not_fit_is_refused() {
    let Some(nats) = Nats::bare("", "nats") else { return };
    nats.bus().init(Storage { bytes: 1 << 20, replicas: 1 }).expect("it is new");
    let dir = folder();
    let out = dir.path().join("run");
    let url = nats.url();
    let run = |more: &[&str]| {
        let load = ["--agents", "10", "--clients", "1000", "--rate", "100/s", "--duration", "20m", "--gather", "1s", "--out", text(&out)];
        call(&[&["run", "echo", "--cluster", &url], &load[..], more].concat())
    };
    let ended = run(&[]);
    ended.refuses(
        3,
        &["10 agents are expected to send", "room for 1.0 MiB", "volley cluster purge", "volley cluster init --size", "--ignore-room"],
    );
    assert!(!out.exists(), "nothing was recorded");
    run(&["--ignore-room"]).refuses(3, &["0 of 10 agents were ready"]);
    // As the message says.
    let words: Vec<&str> = ended.err.split_whitespace().collect();
    let at = words.iter().position(|word| *word == "--size").expect("it says so");
    let size = words[at + 1].trim_matches(|c: char| !c.is_ascii_alphanumeric());
    let made = call(&["cluster", "init", "--size", size, "--cluster", &url]);
    assert_eq!(made.code, Some(0), "{made:?}");
    run(&[]).refuses(3, &["0 of 10 agents were ready"]);
    call(&["cluster", "init", "--size", "1MiB", "--cluster", &url]).refuses(3, &["has other bytes"]);
}

/// A stream that fills while the run goes on ends it in sight; what the agent measured is in the record, or named as lost.
#[test]
fn a_stream_that_fills_loses_nothing_in_silence() {
    let Some(nats) = Nats::bare("", "nats") else { return };
    nats.bus().init(Storage { bytes: 3_000, replicas: 1 }).expect("it is new");
    let dir = folder();
    let (out, keep) = (dir.path().join("run"), dir.path().join("kept"));
    let mut command = volley();
    command.args(["agent", "--once", "--cluster", &nats.url(), "--keep", text(&keep)]);
    let player = Call::start(command);
    let mut command = volley();
    command.args(["run", "echo", "--cluster", &nats.url(), "--agents", "1", "--clients", "10", "--duration", "10m", "--warmup", "0"]);
    command.args(["--orphan-grace", "2s", "--lost-after", "4s", "--ignore-room", "--report", "none", "--out", text(&out)]);
    let controller = Call::start(command);
    let ended = player.end();
    assert!(ended.code == Some(3) && ended.err.contains("no room left"), "{ended:?}");
    let ended = controller.end();
    assert!(ended.code == Some(4) && ended.err.contains("shard 0 is lost"), "{ended:?}");
    let (summary, run) = (json(&out, "summary.json"), json(&out, "run.json"));
    let lost = &agents(&summary)[0];
    assert_eq!(lost["state"], "lost");
    assert_eq!(lost["lost"][0][0], lost["until_ns"], "what is missing begins where the last second ended");
    assert!(run["coverage"].as_f64() < Some(1.0) && summary["reasons"].to_string().contains("lost"), "{:?}", summary["reasons"]);
    // Up to there the record has what the agent kept, second by second; the agent has the rest.
    let rows = |dir: &Path| {
        let each = |line: &str| {
            let row: Value = serde_json::from_str(line).expect("JSON");
            (row["t_ns"].clone(), row["sent"].clone(), row["answered"].clone(), row["exact"].clone())
        };
        kit::read(dir, "counters.ndjson").lines().map(each).collect::<Vec<_>>()
    };
    let kept = std::fs::read_dir(&keep).expect("a folder").next().expect("one record").expect("it can be read").path();
    let (merged, kept) = (rows(&out), rows(&kept));
    assert!(!merged.is_empty() && kept.len() > merged.len(), "{} of {} seconds", merged.len(), kept.len());
    assert_eq!(merged, kept[..merged.len()]);
}

// Users of an operator.

/// Credentials files of an account are taken, those of another one are not.
#[test]
fn credentials_of_an_account_are_taken() {
    let dir = folder();
    let (ours, theirs) = (Operator::new(), Operator::new());
    let Some(nats) = Nats::bare(&ours.config, "nats") else { return };
    let (user, stranger) = (ours.user(dir.path(), "user"), theirs.user(dir.path(), "stranger"));
    let url = nats.url();
    let with = |creds: &Path, args: &[&str]| {
        let mut command = volley();
        command.args(args).args(["--cluster", &url, "--nats-creds", text(creds)]);
        Call::start(command)
    };
    with(&stranger, &["cluster", "init", "--size", "64MiB"]).end().refuses(3, &["NATS"]);
    let made = with(&user, &["cluster", "init", "--size", "64MiB"]).end();
    assert_eq!(made.code, Some(0), "{made:?}");
    let out = dir.path().join("run");
    let player = with(&user, &["agent", "--once"]);
    with(&user, &["run", "echo", "--agents", "1", "-n", "5", "--clients", "4", "--report", "none", "--out", text(&out)]).end().ran();
    assert_eq!(player.end().code, Some(0));
    assert_eq!(agents(&json(&out, "summary.json"))[0]["state"], "done");
    with(&stranger, &["agent", "--once"]).end().refuses(3, &["NATS"]);
    call(&["agent", "--cluster", &url, "--once"]).refuses(3, &["NATS"]);
    let absent = dir.path().join("absent.creds");
    with(&absent, &["agent", "--once"]).end().refuses(3, &["absent.creds"]);
}
