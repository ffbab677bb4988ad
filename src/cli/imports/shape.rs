//! What a recorded conversation tells of its protocol: which member names the kind of a message, what is sent most, and
//! whether a number in it comes back in an answer. Only what holds throughout is believed; the rest stays plain.

use std::collections::BTreeMap;

use serde_json::Value;

use super::draft::Draft;
use super::draft::Kind;
use super::draft::Load;
use super::draft::Said;
use super::draft::unused;
use crate::trace::Event;
use crate::trace::Frame;
use crate::trace::Line;

/// Members that often name the kind of a message.
const TAGS: [&str; 12] = ["type", "event", "op", "kind", "action", "method", "cmd", "t", "messageType", "message_type", "topic", "name"];
/// Most kinds that are told apart.
const KINDS_MOST: usize = 40;
/// Messages behind a send in which its answer is looked for.
const NEAR: usize = 200;
/// Numbers of a message that may be a key: it stands before what is long.
const NUMBERS_MOST: usize = 100;
/// What stands for the key until the text is made.
const KEY: &str = "\u{1}key\u{1}";

/// A message of a conversation.
struct Message<'a> {
    conn: u32,
    is_sent: bool,
    frame: &'a Frame<'a>,
    json: Option<Value>,
    /// Numbers that may be a key.
    numbers: Vec<(String, u64)>,
}

/// What a key is, in a send and in its answer.
#[derive(Debug, PartialEq, Eq)]
struct Keyed {
    sent: String,
    got: String,
    tag: Option<Value>,
}

