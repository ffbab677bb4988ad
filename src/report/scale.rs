//! Arithmetic of axes: where a value lies, which ticks an axis carries and what they say.
//!
//! Knows numbers and units only, nothing of views, pages or pixels' colours. Everything is a pure
//! function, so the page and the plots agree.
//!
//! ```text
//! latency   log10, ticks at 1-2-5 steps, one unit for the whole axis
//! nines     x = -log10(1 - q), so that 90 %, 99 % and 99.9 % lie one step apart
//! time      linear, ticks at whole seconds, minutes or hours
//! amount    linear from zero, ticks at 1-2-5 steps
//! ```

use crate::units::MICRO;
use crate::units::MILLI;
use crate::units::SECOND;
use crate::units::grouped;

/// A place on an axis.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Tick {
    /// Where, in drawing units.
    pub(crate) at: f64,
    /// What it says; empty for a line without a label.
    pub(crate) label: String,
}

/// A straight map from a domain to drawing units.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Linear {
    /// Domain that lies at `start`.
    pub(crate) from: f64,
    /// Domain that lies at `end`.
    pub(crate) to: f64,
    /// Drawing unit of `from`.
    pub(crate) start: f64,
    /// Drawing unit of `to`.
    pub(crate) end: f64,
}

impl Linear {
    /// A map; an empty domain is widened so that nothing divides by zero.
    pub(crate) fn new(from: f64, to: f64, start: f64, end: f64) -> Self {
        let to = if to - from > 1e-12 { to } else { from + 1.0 };
        Linear { from, to, start, end }
    }

    /// Where `value` lies.
    pub(crate) fn at(&self, value: f64) -> f64 {
        self.start + (value - self.from) / (self.to - self.from) * (self.end - self.start)
    }

    /// As [`Linear::at`], held inside the axis.
    pub(crate) fn held(&self, value: f64) -> f64 {
        self.at(value.clamp(self.from, self.to))
    }

    fn length(&self) -> f64 {
        (self.end - self.start).abs()
    }
}

/// The latency axis: logarithmic, in nanoseconds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Latency {
    map: Linear,
    unit: (f64, &'static str),
}

impl Latency {
    /// An axis that holds every value from `lo` to `hi` nanoseconds, widened to 1-2-5 steps.
    /// `start` is where the lowest value lies. Values below 1 us lie at 1 us.
    pub(crate) fn new(lo: u64, hi: u64, start: f64, end: f64) -> Self {
        let below = step_below(lo.max(MICRO) as f64);
        let above = step_above(hi.max(MICRO) as f64);
        let above = if above <= below { step_above(below * 1.01) } else { above };
        let middle = (below * above).sqrt();
        let unit = match above {
            a if a <= 1_000.0 * MICRO as f64 => (MICRO as f64, "us"),
            _ if middle >= 0.5 * SECOND as f64 => (SECOND as f64, "s"),
            _ => (MILLI as f64, "ms"),
        };
        Latency { map: Linear::new(below.log10(), above.log10(), start, end), unit }
    }

    /// Where `ns` lies, held inside the axis.
    pub(crate) fn at(&self, ns: u64) -> f64 {
        self.map.held((ns.max(MICRO) as f64).log10())
    }

    /// The axis by the decimal logarithm of nanoseconds.
    pub(crate) fn map(&self) -> Linear {
        self.map
    }

    /// The unit of every label of this axis.
    pub(crate) fn unit(&self) -> &'static str {
        self.unit.1
    }

    /// Ticks at 1-2-5 steps. Labels keep `room` drawing units apart; a decade without room for
    /// three labels carries one.
    pub(crate) fn ticks(&self, room: f64) -> Vec<Tick> {
        self.ticks_by(|ns| self.map.at(ns.log10()), room)
    }

    /// As [`Latency::ticks`] on an axis that is about as long, placed by `at`.
    pub(crate) fn ticks_by(&self, at: impl Fn(f64) -> f64, room: f64) -> Vec<Tick> {
        let decades = self.map.to - self.map.from;
        let all = self.map.length() / decades * 0.29 >= room;
        let every = (room / (self.map.length() / decades)).ceil().max(1.0) as i32;
        let mut ticks = Vec::new();
        for power in self.map.from.floor() as i32..=self.map.to.ceil() as i32 {
            for lead in [1.0, 2.0, 5.0] {
                let ns: f64 = lead * 10f64.powi(power);
                let place = ns.log10();
                if place < self.map.from - 1e-9 || place > self.map.to + 1e-9 {
                    continue;
                }
                let labelled = all || (lead == 1.0 && power.rem_euclid(every) == 0) || (decades < 1.0 && self.map.length() * 0.29 >= room);
                ticks.push(Tick { at: at(ns), label: if labelled { self.label(ns) } else { String::new() } });
            }
        }
        ticks
    }

    fn label(&self, ns: f64) -> String {
        let value = ns / self.unit.0;
        // Steps below a hundredth of the unit keep their one digit: 0.005ms, never 0.01ms.
        let text = if value < 0.01 { plain(value) } else { amount(value) };
        format!("{text}{}", self.unit.1)
    }
}

