//! The largest load that holds the limits: which load is tried next, and what was found.
//!
//! ```text
//!  load                 x
//!   64 |             .-----x               rise     twice as much until the limits break
//!      |             |   o  xo  oo         narrow   halve what lies between until it is within 5 %
//!   32 |          o--'                     confirm  twice what was found; what breaks now was luck
//!      |       o              o            recover  half of it: is the server well again?
//!      '------------------------------->   steps
//! ```
//!
//! A step whose run the generator spoiled is repeated once, then the search ends: it says nothing of the server. At
//! a small load a limit may lack samples. While the load rises that counts as holding; later steps are made longer
//! until it can be judged, and what cannot be judged is never found. Loads are whole numbers of [`Range::unit`].

use serde::Serialize;

/// How near the load that breaks must be to the one that holds, as a share.
pub const NEAR: f64 = 0.05;
/// Runs that must hold at the load that was found.
const CONFIRMATIONS: u32 = 2;
/// Most that a step is made longer.
pub const LONGEST: u32 = 12;
/// Most steps; a limit that holds by chance could go on for ever.
const MOST: usize = 60;

/// Where it is looked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Range {
    /// The lowest load.
    pub from: u64,
    /// The highest load.
    pub to: u64,
    /// All loads are multiples of it.
    pub unit: u64,
}

/// Why a load is tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Why {
    /// Twice the one before.
    Rise,
    /// Between one that holds and one that breaks.
    Narrow,
    /// What was found, once more.
    Confirm,
    /// Half of what was found.
    Recover,
}

impl Why {
    /// In a word.
    pub fn word(self) -> &'static str {
        match self {
            Why::Rise => "rise",
            Why::Narrow => "narrow",
            Why::Confirm => "confirm",
            Why::Recover => "recover",
        }
    }
}

/// What came of a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Told {
    /// All limits hold.
    Holds,
    /// Those that could be judged hold; one has only so many hundredths of the samples it needs.
    Thin(u32),
    /// A limit broke, or the server did not take the load.
    Breaks,
    /// The generator or its machine was the limit.
    Invalid,
}

/// How a search ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum End {
    /// A load that holds, confirmed.
    Found,
    /// Even the lowest load breaks the limits.
    Nothing,
    /// The generator or its machine was the limit; the server was not.
    GeneratorLimited,
    /// A limit lacked samples at the load that was found, however long the step.
    Unjudged,
    /// What held at first broke later, over and over.
    Unsteady,
}

/// A load to try.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ask {
    /// The load.
    pub load: u64,
    /// Why.
    pub why: Why,
    /// How many times as long as usual the step is.
    pub longer: u32,
}

/// A search as far as it has come.
#[derive(Clone, Debug)]
pub struct Search {
    range: Range,
    ask: Ask,
    /// Loads that hold, ascending, and how many times as long a step has to be to judge them.
    holds: Vec<(u64, u32)>,
    breaks: Option<u64>,
    confirmed: u32,
    recovers: Option<bool>,
    repeated: bool,
    steps: usize,
    end: Option<End>,
}

impl Search {
    /// A search that begins with the lowest load.
    pub fn new(range: Range) -> Search {
        let ask = Ask { load: range.from, why: Why::Rise, longer: 1 };
        Search { range, ask, holds: Vec::new(), breaks: None, confirmed: 0, recovers: None, repeated: false, steps: 0, end: None }
    }

    /// What is tried next; `None` when it has ended.
    pub fn next(&self) -> Option<Ask> {
        self.end.is_none().then_some(self.ask)
    }

    /// How it ended.
    pub fn end(&self) -> Option<End> {
        self.end
    }

    /// The largest load known to hold, if there is one.
    pub fn held(&self) -> Option<u64> {
        self.holds.last().map(|(load, _)| *load)
    }

    /// The smallest load known to break.
    pub fn breaks(&self) -> Option<u64> {
        self.breaks
    }

    /// Whether the server was well again at half of what was found; `None` when that was not tried.
    pub fn recovers(&self) -> Option<bool> {
        self.recovers
    }

    /// Takes what came of the step that was asked for.
    pub fn told(&mut self, told: Told) {
        self.steps += 1;
        if told == Told::Invalid {
            if std::mem::replace(&mut self.repeated, true) {
                self.end = Some(End::GeneratorLimited);
            }
            return;
        }
        self.repeated = false;
        match self.ask.why {
            Why::Rise => self.risen(told),
            Why::Narrow => self.narrowed(told),
            Why::Confirm => self.confirm(told),
            Why::Recover => {
                self.recovers = Some(told != Told::Breaks);
                self.end = Some(End::Found);
            }
        }
        if self.end.is_none() && self.steps >= MOST {
            self.end = Some(End::Unsteady);
        }
    }

