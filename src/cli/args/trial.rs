//! Commands that run more than once: what was typed, with the flags of `volley run` that they hand on.

use std::path::PathBuf;

use clap::Arg;
use clap::ArgAction;
use clap::ArgMatches;
use clap::Args;
use clap::FromArgMatches;
use clap::ValueEnum;
use clap::parser::ValueSource;

use super::Format;
use super::OnInconclusive;
use super::RunArgs;
use crate::trial::ab::Looks;
use crate::units::Nanos;
use crate::units::Rate;

/// Flags of `volley run` that a command of several runs has not, or has in its own way.
const NOT_HANDED_ON: [&str; 17] = [
    "repeat",
    "pause",
    "tui",
    "live",
    "metrics",
    "listen_anywhere",
    "png_scale",
    "theme",
    "dry_run",
    "out",
    "report",
    "format",
    "progress",
    "plain",
    "quiet",
    "color",
    "limit",
];

/// The profile and the flags for each run, checked here and handed on as they were typed.
#[derive(Debug)]
pub(crate) struct RunFlags {
    /// The profile.
    pub(crate) profile: String,
    /// `--target`.
    pub(crate) target: Option<String>,
    /// `--seed`.
    pub(crate) seed: u64,
    /// `--duration`.
    pub(crate) duration: Option<Nanos>,
    /// Values of `--set`.
    pub(crate) set: Vec<(String, String)>,
    /// The flags that were typed: each with its name and as a word.
    words: Vec<(String, String)>,
}

fn handed_on() -> Vec<Arg> {
    let run = RunArgs::augment_args(clap::Command::new("run"));
    run.get_arguments().filter(|arg| !NOT_HANDED_ON.contains(&arg.get_id().as_str())).cloned().collect()
}

impl RunFlags {
    /// The words of `volley run` against a target, or its own server, without some flags.
    pub(crate) fn words(&self, target: Option<&str>, without: &[&str]) -> Vec<String> {
        let kept = self.words.iter().filter(|(name, _)| !without.contains(&name.as_str())).map(|(_, word)| word.clone());
        std::iter::once(self.profile.clone()).chain(kept).chain(target.map(|target| format!("--target={target}"))).collect()
    }

    /// Which of some flags was typed.
    pub(crate) fn typed<'a>(&self, names: &[&'a str]) -> Option<&'a str> {
        names.iter().find(|name| self.words.iter().any(|(typed, _)| typed == *name)).copied()
    }
}

impl Args for RunFlags {
    fn augment_args(command: clap::Command) -> clap::Command {
        command.args(handed_on())
    }

    fn augment_args_for_update(command: clap::Command) -> clap::Command {
        Self::augment_args(command)
    }
}

