//! Can this run be trusted? One line a check; a line that does not hold makes the run invalid, a line
//! without a bound is there to be known.

use super::parts::Parts;
use crate::report::judge;
use crate::report::judge::Figures;
use crate::report::quantile::SHOW_BEYOND;
use crate::report::view::TrustLine;
use crate::report::words;
use crate::units::grouped;

/// All checks, the most telling first.
pub(super) fn lines(parts: &Parts<'_>, figures: &Figures) -> Vec<TrustLine> {
    let mut lines = vec![
        lag(figures),
        late_wakeups(figures),
        busy(figures),
        pauses(figures),
        own_not_offered(figures),
        unstamped(parts),
        read_delay(parts),
        clipped(parts),
        coverage(figures),
    ];
    if parts.run.manifest.plan.insecure {
        lines.push(line("certificate of the server", "NOT VERIFIED (--insecure)".into(), String::new(), None));
    }
    lines
}

fn line(name: &str, value: String, bound: String, ok: Option<bool>) -> TrustLine {
    TrustLine { name: name.into(), value, bound, ok }
}

fn lag(figures: &Figures) -> TrustLine {
    let Some(lag) = &figures.lag else {
        return line("send lag", "n/a (fewer than 20 planned sends)".into(), String::new(), None);
    };
    let peer = lag.broken() && !lag.ours;
    let value = format!("{}{}", words::time(lag.value_ns), if peer { " (the peer did not read)" } else { "" });
    let bound = format!("at most {}", words::time(lag.allowed_ns));
    line(&format!("send lag {}", lag.quantile), value, bound, (!peer).then_some(!lag.broken()))
}

fn late_wakeups(figures: &Figures) -> TrustLine {
    line("wake-ups more than 0.5 ms late", grouped(figures.late_wakeups), String::new(), None)
}

fn busy(figures: &Figures) -> TrustLine {
    let value = format!("{} at most, {} s above 90 %", words::share(figures.lane_busy_max), figures.lane_busy_over_s);
    let ok = figures.lane_busy_over_s <= judge::BUSY_ALLOWED_S;
    // In closed loop a busy lane is normal, and said as a note.
    let bound = if figures.open_loop { format!("at most {} s above 90 %", judge::BUSY_ALLOWED_S) } else { String::new() };
    line("busiest lane", value, bound, figures.open_loop.then_some(ok))
}

fn pauses(figures: &Figures) -> TrustLine {
    let longest = figures.pauses.iter().map(|p| p.length_ns).max();
    let value = longest.map_or("none".into(), |ns| format!("{}, longest {}", figures.pauses.len(), words::time(ns)));
    line("pauses of the process", value, "none above 50ms".into(), Some(figures.pauses.is_empty()))
}

fn own_not_offered(figures: &Figures) -> TrustLine {
    let share = words::ratio(judge::not_offered(figures, true), figures.planned);
    let bound = format!("at most {}", words::share(judge::OWN_NOT_OFFERED_ALLOWED));
    line("sends without a file or port", words::share(share), bound, Some(share <= judge::OWN_NOT_OFFERED_ALLOWED))
}

fn unstamped(parts: &Parts<'_>) -> TrustLine {
    let unstamped = parts.run.rows.iter().fold(0u64, |sum, row| sum.saturating_add(row.unstamped));
    let share = words::ratio(unstamped, words::sum(&parts.counts.messages_in));
    let value = if parts.run.manifest.plan.stamps == "kernel" { words::share(share) } else { "all (--stamps read)".into() };
    line("answers without a kernel stamp", value, String::new(), None)
}

fn read_delay(parts: &Parts<'_>) -> TrustLine {
    let p99 = parts.own("read_delay").quantile(0.99, SHOW_BEYOND).value();
    line("read delay p99 (not in any figure)", words::time_or_na(p99), String::new(), None)
}

fn clipped(parts: &Parts<'_>) -> TrustLine {
    let clipped = parts.series.iter().filter_map(|s| s.response.hist()).map(|hist| hist.exact().clipped).sum();
    line("answers above 1 h, clipped", grouped(clipped), String::new(), None)
}

fn coverage(figures: &Figures) -> TrustLine {
    line("plan covered", words::share(figures.coverage), "100 %".into(), Some(figures.coverage >= 1.0))
}
