//! A panic is told like everything else: through the door.

use std::backtrace::Backtrace;
use std::backtrace::BacktraceStatus;
use std::panic::PanicHookInfo;

use crate::cli::tell;
use crate::cli::tui;

/// From now on a panic in any thread is told without secrets.
pub(in crate::cli) fn keep_quiet() {
    std::panic::set_hook(Box::new(|info| {
        tui::restore();
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::redact;
    use crate::cli::redact::Redactor;

    const CHILD: &str = "VOLLEY_TEST_PANICS";

    /// The hook is of the process, so a process of its own panics.
    #[test]
    fn a_panic_is_told_without_secrets() {
        if std::env::var_os(CHILD).is_some() {
            keep_quiet();
            redact::install(Redactor::new(["CANARY-31f7"]));
            panic!("no room for CANARY-31f7");
        }
        let mut command = std::process::Command::new(std::env::current_exe().expect("this test"));
        command.args(["--exact", "--nocapture", "cli::redact::panic::tests::a_panic_is_told_without_secrets"]).env(CHILD, "1");
        let output = command.env("RUST_BACKTRACE", "0").output().expect("this test can be started");
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success());
        assert!(said.contains("panicked at src/cli/redact/panic.rs") && said.contains("no room for [redacted]"), "{said}");
        assert!(!said.contains("CANARY"), "{said}");
    }
}
