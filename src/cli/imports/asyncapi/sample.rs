//! A message made from its schema: what is constant stays, the rest is the smallest that fits. References are followed within the
//! document; a schema that holds itself ends where it would begin again.

use serde_json::Map;
use serde_json::Value as Json;
use serde_json::json;

use super::tree::Node;
use super::tree::Value;
use super::tree::Wrong;

/// Most references that lead to each other.
const REFS_MOST: usize = 32;
/// Deepest value made.
const DEEPEST: usize = 16;
/// Most values made for one message; those of an example or default count, and a long text counts for more.
const VALUES_MOST: usize = 5_000;
/// Most values of all messages.
const ALL_MOST: usize = 200_000;
/// Longest text made for the sake of `minLength`.
const TEXT_MOST: usize = 4_096;
/// What stands for a UUID.
pub(super) const UUID: &str = "00000000-0000-4000-8000-000000000001";

/// What a node is, references followed.
///
/// # Errors
/// When they lead in a circle, nowhere, or out of the document.
pub(super) fn follow<'t>(root: &'t Node, node: &'t Node) -> Result<&'t Node, Wrong> {
    let mut now = node;
    for _ in 0..REFS_MOST {
        let Some(reference) = now.get("$ref") else { return Ok(now) };
        let path = reference.text().unwrap_or_default();
        let Some(pointer) = path.strip_prefix('#') else {
            let what = format!("the reference `{}` leads out of the document", crate::units::printable(path, 120));
            return Err(Wrong::new(reference.at, what, "Make one document of it first, for example with `asyncapi bundle`"));
        };
        now = root.pointer(&undone(pointer)).ok_or_else(|| {
            let what = format!("the reference `{}` leads nowhere", crate::units::printable(path, 120));
            Wrong::new(reference.at, what, "Check its spelling against the components of the document")
        })?;
    }
    Err(Wrong::new(node.at, "references lead in a circle", "Let one of them lead to a schema or message"))
}

/// A fragment of an address without its percent escapes.
fn undone(pointer: &str) -> String {
    pointer.replace("%7B", "{").replace("%7D", "}").replace("%20", " ")
}

/// Makes messages.
pub(super) struct Sampler<'t> {
    root: &'t Node,
    /// Values of this message, and of all.
    made: usize,
    all: usize,
    /// Schemas that are being made.
    inside: Vec<*const Node>,
}

impl<'t> Sampler<'t> {
    pub(super) fn new(root: &'t Node) -> Self {
        Sampler { root, made: 0, all: 0, inside: Vec::new() }
    }

    /// A value that fits a schema.
    pub(super) fn value(&mut self, schema: &'t Node) -> Result<Json, Wrong> {
        self.made = 0;
        let value = self.of(schema)?.unwrap_or(Json::Null);
        self.count(self.made, schema)?;
        Ok(value)
    }

    /// An example as it stands.
    pub(super) fn example(&mut self, example: &Node) -> Result<Json, Wrong> {
        self.count(example.size(), example)?;
        Ok(example.json())
    }

    fn count(&mut self, values: usize, at: &Node) -> Result<(), Wrong> {
        self.all += values;
        if self.all <= ALL_MOST {
            return Ok(());
        }
        Err(Wrong::new(at.at, format!("the messages hold more than {ALL_MOST} values"), "Make their examples shorter"))
    }

    /// `None` where the schema holds itself.
    fn of(&mut self, node: &'t Node) -> Result<Option<Json>, Wrong> {
        let schema = follow(self.root, node)?;
        self.made += 1;
        let is_inside = self.inside.iter().any(|known| std::ptr::eq(*known, schema));
        if is_inside || self.inside.len() >= DEEPEST || self.made > VALUES_MOST {
            return Ok(None);
        }
        let given = ["const", "default"].iter().find_map(|name| schema.get(name));
        let listed = || ["examples", "enum"].iter().find_map(|name| schema.get(name)?.items().first());
        if let Some(given) = given.or_else(listed).or_else(|| schema.get("example")) {
            self.made += given.size();
            return Ok(Some(given.json()));
        }
        self.inside.push(schema);
        let made = self.by_type(schema);
        self.inside.pop();
        made
    }

    fn by_type(&mut self, schema: &'t Node) -> Result<Option<Json>, Wrong> {
        if let Some(first) = ["oneOf", "anyOf"].iter().find_map(|name| schema.get(name)?.items().first()) {
            let first = self.of(first)?;
            let own = self.object(schema)?;
            return Ok(merged(first, own));
        }
        let kind = schema.get("type").and_then(|kind| match &kind.value {
            Value::List(kinds) => kinds.iter().filter_map(Node::text).find(|kind| *kind != "null").or(Some("null")),
            _ => kind.text(),
        });
        let is_object = schema.get("properties").is_some() || schema.get("allOf").is_some();
        match kind {
            Some("string") => Ok(Some(text(schema).into())),
            Some("integer" | "number") => Ok(Some(number(schema))),
            Some("boolean") => Ok(Some(true.into())),
            Some("null") => Ok(Some(Json::Null)),
            Some("array") => {
                let item = schema.get("items").map(|items| self.of(items)).transpose()?.flatten();
                Ok(Some(item.into_iter().collect()))
            }
            Some("object") => self.object(schema).map(|made| Some(made.unwrap_or_else(|| json!({})))),
            None if is_object => self.object(schema),
            None => Ok(Some(json!({}))),
            Some(other) => {
                let at = schema.get("type").map_or(schema.at, |kind| kind.at);
                let what = format!("`{}` is no type of JSON Schema", crate::units::printable(other, 40));
                Err(Wrong::new(at, what, "Types are object, array, string, integer, number, boolean and null"))
            }
        }
    }

