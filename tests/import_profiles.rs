//! `volley profiles import`: what is made of HAR files and AsyncAPI documents passes `profiles check`, and what is malformed, huge
//! or empty is refused with its place and a hint.

mod kit;

use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::path::PathBuf;

use kit::*;
use serde_json::Value;
use serde_json::json;
use volley::mock::Words;
use volley::trace::Event;
use volley::trace::Frame;
use volley::trace::Reader;

/// A message of a HAR file.
fn message(way: &str, at: f64, text: &str) -> Value {
    json!({ "type": way, "time": 1_700_000_000.0 + at, "opcode": 1, "data": text })
}

/// A WebSocket entry of a HAR file.
fn entry(url: &str, messages: Vec<Value>) -> Value {
    json!({
        "startedDateTime": "2023-11-14T22:13:19.900Z", "time": 3000.0,
        "request": { "method": "GET", "url": url, "headers": [{ "name": "Cookie", "value": "sid=c4N4ry7Qx9" }], "bodySize": 0 },
        "response": { "status": 101, "headers": [{ "name": "sec-websocket-protocol", "value": "chat" }], "content": { "text": "x" } },
        "_webSocketMessages": messages
    })
}

fn har(entries: Vec<Value>) -> String {
    let page = json!({ "request": { "url": "https://example.com/" }, "response": {}, "startedDateTime": "2023-11-14T22:13:19Z" });
    let all: Vec<Value> = [vec![page], entries].concat();
    json!({ "log": { "version": "1.2", "entries": all } }).to_string()
}

/// Writes `text` to a file and imports it; the folder of the results.
fn import(kind: &str, dir: &Path, name: &str, text: impl AsRef<[u8]>, more: &[&str]) -> (PathBuf, Ended) {
    let (file, out) = (dir.join(name), dir.join("out"));
    std::fs::write(&file, text.as_ref()).expect("writable");
    let ended = call(&[&["profiles", "import", kind, text_of(&file), "--out", text_of(&out)], more].concat());
    (out, ended)
}

fn text_of(path: &Path) -> &str {
    text(path)
}

/// The messages that the client of a trace sent, and all its lines.
fn sent(trace: &Path) -> (Vec<String>, usize) {
    let (mut reader, _) = Reader::open(trace).unwrap_or_else(|e| panic!("{e}"));
    let (mut all, mut lines) = (Vec::new(), 0);
    while let Some(row) = reader.next_row().unwrap_or_else(|e| panic!("{e}")) {
        lines += 1;
        match row.line.event {
            Event::Sent(Frame::Text(text)) => all.push(text.into_owned()),
            Event::Sent(Frame::Binary(bytes)) => all.push(format!("{bytes:?}")),
            _ => {}
        }
    }
    (all, lines)
}

fn checks(profile: &Path) {
    let checked = call(&["profiles", "check", text(profile)]);
    assert_eq!(checked.code, Some(0), "{checked:#?}\n{}", std::fs::read_to_string(profile).expect("a profile"));
}

