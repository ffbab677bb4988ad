//! What the server may say: how its messages are told apart and what each means.

use super::Class;
use super::Gauge;
use super::MessageRule;
use super::Pointer;
use super::TagValue;
use super::check::Check;
use super::diagnose::quoted;
use super::exchange::kind;
use super::exchange::owned;
use super::there::There;
use super::tree::Node;
use super::tree::Said;
use super::tree::Span;
use super::tree::Table;
use super::tree::Value;
use crate::units::MICRO;
use crate::units::MILLI;
use crate::units::SECOND;

/// Units of what servers report, and nanoseconds in each.
const UNITS: [(&str, u64); 4] = [("ms", MILLI), ("s", SECOND), ("us", MICRO), ("ns", 1)];

/// Reads `[[message]]`.
pub(super) fn messages<'t>(check: &mut Check<'t, '_>, tag: &[String], there: &mut There<'t>) -> Vec<MessageRule> {
    let root = check.root;
    let (mut rules, mut named): (Vec<MessageRule>, Vec<Said<'t>>) = (Vec::new(), Vec::new());
    for (place, table) in root.tables("message") {
        if let Some(name) = table.text("name") {
            kind(check, name);
            // Rules of one name count together; they must not hold for the same messages.
            let is_told_apart = |rule: &MessageRule| narrows(table) || narrow(rule);
            if rules.iter().any(|rule| rule.name == name.text && !is_told_apart(rule)) {
                let message = format!("message `{}` is there twice", quoted(name.text));
                check.mistakes.add(name.span, message, "give one of them another name, or remove it");
            }
            named.push(name);
        }
        let rule = message(check, place, table, tag, there);
        unreachable(check, table, &rule, &rules);
        rules.push(rule);
    }
    rules
}

/// Whether a rule holds only for some of the messages with its tag.
fn narrow(rule: &MessageRule) -> bool {
    let only = &rule.only;
    let who = !only.roles.is_empty() || !only.dialects.is_empty() || !only.states.is_empty();
    who || only.when.is_some() || !rule.conditions.is_empty()
}

fn narrows(table: &Table) -> bool {
    ["roles", "dialects", "states", "when", "where"].iter().any(|key| table.get(key).is_some())
}

/// Notes a tag value that a rule before has already taken for all messages that have it.
fn unreachable(check: &mut Check<'_, '_>, table: &Table, rule: &MessageRule, before: &[MessageRule]) {
    let tags: Vec<&Node> = table.list("tag").iter().filter(|node| tag_value(node).is_some()).collect();
    for (at, (value, node)) in rule.tags.iter().zip(tags).enumerate() {
        let first = before.iter().find(|other| !narrow(other) && other.tags.contains(value)).map(|other| other.name.as_str());
        let itself = rule.tags[..at].contains(value).then_some(rule.name.as_str());
        if let Some(first) = first.or(itself) {
            let message = format!("this tag value already marks the message `{}`", quoted(first));
            check.mistakes.add(node.span, message, "a value marks one message; remove one of the two");
        }
    }
}

fn message<'t>(check: &mut Check<'t, '_>, place: Span, table: &'t Table, tag: &[String], there: &mut There<'t>) -> MessageRule {
    let only = there.only(check, table);
    let answers = answers(check, place, table, there);
    let reply = table.text("reply").and_then(|said| check.refer("reply", said, &there.replies));
    there.broken.reply |= table.text("reply").is_some() && reply.is_none();
    let opens = there.series_of(check, table, "opens", Class::Single);
    opens.iter().for_each(|&index| there.series[index].opened = true);
    let one = |check: &mut Check<'t, '_>, there: &mut There<'t>, key: &str, class: Class| {
        let index = there.series_of(check, table, key, class).first().copied();
        if let Some(index) = index {
            there.series[index].answered = true;
        }
        index
    };
    let spread = one(check, there, "spread", Class::Spread);
    if let Some(node) = table.get("spread").filter(|_| spread.is_some() && table.get("key").is_none()) {
        check.mistakes.add(node.span, "a spread needs a `key` that tells one broadcast from another", "add for example key = \"/data/id\"");
    }
    MessageRule {
        name: owned(table.text("name")),
        only,
        tags: if tag.is_empty() { Vec::new() } else { table.list("tag").iter().filter_map(tag_value).collect() },
        binary: table.flag("binary"),
        conditions: conditions(check, table),
        answers,
        key: table.text("key").and_then(|said| pointer(check, said)),
        error: table.flag("error"),
        reply,
        ready: table.flag("ready"),
        opens,
        cancels: there.series_of(check, table, "cancels", Class::Single),
        captures: captures(check, table, there),
        cadence: one(check, there, "cadence", Class::Cadence),
        gauge: one(check, there, "gauge", Class::ServerReported).and_then(|series| gauge(check, table, series)),
        spread,
        then: there.then(check, table),
    }
}

/// A member's name or a pointer.
pub(super) fn pointer(check: &mut Check<'_, '_>, said: Said<'_>) -> Option<Pointer> {
    let pointer = Pointer::parse(said.text);
    if pointer.is_none() {
        check.mistakes.add(said.span, "this names no member", "write a member, for example \"id\", or a pointer, for example \"/data/id\"");
    }
    pointer
}

