//! What can be typed about fleets.

use std::path::PathBuf;

use clap::Args;
use clap::Subcommand;
use clap::ValueEnum;

use super::words;
use crate::fleet::RunId;
use crate::units::Nanos;
use crate::units::SECOND;

/// With more agents than that, each sends more seldom.
const MANY: u32 = 100;

/// How NATS is reached.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct NatsArgs {
    /// Certificates to trust besides those of the system, for tls:// (PEM).
    #[arg(long, value_name = "FILE")]
    pub(crate) nats_ca: Option<PathBuf>,
    /// File with the seed of an nkey that says who we are; `volley cluster keys` makes some.
    #[arg(long, value_name = "FILE", conflicts_with = "nats_creds")]
    pub(crate) nats_nkey: Option<PathBuf>,
    /// Credentials file with a JWT and its key.
    #[arg(long, value_name = "FILE")]
    pub(crate) nats_creds: Option<PathBuf>,
    /// Speak with NATS without TLS to a host that is not this machine.
    #[arg(long)]
    pub(crate) insecure_nats: bool,
}

/// What is done when an agent is lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum OnLoss {
    /// The others go on, and the run is `degraded`.
    Degrade,
    /// The run ends.
    Abort,
    /// A spare agent of the pool goes on with its clients; where none comes within --gather, as degrade.
    Replace,
}

/// What becomes of an agent that comes after the start.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Late {
    /// It waits for the next run.
    Refuse,
    /// It takes a shard that nobody has.
    Join,
}

/// `volley run` with many machines.
#[derive(Debug, Args)]
pub(crate) struct FleetArgs {
    /// Play with agents that meet at this NATS server, as nats://127.0.0.1:4222 or tls://nats.example.com:4222.
    #[arg(long, value_name = "URL", requires = "agents")]
    pub(crate) cluster: Option<String>,
    /// Agents to wait for; each plays a shard of the clients.
    #[arg(long, value_name = "N", requires = "cluster", value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub(crate) agents: Option<u32>,
    /// Play N shards within this process, as agents would.
    #[arg(long, value_name = "N", conflicts_with = "cluster", value_parser = clap::value_parser!(u32).range(1..=64))]
    pub(crate) shards: Option<u32>,
    /// Agents of which pool.
    #[arg(long, value_name = "NAME", default_value = "default", value_parser = pool)]
    pub(crate) pool: String,
    /// How long agents are waited for.
    #[arg(long, value_name = "TIME", default_value = "2m")]
    pub(crate) gather: Nanos,
    /// Begin with so many agents if there are no more after that time; the record is degraded then.
    #[arg(long, value_name = "N", requires = "cluster")]
    pub(crate) min_agents: Option<u32>,
    /// What is done when an agent is lost.
    #[arg(long, value_enum, default_value_t = OnLoss::Degrade)]
    pub(crate) on_loss: OnLoss,
    /// What becomes of an agent that comes after a start with --min-agents.
    #[arg(long, value_enum, default_value_t = Late::Refuse, requires = "min_agents")]
    pub(crate) late: Late,
    /// How often each agent sends its seconds, 1s to 10s [default: 1s, above 100 agents 5s].
    #[arg(long, value_name = "TIME", value_parser = interval, requires = "cluster")]
    pub(crate) interval: Option<Nanos>,
    /// After how much silence an agent counts as lost [default: 10s, and 5 intervals at least].
    #[arg(long, value_name = "TIME")]
    pub(crate) lost_after: Option<Nanos>,
    /// Begin although NATS has not the room for the results that are expected; what finds none is lost, and named.
    #[arg(long, requires = "cluster")]
    pub(crate) ignore_room: bool,
    /// How long an agent that reaches nobody goes on.
    #[arg(long, value_name = "TIME", default_value = "30s")]
    pub(crate) orphan_grace: Nanos,
    #[command(flatten)]
    pub(crate) nats: NatsArgs,
}

impl FleetArgs {
    /// Whether several shards were asked for.
    pub(crate) fn is_asked(&self) -> bool {
        self.cluster.is_some() || self.shards.is_some()
    }

