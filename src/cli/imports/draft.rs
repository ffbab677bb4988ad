//! A profile that is made from what others wrote down, as text with remarks; it is loaded before it is written.

use std::fmt::Write as _;
use std::fs::File;
use std::io::Write as _;
use std::path::Path;
use std::path::PathBuf;

use serde_json::Value;

use super::super::resolve::PROFILE_MAX;
use super::super::tap::new_file;
use super::Trouble;
use crate::profile::load;
use crate::trace::Head;
use crate::trace::Line;
use crate::trace::MARK;
use crate::trace::Writer;
use crate::units::bytes_text;

/// Name of the series of answers.
pub(super) const SERIES: &str = "answer";

/// A variable.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Var {
    /// Its name.
    pub(super) name: String,
    /// What it is.
    pub(super) about: String,
    /// Its value unless one is given.
    pub(super) default: Option<String>,
    /// Whether it is a secret.
    pub(super) secret: bool,
}

/// A kind of message that the server says.
#[derive(Debug, Default)]
pub(super) struct Kind {
    /// Its name.
    pub(super) name: String,
    /// What marks it; nothing where there is one kind only.
    pub(super) tag: Option<Value>,
    /// Whether it is a binary message.
    pub(super) binary: bool,
    /// Whether it answers what is sent.
    pub(super) answers: bool,
    /// Where the key stands.
    pub(super) key: Option<String>,
}

/// What a client may send at its rate.
#[derive(Debug)]
pub(super) struct Load {
    /// Its name.
    pub(super) name: String,
    /// The text with slots, or bytes in hexadecimal.
    pub(super) text: Said,
    /// Whether something answers it.
    pub(super) expects: bool,
}

/// A message of a client.
#[derive(Debug)]
pub(super) enum Said {
    /// A text with slots.
    Text(String),
    /// Bytes in hexadecimal.
    Hex(String),
}

/// A profile to be.
#[derive(Debug)]
pub(super) struct Draft {
    /// Its name.
    pub(super) name: String,
    /// One line about it.
    pub(super) about: String,
    /// The address, with slots.
    pub(super) url: String,
    /// The subprotocol.
    pub(super) subprotocol: Option<String>,
    /// Variables.
    pub(super) vars: Vec<Var>,
    /// The member that names the kind of a message.
    pub(super) tag: Option<String>,
    /// Kinds of messages.
    pub(super) kinds: Vec<Kind>,
    /// Class of the series of answers, if there is one.
    pub(super) class: Option<&'static str>,
    /// What may be sent; the first unless another is asked for.
    pub(super) loads: Vec<Load>,
}

/// Where the results go.
pub(super) struct Place<'a> {
    /// The folder.
    pub(super) dir: &'a Path,
    /// Whether files that are there already are written over.
    pub(super) force: bool,
}

impl Draft {
    /// Puts a variable in the place of each mark that stands for a secret.
    pub(super) fn name_secrets(&mut self) {
        let mut found = Vec::new();
        let texts = self.loads.iter_mut().filter_map(|load| if let Said::Text(text) = &mut load.text { Some(text) } else { None });
        for text in std::iter::once(&mut self.url).chain(texts) {
            *text = named(text, &mut found);
        }
        for name in found {
            if !self.vars.iter().any(|var| var.name == name) {
                self.vars.push(Var { name, about: "a secret that was left out of the import".into(), default: None, secret: true });
            }
        }
    }

    /// The profile as a file says it.
    pub(super) fn text(&self) -> String {
        let mut out = String::from("# Made by `volley profiles import`; read it, and change what it could not know.\n\n");
        // Writing to a string does not fail.
        let _ = writeln!(out, "name = {}\nabout = {}\n\n[endpoint]\nurl = {}", quoted(&self.name), quoted(&self.about), quoted(&self.url));
        if let Some(subprotocol) = &self.subprotocol {
            let _ = writeln!(out, "subprotocol = {}", quoted(subprotocol));
        }
        for var in &self.vars {
            let _ = writeln!(out, "\n[vars.{}]\nabout = {}", var.name, quoted(&var.about));
            if let Some(default) = &var.default {
                let _ = writeln!(out, "default = {}", quoted(default));
            }
            if var.secret {
                let _ = writeln!(out, "env = {}\nsecret = true", quoted(&var.name.to_uppercase()));
            }
        }
        if self.loads.len() > 1 {
            let names: Vec<&str> = self.loads.iter().map(|load| load.name.as_str()).collect();
            let _ = writeln!(
                out,
                "\n[vars.send]\nabout = {}\ndefault = {}",
                quoted(&format!("which message is sent: {}", names.join(", "))),
                quoted(names[0])
            );
        }
        self.hearing(&mut out);
        for load in &self.loads {
            self.sending(load, &mut out);
        }
        out
    }

