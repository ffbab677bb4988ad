//! Fields of a message, read in place: simd-json on a tape and buffers that are reused, so that
//! nothing is allocated per message once warm.
//!
//! Only what the profile names is looked at: the tag that names the kind, the key of the answer, and what
//! else stands at a pointer. The message's bytes are overwritten (strings are unescaped in place).

use simd_json::Buffers;
use simd_json::Tape;
use simd_json::ValueType;
use simd_json::prelude::*;

use crate::profile::Pointer;
use crate::profile::TagValue;

/// Longest value that is taken from a message, in bytes.
pub const CAPTURE_MOST: usize = 256;

/// Why a message could not be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unreadable {
    /// Not JSON.
    NotJson,
    /// JSON, but not an object.
    NotAnObject,
}

/// Reads messages; one per lane.
pub struct Reader {
    buffers: Buffers,
    tape: Option<Tape<'static>>,
}

/// What names the kind of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tag<'a> {
    /// A whole number.
    Number(i64),
    /// A text.
    Name(&'a str),
}

impl Tag<'_> {
    /// Whether it is this value.
    #[inline]
    pub fn is(self, value: &TagValue) -> bool {
        match (self, value) {
            (Tag::Number(number), TagValue::Number(wanted)) => number == *wanted,
            (Tag::Name(name), TagValue::Name(wanted)) => name == wanted,
            _ => false,
        }
    }
}

/// A message read, until the next one.
pub struct Fields<'a> {
    tape: Tape<'a>,
}

impl Default for Reader {
    fn default() -> Self {
        Reader { buffers: Buffers::new(4_096), tape: Some(Tape::null()) }
    }
}

impl Reader {
    /// Reads `message` and hands its fields to `look`.
    ///
    /// # Errors
    /// When the message is not a JSON object.
    #[inline]
    pub fn read<T>(&mut self, message: &mut [u8], look: impl FnOnce(&Fields<'_>) -> T) -> Result<T, Unreadable> {
        let mut tape = self.tape.take().unwrap_or_else(Tape::null).reset();
        let filled = simd_json::fill_tape(message, &mut self.buffers, &mut tape);
        let fields = Fields { tape };
        let result = match filled {
            Err(_) => Err(Unreadable::NotJson),
            Ok(()) if fields.tape.as_value().as_object().is_none() => Err(Unreadable::NotAnObject),
            Ok(()) => Ok(look(&fields)),
        };
        self.tape = Some(fields.tape.reset());
        result
    }
}

impl Fields<'_> {
    /// The tag: the first of the members `spellings` that is there.
    #[inline]
    pub fn tag(&self, spellings: &[String]) -> Option<Tag<'_>> {
        let value = self.tape.as_value();
        let object = value.as_object()?;
        let tag = spellings.iter().find_map(|name| object.get(name.as_str()))?;
        match tag.as_i64() {
            Some(number) => Some(Tag::Number(number)),
            None => tag.into_string().map(Tag::Name),
        }
    }

    /// The text under `inner` of the object under `outer`.
    pub(super) fn inner(&self, outer: &str, inner: &str) -> Option<&str> {
        self.tape.as_value().get(outer)?.get(inner)?.into_string()
    }

    /// The value at `pointer` as a key: a whole number, or the one that a text ends in.
    #[inline]
    pub fn key(&self, pointer: &Pointer) -> Option<u64> {
        let value = self.at(pointer)?;
        value.as_u64().or_else(|| whole(value.as_f64()?)).or_else(|| ending(value.as_str()?))
    }

    /// The value at `pointer` as a number.
    pub fn number(&self, pointer: &Pointer) -> Option<f64> {
        let value = self.at(pointer)?;
        value.cast_f64().or_else(|| value.as_str()?.parse().ok()).filter(|number: &f64| number.is_finite())
    }

    /// Whether the value at `pointer` is `wanted`: a text as it is, anything else as JSON writes it; `*` is any
    /// value but null.
    pub fn is(&self, pointer: &Pointer, wanted: &str) -> bool {
        let Some(value) = self.at(pointer) else { return wanted == "null" };
        match value.value_type() {
            _ if wanted == "*" => !value.is_null(),
            ValueType::String => value.as_str() == Some(wanted),
            ValueType::Null => wanted == "null",
            ValueType::Bool => value.as_bool() == wanted.parse().ok(),
            _ => value.cast_f64().is_some_and(|number| wanted.parse() == Ok(number)),
        }
    }

    /// The value at `pointer` as it stands in a message: a number, a flag, or a text escaped for a JSON string. At most
    /// [`CAPTURE_MOST`] bytes.
    pub fn text(&self, pointer: &Pointer) -> Option<String> {
        let value = self.at(pointer)?;
        let text = match value.value_type() {
            ValueType::String => escaped(value.as_str()?),
            ValueType::Bool => value.as_bool()?.to_string(),
            ValueType::Object | ValueType::Array | ValueType::Null => return None,
            _ => match (value.as_i64(), value.as_u64()) {
                (Some(whole), _) => whole.to_string(),
                (_, Some(whole)) => whole.to_string(),
                _ => value.as_f64()?.to_string(),
            },
        };
        (text.len() <= CAPTURE_MOST).then_some(text)
    }

    fn at(&self, pointer: &Pointer) -> Option<simd_json::tape::Value<'_, '_>> {
        let mut value = self.tape.as_value();
        for step in &pointer.steps {
            value = match value.value_type() {
                ValueType::Object => value.get(step.as_str())?,
                ValueType::Array => value.get_idx(step.parse().ok()?)?,
                _ => return None,
            };
        }
        Some(value)
    }
}

