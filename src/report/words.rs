//! Figures in words, the same in every report: shares, instants, counts, lists.
//!
//! Knows nothing of runs. Times are written by [`Nanos`].

use std::collections::BTreeMap;

use super::view::SummaryFanOut;
use super::view::SummaryFanOutSeries;
use super::view::SummaryReceiver;
use super::view::SummaryStorm;
use crate::units::Nanos;
use crate::units::SECOND;
use crate::units::grouped;
use crate::units::printable;

/// A time with three significant digits.
pub(super) fn time(ns: u64) -> String {
    Nanos(ns).to_string()
}

/// A time, or `n/a`.
pub(super) fn time_or_na(ns: Option<u64>) -> String {
    ns.map_or_else(|| "n/a".to_owned(), time)
}

/// A share of 0 to 1 as a percentage with at most three significant digits: `0.002 %`, `62 %`, `99.98 %`.
pub(super) fn share(share: f64) -> String {
    let percent = share * 100.0;
    if percent > 0.0 && percent < 0.0001 {
        return "<0.0001 %".into();
    }
    // Close to everything is not everything.
    let percent = if percent > 99.0 && percent < 100.0 { (percent * 1e3).floor() / 1e3 } else { percent };
    let places = match percent.abs() {
        p if p > 99.0 && p < 100.0 => 3,
        p if p >= 10.0 || p == 0.0 => 0,
        p if p >= 1.0 => 1,
        p if p >= 0.1 => 2,
        _ => 4,
    };
    let text = format!("{percent:.places$}");
    let text = if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { &text };
    format!("{text} %")
}

/// `part` of `whole` as a share, 0 of nothing.
pub(super) fn ratio(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}

/// Sum of a map's values, held at the largest number.
pub(super) fn sum(map: &BTreeMap<String, u64>) -> u64 {
    map.values().fold(0, |sum, n| sum.saturating_add(*n))
}

/// A rate in events a second: `10,000.2/s` without the unit; small rates keep three digits.
pub(super) fn rate(per_s: f64) -> String {
    if !per_s.is_finite() || per_s <= 0.0 {
        return "0".into();
    }
    if per_s < 10.0 {
        return format!("{per_s:.2}");
    }
    let tenths = (per_s * 10.0).round() as u64;
    if per_s < 1_000.0 { format!("{}.{}", tenths / 10, tenths % 10) } else { grouped(per_s.round() as u64) }
}

/// An instant on the run clock in whole seconds: `12 s`.
pub(super) fn instant(ns: u64) -> String {
    format!("{} s", ns / SECOND)
}

/// `1 connection`, `2 connections`.
pub(super) fn counted(n: u64, one: &str, many: &str) -> String {
    format!("{} {}", grouped(n), if n == 1 { one } else { many })
}

/// Text of a stranger for a terminal or a report, safe and cut at 200 characters.
pub(super) fn clean(text: &str) -> String {
    printable(text, 200)
}

/// As [`clean`], for our own sentences, which are not cut before 2,000.
pub(super) fn clean_long(text: &str) -> String {
    printable(text, 2_000)
}

/// Whether a series is derived of another, as `fanout.last` is.
pub(super) fn is_derived(series: &str) -> bool {
    series.contains('.')
}

/// What a fan-out was like: its times, what arrived, and who is behind.
pub(super) fn fan_out(fan_out: &SummaryFanOut) -> String {
    format!("{}; {}", fan_out_times(fan_out), reach(&fan_out.receivers))
}

/// When messages reached their receivers, in a sentence for each series.
pub(super) fn fan_out_times(fan_out: &SummaryFanOut) -> String {
    let of = |figures: &BTreeMap<String, Option<u64>>, key: &str| time_or_na(figures.get(key).copied().flatten());
    let one = |s: &SummaryFanOutSeries| {
        let times =
            [("first", &s.first), ("median", &s.median), ("last", &s.last)].map(|(what, figures)| format!("{what} {}", of(figures, "p50")));
        format!(
            "Fan-out of {} to {}: p50 {}, spread {}; {} of {} messages reached all",
            s.name,
            counted(s.receivers, "receiver", "receivers"),
            times.join(", "),
            of(&s.spread, "p50"),
            share(ratio(s.reached_all, s.messages)),
            grouped(s.messages),
        )
    };
    fan_out.series.iter().map(one).collect::<Vec<_>>().join(". ")
}

/// What share of all copies was seen, and who is behind.
fn reach(receivers: &[SummaryReceiver]) -> String {
    let total = |of: fn(&SummaryReceiver) -> u64| receivers.iter().map(of).fold(0, u64::saturating_add);
    let (seen, missed) = (total(|r| r.seen), total(|r| r.missed));
    let copies = format!("{} of {} copies seen", share(ratio(seen, seen.saturating_add(missed))), grouped(seen.saturating_add(missed)));
    match receivers {
        [slowest, .., fastest] if slowest.behind_ns > fastest.behind_ns => format!(
            "{copies}; {} is the slowest, {} behind the first on average and last in {} (even would be {})",
            slowest.name,
            time_or_na(slowest.behind_ns),
            share(slowest.last_share),
            share(ratio(1, receivers.len() as u64)),
        ),
        _ => copies,
    }
}

/// What a storm did, in a sentence.
pub(super) fn storm(storm: &SummaryStorm) -> String {
    let lost = [("connects failed", storm.failed), ("sends not offered", storm.not_offered), ("unanswered", storm.unanswered)];
    let lost = lost.map(|(what, n)| format!("{} {what}", grouped(n))).join(", ");
    format!("{}; {lost}", storm_passed(storm))
}

/// Who a storm struck, and when they were back.
pub(super) fn storm_passed(storm: &SummaryStorm) -> String {
    let after = |share: &str| storm.recovery.get(share).copied().flatten();
    let back = match (after("p50"), after("p95"), after("p100")) {
        (_, _, Some(all)) => format!("all back after {} (half {}, 95 % {})", time(all), time_or_na(after("p50")), time_or_na(after("p95"))),
        (Some(half), ninety_five, None) => {
            let most = ninety_five.map_or(String::new(), |ns| format!(", 95 % {}", time(ns)));
            format!("{} back by the end (half after {}{most})", grouped(storm.back), time(half))
        }
        _ => format!("{} back by the end", grouped(storm.back)),
    };
    format!("Storm {}: {} struck, {back}", storm.what, grouped(storm.struck))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares() {
        for (x, text) in [
            (0.0, "0 %"),
            (1.0, "100 %"),
            (0.00002, "0.002 %"),
            (0.62, "62 %"),
            (0.9998, "99.98 %"),
            (0.999_999_9, "99.999 %"),
            (1e-9, "<0.0001 %"),
            (0.9, "90 %"),
            (0.0123, "1.2 %"),
            (0.001, "0.1 %"),
            (2.5, "250 %"),
        ] {
            assert_eq!(share(x), text);
        }
    }

    #[test]
    fn rates() {
        for (x, text) in [(0.0, "0"), (0.5, "0.50"), (99.95, "100.0"), (1000.0, "1,000"), (10_000.2, "10,000"), (f64::NAN, "0")] {
            assert_eq!(rate(x), text);
        }
    }

    #[test]
    fn strangers_cannot_steer_a_terminal() {
        assert_eq!(clean("a\x1b[31m\u{202e}b\r\n"), "a[31mb");
        assert_eq!(clean(&"x".repeat(500)).len(), 202);
    }
}
