//! What a veil takes out of a conversation, and what it leaves.

use proptest::prelude::*;

use super::*;
use crate::tap::Veil as _;

const CANARY: &str = "c4n4ry-7Qx9Zt2LmW8";

#[test]
fn the_same_secret_has_the_same_mark() {
    let mut veil = Veil::new(&[("API_TOKEN".into(), CANARY.into())], &[]);
    assert_eq!(
        veil.text(&format!("{{\"a\":\"{CANARY}\",\"b\":\"x{CANARY}y\"}}")),
        r#"{"a":"<secret:api_token:1>","b":"x<secret:api_token:1>y"}"#
    );
    assert_eq!(veil.text(r#"{"token":"Hunter22","again":"Hunter22"}"#), r#"{"token":"<secret:token:1>","again":"<secret:token:1>"}"#);
    assert_eq!(veil.text("later Hunter22, and Hunter23"), "later <secret:token:1>, and Hunter23");
    assert_eq!(veil.text(r#"{"Token":"Hunter23"}"#), r#"{"Token":"<secret:token:2>"}"#);
    assert_eq!(veil.replaced(), 6);
}

#[test]
fn by_name_and_by_shape() {
    for (text, wanted) in [
        (r#"{"password":"letmein"}"#, r#"{"password":"<secret:password:short>"}"#),
        (r#"{"token":"hunter"}"#, r#"{"token":"<secret:token:short>"}"#),
        (r#"{"pin":1234,"n":1234}"#, r#"{"pin":0,"n":1234}"#),
        (r#"{"auth":true,"token":null,"tokens":512}"#, r#"{"auth":true,"token":null,"tokens":512}"#),
        ("invalid token: expired", "invalid token: expired"),
        ("session=Abc123Def&x=1", "session=<secret:session:1>&x=1"),
        (r#"{"d":"{\"api_key\":\"Abc123Def\"}"}"#, r#"{"d":"{\"api_key\":\"<secret:api_key:1>\"}"}"#),
        ("%7B%22token%22%3A%22Abc123Def%22%7D", "%7B%22token%22%3A%22<secret:token:1>%22%7D"),
        (r#"{"\u0074oken":"Abc123Def"}"#, r#"{"\u0074oken":"<secret:token:1>"}"#),
        ("see eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln end", "see <secret:jwt:1> end"),
        ("say Bearer abc.def-0123", "say Bearer <secret:jwt:1>"),
        (
            r#"{"auth":{"user":"me","key":"Abc123Def"},"k":"v"}"#,
            r#"{"auth":{"user":"<secret:auth:short>","key":"<secret:auth:1>"},"k":"v"}"#,
        ),
        (r#"{"key":"Abc123Def","type":"hello"}"#, r#"{"key":"Abc123Def","type":"hello"}"#),
    ] {
        assert_eq!(Veil::default().text(text), wanted, "{text}");
    }
    let inner = STANDARD_NO_PAD.encode(r#"{"token":"Abc123Def"}"#);
    let mut veil = Veil::default();
    assert_eq!(veil.text(&format!("{{\"d\":\"{inner}\"}}")), r#"{"d":"<secret:token:1>"}"#);
    assert_eq!(veil.text("Abc123Def"), "<secret:token:1>", "what was read inside is known outside");
    assert_eq!(Veil::new(&[], &["Ticket".into()]).text(r#"{"ticket":"Abc123Def"}"#), r#"{"ticket":"<secret:ticket:1>"}"#);
}

#[test]
fn paths_stay_paths() {
    let mut veil = Veil::default();
    assert_eq!(veil.path("/ws/room-1/x?token=Abc123Def&room=lobby"), "/ws/room-1/x?token=%3Csecret:token:1%3E&room=lobby");
    assert_eq!(veil.path("/x?k=Abc123Def%2FGhi456"), "/x?k=%3Csecret:k:1%3E");
    assert_eq!(veil.text("Abc123Def/Ghi456"), "<secret:k:1>");
    assert_eq!(veil.path("/bot7Qx9Zt2LmW8c4n4ry/ws"), "/%3Csecret:path:1%3E/ws");
    assert_eq!(veil.path("/r/123e4567-e89b-12d3-a456-426614174000?v=2"), "/r/123e4567-e89b-12d3-a456-426614174000?v=2");
}

#[test]
fn bytes_that_are_no_text() {
    let mut veil = Veil::new(&[("x".into(), CANARY.into())], &[]);
    let bytes = [&[0xff, 0x00][..], CANARY.as_bytes(), &[0xfe]].concat();
    assert_eq!(veil.bytes(&bytes), [&[0xff, 0x00][..], b"<secret:x:1>", &[0xfe]].concat());
    assert_eq!(veil.bytes(b"\xfftoken=Abc123Def"), b"\xfftoken=<secret:token:1>");
}

#[test]
fn very_many_secrets_are_taken_out_by_name() {
    let mut veil = Veil::default();
    for n in 0..MOST {
        veil.remember("token", format!("Value-{n:08}").as_bytes());
    }
    assert_eq!(veil.text(r#"{"token":"Another-1"} Value-00000007"#), r#"{"token":"<secret:token:more>"} <secret:token:8>"#);
}

/// What looks like a value may go beyond the text that it stands in.
#[test]
fn json_stays_json() {
    for (text, wanted) in [
        (r#"{"url":"/x?token=","b":"Abc123Def"}"#, r#"{"url":"/x?token=","b":"Abc123Def"}"#),
        (r#"{"url":"/x?token=","token":["Abc123Def",7]}"#, r#"{"url":"/x?token=","token":["<secret:token:1>",0]}"#),
    ] {
        assert_eq!(Veil::default().text(text), wanted);
    }
}

proptest! {
    /// Whatever stands around it, a secret that is named once is gone, also where it comes again, and JSON stays JSON.
    #[test]
    fn a_named_secret_is_gone(before in "\\PC{0,12}", behind in "\\PC{0,12}", name in "[a-z=:\"%&\\\\ ]{0,6}") {
        let secret = "c4n4ry-7Qx9Zt2LmW8";
        let said = serde_json::json!({ "a": format!("{before}{name}"), "token": secret, "b": format!("{before}{secret}{behind}"), name.as_str(): behind });
        let mut veil = Veil::default();
        let text = veil.text(&said.to_string());
        prop_assert!(!text.contains(secret), "{}", text);
        prop_assert!(serde_json::from_str::<Value>(&text).is_ok(), "{}", text);
    }

    #[test]
    fn any_bytes_are_taken(bytes in proptest::collection::vec(any::<u8>(), 0..200), text in "\\PC{0,80}") {
        let mut veil = Veil::new(&[("x".into(), "c4n4ry".into())], &[]);
        veil.bytes(&bytes);
        veil.text(&text);
        veil.path(&text);
        veil.header("cookie", &bytes);
        veil.header("authorization", text.as_bytes());
    }
}
