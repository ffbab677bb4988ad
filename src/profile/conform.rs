//! Is every key known, there, and of the right type? Judged from the table in
//! [`schema`](super::schema) alone; what values mean is not known here.

use super::diagnose::Mistakes;
use super::diagnose::quoted;
use super::names;
use super::schema;
use super::schema::Key;
use super::schema::Kind;
use super::tree::Entry;
use super::tree::Node;
use super::tree::Span;
use super::tree::Table;
use super::tree::Value;

/// How much is judged.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Judge {
    /// Everything.
    All,
    /// Only what is there; part of the text could not be read, so nothing can be called missing.
    Present,
}

/// Notes unknown keys, missing keys and wrong types everywhere in the profile. A key that was
/// misspelt is given its proper name in the tree, so that nothing else is found amiss because of it.
pub(super) fn conform(root: &mut Table, judge: Judge, mistakes: &mut Mistakes) {
    let mut judge = Conform { judge, mistakes };
    judge.table(root, schema::PROFILE, &Place { title: "the profile".into(), span: Span::default() });
}

/// The table looked at, for messages.
struct Place {
    title: String,
    span: Span,
}

struct Conform<'m> {
    judge: Judge,
    mistakes: &'m mut Mistakes,
}

impl Conform<'_> {
    fn table(&mut self, table: &mut Table, keys: &'static [Key], place: &Place) {
        self.unknown(table, keys, place);
        for entry in &mut table.entries {
            if let Some(key) = keys.iter().find(|key| key.name == entry.key) {
                self.value(entry, key);
            }
        }
        for key in keys {
            if self.judge == Judge::All && key.required && table.get(key.name).is_none() {
                let message = format!("{} has no {}", place.title, shown(key));
                self.mistakes.add(place.span, message, format!("add for example {}", key.example));
            }
        }
    }

    /// Notes unknown keys, and reads each as the missing key it was probably meant for.
    fn unknown(&mut self, table: &mut Table, keys: &'static [Key], place: &Place) {
        let known: Vec<&str> = keys.iter().map(|key| key.name).collect();
        for at in 0..table.entries.len() {
            let Entry { key, key_span, .. } = &table.entries[at];
            if known.contains(&key.as_str()) {
                continue;
            }
            let message = format!("{} has no key `{}`", place.title, quoted(key));
            self.mistakes.add(*key_span, message, names::hint(key, &known, ""));
            if let Some(meant) = names::nearest(key, known.iter().copied()).filter(|meant| table.get(meant).is_none()) {
                table.entries[at].key = meant.to_owned();
            }
        }
    }

    fn value(&mut self, entry: &mut Entry, key: &'static Key) {
        let node = &mut entry.node;
        let span = node.span;
        match (&key.kind, &mut node.value) {
            (Kind::Text, Value::Text(_)) | (Kind::Flag, Value::Flag(_)) => {}
            (Kind::Size, Value::Text(_) | Value::Whole(_)) | (Kind::Names, Value::Text(_)) => {}
            (Kind::Whole, Value::Whole(_)) | (Kind::Number, Value::Whole(_) | Value::Fraction(_)) => {}
            (Kind::Texts | Kind::Names | Kind::Tags | Kind::Wholes, Value::List(items)) => self.items(items, key),
            (Kind::TextTable, Value::Table(table)) => self.text_values(table, key),
            (Kind::Table(keys), Value::Table(table)) => self.table(table, keys, &titled(format!("[{}]", key.name), span)),
            (Kind::Named(keys), Value::Table(table)) => self.named(table, keys, key),
            (Kind::ValueTable, Value::Table(table)) => self.values(table, key),
            (Kind::Tables(keys) | Kind::OneOrMore(keys), Value::List(items)) => self.tables(items, keys, key),
            (Kind::OneOrMore(keys), Value::Table(table)) => self.table(table, keys, &titled(format!("[{}]", key.name), span)),
            _ => self.wrong_type(node, key),
        }
    }

    fn items(&mut self, items: &[Node], key: &'static Key) {
        for item in items {
            match (&key.kind, &item.value) {
                (Kind::Texts | Kind::Names | Kind::Tags, Value::Text(_)) | (Kind::Wholes | Kind::Tags, Value::Whole(_)) => {}
                (kind, other) => {
                    let wanted = match kind {
                        Kind::Tags => "texts and whole numbers",
                        Kind::Wholes => "whole numbers",
                        _ => "texts",
                    };
                    let message = format!("`{}` is a list of {wanted}, this is {}", key.name, other.kind());
                    self.mistakes.add(item.span, message, format!("write for example {}", key.example));
                }
            }
        }
    }

    fn text_values(&mut self, table: &Table, key: &'static Key) {
        for entry in &table.entries {
            if !matches!(entry.node.value, Value::Text(_)) {
                let message = format!("`{}` must be text, this is {}", quoted(&entry.key), entry.node.value.kind());
                self.mistakes.add(entry.node.span, message, format!("write for example {}", key.example));
            }
        }
    }

    fn values(&mut self, table: &Table, key: &'static Key) {
        for entry in &table.entries {
            if matches!(entry.node.value, Value::List(_) | Value::Table(_) | Value::Other(_)) {
                let message = format!("`{}` must be text, a number or a flag, this is {}", quoted(&entry.key), entry.node.value.kind());
                self.mistakes.add(entry.node.span, message, format!("write for example {}", key.example));
            }
        }
    }

    fn named(&mut self, table: &mut Table, keys: &'static [Key], key: &'static Key) {
        for entry in &mut table.entries {
            match &mut entry.node.value {
                Value::Table(inner) => {
                    let title = format!("[{}.{}]", key.name, quoted(&entry.key));
                    self.table(inner, keys, &titled(title, entry.node.span));
                }
                other => {
                    let message = format!("`{}` in [{}] must be a table, this is {}", quoted(&entry.key), key.name, other.kind());
                    self.mistakes.add(entry.node.span, message, format!("write for example {}", key.example));
                }
            }
        }
    }

    fn tables(&mut self, items: &mut [Node], keys: &'static [Key], key: &'static Key) {
        for item in items {
            match &mut item.value {
                Value::Table(inner) => self.table(inner, keys, &titled(format!("[[{}]]", key.name), item.span)),
                _ => self.wrong_type(item, key),
            }
        }
    }

    fn wrong_type(&mut self, node: &Node, key: &'static Key) {
        let wanted = match key.kind {
            Kind::Text => "text",
            Kind::Flag => "true or false",
            Kind::Size => "text or a whole number",
            Kind::Whole => "a whole number",
            Kind::Number => "a number",
            Kind::Names => "text or a list of texts",
            Kind::Texts | Kind::Tags | Kind::Wholes => "a list",
            Kind::TextTable | Kind::ValueTable | Kind::Table(_) | Kind::Named(_) | Kind::OneOrMore(_) => "a table",
            Kind::Tables(_) => "a list of tables",
        };
        let message = format!("`{}` must be {wanted}, this is {}", key.name, node.value.kind());
        self.mistakes.add(node.span, message, format!("write for example {}", key.example));
    }
}

fn titled(title: String, span: Span) -> Place {
    Place { title, span }
}

/// A key as it is spoken of: `text`, or `[load]` when it is a table.
fn shown(key: &Key) -> String {
    match key.kind {
        Kind::Table(_) | Kind::OneOrMore(_) => format!("[{}]", key.name),
        _ => format!("`{}`", key.name),
    }
}
