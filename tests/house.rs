//! The floors and doors of the house (`src/lib.rs` draws it), held to the sources: every violation is
//! named with file and line. Comments and the insides of strings are not looked at.

use std::fs;
use std::path::Path;

/// Which room lies on which floor. A room may name only rooms on lower floors.
const FLOORS: &[(&str, u8)] = &[
    ("units", 0),
    ("profile", 1),
    ("tally", 1),
    ("trace", 1),
    ("plan", 2),
    ("dialogue", 2),
    ("wire", 2),
    ("swarm", 3),
    ("record", 3),
    ("mock", 3),
    ("tap", 3),
    ("report", 4),
    ("export", 4),
    ("fleet", 4),
    ("trial", 5),
    ("cli", 6),
];

/// Which packages may be named only where. A place is a file, or a folder with its `NAME.rs`.
const DOORS: &[(&str, &[&str])] = &[
    ("clap", &["cli"]),
    ("clap_complete", &["cli"]),
    ("clap_mangen", &["cli"]),
    ("anstream", &["cli"]),
    ("crossterm", &["cli/tui"]),
    ("ratatui", &["cli/tui"]),
    ("anstyle", &["cli", "report/text"]),
    ("toml", &["profile/load", "cli/config"]),
    ("csv", &["cli/data"]),
    ("cozy_chess", &["mock/chess"]),
    ("annotate_snippets", &["profile/diagnose"]),
    ("simd_json", &["dialogue/read"]),
    ("serde_json", &["trace", "dialogue/score", "record", "mock", "report", "fleet", "cli"]),
    ("hdrhistogram", &["tally", "record/hlog"]),
    ("flate2", &["record/hlog", "record/packed", "fleet/snapshot"]),
    ("crc32fast", &["fleet"]),
    ("async_nats", &["fleet/nats"]),
    ("nkeys", &["cli/fleet/keys"]),
    ("bytes", &["fleet/nats"]),
    ("futures_util", &["fleet/nats"]),
    ("httparse", &["tap/head"]),
    ("rustix", &["tap/scribe"]),
    ("netlink_packet_core", &["wire/rtt"]),
    ("netlink_packet_sock_diag", &["wire/rtt"]),
    ("saphyr_parser", &["cli/imports/asyncapi/tree"]),
    ("hyper", &["wire"]),
    ("hyper_util", &["wire"]),
    ("http_body_util", &["wire"]),
    ("httpdate", &["wire"]),
    ("fastwebsockets", &["wire/frames"]),
    ("plotters", &["report/png"]),
    ("image", &["report/png"]),
    ("ab_glyph", &["report/png"]),
    ("dejavu", &["report/png"]),
    ("tokio", &["wire", "swarm", "mock", "tap", "fleet/nats", "cli"]),
    ("tokio_metrics", &["swarm/health"]),
    ("tokio_rustls", &["wire"]),
    ("webpki_roots", &["wire/tls"]),
    ("nix", &["wire", "swarm", "record", "mock", "cli"]),
    ("prometheus_client", &["export"]),
    ("jiff", &["record", "cli", "mock/story"]),
    ("aho_corasick", &["cli/redact"]),
];

/// Rooms that do no I/O and read no clock: time is an argument.
const PURE: &[&str] = &[
    "units",
    "profile",
    "plan",
    "dialogue",
    "tally",
    "report/view",
    "report/build",
    "report/judge",
    "export",
    "trial",
    "fleet/message",
    "fleet/snapshot",
    "fleet/second",
    "fleet/merge",
    "fleet/cover",
    "fleet/probe",
    "fleet/roster",
];

/// What a pure room must not name.
const IMPURE: &[&str] =
    &["std::fs", "std::net", "std::time::Instant", "SystemTime", "Instant::now", "Timestamp::now", "std::env", "thread::sleep"];

/// What only cli may do.
const LOUD: &[&str] = &["println!", "eprintln!", "print!", "eprint!", "dbg!", "process::exit", "process::abort"];

/// Words that do not belong into finished code; looked for in comments too.
const UNFINISHED: &[&str] = &["TODO", "FIXME", "XXX", "todo!", "unimplemented!"];

