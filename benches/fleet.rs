//! What does a fleet of a thousand agents cost its controller, its server and the network?
//!
//! The controller is `volley run --cluster`, the program itself; the server is a real nats-server. Agents are simulated, a thread
//! each in a few processes: they claim, arm and start by the code of real ones, over a connection of their own, and send each
//! second by that code, jitter included; but nobody plays. Their seconds are drawn beforehand: lognormal round trips (median
//! 20 ms), so many that a second has about 10 KB. What is known beforehand is held against the record: every count, every value.
//!
//! ```text
//! nats-server <-- AGENTS connections, a message each interval -- this program as `agents`, in 4 processes
//!      |
//!      +--> volley run: fetch, journal, fsync, merge, acknowledge, record
//! ```
//!
//! | figure | question | target |
//! |---|---|---|
//! | processor | user and system time of the controller over the measured seconds, in cores | at most 0.5 |
//! | loss | answers that the agents counted and the record does not have | 0 |
//! | backlog | messages that waited at the server for the controller, most at once | - |
//! | behind | from the end of a second to its line in the record, most | - |
//! | memory | peak of nats-server and controller | - |
//!
//! `cargo bench --bench fleet -- [--agents N] [--seconds N] [--samples N] [--interval SECONDS]`. Needs nats-server. As root the controller goes before
//! all other work of the machine (`chrt -f 20`), so that what else runs does not count as its time.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a benchmark prints its table")]

use std::env;
use std::error::Error;
use std::fs;
use std::io;
use std::io::Read as _;
use std::io::Write as _;
use std::net::TcpListener;
use std::net::TcpStream;
use std::path::Path;
use std::path::PathBuf;
use std::process::Child;
use std::process::Command;
use std::process::ExitCode;
use std::process::Stdio;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::thread;
use std::time::Duration;
use std::time::Instant;

use serde_json::Value;
use volley::fleet::Bus;
use volley::fleet::agent;
use volley::fleet::agent::About;
use volley::fleet::agent::Play;
use volley::fleet::agent::Player;
use volley::fleet::message::PlanMessage;
use volley::fleet::nats::NatsBus;
use volley::fleet::nats::Storage;
use volley::fleet::nats::Way;
use volley::swarm::Control;
use volley::swarm::Outcome;
use volley::swarm::Sink;
use volley::tally::Connections;
use volley::tally::Hist;
use volley::tally::Phase;
use volley::tally::Second;
use volley::tally::Tally;
use volley::tally::Width;
use volley::wire::Clock;
use volley::wire::clock;

/// Processes with agents.
const PROCESSES: u32 = 4;
/// Different seconds that an agent has.
const KINDS: u64 = 4;
/// Seconds of ramp and warm-up before those that are looked at.
const BEFORE: u64 = 2;
/// The series of the load.
const LOAD: usize = 0;
/// Nanoseconds of a second.
const SECOND: u64 = 1_000_000_000;

type Fallible<T> = Result<T, Box<dyn Error>>;

fn main() -> ExitCode {
    let args: Vec<String> = env::args().skip(1).collect();
    let done = match args.first().map(String::as_str) {
        Some("agents") => agents(&args[1..]),
        _ => Options::from_args(&args).and_then(|options| options.map_or(Ok(()), |options| bench(&options))),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(e) => {
            eprintln!("{e}");
            ExitCode::FAILURE
        }
    }
}

/// What was asked for.
struct Options {
    agents: u32,
    seconds: u64,
    samples: u64,
    interval: u64,
}

impl Options {
    /// `None` when this is not a benchmark run: `cargo test --benches` starts the program too, without `--bench`.
    fn from_args(args: &[String]) -> Fallible<Option<Options>> {
        let mut options = Options { agents: 1_000, seconds: 60, samples: 60_000, interval: 1 };
        let mut args = args.iter();
        let mut is_asked = false;
        while let Some(arg) = args.next() {
            is_asked = true;
            let mut number = || args.next().and_then(|n| n.parse().ok()).filter(|&n: &u64| n > 0).ok_or(format!("{arg} needs a number"));
            match arg.as_str() {
                "--bench" => {}
                "--agents" => options.agents = number()? as u32,
                "--seconds" => options.seconds = number()?,
                "--samples" => options.samples = number()?,
                "--interval" => options.interval = number()?,
                other => {
                    return Err(
                        format!("{other} is not known; there are --agents N, --seconds N, --samples N and --interval SECONDS").into()
                    );
                }
            }
        }
        Ok(is_asked.then_some(options))
    }
}

