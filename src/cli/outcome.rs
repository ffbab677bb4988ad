//! After the run: the record is closed, read back, judged, drawn and summed up.

use std::collections::BTreeMap;
use std::path::Path;

use super::Trouble;
use super::args::Color;
use super::args::RunArgs;
use super::args::RunFormat;
use super::github;
use super::output;
use super::redact::Redactor;
use super::say;
use super::secrets::is_secret;
use super::tell;
use super::trace;
use super::typed;
use crate::dialogue::Script;
use crate::fleet::controller::Fleet;
use crate::plan::Pacing;
use crate::plan::Plan;
use crate::plan::Target;
use crate::profile::Class;
use crate::profile::Profile;
use crate::record;
use crate::record::Finish;
use crate::record::Generator;
use crate::record::HopsRecord;
use crate::record::Manifest;
use crate::record::Pause;
use crate::record::PlanRecord;
use crate::record::SeriesRecord;
use crate::record::State;
use crate::record::Stop;
use crate::record::StormRecord;
use crate::record::Writer;
use crate::report;
use crate::report::Drawing;
use crate::report::judge;
use crate::report::judge::Ending;
use crate::report::text;
use crate::report::view::View;
use crate::swarm::GaveUp;
use crate::swarm::Outcome;
use crate::tally::Second;
use crate::units::SECOND;
use crate::wire::Protection;
use crate::wire::Route;
use crate::wire::Routes;

/// A lane above this share of a core is busy.
const BUSY: f64 = 0.9;

/// How results are shown.
pub(super) struct Look {
    /// Names of the reports to draw.
    pub(super) reports: Vec<String>,
    /// How plots are drawn.
    pub(super) drawing: Drawing,
    /// Form of the summary.
    pub(super) format: RunFormat,
    /// Sentences instead of tables.
    pub(super) plain: bool,
    /// Only the verdict.
    pub(super) quiet: bool,
    /// Colour on standard output.
    pub(super) colour: bool,
    /// Colour on standard error.
    pub(super) colour_err: bool,
}

impl Look {
    /// As asked for by `volley run`.
    pub(super) fn of_run(args: &RunArgs) -> Result<Look, Trouble> {
        Look::new(&args.report, args.plots.drawing(), args.format, (args.plain, args.quiet), args.color)
    }

    /// Checks the list of reports and settles colour once.
    pub(super) fn new(
        reports: &[String],
        drawing: Drawing,
        format: RunFormat,
        (plain, quiet): (bool, bool),
        color: Color,
    ) -> Result<Look, Trouble> {
        let known = report::names();
        if let Some(unknown) = reports.iter().find(|r| *r != "none" && !known.contains(&r.as_str())) {
            return Err(Trouble::usage(format!("--report knows no `{unknown}`; it knows {}, none", known.join(", "))));
        }
        let choice = match color {
            Color::Auto => anstream::ColorChoice::Auto,
            Color::Always => anstream::ColorChoice::Always,
            Color::Never => anstream::ColorChoice::Never,
        };
        choice.write_global();
        let is_on = |auto: anstream::ColorChoice| auto != anstream::ColorChoice::Never;
        let reports = reports.iter().filter(|r| *r != "none").cloned().collect();
        Ok(Look {
            reports,
            drawing,
            format,
            plain,
            quiet,
            colour: is_on(anstream::stdout().current_choice()),
            colour_err: is_on(anstream::stderr().current_choice()),
        })
    }
}

/// The generator's own account over the measure phase, in the making.
#[derive(Default)]
pub(super) struct GeneratorSum {
    cpu_ns: u64,
    lane_busy_max: f64,
    late_wakeups: u64,
    busy_ns: u64,
    busy_longest_ns: u64,
}

impl GeneratorSum {
    /// Takes a second in.
    pub(super) fn add(&mut self, second: &Second) {
        if second.phase != "measure" {
            return;
        }
        self.cpu_ns += second.cpu_ns;
        self.lane_busy_max = self.lane_busy_max.max(second.lane_busy);
        self.late_wakeups += second.tally.counts.late_wakeups;
        let span = second.end_ns.saturating_sub(second.start_ns);
        self.busy_ns = if second.lane_busy > BUSY { self.busy_ns + span } else { 0 };
        self.busy_longest_ns = self.busy_longest_ns.max(self.busy_ns);
    }

