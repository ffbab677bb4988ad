//! A run that is watched over HTTP, and plain requests to it.

use std::io::BufRead;
use std::io::BufReader;
use std::io::Read;
use std::io::Write;
use std::net::TcpStream;
use std::path::Path;
use std::process::Child;
use std::process::ChildStderr;
use std::time::Duration;

use super::*;

/// A run with a page.
pub(crate) struct Shown {
    child: Child,
    err: BufReader<ChildStderr>,
    address: String,
}

impl Shown {
    /// Of ten clients, watched as the flag `way` has it.
    pub(crate) fn start(out: &Path, way: &str, duration: &str) -> Shown {
        let mut command = volley();
        command.args(["run", "echo", "--clients", "10", "--rate", "20/s", "--warmup", "0s", "--report", "none", "--duration", duration]);
        command.args([&format!("--{way}"), "127.0.0.1:0", "--progress", "none", "--out", text(out)]);
        let mut child = command.spawn().expect("the program can be started");
        let mut err = BufReader::new(child.stderr.take().expect("piped"));
        let mut line = String::new();
        err.read_line(&mut line).expect("a line");
        let address = line.trim().strip_prefix(&format!("{way} at http://")).and_then(|rest| rest.split('/').next());
        let address = address.unwrap_or_else(|| panic!("no address: {line}")).to_owned();
        Shown { child, err, address }
    }

    pub(crate) fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(&self.address).expect("the page listens");
        stream.set_read_timeout(Some(Duration::from_secs(30))).expect("a bound");
        stream
    }

    pub(crate) fn ask(&self, request: &str) -> TcpStream {
        let mut stream = self.connect();
        stream.write_all(request.as_bytes()).expect("a request is taken");
        stream
    }

    /// The whole answer; what came before a reset of the connection, too.
    pub(crate) fn answer(&self, request: &str) -> String {
        let (mut stream, mut bytes) = (self.ask(request), Vec::new());
        stream.read_to_end(&mut bytes).ok();
        String::from_utf8(bytes).expect("UTF-8")
    }

    /// Head and body of an answer; `None` once nobody listens any more.
    pub(crate) fn fetch(&self, request: &str) -> Option<(String, Vec<u8>)> {
        let (mut stream, mut bytes) = (TcpStream::connect(&self.address).ok()?, Vec::new());
        stream.set_read_timeout(Some(Duration::from_secs(30))).ok()?;
        stream.write_all(request.as_bytes()).ok()?;
        stream.read_to_end(&mut bytes).ok()?;
        let end = bytes.windows(4).position(|four| four == b"\r\n\r\n")?;
        let body = bytes.split_off(end + 4);
        Some((String::from_utf8(bytes).expect("a head is text"), body))
    }

    pub(crate) fn get(&self, path: &str) -> String {
        format!("GET {path} HTTP/1.1\r\nHost: {}\r\n\r\n", self.address)
    }

    #[track_caller]
    pub(crate) fn ends_well(mut self, out: &Path) {
        let mut rest = String::new();
        self.err.read_to_string(&mut rest).expect("UTF-8");
        let code = self.child.wait().expect("a child can be waited for").code();
        assert!(matches!(code, Some(0 | 4)), "{code:?}: {rest}");
        assert!(!rest.contains("panicked"), "{rest}");
        assert_eq!(state(out), "complete");
        counts_add_up(&serde_json::from_str(&read(out, "summary.json")).expect("JSON"));
    }
}
