//! What the values of a profile mean, and whether every name it mentions exists.
//!
//! Takes a tree whose keys and types were judged by [`conform`](super::conform); what was wrong
//! there is passed over here, so that one mistake is reported once. Everything is read to the end
//! whatever was found on the way; the profile is of use only if nothing was found.

use std::collections::BTreeMap;

use super::Profile;
use super::Var;
use super::address;
use super::diagnose::Mistakes;
use super::diagnose::quoted;
use super::exchange;
use super::names;
use super::reconnect;
use super::template::Part;
use super::template::Slot;
use super::template::Template;
use super::tree::Said;
use super::tree::Span;
use super::tree::Table;
use super::tree::Value;
use crate::units::Nanos;

/// How often a client pings when the profile does not say.
const PING_EVERY: Nanos = Nanos::from_secs(10);
/// The shortest time between two pings of a client.
const PING_EVERY_LEAST: Nanos = Nanos::from_millis(100);

/// Reads the whole profile and notes every mistake in its meaning.
pub(super) fn profile(root: &Table, text: &str, mistakes: &mut Mistakes) -> Profile {
    let mut check = Check { root, source: text, mistakes };
    let (name, about) = (check.name(), check.about(root));
    let dialects = check.dialects();
    let vars = check.vars(&dialects);
    let mut endpoint = address::endpoint(&mut check);
    let ping_every = check.ping();
    let (reconnect, closes) = (reconnect::reconnect(&mut check), reconnect::closes(&mut check));
    let exchange = exchange::exchange(&mut check);
    endpoint.opens = exchange.opens;
    Profile {
        name,
        about,
        dialects,
        harm: root.text("harm").map(|harm| harm.text.to_owned()),
        endpoint,
        vars,
        ping_every,
        reconnect,
        closes,
        series: exchange.series,
        roles: exchange.roles,
        states: exchange.states,
        tag: exchange.tag,
        messages: exchange.messages,
        captures: exchange.captures,
        replies: exchange.replies,
        beats: exchange.beats,
        https: exchange.https,
        resume: exchange.resume,
        loads: exchange.loads,
        limits: root.texts("limits").map(|limit| limit.text.to_owned()).collect(),
        text: text.to_owned(),
    }
}

/// The profile under judgement.
pub(super) struct Check<'t, 'm> {
    pub(super) root: &'t Table,
    source: &'t str,
    pub(super) mistakes: &'m mut Mistakes,
}