/// Fills in what is heard and sent; an error in words when nothing is sent.
pub(super) fn describe(draft: &mut Draft, lines: &[Line<'_>]) -> Result<(), String> {
    let messages: Vec<Message<'_>> = lines.iter().filter_map(message).collect();
    let got: Vec<&Message<'_>> = messages.iter().filter(|m| !m.is_sent).collect();
    draft.tag = tag_of(&got);
    let (sample, similar) =
        most_sent(&messages, draft.tag.as_deref()).ok_or("the client says nothing in it, so there is nothing to play")?;
    let keyed = keyed(&messages, &similar, draft.tag.as_deref());
    let is_fifo = keyed.is_none() && alternates(&messages);
    draft.class = if keyed.is_some() { Some("keyed") } else { is_fifo.then_some("fifo") };
    draft.kinds = kinds(&got, draft.tag.as_deref(), keyed.as_ref(), is_fifo);
    let text = text_of(&messages[sample], keyed.as_ref());
    let name = kind_of(&messages[sample], draft.tag.as_deref()).and_then(|tag| tag.as_str().map(str::to_owned));
    draft.loads = vec![Load { name: unused(name.as_deref().unwrap_or("message"), &[]), text, expects: draft.class.is_some() }];
    Ok(())
}

fn message<'a>(line: &'a Line<'_>) -> Option<Message<'a>> {
    let (is_sent, frame) = match &line.event {
        Event::Sent(frame) => (true, frame),
        Event::Got(frame) => (false, frame),
        _ => return None,
    };
    let json = match frame {
        Frame::Text(text) => serde_json::from_str(text).ok(),
        Frame::Binary(_) => None,
    };
    let mut numbers = Vec::new();
    if let Some(json @ Value::Object(_)) = &json {
        gather(json, "", &mut numbers);
    }
    Some(Message { conn: line.conn, is_sent, frame, json, numbers })
}

/// The member that all texts of the server have, if it tells kinds apart.
fn tag_of(got: &[&Message<'_>]) -> Option<String> {
    let texts: Vec<&&Message<'_>> = got.iter().filter(|m| matches!(m.frame, Frame::Text(_))).collect();
    let is_tag = |name: &&&str| {
        let mut values: Vec<&Value> = Vec::new();
        !texts.is_empty()
            && texts.iter().all(|m| {
                let value = m.json.as_ref().and_then(|json| json.get::<&str>(**name));
                let Some(value) = value.filter(|v| v.as_str().is_some_and(|s| !s.is_empty()) || v.as_u64().is_some()) else { return false };
                if !values.contains(&value) {
                    values.push(value);
                }
                values.len() <= KINDS_MOST
            })
            // As many kinds as messages are no kinds.
            && (values.len() == 1 || values.len() * 2 <= texts.len() + 2)
    };
    TAGS.iter().find(is_tag).map(|name| (*name).to_owned())
}

fn kind_of(message: &Message<'_>, tag: Option<&str>) -> Option<Value> {
    message.json.as_ref()?.get(tag?).cloned()
}

/// The kinds of messages that the server says.
fn kinds(got: &[&Message<'_>], tag: Option<&str>, keyed: Option<&Keyed>, is_fifo: bool) -> Vec<Kind> {
    let mut kinds: Vec<Kind> = Vec::new();
    let mut names: Vec<String> = Vec::new();
    for message in got {
        let is_binary = matches!(message.frame, Frame::Binary(_));
        let value = kind_of(message, tag);
        if kinds.iter().any(|kind| kind.binary == is_binary && (is_binary || kind.tag == value)) {
            continue;
        }
        let shown = value.as_ref().map(|v| v.as_str().map_or_else(|| format!("kind_{v}"), str::to_owned));
        let name = unused(shown.as_deref().unwrap_or(if is_binary { "binary" } else { "message" }), &names);
        names.push(name.clone());
        let is_answer = keyed.is_some_and(|keyed| !is_binary && keyed.tag == value);
        let key = keyed.filter(|_| is_answer).map(|keyed| keyed.got.clone());
        kinds.push(Kind { name, tag: value, binary: is_binary, answers: is_answer || is_fifo, key });
    }
    if kinds.is_empty() {
        kinds.push(Kind { name: "message".into(), ..Kind::default() });
    }
    kinds
}

/// What is sent most: the first of its shape, and all of it.
fn most_sent(messages: &[Message<'_>], tag: Option<&str>) -> Option<(usize, Vec<usize>)> {
    let mut shapes: BTreeMap<String, Vec<usize>> = BTreeMap::new();
    for (i, message) in messages.iter().enumerate().filter(|(_, m)| m.is_sent) {
        let names = |tag: Option<&str>| {
            TAGS.iter().copied().chain(tag).find_map(|name| message.json.as_ref()?.get(name)?.as_str()).map(str::to_owned)
        };
        let shape = match (&message.json, message.frame) {
            (Some(Value::Object(members)), _) => {
                let keys: Vec<&str> = members.keys().map(String::as_str).collect();
                format!("{:?} {}", names(tag), keys.join(","))
            }
            (_, Frame::Text(_)) => "text".into(),
            (_, Frame::Binary(_)) => "binary".into(),
        };
        shapes.entry(shape).or_default().push(i);
    }
    let most = shapes.into_values().max_by_key(|all| (all.len(), std::cmp::Reverse(all[0])))?;
    Some((most[0], most))
}

/// The first whole numbers in a value, each with its pointer; a text of digits is one.
fn gather(value: &Value, at: &str, out: &mut Vec<(String, u64)>) {
    if out.len() >= NUMBERS_MOST {
        return;
    }
    let digits = |text: &str| text.parse::<u64>().ok().filter(|n| n.to_string() == text);
    match value {
        Value::Number(number) => out.extend(number.as_u64().map(|n| (at.to_owned(), n))),
        Value::String(text) => out.extend(digits(text).map(|n| (at.to_owned(), n))),
        Value::Object(members) => {
            members.iter().for_each(|(name, inner)| gather(inner, &format!("{at}/{}", name.replace('~', "~0").replace('/', "~1")), out));
        }
        _ => {}
    }
}

/// The number in the sends `similar` that comes back in a message of one kind behind each of them.
fn keyed(messages: &[Message<'_>], similar: &[usize], tag: Option<&str>) -> Option<Keyed> {
    let first = similar.first()?;
    for (sent, _) in &messages[*first].numbers {
        let value = |at: usize| messages[at].numbers.iter().find(|(pointer, _)| pointer == sent).map(|(_, n)| *n);
        let values: Vec<Option<u64>> = similar.iter().map(|at| value(*at)).collect();
        let mut distinct: Vec<&u64> = values.iter().flatten().collect();
        distinct.sort_unstable();
        distinct.dedup();
        let is_one = similar.len() == 1 && sent.to_lowercase().contains("id");
        if distinct.len() < similar.len() || (distinct.len() < 2 && !is_one) {
            continue;
        }
        let candidates = answers(messages, *first, values[0]?, tag);
        let holds = |found: &(String, Option<Value>)| {
            similar.iter().zip(&values).all(|(at, value)| value.is_some_and(|value| answers(messages, *at, value, tag).contains(found)))
        };
        if let Some((got, tag)) = candidates.into_iter().find(holds) {
            return Some(Keyed { sent: sent.clone(), got: short(&got), tag });
        }
    }
    None
}

/// Where `value` stands in the messages behind the send at `at`, and of which kind each is.
fn answers(messages: &[Message<'_>], at: usize, value: u64, tag: Option<&str>) -> Vec<(String, Option<Value>)> {
    let conn = messages[at].conn;
    let behind = messages[at + 1..].iter().filter(|m| m.conn == conn && !m.is_sent).take(NEAR);
    let same = |m: &Message<'_>| m.numbers.iter().filter(|(_, n)| *n == value).map(|(pointer, _)| pointer.clone()).collect::<Vec<_>>();
    behind.flat_map(|m| same(m).into_iter().map(|pointer| (pointer, kind_of(m, tag)))).collect()
}

/// `/id` is `id`.
fn short(pointer: &str) -> String {
    let name = &pointer[1..];
    if name.contains(['/', '~']) { pointer.to_owned() } else { name.to_owned() }
}

/// Whether each send is followed by one message, and nothing else is said.
fn alternates(messages: &[Message<'_>]) -> bool {
    let mut conns: BTreeMap<u32, bool> = BTreeMap::new();
    let in_turn = messages.iter().all(|message| {
        let is_due = conns.entry(message.conn).or_insert(false);
        let is_right = message.is_sent != *is_due;
        *is_due = message.is_sent;
        is_right
    });
    in_turn && messages.iter().any(|message| !message.is_sent)
}

/// The text of a load: the sample with `{id}` in the place of the key.
fn text_of(message: &Message<'_>, keyed: Option<&Keyed>) -> Said {
    match (message.frame, &message.json) {
        (Frame::Binary(bytes), _) => Said::Hex(bytes.iter().map(|b| format!("{b:02x}")).collect()),
        (Frame::Text(text), Some(json)) => {
            let mut json = json.clone();
            let Some(leaf) = keyed.and_then(|keyed| json.pointer_mut(&keyed.sent)) else { return Said::Text(without_slots(text)) };
            let is_text = leaf.is_string();
            *leaf = Value::String(KEY.into());
            let marked = serde_json::to_string(KEY).expect("a text is JSON");
            let id = if is_text { "\"{id}\"" } else { "{id}" };
            Said::Text(without_slots(&json.to_string()).replace(&marked, id))
        }
        (Frame::Text(text), None) => Said::Text(without_slots(text)),
    }
}

/// JSON in which no `{word}` looks like a slot; elsewhere such a text stays, and is said to be a mistake.
pub(super) fn without_slots(text: &str) -> String {
    if serde_json::from_str::<serde::de::IgnoredAny>(text).is_err() {
        return text.to_owned();
    }
    let mut out = String::with_capacity(text.len());
    for (i, c) in text.char_indices() {
        // The words behind all braces together are no longer than the text.
        let word = || text[i + 1..].find(|c: char| !(c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_'));
        let is_slot = c == '{' && word().is_some_and(|n| n > 0 && text[i + 1 + n..].starts_with('}'));
        // A brace of the text, which JSON can say in another way.
        out.push_str(if is_slot { "\\u007b" } else { &text[i..i + c.len_utf8()] });
    }
    out
}
