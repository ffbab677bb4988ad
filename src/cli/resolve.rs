//! From what was typed to a plan: profile, variables, target, amounts. All that is wrong with the
//! profile or the variables is said at once.

use std::collections::BTreeMap;
use std::io::Read;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use super::Trouble;
use super::args::PaceArg;
use super::args::RunArgs;
use super::args::StampsArg;
use super::data::Data;
use super::secrets;
use super::sound;
use super::tell;
use crate::plan::Curve;
use crate::plan::OPENING;
use crate::plan::Pacing;
use crate::plan::Part;
use crate::plan::Plan;
use crate::plan::Stamps;
use crate::plan::Storm;
use crate::plan::Target;
use crate::profile::Backoff;
use crate::profile::Fill;
use crate::profile::Profile;
use crate::profile::Value;
use crate::profile::load;
use crate::profile::shipped;
use crate::profile::vars;
use crate::units::MILLI;
use crate::units::Nanos;
use crate::units::Rate;
use crate::units::SECOND;

/// Largest profile read, in bytes.
pub(super) const PROFILE_MAX: u64 = 1 << 20;
/// Largest value read from a file, in bytes.
const VALUE_MAX: u64 = 64 << 10;
/// Variable that `--message` gives a value.
const MESSAGE: &str = "message";
/// Largest message accepted, in bytes.
const MESSAGE_CAP: usize = 256 << 10;
/// Clients unless said, and sends a second of each.
const CLIENTS: u64 = 100;
const RATE_PER_S: f64 = 10.0;
/// How long is measured unless said.
const DURATION: Nanos = Nanos(10 * SECOND);
/// Longest run, warm-up or ramp.
const LONGEST: Nanos = Nanos(7 * 24 * 3_600 * SECOND);

/// A shipped profile by name, or the one in a file.
pub(super) fn profile(name: &str, colour: bool) -> Result<Profile, Trouble> {
    let is_path = name.ends_with(".toml") || name.contains('/');
    if !is_path {
        return shipped::get(name).map_err(Trouble::usage);
    }
    let path = Path::new(name);
    let wrong = |e: std::io::Error| Trouble::usage(format!("the profile {name} cannot be read: {e}"));
    let size = std::fs::metadata(path).map_err(wrong)?.len();
    if size > PROFILE_MAX {
        return Err(Trouble::usage(format!("the profile {name} has {size} bytes; the most is {PROFILE_MAX}")));
    }
    let text = std::fs::read_to_string(path).map_err(wrong)?;
    load::from_text(name, &text)
        .map_err(|mistakes| Trouble::usage(format!("the profile {name} cannot be used\n{}", mistakes.snippets(colour))))
}

/// The values of all variables.
pub(super) fn variables(profile: &Profile, dialect: Option<&str>, sets: &[(String, String)]) -> Result<BTreeMap<String, String>, Trouble> {
    vars::resolve(profile, dialect, sets, |name| std::env::var(name).ok()).map_err(|problems| Trouble::usage(problems.join("\nerror: ")))
}

/// How many clients of `profile` make a group, with what was set.
pub(super) fn group(profile: &Profile, typed: &[(String, String)]) -> Result<u64, Trouble> {
    let mut size = 0u64;
    for role in &profile.roles {
        let value = |name: &str| {
            let set = typed.iter().rev().find(|(set, _)| set == name).map(|(_, value)| value.as_str());
            set.or_else(|| profile.vars.get(name)?.default.as_deref()).map(Value::Text)
        };
        let count = role.count.bind(value).map_err(|name| Trouble::usage(format!("variable `{name}` has no value")))?;
        size = size.saturating_add(count.text(&Fill::default()).parse().unwrap_or(1));
    }
    Ok(size.max(1))
}

/// The rows of `--data`; none without it.
pub(super) fn data(args: &RunArgs, profile: &Profile) -> Result<Data, Trouble> {
    match &args.data {
        // How many clients a trace has is known later.
        Some(path) if args.play.trace.is_some() => Data::read(path, profile, u64::MAX, true),
        Some(path) => Data::read(path, profile, clients(args)?.1, args.data_wrap),
        None => Ok(Data::default()),
    }
}

/// How many clients there are at the beginning, and at most.
fn clients(args: &RunArgs) -> Result<(u64, u64), Trouble> {
    match (args.clients, args.shape.as_ref().and_then(|shape| shape.clients.as_ref())) {
        (Some(_), Some(_)) => Err(Trouble::usage("--clients and the clients of --shape say the same thing twice; give one of them")),
        (None, Some(pieces)) => Ok(pieces.clients()),
        (typed, None) => Ok((typed.unwrap_or(CLIENTS), typed.unwrap_or(CLIENTS))),
    }
}

