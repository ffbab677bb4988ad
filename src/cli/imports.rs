//! `volley profiles import`: a profile and a trace that run, from what others wrote down.

mod asyncapi;
mod draft;
mod har;
mod shape;

use std::path::Path;

use super::Trouble;
use super::args::profiles::ImportFrom;
use super::args::profiles::ImportTo;
use super::say;
use super::tell;
use crate::plan::Target;
use draft::Draft;

/// Makes both and says how to run them.
pub(super) fn import(from: &ImportFrom) -> Result<u8, Trouble> {
    match from {
        ImportFrom::Har(args) => har::import(args),
        ImportFrom::Asyncapi(args) => asyncapi::import(args),
    }
}

/// The name that a profile gets.
fn name(to: &ImportTo, file: &Path) -> String {
    to.name.clone().unwrap_or_else(|| draft::profile_name(file))
}

/// What is wrong with a file, and what to do.
fn wrong(file: &Path, what: impl std::fmt::Display, hint: &str) -> Trouble {
    Trouble::usage(format!("{} cannot be imported: {what}. {hint}", file.display()))
}

/// The size of a file, if that is at most `most` bytes.
fn checked(file: &Path, most: u64, hint: &str) -> Result<u64, Trouble> {
    let about = std::fs::metadata(file).map_err(|e| wrong(file, e, "Give the path of a file"))?;
    if !about.is_file() {
        return Err(wrong(file, "it is no file", "Give the path of a file"));
    }
    if about.len() > most {
        let text = crate::units::bytes_text;
        return Err(wrong(file, format!("it has {}; the most is {}", text(about.len()), text(most)), hint));
    }
    Ok(about.len())
}

/// Says what was written and how it is run.
fn done(draft: &Draft, target: &Target, (profile, trace): (&Path, &Path)) -> Result<u8, Trouble> {
    let slashed =
        |path: &Path| if path.display().to_string().contains('/') { path.display().to_string() } else { format!("./{}", path.display()) };
    for var in draft.vars.iter().filter(|var| var.default.is_none()) {
        tell!("note: the profile needs {}: give it in the environment, or with --set {}=@FILE", var.name.to_uppercase(), var.name);
    }
    let is_near = ["localhost", "127.0.0.1", "::1"].contains(&target.host.as_str());
    let allow = if is_near { String::new() } else { format!(" --allow-host {}", target.host) };
    say!("{} and {} are written. Run them:", profile.display(), trace.display());
    let scheme = if target.tls { "wss" } else { "ws" };
    say!("  volley run {} --trace {} --target {scheme}://{}/{allow}", slashed(profile), trace.display(), target.authority());
    Ok(0)
}
