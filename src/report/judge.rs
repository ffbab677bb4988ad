//! The verdict on a run, its reasons in words, and the exit code. Pure: figures in, words out.
//!
//! | verdict | rule |
//! |---|---|
//! | `aborted` | a signal or a stop rule ended the run, or its process died |
//! | `invalid` | the generator was late by itself, a lane was busy above 90 % for 5 s in open loop, the process paused, more than 0.1 % of the planned load lacked files or ports, or a limit has too few samples |
//! | `degraded` | part of a fleet was lost |
//! | `fail` | a limit broke, also one that ended the run, nothing could be measured, or the peer did not take more than 1 % of the planned load |
//! | `pass` | none of these |
//!
//! The first that applies is the verdict; the reasons name all that apply. Whose lateness is it? The
//! lag is the generator's when the sends that were late in seconds **with late wake-ups** alone break
//! the bound ([`lag_is_ours`]); in seconds without a late wake-up only a full socket can have delayed
//! a send, and that is the peer's back-pressure.

use std::collections::BTreeMap;

use super::fleet;
use super::view::SummaryLimit;
use super::view::Verdict;
use super::words;
use crate::record::AgentRecord;
use crate::record::CounterRow;
use crate::record::Pause;
use crate::record::Stop;
use crate::tally::NotOffered;
use crate::units::MILLI;
use crate::units::grouped;

/// Lag that is always allowed.
pub const LAG_ALLOWED_NS: u64 = MILLI;
/// Lag allowed as a share of the response time at the same quantile.
pub const LAG_ALLOWED_SHARE: f64 = 0.05;
/// Busy share of a lane above which it may be the limit.
pub const BUSY_SHARE: f64 = 0.9;
/// Seconds a lane may stay above it.
pub const BUSY_ALLOWED_S: u64 = 4;
/// Share of the planned load that may lack files or ports.
pub const OWN_NOT_OFFERED_ALLOWED: f64 = 0.001;
/// Share of the planned load that the peer may refuse.
pub const PEER_NOT_OFFERED_ALLOWED: f64 = 0.01;

/// What a verdict is made of.
#[derive(Clone, Debug, Default)]
pub struct Figures {
    /// Whether sends follow a timetable; in closed loop a busy lane is normal.
    pub open_loop: bool,
    /// Lag, `None` with fewer than 20 planned sends.
    pub lag: Option<Lag>,
    /// Wake-ups more than half a tick late in the measure phase.
    pub late_wakeups: u64,
    /// Longest stretch in seconds with a lane above 90 %.
    pub lane_busy_over_s: u64,
    /// Largest busy share of a lane.
    pub lane_busy_max: f64,
    /// Pauses of the process in the measure phase.
    pub pauses: Vec<Pause>,
    /// Load sends that fell due, whole run.
    pub planned: u64,
    /// Load sends written, whole run.
    pub sent: u64,
    /// Load sends that did not happen, by cause, whole run.
    pub not_offered: BTreeMap<String, u64>,
    /// Connections opened.
    pub opened: u64,
    /// Attempts that failed.
    pub failed: u64,
    /// The most common fault, in words; empty without one.
    pub common_fault: String,
    /// Why the run ended before its time.
    pub stop: Option<Stop>,
    /// Whether the record has no end.
    pub unfinished: bool,
    /// Share of the plan covered.
    pub coverage: f64,
    /// The machines of a fleet.
    pub agents: Vec<AgentRecord>,
}

/// Lag against its bound.
#[derive(Clone, Debug, Default)]
pub struct Lag {
    /// The quantile judged, in words: `p99`, or the highest with ten samples beyond.
    pub quantile: &'static str,
    /// Its value in nanoseconds.
    pub value_ns: u64,
    /// The bound in nanoseconds.
    pub allowed_ns: u64,
    /// Whether the generator's own lateness breaks the bound.
    pub ours: bool,
}

impl Lag {
    /// Whether the bound is broken, by whomever.
    pub fn broken(&self) -> bool {
        self.value_ns > self.allowed_ns
    }
}

/// The bound of lag for a response time at the same quantile.
pub fn lag_allowed_ns(response_ns: Option<u64>) -> u64 {
    response_ns.map_or(LAG_ALLOWED_NS, |ns| LAG_ALLOWED_NS.max((ns as f64 * LAG_ALLOWED_SHARE) as u64))
}

/// Whether late sends of this second were late because of the generator: it woke late, and the peer
/// does not explain them better (full windows or sockets, while the longest gap between two turns of
/// a lane that was not busy is less than half their lag).
pub fn lag_is_ours(row: &CounterRow, lag_ns: u64) -> bool {
    let peer = [NotOffered::Window, NotOffered::BackPressure].iter().any(|c| row.not_offered.get(c.name()).is_some_and(|&n| n > 0));
    let explained = row.longest_gap_ns >= lag_ns / 2 || row.lane_busy > BUSY_SHARE;
    row.late_wakeups > 0 && (!peer || explained)
}

