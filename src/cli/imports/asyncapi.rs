//! An AsyncAPI document becomes a profile that knows its messages, and a trace of one of each that clients send.

mod document;
mod sample;
mod tree;

use serde_json::Value as Json;

use super::super::args::profiles::AsyncapiArgs;
use super::super::tell;
use super::Trouble;
use super::checked;
use super::done;
use super::draft::Draft;
use super::draft::Kind;
use super::draft::Load;
use super::draft::Place;
use super::draft::Said;
use super::draft::Var;
use super::draft::identifier;
use super::draft::unused;
use super::name;
use super::shape::without_slots;
use super::wrong;
use crate::plan::Target;
use crate::trace::Event;
use crate::trace::Frame;
use crate::trace::Line;
use crate::trace::Side;
use crate::units::MILLI;
use document::Channel;
use document::Document;
use document::Message;
use document::Server;
use sample::Sampler;
use sample::follow;
use tree::Node;
use tree::Wrong;

/// Largest document read, in bytes.
const DOCUMENT_MAX: u64 = 8 << 20;
/// Time between two messages of the trace, in nanoseconds.
const BETWEEN: u64 = 100 * MILLI;
/// What stands for the key until the text is made.
const KEY: &str = "\u{1}key\u{1}";

/// What is made of a document.
struct Made {
    draft: Draft,
    target: Target,
    texts: Vec<String>,
    others: Vec<String>,
}

/// Imports a document.
pub(super) fn import(args: &AsyncapiArgs) -> Result<u8, Trouble> {
    let file = &args.file;
    checked(file, DOCUMENT_MAX, "Leave out what is no WebSocket")?;
    let bytes = std::fs::read(file).map_err(|e| wrong(file, e, "Give the path of a file"))?;
    let text = String::from_utf8(bytes).map_err(|_| wrong(file, "it is not UTF-8", "Save it as UTF-8"))?;
    let made = make(args, &text).map_err(|w| wrong(file, format!("line {}, column {}: {}", w.at.0, w.at.1, w.what), &w.hint))?;
    if !made.others.is_empty() {
        tell!("note: other channels are left out; `--channel` takes one of {}", crate::units::printable(&made.others.join(", "), 300));
    }
    let lines = trace(&made);
    let place = Place { dir: &args.to.out, force: args.to.force };
    let (profile, trace) = made.draft.write(&place, &made.target.to_string(), &lines)?;
    done(&made.draft, &made.target, (&profile, &trace))
}

/// One message of each, in order.
fn trace(made: &Made) -> Vec<Line<'_>> {
    let open = Event::Open { path: Some(made.target.path_and_query.as_str().into()), subprotocol: None };
    let sent = made.texts.iter().map(|text| Event::Sent(Frame::Text(text.as_str().into())));
    let events = std::iter::once(open).chain(sent).chain([Event::Close { by: Side::Client, code: Some(1000) }]);
    (0..).zip(events).map(|(n, event)| Line { at_ns: n * BETWEEN, conn: 0, role: None, event }).collect()
}

