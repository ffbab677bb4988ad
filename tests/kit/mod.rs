//! What tests of the built program share: calling it with a bound on its time, servers, folders.

#![allow(dead_code, reason = "each test uses a part of it")]

pub(crate) mod shown;

use std::io::BufRead;
use std::io::BufReader;
use std::io::Read;
use std::path::Path;
use std::path::PathBuf;
use std::process::Child;
use std::process::ChildStdout;
use std::process::Command;
use std::process::Stdio;
use std::time::Duration;
use std::time::Instant;

use nix::sys::signal::Signal;
use nix::sys::signal::kill;
use nix::unistd::Pid;
use serde_json::Value;
use volley::mock::Account;
use volley::mock::Config;
use volley::mock::Words;

/// Longest a call may take; only a failing test waits so long.
const PATIENCE: Duration = Duration::from_secs(90);

/// How a call ended.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) code: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Ended {
    /// Standard output as JSON.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|e| panic!("{e}: {self:?}"))
    }

    /// Asserts the exit code and that standard error says all of `words`.
    #[track_caller]
    pub(crate) fn refuses(&self, code: i32, words: &[&str]) {
        assert_eq!(self.code, Some(code), "{self:#?}");
        // Long messages may be wrapped.
        let err = self.err.split_whitespace().collect::<Vec<_>>().join(" ");
        words.iter().for_each(|word| assert!(err.contains(word), "`{word}` is not said: {}", self.err));
        self.is_calm();
    }

    /// Asserts that a run went through: 0, or 4 where the machine was too busy for true figures.
    #[track_caller]
    pub(crate) fn ran(&self) {
        assert!(matches!(self.code, Some(0 | 4)), "{self:#?}");
        self.is_calm();
    }

    /// Asserts that nothing panicked.
    #[track_caller]
    pub(crate) fn is_calm(&self) {
        assert!(!self.err.contains("panicked") && !self.err.contains("RUST_BACKTRACE"), "{}", self.err);
    }
}

/// A call of the program that runs.
pub(crate) struct Call {
    child: Child,
    out: Option<std::thread::JoinHandle<String>>,
    err: Option<std::thread::JoinHandle<String>>,
}

/// The program, without what the environment of the tests may say about colour.
pub(crate) fn volley() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_volley"));
    ["NO_COLOR", "CLICOLOR", "CLICOLOR_FORCE", "OPENSHOCK_TOKEN", "GITHUB_ACTIONS"].iter().for_each(|name| {
        command.env_remove(name);
    });
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

impl Call {
    pub(crate) fn start(mut command: Command) -> Call {
        let mut child = command.spawn().expect("the program can be started");
        let out = child.stdout.take().map(collect);
        let err = child.stderr.take().map(collect);
        Call { child, out, err }
    }

    pub(crate) fn signal(&self, signal: Signal) {
        kill(Pid::from_raw(self.child.id() as i32), signal).expect("the program runs");
    }