/// The verdict and why. Empty reasons on an undisturbed pass.
pub fn judge(figures: &Figures, limits: &[SummaryLimit]) -> (Verdict, Vec<String>) {
    let aborted = aborted(figures);
    let invalid: Vec<String> = own_trouble(figures).into_iter().chain(undecided(limits)).collect();
    let degraded = degraded(figures);
    let fail: Vec<String> = ended_by_limit(figures).into_iter().chain(peer_trouble(figures)).chain(broken(limits)).collect();
    let verdict = match () {
        () if aborted.is_some() => Verdict::Aborted,
        () if !invalid.is_empty() => Verdict::Invalid,
        () if degraded.is_some() => Verdict::Degraded,
        () if !fail.is_empty() => Verdict::Fail,
        () => Verdict::Pass,
    };
    (verdict, aborted.into_iter().chain(invalid).chain(degraded).chain(fail).chain(notes(figures)).collect())
}

fn aborted(figures: &Figures) -> Option<String> {
    match &figures.stop {
        Some(Stop::Signal(2)) => Some("stopped by the user (SIGINT); the figures are of the time until then".into()),
        Some(Stop::Signal(15)) => Some("stopped by SIGTERM; the figures are of the time until then".into()),
        Some(Stop::Signal(n)) => Some(format!("stopped by signal {n}; the figures are of the time until then")),
        Some(Stop::Failing) => Some(format!("stopped: more than half of everything failed for 10 s{}", common(figures))),
        Some(Stop::Limit(_)) => None,
        Some(Stop::Abort(why)) => Some(format!("the run was ended: {why}; the figures are of the time until then")),
        None => figures.unfinished.then(|| "the record has no end; the figures are of what was recorded".into()),
    }
}

fn common(figures: &Figures) -> String {
    if figures.common_fault.is_empty() { String::new() } else { format!(", most often {}", figures.common_fault) }
}

/// Rules by which the generator or its machine was the limit.
fn own_trouble(figures: &Figures) -> Vec<String> {
    [lag_reason(figures), busy_reason(figures), pause_reason(figures), files_reason(figures)].into_iter().flatten().collect()
}

fn lag_reason(figures: &Figures) -> Option<String> {
    let lag = figures.lag.as_ref().filter(|lag| lag.broken() && lag.ours)?;
    Some(format!(
        "the generator was late: lag {} {}, allowed {}; {} more than 0.5 ms late. Use fewer clients, more lanes or a quieter machine",
        lag.quantile,
        words::time(lag.value_ns),
        words::time(lag.allowed_ns),
        words::counted(figures.late_wakeups, "wake-up came", "wake-ups came"),
    ))
}

fn busy_reason(figures: &Figures) -> Option<String> {
    let busy = figures.open_loop && figures.lane_busy_over_s > BUSY_ALLOWED_S;
    busy.then(|| {
        format!(
            "a lane was more than 90 % busy for {} s (at most {}), allowed {BUSY_ALLOWED_S} s. Use more lanes, fewer clients or a lower rate",
            figures.lane_busy_over_s,
            words::share(figures.lane_busy_max)
        )
    })
}

fn pause_reason(figures: &Figures) -> Option<String> {
    let longest = figures.pauses.iter().max_by_key(|p| p.length_ns)?;
    Some(format!(
        "the process paused {}, longest {} at {}. Use a quieter machine, and no suspended or throttled one",
        words::counted(figures.pauses.len() as u64, "time", "times"),
        words::time(longest.length_ns),
        words::instant(longest.at_ns)
    ))
}

fn files_reason(figures: &Figures) -> Option<String> {
    let lacking = not_offered(figures, true);
    let share = words::ratio(lacking, figures.planned);
    (share > OWN_NOT_OFFERED_ALLOWED).then(|| {
        format!(
            "{} of {} planned sends ({}) found no file or local port here, allowed {}. Raise `ulimit -n`, add --source-addr or use fewer clients",
            grouped(lacking),
            grouped(figures.planned),
            words::share(share),
            words::share(OWN_NOT_OFFERED_ALLOWED)
        )
    })
}

/// Load sends that did not happen because of this machine, or because of the peer; those that the plan itself prevented are neither.
pub fn not_offered(figures: &Figures, ours: bool) -> u64 {
    causes(figures, ours).fold(0, |sum, (_, n)| sum.saturating_add(n))
}

fn causes(figures: &Figures, ours: bool) -> impl Iterator<Item = (&str, u64)> {
    let is = |cause: &str, what: fn(NotOffered) -> bool| NotOffered::ALL.iter().any(|c| what(*c) && c.name() == cause);
    let whose = move |cause: &str| is(cause, NotOffered::is_ours) == ours && !is(cause, NotOffered::is_planned);
    figures.not_offered.iter().filter(move |(cause, _)| whose(cause)).map(|(cause, n)| (cause.as_str(), *n))
}