    /// How often each of so many agents sends.
    pub(crate) fn interval_of(&self, agents: u32) -> Nanos {
        self.interval.unwrap_or(Nanos::from_secs(if agents > MANY { 5 } else { 1 }))
    }
}

/// `volley agent`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  volley agent --cluster nats://127.0.0.1:4222
      plays in every run of the pool `default` until it is stopped; loads this machine only. Where a run has all agents
      it needs and may lose some (--on-loss replace), it waits as a spare
  volley agent --cluster tls://nats.example.com:4222 --nats-nkey agent.nk --allow-target staging.example.com
  OPENSHOCK_TOKEN=.. volley agent --cluster .. --once
      secrets come from the agent's own environment or files, never with a plan
  volley agent --cluster .. --run abcdefghij --shard $JOB_COMPLETION_INDEX
      as a Kubernetes Indexed Job starts it
  volley agent --cluster .. --keep kept
      a copy of what this agent measured stays here; `volley report kept/abcdefghij-0` shows it

Exit codes: 0 stopped, or --once and played; 2 usage, or the plan is refused; 3 nothing was played, or given up while playing")]
pub(crate) struct AgentArgs {
    /// The NATS server where the controller is met.
    #[arg(long, value_name = "URL", env = "VOLLEY_CLUSTER")]
    pub(crate) cluster: String,
    /// The pool that it works for.
    #[arg(long, value_name = "NAME", default_value = "default", value_parser = pool)]
    pub(crate) pool: String,
    /// End after one run.
    #[arg(long)]
    pub(crate) once: bool,
    /// Play in this run only, and end after it.
    #[arg(long, value_name = "RUN", value_parser = RunId::parse)]
    pub(crate) run: Option<RunId>,
    /// The shard it would like.
    #[arg(long, value_name = "N")]
    pub(crate) shard: Option<u32>,
    /// Keep a record of each part that is played in a folder of its own below DIR, as DIR/RUN-SHARD.
    #[arg(long, value_name = "DIR")]
    pub(crate) keep: Option<PathBuf>,
    /// A host that may be loaded from here besides this machine, or *.NAME for all below; repeat for more.
    #[arg(long, value_name = "HOST")]
    pub(crate) allow_target: Vec<String>,
    /// Say that this production host of a vendor is yours to load; repeat for more.
    #[arg(long, value_name = "HOST")]
    pub(crate) i_own: Vec<String>,
    /// Send what a profile says does harm, when a plan asks for it.
    #[arg(long)]
    pub(crate) allow_harm: bool,
    /// More than the caps for public hosts allow.
    #[arg(long)]
    pub(crate) over_limit: bool,
    /// Send secrets over ws:// to a host that is not this machine.
    #[arg(long)]
    pub(crate) plaintext_secrets: bool,
    /// Give a secret variable a value, best that of a file with NAME=@FILE; repeat for more.
    #[arg(long, value_name = "NAME=VALUE", value_parser = words::pair)]
    pub(crate) set: Vec<(String, String)>,
    /// Lanes, a thread each [default: processors less one].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=256))]
    pub(crate) lanes: Option<u32>,
    /// Local addresses to connect from in turn, by commas.
    #[arg(long, value_name = "LIST", value_delimiter = ',')]
    pub(crate) source_addr: Vec<std::net::IpAddr>,
    /// Trust the certificates in this PEM file besides the roots that browsers trust.
    #[arg(long, value_name = "FILE", conflicts_with = "insecure")]
    pub(crate) ca: Option<PathBuf>,
    /// Certificate chain shown to the target (PEM).
    #[arg(long, value_name = "FILE", requires = "key")]
    pub(crate) cert: Option<PathBuf>,
    /// Key of that certificate (PEM).
    #[arg(long, value_name = "FILE", requires = "cert")]
    pub(crate) key: Option<PathBuf>,
    /// Reach targets through a proxy by CONNECT, as http://name:password@127.0.0.1:3128.
    #[arg(long, value_name = "URL")]
    pub(crate) proxy: Option<crate::cli::proxy::Proxy>,
    /// Take any certificate of the target.
    #[arg(long)]
    pub(crate) insecure: bool,
    #[command(flatten)]
    pub(crate) nats: NatsArgs,
}

