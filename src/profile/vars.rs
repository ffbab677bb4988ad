//! Values of a profile's variables: from `--set`, else the environment, else the default.
//!
//! The environment is handed in; nothing is read here.

use std::collections::BTreeMap;

use super::Payload;
use super::Profile;
use super::diagnose::quoted;
use super::names;
use super::sending::pad_size;
use super::sending::pad_sizes;
use super::template::Part;
use super::template::Template;

/// Most clients of a group.
const GROUP_MOST: u64 = 64;

/// A value for every variable of `profile` in `dialect`. `sets` are pairs of `--set`, the last of a name wins;
/// `env` looks up the environment, where an empty value counts as none.
///
/// # Errors
/// Every problem, each a sentence with what to do: a name the profile does not have, a variable
/// that got no value, a value that cannot stand where the profile puts it. Values of secret
/// variables are never in them.
pub fn resolve(
    profile: &Profile,
    dialect: Option<&str>,
    sets: &[(String, String)],
    env: impl Fn(&str) -> Option<String>,
) -> Result<BTreeMap<String, String>, Vec<String>> {
    let mut problems = unknown_sets(profile, sets);
    let mut values = BTreeMap::new();
    for (name, var) in &profile.vars {
        let set = sets.iter().rev().find(|(set, _)| set == name).map(|(_, value)| value.clone());
        let from_env = || var.env.as_deref().and_then(&env).filter(|value| !value.is_empty());
        match set.or_else(from_env).or_else(|| dialect.and_then(|d| var.by_dialect.get(d)).or(var.default.as_ref()).cloned()) {
            Some(value) => drop(values.insert(name.clone(), value)),
            None => problems.push(missing(name, &var.about, var.env.as_deref())),
        }
    }
    problems.extend(unfit_for_the_handshake(profile, &values));
    problems.extend(unfit_numbers(profile, &values));
    if problems.is_empty() { Ok(values) } else { Err(problems) }
}

/// The values that must never be written anywhere, the longest first so that redaction by
/// replacement leaves no piece of one that contains another.
pub fn secrets(profile: &Profile, values: &BTreeMap<String, String>) -> Vec<String> {
    let secret = |name: &String| profile.vars.get(name).is_some_and(|var| var.secret);
    let mut found: Vec<String> =
        values.iter().filter(|(name, value)| secret(name) && !value.is_empty()).map(|(_, value)| value.clone()).collect();
    found.sort_by(|a, b| b.len().cmp(&a.len()).then_with(|| a.cmp(b)));
    found.dedup();
    found
}

fn unknown_sets(profile: &Profile, sets: &[(String, String)]) -> Vec<String> {
    let known: Vec<&str> = profile.vars.keys().map(String::as_str).collect();
    let unknown = sets.iter().filter(|(name, _)| !profile.vars.contains_key(name));
    let sentence = |name: &str| {
        let hint = names::hint(name, &known, "it has no variables at all");
        format!("profile `{}` has no variable `{name}`; {hint}", profile.name)
    };
    unknown.map(|(name, _)| sentence(name)).collect()
}

fn missing(name: &str, about: &str, env: Option<&str>) -> String {
    match env {
        Some(env) => format!("variable `{name}` ({about}) has no value; set {env} in the environment, or pass --set {name}=VALUE"),
        None => format!("variable `{name}` ({about}) has no value; pass --set {name}=VALUE"),
    }
}

/// A line break in an address or a header would end it, and begin one that nobody wrote.
fn unfit_for_the_handshake(profile: &Profile, values: &BTreeMap<String, String>) -> Vec<String> {
    let endpoint = &profile.endpoint;
    let mut names: Vec<&str> = endpoint.url.vars().chain(endpoint.headers.iter().flat_map(|(_, value)| value.vars())).collect();
    names.sort_unstable();
    names.dedup();
    let broken = |name: &&str| values.get(*name).is_some_and(|value| value.chars().any(char::is_control));
    let sentence = |name: &str| format!("the value of `{name}` has a line break or another control character; it goes into the handshake");
    names.into_iter().filter(broken).map(sentence).collect()
}