    fn hearing(&self, out: &mut String) {
        if let Some(class) = self.class {
            let _ = writeln!(out, "\n[series.{SERIES}]\nclass = {}\nabout = \"message sent to its answer\"", quoted(class));
        }
        if let Some(tag) = &self.tag {
            let _ = writeln!(out, "\n[read]\ntag = [{}]", quoted(tag));
        }
        for kind in &self.kinds {
            let _ = writeln!(out, "\n[[message]]\nname = {}", quoted(&kind.name));
            if kind.binary {
                let _ = writeln!(out, "binary = true");
            } else if let Some(tag) = &kind.tag {
                let tag = tag.as_str().map_or_else(|| tag.to_string(), quoted);
                let _ = writeln!(out, "tag = [{tag}]");
            }
            if kind.answers && self.class.is_some() {
                let _ = writeln!(out, "answers = \"{SERIES}\"");
                if let Some(key) = &kind.key {
                    let _ = writeln!(out, "key = {}", quoted(key));
                }
            }
        }
    }

    fn sending(&self, load: &Load, out: &mut String) {
        let several = self.loads.len() > 1;
        let _ = writeln!(out, "\n{}\nname = {}", if several { "[[load]]" } else { "[load]" }, quoted(&load.name));
        let _ = match &load.text {
            Said::Text(text) => writeln!(out, "text = {}", quoted(text)),
            Said::Hex(hex) => writeln!(out, "hex = {}", quoted(hex)),
        };
        if load.expects && self.class.is_some() {
            let _ = writeln!(out, "expects = \"{SERIES}\"");
        }
        if several {
            let _ = writeln!(out, "when = {}", quoted(&format!("send={}", load.name)));
        }
    }

    /// Writes the profile and the trace `lines`; their paths.
    pub(super) fn write(&self, place: &Place<'_>, target: &str, lines: &[Line<'_>]) -> Result<(PathBuf, PathBuf), Trouble> {
        let text = self.text();
        if text.len() as u64 > PROFILE_MAX {
            let (size, most) = (bytes_text(text.len() as u64), bytes_text(PROFILE_MAX));
            return Err(Trouble::usage(format!("the profile would have {size}; the most is {most}. Leave out the largest messages")));
        }
        load::from_text(&self.name, &text)
            .map_err(|mistakes| Trouble::internal(format!("no profile could be made of this; what was tried is wrong\n{mistakes}")))?;
        let path = |end: &str| place.dir.join(format!("{}.{end}", self.name));
        let (profile, trace) = (path("toml"), path("trace.ndjson"));
        if let Some(there) = [&profile, &trace].into_iter().find(|path| path.exists() && (!place.force || path.is_dir())) {
            return Err(Trouble::usage(format!(
                "{} is there already; choose another folder with --out or another --name, or write over a file with --force",
                there.display()
            )));
        }
        let is_new = !place.dir.exists();
        std::fs::create_dir_all(place.dir).map_err(|e| unwritten(place.dir, &e))?;
        // Both are whole before either has its name, so that nothing is half done for want of the other.
        let parts = [(path("toml.part"), &profile), (path("trace.ndjson.part"), &trace)];
        let head = Head { target: Some(target.to_owned()), profile: Some(self.name.clone()), ..Head::new("import") };
        let written = fill(&parts[0].0, |mut file| file.write_all(text.as_bytes())).and_then(|()| {
            fill(&parts[1].0, |file| {
                let mut writer = Writer::new(std::io::BufWriter::new(file), &head)?;
                lines.iter().try_for_each(|line| writer.line(line))?;
                writer.flush()
            })
        });
        let named = written
            .and_then(|()| parts.iter().try_for_each(|(part, whole)| std::fs::rename(part, whole).map_err(|e| unwritten(whole, &e))));
        if named.is_err() {
            parts.iter().for_each(|(part, _)| drop(std::fs::remove_file(part)));
            if is_new {
                std::fs::remove_dir(place.dir).ok();
            }
        }
        named.map(|()| (profile, trace))
    }
}

fn unwritten(path: &Path, e: &std::io::Error) -> Trouble {
    Trouble::usage(format!("{} cannot be written: {e}. Make room, or choose another folder with --out", path.display()))
}