    /// The whole of it, with what is known at the end.
    pub(super) fn whole(&self, pauses: Vec<Pause>, swarm: &Outcome) -> Generator {
        Generator {
            cpu_ns: self.cpu_ns,
            rss_peak_bytes: swarm.rss_peak_bytes,
            lane_busy_max: self.lane_busy_max,
            lane_busy_over_s: self.busy_longest_ns / SECOND,
            late_wakeups: self.late_wakeups,
            pauses,
            dialer_busy: swarm.dialer_busy,
        }
    }
}

/// A run that has ended, not written down yet.
pub(super) struct Ended<'a> {
    pub(super) plan: &'a Plan,
    pub(super) script: &'a Script,
    pub(super) manifest: Manifest,
    pub(super) writer: Writer,
    pub(super) swarm: Outcome,
    /// What became of the agents, when there were some.
    pub(super) fleet: Option<Fleet>,
    pub(super) pauses: Vec<Pause>,
    pub(super) generator: GeneratorSum,
    pub(super) account: Option<serde_json::Value>,
    pub(super) signal: Option<i32>,
    /// A limit that ended the run, in words.
    pub(super) broke: Option<String>,
    pub(super) look: &'a Look,
    pub(super) redactor: &'a Redactor,
}

/// The manifest of a run that begins now.
pub(super) fn manifest(
    plan: &Plan,
    script: &Script,
    routes: &Routes,
    reference_server: bool,
    limits: &[String],
    redactor: &Redactor,
) -> Manifest {
    let open = plan.vars.iter().filter(|(name, _)| !is_secret(&plan.profile, name));
    let is_insecure = |route: &Route| route.tls.as_ref().is_some_and(Protection::is_insecure);
    let now = jiff::Timestamp::now();
    let mix = now.as_nanosecond() as u64 ^ u64::from(std::process::id()).rotate_left(32);
    Manifest {
        schema: record::RUN_SCHEMA.into(),
        version: env!("CARGO_PKG_VERSION").into(),
        id: format!("{:08x}", (mix.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32) as u32),
        state: State::Running,
        started: format!("{now:.0}"),
        pid: std::process::id(),
        command: typed::command(redactor, &plan.profile),
        plan: PlanRecord {
            profile: plan.profile.name.clone(),
            dialect: plan.dialect.clone(),
            target: redactor.ours(&plan.target.to_string()),
            reference_server,
            address: routes.target.address.to_string(),
            http: plan.http.as_ref().map(Target::origin),
            sources: routes.target.sources.iter().map(ToString::to_string).collect(),
            insecure: is_insecure(&routes.target) || routes.http.as_ref().is_some_and(is_insecure),
            clients: plan.clients,
            presence: plan.presence.map(|presence| presence.to_string()),
            trace: plan.trace.as_ref().map(|trace| trace::record(trace, redactor)),
            rate: match plan.pacing {
                Pacing::Open(_) if plan.trace.is_some() => plan.trace.as_ref().map(|trace| redactor.ours(&trace::words(trace))),
                Pacing::Open(curve) => Some(curve.to_string()),
                Pacing::Closed(_) => None,
            },
            closed: match plan.pacing {
                Pacing::Open(_) => None,
                Pacing::Closed(n) => Some(n),
            },
            ramp_ns: plan.warmup_from().0,
            warmup_ns: plan.warmup.0,
            duration_ns: plan.duration.0,
            timeout_ns: plan.timeout.0,
            seed: plan.seed,
            lanes: plan.lanes,
            storm: plan.storm.map(|storm| StormRecord { what: storm.to_string(), at_ns: plan.measure_from().plus(storm.at).0 }),
            precise: plan.precise,
            stamps: plan.stamps.name().into(),
            hops: plan.hops.then(|| HopsRecord { proxy: routes.target.tunnel.is_some(), refused: None }),
            harm: plan.profile.harm.clone(),
            vars: open.map(|(name, value)| (name.clone(), redactor.ours(value))).collect(),
            limits: limits.to_vec(),
        },
        machine: record::machine::here(),
        profile_text: redactor.ours(&plan.profile.text),
        series: series(plan, script),
        error_kinds: plan.profile.messages.iter().filter(|m| m.error).map(|m| m.name.clone()).collect(),
        finish: None,
        shards: 1,
        coverage: 1.0,
        agents: Vec::new(),
        fleet: None,
    }
}