fn make(args: &AsyncapiArgs, text: &str) -> Result<Made, Wrong> {
    let root = tree::read(text)?;
    let document = Document::new(&root)?;
    let server = document.server(args.server.as_deref())?;
    let (channel, others) = document.channel(args.channel.as_deref(), args.describes)?;
    let mut vars = Vec::new();
    let url = address(&root, &server, &channel, &mut vars)?;
    let concrete =
        vars.iter().fold(url.clone(), |url, var: &Var| url.replace(&format!("{{{}}}", var.name), var.default.as_deref().unwrap_or("1")));
    let target = Target::parse(&concrete).map_err(|e| Wrong::new(server.node.at, e, "Give its host and port"))?;
    let (sent, got) = (payloads(&root, &channel.sent)?, payloads(&root, &channel.got)?);
    let mut draft = Draft {
        name: name(&args.to, &args.file),
        about: about(&root),
        url,
        subprotocol: None,
        vars,
        tag: tag(&got),
        kinds: Vec::new(),
        class: None,
        loads: Vec::new(),
    };
    let keys = |messages: &[Message<'_>]| messages.iter().map(|message| key(&root, message.node)).collect::<Result<Vec<_>, Wrong>>();
    hear(&mut draft, &channel, &got, &keys(&channel.got)?);
    say(&mut draft, &channel, &sent, &keys(&channel.sent)?);
    let texts = channel.sent.iter().zip(&sent).map(|(message, json)| text_of(&root, message.node, json)).collect();
    Ok(Made { draft, target, texts, others: others.into_iter().map(str::to_owned).collect() })
}

fn about(root: &Node) -> String {
    let title = root.pointer("/info/title").and_then(Node::text).unwrap_or("an AsyncAPI document");
    crate::units::printable(&format!("imported from {title}"), 120)
}

/// The address with a slot for each parameter of the channel.
fn address(root: &Node, server: &Server<'_>, channel: &Channel<'_>, vars: &mut Vec<Var>) -> Result<String, Wrong> {
    let slash = if channel.address.starts_with('/') || channel.address.is_empty() { "" } else { "/" };
    let base = filled(root, &server.place, server.node.get("variables"), None)?;
    let base = base.strip_suffix('/').unwrap_or(&base);
    let path = filled(root, channel.address, channel.node.get("parameters"), Some(vars))?;
    let path = if path == "/" && base.contains('/') { "" } else { &path };
    Ok(format!("{}://{base}{slash}{path}", server.scheme))
}

/// `text` with a value for each `{name}`, or a slot and a variable.
fn filled(root: &Node, text: &str, about: Option<&Node>, mut vars: Option<&mut Vec<Var>>) -> Result<String, Wrong> {
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, inner)) = rest.split_once('{') {
        let Some((name, behind)) = inner.split_once('}') else { break };
        out.push_str(before);
        rest = behind;
        let node = about.and_then(|about| about.get(name)).map(|node| follow(root, node)).transpose()?;
        let value = node.and_then(|node| value_of(root, node));
        match &mut vars {
            Some(vars) => {
                let own = unused(&identifier(name), &vars.iter().map(|var| var.name.clone()).collect::<Vec<_>>());
                out.push_str(&format!("{{{own}}}"));
                let what = node.and_then(|node| node.get("description")).and_then(Node::text).unwrap_or("a parameter of the address");
                let what = crate::units::printable(what.lines().next().unwrap_or(what), 100);
                vars.push(Var { name: own, about: what, default: Some(value.unwrap_or_else(|| "1".into())), secret: false });
            }
            None => out.push_str(&value.ok_or_else(|| {
                let at = node.or(about).map_or((1, 1), |node| node.at);
                Wrong::new(at, format!("the variable `{name}` of the server has no value"), "Give it a default")
            })?),
        }
    }
    out.push_str(rest);
    Ok(out)
}

/// The value of a variable or parameter.
fn value_of(root: &Node, node: &Node) -> Option<String> {
    let schema = node.get("schema").and_then(|schema| follow(root, schema).ok()).unwrap_or(node);
    let given = schema.get("default").or_else(|| ["enum", "examples"].iter().find_map(|list| schema.get(list)?.items().first()));
    let json = given?.json();
    Some(json.as_str().map_or_else(|| json.to_string(), str::to_owned))
}

fn payloads<'t>(root: &'t Node, messages: &[Message<'t>]) -> Result<Vec<Json>, Wrong> {
    let mut sampler = Sampler::new(root);
    messages.iter().map(|message| payload(root, &mut sampler, message.node)).collect()
}

/// The payload of a message: its first example, else one made from the schema.
fn payload<'t>(root: &'t Node, sampler: &mut Sampler<'t>, message: &'t Node) -> Result<Json, Wrong> {
    let example = message.get("examples").and_then(|list| list.items().iter().find_map(|item| item.get("payload")));
    if let Some(example) = example {
        return sampler.example(example);
    }
    let Some(payload) = message.get("payload") else { return Ok(Json::Object(serde_json::Map::new())) };
    let payload = follow(root, payload)?;
    let schema = payload.get("schema").filter(|_| payload.get("schemaFormat").is_some()).unwrap_or(payload);
    sampler.value(schema)
}

