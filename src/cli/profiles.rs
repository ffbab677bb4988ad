//! `volley profiles`: list, show, check, new, schema, import.

use std::io::Write;
use std::path::Path;

use super::Trouble;
use super::args::ProfilesCommand;
use super::check;
use super::imports;
use super::say;
use crate::profile::load;
use crate::profile::schema;
use crate::profile::shipped;

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
        ProfilesCommand::Import(from) => return imports::import(from),
        ProfilesCommand::Schema => say!("{}", schema::JSON.trim_end()),
        ProfilesCommand::Check { profile, no_server } => match profile {
            Some(name) => check::check(name, !no_server)?,
            None => shipped::names().into_iter().try_for_each(|name| check::check(name, !no_server))?,
        },
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
