//! From a profile to a [`Script`]: names become indices, what another dialect or nobody says is left out.

use super::cast::Cast;
use super::script::BUILT_IN_KINDS;
use super::script::Beat;
use super::script::Bounds;
use super::script::Door;
use super::script::Every;
use super::script::Http;
use super::script::Load;
use super::script::Making;
use super::script::Meaning;
use super::script::Reply;
use super::script::Resume;
use super::script::Role;
use super::script::Script;
use super::script::Values;
use super::series::BUILT_IN_SERIES;
use super::series::Series;
use crate::profile;
use crate::profile::Bound;
use crate::profile::Class;
use crate::profile::Fill;
use crate::profile::HttpAt;
use crate::profile::LoadRule;
use crate::profile::MessageRule;
use crate::profile::Payload;
use crate::profile::Profile;
use crate::profile::ReplyRule;
use crate::profile::Slot;
use crate::profile::Template;
use crate::profile::Value;
use crate::profile::pad_sizes;
use crate::profile::sound;

/// Kind of sent messages of a trace that are none of the profile's.
const UNMATCHED: &str = "unmatched";
/// Largest message that is filled up or generated, in bytes.
const LARGEST: usize = 16 << 20;

/// Compiles `profile` for `dialect`.
///
/// # Errors
/// A variable without a value, a size or a count that is not a number.
pub(super) fn script(profile: &Profile, dialect: Option<&str>, values: &Values, bounds: Bounds) -> Result<Script, String> {
    let compiler = Compiler::new(profile, dialect, values, bounds);
    let cast = compiler.cast()?;
    let mut roles = Vec::new();
    for role in 0..profile.roles.len() {
        roles.push(compiler.role(role)?);
    }
    let replies = profile.replies.iter().map(|rule| compiler.reply(rule)).collect::<Result<Vec<_>, _>>()?;
    let https = compiler.https()?;
    let singles = compiler.singles();
    let mut script = Script {
        bounds,
        series: Series::always(profile, values.hops),
        own_series: profile.series.len(),
        hops: values.hops,
        load_series: roles.iter().find_map(|role| role.load.as_ref()?.series),
        score: None,
        opens: compiler.present(&profile.endpoint.opens),
        single_count: singles.iter().flatten().count(),
        cadence_count: profile.messages.iter().filter(|message| message.cadence.is_some()).count(),
        cast,
        roles,
        https,
        captures: profile.captures.len(),
        rows: values.rows.clone(),
        sound: values.sound.clone(),
        replies,
        beats: profile.beats.iter().map(beat).collect(),
        meanings: profile.messages.iter().enumerate().map(|(index, rule)| compiler.meaning(index, rule)).collect(),
        spellings: profile.tag.clone(),
        singles,
        out_kinds: compiler.out_kinds,
        in_kinds: compiler.in_kinds,
    };
    script.fan_out();
    Ok(script)
}

/// Binds what a profile says to the values of a run.
pub(super) struct Compiler<'a> {
    profile: &'a Profile,
    dialect: Option<&'a str>,
    values: &'a Values,
    bounds: Bounds,
    out_kinds: Vec<String>,
    in_kinds: Vec<String>,
}

impl<'a> Compiler<'a> {
    pub(super) fn new(profile: &'a Profile, dialect: Option<&'a str>, values: &'a Values, bounds: Bounds) -> Self {
        let loads = profile.loads.iter().map(|load| &load.name);
        let said = loads.chain(profile.replies.iter().filter(|reply| reply.http.is_none()).map(|reply| &reply.name));
        let unmatched = values.played.then(|| UNMATCHED.to_owned());
        let said = said.chain(&unmatched);
        let heard = profile.messages.iter().map(|message| &message.name).chain(profile.https.iter().map(|http| &http.name));
        let (out_kinds, in_kinds) = (kinds(said, &BUILT_IN_KINDS), kinds(heard, &["ws_ping", "ws_pong", "close", "unknown"]));
        Compiler { profile, dialect, values, bounds, out_kinds, in_kinds }
    }