// Simulated agents.

/// The seconds that agents send; who sends one lends it, so that a thousand agents need no memory for their own.
struct Drawn {
    quiet: Mutex<Second>,
    measured: Vec<Mutex<Second>>,
}

/// A lognormal value of the number `n`: the sum of twelve uniform ones is nearly normal.
fn value(n: u64) -> u64 {
    let uniform = |i: u64| volley::units::mix(n * 12 + i) as f64 / u64::MAX as f64;
    let normal = (0..12).map(uniform).sum::<f64>() - 6.0;
    (20e6 * (0.4 * normal).exp()) as u64
}

fn hist(seed: u64, samples: u64, divisor: u64) -> Hist {
    let mut hist = Hist::new();
    (0..samples).for_each(|n| hist.record(value(seed << 32 | n) / divisor));
    hist
}

impl Drawn {
    fn new(width: Width, samples: u64) -> Drawn {
        let measured = |kind: u64| Mutex::new(second("measure", tally(width, kind, samples)));
        Drawn { quiet: Mutex::new(second("warmup", Tally::new(width))), measured: (0..KINDS).map(measured).collect() }
    }
}

fn tally(width: Width, kind: u64, samples: u64) -> Tally {
    let mut tally = Tally::new(width);
    let counts = &mut tally.counts;
    (counts.planned, counts.sent, counts.answered) = (samples, samples, samples);
    let measured = tally.phase(Phase::Measure);
    // Of the load series: response and service; those of every run: lag and delay of the read.
    let load = &mut measured.series[LOAD];
    load.response.merge(&hist(4 * kind, samples, 1));
    load.service.merge(&hist(4 * kind + 1, samples, 1));
    measured.lag.merge(&hist(4 * kind + 2, samples, 200));
    measured.read_delay.merge(&hist(4 * kind + 3, samples, 2_000));
    tally
}

fn second(phase: &'static str, tally: Tally) -> Second {
    Second {
        start_ns: 0,
        end_ns: 0,
        phase,
        tally: Box::new(tally),
        connections: Connections::default(),
        lane_busy: 0.5,
        cpu_ns: SECOND / 2,
        rss_bytes: 64 << 20,
        longest_gap_ns: 0,
        pauses: Vec::new(),
    }
}

/// Says that it plays.
struct Simulated(Arc<Drawn>);

impl Player for Simulated {
    fn ready(&mut self, plan: &PlanMessage, shard: u32) -> Result<Box<dyn Play>, String> {
        let clients = plan.load.clients / u64::from(plan.shards);
        let seconds = (plan.load.ramp.0 + plan.load.warmup.0 + plan.load.duration.0) / SECOND;
        Ok(Box::new(Simulating { drawn: self.0.clone(), seconds, clients, shard: u64::from(shard) }))
    }
}

struct Simulating {
    drawn: Arc<Drawn>,
    seconds: u64,
    clients: u64,
    shard: u64,
}

impl Play for Simulating {
    fn clients(&self) -> u64 {
        self.clients
    }

    fn play(self: Box<Self>, clock: Clock, control: &Arc<Control>, sink: &mut dyn Sink) -> io::Result<Outcome> {
        for number in 0..self.seconds {
            let end_ns = (number + 1) * SECOND;
            // Before the start the clock stands at 0.
            while clock.now() < end_ns {
                thread::sleep(Duration::from_nanos(end_ns.saturating_sub(clock.now())));
            }
            if control.is_stopping() {
                break;
            }
            let kind = ((self.shard + number) % KINDS) as usize;
            let drawn = if number < BEFORE { &self.drawn.quiet } else { &self.drawn.measured[kind] };
            let mut second = drawn.lock().unwrap_or_else(PoisonError::into_inner);
            (second.start_ns, second.end_ns, second.connections.open) = (number * SECOND, end_ns, self.clients);
            sink.second(&second);
        }
        Ok(Outcome { elapsed_ns: self.seconds * SECOND, peak_connections: self.clients, ..Outcome::default() })
    }

    fn hidden(&self) -> Box<dyn Fn(&str) -> String> {
        Box::new(str::to_owned)
    }
}

