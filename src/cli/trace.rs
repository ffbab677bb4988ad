//! `volley run --trace`: a recorded conversation compiled against the profile, and the plan that plays it.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::BufReader;
use std::io::Read as _;
use std::io::Write as _;
use std::sync::Arc;

use nix::sys::memfd::MFdFlags;
use nix::sys::memfd::memfd_create;

use super::Trouble;
use super::args::PaceArg;
use super::args::RunArgs;
use super::redact;
use super::redact::Redactor;
use super::run;
use super::say;
use super::tell as tell_aside;
use crate::dialogue::Recording;
use crate::dialogue::Score;
use crate::plan::Course;
use crate::plan::Curve;
use crate::plan::Pacing;
use crate::plan::Plan;
use crate::plan::Playback;
use crate::record::TraceRecord;
use crate::trace::Mistake;
use crate::trace::Reader;
use crate::trace::Tape;
use crate::units::MILLI;
use crate::units::Nanos;
use crate::units::Rate;
use crate::units::bytes_text;
use crate::units::grouped;

/// Most clients of a run.
const CLIENTS_MOST: u64 = 1_000_000;
/// Longest run.
const LONGEST: Nanos = Nanos(7 * 24 * 3_600 * crate::units::SECOND);

/// The score of the trace that was asked for; the plan is made one that plays it. `sets` are what the user gave values.
pub(super) fn prepare(args: &RunArgs, plan: &mut Plan, sets: &[(String, String)]) -> Result<Option<Arc<Score>>, Trouble> {
    let Some(path) = &args.play.trace else { return Ok(None) };
    check(args, plan)?;
    let file = path.display().to_string();
    let wrong = |mistake: Mistake| Trouble::usage(format!("the trace {file} cannot be played: {mistake}"));
    let (mut reader, tape) = Reader::open(path).map_err(wrong)?;
    if let Some(profile) = reader.head().profile.as_ref().filter(|profile| **profile != plan.profile.name) {
        let profile = crate::units::printable(profile, 64);
        tell_aside!("note: the trace was made with the profile `{profile}` and is played with `{}`", plan.profile.name);
    }
    let is_set = |name: &str| sets.iter().any(|(set, _)| set == name) || is_in_environment(plan, name);
    let set: Vec<String> = plan.profile.vars.keys().filter(|name| is_set(name)).cloned().collect();
    let way = Way { file: &file, speed: args.play.speed, clones: args.play.clones, set: &set };
    let (score, playback) = compile(&mut reader, &tape, &way, plan)?;
    fit(args, plan, playback)?;
    Ok(Some(score))
}

/// How a trace is played.
pub(super) struct Way<'a> {
    pub(super) file: &'a str,
    pub(super) speed: f64,
    pub(super) clones: u64,
    /// Variables that were given a value.
    pub(super) set: &'a [String],
}

/// Compiles a trace against the profile of `plan`, and what plays it.
pub(super) fn compile(
    reader: &mut Reader<BufReader<File>>,
    tape: &Tape,
    way: &Way<'_>,
    plan: &mut Plan,
) -> Result<(Arc<Score>, Playback), Trouble> {
    let playback = |score: &Score| Playback {
        file: way.file.to_owned(),
        tape: tape.clone(),
        speed: way.speed,
        clones: way.clones,
        frames: score.frames(),
        peak: score.peak,
        length: Nanos(score.length_ns),
        courses: score.parts.iter().map(|part| Course { open_ns: part.open_ns, close: part.close }).collect(),
    };
    // Kinds of messages are those of a run that plays a trace.
    plan.trace = Some(playback(&Score::default()));
    let (values, script) = (run::values(plan), run::script(plan, None)?);
    let recording = Recording {
        profile: &plan.profile,
        dialect: plan.dialect.as_deref(),
        values: &values,
        script: &script,
        speed: way.speed,
        is_set: &|name| way.set.iter().any(|set| set == name),
        is_secret: &redact::looks_secret,
    };
    let wrong = |mistake: Mistake| Trouble::usage(format!("the trace {} cannot be played: {mistake}", way.file));
    let score = Score::compile(reader, &recording).map_err(wrong)?;
    let playback = playback(&score);
    Ok((Arc::new(score), playback))
}

/// A trace that came as bytes; they are kept in memory, for an agent may have no disk.
pub(super) fn of_bytes(bytes: &[u8]) -> Result<(Reader<BufReader<File>>, Tape), Trouble> {
    let wrong = |why: String| Trouble::usage(format!("the trace of the plan cannot be played: {why}"));
    let memory = memfd_create(c"trace", MFdFlags::MFD_CLOEXEC).map_err(|e| wrong(e.to_string()))?;
    let mut file = File::from(memory);
    file.write_all(bytes).map_err(|e| wrong(e.to_string()))?;
    let tape = Tape::of(file);
    let rewound = tape.rewound().map_err(|e| wrong(e.to_string()))?;
    let reader = Reader::new(BufReader::with_capacity(256 << 10, rewound)).map_err(|mistake| wrong(mistake.to_string()))?;
    Ok((reader, tape))
}

/// The bytes of the trace that a plan plays, up to `most`.
pub(super) fn bytes(trace: &Playback, most: u64) -> Result<Vec<u8>, Trouble> {
    let wrong = |why: String| Trouble::usage(format!("the trace {} cannot be sent to agents: {why}", trace.file));
    let mut bytes = Vec::new();
    let file = trace.tape.rewound().map_err(|e| wrong(e.to_string()))?;
    file.take(most + 1).read_to_end(&mut bytes).map_err(|e| wrong(e.to_string()))?;
    if bytes.len() as u64 > most { Err(wrong(format!("it has more than {}", bytes_text(most)))) } else { Ok(bytes) }
}

