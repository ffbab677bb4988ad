//! The live view in a pseudo-terminal: what is on the screen, what keys do, and that the terminal is given back.

mod kit;

use std::fs::File;
use std::io::Read;
use std::io::Write;
use std::num::NonZero;
use std::path::Path;
use std::process::Child;
use std::process::Command;
use std::sync::Arc;
use std::sync::Mutex;
use std::time::Duration;
use std::time::Instant;

use kit::*;
use nix::pty::OpenptyResult;
use nix::pty::Winsize;
use nix::pty::openpty;
use nix::sys::signal::Signal;
use nix::sys::signal::kill;
use nix::sys::termios::Termios;
use nix::sys::termios::tcgetattr;
use nix::unistd::Pid;

/// Longest that something is waited for; only a failing test waits so long.
const PATIENCE: Duration = Duration::from_secs(40);

/// A terminal of 80 x 24 or as said, with a program on it.
struct Desk {
    child: Child,
    keys: File,
    slave: File,
    before: Termios,
    screen: Arc<Mutex<vt100::Parser>>,
    bytes: Arc<Mutex<Vec<u8>>>,
}

impl Desk {
    fn start(mut command: Command, columns: u16, rows: u16) -> Desk {
        let size = Winsize { ws_row: rows, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 };
        let OpenptyResult { master, slave } = openpty(&size, None).expect("a pseudo-terminal");
        let (keys, slave) = (File::from(master), File::from(slave));
        let before = tcgetattr(&slave).expect("settings of a terminal");
        let end = || slave.try_clone().expect("a second handle");
        let child = command.env("LANG", "C.UTF-8").stdin(end()).stdout(end()).stderr(end()).spawn().expect("the program can be started");
        let screen = Arc::new(Mutex::new(vt100::Parser::new(sure(rows), sure(columns), 0)));
        let bytes = Arc::new(Mutex::new(Vec::new()));
        let (mut from, shown, kept) = (keys.try_clone().expect("a second handle"), screen.clone(), bytes.clone());
        std::thread::spawn(move || {
            let mut chunk = [0; 4096];
            while let Ok(n @ 1..) = from.read(&mut chunk) {
                shown.lock().expect("no panic").process(&chunk[..n]);
                kept.lock().expect("no panic").extend_from_slice(&chunk[..n]);
            }
        });
        Desk { child, keys, slave, before, screen, bytes }
    }

    fn contents(&self) -> String {
        self.screen.lock().expect("no panic").screen().contents()
    }

