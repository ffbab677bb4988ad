//! The findings of a run in words: captions, titles, alternative texts.
//!
//! Reads a view and says what it shows; computes no figure of its own beyond picking and
//! comparing. The page and the plots say the same because both ask here.

use std::collections::BTreeMap;

use super::escape::drawn;
use super::hops;
use super::scale;
use super::view::Heat;
use super::view::Level;
use super::view::Summary;
use super::view::SummarySeries;
use super::view::Verdict;
use super::view::View;
use crate::units::Nanos;
use crate::units::grouped;

/// The verdict as one word.
pub(crate) fn verdict_word(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Pass => "Pass",
        Verdict::Fail => "Fail",
        Verdict::Invalid => "Invalid",
        Verdict::Degraded => "Degraded",
        Verdict::Aborted => "Aborted",
    }
}

/// The verdict as a class and file-safe word.
pub(crate) fn verdict_class(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Pass => "pass",
        Verdict::Fail => "fail",
        Verdict::Invalid => "invalid",
        Verdict::Degraded => "degraded",
        Verdict::Aborted => "aborted",
    }
}

/// What the verdict means, in a sentence.
pub(crate) fn verdict_meaning(view: &View) -> String {
    let limits = &view.summary.limits;
    let broken = limits.iter().filter(|l| l.ok == Some(false)).count();
    match view.summary.verdict {
        Verdict::Pass if limits.is_empty() => "The run is valid. No limits were set.".into(),
        Verdict::Pass if limits.len() == 1 => "The run is valid and its limit holds.".into(),
        Verdict::Pass if limits.len() == 2 => "The run is valid and both limits hold.".into(),
        Verdict::Pass => format!("The run is valid and all {} limits hold.", limits.len()),
        Verdict::Fail if broken == 0 => "The peer did not take the planned load.".into(),
        Verdict::Fail => format!("{broken} of {} broken.", plural(limits.len() as u64, "limit")),
        Verdict::Invalid => "The generator was the limit. The figures below do not describe the target.".into(),
        Verdict::Degraded => "Part of the fleet was lost. The figures cover less than was planned.".into(),
        Verdict::Aborted => "The run ended before its time. The figures cover what was recorded.".into(),
    }
}

/// The series that stands for the run: the one the timeline follows, else the largest.
pub(crate) fn main_series(view: &View) -> Option<&SummarySeries> {
    let named = view.summary.series.iter().find(|s| s.name == view.timeline.series && s.count > 0);
    let is_answer = |s: &&SummarySeries| s.count > 0 && !hops::KERNEL.contains(&s.name.as_str());
    named.or_else(|| view.summary.series.iter().filter(is_answer).max_by_key(|s| s.count))
}

/// Place of a series in the summary, by name; also the number of its colour.
pub(crate) fn place(view: &View, series: &str) -> usize {
    view.summary.series.iter().position(|s| s.name == series).unwrap_or(view.summary.series.len())
}

/// A quantile of one view of a series as shown: the time, `> 10s` when it lies past the answered
/// share, `n/a` when too few samples stand behind it.
pub(crate) fn quantile(series: &SummarySeries, figures: &BTreeMap<String, Option<u64>>, key: &str, timeout_ns: u64) -> String {
    let q = key.strip_prefix('p').and_then(|p| p.parse::<f64>().ok()).map(|percent| percent / 100.0);
    match figures.get(key).copied().flatten() {
        Some(ns) => Nanos(ns).to_string(),
        None if q.is_some_and(|q| series.is_censored(q)) => format!("> {}", Nanos(timeout_ns)),
        None => "n/a".into(),
    }
}

/// Response quantile of a series as shown.
pub(crate) fn response(view: &View, series: &SummarySeries, key: &str) -> String {
    quantile(series, &series.response, key, view.timeout_ns)
}

/// `1 limit`, `3 limits`.
pub(crate) fn plural(n: u64, noun: &str) -> String {
    format!("{} {noun}{}", grouped(n), if n == 1 { "" } else { "s" })
}

/// Planned load a second: the middle value of the seconds of the measure phase.
pub(crate) fn planned_per_s(view: &View) -> Option<f64> {
    let timeline = &view.timeline;
    let measured = timeline.phases.iter().find(|(name, ..)| name == "measure");
    let inside = |t: f64| measured.is_none_or(|(_, from, to)| t >= *from && t < *to);
    let mut rates: Vec<f64> = timeline.t_s.iter().zip(&timeline.planned).filter(|(t, _)| inside(**t)).map(|(_, p)| *p).collect();
    rates.sort_by(f64::total_cmp);
    rates.get(rates.len() / 2).copied()
}

/// A rate: `10,000/s`, `2.5/s`.
pub(crate) fn rate(per_s: f64) -> String {
    format!("{}/s", scale::amount(if per_s >= 100.0 { per_s.round() } else { (per_s * 10.0).round() / 10.0 }))
}

