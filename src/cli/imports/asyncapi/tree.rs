//! A YAML or JSON document as a tree in which every value knows its place. What is read has a bound, also where aliases repeat it.

use std::collections::HashMap;
use std::collections::HashSet;

use saphyr_parser::Event;
use saphyr_parser::Marker;
use saphyr_parser::Parser;
use saphyr_parser::ScalarStyle;
use serde_json::Number;

/// Most values of a document, aliases counted as what they stand for.
const VALUES_MOST: usize = 200_000;
/// Bytes of a text that count as one more value where it is repeated.
const VALUE: usize = 64;
/// Deepest nesting.
const DEEPEST: usize = 100;

/// A value and its place.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Node {
    /// Line and column, from 1.
    pub(super) at: (usize, usize),
    pub(super) value: Value,
}

/// A value.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Value {
    Null,
    Flag(bool),
    Number(Number),
    Text(String),
    List(Vec<Node>),
    Map(Vec<(String, Node)>),
}

/// What is wrong with a document, where, and what to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Wrong {
    pub(super) at: (usize, usize),
    pub(super) what: String,
    pub(super) hint: String,
}

impl Wrong {
    pub(super) fn new(at: (usize, usize), what: impl Into<String>, hint: impl Into<String>) -> Self {
        Wrong { at, what: what.into(), hint: hint.into() }
    }
}

impl Node {
    /// A member of a map.
    pub(super) fn get(&self, name: &str) -> Option<&Node> {
        self.members().find(|(key, _)| *key == name).map(|(_, node)| node)
    }

    /// The members of a map; nothing for anything else.
    pub(super) fn members(&self) -> impl Iterator<Item = (&str, &Node)> {
        let members = if let Value::Map(members) = &self.value { members.as_slice() } else { &[] };
        members.iter().map(|(key, node)| (key.as_str(), node))
    }

    /// The items of a list; nothing for anything else.
    pub(super) fn items(&self) -> &[Node] {
        if let Value::List(items) = &self.value { items } else { &[] }
    }

    /// A text.
    pub(super) fn text(&self) -> Option<&str> {
        if let Value::Text(text) = &self.value { Some(text) } else { None }
    }

    /// What a JSON pointer (RFC 6901) leads to.
    pub(super) fn pointer(&self, pointer: &str) -> Option<&Node> {
        let parts = pointer.split('/').skip(1).map(|part| part.replace("~1", "/").replace("~0", "~"));
        parts.into_iter().try_fold(self, |node, part| match &node.value {
            Value::List(items) => items.get(part.parse::<usize>().ok()?),
            _ => node.get(&part),
        })
    }

    /// The same as JSON.
    pub(super) fn json(&self) -> serde_json::Value {
        match &self.value {
            Value::Null => serde_json::Value::Null,
            Value::Flag(flag) => (*flag).into(),
            Value::Number(number) => number.clone().into(),
            Value::Text(text) => text.clone().into(),
            Value::List(items) => items.iter().map(Node::json).collect(),
            Value::Map(members) => members.iter().map(|(key, node)| (key.clone(), node.json())).collect(),
        }
    }

    /// How many values it holds, itself one of them; a long text counts for more.
    pub(super) fn size(&self) -> usize {
        1 + match &self.value {
            Value::List(items) => items.iter().map(Node::size).sum::<usize>(),
            Value::Map(members) => members.iter().map(|(key, node)| key.len() / VALUE + node.size()).sum(),
            Value::Text(text) => text.len() / VALUE,
            _ => 0,
        }
    }
}

/// A list or map that is not whole yet.
struct Open {
    node: Node,
    anchor: usize,
    /// The key whose value comes next.
    key: Option<String>,
    /// Those that were there.
    keys: HashSet<String>,
}

