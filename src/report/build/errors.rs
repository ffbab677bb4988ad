//! What went wrong: kinds with their number, first and last second, and examples.
//!
//! An example text belongs to the fault whose name it begins with (`refused: connection refused`).

use std::collections::BTreeMap;

use super::figures::error_answers;
use super::parts::Parts;
use crate::record::CounterRow;
use crate::report::view::ErrorLine;
use crate::report::words;

/// Examples a kind.
const EXAMPLES: usize = 3;

/// All kinds of trouble; the most frequent first within each group.
pub(super) fn lines(parts: &Parts<'_>) -> Vec<ErrorLine> {
    let counts = &parts.counts;
    let mut lines = group(parts, "fault", &counts.faults, |row, kind| has(&row.faults, kind));
    lines.iter_mut().for_each(|line| line.examples = examples(parts, &line.kind));
    lines.extend(group(parts, "close", &early_closes(parts), |row, code| !is_ours(parts, row, code) && has(&row.closes, code)));
    lines.extend(group(parts, "not offered", &counts.not_offered, |row, cause| has(&row.not_offered, cause)));
    let single = |group_name, n, rows: fn(&CounterRow, &str) -> bool| group(parts, group_name, &named("answers", n), rows);
    lines.extend(group(parts, "unanswered", &unanswered(parts), |row, name| {
        has(&row.series_unanswered, name) || is_load(parts, name) && row.unanswered > 0
    }));
    lines.extend(single("late", counts.late, |row, _| row.late > 0));
    lines.extend(single("duplicate", counts.duplicate, |row, _| row.duplicate > 0));
    lines.extend(single("unsolicited", counts.unsolicited, |row, _| row.unsolicited > 0));
    lines.extend(group(parts, "error answer", &error_answers(parts), |row, kind| row.outcomes.values().any(|kinds| has(kinds, kind))));
    lines
}

fn has(map: &BTreeMap<String, u64>, key: &str) -> bool {
    map.get(key).is_some_and(|n| *n > 0)
}

fn named(kind: &str, n: u64) -> BTreeMap<String, u64> {
    [(kind.to_owned(), n)].into()
}

/// A line for every kind that occurred; `of_row` tells in which seconds.
fn group(parts: &Parts<'_>, name: &str, kinds: &BTreeMap<String, u64>, of_row: impl Fn(&CounterRow, &str) -> bool) -> Vec<ErrorLine> {
    let rows = &parts.run.rows;
    let line = |(kind, &count): (&String, &u64)| {
        let seen = |row: &&CounterRow| of_row(row, kind);
        // What no second tells was found when the run ended.
        let end = rows.last().map_or(0, |row| row.t_ns);
        ErrorLine {
            group: name.into(),
            kind: kind.clone(),
            count,
            first_ns: rows.iter().find(seen).map_or(end, |row| row.t_ns),
            last_ns: rows.iter().rfind(seen).map_or(end, |row| row.t_ns),
            examples: Vec::new(),
        }
    };
    let mut lines: Vec<ErrorLine> = kinds.iter().filter(|(_, n)| **n > 0).map(line).collect();
    lines.sort_by_key(|line| std::cmp::Reverse(line.count));
    lines
}

/// The answer to our own close, at the end or of a client that leaves, is no trouble. What the server closes by itself is counted
/// as a fault besides.
fn is_ours(parts: &Parts<'_>, row: &CounterRow, code: &str) -> bool {
    code == "1000" && (row.phase == "drain" || parts.run.manifest.plan.presence.is_some())
}

fn early_closes(parts: &Parts<'_>) -> BTreeMap<String, u64> {
    let mut early = parts.counts.closes.clone();
    for row in &parts.run.rows {
        for (code, n) in row.closes.iter().filter(|(code, _)| is_ours(parts, row, code)) {
            early.entry(code.clone()).and_modify(|sum| *sum = sum.saturating_sub(*n));
        }
    }
    early
}

fn unanswered(parts: &Parts<'_>) -> BTreeMap<String, u64> {
    parts.series.iter().filter(|s| !words::is_derived(&s.record.name)).map(|s| (s.record.name.clone(), s.unanswered)).collect()
}

fn is_load(parts: &Parts<'_>, name: &str) -> bool {
    parts.series.iter().find(|s| s.record.load).is_some_and(|s| s.record.name == name)
}

fn examples(parts: &Parts<'_>, kind: &str) -> Vec<String> {
    let Some(finish) = &parts.run.manifest.finish else { return Vec::new() };
    let begins = |text: &str| text.strip_prefix(kind).is_some_and(|rest| !rest.starts_with(|c: char| c.is_alphanumeric() || c == '_'));
    let mut texts: Vec<(&String, &u64)> = finish.fault_texts.iter().filter(|(text, _)| begins(text)).collect();
    texts.sort_by_key(|(_, n)| std::cmp::Reverse(**n));
    texts.into_iter().take(EXAMPLES).map(|(text, _)| words::clean(text)).collect()
}