#[test]
fn an_answer_is_told_by_the_number_that_comes_back() {
    let (dir, server) = (folder(), mock(Words { profile: "echo".into(), ..Words::default() }));
    let url = format!("http://{}/", server.addr());
    let pair = |n: u64| {
        let text = json!({ "type": "ask", "id": n + 7, "pad": "{braces}" }).to_string();
        [message("send", n as f64 / 10.0, &text), message("receive", n as f64 / 10.0 + 0.01, &text)]
    };
    let other = entry("ws://127.0.0.1:1/other", vec![message("send", 0.0, "x")]);
    let text = har(vec![other, entry(&url, (0..5).flat_map(pair).collect())]);
    let (out, ended) = import("har", dir.path(), "my chat.har", &text, &[]);
    assert_eq!(ended.code, Some(0), "{ended:#?}");
    let (profile, trace) = (out.join("my-chat.toml"), out.join("my-chat.trace.ndjson"));
    assert!(ended.out.contains(&format!("volley run {} --trace {}", profile.display(), trace.display())), "{ended:#?}");
    assert!(ended.err.contains("other addresses") && ended.err.contains("--url"), "{}", ended.err);
    checks(&profile);
    let made = std::fs::read_to_string(&profile).expect("a profile");
    for line in ["class = \"keyed\"", "tag = [\"type\"]", "key = \"id\"", "expects = \"answer\"", "subprotocol = \"chat\""] {
        assert!(made.contains(line), "{line}: {made}");
    }
    assert!(made.contains(r#"text = "{\"type\":\"ask\",\"id\":{id},\"pad\":\"\\u007bbraces}\"}""#), "{made}");
    let (messages, lines) = sent(&trace);
    assert_eq!((messages.len(), lines), (5, 12));
    assert_eq!(messages[4], r#"{"type":"ask","id":11,"pad":"{braces}"}"#);
    call(&["profiles", "import", "har", text_of(&dir.path().join("my chat.har")), "--out", text_of(&out)])
        .refuses(2, &["is there already", "--force"]);

    // It speaks with the server that it was made from.
    let plain = std::fs::read_to_string(&profile).expect("a profile").replace("subprotocol = \"chat\"\n", "");
    std::fs::write(&profile, plain).expect("writable");
    let load = ["--clients", "2", "--rate", "20/s", "--duration", "1s", "--warmup", "0s", "--report", "none", "--format", "json"];
    let target = format!("ws://{}/", server.addr());
    assert!(ended.out.contains(&format!("--target {target}")), "{}", ended.out);
    let own = dir.path().join("run");
    let args = ["run", text_of(&profile), "--target", &target, "--out", text_of(&own)];
    let run = call(&[&args, load.as_slice()].concat());
    run.ran();
    let summary = run.json();
    counts_add_up(&summary);
    assert_eq!(number(&summary, "/counts/answered"), number(&summary, "/counts/sent"), "{summary:#}");
    assert!(number(&summary, "/counts/sent") >= 40);
}

/// What a page in Chromium said to a server on npm `ws`, as Playwright wrote it down (`tests/browser/har.mjs` makes the file).
#[test]
fn a_page_in_chromium() {
    let dir = folder();
    let (out, ended) = import("har", dir.path(), "chat.har", include_str!("imports/chat.har"), &[]);
    assert_eq!(ended.code, Some(0), "{ended:#?}");
    checks(&out.join("chat.toml"));
    let profile = std::fs::read_to_string(out.join("chat.toml")).expect("a profile");
    assert!(profile.contains("key = \"re\"") && profile.contains("subprotocol = \"chat.v1\""), "{profile}");
    let (messages, lines) = sent(&out.join("chat.trace.ndjson"));
    assert_eq!((messages.len(), lines), (17, 2 + 34 + 2));
    assert_eq!(messages.iter().filter(|text| **text == "[0, 255, 128, 1]" || **text == "[0, 255, 128, 101]").count(), 2);
    assert_eq!(messages[0], "{\"type\":\"say\",\"id\":1,\"text\":\"h\u{e9}llo \u{1f44b}\"}");
    // Half a second was recorded, and is half a second.
    let text = std::fs::read_to_string(out.join("chat.trace.ndjson")).expect("a trace");
    let last: Value = serde_json::from_str(text.lines().last().expect("a line")).expect("JSON");
    assert!((200_000_000..600_000_000).contains(&last["at_ns"].as_u64().expect("a time")), "{last}");
}

#[test]
fn secrets_become_marks_and_variables() {
    let dir = folder();
    let login = r#"{"type":"login","token":"c4N4ry-Secret-9"}"#;
    let messages = vec![message("send", 0.0, login), message("receive", 0.1, r#"{"type":"hello","again":"c4N4ry-Secret-9 c4N4ry7Qx9"}"#)];
    let text = har(vec![entry("wss://chat.example/c4N4ry7Qx9Zt2LmW8/ws?access_token=c4N4ry-Query-77&room=1", messages)]);
    let (out, ended) = import("har", dir.path(), "chat.har", &text, &[]);
    assert_eq!(ended.code, Some(0), "{ended:#?}");
    checks(&out.join("chat.toml"));
    for (file, bytes) in files(&out) {
        let text = String::from_utf8(bytes).expect("text");
        assert!(!text.contains("c4N4ry"), "{}: {text}", file.display());
    }
    let profile = std::fs::read_to_string(out.join("chat.toml")).expect("a profile");
    assert!(profile.contains("url = \"wss://chat.example/{path_1}/ws?access_token={access_token_1}&room=1\""), "{profile}");
    assert!(profile.contains("[vars.token_1]") && profile.contains("secret = true"), "{profile}");
    assert!(ended.err.contains("TOKEN_1") && ended.out.contains("--allow-host chat.example"), "{ended:#?}");
    // The variable takes the place of the mark when the trace is played.
    let dry = call(&["run", text_of(&out.join("chat.toml")), "--trace", text_of(&out.join("chat.trace.ndjson")), "--dry-run"]);
    dry.refuses(2, &["token_1"]);
}

#[test]
fn plain_texts_and_bytes() {
    let dir = folder();
    for (name, messages, wanted) in [
        (
            "turns",
            vec![
                message("send", 0.0, "hello"),
                message("receive", 0.1, "hello"),
                message("send", 0.2, "again"),
                message("receive", 0.3, "again"),
            ],
            "class = \"fifo\"",
        ),
        (
            "news",
            vec![message("receive", 0.0, "one"), message("receive", 0.1, "two"), message("send", 0.2, "three")],
            "name = \"message\"\n\n[load]",
        ),
        ("bytes", vec![json!({ "type": "send", "time": 1_700_000_000.0, "opcode": 2, "data": "AAEC/w==" })], "hex = \"000102ff\""),
    ] {
        let (out, ended) = import("har", dir.path(), &format!("{name}.har"), har(vec![entry("ws://127.0.0.1:9/", messages)]), &[]);
        assert_eq!(ended.code, Some(0), "{ended:#?}");
        let profile = std::fs::read_to_string(out.join(format!("{name}.toml"))).expect("a profile");
        assert!(profile.contains(wanted), "{name}: {profile}");
        checks(&out.join(format!("{name}.toml")));
    }
}

#[test]
fn har_files_that_will_not_do() {
    let dir = folder();
    let only = |messages: Vec<Value>| har(vec![entry("ws://127.0.0.1:9/", messages)]);
    for (text, words) in [
        ("not JSON at all".to_owned(), &["it is no HAR", "line 1 column", "Export HAR"][..]),
        (String::new(), &["it is no HAR", "line 1 column 0"]),
        ("{\"log\":\n{\"pages\":[]}}".into(), &["missing field `entries` at line 2"]),
        ("[".repeat(100_000), &["it is no HAR", "line 1 column"]),
        (har(Vec::new()), &["none of its 1 entries has WebSocket messages", "volley record"]),
        (only(Vec::new()), &["the client says nothing in it"]),
        (only(vec![message("receive", 0.0, "x")]), &["the client says nothing in it"]),
        (har(vec![entry("ftp://x/", vec![message("send", 0.0, "x")])]), &["does not begin with ws://"]),
        (only(vec![json!({ "type": "send", "time": "soon", "opcode": 1, "data": "x" })]), &["it is no HAR", "invalid type"]),
    ] {
        import("har", dir.path(), "x.har", &text, &[]).1.refuses(2, words);
    }
    for (bytes, words) in [(&b"\x1f\x8b\x08\0"[..], "packed by gzip"), (b"\xff\xfe{\0", "not UTF-8"), (b"\xfe\xff\0{", "not UTF-8")] {
        import("har", dir.path(), "x.har", bytes, &[]).1.refuses(2, &[words]);
    }
    let marked = format!("\u{feff}{}", only(vec![message("send", 0.0, "x")]).replace(',', ",\r\n"));
    assert_eq!(import("har", dir.path(), "marked.har", marked, &[]).1.code, Some(0));
    let (_, ended) = import("har", dir.path(), "x.har", only(vec![message("send", 0.0, "x")]), &["--url", "nowhere"]);
    ended.refuses(2, &["fits --url", "ws://127.0.0.1:9/"]);
    call(&["profiles", "import", "har", "/nowhere.har"]).refuses(2, &["/nowhere.har", "No such file"]);
    call(&["profiles", "import", "har", "/"]).refuses(2, &["it is no file"]);
    // A file of 300 MiB that takes no room.
    let huge = dir.path().join("huge.har");
    std::fs::File::create(&huge).and_then(|file| file.set_len(300 << 20)).expect("a file");
    call(&["profiles", "import", "har", text_of(&huge)]).refuses(2, &["300 MiB", "256 MiB"]);
    // A frame that no trace can hold is left out, and said to be.
    let large = only(vec![message("send", 0.0, "x"), message("send", 0.1, &"x".repeat((1 << 20) + 1))]);
    let (out, ended) = import("har", dir.path(), "large.har", &large, &[]);
    assert!(ended.code == Some(0) && ended.err.contains("1 messages are left out"), "{ended:#?}");
    assert_eq!(sent(&out.join("large.trace.ndjson")).0, ["x"]);
}

/// Both files or none: no room for the trace leaves no profile, and what was there as it was.
#[test]
fn an_import_that_fails_leaves_nothing() {
    let dir = folder();
    let out = dir.path().join("out");
    let talk = har(vec![entry("ws://127.0.0.1:9/", vec![message("send", 0.0, &"x".repeat(100_000)), message("send", 0.1, "y")])]);
    let file = dir.path().join("chat.har");
    std::fs::write(&file, talk).expect("writable");
    let import = |blocks: &str| {
        let mut command = std::process::Command::new("sh");
        // A file may have so many blocks of 512 bytes; the signal of that is ignored, so that a write fails as on a full disk.
        command.args(["-c", &format!("trap '' XFSZ; ulimit -f {blocks}; exec \"$0\" \"$@\""), env!("CARGO_BIN_EXE_volley")]);
        command.args(["profiles", "import", "har", text_of(&file), "--force", "--out", text_of(&out)]);
        command.output().expect("sh can be started")
    };
    for _ in 0..2 {
        let failed = import("16");
        let err = String::from_utf8_lossy(&failed.stderr).into_owned();
        assert_eq!(failed.status.code(), Some(2), "{err}");
        assert!(err.contains("cannot be written") && err.contains("--out"), "{err}");
        assert!(!out.exists());
    }
    std::fs::create_dir(&out).expect("a folder");
    for name in ["chat.toml", "chat.trace.ndjson"] {
        std::fs::write(out.join(name), "mine").expect("writable");
        std::fs::set_permissions(out.join(name), std::fs::Permissions::from_mode(0o644)).expect("a file");
    }
    assert_eq!(import("16").status.code(), Some(2));
    let kept = files(&out);
    assert!(kept.len() == 2 && kept.iter().all(|(_, bytes)| bytes == b"mine"), "{kept:?}");
    assert_eq!(import("unlimited").status.code(), Some(0));
    assert_eq!(files(&out).len(), 2);
    let mode = std::fs::metadata(out.join("chat.trace.ndjson")).expect("a file").permissions().mode();
    assert_eq!(mode & 0o777, 0o600, "for its owner's eyes, whatever was there");
    assert_eq!(sent(&out.join("chat.trace.ndjson")).0.len(), 2);
}

const SECOND: &str = "
asyncapi: 2.6.0
info: {title: Chat, version: '1'}
servers:
  mqtt: {url: 'mqtt://broker', protocol: mqtt}
  live:
    url: 'chat.example:{port}/v1'
    protocol: wss
    variables: {port: {enum: ['8443']}}
channels:
  /rooms/{roomId}:
    parameters: {roomId: {schema: {type: string, default: lobby}}}
    publish:
      message:
        oneOf:
          - $ref: '#/components/messages/say'
          - {name: leave, payload: {type: object, properties: {type: {const: leave}, at: {type: string, format: date-time}}}}
    subscribe:
      message:
        oneOf:
          - {name: said, correlationId: {location: '$message.payload#/ref/id'}, payload: {properties: {type: {const: said}, ref: {properties: {id: {type: integer}}}}}}
          - {name: left, payload: {properties: {type: {const: left}}}}
components:
  messages:
    say:
      correlationId: {location: '$message.payload#/id'}
      payload: &say
        type: object
        properties: {type: {const: say}, id: {type: integer}, key: {type: string, format: uuid}, text: {type: string, examples: ['hi {there}']}}
";

const THIRD: &str = r##"{
  "asyncapi": "3.0.0", "info": {"title": "Ask", "version": "1"},
  "servers": {"here": {"host": "127.0.0.1:9001", "pathname": "/ask", "protocol": "ws"}},
  "channels": {
    "root": {"address": "/", "messages": {
      "ask": {"payload": {"type": "object", "properties": {"q": {"type": "string"}}}},
      "answer": {"payload": {"type": "object", "properties": {"a": {"type": "string"}}}}}},
    "other": {"address": "/other", "messages": {}}},
  "operations": {
    "ask": {"action": "receive", "channel": {"$ref": "#/channels/root"}, "messages": [{"$ref": "#/channels/root/messages/ask"}],
            "reply": {"messages": [{"$ref": "#/channels/root/messages/answer"}]}}}
}"##;

#[test]
fn documents_of_both_versions() {
    let dir = folder();
    let (out, ended) = import("asyncapi", dir.path(), "chat.yaml", SECOND, &[]);
    assert_eq!(ended.code, Some(0), "{ended:#?}");
    checks(&out.join("chat.toml"));
    let profile = std::fs::read_to_string(out.join("chat.toml")).expect("a profile");
    for part in [
        "url = \"wss://chat.example:8443/v1/rooms/{room_id}\"",
        "[vars.room_id]",
        "default = \"lobby\"",
        "class = \"keyed\"",
        "tag = [\"said\"]\nanswers = \"answer\"\nkey = \"/ref/id\"",
        r#"{\"type\":\"say\",\"id\":{id},\"key\":\"{uuid}\",\"text\":\"hi \\u007bthere}\"}"#,
        "when = \"send=say\"",
        "when = \"send=leave\"",
    ] {
        assert!(profile.contains(part), "{part}: {profile}");
    }
    let (messages, lines) = sent(&out.join("chat.trace.ndjson"));
    assert_eq!(lines, 4);
    assert_eq!(messages[1], r#"{"type":"leave","at":"2026-01-01T00:00:00Z"}"#);

    let (out, ended) = import("asyncapi", dir.path(), "ask.json", THIRD, &[]);
    assert_eq!(ended.code, Some(0), "{ended:#?}");
    assert!(ended.err.contains("other"), "{}", ended.err);
    checks(&out.join("ask.toml"));
    let profile = std::fs::read_to_string(out.join("ask.toml")).expect("a profile");
    assert!(profile.contains("url = \"ws://127.0.0.1:9001/ask\"") && profile.contains("class = \"fifo\""), "{profile}");
    assert_eq!(sent(&out.join("ask.trace.ndjson")).0, [r#"{"q":"text"}"#]);
}

#[test]
fn documents_that_will_not_do() {
    let dir = folder();
    let bomb: String = (0..40).map(|n| format!("a{}: &a{} [{}]\n", n + 1, n + 1, format!("*a{n}, ").repeat(10))).collect();
    // Clients send `messages`; `big` is a text of 4 MiB.
    let heavy = |messages: &str| {
        let head = "asyncapi: 2.6.0\nservers: {a: {url: '127.0.0.1:1', protocol: ws}}\n";
        format!("{head}big: {{default: {}}}\nchannels: {{/a: {{publish: {{message: {{oneOf: [{messages}]}}}}}}}}\n", "z".repeat(4 << 20))
    };
    for (text, words) in [
        (heavy(&"{payload: {$ref: '#/big'}}, ".repeat(400)), &["the messages hold more than 200000 values", "examples shorter"][..]),
        (heavy("{payload: {$ref: '#/big'}}"), &["the profile would have 4.0 MiB", "the most is 1.0 MiB"]),
        (heavy(&"{}, ".repeat(60_000)), &["channel `/a` has 60000 messages; the most is 500"]),
        (format!("a: &a {}\nb: [{}]", "z".repeat(4 << 20), "*a, ".repeat(100_000)), &["more than 200000 values"]),
        (
            format!("asyncapi: 2.6.0\nservers:\n{}", (0..90_000).map(|n| format!(" s{n}: {{}}\n")).collect::<String>()),
            &["speaks ws or wss"],
        ),
        ("not a document".to_owned(), &["line 1", "does not say `asyncapi`", "asyncapi: 3.0.0"]),
        (String::new(), &["line 1", "nothing in it"]),
        ("a: [1".into(), &["line 2", "neither YAML nor JSON"]),
        ("openapi: 3.0.0".into(), &["OpenAPI", "knows no WebSocket"]),
        ("asyncapi: 1.2.0".into(), &["line 1", "AsyncAPI 1.2.0", "convert"]),
        ("asyncapi: 3.0.0\nchannels: {}".into(), &["line 1", "has no servers", "protocol: ws"]),
        (
            "asyncapi: 3.0.0\nservers:\n  a: {host: x, protocol: kafka}".into(),
            &["line 3", "none of its servers speaks ws or wss: a (kafka)"],
        ),
        (SECOND.replace("wss", "amqp"), &["line 5", "mqtt (mqtt), live (amqp)"]),
        (SECOND.replace("publish:", "parrot:"), &["on none of its channels", "--describes client"]),
        (SECOND.replace("enum: ['8443']", "description: x"), &["line 9", "variable `port`", "default"]),
        (SECOND.replace("payload: &say", "payload:\n        $ref: '#/components/messages/say/payload'"), &["references lead in a circle"]),
        (SECOND.replace("#/components/messages/say", "#/components/messages/gone"), &["line 16, column 19", "leads nowhere"]),
        (SECOND.replace("#/components/messages/say", "./more.yaml"), &["line 16, column 19", "leads out of the document", "bundle"]),
        (format!("asyncapi: 3.0.0\na0: &a0 x\n{bomb}"), &["more than 200000 values"]),
        ("[".repeat(100_000), &["line 1", "recursion limit"]),
        ("- ".repeat(150), &["line 1", "nested more than"]),
    ] {
        import("asyncapi", dir.path(), "x.yaml", &text, &[]).1.refuses(2, words);
    }
    let (_, ended) = import("asyncapi", dir.path(), "x.yaml", SECOND, &["--channel", "nowhere"]);
    ended.refuses(2, &["no channel `nowhere`", "/rooms/{roomId}"]);
    let (_, ended) = import("asyncapi", dir.path(), "x.yaml", SECOND, &["--server", "nowhere"]);
    ended.refuses(2, &["no server `nowhere`"]);
    let file = dir.path().join("latin.yaml");
    std::fs::File::create(&file).and_then(|mut file| file.write_all(b"asyncapi: \xff")).expect("a file");
    call(&["profiles", "import", "asyncapi", text_of(&file)]).refuses(2, &["not UTF-8"]);
}