/// Places of 2 to 9 times each power of ten on an axis by decimal logarithms, from low to high; none when some would lie closer than
/// `room`.
pub(crate) fn minor(map: &Linear, room: f64) -> Vec<f64> {
    let decade = map.length() / (map.to - map.from);
    if decade * (10f64 / 9.0).log10() < room {
        return Vec::new();
    }
    let powers = map.from.floor() as i32..=map.to.floor() as i32;
    let steps = powers.flat_map(|power| (2..10).map(move |lead: i32| f64::from(power) + f64::from(lead).log10()));
    steps.filter(|place| (map.from..=map.to).contains(place)).map(|place| map.at(place)).collect()
}

/// The largest of 1, 2, 5 times a power of ten that is at most `v`.
fn step_below(v: f64) -> f64 {
    let power = 10f64.powf((v.log10() + 1e-9).floor());
    [5.0, 2.0, 1.0].into_iter().map(|lead| lead * power).find(|s| *s <= v * (1.0 + 1e-9)).unwrap_or(power)
}

/// The smallest of 1, 2, 5 times a power of ten that is at least `v`.
fn step_above(v: f64) -> f64 {
    let power = 10f64.powf((v.log10() + 1e-9).floor());
    [1.0, 2.0, 5.0, 10.0].into_iter().map(|lead| lead * power).find(|s| *s >= v * (1.0 - 1e-9)).unwrap_or(power * 10.0)
}

/// A number without exponent and without trailing zeros.
fn plain(v: f64) -> String {
    let text = format!("{v:.6}");
    text.trim_end_matches('0').trim_end_matches('.').to_string()
}

/// Where quantile `q` lies on the nines axis: 0 for 0 %, 1 for 90 %, 2 for 99 %.
pub(crate) fn nines(q: f64) -> f64 {
    -(1.0 - q.clamp(0.0, 0.999_999_999)).log10()
}

/// The quantile that lies at `x` of the nines axis.
pub(crate) fn quantile_at(x: f64) -> f64 {
    1.0 - 10f64.powf(-x)
}

/// A quantile in words: `50 %`, `99.9 %`.
pub(crate) fn percent(q: f64) -> String {
    let places = if q < 0.9 { 1 } else { (nines(q) + 1e-6).floor() as usize };
    let text = format!("{:.*}", places.clamp(1, 7), q * 100.0);
    format!("{} %", text.trim_end_matches('0').trim_end_matches('.'))
}

/// Ticks of a nines axis: 0, 50, 90, 99, 99.9 % and on, with the label's width kept free.
pub(crate) fn nines_ticks(map: &Linear, width_of: impl Fn(&str) -> f64) -> Vec<Tick> {
    let whole = (0..=map.to.floor() as i32).map(|x| if x == 0 { 0.0 } else { quantile_at(f64::from(x)) });
    let mut ticks: Vec<Tick> = whole.map(|q| Tick { at: map.at(nines(q)), label: percent(q) }).collect();
    let half = Tick { at: map.at(nines(0.5)), label: percent(0.5) };
    let free = |a: &Tick, b: &Tick| (a.at - b.at).abs() > (width_of(&a.label) + width_of(&b.label)) / 2.0 + 8.0;
    if map.to >= nines(0.5) && ticks.iter().all(|t| free(t, &half)) {
        ticks.insert(1, half);
    }
    ticks
}

const TIME_STEPS_S: [f64; 24] = [
    0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 15.0, 20.0, 30.0, 60.0, 120.0, 300.0, 600.0, 900.0, 1200.0, 1800.0, 3600.0, 7200.0, 10800.0,
    21600.0, 43200.0, 86400.0, 604800.0,
];

/// Ticks of a time axis in seconds; labels keep `room` drawing units apart.
pub(crate) fn time_ticks(map: &Linear, room: f64) -> Vec<Tick> {
    let span = map.to - map.from;
    let most = (map.length() / room).floor().max(1.0);
    let step = TIME_STEPS_S.into_iter().find(|s| span / s <= most).unwrap_or(span);
    let first = (map.from / step - 1e-9).ceil() as i64;
    let last = (map.to / step + 1e-9).floor() as i64;
    let label = |t: f64| if step >= 60.0 && t == 60.0 { "1m".into() } else { clock(t) };
    (first..=last).map(|k| k as f64 * step).map(|t| Tick { at: map.at(t), label: label(t) }).collect()
}

