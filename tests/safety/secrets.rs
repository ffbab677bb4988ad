//! A secret in every place where one can be, said back by a server in every way that it can, and
//! then looked for in everything that volley prints and writes.

use std::io::Read;
use std::io::Write;
use std::net::TcpListener;
use std::net::TcpStream;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use volley::wire::accept::accept_value;

use crate::kit::*;

/// All secrets of these tests begin with it.
const CANARY: &str = "CANARY7f3a9b";

/// The canary as others may spell it.
const SPELLINGS: [fn(&str) -> String; 6] = [
    |text| text.to_owned(),
    |text| STANDARD.encode(format!("user:{text}")),
    |text| text.bytes().map(|b| format!("%{b:02x}")).collect(),
    |text| text.bytes().map(|b| format!("{b:02X}")).collect(),
    |text| text.bytes().map(|b| format!("\\u{b:04x}")).collect(),
    |text| STANDARD.encode(format!("{text}:{text}")),
];

/// What none of the outputs may hold: the canary in any spelling.
fn forbidden() -> Vec<Vec<u8>> {
    let mut all: Vec<String> = vec![CANARY.into()];
    all.extend([2, 3, 4].map(|i| SPELLINGS[i](CANARY)));
    all.extend([all[1].to_uppercase(), all[2].to_lowercase()]);
    for shift in 0..3 {
        let whole = STANDARD.encode([&b"xx"[..shift], CANARY.as_bytes()].concat());
        all.push(whole[4..12].to_owned());
    }
    all.into_iter().map(String::into_bytes).collect()
}

#[track_caller]
fn is_clean(what: &str, bytes: &[u8]) {
    for form in forbidden() {
        let at = bytes.windows(form.len()).position(|w| w == form);
        if let Some(at) = at {
            let around = String::from_utf8_lossy(&bytes[at.saturating_sub(80)..(at + 80).min(bytes.len())]).into_owned();
            panic!("{what} holds a secret as {}: {around}", String::from_utf8_lossy(&form));
        }
    }
}

#[track_caller]
fn says_nothing(ended: &Ended) {
    ended.is_calm();
    is_clean("standard output", ended.out.as_bytes());
    is_clean("standard error", ended.err.as_bytes());
}

/// The record holds nothing, and what is drawn from it neither.
#[track_caller]
fn keeps_nothing(out: &Path) {
    for more in [&["--format", "json"][..], &["--plain"], &["-q"]] {
        says_nothing(&call(&[&["report", text(out)], more].concat()));
    }
    let all = files(out);
    for name in ["run.json", "summary.json", "report.html", "percentiles.png"] {
        assert!(all.iter().any(|(path, _)| path.ends_with(name)), "{name} is not there");
    }
    all.iter().for_each(|(path, bytes)| is_clean(&path.display().to_string(), bytes));
}

/// How the server says back what it was told.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Way {
    /// In the body of a refusal.
    Refusal,
    /// In Retry-After.
    RetryAfter,
    /// In the reason of its Close, behind the first message.
    Close,
    /// In a message that nobody understands.
    Message,
}

/// A server that says back, in turn, each secret that it was told, in turn in each spelling. Its
/// address, and how often it said one.
fn parrot(way: Way) -> (String, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("ws://{}/", listener.local_addr().expect("an address"));
    let said = Arc::new(AtomicUsize::new(0));
    let count = said.clone();
    std::thread::spawn(move || {
        for (n, stream) in listener.incoming().enumerate() {
            let (stream, count) = (stream.expect("a connection"), count.clone());
            // The client may be gone at any time.
            std::thread::spawn(move || serve(stream, way, n, &count).unwrap_or_default());
        }
    });
    (url, said)
}

fn serve(mut stream: TcpStream, way: Way, n: usize, count: &AtomicUsize) -> std::io::Result<()> {
    let mut asked = vec![0; 8192];
    let length = stream.read(&mut asked)?;
    let mut told = String::from_utf8_lossy(&asked[..length]).into_owned();
    let key =
        told.lines().find_map(|line| line.to_ascii_lowercase().starts_with("sec-websocket-key:").then(|| line[18..].trim().to_owned()));
    if way == Way::Close || way == Way::Message {
        let accept = accept_value(key.expect("a key").as_bytes());
        write!(stream, "HTTP/1.1 101 S\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: {accept}\r\n")?;
        let subprotocol = told.lines().find(|line| line.to_ascii_lowercase().starts_with("sec-websocket-protocol:"));
        write!(stream, "{}{}\r\n", subprotocol.unwrap_or_default(), if subprotocol.is_some() { "\r\n" } else { "" })?;
        told.push_str(&first_message(&mut stream)?);
    }
    let secrets: Vec<&str> = told.split(|c: char| !c.is_ascii_alphanumeric() && c != '-').filter(|word| word.starts_with(CANARY)).collect();
    if secrets.is_empty() {
        return Ok(());
    }
    let spelled = SPELLINGS[n / secrets.len() % SPELLINGS.len()](secrets[n % secrets.len()]);
    let words = format!("you said {spelled} to me");
    count.fetch_add(1, Ordering::SeqCst);
    match way {
        Way::Refusal => write!(stream, "HTTP/1.1 401 No\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{words}", words.len()),
        Way::RetryAfter => write!(stream, "HTTP/1.1 429 No\r\nContent-Length: 0\r\nConnection: close\r\nRetry-After: {words}\r\n\r\n"),
        Way::Message => frame(&mut stream, 0x81, words.as_bytes()),
        Way::Close => frame(&mut stream, 0x88, &[&4001u16.to_be_bytes(), &words.as_bytes()[..words.len().min(123)]].concat()),
    }?;
    // Until the client goes.
    std::io::copy(&mut stream, &mut std::io::sink()).map(drop)
}

