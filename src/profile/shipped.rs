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

const TABLE: &[Shipped] = &[
    Shipped {
        name: "echo",
        text: include_str!("../../profiles/echo.toml"),
        talks: &[ShippedTalk { file: "echo.talk", dialect: None, text: include_str!("../../profiles/echo.talk") }],
    },
    Shipped {
        name: "openshock-live",
        text: include_str!("../../profiles/openshock-live.toml"),
        talks: &[
            ShippedTalk {
                file: "openshock-live.docs.talk",
                dialect: Some("docs"),
                text: include_str!("../../profiles/openshock-live.docs.talk"),
            },
            ShippedTalk {
                file: "openshock-live.server.talk",
                dialect: Some("server"),
                text: include_str!("../../profiles/openshock-live.server.talk"),
            },
        ],
    },
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
