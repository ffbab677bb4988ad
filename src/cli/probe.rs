//! `volley probe`: one client of each role, their conversation printed as it happens; it can be written as a transcript.

use std::fmt::Write as _;
use std::path::PathBuf;
use std::sync::mpsc::Receiver;
use std::thread::JoinHandle;

use clap::Parser;

use super::Trouble;
use super::args::Cli;
use super::args::Command;
use super::args::ProbeArgs;
use super::redact::Redactor;
use super::resolve;
use super::run;
use super::say;
use crate::swarm::Said;
use crate::swarm::Tapped;
use crate::units::Nanos;
use crate::units::printable;

/// Characters of a message that are shown.
const SHOWN: usize = 200;
/// Messages of a conversation that are written as a transcript.
const LINES: usize = 10_000;

/// Plays one group and prints what is said; the exit code of the run.
pub(super) fn probe(args: &ProbeArgs) -> Result<u8, Trouble> {
    let profile = resolve::profile(&args.profile, false)?;
    let group = resolve::group(&profile, &args.set)?.to_string();
    let folder = std::env::temp_dir().join(format!("volley-probe-{}", std::process::id()));
    let out = folder.display().to_string();
    let (rate, time) = (args.rate.clone(), args.time.to_string());
    let own = ["--clients", &group, "--rate", &rate, "--duration", &time, "--warmup", "0s", "--ramp", "0s", "--out", &out];
    let quiet = ["--report", "none", "--progress", "none", "--quiet"];
    let words = ["volley", "run", &args.profile].into_iter().chain(own).chain(quiet).map(str::to_owned);
    let typed = Cli::try_parse_from(words.chain(args.passed())).map_err(|e| Trouble::usage(e.to_string()))?;
    let Command::Run(typed) = typed.command else { return Err(Trouble::internal("a probe is a run")) };
    let ended = run::tapped(&typed, Some(&args.transcript));
    // What is in it was shown.
    std::fs::remove_dir_all(&folder).ok();
    ended
}

/// Prints what is tapped until nobody taps any more.
pub(super) struct Printer {
    thread: JoinHandle<Vec<Tapped>>,
    transcript: Option<PathBuf>,
}

impl Printer {
    /// Prints from `tapped` on, without secrets.
    pub(super) fn start(tapped: Receiver<Tapped>, redactor: &'static Redactor, transcript: Option<PathBuf>) -> Result<Self, Trouble> {
        let print = move || {
            let mut first = Vec::new();
            while let Ok(message) = tapped.recv() {
                say!("{}", line(&message, redactor));
                if message.client == 0 && first.len() < LINES {
                    first.push(message);
                }
            }
            first
        };
        let thread = std::thread::Builder::new().name("printer".into()).spawn(print);
        let thread = thread.map_err(|e| Trouble::internal(format!("starting a thread: {e}")))?;
        Ok(Printer { thread, transcript })
    }

    /// Waits for the last line, and writes the transcript if one was asked for.
    pub(super) fn end(self, beats: &[(usize, String)], redactor: &Redactor) -> Result<(), Trouble> {
        let said = self.thread.join().map_err(|_| Trouble::internal("the printer has panicked"))?;
        let Some(file) = self.transcript else { return Ok(()) };
        let text = transcript(&said, beats, redactor);
        std::fs::write(&file, text).map_err(|e| Trouble::usage(format!("{} cannot be written: {e}", file.display())))?;
        say!("the conversation of client 0 is written to {}", file.display());
        Ok(())
    }
}

fn line(message: &Tapped, redactor: &Redactor) -> String {
    let (way, kind) = match message.said {
        Said::ByServer => ("<", "text"),
        Said::BytesByServer => ("<", "bytes"),
        Said::Load => (">", "load"),
        Said::Reply(_) | Said::Beat(_) => (">", "text"),
        Said::Closed => ("x", "close"),
    };
    let text = redactor.theirs(&printable(&String::from_utf8_lossy(&message.bytes), SHOWN));
    let text =
        if matches!(message.said, Said::BytesByServer) || message.is_binary { format!("{} bytes", message.bytes.len()) } else { text };
    format!("{:>9}  {}  {way} {kind:5} {text}", Nanos(message.at_ns).to_string(), message.client)
}

/// The conversation as `volley profiles check` plays it.
fn transcript(said: &[Tapped], beats: &[(usize, String)], redactor: &Redactor) -> String {
    let mut text = String::from("# As it was said; secrets are left out, so a line with one has to be mended by hand.\n");
    for message in said {
        let body = redactor.theirs(&String::from_utf8_lossy(&message.bytes)).replace(['\n', '\r'], " ");
        let body = if message.is_binary { format!("{} bytes", message.bytes.len()) } else { body };
        let beat = |reply: usize| beats.iter().find(|(says, _)| *says == reply).map_or("", |(_, name)| name.as_str());
        // Writing to a string does not fail.
        let _ = match message.said {
            Said::ByServer => writeln!(text, "< {body}"),
            Said::BytesByServer => writeln!(text, "<< {}", message.bytes.len()),
            Said::Load => writeln!(text, "load\n> {body}"),
            Said::Reply(_) => writeln!(text, "> {body}"),
            Said::Beat(reply) => writeln!(text, "beat {}\n> {body}", beat(reply)),
            Said::Closed => Ok(()),
        };
    }
    text
}