/// A moment of the run: `40s`, `1m30s`, `2h`.
pub(crate) fn clock(seconds: f64) -> String {
    if seconds.abs() < 120.0 {
        return format!("{}s", plain((seconds * 1000.0).round() / 1000.0));
    }
    let whole = seconds.round() as i64;
    let (h, m, s) = (whole / 3600, whole / 60 % 60, whole % 60);
    match (h, m, s) {
        (0, m, 0) => format!("{m}m"),
        (0, m, s) => format!("{m}m{s:02}s"),
        (h, 0, 0) => format!("{h}h"),
        (h, m, 0) => format!("{h}h{m:02}m"),
        (h, m, s) => format!("{h}h{m:02}m{s:02}s"),
    }
}

/// An axis for amounts from zero: the map and its ticks, labels at least `room` apart.
pub(crate) fn amounts(largest: f64, start: f64, end: f64, room: f64) -> (Linear, Vec<Tick>) {
    let most = ((end - start).abs() / room).floor().clamp(1.0, 6.0);
    let step = step_above((largest.max(1.0) / most).max(if largest <= most { 1.0 } else { 0.0 }));
    let steps = (largest.max(1.0) / step - 1e-9).ceil().max(1.0) as u32;
    let map = Linear::new(0.0, f64::from(steps) * step, start, end);
    let ticks = (0..=steps).map(|k| f64::from(k) * step).map(|v| Tick { at: map.at(v), label: amount(v) }).collect();
    (map, ticks)
}

/// The largest change on an axis of ratios, up and down: wide enough for `most` as a logarithm, a round percentage.
pub(crate) fn ratio_edge(most: f64) -> f64 {
    const EDGES: [f64; 10] = [0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 100.0];
    EDGES.into_iter().map(f64::ln_1p).find(|edge| *edge >= most).unwrap_or(most)
}

/// Ticks of an axis of ratios from `-edge` to `edge` as logarithms: the changes of the same ratio up and down.
pub(crate) fn ratio_ticks(map: &Linear) -> Vec<Tick> {
    let most = map.to.exp_m1();
    let ups = [0.25, 0.5, 1.0].map(|part| most * part);
    let label = |change: f64| {
        if change.abs() < 1e-9 {
            "same".into()
        } else {
            format!("{}{} %", if change > 0.0 { "+" } else { "-" }, plain((change.abs() * 1000.0).round() / 10.0))
        }
    };
    let tick = |log: f64| Tick { at: map.at(log), label: label(log.exp_m1()) };
    let logs = ups.map(f64::ln_1p);
    logs.iter().rev().map(|log| tick(-log)).chain([tick(0.0)]).chain(logs.iter().map(|log| tick(*log))).collect()
}

/// An amount: `10,000`, `2.5`.
pub(crate) fn amount(v: f64) -> String {
    if v >= 100.0 || v.fract().abs() < 1e-9 { grouped(v.round() as u64) } else { plain((v * 100.0).round() / 100.0) }
}

/// Moves positions apart until each is `gap` from the next, inside `lo` to `hi`, keeping order.
pub(crate) fn spread(wanted: &[f64], gap: f64, lo: f64, hi: f64) -> Vec<f64> {
    let mut order: Vec<usize> = (0..wanted.len()).collect();
    order.sort_by(|&a, &b| wanted[a].total_cmp(&wanted[b]));
    let mut placed = wanted.to_vec();
    let mut floor = lo;
    for &i in &order {
        placed[i] = placed[i].max(floor);
        floor = placed[i] + gap;
    }
    let mut ceiling = hi;
    for &i in order.iter().rev() {
        placed[i] = placed[i].min(ceiling);
        ceiling = placed[i] - gap;
    }
    placed
}

