//! What was typed. Nothing here is stored; `cli::plan` turns it into a plan.

mod fleet;
mod probe;
pub(super) mod profiles;
mod records;
mod serve;
mod show;
mod tap;
mod trace;
mod trial;
mod words;

use std::path::PathBuf;

use clap::Args;
use clap::Parser;
use clap::Subcommand;
use clap::ValueEnum;

use crate::units::Nanos;

/// Load and latency benchmark for real-time services over WebSocket.
#[derive(Debug, Parser)]
#[command(
    name = "volley",
    version,
    about,
    propagate_version = true,
    max_term_width = 100,
    after_help = "\
Examples:
  volley run echo                                     a first run against the embedded reference server
  volley run openshock-live --clients 1000 --duration 30s
  volley run echo --target ws://127.0.0.1:8080/ --rate 5/s --limit 'echo p(99) < 10ms'
  volley record --target ws://127.0.0.1:8080/         record what clients and a server say, without secrets
  volley report reports/<run>                         draw the reports of a run again
  volley doctor                                       what this machine can and cannot do

Exit codes:
  0 fine   1 internal   2 usage, profile, plan or guard   3 nothing could be measured
  4 run invalid, degraded or given up   10 a limit broke, or the peer did not take the load
  11 regression   12 inconclusive, when asked to fail on it
  130/143 stopped by a signal, record written"
)]
pub(super) struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub(super) command: Command,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Run a load test.
    Run(Box<RunArgs>),
    /// Play one client of each role and print the conversation.
    Probe(ProbeArgs),
    /// Record conversations: a proxy between clients and their server that writes a trace without secrets.
    Record(Box<RecordArgs>),
    /// Run the reference server of a profile.
    Serve(ServeArgs),
    /// Draw the reports of a run again from its record.
    Report(ReportArgs),
    /// Make a record of the run that a report.html carries.
    Import(ImportArgs),
    /// Compare new runs with those of a base: regression, pass or inconclusive.
    Compare(CompareArgs),
    /// Measure two targets in turns and compare them: regression, pass or inconclusive.
    Ab(Box<AbArgs>),
    /// Run the same several times: how much runs differ, and what can be seen through it.
    Calibrate(Box<CalibrateArgs>),
    /// Look for the largest load that holds limits.
    Search(Box<SearchArgs>),
    /// Show quantiles of the records in a folder, in order of time.
    Trend(TrendArgs),
    /// Play shards of runs that others control, on this machine.
    Agent(Box<AgentArgs>),
    /// Prepare a NATS server for runs with many machines, and look after it.
    #[cfg(feature = "cluster")]
    #[command(subcommand)]
    Cluster(ClusterCommand),
    /// End a run with many machines.
    Abort(AbortArgs),
    /// Go on with a run with many machines whose controller died.
    Resume(ResumeArgs),
    /// Look at, check and print profiles.
    #[command(subcommand)]
    Profiles(ProfilesCommand),
    /// Say what this machine can do, and what stands in the way.
    Doctor(DoctorArgs),
    /// Prove the figures: a server that pauses by a known law, measured in open and closed loop.
    Selftest(SelftestArgs),
    /// Print a shell completion script.
    Completions {
        /// The shell.
        shell: clap_complete::Shell,
    },
    /// Print the manual page (roff).
    Man,
}

/// When to use colour.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Color {
    /// On a terminal, unless NO_COLOR says otherwise.
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// How sends are spread.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum PaceArg {
    /// Evenly, all clients over one period.
    Even,
    /// As a Poisson process, each client on its own.
    Poisson,
}

/// Where `done` comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum StampsArg {
    /// The kernel's receive stamp.
    Kernel,
    /// The instant of the read; only to see what that would hide.
    Read,
}

/// `volley run`.
#[derive(Debug, Args)]
#[command(group = clap::ArgGroup::new("watched").args(["live", "metrics"]).multiple(true))]
#[command(after_help = "\
Examples:
  volley run echo
      100 clients x 10/s for 10 s against the embedded reference server; report in reports/
  volley run openshock-live --dialect server --clients 1000 --duration 30s
  volley run ./mine.toml --target wss://staging.example.com/live --allow-host staging.example.com
  volley run echo --target ws://127.0.0.1:8080/ --closed 1 --limit 'echo p(99) < 5ms'
  volley run terra --clients 100 --drop consumer@5s
      consumers with four producers each; each consumer is dropped once and asks for what it missed
  volley run echo --shape 'clients: 0..500/20s, hold 10s; rate: 1..20/30s, spike 100/2s' --pace poisson
  volley run echo -n 100 --repeat 5 --pause 2s
  volley run terra --trace examples/terra-day.trace.ndjson --speed x10000 --clones 5
      a recorded conversation with its own timing, ten thousand times as fast, five times at once
  volley run echo --duration 10m --live 127.0.0.1:8090 --format ndjson > seconds.ndjson
      the report so far at http://127.0.0.1:8090/, a JSON object a second in the file
  volley run echo --duration 1h --metrics 127.0.0.1:9464
      counters and histograms for Prometheus at http://127.0.0.1:9464/metrics
  volley run echo --cluster nats://127.0.0.1:4222 --agents 2
      played by two `volley agent` together, merged to one record
  volley run echo --cluster nats://127.0.0.1:4222 --agents 4 --on-loss replace
      a fifth `volley agent` takes the place of one that dies, from where the timetable is then

