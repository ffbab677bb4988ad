//! WebSocket conversations in a HAR file, as Chromium writes them: `log.entries[]._webSocketMessages`. Everything else in the
//! file is skipped while it is read.

use std::fs::File;
use std::io::BufRead;
use std::io::BufReader;
use std::io::Read;
use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;

use super::super::args::profiles::HarArgs;
use super::super::redact::Veil;
use super::super::tell;
use super::Trouble;
use super::checked;
use super::done;
use super::draft::Draft;
use super::draft::Place;
use super::name;
use super::shape;
use super::wrong;
use crate::plan::Target;
use crate::tap::Veil as _;
use crate::trace::Event;
use crate::trace::FRAME_MOST;
use crate::trace::Frame;
use crate::trace::Line;
use crate::trace::Side;
use crate::units::SECOND;

/// Largest file read, in bytes.
const HAR_MAX: u64 = 256 << 20;
/// An instant above this is in milliseconds: in seconds it would be the year 5138.
const IN_MILLIS: f64 = 1e11;
/// How a file with messages is made.
const HINT: &str = "Chromium writes them: open the developer tools before the page connects, then Network, Export HAR. Firefox and most proxies \
                    leave them out; `volley record` records any client";

#[derive(Deserialize)]
struct Har {
    log: Log,
}

#[derive(Deserialize)]
struct Log {
    entries: Vec<Entry>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Entry {
    #[serde(default)]
    started_date_time: String,
    /// Milliseconds that it lasted; -1 when nobody knows.
    #[serde(default)]
    time: f64,
    request: Request,
    #[serde(default)]
    response: Response,
    #[serde(rename = "_webSocketMessages")]
    messages: Option<Vec<Message>>,
}

#[derive(Deserialize)]
struct Request {
    url: String,
    #[serde(default)]
    headers: Vec<Header>,
}

#[derive(Default, Deserialize)]
struct Response {
    #[serde(default)]
    headers: Vec<Header>,
}

#[derive(Deserialize)]
struct Header {
    name: String,
    value: String,
}

#[derive(Deserialize)]
struct Message {
    #[serde(rename = "type")]
    way: String,
    /// Seconds since 1970 by the developer tools, milliseconds by Playwright.
    time: f64,
    opcode: i64,
    data: String,
}

impl Message {
    /// Seconds since 1970.
    fn at(&self) -> f64 {
        if self.time > IN_MILLIS { self.time / 1e3 } else { self.time }
    }
}

/// A conversation with the address that it was held with.
struct Talk {
    target: Target,
    entry: Entry,
    messages: Vec<Message>,
}

impl Talk {
    /// Seconds since 1970 at which it began.
    fn began(&self) -> f64 {
        let first = self.messages.iter().map(Message::at).find(|time| time.is_finite()).unwrap_or(0.0);
        let started = self.entry.started_date_time.parse::<jiff::Timestamp>();
        // A clock that went back does not make it begin behind its first message.
        started.map_or(first, |at| (at.as_nanosecond() as f64 / 1e9).min(first)).max(0.0)
    }