/// At most about `most` points that keep every visible extreme: per stretch the first, lowest,
/// highest and last, in order.
pub(crate) fn thin(points: &[(f64, f64)], most: usize) -> Vec<(f64, f64)> {
    if points.len() <= most.max(8) {
        return points.to_vec();
    }
    let stretch = points.len().div_ceil((most / 4).max(2));
    let mut kept = Vec::new();
    for part in points.chunks(stretch) {
        let by_y = |a: &usize, b: &usize| part[*a].1.total_cmp(&part[*b].1);
        let low = (0..part.len()).min_by(by_y).unwrap_or(0);
        let high = (0..part.len()).max_by(by_y).unwrap_or(0);
        let mut picks = [0, low, high, part.len() - 1];
        picks.sort_unstable();
        kept.extend(picks.iter().enumerate().filter(|(i, p)| *i == 0 || picks[i - 1] != **p).map(|(_, p)| part[*p]));
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn latency_axes_end_on_steps_and_share_one_unit() {
        for (lo, hi, first, last) in [
            (1_900_000, 7_410_000, "1ms", "10ms"),
            (50_000, 400_000_000, "0.05ms", "500ms"),
            (5_000, 14_000_000, "0.005ms", "20ms"),
            (120_000, 900_000, "100us", "1,000us"),
            (800_000_000, 9_000_000_000, "0.5s", "10s"),
            (2_000_000, 2_000_000, "2ms", "5ms"),
            (0, 0, "1us", "2us"),
        ] {
            let ticks = Latency::new(lo, hi, 400.0, 0.0).ticks(14.0);
            assert_eq!(ticks.first().map(|t| t.label.as_str()), Some(first), "{lo}..{hi}");
            assert_eq!(ticks.last().map(|t| t.label.as_str()), Some(last), "{lo}..{hi}");
        }
    }

    #[test]
    fn minor_places_stand_where_there_is_room() {
        let axis = Latency::new(1_000_000, 100_000_000, 400.0, 0.0);
        let places = minor(&axis.map(), 4.0);
        assert_eq!(places.len(), 16);
        assert!((places[0] - axis.at(2_000_000)).abs() < 1e-9 && (places[15] - axis.at(90_000_000)).abs() < 1e-9);
        assert!(places.windows(2).all(|w| w[0] - w[1] >= 4.0), "{places:?}");
        assert!(minor(&axis.map(), 10.0).is_empty());
    }

    #[test]
    fn labels_keep_their_distance() {
        for (hi, height) in [(10_000_000, 90.0), (3_600_000_000_000, 120.0), (5_000_000, 40.0)] {
            let ticks = Latency::new(1_000, hi, height, 0.0).ticks(14.0);
            let labelled: Vec<f64> = ticks.iter().filter(|t| !t.label.is_empty()).map(|t| t.at).collect();
            assert!(labelled.windows(2).all(|w| w[0] - w[1] >= 13.9), "{hi}: {labelled:?}");
            assert!(!labelled.is_empty(), "{hi}");
        }
    }

    #[test]
    fn nines() {
        let map = Linear::new(0.0, 4.0, 0.0, 800.0);
        let labels: Vec<String> = nines_ticks(&map, |t| t.len() as f64 * 7.0).into_iter().map(|t| t.label).collect();
        assert_eq!(labels, ["0 %", "50 %", "90 %", "99 %", "99.9 %", "99.99 %"]);
        assert!((quantile_at(super::nines(0.999)) - 0.999).abs() < 1e-12);
    }

    #[test]
    fn moments() {
        for (s, text) in [(0.0, "0s"), (0.5, "0.5s"), (119.0, "119s"), (120.0, "2m"), (150.0, "2m30s"), (7200.0, "2h"), (7260.0, "2h01m")] {
            assert_eq!(clock(s), text);
        }
    }

    #[test]
    fn time_axes() {
        let labels =
            |to: f64| -> Vec<String> { time_ticks(&Linear::new(0.0, to, 0.0, 1000.0), 80.0).into_iter().map(|t| t.label).collect() };
        assert_eq!(labels(60.0).len(), 13);
        assert_eq!(labels(600.0).last().map(String::as_str), Some("10m"));
        assert_eq!(labels(1.0).first().map(String::as_str), Some("0s"));
    }

    #[test]
    fn amounts_start_at_zero_and_hold_the_largest() {
        for largest in [0.0, 1.0, 3.0, 997.0, 10_000.2, 123_456.0] {
            let (map, ticks) = amounts(largest, 100.0, 0.0, 24.0);
            assert!(map.to >= largest, "{largest}");
            assert_eq!(ticks[0].label, "0");
            assert!(ticks.windows(2).all(|w| w[0].at - w[1].at >= 15.0 && w[0].label != w[1].label), "{largest}: {ticks:?}");
        }
    }

    #[test]
    fn spread_positions_do_not_touch() {
        let placed = spread(&[10.0, 11.0, 12.0, 90.0, 99.0], 12.0, 0.0, 100.0);
        assert!(placed.windows(2).all(|w| w[1] - w[0] >= 12.0 - 1e-9), "{placed:?}");
        assert!(placed.iter().all(|p| (0.0..=100.0).contains(p)));
    }

    #[test]
    fn thinning_keeps_extremes() {
        let points: Vec<(f64, f64)> = (0..5000).map(|i| (f64::from(i), if i == 3333 { 99.0 } else { f64::from(i % 7) })).collect();
        let kept = thin(&points, 400);
        assert!(kept.len() <= 420, "{}", kept.len());
        assert!(kept.iter().any(|p| p.1 == 99.0));
        assert!(kept.is_sorted_by(|a, b| a.0 < b.0));
    }
}
