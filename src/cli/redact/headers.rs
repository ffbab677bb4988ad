//! What a veil learns from the headers of an upgrade: credentials, cookies, and tokens among subprotocols.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::looks_secret;
use super::veil::Veil;
use super::veil::is_dense;

/// Headers that look like tokens and are none.
const OPEN: [&str; 9] = [
    "user-agent",
    "etag",
    "origin",
    "host",
    "referer",
    "accept-language",
    "sec-websocket-key",
    "sec-websocket-accept",
    "sec-websocket-extensions",
];

/// Learns what is secret in a header.
pub(super) fn learn(veil: &mut Veil, name: &str, value: &[u8]) {
    let text = String::from_utf8_lossy(value);
    let text = text.trim();
    let low = name.to_ascii_lowercase();
    match low.as_str() {
        _ if OPEN.contains(&low.as_str()) => {}
        "cookie" => text.split(';').for_each(|pair| cookie(veil, pair)),
        "set-cookie" => cookie(veil, text.split(';').next().unwrap_or_default()),
        "authorization" | "proxy-authorization" => credentials(veil, &low, text),
        "sec-websocket-protocol" => {
            let pieces = text.split([',', '.']).map(str::trim).filter(|piece| is_dense(piece.as_bytes()));
            for piece in pieces {
                veil.learn("subprotocol", piece.as_bytes());
                // `base64url.bearer.authorization.k8s.io.BASE64`
                let inner = URL_SAFE_NO_PAD.decode(piece.trim_end_matches('=')).unwrap_or_default();
                if inner.iter().all(u8::is_ascii_graphic) {
                    veil.learn("subprotocol", &inner);
                }
            }
        }
        _ if looks_secret(name) => {
            veil.learn(name, text.as_bytes());
            credentials(veil, name, text);
        }
        _ if is_dense(text.as_bytes()) => veil.learn(name, text.as_bytes()),
        _ => {}
    }
    // What has the name or the shape of a secret somewhere inside, also where that is encoded.
    veil.look_into(value);
}

/// `name=value`. What says which colours somebody likes is no secret, what could be guessed neither.
fn cookie(veil: &mut Veil, pair: &str) {
    let Some((name, value)) = pair.trim().split_once('=') else { return };
    let value = value.trim_matches('"');
    let is_mixed = value.len() >= 8 && value.bytes().any(|b| b.is_ascii_digit() || b.is_ascii_uppercase());
    if looks_secret(name) || is_mixed {
        veil.learn_undone(name, value);
    }
}

/// `Bearer TOKEN`, `Basic BASE64`.
fn credentials(veil: &mut Veil, name: &str, value: &str) {
    let Some((scheme, token)) = value.split_once(' ') else { return veil.learn(name, value.as_bytes()) };
    let token = token.trim();
    veil.learn(name, token.as_bytes());
    if !scheme.eq_ignore_ascii_case("basic") {
        return;
    }
    let decoded = STANDARD.decode(token).unwrap_or_default();
    if let Some(at) = decoded.iter().position(|b| *b == b':') {
        veil.learn("password", &decoded[at + 1..]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tap::Veil as _;

    #[test]
    fn credentials_of_an_upgrade_are_known_from_then_on() {
        for (name, value, said, wanted) in [
            ("Authorization", "Bearer Abc-123.x", "Abc-123.x", "<secret:authorization:1>"),
            ("authorization", "Basic bWU6b3Blbi1zZXNhbWU=", "me open-sesame", "me <secret:password:1>"),
            ("Cookie", "theme=dark; sid=Abc123; pref=a-long-word", "dark Abc123 a-long-word", "dark <secret:sid:1> a-long-word"),
            ("Set-Cookie", "s=0123Abcdef; Path=/; HttpOnly", "0123Abcdef HttpOnly", "<secret:s:1> HttpOnly"),
            ("Sec-WebSocket-Protocol", "chat, bearer.7Qx9Zt2LmW8c4n4ry", "chat 7Qx9Zt2LmW8c4n4ry", "chat <secret:subprotocol:1>"),
            ("Sec-WebSocket-Protocol", "graphql-transport-ws, v12.stomp", "v12.stomp", "v12.stomp"),
            (
                "Sec-WebSocket-Protocol",
                "base64url.bearer.authorization.k8s.io.azhzVG9rLWVuOTktQWIzZEVmNw",
                "k8sTok-en99-Ab3dEf7",
                "<secret:subprotocol:2>",
            ),
            ("Cookie", "sid=s%3AAbc123Def%2Fx", "s:Abc123Def/x s%3AAbc123Def%2Fx", "<secret:sid:1> <secret:sid:1>"),
            ("X-Api-Key", "k-123456", "k-123456", "<secret:x_api_key:1>"),
            ("X-Auth", "Token k-123456", "k-123456 Token k-123456", "<secret:x_auth:2> <secret:x_auth:1>"),
            ("Referer", "https://app.example/?token=Abc123Def", "Abc123Def", "<secret:token:1>"),
            ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ==", "dGhlIHNhbXBsZSBub25jZQ==", "dGhlIHNhbXBsZSBub25jZQ=="),
        ] {
            let mut veil = Veil::default();
            learn(&mut veil, name, value.as_bytes());
            assert_eq!(veil.text(said), wanted, "{name}: {value}");
        }
    }
}
