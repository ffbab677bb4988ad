//! `volley run --live ADDR`: the report of the run so far as a page, and its seconds as events. The page is drawn when
//! somebody asks, from the record as it stands, and so seldom that drawing takes a twentieth of a processor at most.

use std::net::SocketAddr;
use std::net::TcpListener;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::thread::JoinHandle;
use std::time::Duration;
use std::time::Instant;

use super::Trouble;
use super::args::RunArgs;
use super::tell;
use crate::record;
use crate::report;
use crate::wire::pages;
use crate::wire::pages::Board;

/// Least age of a page before it is drawn anew.
const FRESH: Duration = Duration::from_secs(2);
/// A page is shown so many times as long as it took to draw.
const REST_FACTOR: u32 = 20;

/// An address that is ours, before the run begins.
pub(super) struct Place {
    listener: TcpListener,
    address: SocketAddr,
}

impl Place {
    /// Takes the address of --live, if one was asked for.
    pub(super) fn take(args: &RunArgs) -> Result<Option<Place>, Trouble> {
        let Some(asked) = args.live else { return Ok(None) };
        if !asked.ip().is_loopback() && !args.live_anywhere {
            return Err(Trouble::usage(format!(
                "--live {asked} would show the run to others than this machine. Take 127.0.0.1:0, or add --live-anywhere"
            )));
        }
        let (listener, address) = pages::listen(asked)
            .map_err(|e| Trouble::usage(format!("--live {asked} cannot be listened at: {e}. Port 0 takes any that is free")))?;
        Ok(Some(Place { listener, address }))
    }
}

/// A page that is served.
pub(super) struct Live {
    board: Arc<Board>,
    dir: PathBuf,
    serving: Option<JoinHandle<()>>,
}

impl Live {
    /// Serves the record in `dir` from now on, and tells where.
    pub(super) fn open(place: Place, dir: PathBuf) -> Result<Live, Trouble> {
        let Place { listener, address } = place;
        let drawer = Mutex::new(Drawer { dir: dir.clone(), page: Vec::new(), next: None });
        let draw = move || drawer.lock().unwrap_or_else(PoisonError::into_inner).page();
        let board = Arc::new(Board::new(Box::new(draw), report::html::policy(true), address.ip().is_loopback()));
        let its = board.clone();
        let serve = move || {
            if let Err(e) = pages::serve(listener, &its) {
                tell!("warning: the live page cannot be served: {e}; the run goes on");
            }
        };
        let serving = std::thread::Builder::new().name("live".into()).spawn(serve);
        let serving = serving.map_err(|e| Trouble::internal(format!("starting a thread: {e}")))?;
        tell!("live at http://{address}/");
        Ok(Live { board, dir, serving: Some(serving) })
    }

    /// A second has closed: `line` is its JSON object.
    pub(super) fn second(&self, line: &str) {
        self.board.publish("second", line);
    }
}

impl Drop for Live {
    fn drop(&mut self) {
        let text = format!("Its report is in {}.", self.dir.display());
        self.board.publish("end", &serde_json::json!({ "text": text }).to_string());
        self.board.close();
        if let Some(serving) = self.serving.take() {
            // A panic there was told.
            serving.join().ok();
        }
    }
}

/// The page, kept for a while.
struct Drawer {
    dir: PathBuf,
    page: Vec<u8>,
    next: Option<Instant>,
}

impl Drawer {
    fn page(&mut self) -> Vec<u8> {
        if self.next.is_none_or(|next| Instant::now() >= next) {
            let began = Instant::now();
            self.page = match record::read(&self.dir) {
                Ok(run) => report::html::live(&report::build::so_far(run)),
                Err(_) => WAIT.into(),
            };
            let cost = began.elapsed();
            self.next = Some(Instant::now() + FRESH.max(cost * REST_FACTOR));
        }
        self.page.clone()
    }
}

/// Before the first second is on disk.
const WAIT: &str = "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>volley</title></head>\
<body><p>Nothing is recorded yet; load this page again in a few seconds.</p></body></html>\n";
