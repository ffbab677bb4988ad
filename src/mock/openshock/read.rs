//! Reads the requests of an OpenShock live client.
//!
//! One pass over the JSON, nothing kept but what the gateway looks at. The `server` dialect takes
//! keys in any letter case and names for numbers; the `docs` dialect takes what is documented. Says
//! what was found, not what is to be answered.

use std::fmt;

use serde::Deserializer;
use serde::de::DeserializeSeed;
use serde::de::Error;
use serde::de::IgnoredAny;
use serde::de::MapAccess;
use serde::de::SeqAccess;
use serde::de::Visitor;

use super::uuid::Uuid;
use crate::mock::config::Dialect;

/// What `requestType` says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum RequestType {
    Frame,
    BulkFrame,
    Pong,
    /// A number that is no request.
    Unknown,
}

impl RequestType {
    fn of_number(number: i64) -> Option<Self> {
        match number {
            0 => Some(RequestType::Frame),
            1 => Some(RequestType::BulkFrame),
            1000 => Some(RequestType::Pong),
            other => i32::try_from(other).ok().map(|_| RequestType::Unknown),
        }
    }

    fn of_name(name: &str) -> Option<Self> {
        const NAMES: [(&str, RequestType); 3] =
            [("frame", RequestType::Frame), ("bulkframe", RequestType::BulkFrame), ("pong", RequestType::Pong)];
        NAMES.iter().find(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, t)| *t)
    }
}

/// A request as far as it could be read.
#[derive(Debug, PartialEq)]
pub(super) struct Request {
    /// `None` when missing, a name nobody knows, or no integer.
    pub(super) kind: Option<RequestType>,
    /// Its data.
    pub(super) data: Data,
}

/// What `data` holds.
#[derive(Debug, PartialEq)]
pub(super) enum Data {
    /// The key is not there.
    Missing,
    Null,
    /// An object, read as a frame.
    Object(Fields),
    /// An array, its elements read as frames; an element that is no object has no fields.
    Array(Vec<Fields>),
    /// Something else.
    Other,
}

/// The members of a frame; `None` where one is missing or has a value that cannot be read.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Fields {
    pub(super) shocker: Option<Uuid>,
    pub(super) intensity: Option<u8>,
    /// Number of the control type; 0 to 3 exist.
    pub(super) control: Option<i64>,
}

/// Reads one request; `None` when it is not the JSON of an object.
pub(super) fn request(body: &[u8], dialect: Dialect) -> Option<Request> {
    let mut json = serde_json::Deserializer::from_slice(body);
    let request = Envelope(dialect).deserialize(&mut json).ok()?;
    json.end().ok()?;
    Some(request)
}

/// Which of `names` the next key is.
struct Key(Dialect, &'static [&'static str]);

impl<'de> DeserializeSeed<'de> for Key {
    type Value = Option<usize>;

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<Self::Value, D::Error> {
        json.deserialize_identifier(self)
    }
}

impl Visitor<'_> for Key {
    type Value = Option<usize>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }

    fn visit_str<E: Error>(self, key: &str) -> Result<Self::Value, E> {
        Ok(match self.0 {
            Dialect::Docs => self.1.iter().position(|name| *name == key),
            Dialect::Server => self.1.iter().position(|name| name.eq_ignore_ascii_case(key)),
        })
    }
}

struct Envelope(Dialect);

impl<'de> DeserializeSeed<'de> for Envelope {
    type Value = Request;

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<Request, D::Error> {
        json.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Envelope {
    type Value = Request;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a request")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Request, A::Error> {
        let mut request = Request { kind: None, data: Data::Missing };
        while let Some(key) = map.next_key_seed(Key(self.0, &["requestType", "data"]))? {
            match key {
                Some(0) => {
                    request.kind = match map.next_value_seed(Scalar(RequestType::of_name))? {
                        Read::Number(number) => RequestType::of_number(number),
                        Read::Name(name) if self.0 == Dialect::Server => name,
                        _ => None,
                    }
                }
                Some(_) => request.data = map.next_value_seed(DataSeed(self.0))?,
                None => drop(map.next_value::<IgnoredAny>()?),
            }
        }
        Ok(request)
    }
}

struct DataSeed(Dialect);

impl<'de> DeserializeSeed<'de> for DataSeed {
    type Value = Data;

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<Data, D::Error> {
        json.deserialize_any(self)
    }
}

/// Answers for every JSON scalar that is of no use here.
macro_rules! no_use {
    ($value:expr; $($visit:ident: $type:ty),*) => {
        $(fn $visit<E: Error>(self, _: $type) -> Result<Self::Value, E> { Ok($value) })*
    };
}

impl<'de> Visitor<'de> for DataSeed {
    type Value = Data;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("data")
    }

    no_use!(Data::Other; visit_bool: bool, visit_i64: i64, visit_u64: u64, visit_f64: f64, visit_str: &str);