/// Reads the first document of a text.
pub(super) fn read(text: &str) -> Result<Node, Wrong> {
    let mut builder = Builder { open: Vec::new(), anchors: HashMap::new(), values: 0, root: None };
    let mut parser = Parser::new_from_str(text);
    while builder.root.is_none() {
        let Some(next) = parser.next_event() else { break };
        let (event, span) = next.map_err(|e| {
            Wrong::new(place(*e.marker()), format!("it is neither YAML nor JSON: {}", e.info()), "Check what stands just before this place")
        })?;
        builder.take(event, place(span.start))?;
    }
    builder.root.ok_or_else(|| Wrong::new((1, 1), "there is nothing in it", "Give an AsyncAPI document"))
}

fn place(marker: Marker) -> (usize, usize) {
    (marker.line(), marker.col() + 1)
}

struct Builder {
    open: Vec<Open>,
    anchors: HashMap<usize, (Node, usize)>,
    values: usize,
    root: Option<Node>,
}

impl Builder {
    fn take(&mut self, event: Event<'_>, at: (usize, usize)) -> Result<(), Wrong> {
        match event {
            Event::Scalar(text, style, anchor, _) => {
                self.count(1, at)?;
                let is_key = self.open.last().is_some_and(|open| matches!(open.node.value, Value::Map(_)) && open.key.is_none());
                if is_key {
                    return self.key(text.into_owned(), at);
                }
                let value = if style == ScalarStyle::Plain { plain(&text) } else { Value::Text(text.into_owned()) };
                self.done(Node { at, value }, anchor)
            }
            Event::SequenceStart(anchor, _) => self.begin(Node { at, value: Value::List(Vec::new()) }, anchor),
            Event::MappingStart(anchor, _) => self.begin(Node { at, value: Value::Map(Vec::new()) }, anchor),
            Event::SequenceEnd | Event::MappingEnd => {
                let Some(open) = self.open.pop() else { return Ok(()) };
                self.done(open.node, open.anchor)
            }
            Event::Alias(anchor) => {
                let Some(size) = self.anchors.get(&anchor).map(|(_, size)| *size) else {
                    return Err(Wrong::new(at, "an alias stands inside what it names", "Write it out, or use $ref"));
                };
                self.count(size, at)?;
                self.done(self.anchors[&anchor].0.clone(), 0)
            }
            _ => Ok(()),
        }
    }

    fn count(&mut self, values: usize, at: (usize, usize)) -> Result<(), Wrong> {
        self.values += values;
        if self.values <= VALUES_MOST {
            return Ok(());
        }
        Err(Wrong::new(
            at,
            format!("there are more than {VALUES_MOST} values, aliases written out"),
            "Leave out what is no WebSocket, or use $ref",
        ))
    }

    fn begin(&mut self, node: Node, anchor: usize) -> Result<(), Wrong> {
        self.count(1, node.at)?;
        let is_key = self.open.last().is_some_and(|open| matches!(open.node.value, Value::Map(_)) && open.key.is_none());
        if is_key {
            return Err(Wrong::new(node.at, "a list or map stands where a name should", "Give the member a plain name"));
        }
        if self.open.len() >= DEEPEST {
            return Err(Wrong::new(
                node.at,
                format!("it is nested more than {DEEPEST} deep"),
                "Move inner parts into components and use $ref",
            ));
        }
        self.open.push(Open { node, anchor, key: None, keys: HashSet::new() });
        Ok(())
    }

    fn key(&mut self, text: String, at: (usize, usize)) -> Result<(), Wrong> {
        let Some(open) = self.open.last_mut() else { return Ok(()) };
        if !open.keys.insert(text.clone()) {
            return Err(Wrong::new(at, format!("`{}` is there already", crate::units::printable(&text, 80)), "Leave one of them out"));
        }
        open.key = Some(text);
        Ok(())
    }

