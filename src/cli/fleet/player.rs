//! Who plays shards: an agent, which makes its own plan of what was published and judges it by its own flags, or this
//! process, which has the plan.

use std::io;
use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::Arc;

use clap::Parser;

use super::keep;
use super::keep::Keep;
use super::message;
use crate::cli::Trouble;
use crate::cli::args::AgentArgs;
use crate::cli::args::Cli;
use crate::cli::args::Command;
use crate::cli::args::RunArgs;
use crate::cli::data::Data;
use crate::cli::guard;
use crate::cli::preflight;
use crate::cli::proxy::Proxy;
use crate::cli::redact;
use crate::cli::resolve;
use crate::cli::route;
use crate::cli::run;
use crate::cli::secrets::Secrets;
use crate::cli::secrets::Typed;
use crate::cli::secrets::is_secret;
use crate::dialogue::Script;
use crate::fleet::agent::Play;
use crate::fleet::agent::Player;
use crate::fleet::message::PlanMessage;
use crate::plan::Part;
use crate::plan::Plan;
use crate::profile::Profile;
use crate::swarm;
use crate::swarm::Control;
use crate::swarm::Outcome;
use crate::swarm::Sink;
use crate::wire::Clock;
use crate::wire::Routes;

/// A shard that could be played.
struct Ready {
    plan: Arc<Plan>,
    script: Arc<Script>,
    routes: Routes,
    redactor: Option<&'static redact::Redactor>,
    /// Where a record of this part is kept.
    keep: Option<PathBuf>,
}

impl Play for Ready {
    fn clients(&self) -> u64 {
        self.plan.own_clients()
    }

    fn play(self: Box<Self>, clock: Clock, control: &Arc<Control>, sink: &mut dyn Sink) -> io::Result<Outcome> {
        let (Some(place), Some(redactor)) = (&self.keep, self.redactor) else {
            return swarm::run(&self.plan, &self.script, &self.routes, clock, control, sink);
        };
        let mut keep = Keep::create(place, &self.plan, &self.script, &self.routes, redactor, sink)?;
        let outcome = swarm::run(&self.plan, &self.script, &self.routes, clock, control, &mut keep)?;
        keep.end(&outcome, control.is_stopping());
        Ok(outcome)
    }

    fn hidden(&self) -> Box<dyn Fn(&str) -> String> {
        match self.redactor {
            Some(redactor) => Box::new(|text| redactor.theirs(text)),
            None => Box::new(str::to_owned),
        }
    }
}

/// Plays shards of a plan that this process has.
pub(super) struct Here {
    pub(super) plan: Arc<Plan>,
    pub(super) script: Arc<Script>,
    pub(super) routes: Routes,
}

impl Player for Here {
    fn ready(&mut self, message: &PlanMessage, shard: u32) -> Result<Box<dyn Play>, String> {
        let part = Part { shard, shards: message.shards };
        let plan = Arc::new(Plan { part, lanes: 1, ..(*self.plan).clone() });
        Ok(Box::new(Ready { plan, script: self.script.clone(), routes: self.routes.clone(), redactor: None, keep: None }))
    }
}

/// Plays shards of plans that come from elsewhere.
pub(super) struct Agent<'a> {
    pub(super) args: &'a AgentArgs,
    /// Files that this process may open.
    pub(super) files: u64,
}

impl Player for Agent<'_> {
    fn ready(&mut self, message: &PlanMessage, shard: u32) -> Result<Box<dyn Play>, String> {
        self.judge(message, shard).map(|ready| Box::new(ready) as Box<dyn Play>).map_err(|trouble| trouble.text)
    }
}

