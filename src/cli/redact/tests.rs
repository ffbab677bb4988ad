//! A secret in every form that somebody may give it, in every place of a text.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use proptest::prelude::*;

use super::*;

const SECRET: &str = "a/b+c \"d\\ é&=7-CANARY";

fn percent(text: &str, keep: impl Fn(u8) -> bool, upper: bool) -> String {
    let escaped = |b: u8| if upper { format!("%{b:02X}") } else { format!("%{b:02x}") };
    text.bytes().map(|b| if keep(b) { char::from(b).to_string() } else { escaped(b) }).collect()
}

fn unit(c: u16) -> String {
    format!("\\u{c:04x}")
}

/// `secret` as others may write it.
fn spellings(secret: &str) -> Vec<String> {
    let plain = |b: u8| b.is_ascii_alphanumeric();
    let json = serde_json::to_string(secret).expect("text is JSON");
    let mut all = vec![
        secret.to_owned(),
        percent(secret, plain, true),
        percent(secret, plain, false),
        percent(secret, |b| plain(b) || b"/&=\"".contains(&b), true),
        percent(secret, |_| false, false),
        percent(secret, |b| plain(b) || b == b' ', true).replace(' ', "+"),
        json[1..json.len() - 1].to_owned(),
        json[1..json.len() - 1].replace('/', "\\/"),
        secret.encode_utf16().map(unit).collect(),
        secret.replace('&', "&amp;").replace('"', "&quot;"),
        secret.replace('&', "&#38;").replace('"', "&#x22;"),
        secret.bytes().map(|b| format!("{b:02x}")).collect(),
        secret.bytes().map(|b| format!("{b:02X}")).collect(),
    ];
    for before in ["", "u", "us", "user:"] {
        for behind in ["", "x", "xy", ":more"] {
            let whole = format!("{before}{secret}{behind}");
            all.extend([STANDARD.encode(&whole), URL_SAFE_NO_PAD.encode(&whole), percent(&STANDARD.encode(&whole), plain, true)]);
        }
    }
    all
}

#[test]
fn every_spelling_is_found() {
    let redactor = Redactor::new(["other-secret", SECRET]);
    for spelling in spellings(SECRET) {
        assert_eq!(redactor.ours(&format!("before <{spelling}> behind")), "before <[redacted]> behind", "{spelling}");
        assert_eq!(redactor.ours(&spelling), REDACTED);
    }
}

#[test]
fn secrets_beside_and_inside_each_other() {
    let redactor = Redactor::new(["hunter2", "hunter2-and-more", "", "abc"]);
    for (text, wanted) in [
        ("hunter2 hunter2", "[redacted] [redacted]"),
        ("hunter2-and-more", "[redacted]"),
        ("hunter2hunter2", "[redacted]"),
        ("ähunter2é", "ä[redacted]é"),
        ("abc hunter hunter2-and-less", "abc hunter [redacted]less"),
        ("", ""),
    ] {
        assert_eq!(redactor.ours(text), wanted);
    }
    assert_eq!(Redactor::new([]).ours("abc"), "abc");
}

#[test]
fn a_beginning_is_found_where_somebody_cut() {
    let secret = "eyJhbGciOiJIUzI1NiJ9.payload.signature";
    let redactor = Redactor::new([secret]);
    assert_eq!(redactor.ours(&secret[..secret.len() - 3]), "[redacted]");
    assert_eq!(redactor.ours(&format!("bad: {} and so on", &secret[..14])), "bad: [redacted] and so on");
    for cut in 4..12 {
        assert_eq!(redactor.ours(&format!("said {}..", &secret[..cut])), "said [redacted]..");
    }
    assert_eq!(redactor.ours("said eyJ.."), "said eyJ..");
    let encoded = STANDARD.encode(format!("user:{secret}"));
    assert_eq!(redactor.ours(&format!("said {}..", &encoded[..16])), "said [redacted]..");
}