impl FromArgMatches for RunFlags {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let profile: String = matches.get_one("profile").cloned().unwrap_or_default();
        let mut words = Vec::new();
        for arg in handed_on() {
            let id = arg.get_id().as_str();
            let Some(long) = arg.get_long().filter(|_| matches.value_source(id) == Some(ValueSource::CommandLine)) else { continue };
            let named = |word: String| (long.to_owned(), word);
            match arg.get_action() {
                _ if id == "target" => {}
                ArgAction::SetTrue => words.push(named(format!("--{long}"))),
                _ => {
                    let values = matches.get_raw(id).into_iter().flatten();
                    words.extend(values.map(|value| named(format!("--{long}={}", value.to_string_lossy()))));
                }
            }
        }
        Ok(RunFlags {
            profile,
            target: matches.get_one("target").cloned(),
            seed: matches.get_one("seed").copied().unwrap_or(1),
            duration: matches.get_one("duration").copied(),
            set: matches.get_many("set").into_iter().flatten().cloned().collect(),
            words,
        })
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

/// `volley ab`.
#[derive(Debug, Args)]
#[command(mut_arg("target", |arg| arg.long("a").required(true).help("The first of the two targets, the base")))]
#[command(after_help = "\
Examples:
  volley ab echo --a ws://127.0.0.1:9001/ --b ws://127.0.0.1:9002/ --duration 30s
  volley ab echo --a ws://old/ --b ws://new/ --limit 'base: echo p(99) <= +10%' --on-inconclusive fail

Both targets are measured in pairs, in random order inside each pair, and compared after five pairs. A
regression or a pass ends it there; else it is looked once more after ten. A run that is invalid makes its
pair worthless; it is measured again, at most twice. Every flag of `volley run` for a single run is taken.

Exit codes:
  0 pass, or inconclusive (with a warning)   2 usage   3 nothing could be measured
  4 a pair could not be measured validly   11 regression   12 inconclusive with --on-inconclusive fail
  130/143 stopped by a signal")]
pub(crate) struct AbArgs {
    /// Each run.
    #[command(flatten)]
    pub(crate) each: RunFlags,
    /// The other target, the new one.
    #[arg(long, value_name = "URL", help_heading = "What")]
    pub(crate) b: String,
    /// Pairs at the first and at the last look; a single number for one look.
    #[arg(long, value_name = "N..N", default_value = "5..10", help_heading = "Judge")]
    pub(crate) pairs: Looks,
    /// Rest before each run.
    #[arg(long, value_name = "TIME", default_value = "2s", help_heading = "Load")]
    pub(crate) pause: Nanos,
    /// What may not become slower, and by how much, as 'base: echo p(50) <= +5%'; any other limit holds for each run.
    #[arg(long, value_name = "EXPR", help_heading = "Judge")]
    pub(crate) limit: Vec<String>,
    /// What to do when neither a regression nor a pass can be shown.
    #[arg(long, value_enum, default_value_t = OnInconclusive::Warn, help_heading = "Judge")]
    pub(crate) on_inconclusive: OnInconclusive,
    /// Call it a regression only when the whole interval lies beyond the margin.
    #[arg(long, help_heading = "Judge")]
    pub(crate) strict_evidence: bool,
    /// Folder for ab.json and the records of all runs [default: reports/<profile>-ab-<number>].
    #[arg(long, value_name = "DIR", help_heading = "Out")]
    pub(crate) out: Option<PathBuf>,
    /// How the result goes to standard output.
    #[arg(long, value_enum, default_value_t = Format::Text, help_heading = "Out")]
    pub(crate) format: Format,
}

/// `volley calibrate`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  volley calibrate echo --target ws://127.0.0.1:9001/ --duration 30s
  volley compare A1 A2 A3 --with B1 B2 B3 --calibration reports/calibration.json

Runs the same several times and tells how much its quantiles differ from run to run, the smallest
change that 3, 5 or 10 runs a side see through that, and how many runs and which margins to take.")]
pub(crate) struct CalibrateArgs {
    /// Each run.
    #[command(flatten)]
    pub(crate) each: RunFlags,
    /// Runs.
    #[arg(long, value_name = "N", default_value_t = 8, value_parser = clap::value_parser!(u32).range(3..=100), help_heading = "Judge")]
    pub(crate) runs: u32,
    /// Rest before each run.
    #[arg(long, value_name = "TIME", default_value = "2s", help_heading = "Load")]
    pub(crate) pause: Nanos,
    /// A metric, as 'base: echo p(50)' [default: p(50) and p(99) of what the load measures]; any other limit holds for each run.
    #[arg(long, value_name = "EXPR", help_heading = "Judge")]
    pub(crate) limit: Vec<String>,
    /// File for what was found; the records lie in a folder beside it.
    #[arg(long, value_name = "FILE", default_value = "reports/calibration.json", help_heading = "Out")]
    pub(crate) out: PathBuf,
    /// How the result goes to standard output.
    #[arg(long, value_enum, default_value_t = Format::Text, help_heading = "Out")]
    pub(crate) format: Format,
}

/// What a search makes larger.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Over {
    /// The number of clients.
    Clients,
    /// The rate of each client.
    Rate,
    /// The number of clients, at one rate after the other: the frontier of what is held.
    Both,
}

/// `volley search`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  volley search echo --target ws://127.0.0.1:9001/ --over clients --limit 'echo p(99) < 20ms'
  volley search echo --over rate --clients 50 --from 10 --to 2000 --limit 'echo p(99) < 20ms' --limit 'errors count == 0'
  volley search echo --over both --rates 1/s,5/s,20/s --limit 'echo p(99) < 20ms'

The load is doubled until a limit breaks or the server does not take it, what lies between is halved until it
is within 5 %, what was found is run twice more, then half of it. A step that the generator or its machine
spoiled is repeated once, and then ends the search: it says nothing of the server. Steps take --duration
each (10 s), and up to twelve times that where a limit needs the samples.

Exit codes:
  0 found   2 usage   3 even the lowest load breaks the limits, or nothing could be measured
  4 the generator was the limit, or a limit could not be judged   130/143 stopped by a signal")]
pub(crate) struct SearchArgs {
    /// Each run.
    #[command(flatten)]
    pub(crate) each: RunFlags,
    /// What is made larger.
    #[arg(long, value_enum, help_heading = "Load")]
    pub(crate) over: Over,
    /// A limit that has to hold, as `echo p(99) < 10ms`; repeat for more.
    #[arg(long, value_name = "EXPR", required = true, help_heading = "Judge")]
    pub(crate) limit: Vec<String>,
    /// With --over both: the rates of each client, rising; more clients are never tried than broke at the rate before.
    #[arg(long, value_name = "LIST", value_delimiter = ',', default_values = ["1/s", "2/s", "5/s", "10/s"], help_heading = "Load")]
    pub(crate) rates: Vec<Rate>,
    /// The lowest load [default: 10 clients, or 1/s].
    #[arg(long, value_name = "N", help_heading = "Load")]
    pub(crate) from: Option<f64>,
    /// The highest load [default: 100,000 clients, or 10,000/s].
    #[arg(long, value_name = "N", help_heading = "Load")]
    pub(crate) to: Option<f64>,
    /// Rest before each step.
    #[arg(long, value_name = "TIME", default_value = "1s", help_heading = "Load")]
    pub(crate) pause: Nanos,
    /// Folder for search.json and the records of all steps [default: reports/<profile>-search-<number>].
    #[arg(long, value_name = "DIR", help_heading = "Out")]
    pub(crate) out: Option<PathBuf>,
    /// How the result goes to standard output.
    #[arg(long, value_enum, default_value_t = Format::Text, help_heading = "Out")]
    pub(crate) format: Format,
}
