//! A panic is told like everything else: through the door.

use std::backtrace::Backtrace;
use std::backtrace::BacktraceStatus;
use std::panic::PanicHookInfo;

use crate::cli::tell;

/// From now on a panic in any thread is told without secrets.
pub(in crate::cli) fn keep_quiet() {
    std::panic::set_hook(Box::new(|info| {
        tell!("{}", words(info));
        let trace = Backtrace::capture();
        if trace.status() == BacktraceStatus::Captured {
            tell!("{trace}");
        }
    }));
}

/// The panic in words.
fn words(info: &PanicHookInfo<'_>) -> String {
    let thread = std::thread::current();
    let place = info.location().map_or("an unknown place".to_owned(), ToString::to_string);
    let why = info.payload_as_str().unwrap_or("no reason given");
    format!(
        "thread '{}' panicked at {place}:\n{why}\nThis is a fault of volley itself, not of the server.",
        thread.name().unwrap_or("unnamed")
    )
}
