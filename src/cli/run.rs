//! `volley run`: from the command line to a record and its reports.

mod engine;

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicI32;
use std::sync::atomic::Ordering;
use std::sync::mpsc;
use std::time::SystemTime;
use std::time::UNIX_EPOCH;

use nix::sys::signal::Signal;

pub(super) use engine::Engine;

use super::Trouble;
use super::args::RunArgs;
use super::child::Server;
use super::data::Data;
use super::dry;
use super::fleet;
use super::fleet::lead::Lead;
use super::guard;
use super::limits;
use super::live;
use super::metrics::Metrics;
use super::outcome;
use super::place::Places;
use super::preflight;
use super::probe::Printer;
use super::progress;
use super::progress::Show;
use super::proxy::Proxy;
use super::redact;
use super::redact::Redactor;
use super::repeat;
use super::resolve;
use super::route;
use super::secrets::Secrets;
use super::secrets::Typed;
use super::signals;
use super::tell;
use super::trace;
use crate::dialogue::Bounds;
use crate::dialogue::Cast;
use crate::dialogue::Score;
use crate::dialogue::Script;
use crate::dialogue::Values;
use crate::plan::Plan;
use crate::plan::Target;
use crate::record::Event;
use crate::record::Manifest;
use crate::record::Writer;
use crate::record::row;
use crate::report::limit::Live;
use crate::swarm::Control;
use crate::swarm::Sink;
use crate::tally::Second;
use crate::units::Nanos;
use crate::wire::Routes;

/// Runs a load test; the exit code.
pub(super) fn run(args: &RunArgs) -> Result<u8, Trouble> {
    tapped(args, None)
}

/// Runs a load test whose messages are printed and, if a file is given, written as a transcript.
pub(super) fn tapped(args: &RunArgs, tap: Option<&Option<PathBuf>>) -> Result<u8, Trouble> {
    if let Some(times) = args.repeat.filter(|_| !args.dry_run) {
        return repeat::run(args, times);
    }
    let look = outcome::Look::of_run(args)?;
    let way = progress::way(args, tap.is_some())?;
    let places = Places::take(args)?;
    let mut prepared = prepare(args, &look)?;
    if args.dry_run {
        return dry::run(&mut prepared.plan, prepared.score.as_deref(), prepared.target.is_none(), &prepared.secrets, args);
    }
    fleet::can_be_reached(args)?;
    let Prepared { mut plan, score, dialect, target, secrets, redactor, tls, limits } = prepared;
    let server = if target.is_none() { Some(Server::start(&args.profile, dialect.as_deref(), &[])?) } else { None };
    let routes = route::routes(&mut plan, server.as_ref(), tls, &secrets, args)?;
    let engine = if args.fleet.is_asked() { Engine::Fleet(Box::new(Lead::new(args, &mut plan, &secrets)?)) } else { Engine::Here };
    let script = Arc::new(script(&plan, score.as_ref())?);
    let plan = Arc::new(plan);
    let mut manifest = outcome::manifest(&plan, &script, &routes, server.is_some(), &limits, redactor);
    if let Engine::Fleet(lead) = &engine {
        lead.name(&mut manifest);
    }
    let dir = args.out.clone().unwrap_or_else(|| default_dir(&manifest));
    if args.progress != super::args::Progress::None {
        tell!("{} -> {} ({}), {}", plan.profile.name, plan.target, routes.target.address, amount(&plan));
    }
    measure(Measurement { engine, plan, script, routes, server, manifest, dir, look, way, places, redactor, tap: tap.cloned() })
}

/// A run that could begin.
struct Prepared {
    plan: Plan,
    /// The trace that is played, if one is.
    score: Option<Arc<Score>>,
    dialect: Option<String>,
    target: Option<Target>,
    secrets: Secrets,
    redactor: &'static Redactor,
    tls: route::Protections,
    limits: Vec<String>,
}

