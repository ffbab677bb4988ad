//! Fields of a message, read in place: simd-json on a tape and buffers that are reused, so that
//! nothing is allocated per message once warm.
//!
//! Only top-level members are looked at: the tag that names the kind, and the key of the answer.
//! The message's bytes are overwritten (strings are unescaped in place).

use simd_json::Buffers;
use simd_json::Tape;
use simd_json::prelude::*;

use crate::profile::TagValue;

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
    /// The index of the first rule in `tags` that one of the members `spellings` matches.
    #[inline]
    pub fn kind(&self, spellings: &[String], tags: &[(TagValue, usize)]) -> Option<usize> {
        let value = self.tape.as_value();
        let object = value.as_object()?;
        let tag = spellings.iter().find_map(|name| object.get(name.as_str()))?;
        if let Some(number) = tag.as_i64() {
            return tags.iter().find(|(tag, _)| *tag == TagValue::Number(number)).map(|(_, kind)| *kind);
        }
        let name = tag.as_str()?;
        tags.iter().find(|(tag, _)| matches!(tag, TagValue::Name(n) if n == name)).map(|(_, kind)| *kind)
    }

    /// The member `name` as a whole number.
    #[inline]
    pub fn number(&self, name: &str) -> Option<u64> {
        let value = self.tape.as_value();
        value.as_object()?.get(name)?.as_u64()
    }
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
        reader.read(&mut bytes, |fields| fields.kind(&spellings, &tags))
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

    #[test]
    fn keys_are_whole_numbers() {
        let mut reader = Reader::default();
        let mut number = |text: &str| reader.read(&mut text.as_bytes().to_vec(), |f| f.number("id")).ok().flatten();
        assert_eq!(number(r#"{"pad":"xx","id":18446744073709551615}"#), Some(u64::MAX));
        assert_eq!(number(r#"{"id":0}"#), Some(0));
        for text in [r#"{"id":-1}"#, r#"{"id":1.5}"#, r#"{"id":"1"}"#, r#"{"ID":1}"#, r#"{"id":18446744073709551616}"#] {
            assert_eq!(number(text), None, "{text}");
        }
    }
}
