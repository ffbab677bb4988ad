//! Progress while a run goes on: the live view or a moving line on a terminal, a line every ten seconds elsewhere, JSON
//! lines for programs. Called by the collector, never by a lane.

use std::io::IsTerminal;
use std::io::Write;

use super::Trouble;
use super::args::Progress;
use super::args::RunArgs;
use super::args::RunFormat;
use super::live::Live;
use super::metrics::Metrics;
use super::say;
use super::tell;
use super::tui;
use super::tui::View;
use crate::dialogue::Script;
use crate::record::CounterRow;
use crate::record::Manifest;
use crate::report::quantile::Answers;
use crate::report::quantile::SHOW_BEYOND;
use crate::tally::Hist;
use crate::tally::Phase;
use crate::tally::Second;
use crate::units::Nanos;
use crate::units::SECOND;
use crate::units::grouped;

/// How the plain line comes, in seconds.
const EVERY_NS: u64 = 10 * SECOND;

/// How a run is shown while it goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Way {
    mode: Mode,
    /// Each second is a line of the results, too.
    lines: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mode {
    View,
    Moving,
    Line,
    Sentence,
    Json,
    None,
}

/// What of the surroundings decides.
struct Surroundings {
    /// Why the live view cannot be shown.
    view: Result<(), String>,
    /// Standard error is a terminal that can move its cursor.
    moves: bool,
    /// Standard input and output are terminals.
    is_attended: bool,
}

/// Settles how a run is shown, before it begins; `is_tapped` when messages are printed, too.
pub(super) fn way(args: &RunArgs, is_tapped: bool) -> Result<Way, Trouble> {
    let around = Surroundings {
        view: tui::fits(),
        moves: std::io::stderr().is_terminal() && std::env::var_os("TERM").is_some_and(|t| t != "dumb"),
        is_attended: std::io::stdout().is_terminal() && std::io::stdin().is_terminal() && !is_tapped,
    };
    let asked = if args.tui { Progress::Tui } else { args.progress };
    let lines = args.format == RunFormat::Ndjson;
    mode(asked, args.plain, lines, around).map(|mode| Way { mode, lines })
}

fn mode(asked: Progress, plain: bool, lines: bool, around: Surroundings) -> Result<Mode, Trouble> {
    Ok(match asked {
        Progress::Tui if plain => return Err(Trouble::usage("--progress tui draws, and --plain asks for sentences; take one of them")),
        Progress::Tui => match around.view {
            Ok(()) => Mode::View,
            Err(why) => {
                return Err(Trouble::usage(format!("the live view cannot be shown: {why}. Leave --tui out, or take --progress line")));
            }
        },
        Progress::Json => Mode::Json,
        Progress::None => Mode::None,
        Progress::Auto | Progress::Bar | Progress::Line if plain => Mode::Sentence,
        Progress::Auto if around.is_attended && !lines && around.view.is_ok() => Mode::View,
        Progress::Auto | Progress::Bar if around.moves => Mode::Moving,
        Progress::Auto | Progress::Bar | Progress::Line => Mode::Line,
    })
}

/// Shows how the run goes.
pub(super) struct Show<'a> {
    way: Way,
    view: Option<View>,
    live: Option<Live>,
    metrics: Option<Metrics>,
    script: &'a Script,
    total_ns: u64,
    since_ns: u64,
    window: Window,
}

/// What happened since the last line.
#[derive(Default)]
struct Window {
    response: Hist,
    lag: Hist,
    sent: u64,
    answered: u64,
    planned: u64,
    faults: u64,
}

impl<'a> Show<'a> {
    /// For the run of `manifest`; `stop` is what a signal to stop does, too.
    pub(super) fn new(
        way: Way,
        manifest: &Manifest,
        script: &'a Script,
        colour: bool,
        stop: impl Fn() + Send + 'static,
    ) -> Result<Self, Trouble> {
        let view = if way.mode == Mode::View { Some(View::open(manifest, script, colour, stop)?) } else { None };
        let plan = &manifest.plan;
        let total_ns = plan.ramp_ns + plan.warmup_ns + plan.duration_ns;
        Ok(Show { way, view, live: None, metrics: None, script, total_ns, since_ns: 0, window: Window::default() })
    }

