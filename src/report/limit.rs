//! Limits: what a run must hold, parsed from text and judged on figures.
//!
//! ```text
//! limit   = subject stat op bound option*
//! subject = SERIES | SERIES/service | lag | reaction | read_delay            times; `*` in SERIES stands for anything
//!         | errors | unanswered | late | duplicate | unsolicited
//!         | not_offered | planned | sent | answered                          counts
//! stat    = p(X) | min | max | mean | med      of times; p(50) to p(99.999)
//!         | count | rate                       of series and counts
//! op      = < | <= | > | >= | == | !=
//! bound   = TIME (10ms)      for times         | N             for count
//!         | X% or 0.X        for the rate of errors, unanswered, late, duplicate, unsolicited, not_offered
//!         | N/s or N         for the rate of a series, planned, sent, answered
//!         | N * planned      for the rate of sent and answered, over the whole run
//! option  = phase=measure | phase=warmup       what is judged; warmup is all before the measured time
//!         | over=TIME                          it has to hold in each stretch of the measured time so long
//!         | abort [after TIME]                 the run ends once it is broken, not before so much measured time
//! ```
//!
//! `echo p(99) < 10ms`, `* max < 1s abort after 10s`, `errors rate < 0.1%`, `sent rate >= 0.99 * planned`.
//! A series is judged by its response in the measure phase, counts over the whole run unless a phase is named. Errors are
//! faults and error answers; their rate is of load sends and connection attempts. A quantile needs 100 samples
//! beyond it to be judged; with fewer the limit is neither kept nor broken. Knows no files.

mod live;
mod parse;
mod stretch;

use std::collections::BTreeMap;

use super::quantile::Answers;
use super::quantile::GATE_BEYOND;
use super::quantile::Shown;
use super::view::SummaryLimit;
use super::words;
use crate::units::Nanos;
use crate::units::grouped;
pub use live::Live;
pub use parse::parse;
pub use stretch::Stretch;

/// A parsed limit.
#[derive(Clone, Debug, PartialEq)]
pub struct Limit {
    text: String,
    subject: Subject,
    stat: Stat,
    op: Op,
    bound: Bound,
    scope: Scope,
    /// Measured time after which the run ends once the limit is broken; `None` when it goes on.
    abort_after: Option<Nanos>,
}

/// What of a run a limit is judged on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// Series in the measure phase, counts over the whole run.
    Run,
    /// The measure phase alone.
    Measure,
    /// All that came before it.
    Warmup,
    /// Each stretch of the measure phase of this length.
    Each(Nanos),
}

/// What a limit speaks of.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Subject {
    Series { name: String, service: bool },
    Own(Own),
    Count(Counted),
}

/// Times of the generator itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Own {
    Lag,
    Reaction,
    ReadDelay,
}

/// A count of the whole run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Counted {
    Errors,
    Unanswered,
    Late,
    Duplicate,
    Unsolicited,
    NotOffered,
    Planned,
    Sent,
    Answered,
}

impl Counted {
    /// Whether its rate is a share of something, not events a second.
    fn is_share(self) -> bool {
        !matches!(self, Counted::Planned | Counted::Sent | Counted::Answered)
    }
}

const OWNS: [(&str, Own); 3] = [("lag", Own::Lag), ("reaction", Own::Reaction), ("read_delay", Own::ReadDelay)];

const COUNTS: [(&str, Counted); 9] = [
    ("errors", Counted::Errors),
    ("unanswered", Counted::Unanswered),
    ("late", Counted::Late),
    ("duplicate", Counted::Duplicate),
    ("unsolicited", Counted::Unsolicited),
    ("not_offered", Counted::NotOffered),
    ("planned", Counted::Planned),
    ("sent", Counted::Sent),
    ("answered", Counted::Answered),
];

#[derive(Clone, Copy, Debug, PartialEq)]
enum Stat {
    Quantile(f64),
    Min,
    Max,
    Mean,
    Count,
    Rate,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Op {
    Less,
    LessOrEqual,
    More,
    MoreOrEqual,
    Equal,
    NotEqual,
}

/// Longest first, so that `<=` is not read as `<`.
const OPS: [(&str, Op); 6] =
    [("<=", Op::LessOrEqual), (">=", Op::MoreOrEqual), ("==", Op::Equal), ("!=", Op::NotEqual), ("<", Op::Less), (">", Op::More)];

impl Op {
    fn holds(self, value: f64, bound: f64) -> bool {
        match self {
            Op::Less => value < bound,
            Op::LessOrEqual => value <= bound,
            Op::More => value > bound,
            Op::MoreOrEqual => value >= bound,
            Op::Equal => value == bound,
            Op::NotEqual => value != bound,
        }
    }