    /// A template with its variables filled.
    pub(super) fn bind(&self, template: &Template) -> Result<Bound, String> {
        let value = |name: &str| {
            let column = self.values.columns.iter().position(|column| column == name).map(Value::Column);
            let capture = || self.profile.captures.iter().position(|capture| capture == name).map(Value::Capture);
            let var = || self.values.vars.get(name).map(|text| Value::Text(text));
            column.or_else(var).or_else(capture)
        };
        template.bind(value).map_err(|name| format!("variable `{name}` of profile `{}` has no value", self.profile.name))
    }

    fn bind_all(&self, pairs: &[(String, Template)]) -> Result<Vec<(String, Bound)>, String> {
        pairs.iter().map(|(name, value)| Ok((name.clone(), self.bind(value)?))).collect()
    }

    fn number(&self, template: &Template, what: &str, most: usize) -> Result<usize, String> {
        let text = self.bind(template)?.text(&Fill::default());
        let number = text.parse::<usize>().ok().filter(|number| *number <= most);
        number.ok_or_else(|| format!("profile `{}`: `{text}` is not a {what} from 0 to {most}", self.profile.name))
    }

    fn size(&self, template: &Template) -> Result<usize, String> {
        self.number(template, "size in bytes", LARGEST)
    }

    fn sizes(&self, template: &Template) -> Result<Vec<usize>, String> {
        let text = self.bind(template)?.text(&Fill::default());
        pad_sizes(&text).map_err(|why| format!("profile `{}`: {why}", self.profile.name))
    }

    fn making(&self, payload: &Payload) -> Result<Making, String> {
        Ok(match payload {
            Payload::Text(template) => Making::Text(self.bind(template)?),
            Payload::Hex(template) => Making::Hex(self.bind(template)?),
            Payload::Audio(template) => {
                let (mut sound, bytes) = (Vec::new(), self.size(template)?);
                if self.values.sound.is_some() {
                    return Ok(Making::Piece(bytes));
                }
                sound::speech(&mut sound, bytes);
                Making::Audio(sound)
            }
        })
    }

    fn cast(&self) -> Result<Cast, String> {
        let mut roles = Vec::new();
        for rule in &self.profile.roles {
            let count = self.number(&rule.count, "number of clients", Cast::MOST as usize)?;
            roles.push((rule.name.clone(), count as u64));
        }
        Cast::new(&roles).map_err(|why| format!("profile `{}`: {why}", self.profile.name))
    }

    /// Only series that this dialect has.
    fn present(&self, series: &[usize]) -> Vec<usize> {
        series.iter().copied().filter(|&index| self.profile.has_series(index, self.dialect)).collect()
    }

    fn out_kind(&self, name: &str) -> usize {
        self.out_kinds.iter().position(|kind| kind == name).unwrap_or_default()
    }

    fn in_kind(&self, name: &str) -> usize {
        self.in_kinds.iter().position(|kind| kind == name).unwrap_or_default()
    }

    /// Places for series of which a client has at most one exchange open: all that something other than a
    /// load opens.
    fn singles(&self) -> Vec<Option<usize>> {
        let profile = self.profile;
        let opened = |series: usize| {
            let reply = profile.replies.iter().any(|reply| reply.expects.contains(&series));
            let message = profile.messages.iter().any(|message| message.opens.contains(&series));
            reply || message || profile.endpoint.opens.contains(&series)
        };
        let mut next = 0;
        let mut place = |series: usize| {
            let is_opened = series < profile.series.len() && opened(series);
            next += usize::from(is_opened);
            is_opened.then(|| next - 1)
        };
        (0..profile.series.len() + BUILT_IN_SERIES.len()).map(&mut place).collect()
    }

