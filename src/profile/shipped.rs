//! The profiles in the binary, with the transcripts that prove them.
//!
//! A new one is a row in the table.

use super::Profile;
use super::load;
use super::names;

/// A transcript beside a profile.
#[derive(Clone, Copy, Debug)]
pub struct ShippedTalk {
    /// Its file in `profiles/`.
    pub file: &'static str,
    /// Dialect it is in; `None` for the default.
    pub dialect: Option<&'static str>,
    /// What is in it; [`talk::parse`](super::talk::parse) reads it.
    pub text: &'static str,
}

struct Shipped {
    name: &'static str,
    text: &'static str,
    talks: &'static [ShippedTalk],
}

/// A row of the table: a profile with one transcript, or with one in each dialect.
macro_rules! row {
    ($name:literal) => {
        Shipped { name: $name, text: include_str!(concat!("../../profiles/", $name, ".toml")), talks: &[talk!($name, ".talk", None)] }
    };
    ($name:literal in docs and server) => {
        Shipped {
            name: $name,
            text: include_str!(concat!("../../profiles/", $name, ".toml")),
            talks: &[talk!($name, ".docs.talk", Some("docs")), talk!($name, ".server.talk", Some("server"))],
        }
    };
}

macro_rules! talk {
    ($name:literal, $end:literal, $dialect:expr) => {
        ShippedTalk { file: concat!($name, $end), dialect: $dialect, text: include_str!(concat!("../../profiles/", $name, $end)) }
    };
}

const TABLE: &[Shipped] = &[
    row!("ask"),
    row!("channel-notify"),
    row!("echo"),
    row!("livestyler-signal"),
    row!("media-chess" in docs and server),
    row!("media-diagnostics" in docs and server),
    row!("media-dm" in docs and server),
    row!("media-dubbing" in docs and server),
    row!("media-pairing" in docs and server),
    row!("media-subtitles" in docs and server),
    row!("media-trivia" in docs and server),
    row!("media-voice" in docs and server),
    row!("openshock-live" in docs and server),
    row!("terra"),
];

/// Names of all shipped profiles, in alphabetical order.
pub fn names() -> Vec<&'static str> {
    TABLE.iter().map(|row| row.name).collect()
}

/// The TOML of a shipped profile.
pub fn text(name: &str) -> Option<&'static str> {
    row(name).map(|row| row.text)
}

/// The transcripts of a shipped profile; none when there is no such profile.
pub fn talks(name: &str) -> &'static [ShippedTalk] {
    row(name).map_or(&[], |row| row.talks)
}

/// A shipped profile.
///
/// # Errors
/// When there is none of that name: a sentence with those there are.
pub fn get(name: &str) -> Result<Profile, String> {
    let Some(row) = row(name) else { return Err(unknown(name)) };
    // A sentence of mistakes is for those who change a shipped profile; tests load every one.
    load::from_text(&format!("profiles/{}.toml", row.name), row.text).map_err(|mistakes| mistakes.to_string())
}

fn row(name: &str) -> Option<&'static Shipped> {
    TABLE.iter().find(|row| row.name == name)
}

fn unknown(name: &str) -> String {
    let guess = names::nearest(name, names()).map(|near| format!("did you mean `{near}`? ")).unwrap_or_default();
    let known = names::list(names());
    format!("there is no profile `{name}`; {guess}shipped are {known}; a file of your own is given by its path, ending in .toml")
}