/// Everything that can be wrong with the plan is said before a server is started or looked for.
fn prepare(args: &RunArgs, look: &outcome::Look) -> Result<Prepared, Trouble> {
    let files = preflight::raise_files();
    let profile = resolve::profile(&args.profile, look.colour_err)?;
    let sets = resolve::sets(&profile, &resolve::typed_values(args, &profile)?)?;
    let sets = fleet::without_secrets(args, &profile, sets)?;
    let dialect = profile.dialect(args.dialect.as_deref()).map_err(Trouble::usage)?.map(str::to_owned);
    let data = resolve::data(args, &profile)?;
    let values = resolve::variables(&profile, dialect.as_deref(), &with_row(&sets, &data))?;
    let target = args.target.as_deref().map(Target::parse).transpose().map_err(Trouble::usage)?;
    for target in target.iter().chain(&args.http_target) {
        guard::judge_name(&target.host, args)?;
    }
    let lanes = args.lanes.unwrap_or_else(default_lanes);
    let placeholder = Target { host: "127.0.0.1".into(), port: 1, tls: false, path_and_query: "/".into() };
    let mut plan = resolve::plan(args, profile, values, target.as_ref().unwrap_or(&placeholder), lanes)?;
    plan.columns.clone_from(&data.columns);
    plan.rows.clone_from(&data.rows);
    let authorization = args.proxy.as_ref().and_then(Proxy::authorization);
    let typed = Typed {
        data: &data,
        sets: &sets,
        headers: &args.headers,
        target: target.as_ref(),
        subprotocol: args.subprotocol.as_deref(),
        proxy: authorization.as_deref(),
    };
    let secrets = Secrets::of(&plan, &typed)?;
    let redactor = redact::install(secrets.redactor());
    guard::judge_harm(&plan, args.allow_harm)?;
    let tls = route::protections(args, target.as_ref())?;
    let score = trace::prepare(args, &mut plan, &sets)?;
    let rehearsed = script(&plan, score.as_ref())?;
    let limits = limits::gather(args, &plan.profile)?;
    plan.play_in_groups(rehearsed.cast.group());
    whole_groups(&plan, &rehearsed.cast)?;
    if args.fleet.cluster.is_none() {
        preflight::check(&plan, args.source_addr.len(), files)?;
    }
    Ok(Prepared { plan, score, dialect, target, secrets, redactor, tls, limits })
}

/// All that a measurement needs.
pub(super) struct Measurement {
    pub(super) engine: Engine,
    pub(super) plan: Arc<Plan>,
    pub(super) script: Arc<Script>,
    pub(super) routes: Routes,
    pub(super) server: Option<Server>,
    pub(super) manifest: Manifest,
    /// Where the record goes.
    pub(super) dir: PathBuf,
    pub(super) look: outcome::Look,
    pub(super) way: progress::Way,
    /// Where the run is watched over HTTP.
    pub(super) places: Places,
    pub(super) redactor: &'static Redactor,
    /// Whether messages are printed, and the file they are written to.
    pub(super) tap: Option<Option<PathBuf>>,
}