/// Where the key of a message stands in its payload.
fn key(root: &Node, message: &Node) -> Result<Option<String>, Wrong> {
    let Some(correlation) = message.get("correlationId") else { return Ok(None) };
    let location = follow(root, correlation)?.get("location").and_then(Node::text).unwrap_or_default();
    Ok(location.strip_prefix("$message.payload#").filter(|pointer| pointer.len() > 1).map(str::to_owned))
}

/// The member that tells the messages of the server apart.
fn tag(got: &[Json]) -> Option<String> {
    let is_tag = |name: &String| {
        let values: Vec<&Json> = got.iter().filter_map(|json| json.get(name)).filter(|v| v.is_string() || v.is_u64()).collect();
        let is_apart = (1..values.len()).all(|i| !values[..i].contains(&values[i]));
        values.len() == got.len() && is_apart
    };
    let first = got.first()?.as_object()?;
    let usual = ["type", "event", "op", "kind", "action", "method"].map(str::to_owned);
    let known = usual.iter().find(|name| is_tag(name)).cloned();
    if got.len() == 1 { known } else { known.or_else(|| first.keys().find(|name| is_tag(name)).cloned()) }
}

fn hear(draft: &mut Draft, channel: &Channel<'_>, got: &[Json], keys: &[Option<String>]) {
    let mut names = Vec::new();
    for ((message, json), key) in channel.got.iter().zip(got).zip(keys) {
        let tag = draft.tag.as_ref().and_then(|tag| json.get(tag)).cloned();
        // Without a tag there is one kind only.
        if draft.tag.is_none() && !draft.kinds.is_empty() {
            continue;
        }
        let name = unused(message.name, &names);
        names.push(name.clone());
        let key = key.as_ref().map(|key| if key[1..].contains('/') { key.clone() } else { key[1..].to_owned() });
        draft.kinds.push(Kind { name, tag, binary: false, answers: key.is_some() || message.is_reply, key });
    }
    if draft.kinds.is_empty() {
        draft.kinds.push(Kind { name: "message".into(), ..Kind::default() });
    }
}

fn say(draft: &mut Draft, channel: &Channel<'_>, sent: &[Json], keys: &[Option<String>]) {
    let is_keyed = draft.kinds.iter().any(|kind| kind.key.is_some()) && keys.iter().any(Option::is_some);
    let is_fifo = !is_keyed && draft.kinds.iter().any(|kind| kind.answers) && channel.sent.iter().any(|message| message.is_reply);
    draft.class = if is_keyed { Some("keyed") } else { is_fifo.then_some("fifo") };
    for kind in &mut draft.kinds {
        if is_keyed {
            kind.answers = kind.key.is_some();
        } else {
            kind.key = None;
        }
    }
    let mut names = Vec::new();
    for ((message, json), key) in channel.sent.iter().zip(sent).zip(keys) {
        let name = unused(message.name, &names);
        names.push(name.clone());
        let keyed = key.as_ref().filter(|_| is_keyed).and_then(|key| with_key(json, key));
        let expects = keyed.is_some() || (is_fifo && message.is_reply);
        let text = keyed.unwrap_or_else(|| without_slots(&json.to_string()));
        let text = text.replace(&format!("\"{}\"", sample::UUID), "\"{uuid}\"");
        draft.loads.push(Load { name, text: Said::Text(text), expects });
    }
    // A series that nothing opens, or nothing answers, would be a mistake.
    if !draft.loads.iter().any(|load| load.expects) {
        draft.class = None;
    }
}

/// The text with `{id}` in the place of its key.
fn with_key(json: &Json, key: &str) -> Option<String> {
    let mut json = json.clone();
    let leaf = json.pointer_mut(key)?;
    let is_text = leaf.is_string();
    *leaf = KEY.into();
    let marked = serde_json::to_string(KEY).ok()?;
    Some(without_slots(&json.to_string()).replace(&marked, if is_text { "\"{id}\"" } else { "{id}" }))
}

/// What is sent: JSON, or a text as it stands.
fn text_of(root: &Node, message: &Node, json: &Json) -> String {
    let kind = message.get("contentType").or_else(|| root.get("defaultContentType")).and_then(Node::text).unwrap_or_default();
    match json {
        Json::String(text) if kind.starts_with("text/") => text.clone(),
        _ => json.to_string(),
    }
}