/// `agents URL FROM COUNT SAMPLES`: plays in one run.
fn agents(args: &[String]) -> Fallible<()> {
    let [url, from, count, samples] = args else { return Err("agents URL FROM COUNT SAMPLES".into()) };
    let (from, count, samples): (u32, u32, u64) = (from.parse()?, count.parse()?, samples.parse()?);
    let drawn = Arc::new(Drawn::new(width()?, samples));
    let about = |number: u32| About {
        name: format!("simulated-{number}"),
        host: "simulated".into(),
        version: env!("CARGO_PKG_VERSION").into(),
        cpus: 1,
        files: 1 << 20,
        pool: "default".into(),
        prefers: Some(number),
        only: None,
    };
    let play = |number: u32| {
        let (drawn, url, about) = (drawn.clone(), url.clone(), about(number));
        let play = move || -> Result<(), String> {
            let way = Way { url, name: about.name.clone(), inbox: format!("_INBOX_VOLLEY_AGENT{number}"), ..Way::default() };
            let bus: Arc<dyn Bus> = Arc::new(NatsBus::connect(&way)?);
            let mut player = Simulated(drawn);
            let ended = agent::serve(&bus, &about, &mut player, &Arc::new(Control::default()), &mut Vec::new())?;
            match ended {
                Some((_, agent::Ending::Played)) => Ok(()),
                other => Err(format!("{}: {other:?}", about.name)),
            }
        };
        thread::Builder::new().stack_size(512 << 10).spawn(play)
    };
    let threads = (from..from + count).map(play).collect::<Result<Vec<_>, _>>()?;
    for thread in threads {
        thread.join().map_err(|_| "an agent panicked")??;
    }
    Ok(())
}

/// The width of the tallies of the profile that is played.
fn width() -> Fallible<Width> {
    use volley::dialogue::Bounds;
    use volley::dialogue::Script;
    use volley::dialogue::Values;
    let profile = volley::profile::shipped::get("echo")?;
    let vars = volley::profile::vars::resolve(&profile, None, &[], |_| None).map_err(|problems| problems.join("; "))?;
    let bounds = Bounds { measure_from: 0, measure_until: SECOND, timeout: SECOND, window: 1, seed: 1, unix_ms: 0 };
    let values = Values { vars, ..Values::default() };
    Ok(Script::compile(&profile, None, &values, bounds)?.width())
}

// The run that is measured.

/// A process of ours; it ends with the value.
struct Process(Child);

impl Process {
    /// User and system time so far, in nanoseconds.
    fn cpu_ns(&self) -> Fallible<u64> {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.0.id()))?;
        // The name in brackets may have blanks.
        let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
        let ticks: u64 = fields[11].parse::<u64>()? + fields[12].parse::<u64>()?;
        Ok(ticks * 10_000_000)
    }

    /// Most resident memory, in bytes.
    fn peak(&self) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.0.id())).unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        line.and_then(|line| line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()).unwrap_or(0) << 10
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Both fail only when it is gone, which is what is wanted.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn free_port() -> io::Result<u16> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?.port())
}

/// A server with its address, and that of its account of itself.
fn server(dir: &Path) -> Fallible<(Process, String, u16)> {
    let (port, monitor) = (free_port()?, free_port()?);
    let store = dir.join("store");
    let config = format!(
        "listen: 127.0.0.1:{port}\nhttp: 127.0.0.1:{monitor}\njetstream {{ store_dir: {store:?}, max_mem: 64MB, max_file: 16GB }}\n"
    );
    fs::write(dir.join("nats.conf"), config)?;
    let program = env::var_os("VOLLEY_NATS_SERVER").map(PathBuf::from).or_else(|| {
        let path = env::var("PATH").unwrap_or_default();
        path.split(':').chain(["/usr/sbin"]).map(|dir| Path::new(dir).join("nats-server")).find(|path| path.exists())
    });
    let program = program.ok_or("there is no nats-server; `tests/fleet/run.sh prepare` installs one")?;
    let child = Command::new(program).arg("-c").arg(dir.join("nats.conf")).stderr(fs::File::create(dir.join("nats.log"))?).spawn()?;
    let server = Process(child);
    let until = Instant::now() + Duration::from_secs(20);
    while TcpStream::connect(("127.0.0.1", port)).is_err() {
        if Instant::now() > until {
            return Err(fs::read_to_string(dir.join("nats.log"))?.into());
        }
        thread::sleep(Duration::from_millis(50));
    }
    Ok((server, format!("nats://127.0.0.1:{port}"), monitor))
}

