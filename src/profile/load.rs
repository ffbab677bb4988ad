//! TOML in, all mistakes at once.
//!
//! The only file that knows TOML. It turns the text into a tree with places; what the keys are is
//! in `conform`, what they mean in `check`. A text that is not TOML is still read as far as it
//! can be understood: unknown keys and wrong types in the rest are reported with it. What is
//! missing or refers to something else is judged only when all of the text was understood.

use toml::de::DeTable;
use toml::de::DeValue;
use toml::de::Error;

use super::Profile;
use super::check;
use super::conform;
use super::conform::Judge;
use super::diagnose::Mistakes;
use super::diagnose::quoted;
use super::tree::Entry;
use super::tree::Node;
use super::tree::Span;
use super::tree::Table;
use super::tree::Value;

/// Largest profile, in bytes.
pub const MAX_BYTES: usize = 1 << 20;

/// Makes a profile of TOML. `name` is what the text is known by in messages, for example its path.
///
/// # Errors
/// Everything that is wrong with it, each with its place and what to do.
pub fn from_text(name: &str, text: &str) -> Result<Profile, Mistakes> {
    if text.len() > MAX_BYTES {
        let mut mistakes = Mistakes::new(name, "");
        let message = format!("the profile has {} bytes; at most {MAX_BYTES} (1 MiB) are read", text.len());
        mistakes.add(Span::default(), message, "move large messages out of the profile");
        return Err(mistakes);
    }
    let mut mistakes = Mistakes::new(name, text);
    let (document, errors) = DeTable::parse_recoverable(text);
    let mut root = table(document.get_ref());
    let understood = note_syntax(&errors, text, &mut mistakes);
    let syntax_mistakes = mistakes.len();
    conform::conform(&mut root, if understood { Judge::All } else { Judge::Present }, &mut mistakes);
    mistakes.drop_echoes(syntax_mistakes);
    if !understood {
        return Err(mistakes.sorted());
    }
    let profile = check::profile(&root, text, &mut mistakes);
    if mistakes.is_empty() { Ok(profile) } else { Err(mistakes.sorted()) }
}

/// Notes what the TOML reader refused, without what is only an echo: what follows on the same line,
/// and the keys of a table that is there twice. Returns whether the whole text was understood all
/// the same.
fn note_syntax(errors: &[Error], text: &str, mistakes: &mut Mistakes) -> bool {
    let mut understood = true;
    let mut repeated_until = 0;
    let mut in_order: Vec<(Span, &Error)> = errors.iter().map(|error| (place(error), error)).collect();
    in_order.sort_by_key(|(span, _)| span.start);
    for (span, error) in in_order {
        let found = text.get(span.start..span.end).unwrap_or_default();
        let duplicate = error.message() == "duplicate key";
        understood &= duplicate;
        if mistakes.last_is_on_line_of(span.start) || (duplicate && span.start < repeated_until) {
            continue;
        }
        let (message, hint) = in_our_words(error.message(), found);
        mistakes.add(span, message, hint);
        if duplicate {
            repeated_until = end_of_table(text, span);
        }
    }
    understood
}

fn place(error: &Error) -> Span {
    error.span().map_or(Span::default(), |range| Span { start: range.start, end: range.end })
}

/// Where the table ends whose header has `name`; the name's own end when that is no header.
fn end_of_table(text: &str, name: Span) -> usize {
    let line_start = text[..name.start].rfind('\n').map_or(0, |newline| newline + 1);
    match text[line_start..].starts_with('[') {
        true => text[name.end..].find("\n[").map_or(text.len(), |at| name.end + at),
        false => name.end,
    }
}

/// What the TOML reader says, said for people who write profiles, and what to do.
fn in_our_words(message: &str, found: &str) -> (String, String) {
    let found = quoted(found);
    let unquoted = message.starts_with("string values must be quoted") || message.starts_with("invalid boolean");
    match message {
        "duplicate key" => (format!("`{found}` is there twice"), "give one of them another name, or remove it".into()),
        _ if unquoted && found.is_empty() => ("the value is missing".into(), "write it after the `=`".into()),
        _ if unquoted => (format!("`{found}` is text without quotes"), format!("write \"{found}\"")),
        _ => (format!("this is not TOML: {message}"), String::new()),
    }
}

/// A table of the document, its entries in the order of the file.
fn table(document: &DeTable<'_>) -> Table {
    let span = |range: std::ops::Range<usize>| Span { start: range.start, end: range.end };
    let entry = |(key, value): (&toml::Spanned<_>, &toml::Spanned<DeValue<'_>>)| Entry {
        key: std::borrow::Cow::to_string(key.get_ref()),
        key_span: span(key.span()),
        node: Node { span: span(value.span()), value: self::value(value.get_ref()) },
    };
    let mut entries: Vec<Entry> = document.iter().map(entry).collect();
    entries.sort_by_key(|entry| entry.key_span.start);
    Table { entries }
}

fn value(value: &DeValue<'_>) -> Value {
    match value {
        DeValue::String(text) => Value::Text(text.to_string()),
        DeValue::Integer(number) => match i64::from_str_radix(number.as_str(), number.radix()) {
            Ok(number) => Value::Whole(number),
            Err(_) => Value::Other("a number beyond 64 bits"),
        },
        DeValue::Float(number) => match number.as_str().parse::<f64>() {
            Ok(number) if number.is_finite() => Value::Fraction(number),
            _ => Value::Other("a number without end"),
        },
        DeValue::Boolean(flag) => Value::Flag(*flag),
        DeValue::Datetime(_) => Value::Other("a date"),
        DeValue::Array(items) => {
            let node = |item: &toml::Spanned<DeValue<'_>>| Node {
                span: Span { start: item.span().start, end: item.span().end },
                value: self::value(item.get_ref()),
            };
            Value::List(items.iter().map(node).collect())
        }
        DeValue::Table(inner) => Value::Table(table(inner)),
    }
}