Phases: connections are begun over --ramp (plus one second for the last of them), then --warmup,
then --duration is measured, then answers are awaited for at most --timeout.")]
pub(super) struct RunArgs {
    /// A shipped profile (see `volley profiles list`) or a path to a .toml file.
    pub(super) profile: String,
    /// Flags from a TOML file (`clients = 50`, `limit = ["echo p(99) < 10ms"]`); what is typed wins.
    #[arg(long, value_name = "FILE", help_heading = "What")]
    config: Option<PathBuf>,
    /// Where to connect [default: the profile's reference server, started for this run].
    #[arg(long, value_name = "URL", help_heading = "What")]
    pub(super) target: Option<String>,
    /// Which of the profile's dialects to speak.
    #[arg(long, value_name = "NAME", help_heading = "What")]
    pub(super) dialect: Option<String>,
    /// Give a variable of the profile a value, or that of a file with NAME=@FILE; repeat for more.
    #[arg(long, value_name = "NAME=VALUE", value_parser = words::pair, help_heading = "What")]
    pub(super) set: Vec<(String, String)>,
    /// The same as `--set message=TEXT`: what the profile `ask` sends; @FILE for that of a file.
    #[arg(long, value_name = "TEXT", help_heading = "What")]
    pub(super) message: Option<String>,
    /// Values of variables for each client, a row each: a .csv file whose first line names variables, or .ndjson.
    #[arg(long, value_name = "FILE", help_heading = "What")]
    pub(super) data: Option<PathBuf>,
    /// Let clients share the rows of --data when there are fewer rows than clients.
    #[arg(long, requires = "data", help_heading = "What")]
    pub(super) data_wrap: bool,
    /// Sound in the place of what the profile generates, 16 kHz mono PCM of 16 bits (.wav or bare), over and over.
    #[arg(long, value_name = "FILE", help_heading = "What")]
    pub(super) audio: Option<PathBuf>,
    /// Add a header to the upgrade; repeat for more.
    #[arg(short = 'H', long = "header", value_name = "'Name: value'", value_parser = words::header, help_heading = "What")]
    pub(super) headers: Vec<(String, String)>,
    /// Ask for this subprotocol.
    #[arg(long, value_name = "NAME", help_heading = "What")]
    pub(super) subprotocol: Option<String>,
    #[command(flatten, next_help_heading = "Load")]
    pub(super) play: TraceArgs,
    /// Virtual clients, one connection each [default: 100, or as --shape says].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=1_000_000), help_heading = "Load")]
    pub(super) clients: Option<u64>,
    /// Sends of each client: `10/s`, or `1/s..10/s:60s` for a ramp [default: 10/s, or as --shape says].
    #[arg(long, value_name = "RATE", value_parser = super::shape::load_rate, help_heading = "Load", conflicts_with = "closed")]
    pub(super) rate: Option<crate::plan::Curve>,
    /// Clients, rate of each or both over the measured time: 'clients: 0..1000/30s, hold 2m, spike 3000/5s; rate: 1..10/60s'.
    #[arg(long, value_name = "SHAPE", value_parser = super::shape::shape, help_heading = "Load", conflicts_with_all = ["closed", "count"])]
    pub(super) shape: Option<super::shape::Shaped>,
    /// How sends are spread: evenly, or as a Poisson process of the same rate.
    #[arg(long, value_enum, default_value_t = PaceArg::Even, help_heading = "Load", conflicts_with = "closed")]
    pub(super) pace: PaceArg,
    /// Each client sends so many messages, without a warm-up, and the run ends with the last.
    #[arg(short = 'n', long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=4_294_967_295), help_heading = "Load", conflicts_with_all = ["closed", "duration", "warmup"])]
    pub(super) count: Option<u64>,
    /// Run so often, one behind the other, and show all runs in the end.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(2..=1_000), help_heading = "Load")]
    pub(super) repeat: Option<u32>,
    /// Rest between repeated runs.
    #[arg(long, value_name = "TIME", default_value = "0s", requires = "repeat", help_heading = "Load")]
    pub(super) pause: Nanos,
    /// Closed loop instead: keep N exchanges outstanding per client.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1_024), help_heading = "Load")]
    pub(super) closed: Option<u32>,
    /// How long to measure [default: 10s, or as long as --shape takes].
    #[arg(long, value_name = "TIME", help_heading = "Load")]
    pub(super) duration: Option<Nanos>,
    /// Time over which connections are begun [default: 1 s for each 1,000 clients].
    #[arg(long, value_name = "TIME", help_heading = "Load")]
    pub(super) ramp: Option<Nanos>,
    /// Load before the measured time, recorded apart.
    #[arg(long, value_name = "TIME", default_value = "2s", help_heading = "Load")]
    pub(super) warmup: Nanos,
    /// How long an answer is waited for.
    #[arg(long, value_name = "TIME", default_value = "10s", help_heading = "Load")]
    pub(super) timeout: Nanos,
    /// Seed of everything random.
    #[arg(long, value_name = "N", default_value_t = 1, help_heading = "Load")]
    pub(super) seed: u64,
    /// A limit that decides the exit code, as `echo p(99) < 10ms`; repeat for more.
    #[arg(long, value_name = "EXPR", help_heading = "Judge")]
    pub(super) limit: Vec<String>,
    /// Limits from a file, one a line; `#` begins a remark.
    #[arg(long, value_name = "FILE", help_heading = "Judge")]
    pub(super) limits: Option<PathBuf>,
    /// Directory of the record [default: reports/<UTC stamp>-<profile>-<id>].
    #[arg(long, value_name = "DIR", help_heading = "Out")]
    pub(super) out: Option<PathBuf>,
    /// Reports to draw: html, png, svg, junit, markdown, openmetrics, csv, hgrm, bencher, gh-benchmark, text, none.
    #[arg(long, value_name = "LIST", default_value = "html,png", value_delimiter = ',', help_heading = "Out")]
    pub(super) report: Vec<String>,
    #[command(flatten, next_help_heading = "Out")]
    pub(super) plots: PlotArgs,
    /// How results go to standard output.
    #[arg(long, value_enum, default_value_t = RunFormat::Text, help_heading = "Out")]
    pub(super) format: RunFormat,
    /// How progress goes to standard error.
    #[arg(long, value_enum, default_value_t = Progress::Auto, help_heading = "Out")]
    pub(super) progress: Progress,
    /// The live view, where `auto` would not take it; the same as --progress tui.
    #[arg(long, help_heading = "Out", conflicts_with_all = ["progress", "plain", "repeat"])]
    pub(super) tui: bool,
    /// Sentences instead of tables and moving lines, for screen readers.
    #[arg(long, help_heading = "Out")]
    pub(super) plain: bool,
    /// Serve the report of the run so far at this address while it goes on, as 127.0.0.1:0; its address is told.
    #[arg(long, value_name = "ADDR", help_heading = "Out")]
    pub(super) live: Option<std::net::SocketAddr>,
    /// Serve figures of the run so far to Prometheus at this address while it goes on, as 127.0.0.1:9464.
    #[arg(long, value_name = "ADDR", help_heading = "Out")]
    pub(super) metrics: Option<std::net::SocketAddr>,
    /// Let --live and --metrics listen where others than this machine can see them.
    #[arg(long, requires = "watched", help_heading = "Out")]
    pub(super) listen_anywhere: bool,
    /// Only the verdict.
    #[arg(short, long, help_heading = "Out")]
    pub(super) quiet: bool,
    /// When to use colour.
    #[arg(long, value_enum, default_value_t = Color::Auto, help_heading = "Out")]
    pub(super) color: Color,
    /// Lanes, a thread each [default: processors less one].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=256), help_heading = "Engine")]
    pub(super) lanes: Option<u32>,
    /// Wake early and spin to each millisecond: later by a microsecond, not fifty, for a tenth of a core a lane.
    #[arg(long, help_heading = "Engine")]
    pub(super) precise: bool,
    /// Where the instant of an answer comes from.
    #[arg(long, value_enum, default_value_t = StampsArg::Kernel, help_heading = "Engine")]
    pub(super) stamps: StampsArg,
    /// Take any certificate of the server. The record and its reports say so.
    #[arg(long, help_heading = "Wire")]
    pub(super) insecure: bool,
    /// Trust the certificates in this PEM file besides the roots that browsers trust.
    #[arg(long, value_name = "FILE", help_heading = "Wire", conflicts_with = "insecure")]
    pub(super) ca: Option<PathBuf>,
    /// Certificate chain shown to the server (PEM).
    #[arg(long, value_name = "FILE", help_heading = "Wire", requires = "key")]
    pub(super) cert: Option<PathBuf>,
    /// Key of that certificate (PEM).
    #[arg(long, value_name = "FILE", help_heading = "Wire", requires = "cert")]
    pub(super) key: Option<PathBuf>,
    /// Let connections resume TLS sessions of earlier ones of their lane; each makes a full handshake otherwise.
    #[arg(long, help_heading = "Wire")]
    pub(super) tls_resume: bool,
    /// Reach the target through a proxy by CONNECT, as http://name:password@127.0.0.1:3128.
    #[arg(long, value_name = "URL", requires = "target", help_heading = "Wire")]
    pub(super) proxy: Option<super::proxy::Proxy>,
    /// Send the profile's requests over HTTP to this host instead of the target's, as https://api.staging.example.com.
    #[arg(long, value_name = "URL", value_parser = crate::plan::Target::parse_http, help_heading = "Wire")]
    pub(super) http_target: Option<crate::plan::Target>,
    /// The address of a host and port, instead of what its name leads to; repeat for more.
    #[arg(long, value_name = "HOST:PORT:ADDRESS", requires = "target", help_heading = "Wire")]
    pub(super) resolve: Vec<super::proxy::Resolved>,
    /// Local addresses to connect from in turn, by commas; each has some 28,000 ports towards a server.
    #[arg(long, value_name = "LIST", value_delimiter = ',', help_heading = "Wire")]
    pub(super) source_addr: Vec<std::net::IpAddr>,
    /// Drop all connections of a role without a close, so long after the start of the measured time, as consumer@20s; repeat for more.
    #[arg(long, value_name = "ROLE@TIME", value_parser = words::drop_at, help_heading = "Wire")]
    pub(super) drop: Vec<(String, Nanos)>,
    /// End a share of the connections at one instant: cut:50%@30s resets them, close:50%@30s closes them.
    #[arg(long, value_name = "STORM", help_heading = "Wire")]
    pub(super) storm: Option<crate::plan::Storm>,
    /// Take up to this share off each delay before clients come back, drawn from the seed, as 50% [default: the profile's].
    #[arg(long, value_name = "SHARE", value_parser = words::share, help_heading = "Wire")]
    pub(super) reconnect_jitter: Option<f64>,
    /// Show what would be done, and do nothing.
    #[arg(long, help_heading = "Safety")]
    pub(super) dry_run: bool,
    /// Allow this host, which is neither loopback nor private, or *.NAME for all below; repeat for more.
    #[arg(long, value_name = "HOST", help_heading = "Safety")]
    pub(super) allow_host: Vec<String>,
    /// Say that this production host of a vendor is yours to load; repeat for more.
    #[arg(long, value_name = "HOST", help_heading = "Safety")]
    pub(super) i_own: Vec<String>,
    /// More than 100 connections or 1,000 messages/s to a public host, and connects faster than 500/s.
    #[arg(long, help_heading = "Safety")]
    pub(super) over_limit: bool,
    /// Send what the profile says does harm.
    #[arg(long, help_heading = "Safety")]
    pub(super) allow_harm: bool,
    /// Send secrets over ws:// to a host that is not this machine.
    #[arg(long, help_heading = "Safety")]
    pub(super) plaintext_secrets: bool,
    #[command(flatten, next_help_heading = "Fleet")]
    pub(super) fleet: FleetArgs,
}