/// Messages that wait at the server for the controller, those that it holds unacknowledged included.
fn backlog(monitor: u16) -> Fallible<u64> {
    let mut stream = TcpStream::connect(("127.0.0.1", monitor))?;
    stream.write_all(b"GET /jsz?consumers=true HTTP/1.0\r\n\r\n")?;
    let mut text = String::new();
    stream.read_to_string(&mut text)?;
    let body: Value = serde_json::from_str(text.split_once("\r\n\r\n").map_or("", |(_, body)| body))?;
    let streams = body["account_details"][0]["stream_detail"].as_array().cloned().unwrap_or_default();
    let consumers = streams.iter().filter_map(|stream| stream["consumer_detail"].as_array()).flatten();
    Ok(consumers.map(|consumer| consumer["num_pending"].as_u64().unwrap_or(0) + consumer["num_ack_pending"].as_u64().unwrap_or(0)).sum())
}

fn controller(url: &str, out: &Path, options: &Options) -> io::Result<Process> {
    let program = env!("CARGO_BIN_EXE_volley");
    let mut command = match nix::unistd::geteuid().is_root() {
        true => Command::new("chrt"),
        false => Command::new(program),
    };
    if nix::unistd::geteuid().is_root() {
        command.args(["-f", "20", program]);
    }
    let clients = u64::from(options.agents) * 100;
    command
        .args(["run", "echo", "--target", "ws://127.0.0.1:9/", "--cluster", url, "--report", "none", "--progress", "none"])
        .args(["--agents", &options.agents.to_string(), "--clients", &clients.to_string(), "--rate", "1/s"])
        .args([
            "--lost-after",
            "2m",
            "--ramp",
            "1s",
            "--warmup",
            "1s",
            "--duration",
            &format!("{}s", options.seconds),
            "--interval",
            &format!("{}s", options.interval),
        ])
        .arg("--out")
        .arg(out)
        .stdout(Stdio::null())
        .stderr(fs::File::create(out.with_extension("log"))?);
    command.spawn().map(Process)
}

/// What was seen of a run while it went on.
#[derive(Default)]
struct Seen {
    cores: f64,
    server_cores: f64,
    backlog: u64,
    behind_ns: u64,
    /// Peaks of controller and server, in bytes.
    memory: (u64, u64),
}

/// The start of the run that records into `out`, in nanoseconds since 1970.
fn start_of(bus: &NatsBus, out: &Path, controller: &mut Process) -> Fallible<u64> {
    use volley::fleet::bus::Key;
    use volley::fleet::message::Message as _;
    use volley::fleet::message::StateMessage;
    let manifest = loop {
        if let Some(manifest) = fs::read(out.join("run.json")).ok().and_then(|bytes| serde_json::from_slice::<Value>(&bytes).ok()) {
            break manifest;
        }
        if controller.0.try_wait()?.is_some() {
            return Err(fs::read_to_string(out.with_extension("log"))?.into());
        }
        thread::sleep(Duration::from_millis(50));
    };
    let run = volley::fleet::RunId::parse(manifest["fleet"]["run"].as_str().ok_or("it is of a fleet")?)?;
    let state = bus.get(&Key::State(run)).map_err(|e| e.to_string())?.ok_or("a run has a state")?;
    Ok(StateMessage::decode(&state.value)?.t0_ns)
}

