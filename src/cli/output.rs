//! The two ways out of the program: results to standard output, everything else to standard error,
//! where secrets are taken out of every line.

use std::fmt::Arguments;
use std::io::ErrorKind;
use std::io::Write;
use std::sync::OnceLock;

use super::Trouble;
use super::redact;

/// Why standard output did not take a result.
static LOST: OnceLock<String> = OnceLock::new();

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
    let _ = writeln!(anstream::stderr(), "{}", redact::at_the_door(&text.to_string()));
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
