//! Who asks and who answers: series, messages, replies and the load, and that they fit together.
//!
//! A reference that leads nowhere is one mistake. What would only follow from it (a series that
//! nothing opens because its name was misspelt) is not reported besides.

use super::Class;
use super::LoadRule;
use super::MessageRule;
use super::Payload;
use super::Pointer;
use super::ReplyRule;
use super::SeriesRule;
use super::TagValue;
use super::check::Check;
use super::diagnose::quoted;
use super::names;
use super::sending;
use super::template::Slot;
use super::tree::Node;
use super::tree::Said;
use super::tree::Span;
use super::tree::Table;
use super::tree::Value;

/// The classes a profile can name.
const CLASSES: &[Class] = &[Class::Keyed, Class::Single, Class::Fifo];

/// The conversation of a profile.
pub(super) struct Exchange {
    pub(super) series: Vec<SeriesRule>,
    pub(super) tag: Vec<String>,
    pub(super) messages: Vec<MessageRule>,
    pub(super) replies: Vec<ReplyRule>,
    pub(super) loads: Vec<LoadRule>,
}

/// Reads `[series]`, `[read]`, `[[message]]`, `[[reply]]` and `[load]`.
pub(super) fn exchange(check: &mut Check<'_, '_>, dialects: &[String]) -> Exchange {
    let mut uses = Uses::default();
    let (series, mut known) = series(check, dialects);
    let tag = tag(check);
    let replies = replies(check, &mut known, &mut uses);
    let messages = messages(check, &tag, &mut known, &mut uses);
    let load = sending::load(check, &mut known, &mut uses);
    every_message_has_its_tag(check);
    every_series_is_used(check, &known, &uses);
    every_reply_is_asked_for(check, &uses);
    Exchange { series, tag, messages, replies, loads: vec![load] }
}

/// A declared series, for checking references to it.
pub(super) struct Known<'t> {
    pub(super) name: Said<'t>,
    /// `None` when the class is not known; nothing is concluded from it then.
    pub(super) class: Option<Class>,
    opened: bool,
    answered: bool,
}

/// What references tell about use. A broken one might have meant anything.
#[derive(Default)]
pub(super) struct Uses {
    pub(super) broken_expects: bool,
    broken_answers: bool,
    broken_reply: bool,
    replies_asked: Vec<usize>,
}