/// Measures, and shows what came of it; the exit code.
pub(super) fn measure(mut m: Measurement) -> Result<u8, Trouble> {
    let (mut control, mut printer) = (Control::default(), None);
    if let Some(transcript) = m.tap.take() {
        let (tap, tapped) = mpsc::channel();
        control = Control::tapped(tap);
        printer = Some(Printer::start(tapped, m.redactor, transcript)?);
    }
    let control = Arc::new(control);
    let signal = Arc::new(AtomicI32::new(0));
    let stop = stopper(&control, &signal);
    signals::on_stop(stop.clone())?;
    let stop = move || stop(Signal::SIGINT as i32);
    let begun = engine::begin(m.engine, &m.plan, &m.script, &m.routes, &m.dir, &mut m.manifest, &control)?;
    let mut writer = begun.writer(&m.dir, &m.manifest)?;
    let mut sink = Recorder {
        script: &m.script,
        writer: &mut writer,
        redactor: m.redactor,
        show: Show::new(m.way, &m.manifest, &m.script, m.look.colour_err, stop)?,
        live: Live::of(&m.manifest),
        broke: None,
        control: &control,
        pauses: Vec::new(),
        generator: outcome::GeneratorSum::default(),
        phase: "",
    };
    let live = m.places.live.take().map(|place| live::Live::open(place, m.dir.clone())).transpose()?;
    let metrics = m.places.metrics.take().map(|place| Metrics::open(place, &m.manifest, &m.script)).transpose()?;
    sink.show.also(live, metrics);
    let (swarm, fleet) = begun.play(&m.plan, &m.script, &m.routes, &control, &mut sink).map_err(|e| {
        let dir = m.dir.display();
        Trouble::internal(format!("the run could not go on: {e}. What was recorded so far is in {dir}; `volley report {dir}` shows it"))
    })?;
    let (pauses, generator, broke) = (sink.pauses, sink.generator, sink.broke);
    sink.show.end();
    if let Some(printer) = printer {
        control.hang_up();
        let beats: Vec<(usize, String)> = m.plan.profile.beats.iter().map(|beat| (beat.reply, beat.name.clone())).collect();
        printer.end(&beats, m.redactor)?;
    }
    let account = m.server.take().and_then(Server::stop);
    let signal = Some(signal.load(Ordering::SeqCst)).filter(|s| *s != 0);
    outcome::finish(outcome::Ended {
        plan: &m.plan,
        script: &m.script,
        manifest: m.manifest,
        writer,
        swarm,
        fleet,
        pauses,
        generator,
        account,
        signal,
        broke,
        look: &m.look,
        redactor: m.redactor,
    })
}

/// What stops the run, with the number of the signal that asked; a key of the live view asks as Ctrl-C does.
fn stopper(control: &Arc<Control>, signal: &Arc<AtomicI32>) -> impl Fn(i32) + Clone + Send + 'static {
    let (control, signal) = (control.clone(), signal.clone());
    move |number| {
        let is_first = signal.compare_exchange(0, number, Ordering::SeqCst, Ordering::SeqCst).is_ok();
        tell!("{}", if is_first { "\nstopping: answers are awaited for a second; again to leave at once" } else { "leaving at once" });
        control.stop();
    }
}

/// Writes each second down and shows it.
struct Recorder<'a> {
    script: &'a Script,
    writer: &'a mut Writer,
    redactor: &'a Redactor,
    show: Show<'a>,
    /// Limits that may end the run, and the one that did.
    live: Option<Live>,
    broke: Option<String>,
    control: &'a Control,
    pauses: Vec<crate::record::Pause>,
    generator: outcome::GeneratorSum,
    phase: &'static str,
}

impl Recorder<'_> {
    fn note(&mut self, t_ns: u64, kind: &str, text: &str) {
        let text = self.redactor.theirs(text);
        if let Err(e) = self.writer.event(&Event { t_ns, kind: kind.into(), text }) {
            tell!("\nwarning: {e}; the run goes on, its record has a gap");
        }
    }
}

impl Sink for Recorder<'_> {
    fn second(&mut self, second: &Second) {
        if second.phase != self.phase {
            self.phase = second.phase;
            self.note(second.start_ns, "phase", second.phase);
        }
        for gap in &second.pauses {
            self.note(gap.at_ns, "pause", &format!("no turn for {}", Nanos(gap.length_ns)));
        }
        let hists = row::hists(self.script, second);
        let hists: Vec<(&str, &crate::tally::Hist)> = hists.iter().map(|(tag, hist)| (tag.as_str(), *hist)).collect();
        let row = row::row(self.script, second);
        if let Err(e) = self.writer.second(&row, &hists) {
            tell!("\nwarning: {e}; the run goes on, its record has a gap");
        }
        let broken = self.live.as_mut().and_then(|live| live.second(&row, hists.iter().copied()));
        if let Some(why) = broken {
            self.live = None;
            self.note(second.end_ns, "stop", &why);
            tell!("\nstopping: {why}");
            self.broke = Some(why);
            self.control.stop();
        }
        self.generator.add(second);
        if second.phase == "measure" {
            self.pauses.extend(second.pauses.iter().map(|g| crate::record::Pause { at_ns: g.at_ns, length_ns: g.length_ns }));
        }
        self.show.second(second, &row);
    }

    fn note(&mut self, t_ns: u64, kind: &str, text: &str) {
        Recorder::note(self, t_ns, kind, text);
    }
}