/// A fraction without anything behind the point, as some servers write counters.
fn whole(number: f64) -> Option<u64> {
    (number.fract() == 0.0 && (0.0..9_007_199_254_740_992.0).contains(&number)).then_some(number as u64)
}

/// The number that a text ends in.
fn ending(text: &str) -> Option<u64> {
    let digits = text.trim_end_matches(|c: char| c.is_ascii_digit()).len();
    text[digits..].parse().ok()
}

/// A text as it stands between the quotes of a JSON string (RFC 8259 section 7).
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            c if c.is_control() => out.push_str(&format!("\\u{:04x}", c as u32)),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kind_of(reader: &mut Reader, text: &str) -> Result<Option<usize>, Unreadable> {
        let spellings = ["responseType".to_owned(), "ResponseType".to_owned()];
        let tags = [
            (TagValue::Number(0), 0),
            (TagValue::Name("Frame".into()), 0),
            (TagValue::Number(1000), 1),
            (TagValue::Name("Ping".into()), 1),
        ];
        let mut bytes = text.as_bytes().to_vec();
        reader.read(&mut bytes, |fields| {
            let tag = fields.tag(&spellings)?;
            tags.iter().find(|(value, _)| tag.is(value)).map(|(_, kind)| *kind)
        })
    }

    #[test]
    fn both_spellings_and_both_values() {
        let mut reader = Reader::default();
        for (text, kind) in [
            (r#"{"responseType":0}"#, Some(0)),
            (r#"{"ResponseType":"Ping","Data":{"Timestamp":1}}"#, Some(1)),
            (r#"{"data":{"responseType":0},"responseType":1000}"#, Some(1)),
            (r#"{"x":"{\"responseType\":0}","responseType":7}"#, None),
            (r#"{"responseType":null}"#, None),
            (r#"{"responseType":1.5}"#, None),
            (r#"{}"#, None),
            (r#"{"\u0072esponseType":0}"#, Some(0)),
        ] {
            assert_eq!(kind_of(&mut reader, text), Ok(kind), "{text}");
        }
    }

    #[test]
    fn what_is_not_an_object_is_refused_and_the_next_one_read() {
        let mut reader = Reader::default();
        for text in ["", "{", "[1,2]", "7", "null", "{\"a\":}", "\u{0}", "{\"a\":1}{"] {
            assert!(kind_of(&mut reader, text).is_err(), "{text:?}");
            assert_eq!(kind_of(&mut reader, r#"{"responseType":0}"#), Ok(Some(0)));
        }
        let deep = "[".repeat(100_000);
        assert!(kind_of(&mut reader, &deep).is_err());
    }

    fn at(text: &str) -> Pointer {
        Pointer::parse(text).expect("it names something")
    }

    #[test]
    fn keys_are_whole_numbers_or_stand_at_the_end_of_a_text() {
        let mut reader = Reader::default();
        let mut key = |text: &str| reader.read(&mut text.as_bytes().to_vec(), |f| f.key(&at("id"))).ok().flatten();
        assert_eq!(key(r#"{"pad":"xx","id":18446744073709551615}"#), Some(u64::MAX));
        for (text, found) in [(r#"{"id":0}"#, 0), (r#"{"id":"1"}"#, 1), (r#"{"id":7.0}"#, 7), (r#"{"id":"volley 3 of 12"}"#, 12)] {
            assert_eq!(key(text), Some(found), "{text}");
        }
        for text in [r#"{"id":-1}"#, r#"{"id":1.5}"#, r#"{"id":"1x"}"#, r#"{"ID":1}"#, r#"{"id":18446744073709551616}"#, r#"{"id":null}"#] {
            assert_eq!(key(text), None, "{text}");
        }
    }

    #[test]
    fn pointers_go_into_objects_and_lists() {
        let mut reader = Reader::default();
        let mut text = br#"{"d":{"d":[0,{"x":"a\"b"}],"on":true,"n":-2.5},"z":null}"#.to_vec();
        reader
            .read(&mut text, |fields| {
                assert_eq!(fields.text(&at("/d/d/1/x")).as_deref(), Some(r#"a\"b"#));
                assert_eq!(fields.number(&at("/d/n")), Some(-2.5));
                assert_eq!(fields.text(&at("/d/on")).as_deref(), Some("true"));
                assert_eq!(fields.text(&at("/d")), None);
                for (place, wanted, is) in [
                    ("/d/on", "true", true),
                    ("/d/on", "false", false),
                    ("/d/n", "-2.5", true),
                    ("z", "null", true),
                    ("z", "*", false),
                    ("y", "null", true),
                    ("/d/d/0", "*", true),
                    ("/d/d/7", "*", false),
                    ("/d/d/x", "*", false),
                ] {
                    assert_eq!(fields.is(&at(place), wanted), is, "{place} {wanted}");
                }
            })
            .expect("an object");
    }
}