/// Sizes of messages and numbers of clients that are none.
fn unfit_numbers(profile: &Profile, values: &BTreeMap<String, String>) -> Vec<String> {
    let pads = profile.loads.iter().filter_map(|load| load.pad_to.as_ref());
    let payloads = profile.loads.iter().map(|load| &load.payload).chain(profile.replies.iter().map(|reply| &reply.payload));
    let sounds = payloads.filter_map(|payload| if let Payload::Audio(size) = payload { Some(size) } else { None });
    let mut problems: Vec<String> = Vec::new();
    for template in pads {
        problems.extend(filled(template, values).and_then(|text| pad_sizes(&text).err()).map(|why| unfit(profile, template, &why)));
    }
    for template in sounds {
        problems.extend(filled(template, values).and_then(|text| pad_size(&text).err()).map(|why| unfit(profile, template, &why)));
    }
    let mut group = 0u64;
    for role in &profile.roles {
        let text = filled(&role.count, values).unwrap_or_default();
        match text.parse::<u64>().ok().filter(|count| *count <= GROUP_MOST) {
            Some(count) => group += count,
            None => problems.push(unfit(
                profile,
                &role.count,
                &format!("`{}` is not a number of clients from 0 to {GROUP_MOST}", quoted(&text)),
            )),
        }
    }
    if problems.is_empty() && !(1..=GROUP_MOST).contains(&group) {
        problems.push(format!("a group of profile `{}` has {group} clients; there may be 1 to {GROUP_MOST}", profile.name));
    }
    problems.dedup();
    problems
}

/// What is wrong with a number, and the variable that gives it; the value of a secret one is not said.
fn unfit(profile: &Profile, template: &Template, why: &str) -> String {
    let secret = |name: &str| profile.vars.get(name).is_some_and(|var| var.secret);
    match template.vars().next() {
        Some(name) if secret(name) => format!("the value of `{name}` is not such a number"),
        Some(name) => format!("{why}; pass for example --set {name}=64"),
        None => why.to_owned(),
    }
}

/// A template as text, when all its variables have values.
fn filled(template: &Template, values: &BTreeMap<String, String>) -> Option<String> {
    let text = |part: &Part| match part {
        Part::Text(text) => Some(text.clone()),
        Part::Var(name) => values.get(name).cloned(),
        Part::Slot(_) => None,
    };
    template.parts.iter().map(text).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::profile::load;

    const PROFILE: &str = r#"
name = "demo"
about = "x"
[endpoint]
url = "ws://h/{room}"
[endpoint.headers]
Authorization = "{token}"
[vars.token]
about = "credential"
env = "DEMO_TOKEN"
secret = true
[vars.second]
about = "another"
secret = true
[vars.room]
about = "room"
default = "1"
[vars.size]
about = "bytes"
default = "64"
[load]
name = "x"
text = "{pad}{second}"
pad_to = "{size}"
"#;

    fn resolved(sets: &[(&str, &str)], env: &[(&str, &str)]) -> Result<BTreeMap<String, String>, Vec<String>> {
        let profile = load::from_text("demo.toml", PROFILE).expect("a good profile");
        let sets: Vec<(String, String)> = sets.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect();
        resolve(&profile, None, &sets, |wanted| env.iter().find(|(name, _)| *name == wanted).map(|(_, value)| (*value).into()))
    }

    #[test]
    fn set_goes_before_environment_before_default() {
        let values = resolved(&[("second", "s"), ("room", "2"), ("room", "3")], &[("DEMO_TOKEN", "t")]).expect("all have values");
        let values: Vec<(&str, &str)> = values.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        assert_eq!(values, [("room", "3"), ("second", "s"), ("size", "64"), ("token", "t")]);
        let values = resolved(&[("second", "s"), ("token", "set")], &[("DEMO_TOKEN", "t")]).expect("all have values");
        assert_eq!(values["token"], "set");
    }

    #[test]
    fn all_problems_are_told_at_once() {
        let problems = resolved(&[("rom", "2"), ("zebra", "3"), ("size", "big"), ("room", "a\r\nX: b")], &[("DEMO_TOKEN", "")]);
        let wanted = [
            "profile `demo` has no variable `rom`; did you mean `room`?",
            "profile `demo` has no variable `zebra`; there is `room`, `second`, `size`, `token`",
            "variable `second` (another) has no value; pass --set second=VALUE",
            "variable `token` (credential) has no value; set DEMO_TOKEN in the environment, or pass --set token=VALUE",
            "the value of `room` has a line break or another control character; it goes into the handshake",
            "`big` is not a number of bytes; pass for example --set size=64",
        ];
        assert_eq!(problems.expect_err("six problems"), wanted);
    }

    #[test]
    fn secrets_are_listed_the_longest_first() {
        let profile = load::from_text("demo.toml", PROFILE).expect("a good profile");
        let values = resolved(&[("second", "secret"), ("token", "secret-and-more")], &[]).expect("all have values");
        assert_eq!(secrets(&profile, &values), ["secret-and-more", "secret"]);
    }
}
