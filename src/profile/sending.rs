//! What is sent at the client's rate: that its answers can be told apart, and that filler has its
//! place and its size.

use super::Class;
use super::LoadRule;
use super::Only;
use super::Payload;
use super::RoleRule;
use super::check::Check;
use super::diagnose::quoted;
use super::exchange::kind;
use super::exchange::owned;
use super::saying;
use super::template::Part;
use super::template::Slot;
use super::template::Template;
use super::there::There;
use super::tree::Node;
use super::tree::Said;
use super::tree::Span;
use super::tree::Table;
use super::tree::Value;

/// Largest size a message can be filled up to, in bytes.
const LARGEST_PAD: u64 = 16 << 20;

/// Reads `[load]`, or each `[[load]]`.
pub(super) fn loads<'t>(check: &mut Check<'t, '_>, there: &mut There<'t>, roles: &[RoleRule]) -> Vec<LoadRule> {
    let root = check.root;
    let mut rules: Vec<LoadRule> = Vec::new();
    for (place, table) in root.tables("load") {
        let rule = load(check, place, table, there, roles);
        if let Some(name) = table.text("name").filter(|_| rules.iter().any(|other| both(&rule.only, &other.only))) {
            let message = format!("two loads hold for the same clients; `{}` is the second", quoted(name.text));
            check.mistakes.add(name.span, message, "tell them apart by roles, dialects or when");
        }
        rules.push(rule);
    }
    if rules.is_empty() {
        there.broken.expects = true;
    }
    rules
}

/// Whether two rules may hold for the same client in one run.
fn both(a: &Only, b: &Only) -> bool {
    fn meet<T: PartialEq>(a: &[T], b: &[T]) -> bool {
        a.is_empty() || b.is_empty() || a.iter().any(|x| b.contains(x))
    }
    let differ = |a: &(String, String), b: &(String, String)| a.0 == b.0 && a.1 != b.1;
    let apart = a.when.as_ref().zip(b.when.as_ref()).is_some_and(|(a, b)| differ(a, b));
    meet(&a.roles, &b.roles) && meet(&a.dialects, &b.dialects) && !apart
}

fn load<'t>(check: &mut Check<'t, '_>, place: Span, table: &'t Table, there: &mut There<'t>, roles: &[RoleRule]) -> LoadRule {
    if let Some(name) = table.text("name") {
        kind(check, name);
        if check.root.tables("reply").any(|(_, reply)| reply.text("name").is_some_and(|reply| reply.text == name.text)) {
            let message = format!("the load has the name of the reply `{}`; their counts would mix", name.text);
            check.mistakes.add(name.span, message, "give one of them another name");
        }
    }
    let slots: Vec<Slot> = Slot::ALL.iter().copied().filter(|slot| !matches!(slot, Slot::After | Slot::Before)).collect();
    let payload = payload(check, place, table, "a load", &slots);
    let expects = saying::expects(check, table, there);
    for (&index, said) in expects.iter().zip(table.names("expects")) {
        let (class, name) = (there.series[index].class, there.series[index].name.text);
        if let (Some(Class::Keyed), Some(text)) = (class, table.text("text")) {
            the_key_is_sent(check, text, payload.template(), name);
        }
        if class == Some(Class::Cross) && roles.len() == 1 && roles[0].count == Template::parse("1") {
            let message = format!("the series `{name}` is cross, but every client is alone");
            check.mistakes.add(said.span, message, "declare roles, so that others of a group can see what is sent");
        }
    }
    LoadRule {
        name: owned(table.text("name")),
        only: there.only(check, table),
        http: saying::http(check, table, there),
        pad_to: pad_to(check, table, payload.template()),
        payload,
        expects,
        next: table.text("next").and_then(|said| check.refer("reply", said, &there.replies)),
        then: there.then(check, table),
    }
}

