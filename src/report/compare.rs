//! Comparing two sets of runs.
//!
//! ```text
//! Run -> Digest ..  base \
//!                         -> compare -> Comparison -> text, json, junit, markdown, html, png
//! Run -> Digest ..  new  /
//! ```
//!
//! [`stats`] holds all arithmetic, [`student`] its distribution, [`gate`] the metrics that may fail.
//! The run is the unit: each gives one number a metric. Opens no files.

pub mod ci;
pub mod digest;
pub mod gate;
pub mod heat;
pub mod picture;
pub mod stats;
pub mod student;
pub mod text;

use serde::Serialize;

use self::digest::Digest;
use self::gate::Gate;
use self::picture::Picture;
use self::stats::Answer;
use self::stats::Estimate;

/// Schema of a comparison as JSON.
pub const COMPARE_SCHEMA: &str = "volley.compare/1";

/// The outcome of a comparison.
#[derive(Clone, Debug, Serialize)]
pub struct Comparison {
    /// `volley.compare/1`.
    pub schema: &'static str,
    /// The answer over all gates.
    pub verdict: Answer,
    /// Whether runs of both sides took turns; archives never do.
    pub interleaved: bool,
    /// Share that the intervals cover.
    pub confidence: f64,
    /// Ids of the base's runs.
    pub base: Vec<String>,
    /// Ids of the new runs.
    pub new: Vec<String>,
    /// What differs between the sides: name, base, new.
    pub environment: Vec<(String, String, String)>,
    /// One line a gate.
    pub metrics: Vec<Metric>,
    /// What to know before believing it.
    pub warnings: Vec<String>,
    /// The series of the gates, as they are drawn.
    #[serde(skip)]
    pub pictures: Vec<Picture>,
}

/// One gate, judged.
#[derive(Clone, Debug, Serialize)]
pub struct Metric {
    /// `echo p(99)`.
    pub name: String,
    /// Margin as a share.
    pub margin: f64,
    /// Runs of the base and new ones.
    pub runs: [usize; 2],
    /// How the interval was found: `welch`, `prediction`, `paired`, `inside this run`.
    pub method: &'static str,
    /// Geometric mean of the base in nanoseconds.
    pub base_ns: Option<u64>,
    /// Geometric mean of the new runs in nanoseconds.
    pub new_ns: Option<u64>,
    /// new / base.
    pub ratio: Option<f64>,
    /// Interval of the ratio.
    pub interval: Option<[f64; 2]>,
    /// Smallest detectable change as a share.
    pub detectable: Option<f64>,
    /// p-value of "slower", corrected for the number of gates.
    pub p: Option<f64>,
    /// The answer.
    pub answer: Answer,
    /// Whether it became faster beyond the margin, and not by luck; informs only.
    pub improved: bool,
    /// Why there is no figure.
    pub note: Option<String>,
}

/// The gates that hold when none was named: p(50) and p(99) of what the load measures on both sides.
pub fn usual_gates(base: &[Digest], new: &[Digest]) -> Vec<Gate> {
    let load = shared(base, new).into_iter().filter(|name| new[0].is_load(name));
    load.flat_map(|name| [Gate::usual(name, 0.5), Gate::usual(name, 0.99)]).collect()
}

/// Series that every run of both sides has.
pub fn shared<'a>(base: &[Digest], new: &'a [Digest]) -> Vec<&'a str> {
    let Some(first) = new.first() else { return Vec::new() };
    first.series().into_iter().filter(|name| base.iter().chain(new).all(|run| run.series().contains(name))).collect()
}

/// Compares; `strict` asks that the whole interval of a regression lies beyond the margin.
pub fn compare(base: &[Digest], new: &[Digest], gates: &[Gate], strict: bool) -> Comparison {
    let found: Vec<Found> = gates.iter().map(|gate| find(gate, base, new)).collect();
    judged(base, new, gates, &found, strict)
}