    fn visit_unit<E: Error>(self) -> Result<Data, E> {
        Ok(Data::Null)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Data, A::Error> {
        let mut frames = Vec::new();
        while let Some(element) = seq.next_element_seed(Element(self.0))? {
            frames.push(element);
        }
        Ok(Data::Array(frames))
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Data, A::Error> {
        fields(map, self.0).map(Data::Object)
    }
}

/// An element of a bulk.
struct Element(Dialect);

impl<'de> DeserializeSeed<'de> for Element {
    type Value = Fields;

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<Fields, D::Error> {
        json.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Element {
    type Value = Fields;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a frame")
    }

    no_use!(Fields::default(); visit_bool: bool, visit_i64: i64, visit_u64: u64, visit_f64: f64, visit_str: &str);

    fn visit_unit<E: Error>(self) -> Result<Fields, E> {
        Ok(Fields::default())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Fields, A::Error> {
        while seq.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Fields::default())
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Fields, A::Error> {
        fields(map, self.0)
    }
}

fn fields<'de, A: MapAccess<'de>>(mut map: A, dialect: Dialect) -> Result<Fields, A::Error> {
    let mut fields = Fields::default();
    while let Some(key) = map.next_key_seed(Key(dialect, &["shocker", "intensity", "type"]))? {
        match key {
            Some(0) => {
                fields.shocker = match map.next_value_seed(Scalar(Uuid::read))? {
                    Read::Name(uuid) => uuid,
                    _ => None,
                }
            }
            Some(1) => {
                fields.intensity = match map.next_value_seed(Scalar(|_: &str| None::<()>))? {
                    Read::Number(number) => u8::try_from(number).ok(),
                    _ => None,
                }
            }
            Some(_) => {
                fields.control = match map.next_value_seed(Scalar(|name: &str| control(name, dialect)))? {
                    Read::Number(number) => Some(number),
                    Read::Name(number) => number,
                    Read::Other => None,
                }
            }
            None => drop(map.next_value::<IgnoredAny>()?),
        }
    }
    Ok(fields)
}

fn control(name: &str, dialect: Dialect) -> Option<i64> {
    const NAMES: [&str; 4] = ["Stop", "Shock", "Vibrate", "Sound"];
    let same = |known: &&str| match dialect {
        Dialect::Docs => *known == name,
        Dialect::Server => known.eq_ignore_ascii_case(name),
    };
    NAMES.iter().position(same).map(|at| at as i64)
}

/// A number, or a name turned into what it means.
enum Read<T> {
    Number(i64),
    Name(Option<T>),
    Other,
}

struct Scalar<F>(F);

impl<'de, T, F: FnOnce(&str) -> Option<T>> DeserializeSeed<'de> for Scalar<F> {
    type Value = Read<T>;

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<Read<T>, D::Error> {
        json.deserialize_any(self)
    }
}

impl<'de, T, F: FnOnce(&str) -> Option<T>> Visitor<'de> for Scalar<F> {
    type Value = Read<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a number or a name")
    }

    no_use!(Read::Other; visit_bool: bool, visit_f64: f64);

    fn visit_unit<E: Error>(self) -> Result<Read<T>, E> {
        Ok(Read::Other)
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<Read<T>, E> {
        Ok(Read::Number(number))
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<Read<T>, E> {
        Ok(i64::try_from(number).map_or(Read::Other, Read::Number))
    }

    fn visit_str<E: Error>(self, name: &str) -> Result<Read<T>, E> {
        Ok(Read::Name((self.0)(name)))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Read<T>, A::Error> {
        while seq.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Read::Other)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Read<T>, A::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Read::Other)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "6b0d8a7e-1111-4222-8333-944445555666";

    fn frame(text: &str, dialect: Dialect) -> Option<Fields> {
        match request(text.replace("ID", ID).as_bytes(), dialect)?.data {
            Data::Object(fields) => Some(fields),
            _ => None,
        }
    }

    #[test]
    fn a_frame_in_both_dialects() {
        let full = Fields { shocker: Uuid::read(ID), intensity: Some(7), control: Some(1) };
        let documented = r#"{"requestType":0,"data":{"shocker":"ID","intensity":7,"type":"Shock"}}"#;
        let loose = r#"{"DATA":{"Type":"SHOCK","Intensity":7,"Shocker":"ID","more":[{}]},"RequestType":"frame"}"#;
        assert_eq!(frame(documented, Dialect::Docs), Some(full));
        assert_eq!(frame(documented, Dialect::Server), Some(full));
        assert_eq!(frame(loose, Dialect::Server), Some(full));
        let strict = request(loose.as_bytes(), Dialect::Docs).map(|r| (r.kind, r.data));
        assert_eq!(strict, Some((None, Data::Missing)));
    }

    #[test]
    fn fields_that_cannot_be_read() {
        for text in [r#""shocker":5"#, r#""intensity":-1"#, r#""intensity":256"#, r#""intensity":1.5"#, r#""type":"Kiss""#, r#""type":[1]"#]
        {
            let text = format!(r#"{{"requestType":0,"data":{{{text}}}}}"#);
            assert_eq!(frame(&text, Dialect::Server), Some(Fields::default()), "{text}");
        }
    }

    #[test]
    fn what_is_no_request() {
        for text in ["", "{", "[]", "5", "{} {}", "{\"requestType\":0,\"data\":}", &"[".repeat(100_000)] {
            assert_eq!(request(text.as_bytes(), Dialect::Server), None, "{text:.20}");
        }
        for (text, kind) in [
            ("{}", None),
            (r#"{"requestType":"frames"}"#, None),
            (r#"{"requestType":7}"#, Some(RequestType::Unknown)),
            (r#"{"requestType":1e3}"#, None),
            (r#"{"requestType":99999999999}"#, None),
        ] {
            assert_eq!(request(text.as_bytes(), Dialect::Server).map(|r| r.kind), Some(kind), "{text}");
        }
    }
}