    fn role(&self, role: usize) -> Result<Role, String> {
        let profile = self.profile;
        let admits = |only: &profile::Only| only.admits(role, self.dialect, |name| self.values.vars.get(name).map(String::as_str));
        let meanings = || profile.messages.iter().enumerate().filter(|(_, rule)| admits(&rule.only));
        let url = profile.roles[role].url.as_ref().unwrap_or(&profile.endpoint.url);
        let calls = profile.https.iter().enumerate().filter(|(_, http)| http.at == HttpAt::Connect && admits(&http.only));
        let resume = profile.resume.as_ref().filter(|rule| admits(&rule.only));
        let says = |reply: usize| admits(&profile.replies[reply].only);
        let untagged = || meanings().filter(|(_, rule)| rule.tags.is_empty() && !rule.binary);
        Ok(Role {
            door: Door {
                url: self.bind(url)?,
                headers: self.bind_all(&profile.endpoint.headers)?,
                calls: calls.map(|(index, _)| index).collect(),
            },
            load: profile.loads.iter().find(|load| admits(&load.only)).map(|rule| self.load(rule)).transpose()?,
            starts: (0..profile.replies.len()).filter(|&reply| profile.replies[reply].start && says(reply)).collect(),
            beats: (0..profile.beats.len()).filter(|&beat| says(profile.beats[beat].reply)).collect(),
            waits_for_ready: meanings().any(|(_, rule)| rule.ready),
            tags: meanings().flat_map(|(index, rule)| rule.tags.iter().map(move |tag| (tag.clone(), index))).collect(),
            untagged: untagged().map(|(index, _)| index).collect(),
            reads_nothing: profile.tag.is_empty()
                && profile.resume.is_none()
                && untagged().next().is_some()
                && untagged().all(|(_, rule)| rule.reads_nothing()),
            binaries: meanings().filter(|(_, rule)| rule.binary).map(|(index, _)| index).collect(),
            resume: resume.map(|rule| Resume { ask: rule.ask, first: rule.first, each: rule.each }),
        })
    }

    fn load(&self, rule: &LoadRule) -> Result<Load, String> {
        let expects = self.present(&rule.expects);
        let class = |series: usize| self.profile.series[series].class;
        let pad_to = rule.pad_to.as_ref().map_or(Ok(vec![0]), |template| self.sizes(template))?;
        let making = match self.making(&rule.payload)? {
            Making::Text(bound) if self.values.sound.is_none() => Making::Text(bound.with_sound(pad_to[0])),
            other => other,
        };
        let slots = |slot: &Slot| rule.payload.template().has(*slot);
        let plain_slots = [Slot::Id, Slot::Client, Slot::Pad];
        let is_single = expects.first().is_some_and(|&series| class(series) == Class::Single);
        let has_captures = rule.payload.template().vars().any(|name| !self.values.vars.contains_key(name));
        let has_columns = rule.payload.template().vars().any(|name| self.values.columns.iter().any(|column| column == name));
        let of_client = |name: &str| self.values.vars.get(name).is_some_and(|value| value.contains('{'));
        Ok(Load {
            kind: self.out_kind(&rule.name),
            pad_to,
            http: rule.http,
            series: expects.first().copied(),
            also: expects.iter().skip(1).copied().filter(|&series| class(series) != Class::Cross).collect(),
            fan: None,
            cross: expects.iter().copied().find(|&series| class(series) == Class::Cross),
            states: rule.only.states.iter().map(|state| *state as u8).collect(),
            next: rule.next,
            then: rule.then.map(|state| state as u8),
            moves: moves(&making),
            window: if is_single && !self.values.played { 1 } else { self.bounds.window },
            plain: Slot::ALL.iter().filter(|slot| !plain_slots.contains(slot)).all(|slot| !slots(slot))
                && !has_captures
                && !has_columns
                && !rule.payload.template().vars().any(of_client)
                && matches!(making, Making::Text(_)),
            making,
        })
    }