/// Writes a file anew.
fn fill(path: &Path, write: impl FnOnce(File) -> std::io::Result<()>) -> Result<(), Trouble> {
    write(new_file(path, true)?).map_err(|e| unwritten(path, &e))
}

/// A text of TOML; JSON's escapes are TOML's.
fn quoted(text: &str) -> String {
    serde_json::to_string(text).expect("a text is JSON").replace('\u{7f}', "\\u007f")
}

/// `text` with `{name}` in the place of each mark; the names.
fn named(text: &str, found: &mut Vec<String>) -> String {
    let text = text.replace("%3Csecret:", MARK);
    let mut out = String::new();
    let mut rest = text.as_str();
    while let Some(at) = rest.find(MARK) {
        let inner = &rest[at + MARK.len()..];
        let is_part = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == ':';
        let length = inner.find(|c| !is_part(c)).unwrap_or(inner.len());
        out.push_str(&rest[..at]);
        let name = identifier(&inner[..length].replace(':', "_"));
        rest = inner[length..].strip_prefix("%3E").or_else(|| inner[length..].strip_prefix('>')).unwrap_or(&inner[length..]);
        let _ = write!(out, "{{{name}}}");
        if !found.contains(&name) {
            found.push(name);
        }
    }
    out.push_str(rest);
    out
}

/// A name of a variable, a kind or a load: lower-case letters, digits and `_`, a letter first.
pub(super) fn identifier(text: &str) -> String {
    let mut out = String::new();
    let mut was_lower = false;
    for c in text.chars().take(48) {
        if c.is_ascii_uppercase() && was_lower {
            out.push('_');
        }
        was_lower = c.is_ascii_lowercase() || c.is_ascii_digit();
        out.push(if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '_' });
    }
    let plain = out.trim_matches('_').to_owned();
    match plain.chars().next() {
        Some(first) if first.is_ascii_lowercase() => plain,
        Some(_) => format!("n_{plain}"),
        None => "message".into(),
    }
}

/// The same, told apart from those that are there.
pub(super) fn unused(text: &str, taken: &[String]) -> String {
    let name = identifier(text);
    let is_free = |name: &String| !taken.contains(name) && !["ws_ping", "ws_pong", "close", "send"].contains(&name.as_str());
    std::iter::once(name.clone()).chain((2..).map(|n| format!("{name}_{n}"))).find(is_free).unwrap_or(name)
}

/// The name of a profile made from a file: lower-case letters, digits and `-`.
pub(super) fn profile_name(file: &Path) -> String {
    let stem = file.file_name().and_then(|name| name.to_str()).unwrap_or("imported");
    let stem = stem.split('.').next().unwrap_or(stem);
    let name = identifier(stem).replace('_', "-");
    let squeezed: Vec<&str> = name.split('-').filter(|part| !part.is_empty()).collect();
    squeezed.join("-")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names() {
        for (text, wanted) in [("sendMessage", "send_message"), ("Ping!", "ping"), ("2fa", "n_2fa"), ("", "message"), ("übung", "bung")] {
            assert_eq!(identifier(text), wanted);
        }
        assert_eq!(unused("Close", &[]), "close_2");
        assert_eq!(unused("a", &["a".into(), "a_2".into()]), "a_3");
        assert_eq!(profile_name(Path::new("/x/My chat (1).har")), "my-chat-1");
    }

    #[test]
    fn marks_become_variables() {
        let mut draft = Draft {
            name: "x".into(),
            about: "an \"import\" \u{7f}".into(),
            url: "ws://127.0.0.1:9/%3Csecret:path:1%3E?t=%3Csecret:api_key:1%3E".into(),
            subprotocol: Some("chat".into()),
            vars: Vec::new(),
            tag: None,
            kinds: vec![Kind { name: "message".into(), ..Kind::default() }],
            class: None,
            loads: vec![Load { name: "login".into(), text: Said::Text(r#"{"t":"<secret:api_key:1>"}"#.into()), expects: false }],
        };
        draft.name_secrets();
        let text = draft.text();
        assert!(text.contains("url = \"ws://127.0.0.1:9/{path_1}?t={api_key_1}\""), "{text}");
        assert!(text.contains(r#"text = "{\"t\":\"{api_key_1}\"}""#), "{text}");
        assert!(text.contains("[vars.api_key_1]") && text.contains("env = \"API_KEY_1\"\nsecret = true"), "{text}");
        load::from_text("x", &text).unwrap_or_else(|e| panic!("{e}\n{text}"));
    }
}