/// How a message is made: exactly one of the ways.
pub(super) fn payload<'t>(check: &mut Check<'t, '_>, place: Span, table: &'t Table, what: &str, slots: &[Slot]) -> Payload {
    let ways = ["text", "hex", "audio", "http"].iter().filter(|key| table.get(key).is_some()).count();
    if ways != 1 {
        let message = if ways == 0 { format!("{what} says nothing") } else { format!("{what} is made in more than one way") };
        check.mistakes.add(place, message, r#"give one of text = '..', hex = "..", audio = 3200, http = "..""#);
    }
    if let Some(said) = table.text("hex") {
        let template = check.template(said, what, slots);
        let digits: String =
            template.parts.iter().filter_map(|part| if let Part::Text(text) = part { Some(text.as_str()) } else { None }).collect();
        let is_hex = digits.chars().all(|c| c.is_ascii_hexdigit());
        if !is_hex || (template.parts.len() <= 1 && digits.len() % 2 == 1) {
            check.mistakes.add(
                said.span,
                "these are no bytes in hexadecimal",
                r#"write two digits for each byte, for example hex = "00ff""#,
            );
        }
        return Payload::Hex(template);
    }
    if let Some(node) = table.get("audio") {
        return Payload::Audio(size(check, node).unwrap_or_default());
    }
    Payload::Text(table.text("text").map(|text| check.template(text, what, slots)).unwrap_or_default())
}

/// Notes a load whose answers could not be told apart: the server must get `{id}` as a value of its
/// own, because that is what it is expected to send back.
fn the_key_is_sent(check: &mut Check<'_, '_>, said: Said<'_>, text: &Template, series: &str) {
    if !text.has(Slot::Id) {
        let message = format!("the series `{series}` is keyed, but this text has no {{id}}");
        check.mistakes.add(said.span, message, "send {id} as the value of the member that comes back, for example {\"id\":{id}}");
        return;
    }
    let joins = |c: Option<char>| c.is_some_and(|c| c.is_alphanumeric() || "_-.+".contains(c));
    // A key may stand at the end of a text, where it is found by its digits.
    let alone = |at: usize| {
        let free_before = match at.checked_sub(1).map(|before| &text.parts[before]) {
            Some(Part::Text(before)) => !joins(before.chars().next_back()),
            before => before.is_none(),
        };
        let free_behind = match text.parts.get(at + 1) {
            Some(Part::Text(behind)) => !joins(behind.chars().next()),
            behind => behind.is_none(),
        };
        free_before && free_behind
    };
    let mut slots = text.parts.iter().enumerate().filter(|(_, part)| **part == Part::Slot(Slot::Id));
    if !slots.any(|(at, _)| alone(at)) {
        let message = format!("{{id}} is only a part of a longer value, but the series `{series}` compares it as a whole");
        check.mistakes.add(check.inside(said, "id"), message, "send {id} alone as the value, for example {\"id\":{id}}");
    }
}

/// The size to fill up to; it and the slot to be filled need each other.
fn pad_to(check: &mut Check<'_, '_>, table: &Table, text: &Template) -> Option<Template> {
    let said = table.text("text");
    let is_filler = |part: &&Part| matches!(part, Part::Slot(Slot::Pad | Slot::Audio));
    let pads = text.parts.iter().filter(is_filler).count();
    if let Some(said) = said.filter(|_| pads > 1) {
        check.mistakes.add(check.inside(said, "pad"), "{pad} is there more than once", "leave one of them; it takes all the filler");
    }
    let Some(node) = table.get("pad_to") else {
        if let Some(said) = said.filter(|_| pads > 0) {
            let hint = "add the size to fill up to, for example pad_to = \"64\"";
            check.mistakes.add(check.inside(said, "pad"), "{pad} is there, but not `pad_to`", hint);
        }
        return None;
    };
    if said.is_some() && pads == 0 {
        check.mistakes.add(node.span, "`pad_to` has no use: the text has no {pad}", "put {pad} where filler may stand, or remove `pad_to`");
    }
    size(check, node)
}

/// A size in bytes: a number, or a variable with one as its default.
fn size(check: &mut Check<'_, '_>, node: &Node) -> Option<Template> {
    let template = match &node.value {
        Value::Whole(number) => Template::parse(&number.to_string()),
        Value::Text(size) => check.template(Said { text: size, span: node.span }, "a size", &[]),
        _ => return None,
    };
    size_is_a_number(check, node.span, &template);
    Some(template)
}

/// Notes sizes that are no numbers, where they are written: here, or as the default of a variable.
fn size_is_a_number(check: &mut Check<'_, '_>, span: Span, template: &Template) {
    let root = check.root;
    let said = match template.parts.as_slice() {
        [] => Some(("", span)),
        [Part::Text(size)] => Some((size.as_str(), span)),
        [Part::Var(name)] => {
            let var = root.named("vars").find(|(var, _)| var.text == name).map(|(_, table)| table);
            var.and_then(|var| var.text("default")).map(|default| (default.text, default.span))
        }
        _ => None,
    };
    if let Some((size, span)) = said
        && let Err(why) = pad_sizes(size)
    {
        check.mistakes.add(span, why, "write a whole number, or for example pad_to = \"{payload_bytes}\" with a number as its default");
    }
}

/// The sizes in bytes that a finished `pad_to` says, separated by commas; sends take them in turn.
///
/// # Errors
/// When one is no whole number, or more than 16 MiB.
pub fn pad_sizes(text: &str) -> Result<Vec<usize>, String> {
    text.split(',').map(|size| pad_size(size.trim())).collect()
}

/// One size in bytes.
pub(super) fn pad_size(text: &str) -> Result<usize, String> {
    match text.parse::<u64>() {
        Ok(size) if size <= LARGEST_PAD => Ok(size as usize),
        Ok(_) => Err(format!("`{}` bytes are too many; messages are filled up to at most {LARGEST_PAD} (16 MiB)", quoted(text))),
        Err(_) => Err(format!("`{}` is not a number of bytes", quoted(text))),
    }
}
