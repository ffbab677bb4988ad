//! What is secret in a run, and by which way it goes to the server: secret variables, headers that
//! were typed, the query of the target, a subprotocol that is a token.
//!
//! Hiding ordinary words would hide the report, so what only may be a secret counts from
//! [`TOKEN`] bytes on; what is declared one must have at least [`SHORTEST`].

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::Trouble;
use super::data::Data;
use super::redact::Redactor;
use super::redact::SHORTEST;
use super::redact::looks_secret;
use crate::plan::Plan;
use crate::plan::Target;
use crate::profile::Fill;
use crate::profile::Profile;
use crate::profile::Template;
use crate::profile::shipped;
use crate::profile::template::Part;

/// Bytes from which on a piece of something that was typed counts as a secret.
const TOKEN: usize = 8;
/// Headers whose values are no secrets. Those of all others are.
const OPEN_HEADERS: [&str; 9] =
    ["accept", "accept-charset", "accept-encoding", "accept-language", "cache-control", "host", "origin", "pragma", "user-agent"];

/// What was typed that may be secret.
pub(super) struct Typed<'a> {
    /// Rows of `--data`.
    pub(super) data: &'a Data,
    /// Pairs of `--set`, files read.
    pub(super) sets: &'a [(String, String)],
    /// Headers of `-H`.
    pub(super) headers: &'a [(String, String)],
    /// `--target`.
    pub(super) target: Option<&'a Target>,
    /// `--subprotocol`.
    pub(super) subprotocol: Option<&'a str>,
    /// What `--proxy` asks for leave with.
    pub(super) proxy: Option<&'a str>,
}

/// The secrets of a run.
#[derive(Debug, Default)]
pub(super) struct Secrets {
    values: Vec<String>,
    /// What everybody knows: the defaults of a shipped profile.
    public: Vec<String>,
    /// What carries a secret to the server, in words without its value.
    pub(super) carriers: Vec<String>,
}

impl Secrets {
    /// The secrets of `plan`, which was made from what was `typed`.
    ///
    /// # Errors
    /// When a declared secret is too short to be kept out of texts.
    pub(super) fn of(plan: &Plan, typed: &Typed<'_>) -> Result<Secrets, Trouble> {
        // Each as it is written, and as client 0 says it.
        let said = |text: &String| Template::parse(text).bind(|_| None).map(|bound| bound.text(&Fill { peer: 1, ..Fill::default() }));
        let defaults = plan.profile.vars.values().filter_map(|var| var.default.clone());
        let defaults = defaults.flat_map(|text| said(&text).into_iter().chain([text]));
        let public = if is_shipped(&plan.profile) { defaults.collect() } else { Vec::new() };
        let mut secrets = Secrets { public, ..Secrets::default() };
        secrets.variables(plan, typed.sets, typed.data)?;
        typed.headers.iter().try_for_each(|(name, value)| secrets.header(name, value))?;
        typed.proxy.iter().try_for_each(|value| secrets.header("Proxy-Authorization", value))?;
        if let Some(target) = typed.target {
            secrets.query(target, TOKEN);
        }
        secrets.query(&plan.target, usize::MAX);
        typed.subprotocol.iter().for_each(|asked| secrets.subprotocol(asked));
        if !is_shipped(&plan.profile) {
            secrets.written_in(&plan.profile);
        }
        Ok(secrets)
    }

    /// Finds all of them in texts.
    pub(super) fn redactor(&self) -> Redactor {
        Redactor::new(self.values.iter().map(String::as_str))
    }

    fn add(&mut self, value: &str) {
        if !self.is_public(value) {
            self.values.push(value.to_owned());
        }
    }

    fn is_public(&self, value: &str) -> bool {
        value.is_empty() || self.public.iter().any(|known| known == value)
    }

    /// Secret variables: their values, and those that a later `--set` took the place of.
    fn variables(&mut self, plan: &Plan, sets: &[(String, String)], data: &Data) -> Result<(), Trouble> {
        let profile = &plan.profile;
        let used = used(profile);
        for (name, var) in profile.vars.iter().filter(|(name, _)| is_secret(profile, name)) {
            let given = sets.iter().filter(|(set, _)| set == name).map(|(_, value)| value.as_str());
            let given = given.chain(plan.vars.get(name).map(String::as_str)).chain(data.values(name));
            for value in given {
                if var.secret && value.len() < SHORTEST && !self.is_public(value) {
                    return Err(too_short(&format!("variable `{name}`")));
                }
                self.add(value);
                // With slots in it each client has a value of its own; what they have in common is hidden.
                let pieces = Template::parse(value).parts;
                let texts = pieces.iter().filter_map(|part| if let Part::Text(text) = part { Some(text) } else { None });
                let is_own = !self.is_public(value) && pieces.len() > 1;
                texts.filter(|text| is_own && text.len() >= SHORTEST).for_each(|text| self.add(text));
            }
            let is_carried = used.contains(&name.as_str()) && plan.vars.get(name).is_some_and(|value| !self.is_public(value));
            if is_carried {
                self.carriers.push(format!("variable `{name}`"));
            }
        }
        Ok(())
    }

