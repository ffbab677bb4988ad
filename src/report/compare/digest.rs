//! What a comparison keeps of a run: a few histograms, not its seconds.

use super::gate::Gate;
use super::heat;
use super::heat::Counts;
use crate::record::Interval;
use crate::record::Known;
use crate::record::Machine;
use crate::record::PlanRecord;
use crate::record::Run;
use crate::record::SECTION_MARK;
use crate::record::SECTIONS;
use crate::report::build;
use crate::report::quantile::Answers;
use crate::report::quantile::GATE_BEYOND;
use crate::report::quantile::SHOW_BEYOND;
use crate::report::quantile::Shown;
use crate::report::view::Verdict;
use crate::tally::Hist;
use crate::tally::Sparse;

/// A run, reduced.
#[derive(Clone, Debug)]
pub struct Digest {
    /// Where it was read from, for messages.
    pub place: String,
    /// Id of the run.
    pub id: String,
    /// When it began, as UTC text that sorts by time.
    pub started: String,
    /// Plan.
    pub plan: PlanRecord,
    /// Machine.
    pub machine: Machine,
    /// Its own verdict.
    pub verdict: Verdict,
    /// Why, in words.
    pub reasons: Vec<String>,
    /// Rows of name and value.
    pub environment: Vec<(String, String)>,
    profile_text: String,
    series: Vec<Measured>,
}

/// A series in the measure phase.
#[derive(Clone, Debug)]
struct Measured {
    name: String,
    load: bool,
    times: [Times; 2],
    heat: Counts,
}

/// Response or service of a series.
#[derive(Clone, Debug)]
struct Times {
    hist: Option<Hist>,
    unanswered: u64,
    sections: Vec<Sparse>,
}

impl Digest {
    /// Whether [`Digest::of`] needs the seconds of a tag: those of `lag` for the verdict; all of them when a limit holds for
    /// stretches of the run, or when the record has no sections. Heat maps want all of them, too.
    pub fn needs(known: Known<'_>, tag: &str) -> bool {
        tag == "lag" || !known.has_sections || known.manifest.plan.limits.iter().any(|limit| limit.contains("over="))
    }

    /// Reduces a run. A run without the seconds of a series has no heat map of it.
    pub fn of(place: &str, run: &Run) -> Digest {
        let view = build::view(run);
        let manifest = &run.manifest;
        let series = build::answers(run).into_iter().map(|(record, [response, service])| Measured {
            name: record.name.clone(),
            load: record.load,
            times: [times(run, &record.name, &response), times(run, &format!("{}/service", record.name), &service)],
            heat: heat::counts(manifest.plan.measure_from_ns(), manifest.plan.duration_ns, seconds(run, &record.name)),
        });
        Digest {
            place: place.to_owned(),
            id: manifest.id.clone(),
            started: manifest.started.clone(),
            plan: manifest.plan.clone(),
            machine: manifest.machine.clone(),
            verdict: view.summary.verdict,
            reasons: view.summary.reasons,
            environment: view.environment,
            profile_text: manifest.profile_text.clone(),
            series: series.collect(),
        }
    }

    /// Names of the series that have answers.
    pub fn series(&self) -> Vec<&str> {
        self.series.iter().filter(|s| s.times[0].hist.is_some()).map(|s| s.name.as_str()).collect()
    }

    /// Whether the load opens the exchanges of a series.
    pub fn is_load(&self, name: &str) -> bool {
        self.series.iter().any(|s| s.name == name && s.load)
    }

    fn times(&self, gate: &Gate) -> Option<&Times> {
        self.series.iter().find(|s| s.name == gate.series).map(|s| &s.times[usize::from(gate.service)])
    }

    /// Logarithm of the gated quantile in nanoseconds.
    ///
    /// # Errors
    /// Why it cannot be judged.
    pub fn log_quantile(&self, gate: &Gate) -> Result<f64, String> {
        let times = self.times(gate).ok_or_else(|| format!("{}: no such series", self.place))?;
        let answers = Answers::censored(times.hist.as_ref(), times.unanswered, self.plan.timeout_ns);
        match answers.quantile(gate.q, GATE_BEYOND) {
            Shown::Value(ns) => Ok((ns.max(1) as f64).ln()),
            Shown::TooFew(n) => Err(format!("n/a ({n} of {GATE_BEYOND} needed)")),
            Shown::Censored => Err("beyond the answered share".into()),
        }
    }