fn series(plan: &Plan, script: &Script) -> Vec<SeriesRecord> {
    let own = plan.profile.series.len();
    let exists = |i: usize| match i < own {
        true => plan.profile.has_series(i, plan.dialect.as_deref()),
        false if i == script.tls() => plan.target.tls,
        false if i == script.recovery() => plan.storm.is_some(),
        false => true,
    };
    let record = |(i, s): (usize, &crate::dialogue::Series)| SeriesRecord {
        name: s.name.clone(),
        class: s.class,
        about: s.about.clone(),
        role: script.role_of(i).or_else(|| sayer(&plan.profile, i)).unwrap_or("client").to_owned(),
        load: script.load_series == Some(i),
        receivers: Some(script.reach(i)).filter(|reach| *reach > 1).map_or(0, u64::from),
    };
    script.series.iter().enumerate().filter(|(i, _)| exists(*i)).map(record).collect()
}

/// The role whose clients open the exchanges of a series with something they say besides their load, when it is one.
fn sayer(profile: &Profile, series: usize) -> Option<&str> {
    let mut opens = profile.replies.iter().filter(|reply| reply.expects.contains(&series)).map(|reply| reply.only.roles.as_slice());
    match (opens.next(), opens.next()) {
        (Some([role]), None) => Some(&profile.roles[*role].name),
        _ => None,
    }
}

/// Closes the record, then reads, judges and shows it; the exit code.
pub(super) fn finish(ended: Ended<'_>) -> Result<u8, Trouble> {
    let aborted = ended.fleet.as_ref().and_then(|fleet| fleet.aborted.clone());
    let stop = match (ended.signal, ended.broke, ended.swarm.gave_up, aborted) {
        (Some(signal), ..) => Some(Stop::Signal(signal)),
        (None, Some(why), ..) => Some(Stop::Limit(why)),
        (None, None, Some(GaveUp::Failing), _) => Some(Stop::Failing),
        (None, None, _, Some(why)) => Some(Stop::Abort(ended.redactor.ours(&why))),
        _ => None,
    };
    let dir = ended.writer.dir().to_owned();
    let lost = ended.writer.lost().map(|lost| lost.why.clone());
    let gave_up = ended.swarm.gave_up;
    let mut manifest = ended.manifest;
    if let Some(fleet) = ended.fleet {
        manifest.coverage = fleet.coverage;
        manifest.agents = fleet.record.agents.iter().map(|a| a.agent.clone()).filter(|name| !name.is_empty()).collect();
        manifest.fleet = Some(fleet.record);
    }
    manifest.state = if stop.is_some() { State::Stopped } else { State::Complete };
    let texts = ended.redactor.counted(ended.swarm.fault_texts.clone());
    let mut account = ended.account;
    account.iter_mut().for_each(|account| ended.redactor.json(account));
    let first_text = texts.iter().max_by_key(|(_, n)| **n).map(|(text, _)| text.clone());
    manifest.finish = Some(Finish {
        elapsed_ns: ended.swarm.elapsed_ns,
        stop,
        unanswered: 0,
        flags: BTreeMap::new(),
        peak_connections: ended.swarm.peak_connections,
        fault_texts: texts,
        generator: ended.generator.whole(ended.pauses, &ended.swarm),
        server_account: account,
    });
    let gone = |e| Trouble::internal(format!("the folder of the record is gone, and cannot be made again: {e}. The results are lost"));
    if ended.writer.restore(&manifest).map_err(gone)? {
        tell!("warning: {} was removed while the run went on; what was recorded is written there again", dir.display());
    }
    settle(&mut manifest, &dir, ended.plan, ended.script)?;
    let written = ended.writer.finish(&manifest);
    let shown = show(&dir, ended.look);
    if let Err(e) = written {
        tell!("warning: the record could not be closed: {e}");
    }
    if let Some(why) = lost {
        return Err(Trouble::internal(format!(
            "part of the record could not be written: {why}. Make room, or choose another folder with --out"
        )));
    }
    let code = shown?;
    if gave_up == Some(GaveUp::NoConnection) {
        let text = first_text.unwrap_or_else(|| "no connection was made".into());
        return Err(Trouble::nothing(format!("nothing could be measured: {text}. Is the server running at {}?", ended.plan.target)));
    }
    Ok(code)
}