    #[track_caller]
    fn shows(&self, what: &str) {
        let until = Instant::now() + PATIENCE;
        while !self.contents().contains(what) {
            assert!(Instant::now() < until, "`{what}` is not shown:\n{}", self.contents());
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    fn press(&mut self, keys: &str) {
        self.keys.write_all(keys.as_bytes()).expect("keys are taken");
    }

    fn signal(&self, signal: Signal) {
        kill(Pid::from_raw(self.child.id() as i32), signal).expect("the program runs");
    }

    /// Waits for the end and asserts that the terminal is as it was; the exit code and all bytes it was sent.
    #[track_caller]
    fn end(&mut self) -> (Option<i32>, String) {
        let until = Instant::now() + PATIENCE;
        let code = loop {
            match self.child.try_wait().expect("a child can be waited for") {
                Some(status) => break status.code(),
                None if Instant::now() > until => {
                    self.child.kill().expect("a child can be killed");
                    panic!("the program did not end:\n{}", self.contents());
                }
                None => std::thread::sleep(Duration::from_millis(10)),
            }
        };
        // What was written last is read by then.
        std::thread::sleep(Duration::from_millis(200));
        let after = tcgetattr(&self.slave).expect("settings of a terminal");
        assert_eq!(after.local_flags, self.before.local_flags, "echo and line editing are as before");
        assert_eq!((after.input_flags, after.output_flags), (self.before.input_flags, self.before.output_flags));
        let parser = self.screen.lock().expect("no panic");
        assert!(!parser.screen().alternate_screen(), "the own screen is left");
        assert!(!parser.screen().hide_cursor(), "the cursor is seen");
        drop(parser);
        (code, String::from_utf8_lossy(&self.bytes.lock().expect("no panic")).into_owned())
    }
}

fn sure(n: u16) -> NonZero<u16> {
    NonZero::new(n).expect("a size above zero")
}

fn run(out: &Path, more: &[&str]) -> Command {
    let mut command = volley();
    command.args(["run", "echo", "--clients", "10", "--rate", "20/s", "--warmup", "0s", "--report", "none", "--out", text(out)]).args(more);
    command.env("TERM", "xterm-256color");
    command
}

#[track_caller]
fn record_is_whole(out: &Path, expected: &str) {
    assert_eq!(state(out), expected);
    let summary: serde_json::Value = serde_json::from_str(&read(out, "summary.json")).expect("JSON");
    assert!(number(&summary, "/counts/sent") > 0);
    counts_add_up(&summary);
}

#[test]
fn keys_work_and_q_stops_in_good_order() {
    let dir = folder();
    let out = dir.path().join("run");
    let mut desk = Desk::start(run(&out, &["--duration", "60s"]), 80, 24);
    for what in ["echo -> ws://127.0.0.1", "planned", "last 10 s", "measured so far", "open 10 of 10", "woke late", "a column a second"] {
        desk.shows(what);
    }
    desk.press("+");
    desk.shows("last 30 s");
    desk.press("-");
    desk.shows("last 10 s");
    desk.press("e");
    desk.shows("faults by kind");
    desk.press("e\t");
    desk.shows(">");
    desk.press("p");
    desk.shows("view paused");
    let held = desk.contents();
    std::thread::sleep(Duration::from_millis(2_500));
    assert_eq!(desk.contents(), held, "a paused view stands still");
    desk.press("p");
    desk.press("q");
    let (code, said) = desk.end();
    assert_eq!(code, Some(130), "{said}");
    let after = said.rsplit("\x1b[?1049l").next().unwrap_or_default();
    assert!(after.contains("stopping: answers are awaited"), "what was told meanwhile is told: {after}");
    record_is_whole(&out, "stopped");
}

#[test]
fn signals_and_ctrl_c_give_the_terminal_back() {
    let dir = folder();
    for (name, code) in [("term", 143), ("ctrl-c", 130)] {
        let out = dir.path().join(name);
        let mut desk = Desk::start(run(&out, &["--duration", "60s"]), 100, 30);
        desk.shows("open 10 of 10");
        desk.shows("a column a second");
        match name {
            "term" => desk.signal(Signal::SIGTERM),
            _ => desk.press("\x03"),
        }
        assert_eq!(desk.end().0, Some(code), "{name}");
        record_is_whole(&out, "stopped");
    }
}

#[test]
fn a_view_that_was_not_to_be_is_none() {
    let dir = folder();
    for (name, columns, more, says) in [
        ("small", 79, &[][..], "\r\x1b[K"),
        ("bar", 80, &["--progress", "bar"], "\r\x1b[K"),
        ("plain", 80, &["--plain"], "After 2 of 2 seconds"),
    ] {
        let out = dir.path().join(name);
        let mut desk = Desk::start(run(&out, &[&["--duration", "1s"], more].concat()), columns, 24);
        let (code, said) = desk.end();
        assert!(matches!(code, Some(0 | 4)), "{name}: {said}");
        assert!(!said.contains("\x1b[?1049h") && said.contains(says), "{name}: {said:?}");
        record_is_whole(&out, "complete");
    }
    let out = dir.path().join("dumb");
    let mut command = run(&out, &["--duration", "1s", "--tui"]);
    command.env("TERM", "dumb");
    let (code, said) = Desk::start(command, 80, 24).end();
    assert_eq!(code, Some(2), "{said}");
    assert!(said.contains("cannot move its cursor") && said.contains("--progress line"), "{said}");
    assert!(!out.exists());
}

#[test]
fn without_colour_there_is_none_and_without_utf_8_only_ascii() {
    let dir = folder();
    let out = dir.path().join("mono");
    let mut command = run(&out, &["--duration", "4s"]);
    command.env("NO_COLOR", "1").env("LC_ALL", "C");
    let mut desk = Desk::start(command, 80, 24);
    desk.shows("open 10 of 10");
    desk.shows("a column a second");
    let (_, said) = desk.end();
    let view = said.split("\x1b[?1049h").nth(1).and_then(|rest| rest.split("\x1b[?1049l").next()).expect("a view");
    assert!(view.is_ascii(), "{view:?}");
    // Rendition 30 to 49 and 90 to 107 are colours, without 39 and 49 which take them away.
    let renditions = view.split("\x1b[").skip(1).filter_map(|rest| rest.split_once('m')).map(|(codes, _)| codes);
    let codes: Vec<u8> = renditions.flat_map(|codes| codes.split(';')).filter_map(|code| code.parse().ok()).collect();
    let colours: Vec<u8> = codes.into_iter().filter(|code| matches!(code, 30..=38 | 40..=48 | 90..=107)).collect();
    assert_eq!(colours, Vec::<u8>::new(), "{view:?}");
}

#[test]
fn json_lines_a_second_with_the_summary_last() {
    let dir = folder();
    let out = dir.path().join("run");
    let ended = Call::start(run(&out, &["--duration", "2s", "--format", "ndjson"])).end();
    ended.ran();
    let lines: Vec<serde_json::Value> = ended.out.lines().map(|line| serde_json::from_str(line).expect("a line is an object")).collect();
    let (summary, seconds) = lines.split_last().expect("lines");
    assert_eq!(summary["schema"], "volley.summary/1");
    assert_eq!(seconds.len(), read(&out, "counters.ndjson").lines().count());
    assert!(seconds.iter().all(|second| second["schema"] == "volley.second/1"));
    let sent: u64 = seconds.iter().map(|second| number(second, "/sent")).sum();
    assert_eq!(sent, number(summary, "/counts/sent"));
    let echoes: u64 = seconds.iter().map(|second| number(second, "/series/echo/count")).sum();
    let answered: u64 = seconds.iter().map(|second| number(second, "/answered") + number(second, "/late")).sum();
    assert_eq!(echoes, answered);
    assert_eq!(answered, number(summary, "/counts/answered") + number(summary, "/counts/late"));
    let progress = Call::start(run(&dir.path().join("progress"), &["--duration", "1s", "--progress", "json"])).end();
    progress.ran();
    assert!(progress.err.lines().any(|line| line.starts_with("{\"schema\":\"volley.second/1\"")), "{}", progress.err);
}
