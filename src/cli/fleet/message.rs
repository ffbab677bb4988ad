//! A plan as it is published, and what an agent makes of it. The controller plays by what it reads back itself, so all sides
//! have the same numbers.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::cli::Trouble;
use crate::cli::args::Late;
use crate::cli::args::OnLoss;
use crate::cli::args::RunArgs;
use crate::cli::secrets::is_secret;
use crate::cli::trace;
use crate::dialogue::Score;
use crate::fleet::PROTOCOL;
use crate::fleet::RunId;
use crate::fleet::message::BLOB_MOST;
use crate::fleet::message::Blob;
use crate::fleet::message::Load;
use crate::fleet::message::Message as _;
use crate::fleet::message::PlanMessage;
use crate::fleet::message::TraceMessage;
use crate::fleet::message::sha256;
use crate::fleet::published;
use crate::plan::Part;
use crate::plan::Plan;
use crate::plan::Target;
use crate::profile::Backoff;
use crate::profile::Fill;
use crate::profile::Profile;
use crate::profile::Value;
use crate::profile::load;
use crate::profile::vars;
use crate::units::Nanos;

/// Largest message of a client accepted, in bytes, and connections begun at once by one agent.
const MESSAGE_CAP: usize = 256 << 10;
const DIALS: u32 = 256;

/// The message of a plan.
///
/// # Errors
/// When it would be too long.
pub(super) fn of(args: &RunArgs, plan: &Plan, run: RunId, shards: u32) -> Result<PlanMessage, Trouble> {
    let trace = trace_of(args, plan)?;
    let open = plan.vars.iter().filter(|(name, _)| !is_secret(&plan.profile, name));
    let message = PlanMessage {
        protocol: PROTOCOL,
        version: env!("CARGO_PKG_VERSION").into(),
        run,
        shards,
        profile: plan.profile.name.clone(),
        profile_text: plan.profile.text.clone(),
        load: Load {
            over: plan.over.to_string(),
            http: plan.http.as_ref().map(Target::origin),
            dialect: plan.dialect.clone(),
            subprotocol: args.subprotocol.clone(),
            reconnect_jitter: args.reconnect_jitter,
            tls_resume: args.tls_resume,
            clients: plan.clients,
            presence: plan.presence,
            group: plan.group,
            drops: plan.drops.clone(),
            storm: plan.storm,
            pacing: plan.pacing,
            count: plan.count,
            poisson: plan.poisson,
            ramp: plan.ramp,
            warmup: plan.warmup,
            duration: plan.duration,
            timeout: plan.timeout,
            seed: plan.seed,
            precise: plan.precise,
            stamps: plan.stamps,
        },
        vars: open.map(|(name, value)| (name.clone(), value.clone())).collect(),
        headers: plan.headers.clone(),
        columns: plan.columns.clone(),
        rows: plan.rows.clone(),
        fingerprint: String::new(),
        rows_at: None,
        sound_at: plan.sound.as_deref().map(Blob::of),
        sound: None,
        trace: trace.as_ref().map(|(message, _)| message.clone()),
        tape: None,
        orphan_grace_ns: args.fleet.orphan_grace.0,
        interval_ns: args.fleet.interval_of(shards).0,
        spares: args.fleet.on_loss == OnLoss::Replace || args.fleet.late == Late::Join,
    };
    let long = |e| Trouble::usage(format!("the plan cannot be sent to agents: {e}. Use a smaller profile, or fewer rows of --data"));
    let PlanMessage { rows, rows_at, .. } = published::fitted(message.clone()).map_err(long)?;
    let bare = published::bare(&PlanMessage { rows_at, ..message });
    let read = bare.encode().and_then(|bytes| PlanMessage::decode(&bytes)).map_err(Trouble::internal)?;
    let message =
        PlanMessage { fingerprint: fingerprint(&read), rows, sound: plan.sound.clone(), tape: trace.map(|(_, tape)| tape), ..read };
    Ok(message)
}

/// A trace and its bytes.
type Traced = (TraceMessage, Arc<[u8]>);

/// The trace of a plan that goes to agents.
fn trace_of(args: &RunArgs, plan: &Plan) -> Result<Option<Traced>, Trouble> {
    let Some(playback) = plan.trace.as_ref().filter(|_| args.fleet.cluster.is_some()) else { return Ok(None) };
    let bytes = trace::bytes(playback, BLOB_MOST)?;
    let is_typed = |name: &str| args.set.iter().any(|(set, _)| set == name) || (name == "message" && args.message.is_some());
    // Whether a secret has a value is known where it is.
    let is_set = |name: &str| !is_secret(&plan.profile, name) && (is_typed(name) || trace::is_in_environment(plan, name));
    let message = TraceMessage {
        at: Blob::of(&bytes),
        file: playback.file.clone(),
        speed: playback.speed,
        clones: playback.clones,
        set: plan.profile.vars.keys().filter(|name| is_set(name)).cloned().collect(),
    };
    Ok(Some((message, bytes.into())))
}

