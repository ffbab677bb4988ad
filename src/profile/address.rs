//! Where a profile connects: is it an address, and are the headers such that a server can read them?

use super::Endpoint;
use super::check::Check;
use super::diagnose::quoted;
use super::names;
use super::template::Part;
use super::template::Slot;
use super::template::Template;
use super::tree::Said;
use super::tree::Table;

/// Headers that the handshake writes itself.
const OWN_HEADERS: &[&str] = &[
    "host",
    "connection",
    "upgrade",
    "content-length",
    "transfer-encoding",
    "sec-websocket-key",
    "sec-websocket-version",
    "sec-websocket-extensions",
    "sec-websocket-accept",
];

/// Slots filled in an address and its headers: nothing was sent yet.
const SLOTS: &[Slot] = Slot::OF_CLIENT;

/// Reads `[endpoint]`.
pub(super) fn endpoint(check: &mut Check<'_, '_>) -> Endpoint {
    let Some(table) = check.root.table("endpoint") else {
        return Endpoint { url: Template::default(), headers: Vec::new(), subprotocol: None, opens: Vec::new() };
    };
    let url = table.text("url").map(|said| url(check, said)).unwrap_or_default();
    let subprotocol = table.text("subprotocol");
    if let Some(said) = subprotocol.filter(|said| !names::is_token(said.text)) {
        let message = format!("`{}` cannot be a subprotocol", quoted(said.text));
        check.mistakes.add(said.span, message, "use letters, digits and -._~+, without blanks");
    }
    let headers = headers(check, table, SLOTS);
    Endpoint { url, headers, subprotocol: subprotocol.map(|said| said.text.to_owned()), opens: Vec::new() }
}

/// Reads the headers under `headers`.
pub(super) fn headers(check: &mut Check<'_, '_>, table: &Table, slots: &[Slot]) -> Vec<(String, Template)> {
    let headers: Vec<(Said<'_>, Option<Said<'_>>)> = match table.table("headers") {
        Some(headers) => headers.entries.iter().map(|entry| (entry.said_key(), headers.text(&entry.key))).collect(),
        None => Vec::new(),
    };
    header_names(check, &headers);
    headers.iter().filter_map(|(name, value)| Some((name.text.to_owned(), header_value(check, *name, (*value)?, slots)))).collect()
}

pub(super) fn url(check: &mut Check<'_, '_>, said: Said<'_>) -> Template {
    let template = check.template(said, "an address", SLOTS);
    if let Some((message, hint)) = url_mistake(said.text, &template) {
        check.mistakes.add(said.span, message, hint);
    }
    template
}

/// What is wrong with an address, and what to do; the first of possibly several.
fn url_mistake(url: &str, template: &Template) -> Option<(String, &'static str)> {
    let Some(rest) = url.strip_prefix("ws://").or_else(|| url.strip_prefix("wss://")) else {
        return Some((format!("`{}` is not a WebSocket address", quoted(url)), "begin with ws:// or wss://"));
    };
    let authority = &rest[..rest.find(['/', '?', '#']).unwrap_or(rest.len())];
    let foreign = |c: char| !c.is_ascii_graphic() || "{}\"<>\\^`|".contains(c);
    let texts = || template.parts.iter().filter_map(|part| if let Part::Text(text) = part { Some(text) } else { None });
    if authority.is_empty() || authority.starts_with(':') {
        Some(("the address has no host".into(), "write for example ws://127.0.0.1:9001/"))
    } else if let Some(c) = texts().flat_map(|text| text.chars()).find(|c| foreign(*c)) {
        let hint = "percent-encode it; a variable is {lower_case}";
        Some((format!("`{}` cannot stand in an address", c), hint))
    } else if authority.contains('@') {
        Some(("the address has a user name in it".into(), "send credentials in a header, from a variable with secret = true"))
    } else if rest.contains('#') {
        Some(("a WebSocket address has no fragment".into(), "remove the `#` and what follows, or write %23"))
    } else {
        port_mistake(authority).map(|message| (message, "ports go from 1 to 65535"))
    }
}

/// What is wrong with the port of an authority, when there is one and no variable is in it.
fn port_mistake(authority: &str) -> Option<String> {
    let behind_host = &authority[authority.rfind(']').map_or(0, |bracket| bracket + 1)..];
    let port = &behind_host[behind_host.rfind(':')? + 1..];
    let good = port.contains('{') || port.parse::<u16>().is_ok_and(|port| port > 0);
    (!good).then(|| format!("`{}` is not a port", quoted(port)))
}

fn header_names(check: &mut Check<'_, '_>, headers: &[(Said<'_>, Option<Said<'_>>)]) {
    for (at, (name, _)) in headers.iter().enumerate() {
        let lower = name.text.to_ascii_lowercase();
        if !names::is_token(name.text) {
            let message = format!("`{}` cannot be the name of a header", quoted(name.text));
            check.mistakes.add(name.span, message, "use letters, digits and `-`");
        } else if lower == "sec-websocket-protocol" {
            check.mistakes.add(name.span, "the subprotocol has a key of its own", "write subprotocol = \"..\" in [endpoint]");
        } else if OWN_HEADERS.contains(&lower.as_str()) {
            check.mistakes.add(name.span, format!("volley writes the header `{}` itself", name.text), "remove it");
        } else if headers[..at].iter().any(|(before, _)| before.text.eq_ignore_ascii_case(name.text)) {
            let message = format!("the header `{}` is there twice; case makes no difference", name.text);
            check.mistakes.add(name.span, message, "remove one of them");
        }
    }
}

fn header_value(check: &mut Check<'_, '_>, name: Said<'_>, value: Said<'_>, slots: &[Slot]) -> Template {
    if let Some(c) = value.text.chars().find(|c| !(c.is_ascii_graphic() || *c == ' ' || *c == '\t')) {
        let message = format!("`{}` cannot stand in the value of header `{}`", c, quoted(name.text));
        check.mistakes.add(value.span, message, "use visible ASCII and blanks");
    }
    check.template(value, "a header", slots)
}