    fn reply(&self, rule: &ReplyRule) -> Result<Reply, String> {
        let making = self.making(&rule.payload)?;
        Ok(Reply {
            kind: self.out_kind(&rule.name),
            http: rule.http,
            expects: self.present(&rule.expects),
            start: rule.start,
            next: rule.next,
            then: rule.then.map(|state| state as u8),
            moves: moves(&making),
            making,
        })
    }

    fn meaning(&self, index: usize, rule: &MessageRule) -> Meaning {
        let profile = self.profile;
        let cadences = profile.messages[..index].iter().filter(|message| message.cadence.is_some()).count();
        let present = |series: &usize| profile.has_series(*series, self.dialect);
        // Rules of one name are one message to those who refer to it.
        let is_named = |message: usize| profile.messages[message].name == rule.name;
        let begins = |beat: &usize| matches!(profile.beats[*beat].from, profile::From::Message(message) if is_named(message));
        let meaning = Meaning {
            kind: self.in_kind(&rule.name),
            states: rule.only.states.iter().map(|state| *state as u8).collect(),
            conditions: rule.conditions.clone(),
            answers: self.present(&rule.answers),
            key: rule.key.clone(),
            reply: rule.reply,
            ready: rule.ready,
            opens: self.present(&rule.opens),
            cancels: rule.cancels.clone(),
            captures: rule.captures.clone(),
            gauge: rule.gauge.as_ref().filter(|gauge| present(&gauge.series)).map(|g| (g.series, g.value.clone(), g.unit)),
            cadence: rule.cadence.filter(present).map(|series| (series, cadences)),
            spread: rule.spread.filter(present),
            then: rule.then.map(|state| state as u8),
            position: profile.resume.as_ref().filter(|resume| is_named(resume.message)).map(|resume| resume.position.clone()),
            begins: (0..profile.beats.len()).filter(begins).collect(),
            plain: false,
        };
        let has_more = meaning.reply.is_some() || meaning.ready || meaning.gauge.is_some() || meaning.cadence.is_some();
        let has_lists =
            !meaning.opens.is_empty() || !meaning.captures.is_empty() || !meaning.begins.is_empty() || meaning.answers.len() > 1;
        let plain = !has_more && !has_lists && meaning.spread.is_none() && meaning.then.is_none() && meaning.position.is_none();
        Meaning { plain, ..meaning }
    }

    fn https(&self) -> Result<Vec<Http>, String> {
        let http = |rule: &profile::HttpRule| {
            Ok(Http {
                name: rule.name.clone(),
                at: rule.at,
                method: rule.method.clone(),
                path: self.bind(&rule.url)?,
                headers: self.bind_all(&rule.headers)?,
                body: rule.body.as_ref().map(|body| self.bind(body)).transpose()?,
                series: rule.series.filter(|&series| self.profile.has_series(series, self.dialect)),
                kind: self.in_kind(&rule.name),
                captures: rule.captures.clone(),
            })
        };
        self.profile.https.iter().map(http).collect()
    }
}

fn moves(making: &Making) -> bool {
    matches!(making, Making::Text(bound) if bound.has_move())
}

fn beat(rule: &profile::BeatRule) -> Beat {
    let every = match rule.every {
        profile::Every::Fixed(time) => Every::Fixed(time.0),
        profile::Every::Captured { capture, default } => Every::Captured { capture, default: default.0 },
    };
    Beat { reply: rule.reply, every, from: rule.from, jitter: rule.jitter, times: rule.times, lost: rule.lost }
}

/// Names without those that are there twice, then the built-in ones.
fn kinds<'a>(own: impl Iterator<Item = &'a String>, built_in: &[&str]) -> Vec<String> {
    let mut kinds: Vec<String> = Vec::new();
    for name in own {
        if !kinds.contains(name) {
            kinds.push(name.clone());
        }
    }
    kinds.extend(built_in.iter().map(|kind| (*kind).to_owned()));
    kinds
}
