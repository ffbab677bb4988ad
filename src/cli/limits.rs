//! The limits of a run: those of its profile, those of a file, and those typed; all hold.

use std::path::Path;

use super::Trouble;
use super::args::RunArgs;
use crate::dialogue::Series;
use crate::profile::Profile;
use crate::report::limit;

/// A file of limits is at most this long, in bytes.
const FILE_MOST: usize = 64 * 1024;
/// Limits at most.
const MOST: usize = 256;

/// A limit, and where it was written.
struct Said {
    place: String,
    text: String,
}

/// All limits of a run in the order profile, file, command line.
///
/// # Errors
/// With every limit that cannot be understood, or a file that cannot be read.
pub(super) fn gather(args: &RunArgs, profile: &Profile) -> Result<Vec<String>, Trouble> {
    let mut said = of_profile(profile);
    if let Some(path) = &args.limits {
        said.extend(of_file(path)?);
    }
    said.extend(args.limit.iter().map(|text| Said { place: String::new(), text: text.clone() }));
    check(&said, profile, args.hops)?;
    Ok(said.into_iter().map(|limit| limit.text).collect())
}

/// Refuses limits of a profile that cannot be understood.
///
/// # Errors
/// With all of them.
pub(super) fn check_profile(profile: &Profile) -> Result<(), Trouble> {
    check(&of_profile(profile), profile, false)
}

fn of_profile(profile: &Profile) -> Vec<Said> {
    profile.limits.iter().map(|text| Said { place: "limits of the profile: ".into(), text: text.clone() }).collect()
}

/// One limit a line; empty lines and what follows `#` say nothing.
fn of_file(path: &Path) -> Result<Vec<Said>, Trouble> {
    let refuse = |why: String| Trouble::usage(format!("--limits {}: {why}", path.display()));
    let bytes = std::fs::read(path).map_err(|e| refuse(format!("cannot be read: {e}")))?;
    if bytes.len() > FILE_MOST {
        return Err(refuse(format!("has {} bytes; the most is {FILE_MOST}", bytes.len())));
    }
    let text = String::from_utf8(bytes).map_err(|_| refuse("is not UTF-8 text".into()))?;
    let lines = text.lines().enumerate().map(|(at, line)| (at + 1, line.split('#').next().unwrap_or_default().trim()));
    let said = lines.filter(|(_, line)| !line.is_empty());
    let said: Vec<Said> = said.map(|(at, line)| Said { place: format!("{}:{at}: ", path.display()), text: line.to_owned() }).collect();
    if said.is_empty() { Err(refuse("has no limit in it; write one a line, as `echo p(99) < 10ms`".into())) } else { Ok(said) }
}

fn check(said: &[Said], profile: &Profile, hops: bool) -> Result<(), Trouble> {
    if said.len() > MOST {
        return Err(Trouble::usage(format!("there are {} limits; the most is {MOST}", said.len())));
    }
    let series = Series::all(profile, hops);
    let names: Vec<&str> = series.iter().map(|s| s.name.as_str()).collect();
    let mistake = |limit: &Said| limit::parse(&limit.text, &names).err().map(|why| format!("{}{why}", limit.place));
    let mistakes: Vec<String> = said.iter().filter_map(mistake).collect();
    if mistakes.is_empty() { Ok(()) } else { Err(Trouble::usage(mistakes.join("\nerror: "))) }
}