fn series<'t>(check: &mut Check<'t, '_>, dialects: &[String]) -> (Vec<SeriesRule>, Vec<Known<'t>>) {
    let dialects: Vec<&str> = dialects.iter().map(String::as_str).collect();
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
    let names: Vec<&str> = CLASSES.iter().map(|class| class.name()).collect();
    check.refer("class", said, &names).map(|index| CLASSES[index])
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

fn replies(check: &mut Check<'_, '_>, known: &mut [Known<'_>], uses: &mut Uses) -> Vec<ReplyRule> {
    let root = check.root;
    let named: Vec<Said<'_>> = root.tables("reply").filter_map(|(_, table)| table.text("name")).collect();
    check.unique("reply", &named);
    let mut rules = Vec::new();
    for (_, table) in root.tables("reply") {
        if let Some(name) = table.text("name") {
            kind(check, name);
        }
        let expects = expects(check, table, known, uses);
        if let (Some(index), Some(said)) = (expects, table.text("expects"))
            && known[index].class == Some(Class::Keyed)
        {
            let message = format!("a reply cannot open the keyed series `{}`", said.text);
            check.mistakes.add(said.span, message, "a reply has no {id} to be told by; make the series single or fifo");
        }
        rules.push(ReplyRule {
            name: owned(table.text("name")),
            payload: Payload::Text(table.text("text").map(|text| check.template(text, "a reply", &[Slot::Client])).unwrap_or_default()),
            expects: expects.into_iter().collect(),
            ..ReplyRule::default()
        });
    }
    rules
}

pub(super) fn owned(said: Option<Said<'_>>) -> String {
    said.map(|said| said.text.to_owned()).unwrap_or_default()
}

/// The series that a sending opens.
pub(super) fn expects(check: &mut Check<'_, '_>, table: &Table, known: &mut [Known<'_>], uses: &mut Uses) -> Option<usize> {
    let said = table.text("expects")?;
    let index = refer_series(check, said, known);
    match index {
        Some(index) => known[index].opened = true,
        None => uses.broken_expects = true,
    }
    index
}

fn refer_series(check: &mut Check<'_, '_>, said: Said<'_>, known: &[Known<'_>]) -> Option<usize> {
    let names: Vec<&str> = known.iter().map(|series| series.name.text).collect();
    if names::RESERVED_SERIES.contains(&said.text) {
        let message = format!("the series `{}` is volley's own; no message takes part in it", said.text);
        check.mistakes.add(said.span, message, "declare a series for it: [series.NAME]");
        return None;
    }
    check.refer("series", said, &names)
}

fn messages(check: &mut Check<'_, '_>, tag: &[String], known: &mut [Known<'_>], uses: &mut Uses) -> Vec<MessageRule> {
    let root = check.root;
    let named: Vec<Said<'_>> = root.tables("message").filter_map(|(_, table)| table.text("name")).collect();
    check.unique("message", &named);
    let replies: Vec<&str> = root.tables("reply").filter_map(|(_, table)| table.text("name")).map(|name| name.text).collect();
    let mut seen = Vec::new();
    let mut rules = Vec::new();
    for (place, table) in root.tables("message") {
        if let Some(name) = table.text("name") {
            kind(check, name);
        }
        let answers = answers(check, place, table, known, uses);
        let reply = table.text("reply").and_then(|said| check.refer("reply", said, &replies));
        uses.broken_reply |= table.text("reply").is_some() && reply.is_none();
        uses.replies_asked.extend(reply);
        rules.push(MessageRule {
            name: owned(table.text("name")),
            tags: if tag.is_empty() { Vec::new() } else { tags(check, table, &mut seen) },
            answers: answers.into_iter().collect(),
            key: table.text("key").and_then(|key| Pointer::parse(key.text)),
            error: table.flag("error"),
            reply,
            ready: table.flag("ready"),
            ..MessageRule::default()
        });
    }
    rules
}

/// The series a message answers, with its key; an error is no answer that a series could live on.
fn answers(check: &mut Check<'_, '_>, place: Span, table: &Table, known: &mut [Known<'_>], uses: &mut Uses) -> Option<usize> {
    let key = table.text("key");
    let Some(said) = table.text("answers") else {
        let lonely = [("key", "says where the key of an answer is"), ("error", "marks an answer as an error")];
        for (name, does) in lonely {
            if let Some(node) = table.get(name).filter(|node| !matches!(node.value, Value::Flag(false))) {
                check.mistakes.add(node.span, format!("`{name}` {does}, but this message answers nothing"), "add answers = \"..\"");
            }
        }
        return None;
    };
    let Some(index) = refer_series(check, said, known) else {
        uses.broken_answers = true;
        return None;
    };
    let series = &mut known[index];
    series.answered |= !table.flag("error");
    match (series.class, key) {
        (Some(Class::Keyed), None) if table.get("key").is_none() => {
            let message = format!("this message answers the keyed series `{}` but has no `key`", said.text);
            let hint = "add the member that holds the {id} of the request, for example key = \"id\"";
            check.mistakes.add(place, message, hint);
        }
        (Some(class), Some(key)) if class != Class::Keyed => {
            let message = format!("`key` has no use: the series `{}` is {}", said.text, class.name());
            check.mistakes.add(key.span, message, "remove it, or make the series keyed");
        }
        (_, Some(key)) if key.text.is_empty() => check.mistakes.add(key.span, "`key` names no member", "write for example key = \"id\""),
        _ => {}
    }
    Some(index)
}

/// The tag values of a message; none of them may mark another message too.
fn tags(check: &mut Check<'_, '_>, table: &Table, seen: &mut Vec<(TagValue, String)>) -> Vec<TagValue> {
    let mut values = Vec::new();
    for node in table.list("tag") {
        let Some(value) = tag_value(node) else { continue };
        if let Some((_, first)) = seen.iter().find(|(other, _)| *other == value) {
            let message = format!("this tag value already marks the message `{}`", quoted(first));
            check.mistakes.add(node.span, message, "a value marks one message; remove one of the two");
        }
        seen.push((value.clone(), owned(table.text("name"))));
        values.push(value);
    }
    values
}

fn tag_value(node: &Node) -> Option<TagValue> {
    match &node.value {
        Value::Text(name) => Some(TagValue::Name(name.clone())),
        Value::Whole(number) => Some(TagValue::Number(*number)),
        _ => None,
    }
}

/// Notes messages that cannot be told apart, and tag values that are never looked at: the first of
/// each, where one cause spoils all of them.
fn every_message_has_its_tag(check: &mut Check<'_, '_>) {
    let root = check.root;
    // Whatever stands under [read], if it is no proper tag, that was reported; nothing follows from it.
    let read_tag = root.get("read").is_some_and(|_| root.table("read").is_none_or(|read| !read.entries.is_empty()));
    if !read_tag {
        messages_without_read(check);
        return;
    }
    for (place, table) in root.tables("message") {
        let example = "for example tag = [0, \"Ack\"]";
        match table.get("tag") {
            Some(node) if matches!(&node.value, Value::List(items) if items.is_empty()) => {
                check.mistakes.add(node.span, "`tag` has no value", format!("write what marks the message, {example}"));
            }
            None => {
                let message = "this message has no `tag`, so it would never be recognised";
                check.mistakes.add(place, message, format!("add what marks it, {example}"));
            }
            _ => {}
        }
    }
}

fn messages_without_read(check: &mut Check<'_, '_>) {
    let root = check.root;
    if let Some(node) = root.tables("message").find_map(|(_, table)| table.get("tag")) {
        let message = "tag values are given, but not the member that holds them";
        check.mistakes.add(node.span, message, "name it: [read] with tag = [\"type\"]");
    } else if let Some((place, _)) = root.tables("message").nth(1) {
        let message = "without a tag all messages are of one kind; this is a second one";
        check.mistakes.add(place, message, "name the member that tells them apart: [read] with tag = [\"type\"]");
    }
}

fn every_series_is_used(check: &mut Check<'_, '_>, known: &[Known<'_>], uses: &Uses) {
    for series in known.iter().filter(|series| !names::RESERVED_SERIES.contains(&series.name.text)) {
        let name = quoted(series.name.text);
        if !series.opened && !uses.broken_expects {
            let hint = format!("add expects = \"{name}\" to [load] or to a [[reply]], or remove the series");
            check.mistakes.add(series.name.span, format!("nothing opens the series `{name}`"), hint);
        }
        if !series.answered && !uses.broken_answers {
            let hint = format!("add answers = \"{name}\" to a [[message]] that is no error, or remove the series");
            check.mistakes.add(series.name.span, format!("no message answers the series `{name}`"), hint);
        }
    }
}

fn every_reply_is_asked_for(check: &mut Check<'_, '_>, uses: &Uses) {
    if uses.broken_reply {
        return;
    }
    let root = check.root;
    for (at, (place, table)) in root.tables("reply").enumerate() {
        if !uses.replies_asked.contains(&at) {
            let (name, place) = table.text("name").map_or((String::new(), place), |name| (quoted(name.text), name.span));
            let hint = format!("add reply = \"{name}\" to the [[message]] that asks for it, or remove it");
            check.mistakes.add(place, format!("no message asks for the reply `{name}`"), hint);
        }
    }
}
