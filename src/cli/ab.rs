//! `volley ab`: two targets in turns, pair by pair, until a look decides.

use std::path::Path;
use std::path::PathBuf;

use super::Trouble;
use super::args::AbArgs;
use super::args::Format;
use super::compare;
use super::say;
use super::tell;
use super::turns;
use super::turns::Measured;
use super::turns::Turns;
use crate::record;
use crate::report::compare::Comparison;
use crate::report::compare::digest::Digest;
use crate::report::compare::gate;
use crate::report::compare::gate::Gate;
use crate::report::compare::paired;
use crate::report::compare::png;
use crate::report::compare::stats::Answer;
use crate::report::compare::text;
use crate::report::html;
use crate::trial::ab;
use crate::trial::ab::End;
use crate::trial::ab::Look;
use crate::trial::ab::Outcome;
use crate::trial::ab::Pair;
use crate::trial::ab::Ran;
use crate::units::Nanos;

/// Exit code when no valid figures were to be had.
const INVALID: u8 = 4;

/// Measures, judges and prints; the exit code is that of the answer.
pub(super) fn ab(args: &AbArgs) -> Result<u8, Trouble> {
    let (against, each) = split(&args.limit)?;
    let dir = turns::folder(args.out.as_ref(), &args.each.profile, "ab");
    let mut trial = Trial {
        args,
        turns: Turns::new()?,
        dir,
        against,
        each,
        gates: None,
        sides: Default::default(),
        pairs: Vec::new(),
        looks: Vec::new(),
    };
    let end = trial.all()?;
    let outcome = trial.outcome(end);
    write(&trial.dir, &outcome)?;
    show(&outcome, &trial.dir, args.format)?;
    Ok(match (trial.turns.stopped(), end) {
        (Some(code), _) => code,
        (None, End::Unusable) => INVALID,
        (None, _) => compare::code(outcome.verdict, args.on_inconclusive),
    })
}

/// Limits against a base, checked as far as they can be before anything is measured; and limits of each run.
pub(super) fn split(limits: &[String]) -> Result<(Vec<String>, Vec<String>), Trouble> {
    let (against, each): (Vec<String>, Vec<String>) = limits.iter().cloned().partition(|text| text.trim().starts_with("base:"));
    against.iter().try_for_each(|text| gate::parse(text, &named(text)).map(drop)).map_err(Trouble::usage)?;
    Ok((against, each))
}

/// The series that a gate names, so that its grammar can be checked before anything is measured.
fn named(text: &str) -> Vec<&str> {
    let series = text.trim().strip_prefix("base:").and_then(|rest| rest.split_whitespace().next());
    series.map(|series| series.strip_suffix("/service").unwrap_or(series)).into_iter().collect()
}

/// The trial as far as it has come.
struct Trial<'a> {
    args: &'a AbArgs,
    turns: Turns,
    dir: PathBuf,
    /// Limits against the base, as typed.
    against: Vec<String>,
    /// Limits of each run.
    each: Vec<String>,
    /// Read with the first usable pair, which tells what series there are.
    gates: Option<Vec<Gate>>,
    /// Usable runs of the first target and of the second.
    sides: [Vec<Digest>; 2],
    pairs: Vec<Pair>,
    looks: Vec<Look>,
}