/// Watches until the controller has ended.
fn watch(t0_ns: u64, out: &Path, controller: &mut Process, server: &Process, monitor: u16, options: &Options) -> Fallible<Seen> {
    let (from, until) = ((BEFORE + 1) * SECOND, (BEFORE + options.seconds) * SECOND);
    let (mut seen, mut first, mut rows, mut turns) = (Seen::default(), None, 0, 0u64);
    loop {
        let passed = clock::realtime().saturating_sub(t0_ns);
        let text = fs::read_to_string(out.join("counters.ndjson")).unwrap_or_default();
        let lines = text.lines().count();
        if lines > rows {
            rows = lines;
            let row: Value = serde_json::from_str(text.lines().last().unwrap_or_default()).unwrap_or_default();
            let end = row["t_ns"].as_u64().unwrap_or(0) + row["span_ns"].as_u64().unwrap_or(0);
            seen.behind_ns = seen.behind_ns.max(passed.saturating_sub(end));
        }
        if turns.is_multiple_of(10) {
            seen.backlog = seen.backlog.max(backlog(monitor).unwrap_or(0));
        }
        if first.is_none() && passed >= from {
            first = Some((passed, controller.cpu_ns()?, server.cpu_ns()?));
        }
        if let Some((began, ours, theirs)) = first.filter(|_| passed >= until && seen.cores == 0.0) {
            seen.cores = (controller.cpu_ns()? - ours) as f64 / (passed - began) as f64;
            seen.server_cores = (server.cpu_ns()? - theirs) as f64 / (passed - began) as f64;
        }
        // They are read while the processes are there.
        seen.memory = (seen.memory.0.max(controller.peak()), server.peak());
        if passed >= until && out.join("summary.json").exists() || controller.0.try_wait()?.is_some() {
            return Ok(seen);
        }
        turns += 1;
        thread::sleep(Duration::from_millis(50));
    }
}

fn bench(options: &Options) -> Fallible<()> {
    let dir = tempfile::TempDir::new_in(env!("CARGO_TARGET_TMPDIR"))?;
    let (server, url, monitor) = server(dir.path())?;
    let way = Way { url: url.clone(), name: "bench".into(), inbox: "_INBOX_VOLLEY_BENCH".into(), ..Way::default() };
    let bus = NatsBus::connect(&way)?;
    bus.init(Storage { bytes: 12 << 30, replicas: 1 }).map_err(|e| e.to_string())?;
    let share = options.agents.div_ceil(PROCESSES);
    let mut agents = Vec::new();
    for from in (0..options.agents).step_by(share as usize) {
        let count = share.min(options.agents - from);
        let args = ["agents".into(), url.clone(), from.to_string(), count.to_string(), options.samples.to_string()];
        agents.push(Process(Command::new(env::current_exe()?).args(args).spawn()?));
    }
    let out = dir.path().join("run");
    let mut controller = controller(&url, &out, options)?;
    let t0_ns = start_of(&bus, &out, &mut controller)?;
    let seen = watch(t0_ns, &out, &mut controller, &server, monitor, options)?;
    controller.0.wait()?;
    for agent in &mut agents {
        if !agent.0.wait()?.success() {
            return Err("agents did not play to the end".into());
        }
    }
    print(options, &seen, &out)
}

/// Prints the table.
fn print(options: &Options, seen: &Seen, out: &Path) -> Fallible<()> {
    let summary: Value = serde_json::from_slice(&fs::read(out.join("summary.json"))?)?;
    let expected = u64::from(options.agents) * options.seconds * options.samples;
    let answered = summary["counts"]["answered"].as_u64().unwrap_or(0);
    let agents = summary["fleet"]["agents"].as_array().cloned().unwrap_or_default();
    let whole = agents.iter().filter(|agent| agent["state"] == "done" && agent["adds_up"] == true).count();
    let late = agents.iter().filter_map(|agent| agent["began_late_ns"].as_u64()).max().unwrap_or(0);
    let (controller, server) = seen.memory;
    let bytes = fs::metadata(out.join("fleet.journal"))?.len();
    println!(
        "{} agents x {} s, {} answers each a second, {} bytes an agent and second",
        options.agents,
        options.seconds,
        options.samples,
        bytes / (u64::from(options.agents) * options.seconds)
    );
    println!("controller       {:.2} cores (goal 0.5), {} MiB", seen.cores, controller >> 20);
    println!("nats-server      {:.2} cores, {} MiB", seen.server_cores, server >> 20);
    println!(
        "loss             {} of {expected} answers (goal 0); {whole} of {} agents whole",
        expected - answered.min(expected),
        agents.len()
    );
    println!("backlog          {} messages at most", seen.backlog);
    println!("behind           {:.2} s at most, of which up to 0.5 s are the agents' jitter", seen.behind_ns as f64 / 1e9);
    println!("journal          {} MB; began late by {late} ns at most", bytes / 1_000_000);
    if answered != expected || whole as u32 != options.agents { Err("something was lost".into()) } else { Ok(()) }
}