/// Unanswered exchanges and the doubts about series follow from the counters written so far.
pub(super) fn settle(manifest: &mut Manifest, dir: &Path, plan: &Plan, script: &Script) -> Result<(), Trouble> {
    let run = record::read(dir).map_err(|e| Trouble::internal(format!("the record cannot be read back: {e}")))?;
    let Some(finish) = &mut manifest.finish else { return Ok(()) };
    finish.unanswered = run.rows.iter().map(|r| r.unanswered).sum();
    let unsolicited: u64 = run.rows.iter().map(|r| r.unsolicited).sum();
    if let Some(load) = script.load_series.map(|i| &script.series[i])
        && load.class == Class::Fifo
    {
        let flags = finish.flags.entry(load.name.clone()).or_default();
        if finish.unanswered > 0 {
            flags.push("fifo_unsettled".into());
        }
        if unsolicited > 0 {
            flags.push("fifo_excess".into());
        }
    }
    if run.rows.iter().any(|r| r.fallbacks > 0) {
        // Said aloud: these figures hold only if the server kept the order.
        for series in script.series.iter().filter(|s| s.class == Class::Cross) {
            finish.flags.entry(series.name.clone()).or_default().push("keys_changed".into());
        }
        tell!("warning: keys did not come back as they were sent; sends were matched in order instead");
    }
    if plan.stamps == crate::plan::Stamps::Read {
        for series in &script.series {
            finish.flags.entry(series.name.clone()).or_default().push("read_stamps".into());
        }
    }
    finish.flags.retain(|_, flags| !flags.is_empty());
    Ok(())
}

/// Reads a record, draws its reports into its folder and prints the summary; the exit code. A report
/// that was asked for and is not there is an error, told after the summary.
pub(super) fn show(dir: &Path, look: &Look) -> Result<u8, Trouble> {
    let run = record::read(dir).map_err(|e| Trouble::usage(format!("the record in {} cannot be read: {e}", dir.display())))?;
    let view = report::build::with_data(&run);
    let mut undone: Vec<String> = Vec::new();
    for format in
        report::FORMATS.iter().filter(|f| (f.fits)(&view)).filter(|f| f.name == "json" || look.reports.iter().any(|r| r == f.name))
    {
        let write = |bytes: Vec<u8>| record::write::replace_file(dir, format.file, &bytes).map_err(|e| e.to_string());
        let written = (format.draw)(&view, look.drawing).and_then(write);
        undone.extend(written.err().map(|e| format!("{} could not be written: {e}", format.file)));
    }
    say!("{}", summary(&view, dir, look).trim_end());
    github::tell_job(&view);
    if !undone.is_empty() {
        undone.push("The record is whole: `volley report` draws them again when there is room".into());
        return Err(Trouble::internal(undone.join("\nerror: ")));
    }
    let summary = &view.summary;
    let signal = run.manifest.finish.as_ref().and_then(|f| match f.stop {
        Some(Stop::Signal(number)) => Some(number),
        _ => None,
    });
    Ok(judge::exit_code(&Ending {
        usage: false,
        internal: false,
        signal,
        nothing_measured: judge::nothing_measured(summary.connections.opened, summary.counts.planned, summary.counts.sent),
        verdict: Some(summary.verdict),
    }))
}

fn summary(view: &View, dir: &Path, look: &Look) -> String {
    let page = dir.join("report.html");
    let drawn = if look.reports.iter().any(|r| r == "html") && page.exists() { page } else { dir.to_owned() };
    let style = text::Look { colour: look.colour, ascii: !output::is_utf8(), plain: look.plain, report: Some(drawn.display().to_string()) };
    match look.format {
        RunFormat::Json => String::from_utf8_lossy(&report::json::json(view)).into_owned(),
        RunFormat::Ndjson => serde_json::json!(view.summary).to_string(),
        RunFormat::Text if look.quiet => text::verdict_line(view, &style),
        RunFormat::Text => text::text(view, &style),
    }
}
