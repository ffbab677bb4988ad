//! Signals that ask to stop: blocked in every thread, awaited in one.

use nix::sys::signal::SigSet;
use nix::sys::signal::Signal;

use super::Trouble;

/// Blocks SIGINT and SIGTERM in this thread and those it will start; to be called before threads are started that begin earlier
/// than [`on_stop`] is called.
pub(super) fn hold() -> Result<(), Trouble> {
    stops().thread_block().map_err(|e| Trouble::internal(format!("blocking signals: {e}")))
}

fn stops() -> SigSet {
    let mut set = SigSet::empty();
    set.add(Signal::SIGINT);
    set.add(Signal::SIGTERM);
    set
}

/// Blocks SIGINT and SIGTERM in this thread and those it will start, and calls `asked` with the
/// signal's number each time one comes.
pub(super) fn on_stop(mut asked: impl FnMut(i32) + Send + 'static) -> Result<(), Trouble> {
    hold()?;
    let set = stops();
    let waiting = move || {
        while let Ok(signal) = set.wait() {
            asked(signal as i32);
        }
    };
    std::thread::Builder::new().name("signals".into()).spawn(waiting).map_err(|e| Trouble::internal(format!("starting a thread: {e}")))?;
    Ok(())
}