/// A NATS server, for commands about it.
#[derive(Debug, Args)]
pub(crate) struct AtArgs {
    /// The NATS server.
    #[arg(long, value_name = "URL", env = "VOLLEY_CLUSTER")]
    pub(crate) cluster: String,
    #[command(flatten)]
    pub(crate) nats: NatsArgs,
}

/// `volley cluster ..`.
#[derive(Debug, Subcommand)]
pub(crate) enum ClusterCommand {
    /// Make what runs need at a NATS server, or more room for results; what is there already is checked.
    Init {
        #[command(flatten)]
        at: AtArgs,
        /// Most bytes of results that are kept, a day at most.
        #[arg(long, value_name = "SIZE", default_value = "1GiB", value_parser = crate::units::bytes_from)]
        size: u64,
        /// Copies on different servers.
        #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=5))]
        replicas: u32,
    },
    /// Say what there is at a NATS server: its version, what is kept, and the run of a pool.
    Status {
        #[command(flatten)]
        at: AtArgs,
        /// Of which pool.
        #[arg(long, value_name = "NAME", default_value = "default", value_parser = pool)]
        pool: String,
    },
    /// Remove the results of a run from a NATS server.
    Purge {
        /// Which run.
        #[arg(value_parser = RunId::parse)]
        run: RunId,
        #[command(flatten)]
        at: AtArgs,
    },
    /// Make a key for controllers, one for agents and one for init, and print the server's configuration for them.
    Keys {
        /// Folder for the files with the seeds.
        #[arg(long, value_name = "DIR", default_value = "volley-keys")]
        out: PathBuf,
    },
    /// Print a Kubernetes Job that starts agents.
    Manifest {
        /// Agents.
        #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=10_000))]
        agents: u32,
        /// The NATS server as the pods reach it.
        #[arg(long, value_name = "URL")]
        cluster: String,
        /// Image of volley.
        #[arg(long, value_name = "IMAGE", default_value = "volley:latest")]
        image: String,
        /// The pool that they work for.
        #[arg(long, value_name = "NAME", default_value = "default", value_parser = pool)]
        pool: String,
        /// Name of the Job, and of the Secret with the agents' nkey.
        #[arg(long, value_name = "NAME", default_value = "volley-agents", value_parser = words::dns_label)]
        name: String,
        /// Hosts that may be loaded.
        #[arg(long, value_name = "HOST")]
        allow_target: Vec<String>,
        /// Processors of each pod.
        #[arg(long, value_name = "N", default_value_t = 2)]
        cpus: u32,
    },
}

/// `volley abort`.
#[derive(Debug, Args)]
pub(crate) struct AbortArgs {
    /// Which run.
    #[arg(value_parser = RunId::parse)]
    pub(crate) run: RunId,
    /// Why, for its record.
    #[arg(long, value_name = "TEXT", default_value = "ended by `volley abort`")]
    pub(crate) reason: String,
    #[command(flatten)]
    pub(crate) at: AtArgs,
}

/// `volley resume`.
#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  volley resume reports/20260101T000000Z-echo-abcdefghij --cluster nats://127.0.0.1:4222
      goes on with a run whose controller died: what its journal holds is merged again, then what waits at the server")]
pub(crate) struct ResumeArgs {
    /// Folder of the record that was begun.
    pub(crate) dir: PathBuf,
    #[command(flatten)]
    pub(crate) at: AtArgs,
}

fn interval(text: &str) -> Result<Nanos, String> {
    let most = crate::fleet::snapshot::SECONDS_MOST as u64;
    match text.parse::<Nanos>().map_err(|e| e.to_string())? {
        time if time.0 % SECOND == 0 && (1..=most).contains(&(time.0 / SECOND)) => Ok(time),
        _ => Err(format!("whole seconds, 1s to {most}s")),
    }
}

fn pool(name: &str) -> Result<String, String> {
    match crate::fleet::message::is_token(name) {
        true => Ok(name.to_owned()),
        false => Err("a pool has up to 32 letters, digits, - and _".into()),
    }
}