/// Most lines of a file.
const LONGEST: usize = 420;

/// Files that may be longer, how long, and why.
const LONG: &[(&str, usize, &str)] = &[
    ("report/limit.rs", 600, "one small language: words, grammar and meaning, with the table of its sentences"),
    ("report/text.rs", 430, "one format, one file"),
];

/// A file of the sources: its path below `src`, its lines, and those without comments and strings.
struct Source {
    path: String,
    lines: Vec<String>,
    code: Vec<String>,
}

impl Source {
    fn new(path: &str, text: &str) -> Self {
        let code = strip(text).lines().map(str::to_owned).collect();
        Source { path: path.to_owned(), lines: text.lines().map(str::to_owned).collect(), code }
    }

    /// The module's path: `record/write.rs` is `[record, write]`, `record/mod.rs` is `[record]`.
    fn module(&self) -> Vec<&str> {
        let stem = self.path.trim_end_matches(".rs");
        stem.split('/').filter(|part| !matches!(*part, "mod" | "lib" | "main")).collect()
    }

    fn is_in(&self, place: &str) -> bool {
        self.path.strip_prefix(place).is_some_and(|rest| rest == ".rs" || rest.starts_with('/'))
    }

    fn at(&self, index: usize, what: &str) -> String {
        format!("src/{}:{}: {what}", self.path, index + 1)
    }
}

/// The text with comments and the insides of strings and characters blanked, lines kept.
fn strip(text: &str) -> String {
    let c: Vec<char> = text.chars().collect();
    let mut out = String::with_capacity(text.len());
    let mut i = 0;
    // Copies line ends and blanks the rest up to `end`.
    let blank = |out: &mut String, from: usize, end: usize| {
        c[from..end.min(c.len())].iter().for_each(|&ch| out.push(if ch == '\n' { '\n' } else { ' ' }));
    };
    while i < c.len() {
        let rest = |n: usize| c.get(i + n).copied().unwrap_or('\0');
        let end = match (c[i], rest(1)) {
            ('/', '/') => i + c[i..].iter().position(|&ch| ch == '\n').unwrap_or(c.len() - i),
            ('/', '*') => end_of_comment(&c, i),
            ('r', '"' | '#') if !is_word(i.checked_sub(1).map(|p| c[p])) || c[i - 1] == 'b' => end_of_raw(&c, i).unwrap_or(i),
            ('"', _) => end_of_string(&c, i),
            ('\'', '\\') => end_of_char(&c, i),
            ('\'', _) if rest(2) == '\'' => i + 3,
            _ => i,
        };
        if end > i {
            blank(&mut out, i, end);
            i = end;
        } else {
            out.push(c[i]);
            i += 1;
        }
    }
    out
}

fn is_word(c: Option<char>) -> bool {
    c.is_some_and(|c| c.is_alphanumeric() || c == '_')
}

fn end_of_comment(c: &[char], from: usize) -> usize {
    let (mut depth, mut i) = (0, from);
    while i + 1 < c.len() {
        match (c[i], c[i + 1]) {
            ('/', '*') => (depth, i) = (depth + 1, i + 2),
            ('*', '/') => (depth, i) = (depth - 1, i + 2),
            _ => i += 1,
        }
        if depth == 0 {
            return i;
        }
    }
    c.len()
}

fn end_of_string(c: &[char], from: usize) -> usize {
    let mut i = from + 1;
    while i < c.len() && c[i] != '"' {
        i += if c[i] == '\\' { 2 } else { 1 };
    }
    i + 1
}

fn end_of_char(c: &[char], from: usize) -> usize {
    // The character behind the backslash may itself be a quote.
    from + 3 + c[from + 3..].iter().position(|&ch| ch == '\'').map_or(0, |p| p + 1)
}

