//! A run becomes a view. Pure: the same run gives the same view, no clock, no file.
//!
//! ```text
//! Run -> Parts (sums, series, generator) -> curves, heats, timeline, errors, environment
//!                                        -> figures -> limits -> verdict -> Summary -> alt texts
//! ```
//!
//! `series` are of the measure phase, `counts` of the whole run, heats and timeline of everything
//! that was recorded, warm-up and drain included.

mod alt;
mod curve;
mod distribution;
mod environment;
mod errors;
mod fanout;
mod figures;
mod grid;
mod heat;
mod hops;
mod levels;
mod limits;
mod parts;
mod storm;
mod timeline;
mod trust;

use std::collections::BTreeMap;

use self::parts::Parts;
use self::parts::SeriesParts;
use super::judge;
use super::quantile::Answers;
use super::quantile::QUANTILES;
use super::quantile::SHOW_BEYOND;
use super::quantile::Shown;
use super::view::SUMMARY_SCHEMA;
use super::view::Summary;
use super::view::SummaryConnections;
use super::view::SummaryGenerator;
use super::view::SummaryLimit;
use super::view::SummaryRun;
use super::view::SummarySeries;
use super::view::Verdict;
use super::view::View;
use crate::record::Finish;
use crate::record::Manifest;
use crate::record::Run;
use crate::record::SeriesRecord;
use crate::record::State;
use crate::record::packed;

/// Computes everything a report shows, and packs the run for pages that carry it.
pub fn with_data(run: &Run) -> View {
    std::thread::scope(|scope| {
        let packing = scope.spawn(|| packed::pack(run));
        let view = view(run);
        View { data: packing.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)), ..view }
    })
}

/// Computes everything a report shows.
pub fn view(run: &Run) -> View {
    let parts = Parts::of(run);
    let figures = figures::figures(&parts);
    let limits = limits::judged(&parts);
    let (verdict, reasons) = judge::judge(&figures, &limits);
    let heats = heat::heats(&parts);
    let timeline = timeline::timeline(&parts);
    let mut summary = summary(&parts, verdict, reasons, limits);
    summary.alt = alt::texts(&summary, &heats, &timeline);
    View {
        trust: trust::lines(&parts, &figures),
        curves: curve::curves(&parts),
        heats,
        distributions: distribution::distributions(&parts),
        levels: levels::levels(&parts),
        storm: storm::curve(&parts),
        timeline,
        errors: errors::lines(&parts),
        environment: environment::rows(&run.manifest),
        repeat: environment::repeat(&run.manifest),
        missing: run.missing.iter().cloned().chain(parts.contradictions()).collect(),
        timeout_ns: run.manifest.plan.timeout_ns,
        data: None,
        summary,
    }
}

/// The same of a run that goes on, as if it ended now: nothing that a record gets at its end is missed.
pub fn so_far(mut run: Run) -> View {
    let finish = Finish {
        elapsed_ns: run.rows.last().map_or(0, |row| row.t_ns.saturating_add(row.span_ns)),
        unanswered: run.rows.iter().map(|row| row.unanswered).fold(0, u64::saturating_add),
        generator: Parts::of(&run).generator,
        ..Finish::default()
    };
    run.manifest.state = State::Complete;
    run.manifest.finish = Some(finish);
    View { missing: Vec::new(), ..view(&run) }
}