    /// Seconds go to a page and to Prometheus, too.
    pub(super) fn also(&mut self, live: Option<Live>, metrics: Option<Metrics>) {
        (self.live, self.metrics) = (live, metrics);
    }

    /// A second has closed; `row` is what the record keeps of it.
    pub(super) fn second(&mut self, second: &Second, row: &CounterRow) {
        if self.way.lines || self.way.mode == Mode::Json || self.live.is_some() {
            let line = json(self.script, second, row);
            if let Some(live) = &self.live {
                live.second(&line);
            }
            if self.way.lines {
                say!("{line}");
            }
            if self.way.mode == Mode::Json {
                tell!("{line}");
            }
        }
        if let Some(metrics) = &mut self.metrics {
            metrics.second(second);
        }
        if let Some(view) = &self.view {
            view.second(second, row);
        }
        if !matches!(self.way.mode, Mode::Moving | Mode::Line | Mode::Sentence) {
            return;
        }
        self.gather(second);
        let span = second.end_ns.saturating_sub(self.since_ns);
        if self.way.mode == Mode::Moving || span >= EVERY_NS || second.end_ns == self.total_ns {
            self.print(second, span);
            self.since_ns = second.end_ns;
            self.window = Window::default();
        }
    }

    fn gather(&mut self, second: &Second) {
        let window = &mut self.window;
        for phase in Phase::ALL {
            let hists = &second.tally.phases[*phase as usize];
            window.lag.merge(&hists.lag);
            if let Some(series) = self.script.load_series {
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
        let line = if self.way.mode == Mode::Sentence { self.sentence(second, span) } else { self.line(second, span) };
        let mut out = anstream::stderr();
        let _ = match self.way.mode {
            Mode::Moving => write!(out, "\r{line}\x1b[K").and_then(|()| out.flush()),
            _ => writeln!(out, "{line}"),
        };
    }

    fn line(&self, second: &Second, span: u64) -> String {
        let seconds = span.max(1) as f64 / SECOND as f64;
        let quantile = |hist: &Hist, q: f64| hist.quantile(q).map_or("-".to_owned(), |ns| Nanos(ns).to_string());
        let w = &self.window;
        let (t, rate, acked) = (second.end_ns / SECOND, w.sent as f64 / seconds, w.answered as f64 / seconds);
        format!(
            "t={t}s/{}s phase={} rate={rate:.0}/s acked={acked:.0}/s p50={} p99={} faults={} conns={} lag99={}",
            self.total_ns / SECOND,
            second.phase,
            quantile(&w.response, 0.5),
            quantile(&w.response, 0.99),
            w.faults,
            second.connections.open,
            quantile(&w.lag, 0.99)
        )
    }

    fn sentence(&self, second: &Second, span: u64) -> String {
        let w = &self.window;
        let doing = match second.phase {
            "ramp" => "connecting",
            "warmup" => "warming up",
            "measure" => "measuring",
            _ => "waiting for answers",
        };
        let answers = Answers::all(Some(&w.response));
        let times = [(0.5, "half of them within"), (0.99, "99 of 100 within")];
        let times =
            times.into_iter().filter_map(|(q, words)| Some(format!(", {words} {}", Nanos(answers.quantile(q, SHOW_BEYOND).value()?))));
        let faults = match w.faults {
            0 => "No faults".to_owned(),
            1 => "1 fault".to_owned(),
            n => format!("{} faults", grouped(n)),
        };
        format!(
            "After {} of {} seconds, {doing}: in the last {} seconds {} messages were sent of {} planned, and {} answered{}. {faults}. {} connections are open.",
            second.end_ns / SECOND,
            self.total_ns / SECOND,
            span.div_ceil(SECOND),
            grouped(w.sent),
            grouped(w.planned),
            grouped(w.answered),
            times.collect::<String>(),
            grouped(second.connections.open)
        )
    }

    /// The run has ended: view, page and moving line go away.
    pub(super) fn end(self) {
        if self.way.mode == Mode::Moving {
            let _ = write!(anstream::stderr(), "\r\x1b[K");
        }
    }
}

/// A second as a JSON object: instants and spans in nanoseconds on the run clock, counts are increments, a quantile with too
/// few samples beyond it is null.
fn json(script: &Script, second: &Second, row: &CounterRow) -> String {
    let [warm, measured] = &second.tally.phases;
    let both = |a: &Hist, b: &Hist| {
        let mut hist = a.clone();
        hist.merge(b);
        hist
    };
    let times = |hist: &Hist| {
        let quantile = |q: f64| Answers::all(Some(hist)).quantile(q, SHOW_BEYOND).value();
        let max = Some(hist.exact().max).filter(|_| !hist.is_empty());
        serde_json::json!({ "count": hist.len(), "p50": quantile(0.5), "p99": quantile(0.99), "max": max })
    };
    let series = script.series.iter().zip(warm.series.iter().zip(&measured.series));
    let series = series.map(|(series, (a, b))| (series.name.clone(), both(&a.response, &b.response)));
    let series: serde_json::Map<_, _> = series.filter(|(_, hist)| !hist.is_empty()).map(|(name, hist)| (name, times(&hist))).collect();
    let object = serde_json::json!({
        "schema": "volley.second/1", "t_ns": row.t_ns, "span_ns": row.span_ns, "phase": row.phase,
        "planned": row.planned, "sent": row.sent, "not_offered": row.not_offered,
        "answered": row.answered, "late": row.late, "unanswered": row.unanswered,
        "faults": row.faults, "connections": row.connections, "series": series, "lag": times(&both(&warm.lag, &measured.lag)),
        "generator": { "lane_busy": row.lane_busy, "late_wakeups": row.late_wakeups, "cpu_ns": row.cpu_ns },
    });
    object.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chosen(asked: Progress, plain: bool, lines: bool, view: bool, moves: bool, is_attended: bool) -> Option<Mode> {
        let view = if view { Ok(()) } else { Err("too small".into()) };
        mode(asked, plain, lines, Surroundings { view, moves, is_attended }).ok()
    }

    #[test]
    fn what_is_asked_and_where_decide() {
        use Progress::*;
        for (asked, plain, lines, view, moves, attended, expected) in [
            (Auto, false, false, true, true, true, Some(Mode::View)),
            (Auto, false, true, true, true, true, Some(Mode::Moving)),
            (Auto, false, false, true, true, false, Some(Mode::Moving)),
            (Auto, false, false, false, true, true, Some(Mode::Moving)),
            (Auto, false, false, false, false, false, Some(Mode::Line)),
            (Auto, true, false, true, true, true, Some(Mode::Sentence)),
            (Line, true, false, true, true, true, Some(Mode::Sentence)),
            (Line, false, false, true, true, true, Some(Mode::Line)),
            (Bar, false, false, true, true, true, Some(Mode::Moving)),
            (Bar, false, false, false, false, false, Some(Mode::Line)),
            (Tui, false, false, true, true, false, Some(Mode::View)),
            (Tui, false, false, false, true, true, Option::None),
            (Tui, true, false, true, true, true, Option::None),
            (Json, true, false, true, true, true, Some(Mode::Json)),
            (None, true, false, true, true, true, Some(Mode::None)),
        ] {
            assert_eq!(chosen(asked, plain, lines, view, moves, attended), expected, "{asked:?} {plain} {lines} {view} {moves} {attended}");
        }
    }
}
