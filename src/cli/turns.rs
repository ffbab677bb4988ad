//! Runs one behind the other, each in a process of its own as if typed alone: started, stopped with this one, read back.

use std::os::unix::process::CommandExt;
use std::path::Path;
use std::path::PathBuf;
use std::process::Command;
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::AtomicI32;
use std::sync::atomic::Ordering;
use std::time::Duration;
use std::time::Instant;

use nix::sys::signal::Signal;
use nix::sys::signal::kill;
use nix::unistd::Pid;

use super::NOTHING;
use super::Trouble;
use super::USAGE;
use super::signals;
use crate::record;
use crate::record::Run;
use crate::units::Nanos;

/// How often it is looked whether a rest is to end.
const LOOK: Duration = Duration::from_millis(50);
/// What a run is told that another command judges: it draws nothing and says only what is wrong.
const QUIETLY: [&str; 5] = ["--report=none", "--progress=none", "--quiet", "--color=never", "--format=text"];

/// Runs one behind the other. A signal to stop reaches the one that goes on, and no other begins.
pub(super) struct Turns {
    child: Arc<AtomicI32>,
    stopped: Arc<AtomicI32>,
}

/// A run that ended, and its record when there is one.
pub(super) struct Measured {
    /// Exit code.
    pub(super) code: i32,
    /// Folder of its record.
    pub(super) dir: PathBuf,
    /// What was recorded.
    pub(super) run: Option<Run>,
}

impl Turns {
    /// Listens for signals from now on.
    pub(super) fn new() -> Result<Turns, Trouble> {
        let turns = Turns { child: Arc::default(), stopped: Arc::default() };
        let (its, told) = (turns.child.clone(), turns.stopped.clone());
        signals::on_stop(move |signal| {
            told.store(signal, Ordering::SeqCst);
            let pid = its.load(Ordering::SeqCst);
            if pid > 0 {
                // It may have ended meanwhile.
                kill(Pid::from_raw(pid), Signal::SIGINT).ok();
            }
        })?;
        Ok(turns)
    }

    /// The exit code of a signal that came.
    pub(super) fn stopped(&self) -> Option<u8> {
        let signal = self.stopped.load(Ordering::SeqCst);
        (signal != 0).then(|| u8::try_from(128 + signal).unwrap_or(super::INTERNAL))
    }

    /// Waits, unless a signal came.
    pub(super) fn rest(&self, pause: Nanos) {
        let until = Instant::now() + pause.to_std();
        while Instant::now() < until && self.stopped().is_none() {
            std::thread::sleep(LOOK.min(until.saturating_duration_since(Instant::now())));
        }
    }

    /// This program with `words`, its record in `dir`; the exit code.
    pub(super) fn once(&self, words: &[String], dir: &Path) -> Result<i32, Trouble> {
        let mut command = program()?;
        command.args(words).arg("--out").arg(dir);
        self.wait(command)
    }

    fn wait(&self, mut command: Command) -> Result<i32, Trouble> {
        // In a group of its own, so that a signal of the terminal reaches it once, from here.
        command.stdin(Stdio::null()).stdout(Stdio::null()).process_group(0);
        let mut started = command.spawn().map_err(|e| Trouble::internal(format!("starting a run: {e}")))?;
        self.child.store(started.id() as i32, Ordering::SeqCst);
        if self.stopped().is_some() {
            // The signal came while it was started.
            kill(Pid::from_raw(started.id() as i32), Signal::SIGINT).ok();
        }
        let ended = started.wait().map_err(|e| Trouble::internal(format!("waiting for a run: {e}")))?;
        self.child.store(0, Ordering::SeqCst);
        Ok(ended.code().unwrap_or(1))
    }

    /// A quiet run with `words` and what came of it.
    ///
    /// # Errors
    /// When it could not begin, or its record cannot be read.
    pub(super) fn measure(&self, words: &[String], dir: PathBuf) -> Result<Measured, Trouble> {
        let mut command = program()?;
        // A single run is not what a job is to be told of.
        command.arg("run").args(words).args(QUIETLY).arg("--out").arg(&dir).env_remove("GITHUB_ACTIONS");
        let code = self.wait(command)?;
        let failed = |code: u8, what: &str| Trouble { code, text: format!("the run in {} {what}", dir.display()) };
        match code {
            2 => return Err(failed(USAGE, "could not begin, as said above")),
            1 => return Err(failed(super::INTERNAL, "failed, as said above")),
            _ => {}
        }
        let run = record::read(&dir).map_err(|e| Trouble::internal(format!("its record cannot be read: {e}")));
        let run = if self.stopped().is_some() { run.ok() } else { Some(run?) };
        Ok(Measured { code, dir, run })
    }
}

fn program() -> Result<Command, Trouble> {
    std::env::current_exe().map(Command::new).map_err(|e| Trouble::internal(format!("finding this program: {e}")))
}

impl Measured {
    /// Refuses a run in which nothing could be measured.
    pub(super) fn at_all(self) -> Result<Measured, Trouble> {
        match self.code {
            3 => Err(Trouble {
                code: NOTHING,
                text: format!("nothing could be measured, as said above; the record is in {}", self.dir.display()),
            }),
            _ => Ok(self),
        }
    }
}

/// The name of a profile for a folder.
pub(super) fn stem(profile: &str) -> &str {
    Path::new(profile).file_stem().and_then(|stem| stem.to_str()).unwrap_or("run")
}

/// A new folder below `reports`, or the one that was asked for.
pub(super) fn folder(out: Option<&PathBuf>, profile: &str, what: &str) -> PathBuf {
    let own = || PathBuf::from("reports").join(format!("{}-{what}-{}", stem(profile), std::process::id()));
    out.cloned().unwrap_or_else(own)
}