/// Behind a raw string that begins with the `r` at `from`, if it is one.
fn end_of_raw(c: &[char], from: usize) -> Option<usize> {
    let hashes = c[from + 1..].iter().take_while(|&&ch| ch == '#').count();
    let open = from + 1 + hashes;
    if c.get(open) != Some(&'"') {
        return None;
    }
    let is_end = |i: &usize| c[*i] == '"' && c[i + 1..].iter().take_while(|&&ch| ch == '#').count() >= hashes;
    (open + 1..c.len()).find(is_end).map(|i| i + 1 + hashes)
}

/// Byte offsets at which `word` stands in `line` and is not part of a longer word.
fn words<'a>(line: &'a str, word: &'a str) -> impl Iterator<Item = usize> + 'a {
    line.match_indices(word).map(|(at, _)| at).filter(move |&at| {
        !is_word(line[..at].chars().next_back()) && (!is_word(word.chars().next_back()) || !is_word(line[at + word.len()..].chars().next()))
    })
}

fn leading_word(text: &str) -> &str {
    let text = text.trim_start();
    &text[..text.find(|c| !is_word(Some(c))).unwrap_or(text.len())]
}

fn floor(room: &str) -> Option<u8> {
    FLOORS.iter().find(|(name, _)| *name == room).map(|(_, floor)| *floor)
}

/// Rooms that a line of code reaches through the root of the house, or what is wrong with the way.
fn rooms(line: &str, depth: usize) -> Vec<Result<String, String>> {
    let mut found = Vec::new();
    for root in ["crate::", "volley::"] {
        for at in words(line, root) {
            let rest = &line[at + root.len()..];
            found.push(match rest.trim_start().chars().next() {
                Some('{') => Err("a grouped import of rooms; write one per line".to_owned()),
                Some('*') => Err("an import of all rooms".to_owned()),
                _ => Ok(leading_word(rest).to_owned()),
            });
        }
    }
    // `super::` as often as the module is deep leads to the root.
    let climbing = words(line, "super::").filter(|&at| !line[..at].ends_with("super::"));
    for rest in climbing.map(|at| &line[at..]) {
        let steps = (1..).take_while(|n| rest.starts_with(&"super::".repeat(*n))).count();
        if steps >= depth {
            found.push(Ok(leading_word(&rest["super::".len() * steps..]).to_owned()));
        }
    }
    found
}

fn floors(source: &Source, found: &mut Vec<String>) {
    let module = source.module();
    let Some(&own) = module.first() else { return };
    let Some(own_floor) = floor(own) else {
        found.push(source.at(0, &format!("room `{own}` has no floor; give it one in tests/house.rs")));
        return;
    };
    let mut inner = 0;
    for (i, line) in source.code.iter().enumerate() {
        // A module inside the file begins and ends at the margin.
        if line.starts_with("mod ") && line.trim_end().ends_with('{') {
            inner = 1;
        } else if line.starts_with('}') {
            inner = 0;
        }
        for room in rooms(line, module.len() + inner) {
            let wrong = match room {
                Err(what) => what,
                Ok(room) if room == own || room.is_empty() => continue,
                Ok(room) => match floor(&room) {
                    None => format!("`{room}` is no room of the house"),
                    Some(f) if f > own_floor => format!("{own} (floor {own_floor}) looks up to {room} (floor {f})"),
                    Some(f) if f == own_floor => format!("{own} looks sideways to {room}, both on floor {f}"),
                    Some(_) => continue,
                },
            };
            found.push(source.at(i, &wrong));
        }
    }
}

fn doors(source: &Source, found: &mut Vec<String>) {
    for (i, line) in source.code.iter().enumerate() {
        for (package, places) in DOORS {
            let named = words(line, package).any(|at| {
                let rest = &line[at + package.len()..];
                let is_import = line[..at].trim_end().ends_with("use") || line[..at].trim_end().ends_with("extern crate");
                let is_root = !line[..at].ends_with("::") && !line[..at].ends_with('.');
                is_root && (rest.starts_with("::") || is_import)
            });
            if named && !places.iter().any(|place| source.is_in(place)) {
                found.push(source.at(i, &format!("{package} may be named only in {}", places.join(", "))));
            }
        }
    }
}