    fn risen(&mut self, told: Told) {
        if told == Told::Breaks {
            return self.broke();
        }
        self.held_at(told);
        if self.ask.load >= self.range.to {
            return self.narrow();
        }
        let twice = self.round(self.ask.load.saturating_mul(2));
        self.ask.load = twice.clamp(self.ask.load + self.range.unit, self.range.to);
    }

    fn narrowed(&mut self, told: Told) {
        match told {
            Told::Breaks => self.broke(),
            Told::Thin(enough) if self.lengthen(enough) => {}
            _ => {
                self.held_at(told);
                self.narrow();
            }
        }
    }

    fn confirm(&mut self, told: Told) {
        match told {
            Told::Breaks => self.broke(),
            Told::Thin(enough) if self.lengthen(enough) => {}
            Told::Thin(_) => self.end = Some(End::Unjudged),
            Told::Holds | Told::Invalid => {
                self.confirmed += 1;
                if self.confirmed == CONFIRMATIONS {
                    self.recover();
                }
            }
        }
    }

    fn recover(&mut self) {
        let half = self.round(self.ask.load / 2);
        if half < self.range.unit || half >= self.ask.load {
            self.end = Some(End::Found);
        } else {
            (self.ask.load, self.ask.why) = (half, Why::Recover);
        }
    }

    fn held_at(&mut self, told: Told) {
        let longer = if let Told::Thin(enough) = told { self.longer_for(enough) } else { self.ask.longer };
        self.holds.push((self.ask.load, longer));
    }

    /// The load just tried breaks, and so does everything above it.
    fn broke(&mut self) {
        let load = self.ask.load;
        self.breaks = Some(load);
        self.holds.retain(|(held, _)| *held < load);
        self.narrow();
    }

    /// Goes on between what holds and what breaks, or confirms.
    fn narrow(&mut self) {
        self.confirmed = 0;
        let Some(&(held, longer)) = self.holds.last() else {
            // Below the lowest load nothing is tried; what held there by luck held nowhere.
            self.end = Some(End::Nothing);
            return;
        };
        self.ask.longer = self.ask.longer.max(longer);
        let middle = self.breaks.map(|breaks| (self.round(held.midpoint(breaks)), breaks));
        match middle.filter(|(middle, breaks)| *middle > held && middle < breaks && (breaks - held) as f64 > NEAR * held as f64) {
            Some((middle, _)) => (self.ask.load, self.ask.why) = (middle, Why::Narrow),
            None => (self.ask.load, self.ask.why) = (held, Why::Confirm),
        }
    }

    /// Makes steps longer, so that a limit with `enough` hundredths of its samples can be judged; false when they are at their longest.
    fn lengthen(&mut self, enough: u32) -> bool {
        let wanted = self.longer_for(enough);
        let is_longer = wanted > self.ask.longer;
        self.ask.longer = self.ask.longer.max(wanted);
        is_longer
    }

    /// How many times as long as usual a step has to be, if this one has `enough` hundredths of the samples.
    fn longer_for(&self, enough: u32) -> u32 {
        self.ask.longer.saturating_mul(120).div_ceil(enough.max(1)).min(LONGEST)
    }

