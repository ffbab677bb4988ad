//! The terminal: taken for the view, and always given back as it was.

use std::io;
use std::io::IsTerminal;
use std::io::Stderr;
use std::sync::Mutex;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering;
use std::time::Duration;

use crossterm::cursor::Hide;
use crossterm::cursor::Show;
use crossterm::execute;
use crossterm::terminal;
use crossterm::terminal::EnterAlternateScreen;
use crossterm::terminal::LeaveAlternateScreen;
use nix::unistd::getpgrp;
use nix::unistd::tcgetpgrp;
use ratatui::Frame;
use ratatui::Terminal;
use ratatui::backend::CrosstermBackend;

use crate::cli::output;

/// Least columns and rows.
const LEAST: (u16, u16) = (80, 24);
/// How often a picture that is being drawn is waited for, 2 ms each.
const TRIES: u32 = 50;

/// The terminal is ours.
static TAKEN: AtomicBool = AtomicBool::new(false);
/// Held while a picture is drawn, so that none is drawn on a terminal given back.
static DRAWING: Mutex<()> = Mutex::new(());

/// Whether the view can be shown, or why not.
pub(in crate::cli) fn fits() -> Result<(), String> {
    if !io::stderr().is_terminal() {
        return Err("standard error is no terminal".into());
    }
    if std::env::var_os("TERM").is_none_or(|term| term == "dumb") {
        return Err("TERM says that the terminal cannot move its cursor".into());
    }
    if tcgetpgrp(io::stderr()).is_ok_and(|front| front != getpgrp()) {
        return Err("this runs in the background".into());
    }
    match terminal::size() {
        Ok((columns, rows)) if columns >= LEAST.0 && rows >= LEAST.1 => Ok(()),
        Ok((columns, rows)) => Err(format!("the terminal has {columns} x {rows}, and {} x {} are needed", LEAST.0, LEAST.1)),
        Err(e) => Err(format!("the size of the terminal is not known: {e}")),
    }
}

/// The terminal, taken.
pub(super) struct Screen {
    terminal: Terminal<CrosstermBackend<Stderr>>,
}

impl Screen {
    /// Takes it: another screen, keys unbuffered, lines for people held back.
    pub(super) fn take() -> io::Result<Self> {
        TAKEN.store(true, Ordering::SeqCst);
        output::hold();
        let taken = || {
            terminal::enable_raw_mode()?;
            execute!(io::stderr(), EnterAlternateScreen, Hide)?;
            Terminal::new(CrosstermBackend::new(io::stderr()))
        };
        taken().map(|terminal| Screen { terminal }).inspect_err(|_| restore())
    }

    /// Draws, unless the terminal was given back.
    pub(super) fn draw(&mut self, picture: impl FnOnce(&mut Frame<'_>)) -> io::Result<()> {
        let _drawing = DRAWING.lock();
        if TAKEN.load(Ordering::SeqCst) {
            self.terminal.draw(picture)?;
        }
        Ok(())
    }
}

/// Gives the terminal back, if it was taken, and tells what was held back meanwhile. May be called by any thread at any time,
/// also by one that panics while it draws: a picture is waited for, but not for long.
pub(in crate::cli) fn restore() {
    if !TAKEN.swap(false, Ordering::SeqCst) {
        return;
    }
    for _ in 0..TRIES {
        match DRAWING.try_lock() {
            Ok(_) | Err(std::sync::TryLockError::Poisoned(_)) => break,
            Err(std::sync::TryLockError::WouldBlock) => std::thread::sleep(Duration::from_millis(2)),
        }
    }
    let _ = execute!(io::stderr(), LeaveAlternateScreen, Show);
    let _ = terminal::disable_raw_mode();
    output::release();
}