    fn header(&mut self, name: &str, value: &str) -> Result<(), Trouble> {
        if value.is_empty() || OPEN_HEADERS.contains(&name.to_ascii_lowercase().as_str()) {
            return Ok(());
        }
        if value.len() < SHORTEST && looks_secret(name) {
            return Err(too_short(&format!("header `{name}`")));
        }
        self.add(value);
        self.pieces(value);
        self.carriers.push(format!("header `{name}`"));
        Ok(())
    }

    /// The words of a header, and what they hold: the token behind `Bearer`, the name and password
    /// of `Basic`, the values of cookies.
    fn pieces(&mut self, value: &str) {
        for piece in value.split(|c: char| c.is_whitespace() || ";,".contains(c)) {
            let inner = piece.split_once('=').map_or("", |(_, inner)| inner);
            [piece, inner].into_iter().filter(|text| text.len() >= TOKEN).for_each(|text| self.add(text));
        }
        let Some((scheme, token)) = value.split_once(' ').filter(|(_, token)| !token.contains(' ')) else { return };
        self.add(token);
        if !scheme.eq_ignore_ascii_case("basic") {
            return;
        }
        let decoded = STANDARD.decode(token).ok().and_then(|bytes| String::from_utf8(bytes).ok());
        if let Some((_, password)) = decoded.as_deref().and_then(|pair| pair.split_once(':')) {
            self.add(password);
            self.values.extend(decoded.clone());
        }
    }

    /// Values of the query: of names that say so, and of others from `least` bytes on.
    fn query(&mut self, target: &Target, least: usize) {
        let Some((_, query)) = target.path_and_query.split_once('?') else { return };
        for (name, value) in query.split('&').filter_map(|pair| pair.split_once('=')) {
            let is_secret = looks_secret(name) || name == "key" || value.len() >= least;
            if !is_secret || value.len() < SHORTEST {
                continue;
            }
            self.add(value);
            self.values.extend(undone(value));
            // A value that the profile put there is told of by its variable.
            if least < usize::MAX && (looks_secret(name) || name == "key" || is_token(value)) {
                self.carriers.push(format!("`{name}` in the query of --target"));
            }
        }
    }

    fn subprotocol(&mut self, asked: &str) {
        let tokens: Vec<&str> = asked.split(',').map(str::trim).filter(|name| is_token(name)).collect();
        for name in &tokens {
            self.add(name);
            // `base64url.bearer.authorization.k8s.io.TOKEN` and the like.
            name.split('.').filter(|piece| is_token(piece)).for_each(|piece| self.add(piece));
        }
        if !tokens.is_empty() {
            self.carriers.push("--subprotocol".into());
        }
    }

    /// Credentials that stand in the profile itself, against all advice.
    fn written_in(&mut self, profile: &Profile) {
        for (name, value) in profile.endpoint.headers.iter().filter(|(name, _)| looks_secret(name)) {
            let mut is_there = false;
            for part in &value.parts {
                if let Part::Text(text) = part {
                    let words = text.split_whitespace().filter(|word| word.len() >= TOKEN);
                    words.for_each(|word| {
                        is_there = true;
                        self.add(word);
                    });
                }
            }
            if is_there {
                self.carriers.push(format!("header `{name}`"));
            }
        }
    }
}

/// Whether the value of a variable is secret: declared so, or by its name.
pub(super) fn is_secret(profile: &Profile, name: &str) -> bool {
    profile.vars.get(name).is_some_and(|var| var.secret) || looks_secret(name)
}

/// Whether the profile is one of ours as it is, so that its defaults are known to everybody.
fn is_shipped(profile: &Profile) -> bool {
    shipped::text(&profile.name) == Some(profile.text.as_str())
}

/// Names of the variables that go to the server.
fn used(profile: &Profile) -> Vec<&str> {
    let headers = profile.endpoint.headers.iter().map(|(_, value)| value);
    let all = [&profile.endpoint.url].into_iter().chain(headers).chain(profile.templates());
    all.flat_map(Template::vars).collect()
}

/// Whether a text is more of a token than of a word.
fn is_token(text: &str) -> bool {
    let has = |is: fn(&u8) -> bool| text.as_bytes().iter().any(is);
    text.len() >= TOKEN && (has(u8::is_ascii_digit) || has(u8::is_ascii_uppercase)) && has(u8::is_ascii_alphabetic)
}