fn manners(source: &Source, found: &mut Vec<String>) {
    let is_pure = PURE.iter().any(|place| source.is_in(place));
    for (i, line) in source.code.iter().enumerate() {
        let mut refuse = |list: &[&str], why: &str| {
            list.iter()
                .filter(|what| words(line, what).next().is_some())
                .for_each(|what| found.push(source.at(i, &format!("`{what}`: {why}"))));
        };
        if !source.is_in("cli") {
            refuse(LOUD, "nothing below cli prints or exits");
        }
        if is_pure {
            refuse(IMPURE, "this room does no I/O and reads no clock");
        }
        refuse(&["unsafe"], "not in the library and the program");
    }
    for (i, line) in source.lines.iter().enumerate() {
        for word in UNFINISHED.iter().filter(|word| words(line, word).next().is_some()) {
            found.push(source.at(i, &format!("`{word}` does not belong here")));
        }
    }
}

fn length(source: &Source, found: &mut Vec<String>) {
    let lines = source.lines.len();
    let allowed = LONG.iter().find(|(path, ..)| *path == source.path).map_or(LONGEST, |(_, most, _)| *most);
    if lines > allowed {
        found.push(source.at(allowed, &format!("{lines} lines, at most {allowed}")));
    }
    if allowed > LONGEST && lines <= LONGEST {
        found.push(source.at(0, &format!("{lines} lines need no row in LONG of tests/house.rs any more")));
    }
}

fn violations(source: &Source) -> Vec<String> {
    let mut found = Vec::new();
    for rule in [floors, doors, manners, length] {
        rule(source, &mut found);
    }
    found
}

fn sources(folder: &Path, below: &str, all: &mut Vec<Source>) {
    let mut entries: Vec<_> = fs::read_dir(folder).expect("src can be listed").map(|e| e.expect("an entry of src").path()).collect();
    entries.sort();
    for path in entries {
        let name = path.file_name().and_then(|n| n.to_str()).expect("names of sources are UTF-8");
        if path.is_dir() {
            sources(&path, &format!("{below}{name}/"), all);
        } else if name.ends_with(".rs") {
            let text = fs::read_to_string(&path).expect("a source can be read");
            all.push(Source::new(&format!("{below}{name}"), &text));
        }
    }
}

#[test]
fn the_sources_keep_the_rules_of_the_house() {
    let mut all = Vec::new();
    sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), "", &mut all);
    assert!(all.len() > 80, "only {} sources were found", all.len());
    for (room, _) in FLOORS {
        assert!(all.iter().any(|s| s.is_in(room)), "room `{room}` has a floor and no sources");
    }
    for (path, ..) in LONG {
        assert!(all.iter().any(|s| s.path == *path), "{path} has a row in LONG and does not exist");
    }
    let found: Vec<String> = all.iter().flat_map(violations).collect();
    assert!(found.is_empty(), "\n{}\n", found.join("\n"));
}

