//! The machine gives out: each time it is said, and what was recorded so far is kept.

use std::fs::File;
use std::net::TcpStream;
use std::process::Command;
use std::process::Stdio;

use nix::sys::signal::Signal;
use serde_json::Value;

use crate::done;
use crate::in_a_network_of_its_own;
use crate::kit::*;

fn summary(dir: &std::path::Path) -> Value {
    serde_json::from_str(&read(dir, "summary.json")).expect("JSON")
}

#[test]
fn ports_that_run_out_make_a_run_invalid() {
    in_a_network_of_its_own(|| {
        if std::fs::write("/proc/sys/net/ipv4/ip_local_port_range", "40000 40059").is_err() {
            println!("skipped: the range of ports cannot be set here");
            return;
        }
        let dir = folder();
        let server = Server::start(&["echo", "--listen", "127.0.0.1:9001"]);
        let run = |name: &str, clients: &str| {
            let out = dir.path().join(name);
            let url = ["run", "echo", "--target", &server.url, "--out", text(&out), "--report", "none"];
            let load = ["--clients", clients, "--rate", "10/s", "--duration", "1s", "--warmup", "0", "--lanes", "1"];
            (call(&[&url[..], &load].concat()), out)
        };
        run("refused", "61").0.refuses(2, &["60 ports", "61 clients", "--source-addr", "ip_local_port_range", "--clients 60"]);
        // Three local addresses have 180 ports towards one server.
        let out = dir.path().join("three");
        let from = ["--source-addr", "127.0.0.1,127.0.0.2,127.0.0.3", "--out", text(&out), "--report", "none", "--format", "json"];
        let load = ["--clients", "170", "--rate", "2/s", "--duration", "1s", "--warmup", "0"];
        let ended = call(&[&["run", "echo", "--target", &server.url], &load[..], &from].concat());
        ended.ran();
        assert_eq!(number(&ended.json(), "/connections/opened"), 170, "{}", ended.out);
        // Others hold 40 of the 60 ports.
        let held: Vec<TcpStream> = (0..40).map(|_| TcpStream::connect("127.0.0.1:9001").expect("a connection")).collect();
        let (ended, out) = run("short", "50");
        drop(held);
        assert_eq!(ended.code, Some(4), "{ended:#?}");
        ended.is_calm();
        assert!(ended.out.contains("ports"), "the reason is given: {}", ended.out);
        let summary = summary(&out);
        counts_add_up(&summary);
        assert_eq!(summary["verdict"], "invalid");
        assert!(number(&summary, "/counts/faults/port") > 0 && number(&summary, "/counts/not_offered/ports") > 0, "{summary:#}");
        assert!(number(&summary, "/counts/answered") > 0, "those that had a port were measured");
        assert_eq!(number(&summary, "/connections/opened"), 20);
    });
}

#[test]
fn files_that_run_out_make_a_run_invalid() {
    let dir = folder();
    let out = dir.path().join("out");
    let limited = |limit: &str, clients: &str| {
        let mut command = Command::new("sh");
        command.args([
            "-c",
            &format!("ulimit -n {limit}; exec \"$0\" run echo --clients {clients} --out \"$1\""),
            env!("CARGO_BIN_EXE_volley"),
        ]);
        command.arg(&out).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        Call::start(command).end()
    };
    let none = limited("64", "1");
    none.refuses(2, &["64 files", "ulimit -Hn", "LimitNOFILE"]);
    assert!(!none.err.contains("--clients 0"), "{}", none.err);
    limited("100", "37").refuses(2, &["100 files", "--clients 36"]);
    assert!(!out.exists());

    // Somebody takes them away while connections are made.
    let server = Server::start(&["echo"]);
    let mut command = volley();
    command.args(["run", "echo", "--target", &server.url, "--out", text(&out), "--clients", "60", "--ramp", "6s", "--rate", "20/s"]);
    command.args(["--duration", "1s", "--warmup", "0", "--lanes", "1", "--report", "none"]);
    let call = Call::start(command);
    call.has_recorded(&out, 2);
    let open = std::fs::read_dir(format!("/proc/{}/fd", call.id())).expect("the program runs").count();
    if !done("prlimit", &["--pid", &call.id().to_string(), &format!("--nofile={0}:{0}", open + 4)]) {
        println!("skipped: the limit of a program cannot be set here");
        call.signal(Signal::SIGKILL);
        return;
    }
    let ended = call.end();
    assert_eq!(ended.code, Some(4), "{ended:#?}");
    ended.is_calm();
    assert!(ended.out.contains("files"), "the reason is given: {}", ended.out);
    let summary = summary(&out);
    counts_add_up(&summary);
    assert!(number(&summary, "/counts/faults/fd") > 0 && number(&summary, "/counts/not_offered/files") > 0, "{summary:#}");
    assert!(number(&summary, "/counts/answered") > 0, "{summary:#}");
}

