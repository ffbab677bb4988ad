//! `volley profiles`: list, show, check, new, schema.

use std::io::Write;
use std::path::Path;

use super::Trouble;
use super::args::ProfilesCommand;
use super::resolve;
use super::say;
use crate::dialogue::play;
use crate::profile::Profile;
use crate::profile::load;
use crate::profile::schema;
use crate::profile::shipped;
use crate::profile::talk;

/// What a new profile begins with.
const SKELETON: &str = include_str!("skeleton.toml");

/// Does what was asked; 2 when a profile does not hold.
pub(super) fn profiles(command: &ProfilesCommand) -> Result<u8, Trouble> {
    match command {
        ProfilesCommand::List => list(),
        ProfilesCommand::Show { name } => {
            shipped::get(name).map_err(Trouble::usage)?;
            say!("{}", shipped::text(name).unwrap_or_default().trim_end());
        }
        ProfilesCommand::New { name, out } => return new(name, out.as_deref()),
        ProfilesCommand::Schema => say!("{}", schema::JSON.trim_end()),
        ProfilesCommand::Check { profile: Some(name) } => return check(name),
        ProfilesCommand::Check { profile: None } => {
            for name in shipped::names() {
                check(name)?;
            }
        }
    }
    Ok(0)
}

/// Writes a commented profile of this name that runs as it stands.
fn new(name: &str, out: Option<&Path>) -> Result<u8, Trouble> {
    let text = SKELETON.replace("NAME", name);
    load::from_text(name, &text).map_err(|mistakes| Trouble::usage(format!("`{name}` cannot name a profile\n{mistakes}")))?;
    let file = out.map_or_else(|| Path::new(&format!("{name}.toml")).to_owned(), Path::to_owned);
    let wrong = |e: std::io::Error| Trouble::usage(format!("{} cannot be written: {e}. Choose another file with --out", file.display()));
    let mut created = std::fs::File::create_new(&file).map_err(wrong)?;
    created.write_all(text.as_bytes()).map_err(wrong)?;
    say!(
        "{} is written. Try it: `volley serve echo --listen 127.0.0.1:9001`, and in another window `volley run {}`",
        file.display(),
        shown(&file)
    );
    Ok(0)
}

/// A path as `volley run` takes it for one.
fn shown(file: &Path) -> String {
    let text = file.display().to_string();
    if text.contains('/') { text } else { format!("./{text}") }
}

fn list() {
    for name in shipped::names() {
        if let Ok(profile) = shipped::get(name) {
            let dialects = if profile.dialects.is_empty() { String::new() } else { format!(" [{}]", profile.dialects.join(", ")) };
            say!("{name:18} {}{dialects}", profile.about);
        }
    }
}

/// Loads the profile, then plays the transcripts beside it.
fn check(name: &str) -> Result<u8, Trouble> {
    let profile = resolve::profile(name, anstream::stderr().current_choice() != anstream::ColorChoice::Never)?;
    let talks = transcripts(name)?;
    for (file, dialect, text) in &talks {
        check_talk(&profile, file, dialect.as_deref(), text)?;
    }
    let noun = if talks.len() == 1 { "transcript" } else { "transcripts" };
    say!("ok  {name}: the profile holds, {} {noun} played", talks.len());
    Ok(0)
}

fn check_talk(profile: &Profile, file: &str, dialect: Option<&str>, text: &str) -> Result<(), Trouble> {
    let wrong = |lines: Vec<String>| Trouble::usage(format!("the transcript does not fit the profile\n{}", lines.join("\n")));
    let at = |line: usize, message: &str| format!("  {file}:{line}: {message}");
    let talk = talk::parse(text).map_err(|mistakes| wrong(mistakes.iter().map(|m| at(m.line, &m.message)).collect()))?;
    let unknown = talk::unknown_series(&talk, profile, dialect);
    if !unknown.is_empty() {
        return Err(wrong(unknown.iter().map(|m| at(m.line, &m.message)).collect()));
    }
    let values = resolve::variables(profile, dialect, &[])?;
    let partings = play::play(&talk, profile, dialect, &values).map_err(Trouble::usage)?;
    if partings.is_empty() { Ok(()) } else { Err(wrong(partings.iter().map(|p| at(p.line, &p.message)).collect())) }
}

/// File, dialect and text of each transcript: the shipped ones, or `NAME.talk` and
/// `NAME.DIALECT.talk` beside a file.
fn transcripts(name: &str) -> Result<Vec<(String, Option<String>, String)>, Trouble> {
    let path = Path::new(name);
    if path.extension().is_none() {
        return Ok(shipped::talks(name).iter().map(|t| (t.file.to_owned(), t.dialect.map(str::to_owned), t.text.to_owned())).collect());
    }
    let (Some(stem), Some(folder)) = (path.file_stem().and_then(|s| s.to_str()), path.parent()) else { return Ok(Vec::new()) };
    let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    let entries = std::fs::read_dir(folder).map_err(|e| Trouble::usage(format!("{} cannot be read: {e}", folder.display())))?;
    let mut found = Vec::new();
    for file in entries.flatten().filter_map(|e| e.file_name().into_string().ok()) {
        let Some(middle) = file.strip_prefix(stem).and_then(|rest| rest.strip_suffix(".talk")) else { continue };
        let text = std::fs::read_to_string(folder.join(&file)).map_err(|e| Trouble::usage(format!("{file} cannot be read: {e}")))?;
        found.push((file.clone(), middle.strip_prefix('.').map(str::to_owned), text));
    }
    found.sort();
    Ok(found)
}