pub(super) use fleet::AbortArgs;
pub(super) use fleet::AgentArgs;
#[cfg(feature = "cluster")]
pub(super) use fleet::AtArgs;
#[cfg(feature = "cluster")]
pub(super) use fleet::ClusterCommand;
pub(super) use fleet::FleetArgs;
pub(super) use fleet::Late;
pub(super) use fleet::NatsArgs;
pub(super) use fleet::OnLoss;
pub(super) use fleet::ResumeArgs;
pub(super) use probe::ProbeArgs;
pub(super) use profiles::ProfilesCommand;
pub(super) use records::CompareArgs;
pub(super) use records::CompareReport;
pub(super) use records::ImportArgs;
pub(super) use records::OnInconclusive;
pub(super) use records::ReportArgs;
pub(super) use records::TrendArgs;
pub(super) use serve::ServeArgs;
pub(super) use show::Format;
pub(super) use show::PlotArgs;
pub(super) use show::Progress;
pub(super) use show::RunFormat;
pub(super) use tap::RecordArgs;
pub(super) use trace::TraceArgs;
pub(super) use trial::AbArgs;
pub(super) use trial::CalibrateArgs;
pub(super) use trial::Over;
pub(super) use trial::SearchArgs;

/// `volley doctor`.
#[derive(Debug, Args)]
pub(super) struct DoctorArgs {
    /// Clients that a run shall have.
    #[arg(long, value_name = "N", default_value_t = 1_000, value_parser = clap::value_parser!(u64).range(1..=1_000_000))]
    pub(super) clients: u64,
}

/// `volley selftest`.
#[derive(Debug, Args)]
pub(super) struct SelftestArgs {
    /// How long each of the measurements takes; whole periods of 5 s.
    #[arg(long, value_name = "TIME", default_value = "20s")]
    pub(super) duration: Nanos,
}