    fn place(&self) -> (&str, u16, bool, &str) {
        let path = self.target.path_and_query.split('?').next().unwrap_or_default();
        (&self.target.host, self.target.port, self.target.tls, path)
    }
}

/// Imports a HAR file.
pub(super) fn import(args: &HarArgs) -> Result<u8, Trouble> {
    let file = &args.file;
    checked(file, HAR_MAX, "Record less in one go, or leave out what is no WebSocket")?;
    let har: Har = serde_json::from_reader(text_of(file)?).map_err(|e| wrong(file, format!("it is no HAR: {e}"), HINT))?;
    let talks = chosen(args, har.log.entries)?;
    let target = talks[0].target.clone();
    let mut veil = Veil::new(&[], &args.secret_name);
    let (lines, left_out) = lines(&talks, &mut veil);
    if left_out > 0 {
        tell!("warning: {left_out} messages are left out: larger than 1 MiB, no text or bytes, or not as they should be encoded");
    }
    let address = shown(&target, &mut veil);
    let mut draft = Draft {
        name: name(&args.to, file),
        about: format!("imported from {}", crate::units::printable(&file.file_name().unwrap_or_default().to_string_lossy(), 80)),
        url: address.clone(),
        subprotocol: lines
            .iter()
            .find_map(|line| if let Event::Open { subprotocol: Some(name), .. } = &line.event { Some(name.to_string()) } else { None }),
        vars: Vec::new(),
        tag: None,
        kinds: Vec::new(),
        class: None,
        loads: Vec::new(),
    };
    shape::describe(&mut draft, &lines).map_err(|what| wrong(file, what, "Record a conversation in which the client speaks"))?;
    draft.name_secrets();
    let place = Place { dir: &args.to.out, force: args.to.force };
    let (profile, trace) = draft.write(&place, &address, &lines)?;
    if veil.replaced() > 0 {
        tell!("note: {} secrets are replaced by marks like <secret:token:1>, and by variables in the profile", veil.replaced());
    }
    done(&draft, &target, (&profile, &trace))
}

/// The text of a file, without the mark of its byte order that some programs put before it.
fn text_of(file: &Path) -> Result<impl Read, Trouble> {
    let unread = |e| wrong(file, e, "Give the path of a file");
    let mut reader = BufReader::with_capacity(256 << 10, File::open(file).map_err(unread)?);
    let start = reader.fill_buf().map_err(unread)?;
    if start.starts_with(b"\x1f\x8b") {
        return Err(wrong(file, "it is packed by gzip", "Unpack it with `gunzip`"));
    }
    if start.starts_with(b"\xff\xfe") || start.starts_with(b"\xfe\xff") {
        return Err(wrong(file, "it is not UTF-8", "Save it as UTF-8"));
    }
    let mark = if start.starts_with(b"\xef\xbb\xbf") { 3 } else { 0 };
    reader.consume(mark);
    Ok(reader)
}

/// The conversations at one address: at that of `--url`, or at the one where most was said.
fn chosen(args: &HarArgs, entries: Vec<Entry>) -> Result<Vec<Talk>, Trouble> {
    let (file, all) = (&args.file, entries.len());
    let mut talks = Vec::new();
    for mut entry in entries {
        let Some(messages) = entry.messages.take() else { continue };
        let url = entry.request.url.replacen("http", "ws", usize::from(entry.request.url.starts_with("http")));
        let target = Target::parse(&url).map_err(|e| wrong(file, e, "The address of a WebSocket entry has to be one"))?;
        talks.push(Talk { target, entry, messages });
    }
    if talks.is_empty() {
        return Err(wrong(file, format!("none of its {all} entries has WebSocket messages (`_webSocketMessages`)"), HINT));
    }
    let addresses = || {
        let mut known: Vec<String> = talks.iter().map(|talk| talk.target.to_string()).collect();
        known.sort();
        known.dedup();
        known.truncate(20);
        known.join(", ")
    };
    let wanted = |talk: &&Talk| args.url.as_ref().is_none_or(|part| talk.target.to_string().contains(part));
    let Some(best) = talks.iter().filter(wanted).max_by_key(|talk| talk.messages.iter().filter(|m| m.way == "send").count()) else {
        return Err(wrong(file, "no WebSocket address fits --url", &format!("There are {}", addresses())));
    };
    let (host, port, tls, path) = best.place();
    let place = (host.to_owned(), port, tls, path.to_owned());
    let shown = best.target.to_string();
    let (kept, others): (Vec<Talk>, Vec<Talk>) =
        talks.into_iter().partition(|talk| talk.place() == (place.0.as_str(), place.1, place.2, place.3.as_str()));
    if !others.is_empty() {
        let first = &others[0].target;
        tell!("note: {} connections to other addresses than {shown} are left out; `--url` chooses them, for example {first}", others.len());
    }
    Ok(kept)
}

/// An address without secrets.
fn shown(target: &Target, veil: &mut Veil) -> String {
    let scheme = if target.tls { "wss" } else { "ws" };
    format!("{scheme}://{}{}", target.authority(), veil.path(&target.path_and_query))
}

/// The lines of a trace, in order, and how many messages are left out.
fn lines(talks: &[Talk], veil: &mut Veil) -> (Vec<Line<'static>>, u64) {
    let origin = talks.iter().map(Talk::began).fold(f64::INFINITY, f64::min);
    let at = |time: f64| ((time - origin).clamp(0.0, 1e9) * SECOND as f64) as u64;
    let (mut lines, mut left_out) = (Vec::new(), 0);
    for (conn, talk) in (0..).zip(talks) {
        let headers = || talk.entry.request.headers.iter().chain(&talk.entry.response.headers);
        headers().for_each(|header| veil.header(&header.name, header.value.as_bytes()));
        let subprotocol = talk.entry.response.headers.iter().find(|h| h.name.eq_ignore_ascii_case("sec-websocket-protocol"));
        let subprotocol = subprotocol.map(|h| veil.text(h.value.trim()).into());
        let began = at(talk.began());
        let open = Event::Open { path: Some(veil.path(&talk.target.path_and_query).into()), subprotocol };
        lines.push(Line { at_ns: began, conn, role: None, event: open });
        let mut last = began;
        for message in &talk.messages {
            let Some(event) = event(message, veil) else {
                // What the browser says of itself is no message.
                left_out += u64::from(message.way != "error" && message.opcode < 8);
                continue;
            };
            last = last.max(at(message.at()));
            lines.push(Line { at_ns: last, conn, role: None, event });
        }
        let lasted = talk.entry.time.clamp(0.0, 1e12) / 1e3;
        let ended = last.max(at(talk.began() + lasted));
        lines.push(Line { at_ns: ended, conn, role: None, event: Event::Close { by: Side::Client, code: Some(1000) } });
    }
    lines.sort_by_key(|line| line.at_ns);
    (lines, left_out)
}

/// A message; `None` for what is none.
fn event(message: &Message, veil: &mut Veil) -> Option<Event<'static>> {
    let frame = match message.opcode {
        1 => Frame::Text(veil.text(&message.data).into()),
        2 => Frame::Binary(veil.bytes(&STANDARD.decode(&message.data).ok()?).into()),
        _ => return None,
    };
    if frame.bytes().len() > FRAME_MOST {
        return None;
    }
    match message.way.as_str() {
        "send" => Some(Event::Sent(frame)),
        "receive" => Some(Event::Got(frame)),
        _ => None,
    }
}