/// Every series of a run in the measure phase, with its response and its service time.
pub(super) fn answers(run: &Run) -> Vec<(&SeriesRecord, [Answers<'_>; 2])> {
    Parts::of(run).series.iter().map(|s| (s.record, [s.response, s.service])).collect()
}

/// A percentile curve: quantile and nanoseconds, both rising.
pub(super) fn curve_of(answers: Answers<'_>) -> Vec<(f64, u64)> {
    curve::points(answers)
}

fn summary(parts: &Parts<'_>, verdict: Verdict, reasons: Vec<String>, limits: Vec<SummaryLimit>) -> Summary {
    Summary {
        schema: SUMMARY_SCHEMA.into(),
        verdict,
        reasons,
        run: summary_run(&parts.run.manifest),
        counts: parts.counts.clone(),
        connections: connections(parts),
        storm: storm::summary(parts),
        fan_out: fanout::summary(parts),
        hops: hops::summary(parts),
        fleet: parts.run.manifest.fleet.clone(),
        series: parts.series.iter().map(|s| summary_series(parts, s)).collect(),
        lag: own_times(parts.own("lag")),
        reaction: own_times(parts.own("reaction")),
        read_delay: own_times(parts.own("read_delay")),
        generator: generator(parts),
        limits,
        alt: BTreeMap::new(),
    }
}

fn summary_run(manifest: &Manifest) -> SummaryRun {
    let plan = &manifest.plan;
    SummaryRun {
        id: manifest.id.clone(),
        profile: plan.profile.clone(),
        dialect: plan.dialect.clone(),
        target: plan.target.clone(),
        started: manifest.started.clone(),
        clients: plan.clients,
        trace: plan.trace.clone(),
        duration_ns: plan.duration_ns,
        warmup_ns: plan.warmup_ns,
        lanes: plan.lanes,
        seed: plan.seed,
        version: manifest.version.clone(),
    }
}

fn connections(parts: &Parts<'_>) -> SummaryConnections {
    let rows = &parts.run.rows;
    let sum = |of: fn(&crate::tally::Connections) -> u64| rows.iter().fold(0u64, |sum, row| sum.saturating_add(of(&row.connections)));
    let (asked, opened) = (parts.run.manifest.plan.clients, sum(|c| c.opened));
    let seen = rows.iter().map(|row| row.connections.open).max().unwrap_or(0);
    SummaryConnections {
        asked,
        opened,
        failed: sum(|c| c.failed),
        reconnects: sum(|c| c.reconnects),
        peak: parts.run.manifest.finish.as_ref().map_or(seen, |f| f.peak_connections.max(seen)),
    }
}

fn summary_series(parts: &Parts<'_>, series: &SeriesParts<'_>) -> SummarySeries {
    let (response, response_censored) = times(series.response);
    let (service, service_censored) = times(series.service);
    let mut flags = series.flags.to_vec();
    if response_censored || service_censored {
        flags.push("censored".into());
    }
    SummarySeries {
        name: series.record.name.clone(),
        class: series.record.class,
        role: series.record.role.clone(),
        count: series.response.answered(),
        rate_per_s: parts.per_measured_s(series.response.answered()),
        unanswered: series.unanswered,
        outcomes: series.outcomes.clone(),
        response,
        service,
        flags,
    }
}

/// Quantiles and extremes of a series, and whether one of them lies past the answered share.
fn times(answers: Answers<'_>) -> (BTreeMap<String, Option<u64>>, bool) {
    let exact = answers.hist().map(|hist| hist.exact());
    let ends = [("min", exact.map(|e| e.min)), ("max", exact.map(|e| e.max)), ("mean", exact.and_then(|e| e.mean()))];
    let shown: Vec<(&str, Shown)> = QUANTILES.iter().map(|&(key, q)| (key, answers.quantile(q, SHOW_BEYOND))).collect();
    let censored = shown.iter().any(|(_, shown)| *shown == Shown::Censored);
    let quantiles = shown.into_iter().map(|(key, shown)| (key, shown.value()));
    (ends.into_iter().chain(quantiles).map(|(key, ns)| (key.to_owned(), ns)).collect(), censored)
}

/// `p50 p99 p99.9 max` of times of the generator itself.
fn own_times(answers: Answers<'_>) -> BTreeMap<String, Option<u64>> {
    let mut keys: BTreeMap<String, Option<u64>> = QUANTILES
        .iter()
        .filter(|(key, _)| ["p50", "p99", "p99.9"].contains(key))
        .map(|&(key, q)| (key.to_owned(), answers.quantile(q, SHOW_BEYOND).value()))
        .collect();
    keys.insert("max".into(), answers.hist().map(|hist| hist.exact().max));
    keys
}

fn generator(parts: &Parts<'_>) -> SummaryGenerator {
    let own = &parts.generator;
    let answered = parts.measured_load_answers();
    let exchanges = if answered > 0 { answered } else { parts.measured(|row| row.no_answer_expected) };
    SummaryGenerator {
        cpu_ns: own.cpu_ns,
        cpu_ns_per_exchange: own.cpu_ns.checked_div(exchanges),
        rss_peak_bytes: own.rss_peak_bytes,
        lane_busy_max: own.lane_busy_max,
        late_wakeups: own.late_wakeups,
        pauses: own.pauses.clone(),
    }
}
