//! Commands and exit codes: the only place that prints and the only one that decides how to end.

mod ab;
mod args;
mod calibrate;
mod check;
mod child;
mod compare;
mod config;
mod data;
mod doctor;
mod dry;
mod fleet;
mod github;
mod guard;
mod import;
mod imports;
mod limits;
mod live;
mod metrics;
mod outcome;
mod output;
mod place;
mod preflight;
mod probe;
mod profiles;
mod progress;
mod proxy;
mod redact;
mod repeat;
mod report;
mod resolve;
mod route;
mod run;
mod search;
mod secrets;
mod selftest;
mod serve;
mod shape;
mod signals;
mod sound;
mod tap;
mod trace;
mod trend;
mod tui;
mod turns;
mod typed;

use std::process::ExitCode;

use clap::CommandFactory;
use clap::Parser;

use args::Cli;
use args::Command;

/// Exit code for an internal error.
const INTERNAL: u8 = 1;
/// Exit code for usage, profile, plan or guard.
const USAGE: u8 = 2;
/// Exit code for a run in which nothing could be measured.
const NOTHING: u8 = 3;

/// An end before its time: what went wrong and what to do, said once.
#[derive(Debug)]
pub struct Trouble {
    code: u8,
    text: String,
}

impl Trouble {
    fn usage(text: impl Into<String>) -> Self {
        Trouble { code: USAGE, text: text.into() }
    }

    fn nothing(text: impl Into<String>) -> Self {
        Trouble { code: NOTHING, text: text.into() }
    }

    fn internal(text: impl Into<String>) -> Self {
        Trouble { code: INTERNAL, text: text.into() }
    }
}

/// Prints to standard output.
macro_rules! say {
    ($($arg:tt)*) => { $crate::cli::output::say(format_args!($($arg)*)) };
}

/// Prints to standard error, without secrets.
macro_rules! tell {
    ($($arg:tt)*) => { $crate::cli::output::tell(format_args!($($arg)*)) };
}

use say;
use tell;

/// Does what the command line says; the exit code.
pub fn main() -> ExitCode {
    redact::keep_quiet();
    let words = match config::read() {
        Ok(words) => words,
        Err(trouble) => {
            tell!("error: {}", trouble.text);
            return ExitCode::from(trouble.code);
        }
    };
    let cli = match Cli::try_parse_from(words) {
        Ok(cli) => cli,
        Err(error) => return typed::refuse(error),
    };
    // What panicked was told by then.
    let Ok(result) = std::panic::catch_unwind(|| obey(cli.command)) else { return ExitCode::from(INTERNAL) };
    let told = |trouble: Trouble| {
        tell!("error: {}", trouble.text);
        trouble.code
    };
    let code = result.unwrap_or_else(told);
    let said = output::all_said().map_or_else(told, |()| 0);
    ExitCode::from(if code == 0 { said } else { code })
}

fn obey(command: Command) -> Result<u8, Trouble> {
    match command {
        Command::Run(args) => run::run(&args),
        Command::Probe(args) => probe::probe(&args),
        Command::Record(args) => tap::record(&args),
        Command::Serve(args) => serve::serve(&args),
        Command::Report(args) => report::report(&args),
        Command::Import(args) => import::import(&args),
        Command::Compare(args) => compare::compare(&args),
        Command::Ab(args) => ab::ab(&args),
        Command::Calibrate(args) => calibrate::calibrate(&args),
        Command::Search(args) => search::search(&args),
        Command::Trend(args) => trend::trend(&args),
        Command::Agent(args) => fleet::agent::agent(&args),
        #[cfg(feature = "cluster")]
        Command::Cluster(command) => fleet::cluster::cluster(&command),
        Command::Abort(args) => fleet::resume::abort(&args),
        Command::Resume(args) => fleet::resume::resume(&args),
        Command::Profiles(command) => profiles::profiles(&command),
        Command::Doctor(args) => doctor::doctor(&args),
        Command::Selftest(args) => selftest::selftest(&args),
        Command::Completions { shell } => completions(shell),
        Command::Man => man(),
    }
}

fn completions(shell: clap_complete::Shell) -> Result<u8, Trouble> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "volley", &mut script);
    say!("{}", String::from_utf8_lossy(&script).trim_end());
    Ok(0)
}

fn man() -> Result<u8, Trouble> {
    let mut page = Vec::new();
    clap_mangen::Man::new(Cli::command()).render(&mut page).map_err(|e| Trouble::internal(format!("the manual page: {e}")))?;
    say!("{}", String::from_utf8_lossy(&page).trim_end());
    Ok(0)
}