/// A share of a whole: `0 %`, `0.01 %`, `< 0.001 %`.
pub(crate) fn share(part: u64, whole: u64) -> String {
    if part == 0 || whole == 0 {
        return "0 %".into();
    }
    let percent = part as f64 / whole as f64 * 100.0;
    match percent {
        p if p < 0.001 => "< 0.001 %".into(),
        p if p < 0.1 => format!("{p:.3} %"),
        p if p < 10.0 => format!("{p:.2} %"),
        p => format!("{p:.1} %"),
    }
}

/// Load exchanges that went wrong: late, unanswered, or not offered at all.
pub(crate) fn missed(summary: &Summary) -> u64 {
    [summary.counts.late, summary.counts.unanswered, super::words::sum(&summary.counts.not_offered)]
        .into_iter()
        .fold(0, u64::saturating_add)
}

/// What the percentile curve shows.
pub(crate) fn percentiles(view: &View) -> String {
    let Some(series) = main_series(view) else { return "No answer was recorded, so there is no curve to draw.".into() };
    let p = |key| response(view, series, key);
    let mut text = format!("{}: half of all answers came within {}", series.name, p("p50"));
    for (key, words) in [("p99", "99 % within"), ("p99.9", "99.9 % within")] {
        if series.response.get(key).copied().flatten().is_some() {
            text.push_str(&format!(", {words} {}", p(key)));
        }
    }
    text.push_str(&format!("; the slowest took {}.", p("max")));
    let gap = ["p99.9", "p99", "p50"].iter().find_map(|key| {
        let of = |m: &BTreeMap<String, Option<u64>>| m.get(*key).copied().flatten();
        Some((*key, of(&series.response)?, of(&series.service)?))
    });
    match gap {
        Some((key, response, service)) if response as f64 > service as f64 * 1.1 => text.push_str(&format!(
            " At {key} the time from the planned instant ({}) exceeds the time on the wire ({}): sends had to wait.",
            Nanos(response),
            Nanos(service)
        )),
        Some(_) => text.push_str(" Response and service run together: sends went out on time."),
        None => {}
    }
    text
}

/// What a heat map shows.
pub(crate) fn heat(heat: &Heat) -> String {
    let answers = heat.columns.iter().flatten().copied().fold(0, u64::saturating_add);
    if answers == 0 {
        return format!("{}: nothing was answered.", heat.series);
    }
    let when = |i: usize| scale::clock((heat.t0_ns + heat.column_ns * i as u64) as f64 / 1e9);
    let worst = heat.max.iter().enumerate().filter_map(|(i, m)| Some(((*m)?, i))).max_by_key(|(m, i)| (*m, usize::MAX - i));
    let mut text = format!("{}: {}", heat.series, plural(answers, "answer"));
    if let Some((max, i)) = worst {
        text.push_str(&format!("; the slowest took {} at {}", Nanos(max), when(i)));
    }
    let errors = heat.errors.iter().copied().fold(0, u64::saturating_add);
    match heat.errors.iter().enumerate().max_by_key(|(i, n)| (**n, usize::MAX - i)) {
        Some((i, _)) if errors > 0 => text.push_str(&format!("; {}, most at {}.", plural(errors, "error"), when(i))),
        _ => text.push_str("; no errors."),
    }
    text
}

/// What the load timeline shows.
pub(crate) fn load(view: &View) -> String {
    let counts = &view.summary.counts;
    if counts.planned == 0 {
        return "No load was planned, or none fell due before the run ended.".into();
    }
    let not_offered = super::words::sum(&counts.not_offered);
    let mut text = match not_offered {
        0 => format!("All {} planned sends went out", grouped(counts.planned)),
        n => format!("{} of {} planned sends did not go out ({})", grouped(n), grouped(counts.planned), share(n, counts.planned)),
    };
    if counts.sent > counts.no_answer_expected {
        let expected = counts.sent - counts.no_answer_expected;
        let answered = counts.answered.saturating_add(counts.late);
        text.push_str(&match expected - answered.min(expected) {
            0 => "; every one was answered".into(),
            n => format!("; {} ({}) were never answered", grouped(n), share(n, expected)),
        });
    }
    text.push_str(&format!(". At most {} were open at once.", plural(view.summary.connections.peak, "connection")));
    text
}

/// What percentiles over time show.
pub(crate) fn over_time(heat: &Heat) -> String {
    let most = |values: &[Option<u64>]| values.iter().flatten().max().copied();
    let least = |values: &[Option<u64>]| values.iter().flatten().min().copied();
    let range = |name: &str, values: &[Option<u64>]| Some(format!("{name} between {} and {}", Nanos(least(values)?), Nanos(most(values)?)));
    let parts: Vec<String> = [range("p50", &heat.p50), range("p99", &heat.p99)].into_iter().flatten().collect();
    let columns = if heat.column_ns > 1_000_000_000 { format!(" (columns of {})", Nanos(heat.column_ns)) } else { String::new() };
    if parts.is_empty() {
        return format!("{}: no column of time has enough answers for a percentile.", heat.series);
    }
    format!("{}: {}{columns}. Each column is a histogram of its own; nothing is averaged.", heat.series, parts.join(", "))
}

