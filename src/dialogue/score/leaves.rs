//! The values of a JSON text that hold no others, and where they stand in it. Knows nothing of profiles.

use std::borrow::Cow;
use std::fmt;
use std::ops::Range;

use serde::Deserialize;
use serde::de::Deserializer;
use serde::de::MapAccess;
use serde::de::Visitor;
use serde_json::value::RawValue;

/// Levels that are gone into; what lies deeper is one value. A text is read once for each level.
const DEEPEST: usize = 32;

/// One value.
#[derive(Clone, Debug)]
pub(super) struct Leaf {
    path: Range<usize>,
    /// Where it stands, the quotes of a text included.
    pub(super) at: Range<usize>,
}

/// The values of one text at a time; keeps its memory for the next.
#[derive(Debug, Default)]
pub(super) struct Leaves {
    paths: String,
    all: Vec<Leaf>,
    /// The way to what is being read.
    way: String,
}

/// The members of an object in their order.
struct Members<'a>(Vec<(Cow<'a, str>, &'a RawValue)>);

/// A name that may be escaped, borrowed where it is not.
#[derive(Deserialize)]
struct Name<'a>(#[serde(borrow)] Cow<'a, str>);

impl<'de: 'a, 'a> Deserialize<'de> for Members<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Object;
        impl<'de> Visitor<'de> for Object {
            type Value = Members<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut members = Vec::new();
                while let Some((Name(name), value)) = map.next_entry::<Name<'de>, &'de RawValue>()? {
                    members.push((name, value));
                }
                Ok(Members(members))
            }
        }
        deserializer.deserialize_map(Object)
    }
}

impl Leaves {
    /// Reads `text`; whether it is JSON.
    pub(super) fn read(&mut self, text: &str) -> bool {
        self.paths.clear();
        self.all.clear();
        self.way.clear();
        let value = text.trim_ascii();
        match value.as_bytes().first() {
            // Read whole by the walk.
            Some(b'{' | b'[') => self.walk(text, value, 0).is_ok(),
            _ => serde_json::from_str::<&RawValue>(value).is_ok_and(|raw| self.walk(text, raw.get(), 0).is_ok()),
        }
    }

    fn walk(&mut self, text: &str, value: &str, depth: usize) -> Result<(), serde_json::Error> {
        let length = self.way.len();
        match value.as_bytes().first() {
            Some(b'{') if depth < DEEPEST => {
                for (name, value) in serde_json::from_str::<Members<'_>>(value)?.0 {
                    step(&mut self.way, &name);
                    self.walk(text, value.get(), depth + 1)?;
                    self.way.truncate(length);
                }
            }
            Some(b'[') if depth < DEEPEST => {
                for (index, value) in serde_json::from_str::<Vec<&RawValue>>(value)?.into_iter().enumerate() {
                    step(&mut self.way, &index.to_string());
                    self.walk(text, value.get(), depth + 1)?;
                    self.way.truncate(length);
                }
            }
            _ => {
                // Borrowed from the text, so the distance between them is its place.
                let from = value.as_ptr() as usize - text.as_ptr() as usize;
                let path = self.paths.len()..self.paths.len() + self.way.len();
                self.paths.push_str(&self.way);
                self.all.push(Leaf { path, at: from..from + value.len() });
            }
        }
        Ok(())
    }

    /// Where the value at `path` stands.
    pub(super) fn find(&self, path: &str) -> Option<Range<usize>> {
        self.all.iter().find(|leaf| &self.paths[leaf.path.clone()] == path).map(|leaf| leaf.at.clone())
    }

    /// All values: the way to each, and where it stands.
    pub(super) fn all(&self) -> impl Iterator<Item = (&str, Range<usize>)> {
        self.all.iter().map(|leaf| (&self.paths[leaf.path.clone()], leaf.at.clone()))
    }
}

/// One step further, as RFC 6901 writes it.
fn step(way: &mut String, name: &str) {
    way.push('/');
    if !name.contains(['~', '/']) {
        return way.push_str(name);
    }
    for c in name.chars() {
        match c {
            '~' => way.push_str("~0"),
            '/' => way.push_str("~1"),
            c => way.push(c),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_value_is_found_where_it_stands() {
        let text = r#" {"a" : 1,"b":{"c":["x\"y",null,{"d/e":-2.5e3}]},"\u0066":true,"g":{}}"#;
        let mut leaves = Leaves::default();
        for _ in 0..2 {
            assert!(leaves.read(text));
            let found: Vec<(&str, &str)> = leaves.all().map(|(path, at)| (path, &text[at])).collect();
            let expected = [("/a", "1"), ("/b/c/0", r#""x\"y""#), ("/b/c/1", "null"), ("/b/c/2/d~1e", "-2.5e3"), ("/f", "true")];
            assert_eq!(found, expected);
        }
        assert_eq!(leaves.find("/f").map(|at| &text[at]), Some("true"));
        for bad in ["", "{", "{\"a\":}", "{}{", "[1]2", "hello", &"[".repeat(100_000)] {
            assert!(!leaves.read(bad), "{bad:.20}");
        }
        assert!(leaves.read("7") && leaves.find("").is_some());
        let deep = format!("{}1{}", "[".repeat(200_000), "]".repeat(200_000));
        assert!(leaves.read(&deep) && leaves.find(&"/0".repeat(DEEPEST)).is_some());
    }
}
