//! The live view of a run in the terminal. The collector hands it each second it has merged; a thread of its own draws,
//! at most four times a second and only when there is something new. Lanes know nothing of it.

mod draw;
mod screen;
mod state;

use std::sync::Arc;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering;
use std::thread::JoinHandle;
use std::time::Duration;
use std::time::Instant;

use crossterm::event;
use crossterm::event::Event;
use crossterm::event::KeyCode;
use crossterm::event::KeyEvent;
use crossterm::event::KeyEventKind;
use crossterm::event::KeyModifiers;

use super::Trouble;
use super::output;
use crate::dialogue::Script;
use crate::record::CounterRow;
use crate::record::Manifest;
use crate::tally::Second;
use screen::Screen;
pub(super) use screen::fits;
pub(super) use screen::restore;
use state::Key;
use state::State;

/// Least time between two pictures.
const BETWEEN: Duration = Duration::from_millis(250);

/// A view that is open.
pub(super) struct View {
    shared: Arc<Shared>,
    drawing: Option<JoinHandle<()>>,
}

struct Shared {
    state: Mutex<State>,
    /// There is something that was not drawn.
    is_new: AtomicBool,
    has_ended: AtomicBool,
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl View {
    /// Takes the terminal; `stop` is what a signal to stop does as well.
    pub(super) fn open(manifest: &Manifest, script: &Script, colour: bool, stop: impl Fn() + Send + 'static) -> Result<Self, Trouble> {
        let names = script.series.iter().map(|series| series.name.clone());
        let state = Mutex::new(State::new(manifest.clone(), names, script.load_series));
        let shared = Arc::new(Shared { state, is_new: AtomicBool::new(true), has_ended: AtomicBool::new(false) });
        let look = draw::Look { colour, ascii: !output::is_utf8() };
        let failed = |e: std::io::Error| Trouble::usage(format!("the terminal cannot be drawn on: {e}. Take --progress line"));
        let screen = Screen::take().map_err(failed)?;
        let drawn = shared.clone();
        let drawing = std::thread::Builder::new().name("view".into()).spawn(move || show(&drawn, screen, look, stop)).map_err(|e| {
            restore();
            failed(e)
        })?;
        Ok(View { shared, drawing: Some(drawing) })
    }

    /// A second has closed.
    pub(super) fn second(&self, second: &Second, row: &CounterRow) {
        self.shared.state().second(second, row);
        self.shared.is_new.store(true, Ordering::Release);
    }
}

impl Drop for View {
    fn drop(&mut self) {
        self.shared.has_ended.store(true, Ordering::Release);
        if let Some(drawing) = self.drawing.take() {
            // A panic there was told.
            drawing.join().ok();
        }
        restore();
    }
}

/// Draws and takes keys until the run has ended.
fn show(shared: &Shared, mut screen: Screen, look: draw::Look, stop: impl Fn()) {
    let mut picture = shared.state().picture();
    let mut drawn: Option<Instant> = None;
    while !shared.has_ended.load(Ordering::Acquire) {
        let is_time = drawn.is_none_or(|at| at.elapsed() >= BETWEEN);
        if is_time && shared.is_new.swap(false, Ordering::AcqRel) {
            let state = shared.state();
            match state.looking.paused && picture.looking.paused {
                true => picture.looking = state.looking,
                false => picture = state.picture(),
            }
            drop(state);
            // A terminal that takes nothing is no reason to end a run.
            let _ = screen.draw(|frame| draw::draw(&picture, &output::newest_held(), look, frame));
            drawn = Some(Instant::now());
        }
        let said = event::poll(BETWEEN).unwrap_or_else(|_| {
            std::thread::sleep(BETWEEN);
            false
        });
        if said && let Ok(event) = event::read() {
            obey(&event, shared, &stop);
        }
    }
}

fn obey(event: &Event, shared: &Shared, stop: &impl Fn()) {
    match event {
        Event::Key(key) if key.kind != KeyEventKind::Release => {
            if is_stop(key) {
                stop();
            } else if let Some(key) = meaning(key) {
                shared.state().press(key);
            }
        }
        Event::Resize(..) => {}
        _ => return,
    }
    shared.is_new.store(true, Ordering::Release);
}

/// In raw mode Ctrl-C is a key like others.
fn is_stop(key: &KeyEvent) -> bool {
    let is_control = key.modifiers.contains(KeyModifiers::CONTROL);
    key.code == KeyCode::Char('q') || (is_control && key.code == KeyCode::Char('c'))
}

fn meaning(key: &KeyEvent) -> Option<Key> {
    Some(match key.code {
        KeyCode::Char('p' | ' ') => Key::Pause,
        KeyCode::Char('+' | '=') => Key::Longer,
        KeyCode::Char('-') => Key::Shorter,
        KeyCode::Tab => Key::Next,
        KeyCode::BackTab => Key::Before,
        KeyCode::Char('e') => Key::Faults,
        _ => return None,
    })
}