    /// What is known of the comparison when the value is only known to be above `floor`.
    fn holds_above(self, floor: f64, bound: f64) -> Option<bool> {
        let beyond = floor >= bound;
        match self {
            Op::Less | Op::LessOrEqual | Op::Equal => beyond.then_some(false),
            Op::More | Op::MoreOrEqual | Op::NotEqual => beyond.then_some(true),
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Bound {
    Time(u64),
    Number(f64),
    Share(f64),
    PerSecond(f64),
    OfPlanned(f64),
}

impl Bound {
    fn number(self) -> f64 {
        match self {
            Bound::Time(ns) => ns as f64,
            Bound::Number(x) | Bound::Share(x) | Bound::PerSecond(x) | Bound::OfPlanned(x) => x,
        }
    }
}

/// The figures that limits are judged on.
#[derive(Debug, Default)]
pub struct LimitFigures<'a> {
    /// Series by name.
    pub series: BTreeMap<&'a str, SeriesFigures<'a>>,
    /// sent - due.
    pub lag: Option<Answers<'a>>,
    /// Our own delay before reactive sends.
    pub reaction: Option<Answers<'a>>,
    /// From the kernel's stamp to the read.
    pub read_delay: Option<Answers<'a>>,
    /// Faults and error answers.
    pub errors: u64,
    /// Load sends and connection attempts, of which errors are a share.
    pub attempts: u64,
    /// Never answered.
    pub unanswered: u64,
    /// Answered late.
    pub late: u64,
    /// Answered twice.
    pub duplicate: u64,
    /// Answers to nothing.
    pub unsolicited: u64,
    /// Load sends that did not happen.
    pub not_offered: u64,
    /// Load sends that fell due.
    pub planned: u64,
    /// Load sends written.
    pub sent: u64,
    /// Load exchanges answered, in time or late.
    pub answered: u64,
    /// Planned, sent and answered a second in the measure phase.
    pub per_s: [f64; 3],
    /// How long an answer was waited for.
    pub timeout_ns: u64,
}

/// Figures of a series in the measure phase.
#[derive(Clone, Copy, Debug)]
pub struct SeriesFigures<'a> {
    /// done - due.
    pub response: Answers<'a>,
    /// done - sent.
    pub service: Answers<'a>,
    /// Answers a second.
    pub rate_per_s: f64,
}

/// A judgement with the number behind it, to be compared with others of the same limit.
#[derive(Debug)]
pub(super) struct Judged {
    limit: SummaryLimit,
    value: f64,
}

/// What was found for a limit.
enum Found {
    Value(f64),
    /// Only known to be above the timeout.
    Above(u64),
    /// Not enough to judge: why.
    Nothing(String),
}

impl Limit {
    /// The limit as written, with the name of the series that a `*` stood for.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// What it is judged on.
    pub fn scope(&self) -> Scope {
        self.scope
    }

    /// Tag of the histogram that it is judged on, if it is one of times.
    pub(super) fn tag(&self) -> Option<String> {
        match &self.subject {
            Subject::Series { name, service: false } => Some(name.clone()),
            Subject::Series { name, service: true } => Some(format!("{name}/service")),
            Subject::Own(own) => OWNS.iter().find(|(_, other)| other == own).map(|(name, _)| (*name).to_owned()),
            Subject::Count(_) => None,
        }
    }

    /// The worst of several judgements, each of a stretch that began so many seconds into the measure phase.
    pub(super) fn worst(&self, judged: impl Iterator<Item = (u64, Judged)>) -> SummaryLimit {
        let mut worst: Option<(u64, Judged)> = None;
        let (mut all, mut undecided) = (0u64, 0u64);
        for (at_s, one) in judged {
            all += 1;
            undecided += u64::from(one.limit.ok.is_none());
            if one.limit.ok.is_some() && worst.as_ref().is_none_or(|(_, old)| self.is_worse(&one, old)) {
                worst = Some((at_s, one));
            }
        }
        let Some((at_s, Judged { limit, .. })) = worst else {
            return SummaryLimit { expr: self.text.clone(), value: None, ok: None, note: "no stretch has enough samples".into() };
        };
        let left_out = if undecided > 0 { format!(", {undecided} of them without enough samples") } else { String::new() };
        let note = if limit.note.is_empty() { String::new() } else { format!("{}; ", limit.note) };
        SummaryLimit { note: format!("{note}worst of {all} stretches{left_out}, {at_s} s in"), ..limit }
    }

