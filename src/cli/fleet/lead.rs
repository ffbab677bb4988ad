//! `volley run --cluster` and `--shards`: this process is the controller.

use std::fs::DirBuilder;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::Path;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use super::OF_THE_AGENTS;
use super::connect;
use super::message;
use super::player::Here;
use super::say_news;
use crate::cli::NOTHING;
use crate::cli::Trouble;
use crate::cli::args::Late;
use crate::cli::args::OnLoss;
use crate::cli::args::Progress;
use crate::cli::args::RunArgs;
use crate::cli::secrets::Secrets;
use crate::dialogue::Script;
use crate::fleet::Bus;
use crate::fleet::RunId;
use crate::fleet::agent;
use crate::fleet::agent::About;
use crate::fleet::controller;
use crate::fleet::controller::Fleet;
use crate::fleet::controller::Order;
use crate::fleet::controller::Started;
use crate::fleet::journal::Journal;
use crate::fleet::local::LocalBus;
use crate::fleet::message::PlanMessage;
use crate::plan::Part;
use crate::plan::Plan;
use crate::record::FleetRecord;
use crate::record::Manifest;
use crate::record::write::RUN_JSON;
use crate::swarm::Control;
use crate::swarm::Sink;
use crate::tally::Width;
use crate::units::Nanos;
use crate::wire::Routes;
use crate::wire::clock;

/// Exit code of a run that was stopped before it began, as of any that SIGINT stops.
const STOPPED: u8 = 130;
/// From the agreement to the start, with shards of this process.
const LEAD_HERE: Duration = Duration::from_millis(1_500);

/// A fleet that is to be led.
pub(in crate::cli) struct Lead {
    bus: Arc<dyn Bus>,
    message: PlanMessage,
    /// Shards of this process instead of agents.
    is_here: bool,
    pool: String,
    gather: Nanos,
    least: u32,
    on_loss: OnLoss,
    late: Late,
    lost_after: Option<Nanos>,
    ignores_room: bool,
    is_quiet: bool,
}

impl Lead {
    /// Of what was typed. The plan becomes the one that agents read.
    pub(in crate::cli) fn new(args: &RunArgs, plan: &mut Plan, secrets: &Secrets) -> Result<Lead, Trouble> {
        let fleet = &args.fleet;
        let (shards, is_here) = match (fleet.shards, fleet.agents) {
            (Some(shards), _) => (shards, true),
            (None, agents) => (agents.unwrap_or(1), false),
        };
        if is_here && fleet.on_loss == OnLoss::Replace {
            return Err(Trouble::usage("--on-loss replace needs --cluster: shards of this process have no spares"));
        }
        if plan.trace.is_some() && (fleet.on_loss == OnLoss::Replace || fleet.late == Late::Join) {
            return Err(Trouble::usage("a trace cannot be joined in its middle: leave --on-loss replace and --late join out"));
        }
        let interval = fleet.interval_of(shards);
        if fleet.lost_after.is_some_and(|lost| lost.0 < 2 * interval.0) {
            return Err(Trouble::usage(format!("--lost-after is to be 2 intervals at least, which are {interval} here (--interval)")));
        }
        let groups = plan.clients / plan.group.max(1);
        if u64::from(shards) > groups {
            return Err(Trouble::usage(format!(
                "{groups} groups of clients cannot be split into {shards} shards; take fewer, or more --clients"
            )));
        }
        let run = RunId::drawn(u128::from(clock::realtime()) << 32 | u128::from(std::process::id()));
        let message = message::of(args, plan, run, shards)?;
        if !is_here {
            no_secrets(secrets, plan)?;
            let profile = message::profile(&message).map_err(Trouble::internal)?;
            let (lanes, target, trace) = (plan.lanes, plan.target.clone(), plan.trace.take());
            *plan = message::plan(&message, profile, plan.vars.clone(), lanes, Part::WHOLE).map_err(Trouble::usage)?;
            (plan.target, plan.trace) = (target, trace);
        }
        let bus: Arc<dyn Bus> = match &fleet.cluster {
            Some(url) => connect(url, &fleet.nats, "controller")?,
            None => Arc::new(LocalBus::default()),
        };
        Ok(Lead {
            bus,
            message,
            is_here,
            pool: fleet.pool.clone(),
            gather: fleet.gather,
            least: fleet.min_agents.unwrap_or(shards),
            on_loss: fleet.on_loss,
            late: fleet.late,
            lost_after: fleet.lost_after,
            ignores_room: fleet.ignore_room,
            is_quiet: args.progress == Progress::None,
        })
    }

    /// Writes into the manifest which run of a fleet it is.
    pub(in crate::cli) fn name(&self, manifest: &mut Manifest) {
        manifest.shards = self.message.shards;
        manifest.fleet = Some(FleetRecord { run: self.message.run.to_string(), ..FleetRecord::default() });
        if !self.is_here {
            manifest.id = self.message.run.to_string();
        }
    }

