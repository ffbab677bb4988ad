//! What stands in the place of an answer when a fault strikes.
//!
//! Bodies only; when they are sent is not known here.

use super::account::Kind;
use super::config::Config;
use super::config::Dialect;
use super::config::Protocol;
use super::fault::Fault;
use super::openshock;

/// How deep the nested arrays are.
const DEPTH: usize = 10_000;

/// What `fault` puts in the place of an answer and what it counts as; `None` when it keeps the answer.
pub(super) fn body(fault: Fault, config: &Config) -> Option<(Kind, Vec<u8>)> {
    let speech = Speech::of(config);
    let body = match fault {
        Fault::UnknownType => speech.pick(
            r#"{"type":"volley_unknown","data":{}}"#,
            r#"{"responseType":999,"data":{}}"#,
            r#"{"ResponseType":"Unknown","Data":{}}"#,
        ),
        Fault::MissingFields => speech.pick(r#"{"pad":""}"#, r#"{"data":null}"#, r#"{"Data":null}"#),
        Fault::NullData => {
            speech.pick(r#"{"id":null,"pad":null}"#, r#"{"responseType":null,"data":null}"#, r#"{"ResponseType":null,"Data":null}"#)
        }
        Fault::DeepNesting => ["[".repeat(DEPTH), "]".repeat(DEPTH)].concat().into_bytes(),
        Fault::BadUtf8 => b"{\"id\":1,\"pad\":\"\xc3\x28\xff\"}".to_vec(),
        Fault::Huge(bytes) => huge(bytes),
        Fault::ErrorInstead(number) => return openshock::error(number, config),
        _ => return None,
    };
    Some((Kind::Faulty, body))
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
            (Protocol::Echo, _) => Speech::Echo,
            (Protocol::OpenShockLive, Dialect::Docs) => Speech::OpenShockDocs,
            (Protocol::OpenShockLive, Dialect::Server) => Speech::OpenShockServer,
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
}