fn undecided(limits: &[SummaryLimit]) -> impl Iterator<Item = String> {
    limits.iter().filter(|l| l.ok.is_none()).map(|l| format!("limit `{}` cannot be judged: {}", l.expr, l.note))
}

fn degraded(figures: &Figures) -> Option<String> {
    let agents = || figures.agents.iter().filter(|agent| fleet::is_missing(agent)).map(fleet::lost).collect::<Vec<_>>().join("; ");
    let named = || Some(agents()).filter(|named| !named.is_empty()).map_or(String::new(), |named| format!(" ({named})"));
    (figures.coverage < 1.0).then(|| {
        let share = words::share(figures.coverage);
        format!("part of the fleet was lost: the record covers {share} of the plan{}; its figures are of that part alone", named())
    })
}

/// Whether nothing could be measured: no connection, or none on which the load could begin.
pub fn nothing_measured(opened: u64, planned: u64, sent: u64) -> bool {
    opened == 0 || (planned > 0 && sent == 0)
}

fn peer_trouble(figures: &Figures) -> Option<String> {
    if figures.opened == 0 {
        let attempts = words::counted(figures.failed, "attempt", "attempts");
        return Some(format!("no connection could be opened: {attempts} failed{}", common(figures)));
    }
    let refused = not_offered(figures, false);
    let share = words::ratio(refused, figures.planned);
    let (cause, _) = causes(figures, false).max_by_key(|(_, n)| *n)?;
    (share > PEER_NOT_OFFERED_ALLOWED).then(|| {
        format!(
            "the peer did not take the load: {} of {} planned sends ({}) could not be offered, mostly `{cause}`, allowed {}",
            grouped(refused),
            grouped(figures.planned),
            words::share(share),
            words::share(PEER_NOT_OFFERED_ALLOWED)
        )
    })
}

/// A limit that was to end the run broke; that is the peer's doing, not a run gone wrong.
fn ended_by_limit(figures: &Figures) -> Option<String> {
    let Some(Stop::Limit(why)) = &figures.stop else { return None };
    Some(format!("stopped early: {why}; the figures are of the time until then"))
}

fn broken(limits: &[SummaryLimit]) -> impl Iterator<Item = String> {
    limits.iter().filter(|l| l.ok == Some(false)).map(|l| {
        let value = l.value.as_deref().unwrap_or("n/a");
        let note = if l.note.is_empty() { String::new() } else { format!(" ({})", l.note) };
        format!("limit `{}` broke: {value}{note}", l.expr)
    })
}

/// What is worth knowing without changing the verdict.
fn notes(figures: &Figures) -> Vec<String> {
    let lag = figures.lag.as_ref().filter(|lag| lag.broken() && !lag.ours).map(|lag| {
        format!(
            "sends were late (lag {} {}) because the peer did not read, not because of this machine",
            lag.quantile,
            words::time(lag.value_ns)
        )
    });
    let busy = (!figures.open_loop && figures.lane_busy_over_s > BUSY_ALLOWED_S).then(|| {
        format!("a lane was more than 90 % busy for {} s: in closed loop the rate found may be this machine's", figures.lane_busy_over_s)
    });
    lag.into_iter().chain(busy).chain(figures.agents.iter().flat_map(fleet::notes)).collect()
}

/// How a command ended, for the exit code.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ending {
    /// Bad usage, profile, plan or guard.
    pub usage: bool,
    /// A failure of this program.
    pub internal: bool,
    /// The signal that stopped the run.
    pub signal: Option<i32>,
    /// Nothing could be measured.
    pub nothing_measured: bool,
    /// The verdict, once there is one.
    pub verdict: Option<Verdict>,
}

/// The exit code of a run, in the order of precedence:
///
/// | code | when |
/// |---|---|
/// | 2 | usage, profile, plan or guard |
/// | 1 | internal failure |
/// | 130, 143 | stopped by a signal (128 + its number), record written |
/// | 3 | nothing could be measured |
/// | 4 | `invalid`, `degraded`, or `aborted` by a stop rule; a limit with too few samples |
/// | 10 | a limit broke or the peer did not take the load |
/// | 0 | fine |
pub fn exit_code(ending: &Ending) -> u8 {
    match *ending {
        Ending { usage: true, .. } => 2,
        Ending { internal: true, .. } => 1,
        Ending { signal: Some(number), .. } => u8::try_from(number).unwrap_or(0).saturating_add(128),
        Ending { nothing_measured: true, .. } => 3,
        Ending { verdict: Some(Verdict::Invalid | Verdict::Degraded | Verdict::Aborted), .. } => 4,
        Ending { verdict: Some(Verdict::Fail), .. } => 10,
        Ending { verdict: Some(Verdict::Pass) | None, .. } => 0,
    }
}
