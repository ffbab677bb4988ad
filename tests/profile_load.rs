//! Profiles with known mistakes: each is found where it is, with advice, and all of them at once.
//!
//! `BASE` has no mistake; the rows of `BROKEN` replace one line of it each. What users read about
//! the keys (schema, README) is held here to what the loader takes.

use std::collections::BTreeSet;

use proptest::prelude::*;
use serde_json::Value;
use volley::profile::Mistakes;
use volley::profile::Profile;
use volley::profile::load;
use volley::profile::schema;
use volley::profile::schema::Key;
use volley::profile::schema::Kind;
use volley::profile::shipped;
use volley::profile::talk;

const BASE: &str = r#"name = "demo"
about = "a demo"
dialects = ["docs", "server"]

[endpoint]
url = "ws://127.0.0.1:9001/{room}"

[endpoint.headers]
Authorization = "Bearer {token}"

[vars.token]
about = "credential"
env = "DEMO_TOKEN"
secret = true

[vars.room]
about = "room"
default = "1"

[ping]
every = "5s"

[series.echo]
class = "keyed"
about = "message to echo"

[series.announce]
class = "single"
about = "pong to announcement"
dialects = ["docs"]

[read]
tag = ["type", "Type"]

[[message]]
name = "echo"
tag = ["echo"]
answers = "echo"
key = "id"

[[message]]
name = "ping"
tag = [1, "ping"]
reply = "pong"

[[message]]
name = "announce"
tag = [2]
answers = "announce"

[[reply]]
name = "pong"
text = '{"type":"pong"}'
expects = "announce"

[load]
name = "echo"
text = '{"type":"echo","id":{id},"pad":"{pad}"}'
pad_to = 64
expects = "echo"
"#;