/// Makes the plan of a message one that plays its trace, if it has one; the trace, compiled. `own` are what was given a value here.
///
/// # Errors
/// When it cannot be played, or is not the one that the plan speaks of.
pub(super) fn score(message: &PlanMessage, plan: &mut Plan, own: &[(String, String)]) -> Result<Option<Arc<Score>>, Trouble> {
    let (Some(trace), Some(tape)) = (&message.trace, &message.tape) else { return Ok(None) };
    let (mut reader, tape) = trace::of_bytes(tape)?;
    let file = crate::units::printable(&trace.file, 200);
    let is_own = |name: &str| own.iter().any(|(set, _)| set == name) || trace::is_in_environment(plan, name);
    let own = plan.profile.vars.keys().filter(|name| is_secret(&plan.profile, name) && is_own(name));
    let set: Vec<String> = own.chain(&trace.set).cloned().collect();
    let way = trace::Way { file: &file, speed: trace.speed, clones: trace.clones, set: &set };
    let (score, playback) = trace::compile(&mut reader, &tape, &way, plan)?;
    if playback.clients() != plan.clients {
        return Err(Trouble::usage(format!("its trace has {} clients, and the plan {}", playback.clients(), plan.clients)));
    }
    plan.trace = Some(playback);
    Ok(Some(score))
}

/// What is published, in short: SHA-256 of everything else in it.
pub(super) fn fingerprint(message: &PlanMessage) -> String {
    let bare = PlanMessage { fingerprint: String::new(), ..published::bare(message) };
    sha256(&bare.encode().unwrap_or_default())
}

/// The profile of a message.
///
/// # Errors
/// What is wrong with it.
pub(super) fn profile(message: &PlanMessage) -> Result<Profile, String> {
    let made = load::from_text(&message.profile, &message.profile_text);
    let mut profile = made.map_err(|mistakes| format!("its profile cannot be used: {}", mistakes.snippets(false)))?;
    // As `volley run` has it: where nobody would come back after a storm, all do at once.
    if message.load.storm.is_some() && profile.reconnect.backoff.is_none() {
        profile.reconnect.backoff = Some(Backoff::Fixed(Nanos::ZERO));
    }
    if let Some(jitter) = message.load.reconnect_jitter {
        profile.reconnect.jitter = jitter;
    }
    if let Some(subprotocol) = &message.load.subprotocol {
        profile.endpoint.subprotocol = Some(subprotocol.clone());
    }
    Ok(profile)
}

/// The values of all variables: those of the message, and those that are ours.
///
/// # Errors
/// Which are missing or do not fit.
pub(super) fn values(
    message: &PlanMessage,
    profile: &Profile,
    own: &[(String, String)],
    env: impl Fn(&str) -> Option<String>,
) -> Result<BTreeMap<String, String>, String> {
    if let Some(name) = message.vars.keys().find(|name| is_secret(profile, name)) {
        return Err(format!("its plan gives the secret `{name}` a value; secrets are the agent's own"));
    }
    let row = message.columns.iter().cloned().zip(message.rows.first().into_iter().flatten().cloned());
    let sets: Vec<(String, String)> = own.iter().cloned().chain(message.vars.clone()).chain(row).collect();
    // What the environment says of other variables than secrets is the controller's to read.
    let secret = |name: &str| profile.vars.iter().any(|(var, rule)| rule.env.as_deref() == Some(name) && is_secret(profile, var));
    let env = |name: &str| env(name).filter(|_| secret(name));
    vars::resolve(profile, message.load.dialect.as_deref(), &sets, env).map_err(|problems| problems.join("; "))
}

/// The plan of a message, for the shard `part`.
///
/// # Errors
/// What is wrong with it.
pub(super) fn plan(
    message: &PlanMessage,
    profile: Profile,
    values: BTreeMap<String, String>,
    lanes: u32,
    part: Part,
) -> Result<Plan, String> {
    let load = &message.load;
    load.check()?;
    if message.rows.iter().any(|row| row.len() != message.columns.len()) {
        return Err("a row of its data has another length than the others".into());
    }
    if load.drops.iter().any(|(role, _)| *role >= profile.roles.len()) {
        return Err("it drops a role that its profile has not".into());
    }
    let over = Target::parse(&load.over)?;
    let value = |name: &str| {
        let told = profile.captures.iter().any(|capture| capture == name);
        values.get(name).map(|text| Value::Text(text)).or(told.then_some(Value::Text("..")))
    };
    let url = profile.endpoint.url.bind(value).map_err(|name| format!("variable `{name}` has no value"))?;
    let own = Target::parse(&url.text(&Fill::default()))?;
    let plan = Plan {
        dialect: load.dialect.clone(),
        target: own.overlay(&over),
        over,
        http: load.http.as_deref().map(Target::parse_http).transpose()?,
        headers: message.headers.clone(),
        vars: values,
        columns: message.columns.clone(),
        rows: message.rows.clone(),
        sound: message.sound.clone(),
        clients: load.clients,
        presence: load.presence,
        group: load.group,
        drops: load.drops.clone(),
        storm: load.storm,
        trace: None,
        pacing: load.pacing,
        count: load.count,
        poisson: load.poisson,
        ramp: load.ramp,
        warmup: load.warmup,
        duration: load.duration,
        timeout: load.timeout,
        dials: DIALS,
        seed: load.seed,
        lanes: 1,
        part,
        precise: load.precise,
        stamps: load.stamps,
        message_cap: MESSAGE_CAP,
        profile,
    };
    let lanes = lanes.min(u32::try_from(plan.own_clients()).unwrap_or(u32::MAX)).max(1);
    Ok(Plan { lanes, ..plan })
}