/// The rate of each client over time, in a run whose measured time begins at `measure_from`.
fn curve(args: &RunArgs, measure_from: Nanos) -> Result<Curve, Trouble> {
    match (args.rate, args.shape.as_ref().and_then(|shape| shape.rate.as_ref())) {
        (Some(_), Some(_)) => Err(Trouble::usage("--rate and the rate of --shape say the same thing twice; give one of them")),
        (None, Some(pieces)) => pieces.curve(measure_from).map_err(Trouble::usage),
        (Some(rate), None) => Ok(rate),
        (None, None) => Ok(Curve::Constant { rate: Rate::new(RATE_PER_S).expect("it is above 0") }),
    }
}

/// The pairs of `--set`, and that of `--message`.
///
/// # Errors
/// When the profile sends a text of its own.
pub(super) fn typed_values(args: &RunArgs, profile: &Profile) -> Result<Vec<(String, String)>, Trouble> {
    let message = args.message.as_ref().map(|text| (MESSAGE.to_owned(), text.clone()));
    if message.is_some() && !profile.vars.contains_key(MESSAGE) {
        let name = &profile.name;
        return Err(Trouble::usage(format!(
            "--message: the profile `{name}` sends texts of its own; `volley run ask --message ..` sends yours"
        )));
    }
    Ok(args.set.iter().cloned().chain(message).collect())
}

/// The pairs of `--set` with `@FILE` read; `@@` stands for a value that begins with `@`.
pub(super) fn sets(profile: &Profile, typed: &[(String, String)]) -> Result<Vec<(String, String)>, Trouble> {
    let read = |(name, value): &(String, String)| {
        let value = match value.strip_prefix('@') {
            Some(literal) if literal.starts_with('@') => literal.to_owned(),
            Some(path) => from_file(path, name, secrets::is_secret(profile, name))?,
            None => value.clone(),
        };
        Ok((name.clone(), value))
    };
    typed.iter().map(read).collect()
}

/// The text of a file without the line break at its end. What is said of a file for a secret does not
/// repeat its path, which may have been meant as the secret itself.
fn from_file(path: &str, name: &str, is_secret: bool) -> Result<String, Trouble> {
    let shown = if is_secret { "the file" } else { path };
    let wrong = |why: String| {
        Trouble::usage(format!("{shown} of --set {name}=@FILE cannot be used: {why}. A value that begins with `@` is written `@@`"))
    };
    let file = std::fs::File::open(path).map_err(|e| wrong(e.to_string()))?;
    let about = file.metadata().map_err(|e| wrong(e.to_string()))?;
    let mut text = String::new();
    file.take(VALUE_MAX + 1).read_to_string(&mut text).map_err(|e| wrong(e.to_string()))?;
    if text.len() as u64 > VALUE_MAX {
        return Err(wrong(format!("it has more than {VALUE_MAX} bytes")));
    }
    if is_secret && about.is_file() && about.permissions().mode() & 0o077 != 0 {
        tell!("warning: the file of secret `{name}` can be read by others than its owner; chmod 600 keeps it to you");
    }
    let text = text.strip_suffix('\n').unwrap_or(&text);
    Ok(text.strip_suffix('\r').unwrap_or(text).to_owned())
}

/// The plan. `target` is what takes the place of the profile's endpoint.
pub(super) fn plan(
    args: &RunArgs,
    profile: Profile,
    values: BTreeMap<String, String>,
    target: &Target,
    lanes: u32,
) -> Result<Plan, Trouble> {
    check_times(args)?;
    if args.http_target.is_some() && profile.https.is_empty() {
        return Err(Trouble::usage(format!("--http-target: profile `{}` makes no requests over HTTP", profile.name)));
    }
    let dialect = profile.dialect(args.dialect.as_deref()).map_err(Trouble::usage)?.map(str::to_owned);
    let value = |name: &str| {
        let told = profile.captures.iter().any(|capture| capture == name);
        values.get(name).map(|text| Value::Text(text)).or(told.then_some(Value::Text("..")))
    };
    let url = profile.endpoint.url.bind(value).map_err(|name| Trouble::usage(format!("variable `{name}` has no value")))?;
    // The address of client 0, for people; each client's is made when it is dialed.
    let own = Target::parse(&url.text(&Fill::default())).map_err(Trouble::usage)?;
    let mut profile = that_comes_back(profile, args);
    if let Some(subprotocol) = &args.subprotocol {
        profile.endpoint.subprotocol = Some(subprotocol.clone());
    }
    let (first_clients, clients) = clients(args)?;
    let ramp = args.ramp.unwrap_or(Nanos(first_clients.div_ceil(10) * 10 * MILLI));
    let ramp = Nanos(ramp.0.next_multiple_of(MILLI));
    let warmup = if args.count.is_some() { Nanos::ZERO } else { Nanos(args.warmup.0.next_multiple_of(MILLI)) };
    let opened = ramp.plus(OPENING);
    let curve = curve(args, opened.plus(warmup))?;
    let shaped = args.shape.as_ref().and_then(|shape| shape.clients.as_ref());
    let presence = shaped.map(|pieces| pieces.presence(opened.plus(warmup), ramp)).transpose().map_err(Trouble::usage)?;
    // The first send of the last client is due within one period of its joining.
    let duration = match (args.count, &args.shape) {
        (Some(count), _) => curve.time_for(opened, count as f64 + 1.0),
        (None, Some(shape)) => args.duration.unwrap_or(shape.length()),
        (None, None) => args.duration.unwrap_or(DURATION),
    };
    let mut plan = Plan {
        dialect,
        target: own.overlay(target),
        over: target.clone(),
        http: args.http_target.clone(),
        headers: args.headers.clone(),
        vars: values,
        columns: Vec::new(),
        rows: Vec::new(),
        sound: args.audio.as_deref().map(sound::read).transpose()?,
        clients,
        presence,
        group: 1,
        drops: drops(args, &profile)?,
        storm: storm(args)?,
        trace: None,
        pacing: args.closed.map_or(Pacing::Open(curve), Pacing::Closed),
        count: args.count,
        poisson: args.pace == PaceArg::Poisson,
        ramp,
        warmup,
        duration: Nanos(duration.0.next_multiple_of(MILLI)),
        timeout: args.timeout,
        dials: 256,
        seed: args.seed,
        lanes: lanes.min(u32::try_from(clients).unwrap_or(u32::MAX)),
        part: Part::WHOLE,
        precise: args.precise,
        stamps: match args.stamps {
            StampsArg::Kernel => Stamps::Kernel,
            StampsArg::Read => Stamps::Read,
        },
        message_cap: MESSAGE_CAP,
        hops: false,
        profile,
    };
    if args.hops {
        plan.split_hops();
    }
    Ok(plan)
}

