//! Transcripts: a text is a transcript or a list of lines that are wrong, and what is one can be played
//! against every shipped profile.

#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use volley::dialogue::play;
use volley::profile::Profile;
use volley::profile::shipped;
use volley::profile::talk;
use volley::profile::vars;

static PROFILES: LazyLock<Vec<Profile>> =
    LazyLock::new(|| shipped::names().into_iter().map(|name| shipped::get(name).expect("shipped profiles load")).collect());

fuzz_target!(|text: &str| {
    let lines = text.lines().count();
    let talk = match talk::parse(text) {
        Ok(talk) => talk,
        Err(mistakes) => return assert!(!mistakes.is_empty() && mistakes.iter().all(|m| (1..=lines).contains(&m.line))),
    };
    assert!(talk.lines.iter().all(|line| (1..=lines).contains(&line.number)));
    // A role that a profile does not have is told before anything is played.
    let has_role = |profile: &&Profile| talk.role.as_ref().is_none_or(|role| profile.roles.iter().any(|rule| rule.name == *role));
    for profile in PROFILES.iter().filter(has_role) {
        let values = vars::resolve(profile, None, &[], |name| Some(format!("value-of-{name}"))).expect("every variable has a value");
        for dialect in profile.dialects.iter().map(Some).chain([None]) {
            let dialect = dialect.map(String::as_str);
            talk::unknown_series(&talk, profile, dialect);
            let partings = play::play(&talk, profile, dialect, &values).expect("shipped profiles compile");
            assert!(partings.iter().all(|p| (1..=lines).contains(&p.line)));
        }
    }
});