    fn is_worse(&self, one: &Judged, other: &Judged) -> bool {
        match (one.limit.ok, other.limit.ok) {
            (Some(false), Some(true)) => true,
            (Some(true), Some(false)) => false,
            _ => match self.op {
                Op::Less | Op::LessOrEqual => one.value > other.value,
                Op::More | Op::MoreOrEqual => one.value < other.value,
                Op::Equal | Op::NotEqual => false,
            },
        }
    }

    /// Whether the run is to end: it is broken for good after so much measured time.
    pub(super) fn ends(&self, figures: &LimitFigures<'_>, measured: Nanos) -> Option<SummaryLimit> {
        self.abort_after.filter(|after| measured >= *after)?;
        Some(self.evaluate(figures)).filter(|judged| judged.ok == Some(false))
    }

    /// Judges the limit.
    pub fn evaluate(&self, figures: &LimitFigures<'_>) -> SummaryLimit {
        self.judged(figures).limit
    }

    pub(super) fn judged(&self, figures: &LimitFigures<'_>) -> Judged {
        let found = self.find(figures);
        let value = match found {
            Found::Value(value) => value,
            Found::Above(_) => f64::INFINITY,
            Found::Nothing(_) => f64::NAN,
        };
        Judged { limit: self.said(found), value }
    }

    fn said(&self, found: Found) -> SummaryLimit {
        let expr = self.text.clone();
        match found {
            Found::Value(value) => {
                let ok = self.op.holds(value, self.bound.number());
                SummaryLimit { expr, value: Some(self.words(value)), ok: Some(ok), note: self.margin(value, ok) }
            }
            Found::Above(floor) => {
                let ok = self.op.holds_above(floor as f64, self.bound.number());
                let note = "more exchanges than that were never answered".to_owned();
                SummaryLimit { expr, value: ok.map(|_| format!("> {}", words::time(floor))), ok, note }
            }
            Found::Nothing(note) => SummaryLimit { expr, value: None, ok: None, note },
        }
    }

    fn find(&self, figures: &LimitFigures<'_>) -> Found {
        match &self.subject {
            Subject::Series { name, service } => match figures.series.get(name.as_str()) {
                Some(series) if self.stat == Stat::Rate => Found::Value(series.rate_per_s),
                Some(series) => self.of_times(if *service { series.service } else { series.response }, figures.timeout_ns),
                None => Found::Nothing(format!("the run has no series `{name}`")),
            },
            Subject::Own(own) => {
                let answers = match own {
                    Own::Lag => figures.lag,
                    Own::Reaction => figures.reaction,
                    Own::ReadDelay => figures.read_delay,
                };
                self.of_times(answers.unwrap_or(Answers::all(None)), figures.timeout_ns)
            }
            Subject::Count(counted) => self.of_count(*counted, figures),
        }
    }

    fn of_times(&self, answers: Answers<'_>, timeout_ns: u64) -> Found {
        let exact = answers.hist().map(|hist| hist.exact());
        let some = |value: Option<u64>| value.map_or(Found::Nothing("nothing was answered".into()), |v| Found::Value(v as f64));
        match self.stat {
            Stat::Quantile(q) => match answers.quantile(q, GATE_BEYOND) {
                Shown::Value(ns) => Found::Value(ns as f64),
                Shown::Censored => Found::Above(timeout_ns),
                // The samples beyond the quantile count.
                Shown::TooFew(beyond) => Found::Nothing(format!("{beyond} of {GATE_BEYOND} needed")),
            },
            Stat::Max if answers.unanswered() > 0 => Found::Above(timeout_ns),
            Stat::Max => some(exact.map(|e| e.max)),
            Stat::Min => some(exact.map(|e| e.min)),
            Stat::Mean => some(exact.and_then(|e| e.mean())),
            Stat::Count | Stat::Rate => Found::Value(answers.answered() as f64),
        }
    }

    fn of_count(&self, counted: Counted, figures: &LimitFigures<'_>) -> Found {
        let expecting = figures.answered.saturating_add(figures.unanswered);
        let ([planned_per_s, sent_per_s, answered_per_s], planned) = (figures.per_s, figures.planned);
        let (count, whole, per_s) = match counted {
            Counted::Errors => (figures.errors, figures.attempts, 0.0),
            Counted::Unanswered => (figures.unanswered, expecting, 0.0),
            Counted::Late => (figures.late, expecting, 0.0),
            Counted::Duplicate => (figures.duplicate, expecting, 0.0),
            Counted::Unsolicited => (figures.unsolicited, expecting, 0.0),
            Counted::NotOffered => (figures.not_offered, planned, 0.0),
            Counted::Planned => (planned, planned, planned_per_s),
            Counted::Sent => (figures.sent, planned, sent_per_s),
            Counted::Answered => (figures.answered, planned, answered_per_s),
        };
        match (self.stat, self.bound) {
            (Stat::Count, _) => Found::Value(count as f64),
            (_, Bound::PerSecond(_)) => Found::Value(per_s),
            _ if whole == 0 => Found::Nothing("nothing was sent".into()),
            _ => Found::Value(words::ratio(count, whole)),
        }
    }