/// A value of a query with its escapes undone, when it has any.
fn undone(value: &str) -> Option<String> {
    if !value.contains(['%', '+']) {
        return None;
    }
    let mut bytes = Vec::new();
    let mut rest = value.as_bytes();
    while let Some((&first, behind)) = rest.split_first() {
        let digits = behind.get(..2).and_then(|two| std::str::from_utf8(two).ok()).filter(|_| first == b'%');
        let byte = digits.and_then(|two| u8::from_str_radix(two, 16).ok());
        bytes.push(byte.unwrap_or(if first == b'+' { b' ' } else { first }));
        rest = if byte.is_some() { &behind[2..] } else { behind };
    }
    String::from_utf8(bytes).ok()
}

fn too_short(what: &str) -> Trouble {
    Trouble::usage(format!(
        "the secret in {what} has fewer than {SHORTEST} characters: it could not be kept out of the record without hiding every text. Use a longer one"
    ))
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::cli::args::Cli;
    use crate::cli::args::Command;
    use crate::cli::resolve;

    /// What a run with these arguments keeps secret, and what carries it.
    fn secrets(profile: &str, more: &[&str]) -> Result<(Vec<String>, Vec<String>), String> {
        let typed = ["volley", "run", profile].into_iter().chain(more.iter().copied());
        let Ok(Cli { command: Command::Run(args) }) = Cli::try_parse_from(typed) else { panic!("{more:?}") };
        let profile = resolve::profile(profile, false).map_err(|trouble| trouble.text)?;
        let values = resolve::variables(&profile, None, &args.set).map_err(|trouble| trouble.text)?;
        let target = args.target.as_deref().map(|url| Target::parse(url).expect("an address"));
        let own = Target::parse("ws://127.0.0.1:1/").expect("an address");
        let plan = resolve::plan(&args, profile, values, target.as_ref().unwrap_or(&own), 1).map_err(|trouble| trouble.text)?;
        let typed = Typed {
            data: &Data::default(),
            sets: &args.set,
            headers: &args.headers,
            target: target.as_ref(),
            subprotocol: args.subprotocol.as_deref(),
            proxy: None,
        };
        let mut secrets = Secrets::of(&plan, &typed).map_err(|trouble| trouble.text)?;
        secrets.values.sort();
        secrets.values.dedup();
        Ok((secrets.values, secrets.carriers))
    }

    #[test]
    fn what_is_secret_and_what_carries_it() {
        let basic = format!("Authorization: Basic {}", STANDARD.encode("user:hunter2"));
        for (profile, more, values, carriers) in [
            ("echo", &[][..], &[][..], &[][..]),
            ("openshock-live", &[], &[], &[]),
            ("openshock-live", &["--set", "token=volley-placeholder-token"], &[], &[]),
            ("openshock-live", &["--set", "token=hunter2"], &["hunter2"], &["variable `token`"]),
            ("openshock-live", &["--set", "token=hunter2", "--set", "token=abcd"], &["abcd", "hunter2"], &["variable `token`"]),
            ("echo", &["-H", "Authorization: Bearer abcd"], &["Bearer abcd", "abcd"], &["header `Authorization`"]),
            (
                "echo",
                &["-H", &basic],
                &["Basic dXNlcjpodW50ZXIy", "dXNlcjpodW50ZXIy", "hunter2", "user:hunter2"],
                &["header `Authorization`"],
            ),
            (
                "echo",
                &["-H", "Cookie: a=b; sid=0123456789"],
                &["0123456789", "a=b; sid=0123456789", "sid=0123456789"],
                &["header `Cookie`"],
            ),
            ("echo", &["-H", "Host: example.com", "-H", "user-agent: something"], &[], &[]),
            ("echo", &["-H", "X-Mode: on"], &["on"], &["header `X-Mode`"]),
            (
                "echo",
                &["--target", "ws://h/?token=abcd&key=efgh&room=lobby"],
                &["abcd", "efgh"],
                &["`token` in the query of --target", "`key` in the query of --target"],
            ),
            ("echo", &["--target", "ws://h/?q=a%2Fb+c-0123"], &["a%2Fb+c-0123", "a/b c-0123"], &["`q` in the query of --target"]),
            ("echo", &["--target", "ws://h/?language=esperanto"], &["esperanto"], &[]),
            ("echo", &["--subprotocol", "graphql-ws"], &[], &[]),
            ("echo", &["--subprotocol", "chat, bearer.a1b2c3d4e5"], &["a1b2c3d4e5", "bearer.a1b2c3d4e5"], &["--subprotocol"]),
        ] {
            let (found, carried) = secrets(profile, more).expect("good secrets");
            let expected: Vec<&str> = values.to_vec();
            assert_eq!(found, expected, "{more:?}");
            assert_eq!(carried, carriers, "{more:?}");
        }
        for more in [&["--set", "token=abc"], &["-H", "X-Api-Key: abc"]] {
            let why = secrets("openshock-live", more).expect_err("too short");
            assert!(why.contains("fewer than 4 characters") && !why.contains("abc"), "{why}");
        }
    }
}