/// Roles to be dropped, by index, and when.
fn drops(args: &RunArgs, profile: &Profile) -> Result<Vec<(usize, Nanos)>, Trouble> {
    let names: Vec<&str> = profile.roles.iter().map(|role| role.name.as_str()).collect();
    let drop = |(role, time): &(String, Nanos)| match names.iter().position(|name| name == role) {
        None => Err(Trouble::usage(format!("--drop: profile `{}` has no role `{role}`; it has {}", profile.name, names.join(", ")))),
        Some(_) if args.duration.is_some_and(|duration| *time >= duration) => {
            Err(Trouble::usage(format!("--drop {role}@{time} lies behind the measured time of {}", args.duration.unwrap_or_default())))
        }
        Some(index) => Ok((index, *time)),
    };
    args.drop.iter().map(drop).collect()
}

/// The profile of a run with a storm: where it has nobody come back, those struck do at once.
fn that_comes_back(mut profile: Profile, args: &RunArgs) -> Profile {
    if args.storm.is_some() && profile.reconnect.backoff.is_none() {
        tell!("note: the profile `{}` has no [reconnect]; in this run clients come back at once", profile.name);
        profile.reconnect.backoff = Some(Backoff::Fixed(Nanos::ZERO));
    }
    if let Some(jitter) = args.reconnect_jitter {
        profile.reconnect.jitter = jitter;
    }
    profile
}

/// The storm, which has to strike while there is a load.
fn storm(args: &RunArgs) -> Result<Option<Storm>, Trouble> {
    let duration = args.duration.unwrap_or(DURATION);
    match args.storm {
        Some(storm) if storm.at >= duration => {
            Err(Trouble::usage(format!("--storm {storm} would strike behind the measured time of {duration}; lengthen --duration")))
        }
        storm => Ok(storm),
    }
}

fn check_times(args: &RunArgs) -> Result<(), Trouble> {
    if args.duration.unwrap_or(DURATION).0 < 100 * MILLI {
        return Err(Trouble::usage(format!(
            "--duration {} is too short to measure anything; the least is 100ms",
            args.duration.unwrap_or_default()
        )));
    }
    if args.timeout.0 < MILLI {
        return Err(Trouble::usage("--timeout must be at least 1ms"));
    }
    for (flag, time) in [
        ("--duration", args.duration.unwrap_or(DURATION)),
        ("--warmup", args.warmup),
        ("--timeout", args.timeout),
        ("--ramp", args.ramp.unwrap_or_default()),
    ] {
        if time > LONGEST {
            return Err(Trouble::usage(format!("{flag} {time} is longer than a week")));
        }
    }
    let whole = args.ramp.unwrap_or_default().plus(args.warmup).plus(args.duration.unwrap_or(DURATION));
    // A client numbers its sends in 32 bits.
    if let Some(rate) = args.rate.filter(|rate| rate.peak().per_s() * whole.as_secs_f64() > f64::from(u32::MAX)) {
        return Err(Trouble::usage(format!("--rate {rate} over {whole} is more than the 4,294,967,295 sends that a client can make")));
    }
    Ok(())
}
