//! `volley profiles check`: a profile is loaded, its transcripts are played, and it speaks with its reference server.

use std::path::Path;

use serde_json::Value;

use super::Trouble;
use super::child;
use super::child::Server;
use super::limits;
use super::resolve;
use super::say;
use crate::dialogue::play;
use crate::mock;
use crate::profile::Profile;
use crate::profile::shipped;
use crate::profile::talk;

/// Checks a profile, and says what held.
///
/// # Errors
/// With every mistake in the profile, or what did not hold.
pub(super) fn check(name: &str, with_server: bool) -> Result<(), Trouble> {
    let profile = resolve::profile(name, anstream::stderr().current_choice() != anstream::ColorChoice::Never)?;
    limits::check_profile(&profile)?;
    let talks = transcripts(name)?;
    for (file, dialect, text) in &talks {
        check_talk(&profile, file, dialect.as_deref(), text)?;
    }
    let noun = if talks.len() == 1 { "transcript" } else { "transcripts" };
    say!("ok  {name}: the profile holds, {} {noun} played", talks.len());
    let words = mock::Words { profile: name.into(), ..mock::Words::default() };
    if with_server && mock::Config::new(&words).is_ok() {
        let dialects: Vec<Option<&str>> = profile.dialects.iter().map(|d| Some(d.as_str())).collect();
        for dialect in if dialects.is_empty() { vec![None] } else { dialects } {
            speak(&profile, name, dialect)?;
        }
    }
    Ok(())
}

/// Runs two groups for two seconds against the reference server; both sides have to be content.
fn speak(profile: &Profile, name: &str, dialect: Option<&str>) -> Result<(), Trouble> {
    let spoken = dialect.map_or("the reference server".into(), |d| format!("the reference server in dialect `{d}`"));
    let wrong = |what: String| Trouble::usage(format!("{name} and {spoken} do not understand each other: {what}"));
    let clients = (2 * resolve::group(profile, &[])?).to_string();
    let server = Server::start(name, dialect, &[])?;
    let target = format!("ws://{}/", server.address);
    let load = ["--clients", &clients, "--rate", "5/s", "--duration", "2s", "--warmup", "0s", "--timeout", "2s", "--lanes", "1"];
    let dialect: Vec<&str> = dialect.iter().flat_map(|d| ["--dialect", d]).collect();
    let summary = child::run(&[&[name, "--target", &target], load.as_slice(), &dialect].concat());
    let account = server.stop().unwrap_or_default();
    let summary = summary.map_err(wrong)?;
    let found = complaints(&summary, &account);
    if !found.is_empty() {
        return Err(wrong(found.join("; ")));
    }
    let n = |name: &str| summary["counts"][name].as_u64().unwrap_or(0);
    say!("    {spoken}: {} sent, {} answered, nothing amiss on either side", n("sent"), n("answered") + n("late"));
    Ok(())
}

/// What is amiss in the counts of a run and in its server's account, in words.
fn complaints(summary: &Value, account: &Value) -> Vec<String> {
    let counts = &summary["counts"];
    let n = |value: &Value| value.as_u64().unwrap_or(0);
    let mut found = Vec::new();
    let violations = account["violations"].as_object().into_iter().flatten();
    found.extend(violations.map(|(rule, times)| format!("the server saw `{rule}` {times} times")));
    found.extend(counts["faults"].as_object().into_iter().flatten().map(|(kind, times)| format!("{times} x {kind}")));
    let unknown = n(&counts["messages_in"]["unknown"]);
    for (what, times) in [("unsolicited answers", n(&counts["unsolicited"])), ("messages that the profile does not know", unknown)] {
        found.extend((times > 0).then(|| format!("{times} {what}")));
    }
    found.extend((n(&counts["unanswered"]) > 0).then(|| format!("{} of {} unanswered", counts["unanswered"], counts["sent"])));
    found.extend((n(&counts["sent"]) == 0).then(|| "nothing was sent".to_owned()));
    found
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
