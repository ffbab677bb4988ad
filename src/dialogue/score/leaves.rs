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

/// The text itself, in [`Step::from`].
const ROOT: usize = usize::MAX;

/// A step into an object or list. A long name that very many values stand under is kept once.
#[derive(Clone, Debug)]
struct Step {
    /// The step before; [`ROOT`] for none.
    from: usize,
    /// Its name in `names`, as a pointer (RFC 6901) writes it, with the `/` before it.
    name: Range<usize>,
}

/// One value.
#[derive(Clone, Debug)]
struct Leaf {
    /// The last step to it.
    step: usize,
    /// Where it stands, the quotes of a text included.
    at: Range<usize>,
}

/// The values of one text at a time; keeps its memory for the next.
#[derive(Debug, Default)]
pub(super) struct Leaves {
    names: String,
    steps: Vec<Step>,
    all: Vec<Leaf>,
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
        self.names.clear();
        self.steps.clear();
        self.all.clear();
        let value = text.trim_ascii();
        match value.as_bytes().first() {
            // Read whole by the walk.
            Some(b'{' | b'[') => self.walk(text, value, ROOT, 0).is_ok(),
            _ => serde_json::from_str::<&RawValue>(value).is_ok_and(|raw| self.walk(text, raw.get(), ROOT, 0).is_ok()),
        }
    }

    fn walk(&mut self, text: &str, value: &str, from: usize, depth: usize) -> Result<(), serde_json::Error> {
        match value.as_bytes().first() {
            Some(b'{') if depth < DEEPEST => {
                for (name, value) in serde_json::from_str::<Members<'_>>(value)?.0 {
                    let step = self.step(from, &name);
                    self.walk(text, value.get(), step, depth + 1)?;
                }
            }
            Some(b'[') if depth < DEEPEST => {
                for (index, value) in serde_json::from_str::<Vec<&RawValue>>(value)?.into_iter().enumerate() {
                    let step = self.step(from, &index.to_string());
                    self.walk(text, value.get(), step, depth + 1)?;
                }
            }
            _ => {
                // Borrowed from the text, so the distance between them is its place.
                let start = value.as_ptr() as usize - text.as_ptr() as usize;
                self.all.push(Leaf { step: from, at: start..start + value.len() });
            }
        }
        Ok(())
    }

    /// One step further.
    fn step(&mut self, from: usize, name: &str) -> usize {
        let start = self.names.len();
        self.names.push('/');
        for c in name.chars() {
            match c {
                '~' => self.names.push_str("~0"),
                '/' => self.names.push_str("~1"),
                c => self.names.push(c),
            }
        }
        self.steps.push(Step { from, name: start..self.names.len() });
        self.steps.len() - 1
    }

    /// Where the value at `path` stands.
    pub(super) fn find(&self, path: &str) -> Option<Range<usize>> {
        self.all.iter().find(|leaf| self.leads(path, leaf.step)).map(|leaf| leaf.at.clone())
    }

    /// Whether `path` ends with this step. No name holds a `/`, so it can be read from its end.
    fn leads(&self, mut path: &str, mut step: usize) -> bool {
        while let Some(Step { from, name }) = self.steps.get(step) {
            let Some(before) = path.strip_suffix(&self.names[name.clone()]) else { return false };
            (path, step) = (before, *from);
        }
        path.is_empty()
    }

    /// All values: the name that each stands under, and where it stands.
    pub(super) fn all(&self) -> impl Iterator<Item = (&str, Range<usize>)> {
        let name = |step: usize| self.steps.get(step).map_or("", |step| &self.names[step.name.start + 1..step.name.end]);
        self.all.iter().map(move |leaf| (name(leaf.step), leaf.at.clone()))
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
            let expected = [("a", "1"), ("0", r#""x\"y""#), ("1", "null"), ("d~1e", "-2.5e3"), ("f", "true")];
            assert_eq!(found, expected);
            for ((_, value), path) in expected.iter().zip(["/a", "/b/c/0", "/b/c/1", "/b/c/2/d~1e", "/f"]) {
                assert_eq!(leaves.find(path).map(|at| &text[at]), Some(*value), "{path}");
            }
            for path in ["", "/", "a", "/c/0", "/b/c", "/b/c/2/d", "/x/a"] {
                assert_eq!(leaves.find(path), None, "{path}");
            }
        }
        assert_eq!(leaves.find("/f").map(|at| &text[at]), Some("true"));
        for bad in ["", "{", "{\"a\":}", "{}{", "[1]2", "hello", &"[".repeat(100_000)] {
            assert!(!leaves.read(bad), "{bad:.20}");
        }
        assert!(leaves.read("7") && leaves.find("").is_some());
        // Values under one long name need that name once.
        let long = "k".repeat(100_000);
        assert!(leaves.read(&format!("{{\"{long}\":[{}1]}}", "1,".repeat(50_000))));
        assert!(leaves.names.len() < 1_000_000, "{}", leaves.names.len());
        assert!(leaves.find(&format!("/{long}/50000")).is_some());
        let deep = format!("{}1{}", "[".repeat(200_000), "]".repeat(200_000));
        assert!(leaves.read(&deep) && leaves.find(&"/0".repeat(DEEPEST)).is_some());
    }
}
