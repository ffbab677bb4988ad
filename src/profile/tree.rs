//! A parsed profile before its meaning is known: values, each with the place where it was written.
//!
//! Knows nothing of TOML and nothing of profiles. Accessors answer `None` for a value of another
//! type: [`conform`](super::conform) has complained about it by then.

/// A stretch of the profile's text, in bytes; `end` is not part of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Span {
    /// Offset of the first byte.
    pub start: usize,
    /// Offset behind the last byte.
    pub end: usize,
}

/// A value and where it stands; a table's place is its header.
pub(super) struct Node {
    pub(super) span: Span,
    pub(super) value: Value,
}

/// What a profile is made of.
pub(super) enum Value {
    Text(String),
    Whole(i64),
    Fraction(f64),
    Flag(bool),
    List(Vec<Node>),
    Table(Table),
    /// Something no key of a profile takes, by the name of its type.
    Other(&'static str),
}

impl Value {
    /// The type in words, for messages.
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Value::Text(_) => "text",
            Value::Whole(_) => "a whole number",
            Value::Fraction(_) => "a fraction",
            Value::Flag(_) => "true or false",
            Value::List(_) => "a list",
            Value::Table(_) => "a table",
            Value::Other(kind) => kind,
        }
    }
}

/// A piece of text of the profile and where it stands.
#[derive(Clone, Copy)]
pub(super) struct Said<'t> {
    pub(super) text: &'t str,
    pub(super) span: Span,
}

/// A key with its value.
pub(super) struct Entry {
    pub(super) key: String,
    pub(super) key_span: Span,
    pub(super) node: Node,
}

impl Entry {
    /// The key and where it stands.
    pub(super) fn said_key(&self) -> Said<'_> {
        Said { text: &self.key, span: self.key_span }
    }
}

/// Entries in the order of the file.
#[derive(Default)]
pub(super) struct Table {
    pub(super) entries: Vec<Entry>,
}

impl Table {
    /// The value under `key`.
    pub(super) fn get(&self, key: &str) -> Option<&Node> {
        self.entries.iter().find(|entry| entry.key == key).map(|entry| &entry.node)
    }

    /// The text under `key`.
    pub(super) fn text(&self, key: &str) -> Option<Said<'_>> {
        said(self.get(key)?)
    }

    /// Whether the flag under `key` is set; not there means not set.
    pub(super) fn flag(&self, key: &str) -> bool {
        matches!(self.get(key).map(|node| &node.value), Some(Value::Flag(true)))
    }

    /// The values of the list under `key`; none when it is not there.
    pub(super) fn list(&self, key: &str) -> &[Node] {
        match self.get(key).map(|node| &node.value) {
            Some(Value::List(nodes)) => nodes,
            _ => &[],
        }
    }

    /// The texts of the list under `key`.
    pub(super) fn texts(&self, key: &str) -> impl Iterator<Item = Said<'_>> {
        self.list(key).iter().filter_map(said)
    }

    /// The text under `key`, or the texts of the list under it.
    pub(super) fn names(&self, key: &str) -> impl Iterator<Item = Said<'_>> {
        self.text(key).into_iter().chain(self.texts(key))
    }

    /// The table under `key`.
    pub(super) fn table(&self, key: &str) -> Option<&Table> {
        inner(self.get(key)?)
    }

    /// The tables in the table under `key`, with their names: `[vars.token]` under `vars`.
    pub(super) fn named(&self, key: &str) -> impl Iterator<Item = (Said<'_>, &Table)> {
        let entries = self.table(key).map_or(&[][..], |table| &table.entries);
        entries.iter().filter_map(|entry| Some((entry.said_key(), inner(&entry.node)?)))
    }

    /// The tables in the list under `key`, with their places: `[[message]]`. A single table counts as a list of one.
    pub(super) fn tables(&self, key: &str) -> impl Iterator<Item = (Span, &Table)> {
        let single = self.get(key).filter(|node| matches!(node.value, Value::Table(_)));
        single.into_iter().chain(self.list(key)).filter_map(|node| Some((node.span, inner(node)?)))
    }
}

fn said(node: &Node) -> Option<Said<'_>> {
    match &node.value {
        Value::Text(text) => Some(Said { text, span: node.span }),
        _ => None,
    }
}

fn inner(node: &Node) -> Option<&Table> {
    match &node.value {
        Value::Table(table) => Some(table),
        _ => None,
    }
}