    fn done(&mut self, node: Node, anchor: usize) -> Result<(), Wrong> {
        if anchor > 0 {
            let size = node.size();
            self.count(size, node.at)?;
            self.anchors.insert(anchor, (node.clone(), size));
        }
        match self.open.last_mut() {
            None => self.root = Some(node),
            Some(Open { node: Node { value: Value::List(items), .. }, .. }) => items.push(node),
            Some(Open { node: Node { value: Value::Map(members), .. }, key, .. }) => match key.take() {
                Some(key) => members.push((key, node)),
                // An alias as a name.
                None => return Err(Wrong::new(node.at, "an alias stands where a name should", "Write the name out")),
            },
            Some(_) => {}
        }
        Ok(())
    }
}

/// A plain scalar as the core schema of YAML 1.2 reads it.
fn plain(text: &str) -> Value {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => Value::Null,
        "true" | "True" | "TRUE" => Value::Flag(true),
        "false" | "False" | "FALSE" => Value::Flag(false),
        _ => {
            let is_number = text.starts_with(|c: char| c.is_ascii_digit() || "+-.".contains(c));
            let number = || {
                let whole = text.parse::<i64>().ok().map(Number::from).or_else(|| text.parse::<u64>().ok().map(Number::from));
                whole.or_else(|| text.parse::<f64>().ok().and_then(Number::from_f64))
            };
            is_number.then(number).flatten().map_or_else(|| Value::Text(text.to_owned()), Value::Number)
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn any_text_is_taken_with_grace(text in "[\\[\\]{}:,&*!|>%@`'\"# \n\\-?a0~.\\\\]{0,60}") {
            read(&text).ok();
        }
    }

    #[test]
    fn yaml_and_json_are_read_alike() {
        let yaml = "a: 1\nb: [true, ~, \"1\"]\nc: &x {d: -2.5, e: 'it''s'}\nf: *x\ng: 2.6.0\n";
        let json = r#"{"a":1,"b":[true,null,"1"],"c":{"d":-2.5,"e":"it's"},"f":{"d":-2.5,"e":"it's"},"g":"2.6.0"}"#;
        let read = |text: &str| read(text).unwrap_or_else(|e| panic!("{e:?}"));
        assert_eq!(read(yaml).json(), read(json).json());
        assert_eq!(read(yaml).json(), serde_json::from_str::<serde_json::Value>(json).expect("good"));
        assert_eq!(read(yaml).pointer("/c/d").expect("there").at, (3, 11));
        assert_eq!(read(yaml).pointer("/b/2").and_then(Node::text), Some("1"));
        assert_eq!(read("paths: {a/b: {~x: 1}}").pointer("/paths/a~1b/~0x").expect("there").json(), 1);
    }

    #[test]
    fn what_is_malformed_or_huge_has_an_end() {
        let bomb: String = (0..40).map(|n| format!("a{}: &a{} [{}]\n", n + 1, n + 1, format!("*a{n}, ").repeat(10))).collect();
        for (text, what) in [
            (String::new(), "nothing in it"),
            ("a: [1".into(), "neither YAML nor JSON"),
            ("a: 1\na: 2\n".into(), "`a` is there already"),
            ("[".repeat(100_000), "recursion limit"),
            (format!("{}x{}", "- ".repeat(150), ""), "nested more than"),
            (format!("a0: &a0 x\n{bomb}"), "more than 200000 values"),
            (format!("a: &x \"{}\"\nb: [{}]", "z".repeat(1 << 20), "*x, ".repeat(20)), "more than 200000 values"),
            (
                format!("{}\"{}\"{}", (0..20).map(|n| format!("&x{n} [")).collect::<String>(), "z".repeat(1 << 20), "]".repeat(20)),
                "more than 200000 values",
            ),
            ("a: &x [*x]".into(), "inside what it names"),
            ("? [a]\n: b".into(), "where a name should"),
            ("\u{0}\u{1}PK".into(), "neither YAML nor JSON"),
        ] {
            let wrong = read(&text).expect_err(what);
            assert!(wrong.what.contains(what) || (text.starts_with('\u{0}') && !wrong.what.is_empty()), "{what}: {wrong:?}");
            assert!(wrong.at.0 >= 1 && !wrong.hint.is_empty());
        }
    }
}