    fn order(&self, plan: &Arc<Plan>, width: Width) -> Order {
        let mut order = Order::new(self.message.clone(), plan.clone(), width, &self.pool);
        order.gather = self.gather.to_std();
        order.least = self.least;
        order.lost_after = self.lost_after.map_or(order.lost_after, Nanos::to_std);
        order.ignores_room = self.ignores_room;
        order.on_loss = match self.on_loss {
            OnLoss::Degrade => controller::OnLoss::Degrade,
            OnLoss::Abort => controller::OnLoss::Abort,
            OnLoss::Replace => controller::OnLoss::Replace,
        };
        order.may_join_late = self.late == Late::Join;
        if self.is_here {
            (order.lead, order.is_one_process) = (LEAD_HERE, true);
        }
        order
    }

    /// Brings everybody to the start.
    pub(in crate::cli) fn start(
        self: Box<Self>,
        plan: &Arc<Plan>,
        script: &Arc<Script>,
        routes: &Routes,
        dir: &Path,
        manifest: &mut Manifest,
        control: &Arc<Control>,
    ) -> Result<Leading, Trouble> {
        let order = self.order(plan, script.width());
        take(dir)?;
        if self.is_here {
            self.shards(plan, script, routes)?;
        }
        let quiet = self.is_quiet;
        let mut tell = |news| {
            if !quiet {
                say_news(&news)
            }
        };
        if !self.is_here && !quiet {
            crate::cli::tell!("run {} waits for {} agents of pool `{}`", self.message.run, self.message.shards, self.pool);
        }
        let started = controller::muster(self.bus.as_ref(), &order, control, &mut tell).map_err(|why| {
            // Nothing was recorded; a folder that holds something else stays.
            let _ = std::fs::remove_dir(dir);
            let is_stopped = control.is_stopping();
            Trouble { code: if is_stopped { STOPPED } else { NOTHING }, text: why }
        })?;
        let started_at = jiff::Timestamp::from_nanosecond(i128::from(started.t0_ns)).unwrap_or_default();
        manifest.started = format!("{started_at:.0}");
        let journal = Journal::create(dir).map_err(|e| Trouble::usage(format!("the journal cannot be made in {}: {e}", dir.display())))?;
        Ok(Leading { bus: self.bus, order, started, journal, is_resumed: false })
    }

    /// Shards of this process, each in a thread.
    fn shards(&self, plan: &Arc<Plan>, script: &Arc<Script>, routes: &Routes) -> Result<(), Trouble> {
        for shard in 0..self.message.shards {
            let (bus, control) = (self.bus.clone(), Arc::new(Control::default()));
            let mut player = Here { plan: plan.clone(), script: script.clone(), routes: routes.clone() };
            let about = About {
                name: format!("shard-{shard}"),
                host: "this process".into(),
                version: self.message.version.clone(),
                cpus: 0,
                files: 0,
                pool: self.pool.clone(),
                prefers: Some(shard),
                only: Some(self.message.run),
            };
            let run = move || drop(agent::serve(&bus, &about, &mut player, &control, &mut Vec::new()));
            let started = thread::Builder::new().name(format!("shard-{shard}")).spawn(run);
            started.map_err(|e| Trouble::internal(format!("starting a thread: {e}")))?;
        }
        Ok(())
    }
}

/// A fleet that has started.
pub(in crate::cli) struct Leading {
    pub(super) bus: Arc<dyn Bus>,
    pub(super) order: Order,
    pub(super) started: Started,
    pub(super) journal: Journal,
    pub(super) is_resumed: bool,
}

impl Leading {
    /// Whether its record was begun before.
    pub(in crate::cli) fn is_resumed(&self) -> bool {
        self.is_resumed
    }

    /// Merges until the end.
    pub(in crate::cli) fn collect(self, control: &Arc<Control>, sink: &mut dyn Sink) -> Result<Fleet, String> {
        controller::collect(self.bus.as_ref(), &self.order, self.started, self.journal, control, sink, &mut |news| say_news(&news))
    }
}

/// Makes the folder of the record, which must not hold one: after the start it is too late to say so.
fn take(dir: &Path) -> Result<(), Trouble> {
    let wrong =
        |why: String| Trouble::usage(format!("the record cannot be written: {}: {why}. Choose another folder with --out", dir.display()));
    DirBuilder::new().recursive(true).mode(0o700).create(dir).map_err(|e| wrong(e.to_string()))?;
    if dir.join(RUN_JSON).exists() { Err(wrong("it holds a record already".into())) } else { Ok(()) }
}

/// Refuses what would carry a secret to the agents.
fn no_secrets(secrets: &Secrets, plan: &Plan) -> Result<(), Trouble> {
    if let Some(column) = plan.columns.iter().find(|column| crate::cli::secrets::is_secret(&plan.profile, column)) {
        return Err(Trouble::usage(format!("column `{column}` of --data is a secret, and secrets do not travel with a plan")));
    }
    let typed = secrets.carriers.iter().find(|carrier| !carrier.starts_with("variable `"));
    match typed {
        Some(carrier) => Err(Trouble::usage(format!(
            "{carrier} holds a secret, and secrets do not travel with a plan. Put it into a secret variable of the profile, which each \
             agent gives its own value (`{OF_THE_AGENTS}`)"
        ))),
        None => Ok(()),
    }
}