#[test]
fn a_full_disk_is_said_and_nothing_panics() {
    let dir = folder();
    let disk = dir.path().join("disk");
    std::fs::create_dir(&disk).expect("a folder");
    let mounted = std::process::Command::new("mount").args(["-t", "tmpfs", "-o", "size=64k", "tmpfs", text(&disk)]).output();
    if !mounted.as_ref().is_ok_and(|m| m.status.success()) {
        println!("skipped: a small file system cannot be mounted here (needs root): {mounted:?}");
        return;
    }
    let server = Server::start(&["echo"]);
    let out = |name: &str| disk.join(name);
    let run = |name: &str, seconds: &str| {
        let load = ["--clients", "10", "--rate", "50/s", "--warmup", "0", "--lanes", "1", "--duration", seconds];
        call(&[&["run", "echo", "--target", &server.url, "--out", text(&out(name))], load.as_slice()].concat())
    };
    // Room for a short record, not for its reports; then for the start of a record only.
    let undrawn = run("undrawn", "1s");
    std::fs::remove_dir_all(out("undrawn")).expect("a folder");
    std::fs::write(disk.join("ballast"), vec![0; 40 << 10]).expect("there is room for the ballast");
    let cut = run("cut", "6s");
    let readable = call(&["report", text(&out("cut")), "--report", "none"]);
    let unmounted = std::process::Command::new("umount").arg(&disk).status();
    assert!(unmounted.is_ok_and(|s| s.success()), "the small file system goes away");
    undrawn.refuses(1, &["report.html could not be written", "No space left on device", "volley report"]);
    assert!(undrawn.out.contains("answered"), "the summary is given all the same: {undrawn:?}");
    cut.refuses(1, &["No space left on device", "part of the record could not be written", "--out"]);
    readable.is_calm();
    assert_eq!(server.stop().violations_total, 0);
}

#[test]
fn nobody_listens() {
    let dir = folder();
    let server = Server::start(&["echo"]);
    let begin = |name: &str, out: Stdio, err: Stdio| {
        let mut command = volley();
        command.args(short(&server.url, text(&dir.path().join(name)))).args(["--format", "json"]).stdout(out).stderr(err);
        command.spawn().expect("the program can be started")
    };
    // As `| head -0` does: the pipe is there, and its reader is not.
    let mut deaf = begin("pipe", Stdio::piped(), Stdio::piped());
    drop((deaf.stdout.take(), deaf.stderr.take()));
    assert!(matches!(deaf.wait().expect("it ends").code(), Some(0 | 4)));
    // As `>&- 2>&-`.
    let closed = Command::new("sh")
        .args(["-c", "exec \"$0\" \"$@\" >&- 2>&-", env!("CARGO_BIN_EXE_volley")])
        .args(short(&server.url, text(&dir.path().join("closed"))))
        .status();
    assert!(matches!(closed.expect("it ends").code(), Some(0 | 4)));
    // Results that found no room are an error; progress and warnings are not.
    let full = || Stdio::from(File::options().write(true).open("/dev/full").expect("Linux has it"));
    let ended = begin("full", full(), Stdio::piped()).wait_with_output().expect("it ends");
    let said = String::from_utf8_lossy(&ended.stderr);
    assert!(matches!(ended.status.code(), Some(1 | 4)), "{said}");
    assert!(said.contains("standard output did not take the results: No space left on device") && said.contains("volley report"), "{said}");
    assert!(matches!(begin("mute", Stdio::null(), full()).wait().expect("it ends").code(), Some(0 | 4)));
    for name in ["pipe", "closed", "full", "mute"] {
        let out = dir.path().join(name);
        assert_eq!(state(&out), "complete", "{name}");
        assert!(number(&summary(&out), "/counts/answered") > 0, "{name}");
    }
}

#[test]
fn a_folder_that_cannot_be_written_is_said_before_the_load() {
    let server = Server::start(&["echo"]);
    for out in ["/proc/volley", "/dev/null/x", "/sys/volley"] {
        call(&short(&server.url, out)).refuses(2, &[out, "--out"]);
    }
    assert_eq!(server.stop().connections.accepted, 0);
}

#[test]
fn a_record_that_is_removed_while_it_grows_is_written_again() {
    let dir = folder();
    let server = Server::start(&["echo"]);
    let out = dir.path().join("deep").join("out");
    let call = long_run(&server.url, &out);
    std::fs::remove_dir_all(&out).expect("a folder");
    call.signal(Signal::SIGINT);
    let ended = call.end();
    assert_eq!(ended.code, Some(130), "{ended:#?}");
    ended.is_calm();
    assert!(ended.err.contains(&format!("{} was removed while the run went on", text(&out))), "{}", ended.err);
    assert_eq!(state(&out), "stopped");
    let first = summary(&out);
    counts_add_up(&first);
    let rows = read(&out, "counters.ndjson");
    assert!(rows.lines().count() > 2 && rows.starts_with(r#"{"t_ns":0,"#), "all seconds are there: {rows}");
    assert!(number(&first, "/counts/answered") > 0, "{first:#}");
    assert_eq!(crate::kit::call(&["report", text(&out), "--report", "none", "--format", "json"]).json(), first);

    let out = dir.path().join("gone").join("out");
    let call = long_run(&server.url, &out);
    std::fs::remove_dir_all(dir.path().join("gone")).expect("a folder");
    std::fs::write(dir.path().join("gone"), "in the way").expect("a file");
    call.signal(Signal::SIGINT);
    call.end().refuses(1, &["the folder of the record is gone", text(&out)]);
}