    /// Down to a whole number of units.
    fn round(&self, load: u64) -> u64 {
        load / self.range.unit * self.range.unit
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Plays a search against `server`; its steps.
    fn play(range: Range, mut server: impl FnMut(Ask) -> Told) -> (Search, Vec<Ask>) {
        let (mut search, mut asked) = (Search::new(range), Vec::new());
        while let Some(ask) = search.next() {
            asked.push(ask);
            assert!(asked.len() <= MOST, "{asked:?}");
            assert!((range.unit..=range.to).contains(&ask.load) && ask.load.is_multiple_of(range.unit), "{ask:?}");
            search.told(server(ask));
        }
        (search, asked)
    }

    fn step(truth: u64) -> impl FnMut(Ask) -> Told {
        move |ask| if ask.load <= truth { Told::Holds } else { Told::Breaks }
    }

    const WIDE: Range = Range { from: 10, to: 100_000, unit: 1 };

    #[test]
    fn a_step_is_found_within_five_percent() {
        for truth in [10, 11, 19, 20, 60, 61, 99, 640, 777, 12_345, 99_999, 100_000] {
            let (search, asked) = play(WIDE, step(truth));
            let found = search.held().expect("the lowest load holds");
            assert_eq!(search.end(), Some(End::Found), "{truth}");
            assert!(found <= truth && (found as f64) * (1.0 + NEAR) + 1.0 >= truth as f64, "{truth}: {found}");
            assert_eq!(search.recovers(), Some(true));
            // Rising, halving down to a twentieth, two confirmations, one recovery.
            let most = (truth as f64 / 10.0).log2().ceil() as usize + 2 + 5 + 3;
            assert!(asked.len() <= most, "{truth}: {} steps", asked.len());
            let whys: Vec<Why> = asked.iter().rev().take(3).map(|ask| ask.why).collect();
            assert_eq!(whys, [Why::Recover, Why::Confirm, Why::Confirm], "{truth}");
        }
    }

    #[test]
    fn groups_stay_whole() {
        let (search, asked) = play(Range { from: 10, to: 1_000, unit: 5 }, step(63));
        assert_eq!((search.held(), search.breaks()), (Some(60), Some(65)), "{asked:?}");
    }

    #[test]
    fn the_ends_of_the_range() {
        assert_eq!(play(WIDE, step(9)).0.end(), Some(End::Nothing));
        let (search, _) = play(Range { from: 10, to: 70, unit: 1 }, step(1_000));
        assert_eq!((search.end(), search.held(), search.breaks()), (Some(End::Found), Some(70), None));
        let (search, asked) = play(Range { from: 1, to: 1, unit: 1 }, step(1));
        assert_eq!((search.end(), search.recovers(), asked.len()), (Some(End::Found), None, 3));
    }

    #[test]
    fn an_invalid_step_is_repeated_and_then_ends_it_without_blame() {
        let mut turn = 0;
        let (search, asked) = play(WIDE, |ask| {
            turn += 1;
            if turn == 3 { Told::Invalid } else { step(60)(ask) }
        });
        assert_eq!((search.end(), asked[2], asked[3]), (Some(End::Found), asked[3], asked[2]));
        let (search, _) = play(WIDE, |ask| if ask.load > 500 { Told::Invalid } else { Told::Holds });
        assert_eq!((search.end(), search.held(), search.breaks()), (Some(End::GeneratorLimited), Some(320), None));
    }

    #[test]
    fn what_held_by_luck_is_not_found() {
        // 64 holds once, and never again.
        let mut lucky = true;
        let (search, _) = play(Range { from: 8, to: 1_000, unit: 1 }, |ask| {
            if ask.load == 64 && std::mem::take(&mut lucky) { Told::Holds } else { step(60)(ask) }
        });
        let found = search.held().expect("something holds");
        assert!(search.end() == Some(End::Found) && (57..=60).contains(&found), "{search:?}");
        let (search, _) = play(Range { from: 8, to: 8, unit: 1 }, |ask| if ask.why == Why::Rise { Told::Holds } else { Told::Breaks });
        assert_eq!(search.end(), Some(End::Nothing));
    }

    #[test]
    fn a_server_that_does_not_recover_is_told() {
        let (search, _) = play(WIDE, |ask| if ask.why == Why::Recover { Told::Breaks } else { step(60)(ask) });
        assert_eq!((search.end(), search.recovers()), (Some(End::Found), Some(false)));
    }

    #[test]
    fn steps_grow_until_a_limit_has_its_samples() {
        // A client gives one hundredth of the samples in a step of usual length.
        let thin = |ask: Ask| match u32::try_from(ask.load).expect("small") * ask.longer {
            _ if ask.load > 30 => Told::Breaks,
            enough if enough < 100 => Told::Thin(enough),
            _ => Told::Holds,
        };
        let (search, asked) = play(Range { from: 5, to: 1_000, unit: 1 }, thin);
        assert_eq!((search.end(), search.held()), (Some(End::Found), Some(30)), "{asked:?}");
        assert!(asked.iter().all(|ask| ask.longer == 1 || ask.why != Why::Rise) && asked.iter().any(|ask| ask.longer > 3), "{asked:?}");
        let (search, asked) = play(WIDE, |ask| if ask.load > 60 { Told::Breaks } else { Told::Thin(0) });
        assert_eq!((search.end(), asked.last().map(|ask| ask.longer)), (Some(End::Unjudged), Some(LONGEST)));
    }
}