    /// Waits until the record in `out` has so many seconds.
    pub(crate) fn has_recorded(&self, out: &Path, seconds: usize) {
        let until = Instant::now() + Duration::from_secs(30);
        while !std::fs::read_to_string(out.join("counters.ndjson")).is_ok_and(|text| text.lines().count() >= seconds) {
            assert!(Instant::now() < until, "no second was recorded");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn end(mut self) -> Ended {
        let until = Instant::now() + PATIENCE;
        let status = loop {
            match self.child.try_wait().expect("a child can be waited for") {
                Some(status) => break status,
                None if Instant::now() > until => {
                    self.child.kill().expect("a child can be killed");
                    panic!("the program did not end in {PATIENCE:?}: {:?}", self.read());
                }
                None => std::thread::sleep(Duration::from_millis(5)),
            }
        };
        let (out, err) = self.read();
        Ended { code: status.code(), out, err }
    }

    fn read(&mut self) -> (String, String) {
        let read = |thread: Option<std::thread::JoinHandle<String>>| thread.map_or(String::new(), |t| t.join().expect("reads to the end"));
        (read(self.out.take()), read(self.err.take()))
    }
}

fn collect(mut from: impl Read + Send + 'static) -> std::thread::JoinHandle<String> {
    std::thread::spawn(move || {
        let mut bytes = Vec::new();
        from.read_to_end(&mut bytes).expect("a pipe can be read");
        String::from_utf8(bytes).expect("the program says UTF-8")
    })
}

/// Calls the program and waits.
pub(crate) fn call(args: &[&str]) -> Ended {
    let mut command = volley();
    command.args(args);
    Call::start(command).end()
}

/// `volley serve` as a child.
pub(crate) struct Server {
    child: Child,
    lines: BufReader<ChildStdout>,
    pub(crate) url: String,
}

impl Server {
    pub(crate) fn start(args: &[&str]) -> Server {
        let mut command = volley();
        command.arg("serve").args(args).stderr(Stdio::inherit());
        let mut child = command.spawn().expect("the server can be started");
        let mut lines = BufReader::new(child.stdout.take().expect("piped"));
        let mut first = String::new();
        lines.read_line(&mut first).expect("a line");
        let ready: Value = serde_json::from_str(&first).unwrap_or_else(|e| panic!("{e}: {first}"));
        let url = ready["url"].as_str().expect("an address").to_owned();
        Server { child, lines, url }
    }

    pub(crate) fn stop(mut self) -> Account {
        kill(Pid::from_raw(self.child.id() as i32), Signal::SIGTERM).expect("the server runs");
        let mut line = String::new();
        self.lines.read_line(&mut line).expect("an account");
        serde_json::from_str(&line).unwrap_or_else(|e| panic!("{e}: {line}"))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Gone already after `stop` in good order; then both do nothing.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A folder that ends with its test.
pub(crate) fn folder() -> tempfile::TempDir {
    tempfile::TempDir::new_in(env!("CARGO_TARGET_TMPDIR")).expect("a folder for a test")
}

/// A path as text.
pub(crate) fn text(path: &Path) -> &str {
    path.to_str().expect("paths of tests are UTF-8")
}

/// All files below a folder with their bytes.
pub(crate) fn files(folder: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut all = Vec::new();
    for entry in std::fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            all.extend(files(&path));
        } else {
            let bytes = std::fs::read(&path).expect("a file");
            all.push((path, bytes));
        }
    }
    all.sort();
    all
}

/// A reference server in this process.
pub(crate) fn mock(words: Words) -> volley::mock::Running {
    volley::mock::spawn(Config::new(&words).expect("the words of the test are right")).expect("a server on loopback")
}

/// A number of a summary, by JSON pointer; 0 where it is absent, as kinds that never occurred are.
pub(crate) fn number(summary: &Value, pointer: &str) -> u64 {
    summary.pointer(pointer).and_then(Value::as_u64).unwrap_or(0)
}

/// Sum of an object's numbers.
pub(crate) fn sum(object: &Value) -> u64 {
    object.as_object().map_or(0, |o| o.values().filter_map(Value::as_u64).sum())
}

/// A series of a summary.
pub(crate) fn series<'a>(summary: &'a Value, name: &str) -> &'a Value {
    let all = summary["series"].as_array().expect("a list of series");
    all.iter().find(|s| s["name"] == name).unwrap_or_else(|| panic!("no series {name}: {summary:#}"))
}

/// What holds of the counts of every run.
#[track_caller]
pub(crate) fn counts_add_up(summary: &Value) {
    let counts = &summary["counts"];
    let n = |name: &str| counts[name].as_u64().unwrap_or_else(|| panic!("no {name}: {counts:#}"));
    assert_eq!(n("planned"), n("sent") + sum(&counts["not_offered"]), "{counts:#}");
    assert_eq!(n("sent"), n("answered") + n("late") + n("unanswered") + n("no_answer_expected"), "{counts:#}");
}

/// A short run against `url` into `dir`.
pub(crate) fn short<'a>(url: &'a str, dir: &'a str) -> Vec<&'a str> {
    let load = ["--clients", "10", "--rate", "20/s", "--duration", "1s", "--warmup", "0", "--lanes", "1", "--progress", "none"];
    [&["run", "echo", "--target", url, "--out", dir, "--report", "none"], load.as_slice()].concat()
}

/// A file of a record.
pub(crate) fn read(dir: &Path, file: &str) -> String {
    std::fs::read_to_string(dir.join(file)).unwrap_or_else(|e| panic!("{file}: {e}"))
}

/// How a record says that its run stands.
pub(crate) fn state(dir: &Path) -> String {
    let run: Value = serde_json::from_str(&read(dir, "run.json")).expect("run.json is JSON");
    run["state"].as_str().expect("a state").to_owned()
}

/// A run of a minute against `echo`, two seconds in.
pub(crate) fn long_run(url: &str, out: &Path) -> Call {
    let mut command = volley();
    command.args(["run", "echo", "--target", url, "--out", text(out), "--clients", "10", "--rate", "20/s", "--duration", "60s"]);
    command.args(["--warmup", "0", "--lanes", "1", "--report", "html", "--progress", "json"]);
    let call = Call::start(command);
    call.has_recorded(out, 2);
    call
}