/// Compares runs that took turns, the n-th of one side with the n-th of the other; `level` is that of each side.
pub fn paired(base: &[Digest], new: &[Digest], gates: &[Gate], strict: bool, level: f64) -> Comparison {
    let found: Vec<Found> = gates.iter().map(|gate| find_pairs(gate, base, new, level)).collect();
    Comparison { interleaved: true, confidence: 1.0 - 2.0 * level, ..judged(base, new, gates, &found, strict) }
}

fn judged(base: &[Digest], new: &[Digest], gates: &[Gate], found: &[Found], strict: bool) -> Comparison {
    let p: Vec<f64> = found.iter().map(|f| f.estimate.as_ref().map_or(1.0, |e| e.slower)).collect();
    let adjusted = stats::holm(&p);
    let sound = base.iter().chain(new).all(Digest::is_sound);
    let judged = gates.iter().zip(found).zip(adjusted).map(|((gate, found), p)| metric(gate, found, p, strict, sound));
    let metrics: Vec<Metric> = judged.collect();
    let ids = |side: &[Digest]| side.iter().map(|run| run.id.clone()).collect();
    Comparison {
        schema: COMPARE_SCHEMA,
        verdict: overall(&metrics),
        interleaved: false,
        confidence: 1.0 - 2.0 * stats::LEVEL,
        base: ids(base),
        new: ids(new),
        environment: environment(base, new),
        warnings: warnings(base, new, found, sound),
        pictures: drawn(gates).into_iter().map(|series| picture::picture(series, base, new)).collect(),
        metrics,
    }
}

/// `compare.png`: forest plot and shift function, 1280 x 720.
///
/// # Errors
/// When it cannot be drawn, in words.
pub fn png(comparison: &Comparison) -> Result<Vec<u8>, String> {
    super::png::png(&super::plots::comparison(comparison), super::Drawing::default())
}

/// The series of the gates, each once.
fn drawn(gates: &[Gate]) -> Vec<&str> {
    let mut series: Vec<&str> = Vec::new();
    gates.iter().for_each(|gate| {
        if !series.contains(&gate.series.as_str()) {
            series.push(&gate.series)
        }
    });
    series
}

fn overall(metrics: &[Metric]) -> Answer {
    let any = |answer| metrics.iter().any(|m| m.answer == answer);
    match () {
        () if any(Answer::Regression) => Answer::Regression,
        () if metrics.is_empty() || any(Answer::Inconclusive) => Answer::Inconclusive,
        () if any(Answer::Clear) => Answer::Clear,
        () => Answer::Pass,
    }
}

/// What was found for a gate.
struct Found {
    runs: [usize; 2],
    method: &'static str,
    means: Option<[f64; 2]>,
    estimate: Option<Estimate>,
    note: Option<String>,
}

type Logs = Result<(Vec<f64>, Vec<f64>), String>;

/// The gated quantile of every run of both sides.
fn logs(gate: &Gate, base: &[Digest], new: &[Digest]) -> Logs {
    let of = |name: &str, side: &[Digest]| {
        let all = side.iter().map(|run| run.log_quantile(gate)).collect::<Result<Vec<f64>, String>>();
        all.map_err(|why| format!("{name}: {why}"))
    };
    Ok((of("base", base)?, of("new", new)?))
}

fn find_pairs(gate: &Gate, base: &[Digest], new: &[Digest], level: f64) -> Found {
    let nothing = Found { runs: [base.len(), new.len()], method: "paired", means: None, estimate: None, note: None };
    let (a, b) = match logs(gate, base, new) {
        Ok(both) => both,
        Err(why) => return Found { note: Some(why), ..nothing },
    };
    let differences: Vec<f64> = a.iter().zip(&b).map(|(a, b)| b - a).collect();
    let few = differences.len() < stats::FEWEST;
    let note = few.then(|| format!("{} pairs are needed to accuse", stats::FEWEST));
    let means = (!a.is_empty()).then(|| [stats::mean(&a), stats::mean(&b)]);
    Found { means, estimate: stats::paired(&differences, level), note, ..nothing }
}

