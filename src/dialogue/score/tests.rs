use super::*;
use crate::dialogue::Bounds;
use crate::dialogue::Script;
use crate::dialogue::Values;
use crate::profile::load;
use crate::profile::vars;
use crate::trace::Mistake;
use crate::trace::Reader;

const PROFILE: &str = r#"
name = "x"
about = "x"
[endpoint]
url = "ws://h/"
[vars.place]
about = "x"
default = "here"
[vars.key]
about = "x"
default = "abcdef"
secret = true
[series.said]
class = "keyed"
about = "x"
[read]
tag = ["op"]
[[message]]
name = "hello"
tag = ["hello"]
ready = true
capture = { room = "/d/room" }
reply = "join"
[[message]]
name = "said"
tag = ["said"]
answers = "said"
key = "text"
[[reply]]
name = "join"
text = '{"op":"join","room":"{room}","key":"{key}","n":1}'
[[reply]]
name = "leave"
text = '{"op":"leave","room":"{room}"}'
[[beat]]
name = "leave"
say = "leave"
every = "10s"
[load]
name = "say"
text = '{"op":"say","at":"{place}","text":"hello {id}"}'
expects = "said"
"#;

/// Compiles lines, the fields behind `at_ns` of each; variables in `set` were given by the user.
fn score(lines: &[&str], set: &[&str]) -> Result<Score, Mistake> {
    let profile = load::from_text("x.toml", PROFILE).expect("a good profile");
    let vars = vars::resolve(&profile, None, &[], |_| None).expect("defaults");
    let values = Values { vars, played: true, ..Values::default() };
    let bounds = Bounds { measure_from: 0, measure_until: u64::MAX, timeout: 1, window: 8, seed: 1, unix_ms: 0 };
    let script = Script::compile(&profile, None, &values, bounds).expect("compiles");
    let lines = lines.iter().enumerate().map(|(n, line)| format!("{{\"at_ns\":{n},{line}}}\n"));
    let text = format!("{{\"volley_trace\":1,\"made_by\":\"test\"}}\n{}", lines.collect::<String>());
    let recording = Recording {
        profile: &profile,
        dialect: None,
        values: &values,
        script: &script,
        speed: 1.0,
        is_set: &|name| set.contains(&name),
        is_secret: &|name| name == "password",
    };
    Score::compile(&mut Reader::new(text.as_bytes())?, &recording)
}

fn sent(text: &str) -> String {
    format!("\"sent\":{{\"text\":{}}}", serde_json::Value::from(text))
}

fn got(text: &str) -> String {
    format!("\"got\":{{\"text\":{}}}", serde_json::Value::from(text))
}

/// What the only frame `text` is, and its stretches that are made anew.
fn found(text: &str, set: &[&str]) -> (u16, Vec<String>) {
    let score = score(&[&sent(text)], set).expect("good");
    let cuts = score.cuts_of(&score.steps[0]).iter().map(|cut| text[cut.from as usize..cut.to as usize].to_owned());
    (score.steps[0].said, cuts.collect())
}

#[test]
fn messages_are_told_by_what_is_constant() {
    for (text, said, cuts) in [
        (r#"{"op":"say","at":"there","text":"hello 12"}"#, LOAD, vec!["hello 12"]),
        // In any order and form, with more in it.
        (r#" { "text":"hello 12", "x":{"op":1}, "at":"", "op":"s\u0061y" } "#, LOAD, vec!["hello 12"]),
        // Other words stay, and end in the key.
        (r#"{"op":"say","at":"there","text":"room 12"}"#, LOAD, vec!["12"]),
        (r#"{"op":"say","at":"there","text":"hi"}"#, LOAD, vec![""]),
        (r#"{"op":"say","at":"there","text":""}"#, LOAD, vec![""]),
        (r#"{"op":"say","at":"there","text":"\u0031\u0032"}"#, LOAD, vec![""]),
        (r#"{"op":"join","room":"r1","key":"k","n":1}"#, 1, vec!["r1", "k"]),
        (r#"{"op":"join","room":"r1","key":"k","n":1.0}"#, 1, vec!["r1", "k"]),
        (r#"{"op":"leave","room":"r1"}"#, 2, vec!["r1"]),
        // Not there, of another kind, or another value.
        (r#"{"op":"say","at":"there"}"#, OTHER, vec![]),
        (r#"{"op":"say","at":"there","text":7}"#, OTHER, vec![]),
        (r#"{"op":"join","room":"r1","key":"k","n":2}"#, OTHER, vec![]),
        (r#"{"op":"nod"}"#, OTHER, vec![]),
        ("hello", OTHER, vec![]),
        ("", OTHER, vec![]),
    ] {
        assert_eq!(found(text, &[]), (said, cuts.into_iter().map(str::to_owned).collect()), "{text}");
    }
}

#[test]
fn what_the_user_sets_takes_the_place_of_what_was_recorded() {
    let text = r#"{"op":"say","at":"there","text":"hello 12"}"#;
    assert_eq!(found(text, &["place"]).1, ["there", "hello 12"]);
}

#[test]
fn values_of_the_server_are_told_by_their_order() {
    let hello = |room: &str| got(&format!(r#"{{"op":"hello","d":{{"room":"{room}"}}}}"#));
    let leave = |room: &str| sent(&format!(r#"{{"op":"leave","room":"{room}"}}"#));
    let lines = [hello("a"), hello("b"), leave("a"), leave("z"), hello("a"), leave("a"), leave("b")];
    let score = score(&lines.each_ref().map(|line| line.as_str()), &[]).expect("good");
    let ordinals: Vec<(u16, u32)> = score.cuts.iter().map(|cut| (cut.capture, cut.ordinal)).collect();
    // Never told: the latest there is.
    assert_eq!(ordinals, [(1, 1), (1, 0), (1, 3), (1, 2)]);
    let wants: Vec<_> = score.parts[0].wants.iter().map(|(key, last)| (*key, *last)).collect();
    assert_eq!(wants, [((0, 1), 0), ((0, 2), 3), ((0, 3), 2)]);
    assert!(score.steps.iter().all(|step| step.flags & READY != 0), "all behind the message that makes ready");
    assert_eq!(score.asked, [[true, false]], "joining answers a question, leaving comes at a beat");
    assert_eq!(&*score.parts[0].says, [0, 4]);
}

#[test]
fn a_secret_is_refused_unless_it_is_made_anew() {
    let found = score(&[&sent(r#"{"op":"say","at":"x","text":"y","password":"hunter22"}"#)], &[]).expect_err("a secret");
    assert!(found.line == 2 && found.what.contains("`password`") && !found.to_string().contains("hunter22"), "{found}");
}

#[test]
fn an_index_is_small() {
    assert_eq!((size_of::<Step>(), size_of::<Cut>()), (32, 16));
    let line = sent(r#"{"op":"say","at":"x","text":"hello 1"}"#);
    let lines: Vec<&str> = std::iter::repeat_n(line.as_str(), 1_000).collect();
    let score = score(&lines, &[]).expect("good");
    assert_eq!((score.frames(), score.length_ns, score.peak), (1_000, 999, 1_000));
    assert!(score.resident() <= 1_000 * 48 + 1_000, "{}", score.resident());
    let next: Vec<u32> = score.steps.iter().map(|step| step.next).collect();
    assert!(next[..999].iter().enumerate().all(|(n, next)| *next == n as u32 + 1) && next[999] == NONE);
}
