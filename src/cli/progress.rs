//! Progress on standard error: a moving line on a terminal, a plain line every ten seconds
//! elsewhere. Called by the collector, never by a lane.

use std::io::IsTerminal;
use std::io::Write;

use super::args::Progress;
use crate::dialogue::Script;
use crate::plan::Plan;
use crate::tally::Hist;
use crate::tally::Phase;
use crate::tally::Second;
use crate::units::Nanos;
use crate::units::SECOND;

/// How the plain line comes, in seconds.
const EVERY_NS: u64 = 10 * SECOND;

/// Shows how the run goes.
pub(super) struct Show {
    mode: Mode,
    total_ns: u64,
    load_series: Option<usize>,
    since_ns: u64,
    window: Window,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Mode {
    Moving,
    Line,
    Json,
    None,
}

/// What happened since the last line.
struct Window {
    response: Hist,
    lag: Hist,
    sent: u64,
    answered: u64,
    planned: u64,
    faults: u64,
}

impl Window {
    fn new() -> Self {
        Window { response: Hist::new(), lag: Hist::new(), sent: 0, answered: 0, planned: 0, faults: 0 }
    }
}

impl Show {
    /// For a run of `plan`.
    pub(super) fn new(asked: Progress, plan: &Plan, script: &Script) -> Self {
        let is_terminal = std::io::stderr().is_terminal() && std::env::var_os("TERM").is_some_and(|t| t != "dumb");
        let mode = match asked {
            Progress::Auto if is_terminal => Mode::Moving,
            Progress::Auto | Progress::Line => Mode::Line,
            Progress::Json => Mode::Json,
            Progress::None => Mode::None,
        };
        Show { mode, total_ns: plan.measure_until().0, load_series: script.load_series, since_ns: 0, window: Window::new() }
    }

    /// A second has closed.
    pub(super) fn second(&mut self, second: &Second) {
        if self.mode == Mode::None {
            return;
        }
        self.gather(second);
        let span = second.end_ns.saturating_sub(self.since_ns);
        if self.mode != Mode::Line || span >= EVERY_NS || second.end_ns == self.total_ns {
            self.print(second, span);
            self.since_ns = second.end_ns;
            self.window = Window::new();
        }
    }

    fn gather(&mut self, second: &Second) {
        let window = &mut self.window;
        for phase in Phase::ALL {
            let hists = &second.tally.phases[*phase as usize];
            window.lag.merge(&hists.lag);
            if let Some(series) = self.load_series {
                window.response.merge(&hists.series[series].response);
            }
        }
        let counts = &second.tally.counts;
        window.sent += counts.sent;
        window.planned += counts.planned;
        window.answered += counts.answered + counts.late;
        window.faults += counts.faults.iter().sum::<u64>();
    }

    fn print(&self, second: &Second, span: u64) {
        let seconds = span.max(1) as f64 / SECOND as f64;
        let quantile = |hist: &Hist, q: f64| hist.quantile(q).map_or("-".to_owned(), |ns| Nanos(ns).to_string());
        let w = &self.window;
        let (t, rate, acked) = (second.end_ns / SECOND, w.sent as f64 / seconds, w.answered as f64 / seconds);
        let mut out = anstream::stderr();
        let _ = match self.mode {
            Mode::Json => writeln!(
                out,
                "{}",
                serde_json::json!({ "t_ns": second.end_ns, "phase": second.phase, "planned": w.planned, "sent": w.sent, "answered": w.answered,
                    "faults": w.faults, "connections": second.connections.open, "p50": w.response.quantile(0.5), "p99": w.response.quantile(0.99), "lag_p99": w.lag.quantile(0.99) })
            ),
            _ => {
                let line = format!(
                    "t={t}s/{}s phase={} rate={rate:.0}/s acked={acked:.0}/s p50={} p99={} faults={} conns={} lag99={}",
                    self.total_ns / SECOND,
                    second.phase,
                    quantile(&w.response, 0.5),
                    quantile(&w.response, 0.99),
                    w.faults,
                    second.connections.open,
                    quantile(&w.lag, 0.99)
                );
                if self.mode == Mode::Moving { write!(out, "\r{line}\x1b[K").and_then(|()| out.flush()) } else { writeln!(out, "{line}") }
            }
        };
    }

    /// The run has ended: the moving line goes away.
    pub(super) fn end(&self) {
        if self.mode == Mode::Moving {
            let _ = write!(anstream::stderr(), "\r\x1b[K");
        }
    }
}