    /// The properties of a schema with those of all that it is made of.
    fn object(&mut self, schema: &'t Node) -> Result<Option<Json>, Wrong> {
        let mut whole = None;
        for part in schema.get("allOf").map_or(&[][..], Node::items) {
            whole = merged(whole, self.of(part)?);
        }
        let Some(properties) = schema.get("properties") else { return Ok(whole) };
        let required = schema.get("required").map_or(&[][..], Node::items);
        let mut members = Map::new();
        for (name, property) in properties.members() {
            if self.made > VALUES_MOST {
                break;
            }
            let made = self.of(property)?;
            let is_required = required.iter().any(|item| item.text() == Some(name));
            if let Some(value) = made.or(is_required.then_some(Json::Null)) {
                members.insert(name.to_owned(), value);
            }
        }
        Ok(merged(whole, Some(Json::Object(members))))
    }
}

/// Two objects as one; of anything else the first that is there.
fn merged(first: Option<Json>, second: Option<Json>) -> Option<Json> {
    match (first, second) {
        (Some(Json::Object(mut members)), Some(Json::Object(more))) => {
            members.extend(more);
            Some(Json::Object(members))
        }
        (first, second) => first.or(second),
    }
}

fn whole(schema: &Node, name: &str) -> Option<usize> {
    let Value::Number(number) = &schema.get(name)?.value else { return None };
    usize::try_from(number.as_u64()?).ok()
}

fn text(schema: &Node) -> String {
    let format = schema.get("format").and_then(Node::text).unwrap_or_default();
    let made = match format {
        "uuid" => UUID,
        "date-time" => "2026-01-01T00:00:00Z",
        "date" => "2026-01-01",
        "time" => "00:00:00Z",
        "duration" => "PT1S",
        "email" => "someone@example.com",
        "hostname" => "example.com",
        "ipv4" => "192.0.2.1",
        "ipv6" => "2001:db8::1",
        "uri" | "url" => "https://example.com/",
        "byte" => "AAAA",
        _ => "text",
    };
    let (least, most) = (whole(schema, "minLength").unwrap_or(0).min(TEXT_MOST), whole(schema, "maxLength").unwrap_or(TEXT_MOST));
    let filler = "x".repeat(least.saturating_sub(made.len()));
    format!("{made}{filler}").chars().take(most).collect()
}

fn number(schema: &Node) -> Json {
    let bound = |name: &str| if let Value::Number(number) = &schema.get(name)?.value { number.as_f64() } else { None };
    let is_whole = schema.get("type").and_then(Node::text) == Some("integer");
    let above = bound("exclusiveMinimum").map(|n| n + 1.0);
    let below = bound("maximum").or(bound("exclusiveMaximum").map(|n| n - 1.0)).unwrap_or(f64::MAX);
    let made = bound("minimum").or(above).unwrap_or(1.0).min(below);
    if is_whole || made.fract() == 0.0 { json!(made.ceil() as i64) } else { json!(made) }
}

#[cfg(test)]
mod tests {
    use super::super::tree::read;
    use super::*;

    fn sample(schema: &str) -> Result<Json, String> {
        let root = read(schema).expect("a document");
        Sampler::new(&root).value(&root).map_err(|wrong| format!("{}: {}", wrong.at.0, wrong.what))
    }

    #[test]
    fn values_fit_their_schema() {
        for (schema, wanted) in [
            (
                "{type: object, properties: {a: {const: ping}, b: {type: integer, minimum: 5}, c: {type: [\"null\", boolean]}}}",
                json!({"a": "ping", "b": 5, "c": true}),
            ),
            ("{type: array, items: {enum: [x, y]}}", json!(["x"])),
            ("{allOf: [{properties: {a: {default: 1}}}, {properties: {b: {type: string, maxLength: 2}}}]}", json!({"a": 1, "b": "te"})),
            ("{oneOf: [{type: string, format: uuid}, {type: integer}]}", json!(UUID)),
            ("{type: string, minLength: 6}", json!("textxx")),
            ("{type: number, exclusiveMinimum: 0.5}", json!(1.5)),
            ("{type: integer, maximum: -3}", json!(-3)),
            ("{properties: {me: {$ref: '#'}, n: {type: integer}}, required: [me]}", json!({"me": null, "n": 1})),
            ("{properties: {me: {$ref: '#'}}}", json!({})),
            ("{}", json!({})),
        ] {
            assert_eq!(sample(schema), Ok(wanted), "{schema}");
        }
    }

    #[test]
    fn references_that_lead_nowhere() {
        for (schema, why) in [
            ("{$ref: '#/a', a: {$ref: '#/b'}, b: {$ref: '#/a'}}", "1: references lead in a circle"),
            ("properties:\n  x: {$ref: '#/gone'}", "2: the reference `#/gone` leads nowhere"),
            ("{$ref: 'other.yaml#/x'}", "1: the reference `other.yaml#/x` leads out of the document"),
            ("{type: strnig}", "1: `strnig` is no type of JSON Schema"),
        ] {
            assert_eq!(sample(schema), Err(why.into()), "{schema}");
        }
    }
}