    /// Logarithm of a quantile of response in nanoseconds, if it may be shown.
    pub fn log_shown(&self, series: &str, q: f64) -> Option<f64> {
        let times = self.times(&Gate::usual(series, q))?;
        let answers = Answers::censored(times.hist.as_ref(), times.unanswered, self.plan.timeout_ns);
        answers.quantile(q, SHOW_BEYOND).value().map(|ns| (ns.max(1) as f64).ln())
    }

    /// The percentile curve of response: quantile and nanoseconds.
    pub fn curve(&self, series: &str) -> Vec<(f64, u64)> {
        let Some(times) = self.times(&Gate::usual(series, 0.5)) else { return Vec::new() };
        build::curve_of(Answers::censored(times.hist.as_ref(), times.unanswered, self.plan.timeout_ns))
    }

    /// Answers over time and latency, for a heat map; without any when the seconds were not read.
    pub(super) fn heat(&self, series: &str) -> Option<&Counts> {
        self.series.iter().find(|s| s.name == series).map(|s| &s.heat)
    }

    /// Logarithms of the gated quantile in six contiguous sections; fewer when some are empty.
    pub fn log_sections(&self, gate: &Gate) -> Vec<f64> {
        let sections = self.times(gate).map_or(&[][..], |times| &times.sections);
        sections.iter().filter_map(|hist| hist.quantile(gate.q)).map(|ns| (ns.max(1) as f64).ln()).collect()
    }

    /// What makes this run another experiment than `other`, in words.
    pub fn differences(&self, other: &Digest) -> Vec<String> {
        let (a, b) = (&self.plan, &other.plan);
        let load = |p: &PlanRecord| (p.clients, p.rate.clone(), p.closed, p.ramp_ns, p.warmup_ns, p.duration_ns, p.timeout_ns);
        let class = |m: &Machine| (m.cpu.clone(), m.cpus, m.cgroup_cpus.map(f64::to_bits));
        let rules = [
            (a.profile != b.profile, "profile"),
            (a.profile == b.profile && self.profile_text != other.profile_text, "text of the profile"),
            (a.dialect != b.dialect, "dialect"),
            (load(a) != load(b), "plan (clients, rate, ramp, warm-up, duration or timeout)"),
            (a.vars != b.vars, "values of --set"),
            (class(&self.machine) != class(&other.machine), "machine class (CPU, CPUs allowed or quota)"),
        ];
        rules.into_iter().filter(|(differs, _)| *differs).map(|(_, what)| what.to_owned()).collect()
    }

    /// Whether its figures can be believed.
    pub fn is_sound(&self) -> bool {
        matches!(self.verdict, Verdict::Pass | Verdict::Fail)
    }
}

/// The seconds of a tag.
fn seconds<'a>(run: &'a Run, tag: &'a str) -> impl Iterator<Item = &'a Interval> {
    run.intervals.iter().filter(move |interval| interval.tag == tag)
}

fn times(run: &Run, tag: &str, answers: &Answers<'_>) -> Times {
    let stored: Vec<Sparse> =
        (1..=SECTIONS).filter_map(|number| run.sections.get(&format!("{tag}{SECTION_MARK}{number}")).cloned()).collect();
    let sections = if stored.is_empty() { sections(run, tag) } else { stored };
    Times { hist: answers.hist().cloned(), unanswered: answers.unanswered(), sections }
}

/// Six sections made of the seconds, for a record that was not closed.
fn sections(run: &Run, tag: &str) -> Vec<Sparse> {
    let plan = &run.manifest.plan;
    let mut sections = vec![Sparse::default(); SECTIONS as usize];
    for interval in seconds(run, tag) {
        let into = interval.t_ns.saturating_add(interval.span_ns / 2).saturating_sub(plan.measure_from_ns());
        let number = (into as f64 / plan.duration_ns.max(1) as f64 * SECTIONS as f64) as usize;
        sections[number.min(SECTIONS as usize - 1)].merge(&interval.hist);
    }
    sections
}
