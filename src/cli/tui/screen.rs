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

#[cfg(test)]
mod tests {
    use std::io::Read;

    use nix::pty::Winsize;
    use nix::pty::openpty;
    use nix::sys::termios::tcgetattr;

    use super::*;
    use crate::cli::redact;

    const CHILD: &str = "VOLLEY_TEST_DRAWS";

    /// The hook and the terminal are of the process, so a process of its own panics, in another thread and while it draws.
    #[test]
    fn a_panic_gives_the_terminal_back() {
        match std::env::var(CHILD).as_deref() {
            Ok("elsewhere") => {
                redact::keep_quiet();
                let _screen = Screen::take().expect("a terminal");
                let other = std::thread::spawn(|| panic!("a lane fell over"));
                assert!(other.join().is_err());
                return;
            }
            Ok(_) => {
                redact::keep_quiet();
                let mut screen = Screen::take().expect("a terminal");
                let _ = screen.draw(|_| panic!("a picture fell over"));
                return;
            }
            Err(_) => {}
        }
        for (place, why) in [("elsewhere", "a lane fell over"), ("drawing", "a picture fell over")] {
            let size = Winsize { ws_row: 24, ws_col: 80, ws_xpixel: 0, ws_ypixel: 0 };
            let ends = openpty(&size, None).expect("a pseudo-terminal");
            let (mut master, slave) = (std::fs::File::from(ends.master), std::fs::File::from(ends.slave));
            let before = tcgetattr(&slave).expect("settings of a terminal");
            let end = || slave.try_clone().expect("a second handle");
            let mut command = std::process::Command::new(std::env::current_exe().expect("this test"));
            command.args(["--exact", "--nocapture", "cli::tui::screen::tests::a_panic_gives_the_terminal_back"]);
            command.env(CHILD, place).env("TERM", "xterm").env("RUST_BACKTRACE", "0").stdin(end()).stdout(end()).stderr(end());
            let mut child = command.spawn().expect("this test can be started");
            let _ = child.wait().expect("a child can be waited for");
            assert_eq!(tcgetattr(&slave).expect("settings of a terminal").local_flags, before.local_flags, "{place}");
            // With nobody left to write, what is read ends.
            drop((command, slave));
            let mut bytes = Vec::new();
            let _ = master.read_to_end(&mut bytes);
            let said = String::from_utf8_lossy(&bytes).into_owned();
            let (taken, left, told) = (said.find("\x1b[?1049h"), said.find("\x1b[?1049l"), said.find(why));
            assert!(taken.is_some() && taken < left && left < told, "{place}: taken, given back, told, in this order: {said:?}");
            assert!(said.contains("\x1b[?25h"), "{place}: the cursor is seen");
        }
    }
}
