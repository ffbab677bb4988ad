//! A NATS server of a test's own, with a folder of its own, on this machine only.

#![allow(dead_code, reason = "each test uses a part of it")]

use std::net::TcpListener;
use std::net::TcpStream;
use std::path::Path;
use std::path::PathBuf;
use std::process::Child;
use std::process::Command;
use std::process::Stdio;
use std::time::Duration;
use std::time::Instant;

use volley::fleet::nats::NatsBus;
use volley::fleet::nats::Storage;
use volley::fleet::nats::Way;

/// A server; it ends with the value.
pub(crate) struct Nats {
    child: Child,
    dir: tempfile::TempDir,
    program: PathBuf,
    port: u16,
    scheme: &'static str,
}

/// Where the server's program is. Without one the test is passed over, unless it was asked for (`tests/fleet/run.sh`).
#[expect(clippy::print_stderr, reason = "who reads the tests' output is to see that something was passed over")]
fn program() -> Option<PathBuf> {
    let path = std::env::var("PATH").unwrap_or_default();
    let places = path.split(':').chain(["/usr/sbin", "/usr/local/bin"]).map(|dir| Path::new(dir).join("nats-server"));
    let found = std::env::var_os("VOLLEY_NATS_SERVER").map(PathBuf::from).into_iter().chain(places).find(|path| path.exists());
    if found.is_none() {
        assert!(std::env::var_os("VOLLEY_NATS_NEEDED").is_none(), "there is no nats-server");
        eprintln!("PASSED OVER: there is no nats-server; tests/fleet/run.sh installs one");
    }
    found
}

impl Nats {
    /// A server with an empty store and `more` in its configuration; not prepared for volley.
    pub(crate) fn bare(more: &str, scheme: &'static str) -> Option<Nats> {
        let program = program()?;
        let dir = tempfile::TempDir::new_in(env!("CARGO_TARGET_TMPDIR")).expect("a folder");
        let port = TcpListener::bind("127.0.0.1:0").and_then(|l| l.local_addr()).expect("a port").port();
        let store = dir.path().join("store");
        let config = format!("listen: 127.0.0.1:{port}\njetstream {{ store_dir: {:?}, max_mem: 64MB, max_file: 2GB }}\n{more}\n", store);
        std::fs::write(dir.path().join("nats.conf"), config).expect("it can be written");
        let child = start(&program, dir.path(), port);
        Some(Nats { child, dir, program, port, scheme })
    }

    /// A server that is prepared.
    pub(crate) fn start() -> Option<Nats> {
        let nats = Nats::bare("", "nats")?;
        nats.bus().init(Storage { bytes: 256 << 20, replicas: 1 }).expect("it is new");
        Some(nats)
    }

    pub(crate) fn url(&self) -> String {
        let host = if self.scheme == "tls" { "localhost" } else { "127.0.0.1" };
        format!("{}://{host}:{}", self.scheme, self.port)
    }

    pub(crate) fn bus(&self) -> NatsBus {
        let way = Way { url: self.url(), name: "test".into(), inbox: "_INBOX_VOLLEY_TEST".into(), ..Way::default() };
        NatsBus::connect(&way).expect("it listens")
    }

    /// As a crash would end it.
    pub(crate) fn kill(&mut self) {
        self.child.kill().expect("it runs");
        self.child.wait().expect("it ran");
    }

    /// With the store that it had.
    pub(crate) fn restart(&mut self) {
        self.child = start(&self.program, self.dir.path(), self.port);
    }
}

fn start(program: &Path, dir: &Path, port: u16) -> Child {
    let log = std::fs::File::options().create(true).append(true).open(dir.join("nats.log")).expect("a log");
    let mut command = Command::new(program);
    command.arg("-c").arg(dir.join("nats.conf")).stdout(Stdio::null()).stderr(log);
    let child = command.spawn().expect("it starts");
    let until = Instant::now() + Duration::from_secs(20);
    while TcpStream::connect(("127.0.0.1", port)).is_err() {
        assert!(Instant::now() < until, "{}", std::fs::read_to_string(dir.join("nats.log")).unwrap_or_default());
        std::thread::sleep(Duration::from_millis(20));
    }
    child
}

impl Drop for Nats {
    fn drop(&mut self) {
        // It may have been killed by its test.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
