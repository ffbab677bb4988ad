//! The two ways out of the program: results to standard output, everything else to standard error,
//! where secrets are taken out of every line.

use std::fmt::Arguments;
use std::io::ErrorKind;
use std::io::Write;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::OnceLock;
use std::sync::PoisonError;

use super::Trouble;
use super::redact;

/// Why standard output did not take a result.
static LOST: OnceLock<String> = OnceLock::new();

/// Lines for people that wait while the live view has the terminal.
static HELD: Mutex<Option<Vec<String>>> = Mutex::new(None);
/// Most lines that wait; what is told beyond that is lost.
const HELD_MOST: usize = 200;

fn held() -> MutexGuard<'static, Option<Vec<String>>> {
    HELD.lock().unwrap_or_else(PoisonError::into_inner)
}

/// From now on lines for people wait.
pub(super) fn hold() {
    held().get_or_insert_default();
}

/// Tells all lines that waited.
pub(super) fn release() {
    for line in held().take().unwrap_or_default() {
        let _ = writeln!(anstream::stderr(), "{line}");
    }
}

/// The newest line that waits; empty without one.
pub(super) fn newest_held() -> String {
    held().as_ref().and_then(|lines| lines.last()).map_or(String::new(), |line| line.trim().to_owned())
}

/// Whether the locale is of UTF-8; where it says nothing, yes.
pub(super) fn is_utf8() -> bool {
    let named = ["LC_ALL", "LC_CTYPE", "LANG"].iter().filter_map(std::env::var_os).find(|value| !value.is_empty());
    named.is_none_or(|locale| locale.to_string_lossy().to_ascii_lowercase().contains("utf"))
}

/// A line of results. A reader that went away (`volley .. | head`) is no error of ours; a full disk
/// is, and [`all_said`] tells it.
pub(super) fn say(text: Arguments<'_>) {
    let mut out = anstream::stdout();
    if let Err(e) = writeln!(out, "{text}").and_then(|()| out.flush())
        && e.kind() != ErrorKind::BrokenPipe
    {
        LOST.get_or_init(|| e.to_string());
    }
}

/// A line for people; nobody may be there to read it.
pub(super) fn tell(text: Arguments<'_>) {
    let line = redact::at_the_door(&text.to_string());
    match held().as_mut() {
        Some(lines) if lines.len() < HELD_MOST => lines.push(line.to_string()),
        Some(_) => {}
        None => {
            let _ = writeln!(anstream::stderr(), "{line}");
        }
    }
}

/// Whether standard output took everything.
pub(super) fn all_said() -> Result<(), Trouble> {
    match LOST.get() {
        None => Ok(()),
        Some(why) => Err(Trouble::internal(format!(
            "standard output did not take the results: {why}. Where a record was written, `volley report` prints them again"
        ))),
    }
}