/// Line replaced, its replacement, and the one mistake: line, column, message, hint.
type Row = (usize, &'static str, usize, usize, &'static str, &'static str);

#[rustfmt::skip]
const BROKEN: &[Row] = &[
    // Names and lines at the top.
    (1, r#"nane = "demo""#, 1, 1, "the profile has no key `nane`", "did you mean `name`?"),
    (1, "", 1, 1, "the profile has no `name`", r#"add for example name = "my-service""#),
    (1, "name = 3", 1, 8, "`name` must be text, this is a whole number", r#"write for example name = "my-service""#),
    (1, r#"name = "De mo""#, 1, 8, "`De mo` cannot name a profile", "use lower-case letters, digits and `-`, at most 64"),
    (1, r#"name = "../up""#, 1, 8, "`../up` cannot name a profile", "use lower-case letters, digits and `-`, at most 64"),
    (2, r#"about = " ""#, 2, 9, "`about` says nothing", "write one line for people who have not seen this before"),
    (2, r#"about = "a\nb""#, 2, 9, "`about` has more than one line", "write one line; comments take the rest"),
    (3, r#"dialects = ["docs", "docs"]"#, 3, 21, "dialect `docs` is there twice", "give one of them another name, or remove it"),
    (3, r#"dialects = ["docs", 2]"#, 3, 21, "`dialects` is a list of texts, this is a whole number", r#"write for example dialects = ["docs", "server"]"#),
    (3, r#"dialects = ["docs", "A"]"#, 3, 21, "`A` cannot name a dialect", "use lower-case letters, digits and `-`"),
    (3, r#"dialects = ["server"]"#, 30, 13, "there is no dialect `docs`", "there is `server`"),
    (4, r#"größe = 1"#, 4, 3, "this is not TOML: invalid unquoted key, expected letters, numbers, `-`, `_`", ""),
    (4, "zebra = 1", 4, 1, "the profile has no key `zebra`", "there is `name`, `about`, `dialects`, `harm`, `limits`, `endpoint`, `roles`, `vars`, `ping`, `reconnect`, `close`, `http`, `series`, `read`, `message`, `reply`, `beat`, `resume`, `load`"),
    (4, "harm = true", 4, 8, "`harm` must be text, this is true or false", r#"write for example harm = "what the messages do in the real world""#),
    // TOML.
    (2, "about = a demo", 2, 9, "`a demo` is text without quotes", r#"write "a demo""#),
    (2, "about = ", 2, 9, "the value is missing", "write it after the `=`"),
    (2, "about = 'a demo", 2, 16, "this is not TOML: invalid literal string, expected `'`", ""),
    (2, "about", 2, 6, "this is not TOML: key with no value, expected `=`", ""),
    (5, "[endpoint", 5, 10, "this is not TOML: unclosed table, expected `]`", ""),
    (14, r#"env = "OTHER""#, 14, 1, "`env` is there twice", "give one of them another name, or remove it"),
    (22, "[vars.room]\nabout = 'x'\ndefault = 'y'", 22, 7, "`room` is there twice", "give one of them another name, or remove it"),
    // Endpoint.
    (6, r#"url = "http://127.0.0.1/{room}""#, 6, 7, "`http://127.0.0.1/{room}` is not a WebSocket address", "begin with ws:// or wss://"),
    (6, r#"url = "ws:///{room}""#, 6, 7, "the address has no host", "write for example ws://127.0.0.1:9001/"),
    (6, r#"url = "ws://h:99999/{room}""#, 6, 7, "`99999` is not a port", "ports go from 1 to 65535"),
    (6, r#"url = "ws://h/a b/{room}""#, 6, 7, "` ` cannot stand in an address", "percent-encode it; a variable is {lower_case}"),
    (6, r#"url = "ws://h/{Room}""#, 6, 7, "`{` cannot stand in an address", "percent-encode it; a variable is {lower_case}"),
    (6, r#"url = "ws://me:pw@h/{room}""#, 6, 7, "the address has a user name in it", "send credentials in a header, from a variable with secret = true"),
    (6, r#"url = "ws://h/{room}#top""#, 6, 7, "a WebSocket address has no fragment", "remove the `#` and what follows, or write %23"),
    (6, r#"url = "ws://h/{rom}""#, 6, 15, "there is no variable `rom`", "did you mean {room}?"),
    (6, r#"url = "ws://h/{id}""#, 6, 15, "{id} is not filled in an address", "it is the key of a send, known only to the text of [load]"),
    (7, r#"subprotocol = "a b""#, 7, 15, "`a b` cannot be a subprotocol", "use letters, digits and -._~+, without blanks"),
    (7, r#"header = "x""#, 7, 1, "[endpoint] has no key `header`", "did you mean `headers`?"),
    (9, r#""X Y" = "{token}""#, 9, 1, "`X Y` cannot be the name of a header", "use letters, digits and `-`"),
    (9, r#"X = "ä{token}""#, 9, 5, "`ä` cannot stand in the value of header `X`", "use visible ASCII and blanks"),
    (9, r#"X = 1"#, 9, 5, "`X` must be text, this is a whole number", r#"write for example User-Agent = "volley""#),
    (9, r#"Upgrade = "{token}""#, 9, 1, "volley writes the header `Upgrade` itself", "remove it"),
    (9, r#"sec-websocket-protocol = "x""#, 9, 1, "the subprotocol has a key of its own", r#"write subprotocol = ".." in [endpoint]"#),
    (10, r#"authorization = "x""#, 10, 1, "the header `authorization` is there twice; case makes no difference", "remove one of them"),
    // Variables and pings.
    (22, "[vars.pad]\nabout = 'x'", 22, 7, "`pad` cannot be a variable: volley fills {pad} itself", "give it another name"),
    (12, "", 11, 1, "[vars.token] has no `about`", r#"add for example about = "one line for help""#),
    (13, r#"env = "DEMO-TOKEN""#, 13, 7, "`DEMO-TOKEN` cannot be an environment variable", "use letters, digits and `_`, for example MY_TOKEN"),
    (14, r#"secret = "yes""#, 14, 10, "`secret` must be true or false, this is text", "write for example secret = true"),
    (19, "[vars.Room]\nabout = 'x'", 19, 7, "`Room` cannot name a variable", "use lower-case letters, digits and `_`, a letter first, at most 64"),
    (21, r#"every = "5""#, 21, 9, "`5` has no unit; write for example `5ms` or `5s`", r#"write for example every = "10s", or "off" for no pings"#),
    (21, r#"every = "20ms""#, 21, 9, "a ping every 20ms is too often; the least is 100ms", r#"write "off" for no pings"#),
    (21, "every = 1.5", 21, 9, "`every` must be text, this is a fraction", r#"write for example every = "10s""#),
    // Coming back.
    (22, "[reconnect]\ndelay = '1s'", 22, 1, "[reconnect] has no `policy`", r#"add for example policy = "exponential""#),
    (22, "[reconnect]\npolicy = 'fixd'", 23, 10, "there is no policy `fixd`", "did you mean `fixed`?"),
    (22, "[reconnect]\npolicy = 'fixed'\nmax = '3s'", 24, 7, "`max` has no use with policy = \"fixed\"", "remove it, or write policy = \"exponential\""),
    (22, "[reconnect]\npolicy = 'fixed'\ndelay = '2h'", 24, 9, "a delay of 7200s is too long; the longest is 1h", ""),
    (22, "[reconnect]\npolicy = 'fixed'\ndelay = '2'", 24, 9, "`2` has no unit; write for example `2ms` or `2s`", r#"write for example "1s""#),
    (22, "[reconnect]\npolicy = 'exponential'\nmax = '1ms'", 24, 7, "the longest delay, 1ms, is shorter than the first, 1s", "make `max` at least as long as `delay`"),
    (22, "[reconnect]\npolicy = 'exponential'\nfactor = 0.5", 24, 10, "`factor` is a number from 1 to 100", ""),
    (22, "[reconnect]\npolicy = 'exponential'\nfactor = inf", 24, 10, "`factor` must be a number, this is a number without end", "write for example factor = 2.0"),
    (22, "[reconnect]\npolicy = 'steps'", 23, 10, "there are no `steps`", r#"write for example steps = ["0s", "5s", "30s"]"#),
    (22, "[reconnect]\npolicy = 'steps'\nsteps = []", 24, 9, "`steps` has no delay", r#"write for example steps = ["0s", "5s", "30s"]"#),
    (22, "[reconnect]\npolicy = 'none'\njitter = 1.5", 24, 10, "`jitter` is a number from 0 to 1", ""),
    (22, "[reconnect]\npolicy = 'none'\nattempts = 0", 24, 12, "`attempts` is a number from 1 to 1000000", ""),
    (22, "[reconnect]\npolicy = 'none'\nattempts = 2.5", 24, 12, "`attempts` must be a whole number, this is a fraction", "write for example attempts = 10"),
    (22, "[reconnect]\npolicy = 'none'\nstop_on = [200]", 24, 12, "200 is no HTTP status of an error", "write a status from 400 to 599"),
    (22, "[reconnect]\npolicy = 'none'\nstop_on = ['401']", 24, 12, "`stop_on` is a list of whole numbers, this is text", "write for example stop_on = [401, 403, 404]"),
    (22, "[[close]]\ncode = 999\nname = 'a'\nthen = 'stop'", 23, 8, "no server can close with the code 999", "write 1000 to 1003, 1007 to 1014, 3000 to 4999, or 1005 for a close without a code"),
    (22, "[[close]]\ncode = 1008\nname = 'a'\nthen = 'retry'", 25, 8, "the close code 1008 is a broken policy and never retried", r#"write then = "stop""#),
    (22, "[[close]]\ncode = 4001\nname = 'a'\nthen = 'again'", 25, 8, "there is no choice `again`", "there is `stop`, `retry`"),
    (22, "[[close]]\ncode = 4001\nname = 'A'\nthen = 'stop'", 24, 8, "`A` cannot name a close", "use lower-case letters, digits and `_`, a letter first, at most 64"),
    (22, "[[close]]\ncode = 4001\nname = 'a'\nthen = 'stop'\n[[close]]\ncode = 4001\nname = 'b'\nthen = 'stop'", 27, 8, "the close code 4001 is there twice; it is `a` already", "remove one of the two"),
    (22, "[[close]]\ncode = 4001\nname = 'a'", 22, 1, "[[close]] has no `then`", r#"add for example then = "stop""#),
    // Series.
    (22, "[series.lag]\nclass = 'fifo'\nabout = 'x'", 22, 9, "the series `lag` is volley's own", "give yours another name; these are taken: `recovery`, `ws_ping`, `tcp_rtt`, `tcp_rtt_min`, `tcp_connect`, `tls`, `upgrade`, `ready`, `lag`, `reaction`, `read_delay`"),
    (24, r#"class = "keyd""#, 24, 9, "there is no class `keyd`", "did you mean `keyed`?"),
    (24, r#"clas = "keyed""#, 24, 1, "[series.echo] has no key `clas`", "did you mean `class`?"),
    (54, "", 27, 9, "nothing opens the series `announce`", r#"add expects = "announce" to [load] or to a [[reply]], or remove the series"#),
    (49, "", 27, 9, "no message answers the series `announce`", r#"add answers = "announce" to a [[message]] that is no error, or remove the series"#),
    (50, "error = true", 27, 9, "no message answers the series `announce`", r#"add answers = "announce" to a [[message]] that is no error, or remove the series"#),
    // Messages.
    (33, "", 37, 7, "tag values are given, but not the member that holds them", r#"name it: [read] with tag = ["type"]"#),
    (33, "tag = []", 33, 7, "`tag` names no member", r#"write for example tag = ["type"], or remove it"#),
    (33, r#"tag = "type""#, 33, 7, "`tag` must be a list, this is text", r#"write for example tag = ["type"]"#),
    (36, r#"name = "close""#, 36, 8, "messages of kind `close` are counted by volley itself", "give yours another name; these are taken: `ws_ping`, `ws_pong`, `close`"),
    (37, "", 35, 1, "this message has no `tag`, so it would never be recognised", r#"add what marks it, for example tag = [0, "Ack"]"#),
    (37, "tag = [true]", 37, 8, "`tag` is a list of texts and whole numbers, this is true or false", r#"write for example tag = [0, "Ack"]"#),
    (38, r#"answers = "ecko""#, 38, 11, "there is no series `ecko`", "did you mean `echo`?"),
    (38, r#"answers = "ws_ping""#, 38, 11, "the series `ws_ping` is volley's own; no message takes part in it", "declare a series for it: [series.NAME]"),
    (39, "", 35, 1, "this message answers the keyed series `echo` but has no `key`", r#"add the member that holds the {id} of the request, for example key = "id""#),
    (43, r#"tag = [1, "echo"]"#, 43, 11, "this tag value already marks the message `echo`", "a value marks one message; remove one of the two"),
    (44, r#"reply = "pnog""#, 44, 9, "there is no reply `pnog`", "did you mean `pong`?"),
    (44, "", 52, 8, "no message asks for the reply `pong`", r#"add reply = "pong" to the [[message]] that asks for it, or remove it"#),
    (45, "error = true", 45, 9, "`error` marks an answer as an error, but this message answers nothing", r#"add answers = "..""#),
    (45, r#"key = "id""#, 45, 7, "`key` says where the key of an answer is, but this message answers nothing", r#"add answers = "..""#),
    (47, r#"name = "echo""#, 47, 8, "message `echo` is there twice", "give one of them another name, or remove it"),
    (50, r#"key = "id""#, 50, 7, "`key` has no use: the series `announce` is single", "remove it, or make the series keyed"),
    // Replies and load.
    (53, "text = '{pad}'", 53, 9, "{pad} is not filled in a reply", "it fills the text of [load] up to `pad_to`"),
    (55, "[[reply]]\nname='r'\ntext='r'\nexpects='echo'\n[[message]]\nname='m'\ntag=[9]\nreply='r'", 58, 9, "a reply cannot open the keyed series `echo`", "a reply has no {id} to be told by; make the series single or fifo"),
    (57, r#"name = "pong""#, 57, 8, "the load has the name of the reply `pong`; their counts would mix", "give one of them another name"),
    (58, r#"text = '{"id":{id},"t":"{tokn}","pad":"{pad}"}'"#, 58, 25, "there is no variable `tokn`", "did you mean {token}?"),
    (58, r#"text = '{"id":{id},"t":"{other}","pad":"{pad}"}'"#, 58, 25, "there is no variable `other`", r#"declare it: [vars.other] with a line about = "..""#),
    (58, "text = '{pad}'", 58, 8, "the series `echo` is keyed, but this text has no {id}", r#"send {id} as the value of the member that comes back, for example {"id":{id}}"#),
    (58, "text = '{\"id\":\"c{client}-{id}\",\"p\":\"{pad}\"}'", 58, 26, "{id} is only a part of a longer value, but the series `echo` compares it as a whole", r#"send {id} alone as the value, for example {"id":{id}}"#),
    (58, "text = '{\"id\":{id},\"p\":\"{pad}{pad}\"}'", 58, 25, "{pad} is there more than once", "leave one of them; it takes all the filler"),
    (58, "text = '{\"id\":{id}}'", 59, 10, "`pad_to` has no use: the text has no {pad}", "put {pad} where filler may stand, or remove `pad_to`"),
    (59, "", 58, 41, "{pad} is there, but not `pad_to`", r#"add the size to fill up to, for example pad_to = "64""#),
    (59, r#"pad_to = "many""#, 59, 10, "`many` is not a number of bytes", r#"write a whole number, or for example pad_to = "{payload_bytes}" with a number as its default"#),
    (59, "pad_to = -1", 59, 10, "`-1` is not a number of bytes", r#"write a whole number, or for example pad_to = "{payload_bytes}" with a number as its default"#),
    (59, "pad_to = 99999999", 59, 10, "`99999999` bytes are too many; messages are filled up to at most 16777216 (16 MiB)", r#"write a whole number, or for example pad_to = "{payload_bytes}" with a number as its default"#),
    (56, "[laod]", 56, 2, "the profile has no key `laod`", "did you mean `load`?"),
    (57, "", 56, 1, "[load] has no `name`", r#"add for example name = "echo""#),
];

fn broken(text: &str) -> Mistakes {
    load::from_text("demo.toml", text).expect_err("a profile with mistakes")
}

fn replace(line: usize, by: &str) -> String {
    let lines = BASE.lines().enumerate().map(|(at, old)| if at + 1 == line { by } else { old });
    lines.map(|line| format!("{line}\n")).collect()
}

#[test]
fn the_base_has_no_mistake() {
    let profile = load::from_text("demo.toml", BASE).unwrap_or_else(|why| panic!("{why}"));
    assert_eq!(profile.series.len(), 2);
    assert_eq!(profile.messages.iter().map(|m| m.name.as_str()).collect::<Vec<_>>(), ["echo", "ping", "announce"]);
    assert_eq!(
        (&profile.messages[0].answers[..], profile.messages[1].reply, &profile.replies[0].expects[..]),
        (&[0][..], Some(0), &[1][..])
    );
    assert_eq!(profile.text, BASE);
}

#[test]
fn one_mistake_is_reported_once_and_in_its_place() {
    let mut wrong = Vec::new();
    for (edited, by, line, column, message, hint) in BROKEN {
        let mistakes = broken(&replace(*edited, by));
        let found: Vec<String> = mistakes
            .iter()
            .map(|m| format!("{}:{}: {} | {}", m.line, m.column, m.message, m.hint.as_deref().unwrap_or_default()))
            .collect();
        if found != [format!("{line}:{column}: {message} | {hint}")] {
            wrong.push(format!(
                "line {edited} as {by:?}\n  wanted {line}:{column}: {message} | {hint}\n  found  {}",
                found.join("\n         ")
            ));
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

const TEN: &str = r#"name = "Ten"
[endpoint]
url = "http://h/"
[vars.token]
abuot = "x"
[ping]
every = "soon"
[series.ready]
class = "fifo"
about = "x"
[series.ack]
class = "queue"
about = "x"
[[message]]
name = "ack"
tag = [1]
answers = "ack"
[load]
name = "go"
text = "{tocken}"
expects = "ak"
"#;

#[test]
fn ten_mistakes_are_reported_at_once() {
    let wanted = "\
ten.toml:1:1: the profile has no `about`; add for example about = \"one line for lists\"
ten.toml:1:8: `Ten` cannot name a profile; use lower-case letters, digits and `-`, at most 64
ten.toml:3:7: `http://h/` is not a WebSocket address; begin with ws:// or wss://
ten.toml:5:1: [vars.token] has no key `abuot`; did you mean `about`?
ten.toml:7:9: `soon` is not a unit of time; use ns, us, ms, s, m or h; write for example every = \"10s\", or \"off\" for no pings
ten.toml:8:9: the series `ready` is volley's own; give yours another name; these are taken: `recovery`, `ws_ping`, `tcp_rtt`, `tcp_rtt_min`, `tcp_connect`, `tls`, `upgrade`, `ready`, `lag`, `reaction`, `read_delay`
ten.toml:12:9: there is no class `queue`; there is `keyed`, `single`, `fifo`, `barrier`, `cross`, `spread`, `server-reported`, `cadence`
ten.toml:16:7: tag values are given, but not the member that holds them; name it: [read] with tag = [\"type\"]
ten.toml:20:9: there is no variable `tocken`; did you mean {token}?
ten.toml:21:11: there is no series `ak`; did you mean `ack`?
";
    let mistakes = load::from_text("ten.toml", TEN).expect_err("ten mistakes");
    assert_eq!(mistakes.len(), 10);
    assert_eq!(mistakes.plain(), wanted);
}

#[test]
fn the_line_is_shown_with_its_place_marked() {
    let text = replace(24, r#"class = "keyd"   # größer"#).replace(r#"about = "room""#, "about = 7");
    let wanted = r#"error: `about` must be text, this is a whole number
  --> demo.toml:17:9
   |
17 | about = 7
   |         ^
   |
   = help: write for example about = "one line for help"

error: there is no class `keyd`
  --> demo.toml:24:9
   |
24 | class = "keyd"   # größer
   |         ^^^^^^
   |
   = help: did you mean `keyed`?

error: 2 mistakes in demo.toml
"#;
    assert_eq!(broken(&text).snippets(false), wanted);
    let coloured = broken(&text).snippets(true);
    assert!(coloured.contains("\u{1b}["), "colour is there when asked for");
    assert_eq!(without_colour(&coloured), wanted, "and nothing else differs");
}

fn without_colour(text: &str) -> String {
    let mut pieces = text.split('\u{1b}');
    let first = pieces.next().unwrap_or_default().to_owned();
    pieces.fold(first, |out, piece| out + piece.split_once('m').map_or("", |(_, rest)| rest))
}

#[test]
fn what_can_be_read_of_broken_toml_is_judged() {
    let text = "about = a demo\nzebra = 1\n[load]\ntext = 3\nname = \n";
    let wanted = "\
x:1:9: `a demo` is text without quotes; write \"a demo\"
x:2:1: the profile has no key `zebra`; there is `name`, `about`, `dialects`, `harm`, `limits`, `endpoint`, `roles`, `vars`, `ping`, `reconnect`, `close`, `http`, `series`, `read`, `message`, `reply`, `beat`, `resume`, `load`
x:4:8: `text` must be text, this is a whole number; write for example text = '{\"id\":{id}}'
x:5:8: the value is missing; write it after the `=`
";
    assert_eq!(load::from_text("x", text).expect_err("not TOML").plain(), wanted);
}

#[test]
fn size_and_number_of_mistakes_are_bounded() {
    let large = format!("{BASE}#{}", "x".repeat(load::MAX_BYTES));
    let mistakes = broken(&large);
    assert!(mistakes.plain().contains("at most 1048576 (1 MiB) are read"), "{mistakes}");

    let many: String = (0..20_000).map(|n| format!("k{n} = 1\n")).collect();
    let mistakes = broken(&many);
    assert_eq!(mistakes.iter().count(), 100);
    assert!(mistakes.len() >= 20_000 && mistakes.plain().lines().count() == 101);

    let no_toml = broken(&"x\n".repeat(500_000));
    assert_eq!((no_toml.iter().count(), no_toml.len()), (100, 500_000));

    let long = broken(&replace(2, &format!("about = [{}]", "1,".repeat(400_000))));
    assert!(long.snippets(false).len() < 2_000, "a very long line is named, not shown");
}

#[test]
fn control_characters_are_shown_not_sent() {
    let mistakes = broken(&replace(1, r#"name = "a\u001b[31m\u202eb""#));
    assert!(mistakes.plain().contains("`a\\u{1b}[31m\\u{202e}b` cannot name a profile"), "{mistakes}");
}

#[test]
fn every_shipped_profile_loads_and_is_proved() {
    for name in shipped::names() {
        let profile = shipped::get(name).unwrap_or_else(|why| panic!("{why}"));
        assert_eq!(profile.name, name, "the name is that of the file");
        let dialects: Vec<Option<&str>> = shipped::talks(name).iter().map(|shipped| shipped.dialect).collect();
        let wanted: Vec<Option<&str>> = match profile.dialects.as_slice() {
            [] => vec![None],
            some => some.iter().map(|dialect| Some(dialect.as_str())).collect(),
        };
        assert_eq!(dialects, wanted, "{name} has a transcript for each dialect");
        for shipped in shipped::talks(name) {
            proves(&profile, shipped);
        }
    }
    let why = shipped::get("ecko").expect_err("no such profile");
    assert!(why.contains("did you mean `echo`?") && why.contains("`openshock-live`"), "{why}");
}

#[test]
fn headers_keep_their_order() {
    let headers = shipped::get("openshock-live").expect("shipped").endpoint.headers;
    assert_eq!(headers.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>(), ["User-Agent", "OpenShockToken"]);
}

#[test]
fn a_profile_as_large_as_allowed_is_judged_in_time() {
    let message = |n: usize| format!("[[message]]\nname = \"m{n}\"\ntag = [{n}]\n");
    let messages: String = (10..25_000).map(message).collect();
    let profile = load::from_text("x", &format!("{BASE}{messages}")).unwrap_or_else(|why| panic!("{why}"));
    assert_eq!(profile.messages.len(), 3 + 24_990);
}

fn proves(profile: &Profile, shipped: &shipped::ShippedTalk) {
    let talk = talk::parse(shipped.text).unwrap_or_else(|why| panic!("{}: {why:?}", shipped.file));
    let unknown = talk::unknown_series(&talk, profile, shipped.dialect);
    assert!(unknown.is_empty(), "{}: {unknown:?}", shipped.file);
    assert!(talk.lines.iter().any(|line| line.step == talk::Step::Load), "{} has a load", shipped.file);
}

/// Every table of the table of keys, by its title in the README and its place in the schema.
fn tables() -> Vec<(String, &'static [Key], Value)> {
    let schema: Value = serde_json::from_str(schema::JSON).expect("the schema is JSON");
    let mut found = vec![("The top".to_owned(), schema::PROFILE, schema.clone())];
    for key in schema::PROFILE {
        let place = &schema["properties"][key.name];
        match key.kind {
            Kind::Table(keys) => found.push((format!("[{}]", key.name), keys, place.clone())),
            Kind::Named(keys) => found.push((format!("[{}.NAME]", key.name), keys, place["additionalProperties"].clone())),
            Kind::Tables(keys) => found.push((format!("[[{}]]", key.name), keys, place["items"].clone())),
            Kind::OneOrMore(keys) => found.push((format!("[{}]", key.name), keys, place["oneOf"][0].clone())),
            _ => {}
        }
    }
    found
}

#[test]
fn the_schema_has_the_keys_of_the_loader() {
    for (title, keys, place) in tables() {
        let there: BTreeSet<&str> = place["properties"].as_object().expect("properties").keys().map(String::as_str).collect();
        assert_eq!(there, keys.iter().map(|key| key.name).collect(), "{title}");
        let required: BTreeSet<&str> = place["required"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        assert_eq!(required, keys.iter().filter(|key| key.required).map(|key| key.name).collect(), "{title}");
        assert_eq!(place["additionalProperties"], false, "{title}");
        for key in keys {
            let schema = &place["properties"][key.name];
            if !matches!(key.kind, Kind::OneOrMore(_)) {
                assert_eq!(schema["type"], type_of(&key.kind), "{title} {}", key.name);
            }
            assert!(schema["description"].is_string(), "{title} {} is described", key.name);
        }
    }
}

fn type_of(kind: &Kind) -> Value {
    match kind {
        Kind::Text => "string".into(),
        Kind::Flag => "boolean".into(),
        Kind::Size => vec!["string", "integer"].into(),
        Kind::Whole => "integer".into(),
        Kind::Number => "number".into(),
        Kind::Names => vec!["string", "array"].into(),
        Kind::Texts | Kind::Tags | Kind::Wholes | Kind::Tables(_) => "array".into(),
        Kind::TextTable | Kind::ValueTable | Kind::Table(_) | Kind::Named(_) | Kind::OneOrMore(_) => "object".into(),
    }
}

#[test]
fn the_readme_has_the_keys_of_the_loader() {
    let readme = include_str!("../profiles/README.md");
    for (title, keys, _) in tables() {
        let section = readme.split("\n## ").find(|section| section.starts_with(&format!("{title}\n"))).expect("a section for each table");
        let rows: Vec<&str> = section.lines().filter(|line| line.starts_with("| `")).collect();
        let cells = |row: &str| row.split(" | ").map(|cell| cell.trim_matches(['|', ' ', '`']).to_owned()).collect::<Vec<_>>();
        let named: Vec<String> = rows.iter().map(|row| cells(row)[0].clone()).collect();
        assert_eq!(named, keys.iter().map(|key| key.name).collect::<Vec<_>>(), "{title}");
        for (row, key) in rows.iter().zip(keys) {
            assert_eq!(cells(row)[2] == "required", key.required, "{title}: {row}");
        }
    }
    let smallest = readme.split("```toml\n").nth(1).and_then(|rest| rest.split("```").next()).expect("an example");
    load::from_text("README", smallest).unwrap_or_else(|why| panic!("{why}"));
}

#[test]
fn every_example_of_a_key_is_toml_of_that_key() {
    for (title, keys, _) in tables() {
        for key in keys.iter().filter(|key| !matches!(key.kind, Kind::TextTable)) {
            let table: toml::Table = key.example.parse().unwrap_or_else(|why| panic!("{title} {}: {why}", key.example));
            assert_eq!(table.keys().collect::<Vec<_>>(), [key.name], "{title}");
        }
    }
}

/// A change to a text: at a share of its length, so many characters out, and this in.
fn change() -> impl Strategy<Value = (f64, usize, String)> {
    (0.0..1.0, 0usize..12, prop_oneof![".{0,4}", "[\\[\\]{}='\"\\\\#.,\n\r\t]{1,3}", "\\PC{0,3}", "(ws|id|pad|tag|key|-?[0-9]{1,25})"])
}

fn changed(text: &str, changes: &[(f64, usize, String)]) -> String {
    let mut chars: Vec<char> = text.chars().collect();
    for (share, out, put) in changes {
        let at = (chars.len() as f64 * share) as usize;
        let end = (at + out).min(chars.len());
        chars.splice(at..end, put.chars());
    }
    chars.into_iter().collect()
}

/// Loads, and if there are mistakes uses all that is said of them.
fn use_up(text: &str) -> Result<(), TestCaseError> {
    let Err(mistakes) = load::from_text("x.toml", text) else { return Ok(()) };
    prop_assert!(!mistakes.is_empty());
    for mistake in mistakes.iter() {
        prop_assert!(text.get(mistake.span.start..mistake.span.end).is_some(), "{mistake:?}");
        let line = text.split('\n').nth(mistake.line - 1).expect("the line is there");
        prop_assert!(mistake.column <= line.chars().count() + 1, "{mistake:?}");
        prop_assert!(!mistake.message.contains(char::is_control) && !mistake.found.contains(char::is_control));
    }
    prop_assert!(mistakes.plain().lines().count() >= mistakes.iter().count());
    prop_assert!(mistakes.snippets(false).contains("error"));
    let _ = mistakes.snippets(true);
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn any_bytes_are_refused_with_grace(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        use_up(&String::from_utf8_lossy(&bytes))?;
    }

    #[test]
    fn any_change_to_a_profile_is_taken_with_grace(
        which in 0usize..3,
        changes in proptest::collection::vec(change(), 1..8),
    ) {
        let text = [BASE, shipped::text("echo").expect("shipped"), shipped::text("openshock-live").expect("shipped")][which];
        use_up(&changed(text, &changes))?;
    }

    #[test]
    fn any_change_to_a_transcript_is_taken_with_grace(changes in proptest::collection::vec(change(), 1..8)) {
        let text = changed(shipped::talks("echo")[0].text, &changes);
        if let Err(mistakes) = talk::parse(&text) {
            prop_assert!(mistakes.iter().all(|mistake| mistake.line <= text.lines().count()));
        }
    }
}