impl Trial<'_> {
    /// Pair after pair; why it ended.
    fn all(&mut self) -> Result<End, Trouble> {
        loop {
            let number = self.sides[0].len() + 1;
            if let Some(end) = self.pair(number)? {
                return Ok(end);
            }
            let Some(comparison) = self.compared() else { continue };
            tell!("{}", so_far(number, self.args, &comparison));
            if self.args.pairs.is_look(number) {
                self.looks.push(Look { pairs: number, level: self.args.pairs.level(), verdict: comparison.verdict });
            }
            if self.args.pairs.ends(number, comparison.verdict) {
                return Ok(End::Look);
            }
        }
    }

    /// One pair, measured again while it cannot be used; an end when that does not help.
    fn pair(&mut self, number: usize) -> Result<Option<End>, Trouble> {
        for again in 0..=ab::AGAIN {
            let is_a_first = ab::a_is_first(self.args.each.seed, number);
            let mut ran: [Option<(Ran, Digest)>; 2] = [None, None];
            for side in if is_a_first { [0, 1] } else { [1, 0] } {
                ran[side] = self.run(number, again, side)?;
                if self.turns.stopped().is_some() || !is_sound(ran[side].as_ref()) {
                    break;
                }
            }
            let why = ran.iter().flatten().find(|(_, digest)| !digest.is_sound());
            let why = why.map(|(ran, digest)| format!("{} is {} ({})", ran.record, ran.verdict, digest.reasons.join("; ")));
            let usable = self.turns.stopped().is_none() && ran.iter().all(|ran| is_sound(ran.as_ref()));
            let [a, b] = ran.map(|ran| ran.map_or((None, None), |(ran, digest)| (Some(ran), Some(digest))));
            self.pairs.push(Pair { pair: number, again, order: if is_a_first { "ab" } else { "ba" }, a: a.0, b: b.0, usable });
            if self.turns.stopped().is_some() {
                return Ok(Some(End::Stopped));
            }
            if let (true, Some(a), Some(b)) = (usable, a.1, b.1) {
                self.sides[0].push(a);
                self.sides[1].push(b);
                self.read_gates()?;
                return Ok(None);
            }
            let left = ab::AGAIN - again;
            let then = if left > 0 { "it is measured again" } else { "no more is measured" };
            tell!("pair {number} says nothing: {}; {then}", why.unwrap_or_default());
        }
        Ok(Some(End::Unusable))
    }

    fn run(&self, number: usize, again: u32, side: usize) -> Result<Option<(Ran, Digest)>, Trouble> {
        self.turns.rest(self.args.pause);
        if self.turns.stopped().is_some() {
            return Ok(None);
        }
        let (letter, target) = [("a", self.args.each.target.as_deref()), ("b", Some(self.args.b.as_str()))][side];
        let mut words = self.args.each.words(target, &[]);
        words.extend(self.each.iter().map(|limit| format!("--limit={limit}")));
        let more = if again > 0 { format!("-again{again}") } else { String::new() };
        let Measured { code, dir, run } = self.turns.measure(&words, self.dir.join(format!("{number:02}-{letter}{more}")))?.at_all()?;
        Ok(run.map(|run| {
            let digest = Digest::of(&dir.display().to_string(), &run);
            (Ran { record: digest.place.clone(), exit: code, verdict: compare::judge_word(&digest) }, digest)
        }))
    }

    fn read_gates(&mut self) -> Result<(), Trouble> {
        if self.gates.is_none() {
            self.gates = Some(compare::gates(&self.against, &self.sides[0], &self.sides[1])?);
        }
        Ok(())
    }

    /// All usable pairs; `None` when there are fewer than two.
    fn compared(&self) -> Option<Comparison> {
        let gates = self.gates.as_ref().filter(|_| self.sides[0].len() > 1)?;
        Some(paired(&self.sides[0], &self.sides[1], gates, self.args.strict_evidence, self.args.pairs.level()))
    }

    fn outcome(&self, end: End) -> Outcome {
        let comparison = self.compared().map(|found| match end {
            End::Look => found,
            End::Stopped => ab::undecided(found, "stopped before a look, so nothing is concluded"),
            End::Unusable => ab::undecided(found, "a pair could not be measured validly, so nothing is concluded"),
        });
        Outcome {
            schema: ab::SCHEMA,
            verdict: comparison.as_ref().map_or(Answer::Inconclusive, |found| found.verdict),
            end,
            seed: self.args.each.seed,
            pairs: self.pairs.clone(),
            looks: self.looks.clone(),
            comparison,
        }
    }
}

fn is_sound(ran: Option<&(Ran, Digest)>) -> bool {
    ran.is_some_and(|(_, digest)| digest.is_sound())
}

/// A line after a pair.
fn so_far(number: usize, args: &AbArgs, comparison: &Comparison) -> String {
    let figure = |m: &crate::report::compare::Metric| {
        let time = |ns: Option<u64>| ns.map_or("n/a".into(), |ns| Nanos(ns).to_string());
        let times = format!("{} / {}", time(m.base_ns), time(m.new_ns));
        let interval = m.interval.map_or("n/a".into(), |[low, high]| format!("{low:.3}-{high:.3}"));
        format!("{} {times}, ratio {} ({interval})", m.name, m.ratio.map_or("n/a".into(), |ratio| format!("{ratio:.3}")))
    };
    let figures: Vec<String> = comparison.metrics.iter().take(4).map(figure).collect();
    format!("pair {number} of {}: {}", args.pairs, figures.join("; "))
}

fn json(outcome: &Outcome) -> Result<String, Trouble> {
    serde_json::to_string_pretty(outcome).map_err(|e| Trouble::internal(format!("the outcome: {e}")))
}

fn write(dir: &Path, outcome: &Outcome) -> Result<(), Trouble> {
    let mut files = vec![("ab.json", json(outcome)?.into_bytes())];
    if let Some(comparison) = &outcome.comparison {
        files.push(("compare.html", html::comparison(comparison)));
        files.push(("compare.png", png(comparison).map_err(Trouble::internal)?));
    }
    let failed = |e: std::io::Error| Trouble::internal(format!("the outcome could not be written: {e}"));
    std::fs::create_dir_all(dir).map_err(failed)?;
    files.iter().try_for_each(|(name, bytes)| record::write::replace_file(dir, name, bytes)).map_err(failed)
}

fn show(outcome: &Outcome, dir: &Path, format: Format) -> Result<(), Trouble> {
    if format == Format::Json {
        say!("{}", json(outcome)?);
        return Ok(());
    }
    match &outcome.comparison {
        Some(comparison) => say!("{}", text::text(comparison).trim_end()),
        None => say!("volley ab\n\nINCONCLUSIVE\n\nfewer than two pairs were measured"),
    }
    let again = outcome.pairs.iter().filter(|pair| pair.again > 0).count();
    if again > 0 {
        say!("note: invalid runs made {again} more pairs worthless; they were measured again");
    }
    for look in &outcome.looks {
        say!("look after {} pairs: {}", look.pairs, text::answer(look.verdict));
    }
    say!("records, ab.json, compare.html and compare.png in {}", dir.display());
    Ok(())
}
