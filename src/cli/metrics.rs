//! `volley run --metrics ADDR`: figures of the run so far for Prometheus. The collector leaves the figures of each second; the
//! thread that serves writes them out when somebody asks, at most once a second in each form.

use std::sync::Arc;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;

use super::Trouble;
use super::place::Place;
use super::place::Serving;
use super::tell;
use crate::dialogue::Script;
use crate::export;
use crate::export::Figures;
use crate::export::Form;
use crate::export::Keeper;
use crate::export::Subject;
use crate::record::Manifest;
use crate::tally::Second;
use crate::wire::pages::Ask;
use crate::wire::pages::Board;
use crate::wire::pages::Page;

/// Where the figures are.
const PATH: &str = "/metrics";
const PLAIN: &str = "text/plain; charset=utf-8";

/// Figures that are served.
pub(super) struct Metrics {
    keeper: Keeper,
    latest: Arc<Mutex<Arc<Figures>>>,
    /// Served until the run is over.
    _serving: Serving,
}

impl Metrics {
    /// Serves the figures of a run from now on, and tells where.
    pub(super) fn open(place: Place, manifest: &Manifest, script: &Script) -> Result<Metrics, Trouble> {
        let keeper = Keeper::new(Subject {
            run_id: manifest.id.clone(),
            profile: manifest.plan.profile.clone(),
            series: script.series.iter().map(|series| series.name.clone()).collect(),
            clients: manifest.plan.clients,
        });
        let latest = Arc::new(Mutex::new(Arc::new(keeper.figures().clone())));
        let writer = Mutex::new(Writer { latest: latest.clone(), written: Vec::new() });
        let draw = move |ask: &Ask<'_>| match ask.path {
            PATH => Some(locked(&writer).page(ask)),
            "/" => Some(Page { kind: PLAIN, bytes: format!("volley: figures are at {PATH}\n").into() }),
            _ => None,
        };
        tell!("metrics at http://{}{PATH}", place.address());
        let board = Board::new(Box::new(draw), place.is_own());
        Ok(Metrics { keeper, latest, _serving: place.serve("metrics", board)? })
    }

    /// A second has closed.
    pub(super) fn second(&mut self, second: &Second) {
        self.keeper.second(second);
        let figures = Arc::new(self.keeper.figures().clone());
        // Held for as long as two pointers take to change places, here and there.
        *locked(&self.latest) = figures;
    }
}

fn locked<T>(what: &Mutex<T>) -> MutexGuard<'_, T> {
    what.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What was written of the latest second.
struct Writer {
    latest: Arc<Mutex<Arc<Figures>>>,
    written: Vec<Written>,
}

struct Written {
    seconds: u64,
    page: Page,
}

impl Writer {
    fn page(&mut self, ask: &Ask<'_>) -> Page {
        let (figures, form) = (locked(&self.latest).clone(), Form::asked(ask.accept));
        self.written.retain(|written| written.seconds == figures.seconds());
        if let Some(written) = self.written.iter().find(|written| written.page.kind == form.media_type()) {
            return written.page.clone();
        }
        let dropped = [("crowded", ask.dropped.crowded), ("slow", ask.dropped.slow)];
        let page = match export::render(&figures, &dropped, form) {
            Ok(bytes) => Page { kind: form.media_type(), bytes },
            Err(why) => {
                tell!("warning: --metrics: {why}; the run goes on");
                Page { kind: PLAIN, bytes: Vec::new() }
            }
        };
        self.written.push(Written { seconds: figures.seconds(), page: page.clone() });
        page
    }
}