    fn words(&self, value: f64) -> String {
        match self.bound {
            Bound::Time(_) => words::time(value as u64),
            Bound::Number(_) => grouped(value as u64),
            Bound::Share(_) => words::share(value),
            Bound::PerSecond(_) => format!("{}/s", words::rate(value)),
            Bound::OfPlanned(_) => format!("{} of planned", words::share(value)),
        }
    }

    /// How far the value is from the bound: `margin 24 %`, `24 % over`.
    fn margin(&self, value: f64, ok: bool) -> String {
        let bound = self.bound.number();
        if bound == 0.0 || matches!(self.op, Op::Equal | Op::NotEqual) {
            return String::new();
        }
        let away = (value - bound).abs() / bound;
        let away = if away < 10.0 { words::share(away) } else { "above 1,000 %".into() };
        match ok {
            true => format!("margin {away}"),
            false => format!("{away} {}", if value >= bound { "over" } else { "under" }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tally::Hist;
    use crate::units::MILLI;

    const KNOWN: [&str; 2] = ["echo", "ws_ping"];

    #[test]
    fn every_form_is_read() {
        for text in [
            "echo p(99) < 10ms",
            "echo/service p(99.9)<=1s",
            "echo/response max < 1s",
            "echo med < 5ms",
            "ws_ping min > 1us",
            "ws_ping mean != 0",
            "echo count > 1_000",
            "echo rate >= 100/s",
            "echo rate >= 100",
            "lag p(99) < 1ms",
            "reaction max < 1ms",
            "read_delay p(50) < 1ms",
            "errors rate < 0.1%",
            "errors rate < 0.001",
            "errors count == 0",
            "unanswered rate <= 1%",
            "sent rate >= 0.99 * planned",
            "answered rate >= 0.99*planned",
            "sent rate >= 1000/s",
            "planned count == 600000",
            " not_offered count == 0 ",
            "* p(99) < 10ms",
            "echo p(99) < 10ms abort",
            "echo p(99) < 10ms abort after 30s",
            "echo p(99) < 10ms over=10s",
            "errors rate < 1% phase=warmup",
            "sent rate >= 0.99 * planned phase=measure abort after 5s",
            "errors count == 0 abort",
        ] {
            assert!(parse(text, &KNOWN).is_ok(), "{text}: {:?}", parse(text, &KNOWN));
        }
    }

    #[test]
    fn every_mistake_is_named_with_an_example() {
        for (text, why) in [
            ("echo p(99)", "has no comparison"),
            ("", "has no comparison"),
            ("echo p(99) = 3ms", "has no comparison"),
            ("echo < 10ms", "wants a series or a count"),
            ("< 10ms", "wants a series or a count"),
            ("eco p(99) < 10ms", "there is no series `eco`; series here: echo, ws_ping; besides: lag"),
            ("echo/lag p(99) < 10ms", "`/lag` is not known"),
            ("echo p99 < 10ms", "`p99` is not a figure"),
            ("echo p(x) < 10ms", "`x` is not a percentage"),
            ("echo p(100) < 10ms", "use `max`"),
            ("echo p(0) < 10ms", "use `max`"),
            ("echo p(99) < 10", "`10` has no unit"),
            ("echo p(99) < 10%", "not a unit of time"),
            ("echo count < many", "`many` is not a number"),
            ("echo count > -1", "`-1` is not a number"),
            ("errors rate < 10ms", "`10ms` is not a share"),
            ("errors rate < 110%", "more than everything"),
            ("errors p(99) < 1", "a count has `count` and `rate`"),
            ("lag rate < 1", "these times have"),
            ("sent rate > 0.9 * answered", "only `planned` can be multiplied"),
            ("echo rate > 0.9 * planned", "only `sent` and `answered`"),
            ("base: echo p(50) <= +5%", "belongs to `volley compare`"),
            ("tls* p(50) < 1s", "no series is like `tls*`"),
            ("echo p(99) < 10ms phase=drain", "`phase=drain` is not known"),
            ("echo p(99) < 10ms over=10", "`10` has no unit"),
            ("echo p(99) < 10ms over=0s", "takes no time"),
            ("echo p(99) < 10ms over=1s phase=measure", "`over` and `phase` exclude each other"),
            ("echo p(99) < 10ms after 3s", "`after` is not known"),
            ("echo p(99) < 10ms abort after", "`abort after` wants a time"),
            ("echo count > 5 abort", "is only known at the end"),
            ("echo p(99) < 10ms over=1s abort", "`over` and `abort` exclude each other"),
        ] {
            let error = parse(text, &KNOWN).expect_err(text);
            assert!(error.contains(why), "{text}: {error}");
            assert!(error.contains("write for example `echo p(99) < 10ms`"), "{error}");
        }
    }

    /// 10,000 answers from 1 ms to 10 s, 100 s long; p99 is 9.9 s, in a bucket that ends at 9.905 s.
    fn with_figures(unanswered: u64, check: impl Fn(&LimitFigures<'_>)) {
        let mut hist = Hist::new();
        (1..=10_000).for_each(|i| hist.record(i * MILLI));
        let timeout_ns = 20_000 * MILLI;
        let response = Answers::censored(Some(&hist), unanswered, timeout_ns);
        check(&LimitFigures {
            series: [("echo", SeriesFigures { response, service: response, rate_per_s: 100.0 })].into(),
            errors: 10,
            attempts: 10_000,
            unanswered,
            planned: 10_200,
            sent: 10_100,
            answered: 10_000,
            per_s: [102.0, 101.0, 100.0],
            timeout_ns,
            ..Default::default()
        });
    }

    fn judged(text: &str, figures: &LimitFigures<'_>) -> (Option<bool>, Option<String>, String) {
        let judged = parse(text, &KNOWN).expect(text)[0].evaluate(figures);
        (judged.ok, judged.value, judged.note)
    }

    #[test]
    fn values_are_judged() {
        with_figures(0, |figures| {
            for (text, ok, value) in [
                ("echo p(99) < 10s", true, "9.91s"),
                ("echo p(99) < 9s", false, "9.91s"),
                ("echo max <= 10s", true, "10s"),
                ("echo max < 10s", false, "10s"),
                ("echo min == 1ms", true, "1ms"),
                ("echo mean < 5.1s", true, "5s"),
                ("echo count == 10000", true, "10,000"),
                ("echo rate >= 100/s", true, "100.0/s"),
                ("echo rate > 100/s", false, "100.0/s"),
                ("errors rate < 0.1%", false, "0.1 %"),
                ("errors rate <= 0.1%", true, "0.1 %"),
                ("errors count != 10", false, "10"),
                ("unanswered count == 0", true, "0"),
                ("sent rate >= 0.99 * planned", true, "99.019 % of planned"),
                ("sent rate >= 1 * planned", false, "99.019 % of planned"),
                ("planned rate >= 102/s", true, "102.0/s"),
            ] {
                let (found, shown, _) = judged(text, figures);
                assert_eq!((found, shown.as_deref()), (Some(ok), Some(value)), "{text}");
            }
            assert_eq!(judged("echo p(50) < 10s", figures).2, "margin 50 %");
            assert_eq!(judged("echo p(50) < 4s", figures).2, "25 % over");
        });
    }

    #[test]
    fn too_few_samples_are_not_judged() {
        with_figures(0, |figures| {
            for (text, note) in [
                ("echo p(99.9) < 10s", "10 of 100 needed"),
                ("lag p(99) < 1ms", "0 of 100 needed"),
                ("lag max < 1ms", "nothing was answered"),
                ("ws_ping p(50) < 1ms", "the run has no series `ws_ping`"),
            ] {
                assert_eq!(judged(text, figures), (None, None, note.into()), "{text}");
            }
        });
        let idle = LimitFigures::default();
        assert_eq!(judged("errors rate < 1%", &idle).0, None);
        assert_eq!(judged("errors count == 0", &idle).0, Some(true));
    }

    #[test]
    fn what_was_never_answered_lies_above_the_timeout() {
        with_figures(200, |figures| {
            for (text, ok, value) in [
                ("echo p(99) < 10s", Some(false), Some("> 20s")),
                ("echo p(99) > 10s", Some(true), Some("> 20s")),
                ("echo p(99) < 30s", None, None),
                ("echo max < 15s", Some(false), Some("> 20s")),
                ("echo p(50) < 10s", Some(true), Some("5.1s")),
                ("unanswered rate <= 1%", Some(false), Some("2 %")),
            ] {
                let (found, shown, _) = judged(text, figures);
                assert_eq!((found, shown.as_deref()), (ok, value), "{text}");
            }
        });
    }
}