fn frame(stream: &mut TcpStream, first: u8, payload: &[u8]) -> std::io::Result<()> {
    let length = u16::try_from(payload.len()).expect("short words");
    let head: Vec<u8> = if length < 126 { vec![first, length as u8] } else { [&[first, 126][..], &length.to_be_bytes()].concat() };
    stream.write_all(&[&head, payload].concat())
}

/// The text of the client's first frame, which has fewer than 64 KiB.
fn first_message(stream: &mut TcpStream) -> std::io::Result<String> {
    let mut head = [0; 2];
    stream.read_exact(&mut head)?;
    let mut length = usize::from(head[1] & 0x7f);
    if length == 126 {
        let mut more = [0; 2];
        stream.read_exact(&mut more)?;
        length = usize::from(u16::from_be_bytes(more));
    }
    let mut rest = vec![0; 4 + length];
    stream.read_exact(&mut rest)?;
    let (mask, payload) = rest.split_at(4);
    Ok(payload.iter().enumerate().map(|(i, b)| char::from(b ^ mask[i % 4])).collect())
}

/// A profile with a secret in each place that a profile has for one.
const LEAKY: &str = r#"
name = "leaky"
about = "x"
[endpoint]
url = "ws://127.0.0.1:1/live/{in_path}?ticket={from_file}"
[endpoint.headers]
X-Env = "{from_env}"
Authorization = "Bearer CANARY7f3a9b-literal"
[vars.in_path]
about = "x"
secret = true
[vars.from_file]
about = "x"
secret = true
[vars.from_env]
about = "x"
env = "LEAKY_ENV"
secret = true
[vars.from_default]
about = "x"
default = "CANARY7f3a9b-default"
secret = true
[vars.upload_token]
about = "not declared secret, but named so"
[load]
name = "hello"
text = '{"id":{id},"login":"{from_default}","upload":"{upload_token}","env":"{from_env}"}'
"#;

