//! What a fault makes of an answer's message: its own JSON changed, or another in its place.
//!
//! Bodies only; when they are sent is not known here.

use super::config::Config;
use super::config::Dialect;
use super::config::Protocol;
use super::fault::message::Body;
use super::fault::message::Edit;
use super::kinds::Kind;
use super::openshock;

/// How deep the nested arrays are.
const DEPTH: usize = 10_000;

/// What stands in the place of an answer and what it counts as.
pub(super) fn body(body: Body, config: &Config) -> (Kind, Vec<u8>) {
    let speech = Speech::of(config);
    let body = match body {
        Body::UnknownType => speech.pick(
            r#"{"type":"volley_unknown","data":{}}"#,
            r#"{"responseType":999,"data":{}}"#,
            r#"{"ResponseType":"Unknown","Data":{}}"#,
        ),
        Body::MissingFields => speech.pick(r#"{"pad":""}"#, r#"{"data":null}"#, r#"{"Data":null}"#),
        Body::NullData => {
            speech.pick(r#"{"id":null,"pad":null}"#, r#"{"responseType":null,"data":null}"#, r#"{"ResponseType":null,"Data":null}"#)
        }
        Body::WrongType => {
            speech.pick(r#"{"id":["1"],"pad":7}"#, r#"{"responseType":[0],"data":"x"}"#, r#"{"ResponseType":{"a":0},"Data":true}"#)
        }
        Body::Number64 => speech.pick(
            r#"{"id":18446744073709551615,"pad":""}"#,
            r#"{"responseType":18446744073709551615,"data":null}"#,
            r#"{"ResponseType":18446744073709551615,"Data":null}"#,
        ),
        Body::Fraction => {
            speech.pick(r#"{"id":0.5,"pad":""}"#, r#"{"responseType":0.5,"data":null}"#, r#"{"ResponseType":0.5,"Data":null}"#)
        }
        Body::Surrogate => speech.pick(
            r#"{"id":"\ud800","pad":"\udfff"}"#,
            r#"{"responseType":"\ud800","data":"\udfff"}"#,
            r#"{"ResponseType":"\ud800","Data":"\udfff"}"#,
        ),
        Body::DeepNesting => ["[".repeat(DEPTH), "]".repeat(DEPTH)].concat().into_bytes(),
        Body::BadUtf8 => b"{\"id\":1,\"pad\":\"\xc3\x28\xff\"}".to_vec(),
        Body::Empty => Vec::new(),
        Body::EmptyArray => b"[]".to_vec(),
        Body::Scalar => b"7".to_vec(),
        Body::Huge(bytes) => huge(bytes),
        Body::Error(number) => return openshock::error(number, config),
    };
    (Kind::Faulty, body)
}

/// `body`, which begins with `{"`, changed, and what it counts as if its own kind no more.
pub(super) fn edited(edit: Edit, body: &[u8]) -> (Option<Kind>, Vec<u8>) {
    let end = body.iter().skip(2).position(|b| *b == b'"').map_or(body.len(), |at| at + 3);
    let (open, key, rest) = (&body[..1], &body[1..end], &body[end..]);
    match edit {
        Edit::ExtraFields => (None, [open, br#""volley_extra":{"a":[1,2.5,null,true],"b":"\u00e9"},"#, key, rest].concat()),
        Edit::KeyCase => (Some(Kind::Faulty), [open, &key.to_ascii_uppercase(), rest].concat()),
        Edit::DuplicateKeys => (Some(Kind::Faulty), [open, key, b":18446744073709551615,", key, rest].concat()),
    }
}

/// A JSON text of exactly `bytes` bytes, at least 16.
fn huge(bytes: usize) -> Vec<u8> {
    let (head, tail) = (br#"{"huge":""#, br#""}"#);
    let mut body = Vec::with_capacity(bytes);
    body.extend_from_slice(head);
    body.resize(bytes - tail.len(), b'x');
    body.extend_from_slice(tail);
    body
}

enum Speech {
    Echo,
    OpenShockDocs,
    OpenShockServer,
}

impl Speech {
    fn of(config: &Config) -> Self {
        match (config.profile, config.dialect) {
            (Protocol::OpenShockLive, Dialect::Docs) => Speech::OpenShockDocs,
            (Protocol::OpenShockLive, Dialect::Server) => Speech::OpenShockServer,
            _ => Speech::Echo,
        }
    }

    fn pick(&self, echo: &str, docs: &str, server: &str) -> Vec<u8> {
        let text = match self {
            Speech::Echo => echo,
            Speech::OpenShockDocs => docs,
            Speech::OpenShockServer => server,
        };
        text.as_bytes().to_vec()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn huge_is_as_long_as_asked() {
        for bytes in [16, 17, 65_536] {
            let body = huge(bytes);
            assert_eq!(body.len(), bytes);
            assert!(serde_json::from_slice::<serde_json::Value>(&body).is_ok());
        }
    }

    #[test]
    fn edits_keep_the_rest() {
        for (edit, text) in [
            (Edit::ExtraFields, r#"{"volley_extra":{"a":[1,2.5,null,true],"b":"\u00e9"},"id":1,"pad":""}"#),
            (Edit::KeyCase, r#"{"ID":1,"pad":""}"#),
            (Edit::DuplicateKeys, r#"{"id":18446744073709551615,"id":1,"pad":""}"#),
        ] {
            let (_, body) = edited(edit, br#"{"id":1,"pad":""}"#);
            assert_eq!(String::from_utf8_lossy(&body), text);
        }
        // What is no object is left whole.
        assert_eq!(edited(Edit::KeyCase, b"{\"ab").1, b"{\"AB");
    }
}
