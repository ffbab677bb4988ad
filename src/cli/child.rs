//! This program as a child process: the reference server with its own lanes, started, asked for its address, and at
//! the end for its account; and whole runs, of which the summary is wanted.

use std::io::BufRead;
use std::io::BufReader;
use std::net::SocketAddr;
use std::os::unix::process::CommandExt;
use std::process::Child;
use std::process::ChildStdout;
use std::process::Command;
use std::process::Stdio;
use std::sync::atomic::AtomicU32;
use std::sync::atomic::Ordering;

use nix::sys::signal::Signal;
use nix::sys::signal::kill;
use nix::unistd::Pid;
use serde_json::Value;

use super::Trouble;

/// A reference server that runs as a child of this process, and ends with it.
pub(super) struct Server {
    child: Child,
    lines: BufReader<ChildStdout>,
    /// Where it listens.
    pub(super) address: SocketAddr,
}

impl Server {
    /// Starts `volley serve PROFILE ..` on a free port of loopback.
    pub(super) fn start(profile: &str, dialect: Option<&str>, more: &[&str]) -> Result<Server, Trouble> {
        let failed = |e: std::io::Error| Trouble::internal(format!("the reference server cannot be started: {e}"));
        let mut command = Command::new(std::env::current_exe().map_err(failed)?);
        command.args(["serve", profile, "--listen", "127.0.0.1:0", "--with-parent"]).args(more);
        command.args(dialect.iter().flat_map(|d| ["--dialect", d]));
        // A group of its own: Ctrl-C is for this process, which then asks the server.
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).process_group(0);
        let mut child = command.spawn().map_err(failed)?;
        let Some(stdout) = child.stdout.take() else { return Err(Trouble::internal("the reference server has no output")) };
        let mut lines = BufReader::new(stdout);
        let mut first = String::new();
        lines.read_line(&mut first).map_err(failed)?;
        let address = serde_json::from_str::<Value>(&first).ok().and_then(|v| v["listening"].as_str()?.parse().ok());
        match address {
            Some(address) => Ok(Server { child, lines, address }),
            None => {
                let _ = child.kill();
                Err(Trouble::usage(format!("there is no reference server for `{profile}`, or it did not start; give --target")))
            }
        }
    }

    /// Stops it; its account.
    pub(super) fn stop(mut self) -> Option<Value> {
        let pid = Pid::from_raw(i32::try_from(self.child.id()).ok()?);
        kill(pid, Signal::SIGTERM).ok()?;
        let mut account = String::new();
        self.lines.read_line(&mut account).ok()?;
        self.child.wait().ok()?;
        serde_json::from_str(&account).ok()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Already gone after `stop`; then both do nothing.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The summary of a run of this program with these arguments; its record is not kept.
///
/// # Errors
/// In words, when there is no summary: what the run said.
pub(super) fn run(args: &[&str]) -> Result<Value, String> {
    static TURN: AtomicU32 = AtomicU32::new(0);
    let turn = TURN.fetch_add(1, Ordering::Relaxed);
    let dir = std::env::temp_dir().join(format!("volley-run-{}-{turn}", std::process::id()));
    let exe = std::env::current_exe().map_err(|e| e.to_string())?;
    let quiet = ["--report", "none", "--format", "json", "--progress", "none", "--color", "never", "--out"];
    let output = Command::new(exe).arg("run").args(args).args(quiet).arg(&dir).stdin(Stdio::null()).output().map_err(|e| e.to_string())?;
    // What is left of a record in the folder for temporary files harms nobody.
    let _ = std::fs::remove_dir_all(&dir);
    serde_json::from_slice(&output.stdout).map_err(|_| String::from_utf8_lossy(&output.stderr).trim().to_owned())
}