/// The values taken from a message or an answer of HTTP.
pub(super) fn captures<'t>(check: &mut Check<'t, '_>, table: &'t Table, there: &There<'t>) -> Vec<(usize, Pointer)> {
    let Some(capture) = table.table("capture") else { return Vec::new() };
    let mut found = Vec::new();
    for entry in &capture.entries {
        let index = there.captures.iter().position(|known| known.text == entry.key);
        if let (Some(index), Some(said)) = (index, capture.text(&entry.key)) {
            found.extend(pointer(check, said).map(|pointer| (index, pointer)));
        }
    }
    found
}

fn conditions(check: &mut Check<'_, '_>, table: &Table) -> Vec<(Pointer, String)> {
    let Some(conditions) = table.table("where") else { return Vec::new() };
    let mut found = Vec::new();
    for entry in &conditions.entries {
        let wanted = match &entry.node.value {
            Value::Text(text) => text.clone(),
            Value::Whole(number) => number.to_string(),
            Value::Fraction(number) => number.to_string(),
            Value::Flag(flag) => flag.to_string(),
            Value::List(_) | Value::Table(_) | Value::Other(_) => continue,
        };
        found.extend(pointer(check, entry.said_key()).map(|pointer| (pointer, wanted)));
    }
    found
}

fn gauge(check: &mut Check<'_, '_>, table: &Table, series: usize) -> Option<Gauge> {
    let Some(value) = table.text("value") else {
        if let Some(said) = table.text("gauge") {
            check.mistakes.add(
                said.span,
                "a gauge needs `value`, the member that holds the number",
                "add for example value = \"/data/ownLatency\"",
            );
        }
        return None;
    };
    let units = UNITS.map(|(name, _)| name);
    let unit = table.text("unit").map_or(Some(0), |said| check.refer("unit", said, &units));
    Some(Gauge { series, value: pointer(check, value)?, unit: UNITS[unit?].1 })
}

/// The series a message answers, with its key; an error is no answer that a series could live on.
fn answers<'t>(check: &mut Check<'t, '_>, place: Span, table: &'t Table, there: &mut There<'t>) -> Vec<usize> {
    let key = table.text("key");
    if table.get("answers").is_none() {
        let lonely = [("key", "says where the key of an answer is"), ("error", "marks an answer as an error")];
        for (name, does) in lonely.into_iter().filter(|(name, _)| *name != "key" || table.get("spread").is_none()) {
            if let Some(node) = table.get(name).filter(|node| !matches!(node.value, Value::Flag(false))) {
                check.mistakes.add(node.span, format!("`{name}` {does}, but this message answers nothing"), "add answers = \"..\"");
            }
        }
        return Vec::new();
    }
    let mut found = Vec::new();
    let mut uses_key = table.get("spread").is_some();
    for said in table.names("answers") {
        let Some(index) = there.refer_series(check, said) else {
            there.broken.answers = true;
            continue;
        };
        let series = &mut there.series[index];
        series.answered |= !table.flag("error");
        uses_key |= matches!(series.class, None | Some(Class::Keyed | Class::Cross));
        if series.class == Some(Class::Keyed) && table.get("key").is_none() {
            let message = format!("this message answers the keyed series `{}` but has no `key`", said.text);
            let hint = "add the member that holds the {id} of the request, for example key = \"id\"";
            check.mistakes.add(place, message, hint);
        }
        if let Some(class) = series.class.filter(|class| !class.is_opened()) {
            let message = format!("no message answers a series of class {}", class.name());
            check.mistakes.add(said.span, message, "such a series is filled by `gauge`, `cadence` or `spread`");
        }
        found.push(index);
    }
    let first = found.first().map(|&index| &there.series[index]);
    if let (Some(key), Some(series), false) = (key, first, uses_key) {
        let class = series.class.map_or("", Class::name);
        let message = format!("`key` has no use: the series `{}` is {class}", series.name.text);
        check.mistakes.add(key.span, message, "remove it, or make the series keyed");
    } else if let Some(key) = key.filter(|key| key.text.is_empty()) {
        check.mistakes.add(key.span, "`key` names no member", "write for example key = \"id\"");
    }
    found
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
pub(super) fn every_message_has_its_tag(check: &mut Check<'_, '_>) {
    let root = check.root;
    // Whatever stands under [read], if it is no proper tag, that was reported; nothing follows from it.
    let read_tag = root.get("read").is_some_and(|_| root.table("read").is_none_or(|read| !read.entries.is_empty()));
    if !read_tag {
        messages_without_read(check);
        return;
    }
    for (place, table) in root.tables("message").filter(|(_, table)| !table.flag("binary")) {
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
    let mut untold = root.tables("message").filter(|(_, table)| !table.flag("binary") && !narrows(table));
    if let Some(node) = root.tables("message").find_map(|(_, table)| table.get("tag")) {
        let message = "tag values are given, but not the member that holds them";
        check.mistakes.add(node.span, message, "name it: [read] with tag = [\"type\"]");
    } else if let Some((place, _)) = untold.nth(1) {
        let message = "without a tag all messages are of one kind; this is a second one";
        check.mistakes.add(place, message, "name the member that tells them apart: [read] with tag = [\"type\"]");
    }
}
