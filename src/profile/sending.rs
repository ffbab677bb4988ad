//! What is sent at the client's rate: that its answers can be told apart, and that filler has its
//! place and its size.

use super::Class;
use super::LoadRule;
use super::Payload;
use super::check::Check;
use super::diagnose::quoted;
use super::exchange::Known;
use super::exchange::Uses;
use super::exchange::expects;
use super::exchange::kind;
use super::exchange::owned;
use super::template::Part;
use super::template::Slot;
use super::template::Template;
use super::tree::Said;
use super::tree::Span;
use super::tree::Table;
use super::tree::Value;

/// Largest size a message can be filled up to, in bytes.
const LARGEST_PAD: u64 = 16 << 20;

/// Reads `[load]`.
pub(super) fn load(check: &mut Check<'_, '_>, known: &mut [Known<'_>], uses: &mut Uses) -> LoadRule {
    let Some(table) = check.root.table("load") else {
        uses.broken_expects = true;
        return LoadRule::default();
    };
    if let Some(name) = table.text("name") {
        kind(check, name);
        if check.root.tables("reply").any(|(_, reply)| reply.text("name").is_some_and(|reply| reply.text == name.text)) {
            let message = format!("the load has the name of the reply `{}`; their counts would mix", name.text);
            check.mistakes.add(name.span, message, "give one of them another name");
        }
    }
    let slots = [Slot::Id, Slot::Client, Slot::Pad];
    let text = table.text("text").map(|said| check.template(said, "a load", &slots)).unwrap_or_default();
    let expects = expects(check, table, known, uses);
    if let (Some(index), Some(said)) = (expects, table.text("text"))
        && known[index].class == Some(Class::Keyed)
    {
        the_key_is_sent(check, said, &text, known[index].name.text);
    }
    LoadRule {
        name: owned(table.text("name")),
        pad_to: pad_to(check, table, &text),
        payload: Payload::Text(text),
        expects: expects.into_iter().collect(),
        ..LoadRule::default()
    }
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
    let pads = text.parts.iter().filter(|part| **part == Part::Slot(Slot::Pad)).count();
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
    let template = match &node.value {
        Value::Whole(number) => Template::parse(&number.to_string()),
        Value::Text(size) => check.template(Said { text: size, span: node.span }, "a size", &[]),
        _ => return None,
    };
    size_is_a_number(check, node.span, &template);
    Some(template)
}

/// Notes a size that is no number, where it is written: here, or as the default of a variable.
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
        && let Err(why) = pad_size(size)
    {
        check.mistakes.add(span, why, "write a whole number, or for example pad_to = \"{payload_bytes}\" with a number as its default");
    }
}

/// The size in bytes that a finished `pad_to` says.
///
/// # Errors
/// When it is no whole number, or more than 16 MiB.
pub(super) fn pad_size(text: &str) -> Result<usize, String> {
    match text.parse::<u64>() {
        Ok(size) if size <= LARGEST_PAD => Ok(size as usize),
        Ok(_) => Err(format!("`{}` bytes are too many; messages are filled up to at most {LARGEST_PAD} (16 MiB)", quoted(text))),
        Err(_) => Err(format!("`{}` is not a number of bytes", quoted(text))),
    }
}