impl Agent<'_> {
    /// The plan as it is played here, if it may be.
    fn judge(&self, message: &PlanMessage, shard: u32) -> Result<Ready, Trouble> {
        if message::fingerprint(message) != message.fingerprint {
            return Err(Trouble::usage("its plan was changed since it was made: the fingerprint is another"));
        }
        message.load.check().map_err(Trouble::usage)?;
        let profile = message::profile(message).map_err(Trouble::usage)?;
        let own = self.own_sets(&profile)?;
        let values = message::values(message, &profile, &own, |name| std::env::var(name).ok()).map_err(Trouble::usage)?;
        let part = Part { shard, shards: message.shards };
        let lanes = self.args.lanes.unwrap_or_else(run::default_lanes);
        let mut plan = message::plan(message, profile, values, lanes, part).map_err(Trouble::usage)?;
        let args = self.run_args(message)?;
        for target in [&plan.target].into_iter().chain(&plan.http) {
            self.judge_host(&target.host, &args)?;
        }
        let data = Data { columns: message.columns.clone(), rows: message.rows.clone() };
        let (over, subprotocol) = (plan.over.clone(), message.load.subprotocol.as_deref());
        let authorization = self.args.proxy.as_ref().and_then(Proxy::authorization);
        let proxy = authorization.as_deref();
        let typed = Typed { data: &data, sets: &own, headers: &message.headers, target: Some(&over), subprotocol, proxy };
        let secrets = Secrets::of(&plan, &typed)?;
        let redactor = redact::install(secrets.redactor());
        guard::judge_harm(&plan, args.allow_harm)?;
        let tls = route::protections(&args, Some(&plan.target.clone()))?;
        if let (Some(harm), Some(_), false) = (&plan.profile.harm, &message.trace, self.args.allow_harm) {
            return Err(Trouble::usage(format!(
                "a trace may hold any message, and its profile declares harm: {harm}. --allow-harm lifts this"
            )));
        }
        let score = message::score(message, &mut plan, &own)?;
        let rehearsed = run::script(&plan, score.as_ref())?;
        if rehearsed.cast.group() != plan.group {
            return Err(Trouble::usage("its clients play in groups of another size than its profile says"));
        }
        preflight::check(&plan, args.source_addr.len(), self.files)?;
        let ramp = plan.ramp;
        let routes = route::routes(&mut plan, None, tls, &secrets, &args)?;
        if plan.ramp != ramp {
            return Err(Trouble::usage("its ramp is faster than connects from here to there may be; --over-limit lifts this"));
        }
        preflight::no_round_trips(&plan, routes.target.address);
        let script = Arc::new(run::script(&plan, score.as_ref())?);
        let keep = self.args.keep.as_deref().map(|dir| keep::place(dir, message.run, shard)).transpose()?;
        Ok(Ready { plan: Arc::new(plan), script, routes, redactor: Some(redactor), keep })
    }

    /// What was set here, for secrets alone: everything else is the plan's.
    fn own_sets(&self, profile: &Profile) -> Result<Vec<(String, String)>, Trouble> {
        let known = self.args.set.iter().filter(|(name, _)| profile.vars.contains_key(name)).cloned().collect::<Vec<_>>();
        if let Some((name, _)) = known.iter().find(|(name, _)| !is_secret(profile, name)) {
            return Err(Trouble::usage(format!("--set {name} is no secret; what is none comes with the plan")));
        }
        resolve::sets(profile, &known)
    }

    /// Any host but this machine has to be named here, whatever the plan says.
    fn judge_host(&self, host: &str, args: &RunArgs) -> Result<(), Trouble> {
        guard::judge_name(host, args)?;
        let is_own = host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback());
        if is_own || guard::is_named(host, &self.args.allow_target) {
            return Ok(());
        }
        Err(Trouble::usage(format!("this agent may not load {host}; start it with --allow-target {host} if it may")))
    }

    /// The flags of `volley run` that wire and guard look at: ours, and those of the plan that cannot do harm.
    fn run_args(&self, message: &PlanMessage) -> Result<Box<RunArgs>, Trouble> {
        let args = self.args;
        let mut words = vec!["volley".to_owned(), "run".into(), "agent".into()];
        let is_tls = message.load.over.starts_with("wss");
        let flags = [
            ("--allow-harm", args.allow_harm),
            ("--over-limit", args.over_limit),
            ("--plaintext-secrets", args.plaintext_secrets),
            ("--insecure", args.insecure && is_tls),
            ("--tls-resume", message.load.tls_resume && is_tls),
        ];
        words.extend(flags.iter().filter(|(_, is_given)| *is_given).map(|(flag, _)| (*flag).to_owned()));
        words.extend(message.load.http.iter().map(|host| format!("--http-target={host}")));
        words.extend(args.allow_target.iter().map(|host| format!("--allow-host={host}")));
        words.extend(args.i_own.iter().map(|host| format!("--i-own={host}")));
        words.extend(args.source_addr.iter().map(|address| format!("--source-addr={address}")));
        words.extend(args.ca.iter().filter(|_| is_tls).map(|file| format!("--ca={}", file.display())));
        let own = [("--cert", &args.cert), ("--key", &args.key)];
        words.extend(
            own.iter().filter(|_| is_tls).filter_map(|(flag, file)| file.as_ref().map(|file| format!("{flag}={}", file.display()))),
        );
        match Cli::try_parse_from(words) {
            // It stands in no word, for it may hold a password.
            Ok(Cli { command: Command::Run(mut parsed) }) => {
                parsed.proxy.clone_from(&args.proxy);
                Ok(parsed)
            }
            _ => Err(Trouble::internal("the flags of an agent are none of a run")),
        }
    }
}