#[test]
fn texts_that_become_the_same_are_added_up() {
    let redactor = Redactor::new(["hunter2", "hunter3"]);
    let texts = [("no hunter2".to_owned(), 2), ("no hunter3".to_owned(), 3), ("fine".to_owned(), 1)];
    assert_eq!(redactor.counted(texts), BTreeMap::from([("fine".into(), 1), ("no [redacted]".into(), 5)]));
    let mut json = serde_json::json!({ "a": ["hunter2", 1, null], "b": { "c": "x hunter3" } });
    redactor.json(&mut json);
    assert_eq!(json, serde_json::json!({ "a": ["[redacted]", 1, null], "b": { "c": "x [redacted]" } }));
}

#[test]
fn what_is_secret_by_its_name() {
    let redactor = Redactor::default();
    for (text, wanted) in [
        ("Authorization: Bearer abc.def behind", "Authorization: [redacted] behind"),
        ("authorization=abc", "authorization=[redacted]"),
        ("Cookie: a=b; sid=1; c=d X: y", "Cookie: [redacted] X: y"),
        ("/ws?token=abc&room=1", "/ws?token=[redacted]&room=1"),
        ("no such user, x-api-key: 12ab, go away", "no such user, x-api-key: [redacted], go away"),
        ("{\"apiKey\":\"a b\",\"room\":\"1\"}", "{\"apiKey\":\"[redacted]\",\"room\":\"1\"}"),
        ("{\\\"password\\\": \\\"a b\\\"}", "{\\\"password\\\": \\\"[redacted]\\\"}"),
        ("OpenShockToken: 1234", "OpenShockToken: [redacted]"),
        ("client_secret = x", "client_secret = [redacted]"),
        ("password: letmein", "password: [redacted]"),
        ("invalid token: expired", "invalid token: expired"),
        ("token=expired", "token=[redacted]"),
        ("token: [redacted]", "token: [redacted]"),
        ("HTTP 401 Unauthorized: no such key: id", "HTTP 401 Unauthorized: no such key: id"),
        ("tokens_per_second: 5, author=x, keyboard=y", "tokens_per_second: 5, author=x, keyboard=y"),
        ("secret:", "secret:"),
        ("::=:password=", "::=:password="),
    ] {
        assert_eq!(redactor.theirs(text), wanted);
        assert_eq!(redactor.theirs(wanted), wanted, "the second time changes nothing");
    }
}

#[test]
fn a_large_text_against_secrets_takes_linear_time() {
    // Everything begins everywhere and nothing is whole: what is quadratic would not end.
    let secrets: Vec<String> = (0..20).map(|n| format!("{}{n}", "a".repeat(20_000))).collect();
    let redactor = Redactor::new(secrets.iter().map(String::as_str));
    let text = "a".repeat(300_000);
    assert_eq!(redactor.ours(&text), REDACTED);
    let names = "token=".repeat(100_000);
    assert!(redactor.theirs(&names).len() < names.len() * 3);
}

/// Anything may stand around a secret, and the rest of the text stays.
fn around() -> impl Strategy<Value = String> {
    prop_oneof!["[ -~]{0,20}", "\\PC{0,10}", "[%+&\\\\u0-9a-f;#x]{0,12}"]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, ..ProptestConfig::default() })]

    #[test]
    fn a_secret_is_never_left_whole(
        secret in prop_oneof!["[ -~]{4,40}", "[A-Za-z0-9_-]{4,60}", "\\PC{4,12}"],
        before in around(), behind in around(), spelling in any::<prop::sample::Index>(),
    ) {
        let redactor = Redactor::new([secret.as_str()]);
        let spelled = spelling.get(&spellings(&secret)).clone();
        // Letters of Base64 around it would make it another text.
        let text = format!("{before} <{spelled}> {behind}");
        let out = redactor.theirs(&text);
        prop_assert!(!out.contains(&format!("<{spelled}>")), "{out}");
        prop_assert!(out.contains(REDACTED), "{out}");
    }

    #[test]
    fn any_text_is_taken_with_grace(text in "\\PC{0,80}", escapes in "[%+&\\\\\"'=:;uxX#0-9a-fdD ]{0,40}", secret in "\\PC{0,8}") {
        let redactor = Redactor::new([secret.as_str(), "token"]);
        let _ = redactor.theirs(&format!("{text}{escapes}.."));
        let _ = redactor.theirs(&format!("token{escapes}{text}"));
    }
}