/// The profile compiled for this plan.
pub(super) fn script(plan: &Plan, score: Option<&Arc<Score>>) -> Result<Script, Trouble> {
    let bounds = Bounds {
        measure_from: plan.measure_from().0,
        measure_until: plan.measure_until().0,
        timeout: plan.timeout.0,
        window: plan.window(),
        seed: plan.seed,
        unix_ms: SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as u64),
    };
    let mut script = Script::compile(&plan.profile, plan.dialect.as_deref(), &values(plan), bounds).map_err(Trouble::usage)?;
    if let Some(score) = score {
        script.play(score.clone()).map_err(Trouble::usage)?;
    }
    Ok(script)
}

/// What the variables of the plan's profile stand for.
pub(super) fn values(plan: &Plan) -> Values {
    Values {
        vars: plan.vars.clone(),
        columns: plan.columns.clone(),
        rows: plan.rows.clone(),
        sound: plan.sound.clone(),
        played: plan.trace.is_some(),
    }
}

/// What was set, and for the variables that data have, the values of its first row: those of client 0.
fn with_row(sets: &[(String, String)], data: &Data) -> Vec<(String, String)> {
    let row = data.columns.iter().cloned().zip(data.rows.first().into_iter().flatten().cloned());
    sets.iter().cloned().chain(row).collect()
}

/// Refuses a number of clients that leaves a group without some of its members.
fn whole_groups(plan: &Plan, cast: &Cast) -> Result<(), Trouble> {
    let Some(words) = cast.words().filter(|_| !plan.clients.is_multiple_of(plan.group)) else { return Ok(()) };
    let (less, more) = (plan.clients / plan.group * plan.group, plan.clients.next_multiple_of(plan.group));
    let less = if less > 0 { format!("{less} or ") } else { String::new() };
    Err(Trouble::usage(format!(
        "--clients {} are not whole groups: `{}` plays in groups of {} ({words}). Take {less}{more}",
        plan.clients, plan.profile.name, plan.group
    )))
}

pub(super) fn default_lanes() -> u32 {
    let cpus = std::thread::available_parallelism().map_or(1, |n| n.get() as u32);
    cpus.saturating_sub(1).max(1)
}

/// Where a record goes unless said.
pub(super) fn default_dir(manifest: &Manifest) -> PathBuf {
    let stamp: String = manifest.started.chars().filter(|c| c.is_ascii_alphanumeric()).take(15).collect();
    PathBuf::from("reports").join(format!("{stamp}Z-{}-{}", manifest.plan.profile, manifest.id))
}

/// The amount of load in words.
pub(super) fn amount(plan: &Plan) -> String {
    let clients = crate::units::grouped(plan.clients);
    let clients = match plan.presence {
        Some(presence) => format!("up to {clients} clients ({presence})"),
        None => format!("{clients} clients"),
    };
    if let Some(trace) = &plan.trace {
        return format!("{clients} play {}, {} measured", trace::words(trace), plan.duration);
    }
    let load = match plan.pacing {
        crate::plan::Pacing::Open(curve) => format!("{clients} x {curve}"),
        crate::plan::Pacing::Closed(n) => format!("{clients} x {n} outstanding (closed loop)"),
    };
    let count = plan.count.map_or(String::new(), |n| format!(", {} sends each", crate::units::grouped(n)));
    let pace = if plan.poisson { ", as a Poisson process" } else { "" };
    format!("{load}{pace}{count}, ramp {}, warm-up {}, {} measured", plan.ramp, plan.warmup, plan.duration)
}
