//! Who asks and who answers: series, messages, replies, beats, requests and loads, and that they fit together.
//!
//! A reference that leads nowhere is one mistake. What would only follow from it (a series that
//! nothing opens because its name was misspelt) is not reported besides.

use super::BeatRule;
use super::Class;
use super::HttpRule;
use super::LoadRule;
use super::MessageRule;
use super::ReplyRule;
use super::ResumeRule;
use super::RoleRule;
use super::SeriesRule;
use super::check::Check;
use super::diagnose::quoted;
use super::hearing;
use super::names;
use super::roles;
use super::saying;
use super::sending;
use super::there::Known;
use super::there::There;
use super::tree::Said;
use super::tree::Value;

/// The conversation of a profile.
pub(super) struct Exchange {
    pub(super) roles: Vec<RoleRule>,
    pub(super) states: Vec<String>,
    pub(super) series: Vec<SeriesRule>,
    pub(super) opens: Vec<usize>,
    pub(super) tag: Vec<String>,
    pub(super) messages: Vec<MessageRule>,
    pub(super) captures: Vec<String>,
    pub(super) replies: Vec<ReplyRule>,
    pub(super) beats: Vec<BeatRule>,
    pub(super) https: Vec<HttpRule>,
    pub(super) resume: Option<ResumeRule>,
    pub(super) loads: Vec<LoadRule>,
}

/// Reads all that is said and heard.
pub(super) fn exchange(check: &mut Check<'_, '_>) -> Exchange {
    let (series, known) = series(check);
    let mut there = There::new(check, known);
    let roles = roles::roles(check);
    let tag = tag(check);
    let opens = check.root.table("endpoint").map_or(Vec::new(), |endpoint| there.series_of(check, endpoint, "opens", Class::Single));
    opens.iter().for_each(|&index| there.series[index].opened = true);
    let https = saying::https(check, &mut there);
    let replies = saying::replies(check, &mut there);
    let messages = hearing::messages(check, &tag, &mut there);
    let beats = saying::beats(check, &there);
    let resume = saying::resume(check, &mut there);
    let loads = sending::loads(check, &mut there, &roles);
    hearing::every_message_has_its_tag(check);
    every_series_is_used(check, &there);
    let asking = saying::Asking { messages: &messages, replies: &replies, beats: &beats, resume: resume.as_ref(), loads: &loads };
    saying::every_reply_is_asked_for(check, &there, &asking);
    there.unused(check, &check.used_names());
    let (states, captures) = (there.states(), there.captures.iter().map(|capture| capture.text.to_owned()).collect());
    Exchange { roles, states, series, opens, tag, messages, captures, replies, beats, https, resume, loads }
}

fn series<'t>(check: &mut Check<'t, '_>) -> (Vec<SeriesRule>, Vec<Known<'t>>) {
    let root = check.root;
    let dialects: Vec<&str> = root.texts("dialects").map(|said| said.text).collect();
    let (mut rules, mut known) = (Vec::new(), Vec::new());
    for (name, table) in check.root.named("series") {
        if names::RESERVED_SERIES.contains(&name.text) {
            let message = format!("the series `{}` is volley's own", name.text);
            check.mistakes.add(name.span, message, "give yours another name; these are taken: ".to_owned() + &taken());
        } else {
            check.identifier("series", name);
        }
        let class = table.text("class").and_then(|said| class(check, said));
        let own: Vec<Said<'_>> = table.texts("dialects").collect();
        check.unique("dialect", &own);
        for dialect in &own {
            check.refer("dialect", *dialect, &dialects);
        }
        rules.push(SeriesRule {
            name: name.text.to_owned(),
            class: class.unwrap_or(Class::Single),
            about: check.about(table),
            dialects: own.iter().map(|dialect| dialect.text.to_owned()).collect(),
        });
        known.push(Known { name, class, opened: false, answered: false });
    }
    (rules, known)
}

fn taken() -> String {
    names::list(names::RESERVED_SERIES.iter().copied())
}

fn class(check: &mut Check<'_, '_>, said: Said<'_>) -> Option<Class> {
    let names: Vec<&str> = Class::ALL.iter().map(|class| class.name()).collect();
    check.refer("class", said, &names).map(|index| Class::ALL[index])
}

fn tag(check: &mut Check<'_, '_>) -> Vec<String> {
    let Some(read) = check.root.table("read") else { return Vec::new() };
    let said: Vec<Said<'_>> = read.texts("tag").collect();
    if let Some(node) = read.get("tag").filter(|node| matches!(&node.value, Value::List(items) if items.is_empty())) {
        check.mistakes.add(node.span, "`tag` names no member", r#"write for example tag = ["type"], or remove it"#);
    }
    check.unique("tag member", &said);
    for empty in said.iter().filter(|said| said.text.is_empty()) {
        check.mistakes.add(empty.span, "the name of the tag member is empty", r#"write for example tag = ["type"]"#);
    }
    said.iter().map(|said| said.text.to_owned()).collect()
}

/// Notes a kind of message that has no proper name or one that every run counts anyway.
pub(super) fn kind(check: &mut Check<'_, '_>, name: Said<'_>) {
    if names::RESERVED_KINDS.contains(&name.text) {
        let hint = format!("give yours another name; these are taken: {}", names::list(names::RESERVED_KINDS.iter().copied()));
        check.mistakes.add(name.span, format!("messages of kind `{}` are counted by volley itself", name.text), hint);
    } else {
        check.identifier("message", name);
    }
}

pub(super) fn owned(said: Option<Said<'_>>) -> String {
    said.map(|said| said.text.to_owned()).unwrap_or_default()
}

fn every_series_is_used(check: &mut Check<'_, '_>, there: &There<'_>) {
    for series in there.series.iter().filter(|series| !names::RESERVED_SERIES.contains(&series.name.text)) {
        let name = quoted(series.name.text);
        let Some(class) = series.class.filter(|class| !class.is_opened()) else {
            if !series.opened && !there.broken.expects {
                let hint = format!("add expects = \"{name}\" to [load] or to a [[reply]], or remove the series");
                check.mistakes.add(series.name.span, format!("nothing opens the series `{name}`"), hint);
            }
            if !series.answered && !there.broken.answers {
                let hint = format!("add answers = \"{name}\" to a [[message]] that is no error, or remove the series");
                check.mistakes.add(series.name.span, format!("no message answers the series `{name}`"), hint);
            }
            continue;
        };
        if !series.answered {
            let key = match class {
                Class::Spread => "spread",
                Class::Cadence => "cadence",
                _ => "gauge",
            };
            let hint = format!("add {key} = \"{name}\" to a [[message]], or remove the series");
            check.mistakes.add(series.name.span, format!("no message has a value for the series `{name}`"), hint);
        }
    }
}