/// Every rule finds what was planted, in its line.
#[test]
fn what_is_planted_is_found() {
    for (path, text, line, what) in [
        ("tally/x.rs", "use crate::units::Nanos;\nuse crate::swarm::run;", 2, "looks up to swarm"),
        ("record/mod.rs", "fn f() { crate::report::json::json(v) }", 1, "looks up to report"),
        ("record/mod.rs", "use crate::mock;", 1, "sideways to mock"),
        ("plan/x.rs", "#[cfg(test)]\nmod tests {\n    use crate::dialogue::Script;\n}", 3, "sideways to dialogue"),
        ("units.rs", "use crate::{tally, plan};", 1, "grouped"),
        ("units.rs", "use crate::*;", 1, "all rooms"),
        ("units.rs", "use crate :: cli;\nuse crate::cli;", 2, "looks up to cli"),
        ("wire/mod.rs", "use super::swarm::run;", 1, "looks up to swarm"),
        ("wire/clock.rs", "use super::super::swarm::run;", 1, "looks up to swarm"),
        ("wire/clock.rs", "mod tests {\n    use super::super::super::swarm::run;\n}", 2, "looks up to swarm"),
        ("wire/clock.rs", "use volley::report::view;", 1, "looks up to report"),
        ("new/mod.rs", "//! A room.", 1, "has no floor"),
        ("swarm/mod.rs", "use clap::Parser;", 1, "clap may be named only in cli"),
        ("profile/tree.rs", "fn f(v: toml::Value) {}", 1, "toml may be named only in profile/load, cli/config"),
        ("dialogue/mod.rs", "use simd_json as json;", 1, "simd_json may be named only"),
        ("swarm/desk.rs", "use serde_json::json;", 1, "serde_json may be named only"),
        ("report/quantile.rs", "use hdrhistogram::Histogram;", 1, "hdrhistogram may be named only"),
        ("wire/upgrade.rs", "use fastwebsockets::Frame;", 1, "fastwebsockets may be named only in wire/frames"),
        ("swarm/dial.rs", "fn f(b: hyper::body::Bytes) {}", 1, "hyper may be named only in wire"),
        ("report/html.rs", "use plotters::prelude::*;", 1, "plotters may be named only in report/png"),
        ("record/mod.rs", "use tokio::fs;", 1, "tokio may be named only"),
        ("swarm/dial.rs", "use tokio_metrics::RuntimeMonitor;", 1, "tokio_metrics may be named only in swarm/health"),
        ("record/mod.rs", "fn f() {\n    println!(\"x\");\n}", 2, "`println!`"),
        ("report/mod.rs", "fn f() { std::process::exit(1) }", 1, "`process::exit`"),
        ("plan/mod.rs", "use std::fs;", 1, "`std::fs`"),
        ("report/build/heat.rs", "let now = std::time::Instant::now();", 1, "`std::time::Instant`"),
        ("report/judge.rs", "use std::time::SystemTime;", 1, "`SystemTime`"),
        ("dialogue/mod.rs", "use std::net::TcpStream;", 1, "`std::net`"),
        ("swarm/mod.rs", "let x = unsafe { *p };", 1, "`unsafe`"),
        ("cli/mod.rs", "// TODO: later", 1, "`TODO`"),
        ("cli/mod.rs", "todo!()", 1, "`todo!`"),
        ("cli/mod.rs", &"x\n".repeat(421), 421, "421 lines"),
        ("report/limit.rs", &"x\n".repeat(650), 601, "650 lines"),
        ("report/limit.rs", "x", 1, "need no row"),
    ] {
        let found = violations(&Source::new(path, text));
        let place = format!("src/{path}:{line}: ");
        assert!(found.iter().any(|v| v.starts_with(&place) && v.contains(what)), "{path}: {text:?} at {line} {what}: found {found:?}");
    }
}

/// What only looks like a violation is none.
#[test]
fn what_is_right_is_left_alone() {
    for (path, text) in [
        ("tally/x.rs", "//! As [`crate::swarm::run`] says.\n/* use crate::cli; unsafe */ use crate::units::Nanos;"),
        ("tally/x.rs", "const TEXT: &str = \"use crate::cli; \\\" unsafe\";\nconst QUOTE: char = '\"';\nuse crate::units::Nanos;"),
        ("tally/x.rs", "const RAW: &str = r#\"unsafe \" crate::cli::x\"#;\nfn f<'a>(x: &'a str) -> char { '\\'' }"),
        ("cli/run.rs", "use crate::report::limit;\nuse super::say;\nfn f() { println!(\"x\") }"),
        ("report/build/heat.rs", "use super::parts;\nuse super::super::view;\nmod tests {\n    use super::super::super::view;\n}"),
        ("report/png/canvas.rs", "use plotters::prelude::*;\nfn f(p: image::ImageFormat) {}"),
        ("report/png.rs", "mod canvas;\nuse plotters::style::RGBColor;"),
        ("dialogue/pending.rs", "/// Instant of the write.\nfn instant(image: u64, toml: u64) -> u64 { image + self.toml }"),
        ("lib.rs", "pub mod cli;\npub mod units;"),
    ] {
        assert_eq!(violations(&Source::new(path, text)), [""; 0], "{path}: {text}");
    }
}
