//! `volley run --live ADDR`: the report of the run so far as a page, and its seconds as events. The page is drawn when
//! somebody asks, from the record as it stands, and so seldom that drawing takes a twentieth of a processor at most.

use std::path::PathBuf;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::time::Duration;
use std::time::Instant;

use super::Trouble;
use super::place::Place;
use super::place::Serving;
use super::tell;
use crate::record;
use crate::report;
use crate::wire::pages::Ask;
use crate::wire::pages::Board;
use crate::wire::pages::Page;

/// Least age of a page before it is drawn anew.
const FRESH: Duration = Duration::from_secs(2);
/// A page is shown so many times as long as it took to draw.
const REST_FACTOR: u32 = 20;

/// A page that is served.
pub(super) struct Live {
    serving: Serving,
    dir: PathBuf,
}

impl Live {
    /// Serves the record in `dir` from now on, and tells where.
    pub(super) fn open(place: Place, dir: PathBuf) -> Result<Live, Trouble> {
        let drawer = Mutex::new(Drawer { dir: dir.clone(), page: Vec::new(), next: None });
        let draw = move |ask: &Ask<'_>| {
            let page = || drawer.lock().unwrap_or_else(PoisonError::into_inner).page();
            (ask.path == "/").then(|| Page { kind: "text/html; charset=utf-8", bytes: page() })
        };
        let board = Board::new(Box::new(draw), place.is_own()).with_events(&report::html::policy(true));
        tell!("live at http://{}/", place.address());
        Ok(Live { serving: place.serve("live", board)?, dir })
    }

    /// A second has closed: `line` is its JSON object.
    pub(super) fn second(&self, line: &str) {
        self.serving.board().publish("second", line);
    }
}

impl Drop for Live {
    fn drop(&mut self) {
        let text = format!("Its report is in {}.", self.dir.display());
        self.serving.board().publish("end", &serde_json::json!({ "text": text }).to_string());
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