/// Refuses flags that say how much is sent, for a trace says that itself.
fn check(args: &RunArgs, plan: &Plan) -> Result<(), Trouble> {
    let flags = [
        (args.rate.is_some(), "--rate", "pass --speed to play it faster or slower"),
        (args.shape.is_some(), "--shape", "pass --speed to play it faster or slower"),
        (args.closed.is_some(), "--closed", "pass --speed to play it faster or slower"),
        (args.count.is_some(), "-n", "pass --duration to play its beginning only"),
        (args.clients.is_some(), "--clients", "pass --clones to play it several times at once"),
        (args.pace == PaceArg::Poisson, "--pace poisson", "leave it out"),
    ];
    if let Some((_, flag, instead)) = flags.iter().find(|(given, ..)| *given) {
        return Err(Trouble::usage(format!("{flag} and --trace: a trace has its own timing and clients; {instead}")));
    }
    match plan.profile.harm.as_ref().filter(|_| !args.allow_harm) {
        Some(harm) => Err(Trouble::usage(format!(
            "a trace may hold any message, and profile `{}` declares harm: {harm}. If you know what the trace holds, pass --allow-harm",
            plan.profile.name
        ))),
        None => Ok(()),
    }
}

/// Whether the environment gives a variable its value.
pub(super) fn is_in_environment(plan: &Plan, name: &str) -> bool {
    let env = plan.profile.vars.get(name).and_then(|var| var.env.as_deref());
    env.and_then(|env| std::env::var(env).ok()).is_some_and(|value| !value.is_empty())
}

/// Makes the plan one that plays the trace.
fn fit(args: &RunArgs, plan: &mut Plan, playback: Playback) -> Result<(), Trouble> {
    let clients = playback.clients();
    if clients > CLIENTS_MOST {
        return Err(Trouble::usage(format!(
            "{} connections x {} clones are more than {} clients; pass fewer --clones",
            grouped(playback.courses.len() as u64),
            grouped(playback.clones),
            grouped(CLIENTS_MOST)
        )));
    }
    let rows = plan.rows.len() as u64;
    if rows > 0 && rows < clients && !args.data_wrap {
        return Err(Trouble::usage(format!(
            "--data: {rows} rows for the {clients} clients of the trace; give more rows, or let clients share them with --data-wrap"
        )));
    }
    plan.clients = clients;
    plan.lanes = plan.lanes.max(args.lanes.unwrap_or(1)).min(u32::try_from(clients).unwrap_or(u32::MAX));
    plan.ramp = Nanos(args.ramp.map_or(clients.div_ceil(10) * 10 * MILLI, |ramp| ramp.0.next_multiple_of(MILLI)));
    plan.warmup = Nanos::ZERO;
    plan.duration = args.duration.map_or(playback.duration(plan.ramp), |duration| Nanos(duration.0.next_multiple_of(MILLI)));
    // Only bounds follow from it: how many answers are awaited at once.
    let rate = Rate::new(playback.peak.max(1) as f64).expect("it is at least 1");
    plan.pacing = Pacing::Open(Curve::Constant { rate });
    if plan.duration > LONGEST {
        return Err(Trouble::usage(format!(
            "at x{} the trace takes {}, longer than a week; pass a higher --speed",
            playback.speed, plan.duration
        )));
    }
    plan.trace = Some(playback);
    Ok(())
}

/// The trace in words: `dm.ndjson at x10, 3 clones`.
pub(super) fn words(trace: &Playback) -> String {
    let clones = if trace.clones > 1 { format!(", {} clones", grouped(trace.clones)) } else { String::new() };
    format!("{} at x{}{clones}", trace.file, trace.speed)
}

/// The trace as stored.
pub(super) fn record(trace: &Playback, redactor: &Redactor) -> TraceRecord {
    TraceRecord {
        file: redactor.ours(&trace.file),
        speed: trace.speed,
        clones: trace.clones,
        connections: trace.courses.len() as u64,
        frames: trace.frames,
        length_ns: trace.length.0,
    }
}

/// What is in the trace, for `--dry-run`.
pub(super) fn tell(plan: &Plan, score: &Score) {
    let Some(trace) = &plan.trace else { return };
    let (frames, conns) = (grouped(score.frames()), grouped(score.parts.len() as u64));
    say!("trace     {}: {frames} frames of {conns} connections in {}", trace.file, trace.length);
    let mut roles: BTreeMap<usize, u64> = BTreeMap::new();
    score.parts.iter().for_each(|part| *roles.entry(part.role).or_default() += 1);
    for (role, n) in roles {
        let of_role = score.counts.iter().filter(|((of, _), _)| *of == role);
        let kinds = of_role.map(|((_, name), n)| match name {
            Some(name) => format!("{name} {}", grouped(*n)),
            None => format!("{} that are no message of the profile and are sent as they are", grouped(*n)),
        });
        let kinds: Vec<String> = kinds.collect();
        say!("          {} {}: {}", grouped(n), plan.profile.roles[role].name, kinds.join(", "));
    }
    if !score.anew.is_empty() {
        let anew: Vec<&str> = score.anew.iter().map(String::as_str).collect();
        say!("anew      {}", anew.join(", "));
    }
    say!("          {} sends in all; the index takes {}", grouped(score.frames() * trace.clones), bytes_text(score.resident()));
}