#[test]
fn no_secret_gets_out() {
    let dir = folder();
    let (profile, file) = (dir.path().join("leaky.toml"), dir.path().join("secret"));
    std::fs::write(&profile, LEAKY).expect("a file");
    std::fs::write(&file, format!("{CANARY}-file\n")).expect("a file");
    let file = format!("from_file=@{}", text(&file));
    for way in [Way::Refusal, Way::RetryAfter, Way::Close, Way::Message] {
        let (url, said) = parrot(way);
        let out = dir.path().join(format!("{way:?}"));
        let url = format!("{url}?token={CANARY}-query&room={CANARY}-room");
        let mut command = volley();
        command.args(["run", text(&profile), "--target", &url, "--out", text(&out), "--set", &file]);
        command.args(["--set", &format!("in_path={CANARY}-overridden"), &format!("--set=in_path={CANARY}-path")]);
        command.args(["--set", &format!("upload_token={CANARY}-upload"), "--subprotocol", &format!("{CANARY}-protocol")]);
        command.args(["-H", &format!("Cookie: theme=dark; sid={CANARY}-cookie"), &format!("-HX-Any: {CANARY}-any")]);
        command.args(["--clients", "80", "--rate", "5/s", "--duration", "1s", "--warmup", "0", "--ramp", "400ms"]);
        command.args(["--lanes", "1", "--timeout", "1s", "--progress", "line"]);
        let ended = Call::start({
            command.env("LEAKY_ENV", format!("{CANARY}-env"));
            command
        })
        .end();
        says_nothing(&ended);
        assert!(ended.err.contains("can be read by others"), "the mode of the file is spoken of: {}", ended.err);
        keeps_nothing(&out);
        let said = said.load(Ordering::SeqCst);
        assert!(said >= 60, "{way:?}: secrets were said {said} times");
        // That nothing was found is worth something only where something was there.
        let run: Value = serde_json::from_str(&read(&out, "run.json")).expect("JSON");
        let texts = run["finish"]["fault_texts"].to_string();
        // What is in messages and closes is counted, and not kept.
        let keeps = way == Way::Refusal || way == Way::RetryAfter;
        assert!(!keeps || texts.contains("you said [redacted] to me"), "{way:?}: {texts}");
        assert!(run["plan"]["target"].as_str().is_some_and(|t| t.contains("/live/[redacted]?")), "{run:#}");
        assert!(run["plan"]["vars"].as_object().is_some_and(serde_json::Map::is_empty), "{run:#}");
        assert!(run["profile_text"].as_str().is_some_and(|t| t.contains(r#"default = "[redacted]""#)), "{run:#}");
    }
}

#[test]
fn what_is_refused_is_not_repeated() {
    let target = |url: String| format!("--target={url}");
    for args in [
        vec![target(format!("ws://user:{CANARY}@127.0.0.1:1/"))],
        vec![target(format!("ws://{CANARY}@127.0.0.1:1/"))],
        vec![target(format!("http://127.0.0.1:1/?token={CANARY}"))],
        vec![target(format!("ws://127.0.0.1:x/?token={CANARY}"))],
        vec![target(format!("ws://u:{CANARY} @h/"))],
        vec!["--set".into(), format!("token {CANARY}")],
        vec!["--set".into(), CANARY.into()],
        vec!["-H".into(), format!("Authorization {CANARY}")],
        vec![format!("--header={CANARY}")],
        vec!["--set".into(), format!("token=@{CANARY}/nowhere")],
        vec!["--set".into(), format!("token={CANARY}\r\nX-Other: 1")],
    ] {
        let ended = call(&[&["run", "openshock-live"][..], &args.iter().map(String::as_str).collect::<Vec<_>>()].concat());
        assert_eq!(ended.code, Some(2), "{args:?}: {ended:#?}");
        says_nothing(&ended);
    }
    for args in [&["--set", "token=abc"][..], &["-H", "Authorization: abc"]] {
        call(&[&["run", "openshock-live"], args].concat()).refuses(2, &["fewer than 4 characters"]);
    }
    // A file is read without its last line break; what begins with @ can still be said.
    let dir = folder();
    let size = dir.path().join("size");
    std::fs::write(&size, "128\r\n").expect("a file");
    let set = format!("payload_bytes=@{}", text(&size));
    assert_eq!(call(&["run", "echo", "--dry-run", "--set", &set]).code, Some(0));
    call(&["run", "echo", "--dry-run", "--set", "payload_bytes=@@9"]).refuses(2, &["`@9` is not a number"]);
    call(&["run", "echo", "--dry-run", "--set", "payload_bytes=@nowhere"]).refuses(2, &["nowhere", "payload_bytes", "`@@`"]);
}

/// A secret is longer than what fits into a text: wherever the cut falls, no half of it is left.
#[test]
fn what_is_cut_is_not_half_a_secret() {
    let dir = folder();
    let out = dir.path().join("out");
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("ws://{}/", listener.local_addr().expect("an address"));
    std::thread::spawn(move || {
        for (n, stream) in listener.incoming().enumerate() {
            let mut stream = stream.expect("a connection");
            let mut asked = vec![0; 4096];
            let length = stream.read(&mut asked).unwrap_or(0);
            let asked = String::from_utf8_lossy(&asked[..length]).into_owned();
            let given = asked.lines().find(|line| line.contains(CANARY)).unwrap_or("nothing was given").to_owned();
            let given = format!("{}{given}", "x".repeat(124 + n * 4));
            let answer = format!("HTTP/1.1 401 Unauthorized\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{given}", given.len());
            // The client may be gone already.
            let _ = stream.write_all(answer.as_bytes());
        }
    });
    let header = format!("X-Said: Bearer {CANARY}");
    let ended = call(&[&short(&url, text(&out))[..], &["--header", &header]].concat());
    ended.refuses(3, &["401"]);
    let run: Value = serde_json::from_str(&read(&out, "run.json")).expect("JSON");
    let texts = run["finish"]["fault_texts"].as_object().expect("texts");
    // Some show it whole, in some the cut falls into it.
    assert!(texts.keys().any(|t| t.ends_with("[redacted]")) && texts.keys().any(|t| t.ends_with("..")), "{texts:#?}");
    assert!(!ended.out.contains(&CANARY[..6]) && !ended.err.contains(&CANARY[..6]), "{ended:#?}");
    for (path, bytes) in files(&out) {
        assert!(!bytes.windows(6).any(|w| w == &CANARY.as_bytes()[..6]), "{} holds a secret", path.display());
    }
}