impl<'t> Check<'t, '_> {
    fn name(&mut self) -> String {
        let Some(name) = self.root.text("name") else { return String::new() };
        if !names::is_slug(name.text) {
            let message = format!("`{}` cannot name a profile", quoted(name.text));
            self.mistakes.add(name.span, message, "use lower-case letters, digits and `-`, at most 64");
        }
        name.text.to_owned()
    }

    /// The line of help under `about`, which is one line and says something.
    pub(super) fn about(&mut self, table: &Table) -> String {
        let Some(about) = table.text("about") else { return String::new() };
        if about.text.trim().is_empty() {
            self.mistakes.add(about.span, "`about` says nothing", "write one line for people who have not seen this before");
        } else if about.text.contains('\n') {
            self.mistakes.add(about.span, "`about` has more than one line", "write one line; comments take the rest");
        }
        about.text.to_owned()
    }

    fn dialects(&mut self) -> Vec<String> {
        let said: Vec<Said<'_>> = self.root.texts("dialects").collect();
        self.unique("dialect", &said);
        for dialect in said.iter().filter(|dialect| !names::is_slug(dialect.text)) {
            let message = format!("`{}` cannot name a dialect", quoted(dialect.text));
            self.mistakes.add(dialect.span, message, "use lower-case letters, digits and `-`");
        }
        said.iter().map(|dialect| dialect.text.to_owned()).collect()
    }

    fn vars(&mut self, dialects: &[String]) -> BTreeMap<String, Var> {
        let root = self.root;
        root.named("vars").map(|(name, table)| (name.text.to_owned(), self.var(name, table, dialects))).collect()
    }

    fn var(&mut self, name: Said<'_>, table: &Table, dialects: &[String]) -> Var {
        if Slot::ALL.iter().any(|slot| slot.name() == name.text) {
            let message = format!("`{}` cannot be a variable: volley fills {{{}}} itself", name.text, name.text);
            self.mistakes.add(name.span, message, "give it another name");
        } else {
            self.identifier("variable", name);
        }
        let known: Vec<&str> = dialects.iter().map(String::as_str).collect();
        let mut by_dialect = BTreeMap::new();
        for entry in table.table("dialect").into_iter().flat_map(|values| &values.entries) {
            if let (Some(index), Value::Text(text)) = (self.refer("dialect", entry.said_key(), &known), &entry.node.value) {
                by_dialect.insert(dialects[index].clone(), text.clone());
            }
        }
        let env = table.text("env");
        if let Some(env) = env.filter(|env| !names::is_env_name(env.text)) {
            let message = format!("`{}` cannot be an environment variable", quoted(env.text));
            self.mistakes.add(env.span, message, "use letters, digits and `_`, for example MY_TOKEN");
        }
        Var {
            default: table.text("default").map(|default| default.text.to_owned()),
            by_dialect,
            env: env.map(|env| env.text.to_owned()),
            about: self.about(table),
            secret: table.flag("secret"),
            harmless: table.text("harmless").map(|value| value.text.to_owned()),
        }
    }

    fn ping(&mut self) -> Option<Nanos> {
        let Some(every) = self.root.table("ping").and_then(|ping| ping.text("every")) else { return Some(PING_EVERY) };
        if every.text == "off" {
            return None;
        }
        match every.text.parse::<Nanos>() {
            Ok(time) if time >= PING_EVERY_LEAST => Some(time),
            Ok(time) => {
                let message = format!("a ping every {time} is too often; the least is {PING_EVERY_LEAST}");
                self.mistakes.add(every.span, message, r#"write "off" for no pings"#);
                None
            }
            Err(why) => {
                self.mistakes.add(every.span, why, r#"write for example every = "10s", or "off" for no pings"#);
                None
            }
        }
    }

    /// Notes a name that is no identifier. Returns whether it is one.
    pub(super) fn identifier(&mut self, what: &str, name: Said<'_>) -> bool {
        let good = names::is_identifier(name.text);
        if !good {
            let message = format!("`{}` cannot name a {what}", quoted(name.text));
            self.mistakes.add(name.span, message, "use lower-case letters, digits and `_`, a letter first, at most 64");
        }
        good
    }

    /// Notes names that were there before.
    pub(super) fn unique(&mut self, what: &str, said: &[Said<'_>]) {
        for (at, name) in said.iter().enumerate() {
            if said[..at].iter().any(|before| before.text == name.text) {
                let message = format!("{what} `{}` is there twice", quoted(name.text));
                self.mistakes.add(name.span, message, "give one of them another name, or remove it");
            }
        }
    }

    /// The index of the name that `said` refers to. When there is none, a mistake is noted, and the
    /// name that was probably meant is taken, so that nothing else is found amiss because of it.
    pub(super) fn refer(&mut self, what: &str, said: Said<'_>, known: &[&str]) -> Option<usize> {
        let index = |wanted: &str| known.iter().position(|name| *name == wanted);
        index(said.text).or_else(|| {
            let message = format!("there is no {what} `{}`", quoted(said.text));
            self.mistakes.add(said.span, message, names::hint(said.text, known, &format!("the profile has no {what} at all")));
            names::nearest(said.text, known.iter().copied()).and_then(index)
        })
    }

    /// A template whose variables all exist and whose slots are all filled where it stands.
    pub(super) fn template(&mut self, said: Said<'_>, place: &str, slots: &[Slot]) -> Template {
        let template = Template::parse(said.text);
        let root = self.root;
        let captures = root.tables("message").chain(root.tables("http")).filter_map(|(_, table)| table.table("capture"));
        let captures = captures.flat_map(|capture| capture.entries.iter().map(|entry| entry.key.as_str()));
        let vars: Vec<&str> = root.named("vars").map(|(name, _)| name.text).chain(captures).collect();
        let mut seen: Vec<&Part> = Vec::new();
        for part in template.parts.iter() {
            match part {
                _ if seen.contains(&part) => {}
                Part::Var(name) if !vars.contains(&name.as_str()) => {
                    let known: Vec<&str> = vars.iter().copied().chain(slots.iter().map(|slot| slot.name())).collect();
                    let hint = match names::nearest(name, known.iter().copied()) {
                        Some(near) => format!("did you mean {{{near}}}?"),
                        None => format!("declare it: [vars.{name}] with a line about = \"..\""),
                    };
                    self.mistakes.add(self.inside(said, name), format!("there is no variable `{name}`"), hint);
                }
                Part::Slot(slot) if !slots.contains(slot) => {
                    let name = slot.name();
                    let message = format!("{{{name}}} is not filled in {place}");
                    self.mistakes.add(self.inside(said, name), message, filled_where(*slot));
                }
                _ => {}
            }
            seen.push(part);
        }
        template
    }

    /// Names of variables and captures that stand in any text of the profile.
    pub(super) fn used_names(&self) -> Vec<String> {
        let mut names = Vec::new();
        used(self.root, &mut names);
        names
    }

    /// The place of `{name}` inside `said`; all of it when the text is written with escapes.
    pub(super) fn inside(&self, said: Said<'_>, name: &str) -> Span {
        let slot = format!("{{{name}}}");
        let written = self.source.get(said.span.start..said.span.end).unwrap_or_default();
        match written.find(&slot) {
            Some(at) => Span { start: said.span.start + at, end: said.span.start + at + slot.len() },
            None => said.span,
        }
    }
}

fn used(table: &Table, names: &mut Vec<String>) {
    let mut nodes: Vec<_> = table.entries.iter().map(|entry| &entry.node).collect();
    while let Some(node) = nodes.pop() {
        match &node.value {
            Value::Text(text) => names.extend(Template::parse(text).vars().map(str::to_owned)),
            Value::List(items) => nodes.extend(items),
            Value::Table(inner) => nodes.extend(inner.entries.iter().map(|entry| &entry.node)),
            Value::Whole(_) | Value::Fraction(_) | Value::Flag(_) | Value::Other(_) => {}
        }
    }
}

fn filled_where(slot: Slot) -> &'static str {
    match slot {
        Slot::Id => "it is the key of a send, known only to the text of [load]",
        Slot::Pad => "it fills the text of [load] up to `pad_to`",
        Slot::Client | Slot::Group | Slot::Member | Slot::Peer | Slot::Attempt | Slot::ClientUuid | Slot::RunUuid => {
            "it tells clients apart; a size is the same for all"
        }
        Slot::After | Slot::Before => "it is known only to what [resume] asks",
        Slot::Seq | Slot::Random | Slot::Uuid | Slot::UnixMs | Slot::Audio | Slot::ChessFrom | Slot::ChessTo => {
            "it is known in [load] and [[reply]]"
        }
    }
}