fn find(gate: &Gate, base: &[Digest], new: &[Digest]) -> Found {
    let nothing = Found { runs: [base.len(), new.len()], method: "welch", means: None, estimate: None, note: None };
    let (a, b) = match logs(gate, base, new) {
        Ok(both) => both,
        Err(why) => return Found { note: Some(why), ..nothing },
    };
    let (method, estimate) = match (a.as_slice(), b.as_slice()) {
        ([_], [_]) => (INSIDE, stats::sections(&base[0].log_sections(gate), &new[0].log_sections(gate), b[0] - a[0])),
        (_, &[one]) => ("prediction", stats::prediction(&a, one)),
        _ => ("welch", stats::welch(&a, &b)),
    };
    let few = a.len() < stats::FEWEST || (method == "welch" && b.len() < stats::FEWEST);
    let note = (method != INSIDE && few).then(|| format!("{} runs a side are needed to accuse", stats::FEWEST));
    Found { method, means: Some([stats::mean(&a), stats::mean(&b)]), estimate, note, ..nothing }
}

/// One run against one: what varies between runs is not seen.
const INSIDE: &str = "inside this run";

fn metric(gate: &Gate, found: &Found, p: f64, strict: bool, sound: bool) -> Metric {
    let judge = |e: &Estimate| match stats::answer(e, p, gate.margin, strict) {
        _ if !sound || found.note.is_some() => Answer::Inconclusive,
        Answer::Pass if found.method == INSIDE => Answer::Clear,
        Answer::Regression if found.method == INSIDE => Answer::Inconclusive,
        answer => answer,
    };
    let e = found.estimate.as_ref();
    let improved = e.is_some_and(|e| e.faster < e.level && -e.log_ratio > gate.margin.ln_1p()) && found.method != INSIDE;
    Metric {
        name: gate.name(),
        margin: gate.margin,
        runs: found.runs,
        method: found.method,
        base_ns: found.means.map(|m| m[0].exp().round() as u64),
        new_ns: found.means.map(|m| m[1].exp().round() as u64),
        ratio: found.means.map(|m| (m[1] - m[0]).exp()),
        interval: e.map(|e| [e.low.exp(), e.high.exp()]),
        detectable: e.map(|e| e.detectable.exp_m1()),
        p: e.map(|_| p),
        answer: e.map_or(Answer::Inconclusive, judge),
        improved: improved && sound && found.note.is_none(),
        note: found.note.clone(),
    }
}

/// Rows that are not the same in all runs.
fn environment(base: &[Digest], new: &[Digest]) -> Vec<(String, String, String)> {
    let mut names: Vec<&String> = Vec::new();
    for (name, _) in base.iter().chain(new).flat_map(|run| &run.environment) {
        if !names.contains(&name) && !["run", "started", "seed"].contains(&name.as_str()) {
            names.push(name);
        }
    }
    let of = |side: &[Digest], name: &String| {
        let value = |run: &Digest| run.environment.iter().find(|(n, _)| n == name).map_or("-".to_owned(), |(_, v)| v.clone());
        let mut values: Vec<String> = side.iter().map(value).collect();
        values.sort();
        values.dedup();
        values.join(" | ")
    };
    let rows = names.into_iter().map(|name| (name.clone(), of(base, name), of(new, name)));
    rows.filter(|(_, a, b)| a != b || a.contains(" | ")).collect()
}

fn warnings(base: &[Digest], new: &[Digest], found: &[Found], sound: bool) -> Vec<String> {
    let mut warnings = Vec::new();
    if !sound {
        warnings.push("a run is invalid or was cut short, so nothing can be concluded".to_owned());
    }
    match (base.len(), new.len()) {
        _ if found.iter().any(|f| f.method == "paired") => {}
        (1, 1) => warnings.push("intervals are inside these runs; what differs between runs is unseen".to_owned()),
        (_, 1) => warnings.push("one new run: the interval is a prediction from the base's runs".to_owned()),
        _ => {}
    }
    warnings
}