/// Where most answers of a distribution lie.
pub(crate) fn distribution(view: &View) -> String {
    let main = main_series(view).and_then(|main| view.distributions.iter().find(|d| d.series == main.name));
    let Some(distribution) = main else { return "No answer was recorded, so there is no distribution to draw.".into() };
    let fullest = distribution.counts.iter().enumerate().max_by_key(|(i, n)| (**n, usize::MAX - i)).map_or(0, |(i, _)| i);
    let edge = |i: usize| Nanos(distribution.edges_ns.get(i).copied().unwrap_or(0));
    format!(
        "{}: most answers took between {} and {}. Two humps mean two ways of answering.",
        distribution.series,
        edge(fullest),
        edge(fullest + 1)
    )
}

/// The level of load from which on p99 is at least twice what it is at the lowest.
pub(crate) fn knee(view: &View) -> Option<&Level> {
    let known: Vec<(&Level, u64)> = view.levels.iter().filter_map(|level| Some((level, level.p99?))).collect();
    let bound = known.first()?.1.saturating_mul(2);
    let above = known.iter().rev().take_while(|(_, p99)| *p99 >= bound).last();
    above.map(|(level, _)| *level)
}

/// How latency goes with load.
pub(crate) fn levels(view: &View) -> String {
    let known: Vec<(&Level, u64)> = view.levels.iter().filter_map(|level| Some((level, level.p99?))).collect();
    let (Some((low, first)), Some((high, last))) = (known.first(), known.last()) else {
        return "The load changed, but no level of it has enough answers for a p99.".into();
    };
    let ends = format!("p99 was {} at {} and {} at {}", Nanos(*first), rate(low.planned_per_s), Nanos(*last), rate(high.planned_per_s));
    match knee(view) {
        Some(level) => format!("{ends}; from {} on it was at least twice the first.", rate(level.planned_per_s)),
        None => format!("{ends}; it did not rise to twice the first and stay there."),
    }
}

/// How connections fared.
pub(crate) fn connections(view: &View) -> String {
    let c = &view.summary.connections;
    let failed = if c.failed == 0 { "no attempt failed".into() } else { format!("{} failed", plural(c.failed, "attempt")) };
    let again = if c.reconnects == 0 { "none was made again".into() } else { format!("{} were made again", grouped(c.reconnects)) };
    format!("{} asked for, {} opened, {failed}, {again}.", plural(c.asked, "connection"), grouped(c.opened))
}

/// What the errors add up to.
pub(crate) fn errors(view: &View) -> String {
    if view.errors.is_empty() {
        return "Nothing went wrong: no fault, no unexpected close, no send that did not happen.".into();
    }
    let total = view.errors.iter().map(|e| e.count).fold(0, u64::saturating_add);
    let worst = view.errors.iter().max_by_key(|e| e.count);
    let worst = worst.map(|e| format!("; most often {} {} ({})", e.group, drawn(&e.kind), grouped(e.count))).unwrap_or_default();
    format!("{} of {}{worst}.", plural(total, "event"), plural(view.errors.len() as u64, "kind"))
}

/// The first sentence of a finding, for places with one line.
pub(crate) fn first_sentence(text: &str) -> &str {
    text.split_inclusive(". ").next().unwrap_or(text).trim_end()
}

/// Whether the run can be trusted, in words.
pub(crate) fn trust(view: &View) -> String {
    let judged = view.trust.iter().filter(|t| t.ok.is_some()).count();
    let broken = view.trust.iter().filter(|t| t.ok == Some(false)).count();
    match (judged, broken) {
        (0, _) => "No check of the generator was recorded.".into(),
        (1, 0) => "Yes. The one check of the generator holds.".into(),
        (n, 0) => format!("Yes. All {n} checks of the generator hold."),
        (n, b) => format!("No. {b} of {} of the generator failed.", plural(n as u64, "check")),
    }
}

/// Most characters of a target beside other facts.
const TARGET_MOST: usize = 64;

/// Target, clients, rate, date and version on one line. A long target is cut, so that the rest is read too.
pub(crate) fn recipe(view: &View) -> String {
    let run = &view.summary.run;
    let rate = planned_per_s(view).map(|r| format!("{} planned", rate(r)));
    let target = drawn(&run.target);
    let target = match target.char_indices().nth(TARGET_MOST) {
        Some((end, _)) => format!("{}...", &target[..end]),
        None => target,
    };
    let parts = [
        Some(target),
        Some(plural(run.clients, "client")),
        rate,
        Some(format!("{} measured", Nanos(run.duration_ns))),
        Some(run.started.clone()),
        Some(format!("volley {}", run.version)),
    ];
    parts.into_iter().flatten().collect::<Vec<_>>().join("  ·  ")
}
