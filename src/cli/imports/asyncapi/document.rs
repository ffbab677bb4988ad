//! What an AsyncAPI document says about a WebSocket service: its address, and who says what on one channel. Versions 2 and 3 say
//! it in different words.

use super::sample::follow;
use super::tree::Node;
use super::tree::Wrong;
use crate::cli::args::profiles::Describes;

/// A message of a channel.
#[derive(Clone, Copy, Debug)]
pub(super) struct Message<'t> {
    /// The name it is given.
    pub(super) name: &'t str,
    /// The message.
    pub(super) node: &'t Node,
    /// Whether it is named as the reply to another, or is that other.
    pub(super) is_reply: bool,
}

/// A channel.
#[derive(Debug)]
pub(super) struct Channel<'t> {
    /// Its name in the document.
    pub(super) name: &'t str,
    /// Its address.
    pub(super) address: &'t str,
    pub(super) node: &'t Node,
    /// What clients send.
    pub(super) sent: Vec<Message<'t>>,
    /// What they get.
    pub(super) got: Vec<Message<'t>>,
}

/// A server.
#[derive(Debug)]
pub(super) struct Server<'t> {
    /// `ws` or `wss`.
    pub(super) scheme: &'static str,
    /// Host, port and path, with `{variables}`.
    pub(super) place: String,
    pub(super) node: &'t Node,
}

/// Most messages of one side of a channel.
const MESSAGES_MOST: usize = 500;

/// A document.
pub(super) struct Document<'t> {
    pub(super) root: &'t Node,
    is_third: bool,
}

impl<'t> Document<'t> {
    /// What is read, if it is an AsyncAPI document of a version that is known.
    pub(super) fn new(root: &'t Node) -> Result<Self, Wrong> {
        let hint = "An AsyncAPI document begins with `asyncapi: 3.0.0` or `asyncapi: 2.6.0`";
        let Some(version) = root.get("asyncapi") else {
            let what = match root.get("openapi").or(root.get("swagger")) {
                Some(_) => "it is an OpenAPI document, which knows no WebSocket",
                None => "it does not say `asyncapi`",
            };
            return Err(Wrong::new(root.at, what, hint));
        };
        let text = version.text().map_or_else(|| version.json().to_string(), str::to_owned);
        let is_third = text.starts_with("3.");
        if !is_third && !text.starts_with("2.") {
            let what = format!("it is of AsyncAPI {}; 2.x and 3.x are read", crate::units::printable(&text, 20));
            return Err(Wrong::new(version.at, what, "Convert it with `asyncapi convert`"));
        }
        Ok(Document { root, is_third })
    }

    /// The server of a name, or the first that speaks WebSocket.
    pub(super) fn server(&self, name: Option<&str>) -> Result<Server<'t>, Wrong> {
        let hint = "Add one, as `servers: {local: {host: 127.0.0.1:9001, protocol: ws}}` (version 2 says `url` for `host`)";
        let Some(servers) = self.root.get("servers").filter(|servers| servers.members().next().is_some()) else {
            let at = self.root.get("servers").map_or(self.root.at, |servers| servers.at);
            return Err(Wrong::new(at, "it has no servers, so nobody knows where to connect", hint));
        };
        let mut known = Vec::new();
        for (own, node) in servers.members().filter(|(own, _)| name.is_none_or(|name| name == *own)) {
            let node = follow(self.root, node)?;
            let protocol = node.get("protocol").and_then(Node::text).unwrap_or_default().to_ascii_lowercase();
            let host = node.get(if self.is_third { "host" } else { "url" }).and_then(Node::text).unwrap_or_default();
            let (scheme, host) = host.split_once("://").unwrap_or((&protocol, host));
            let scheme = match scheme.to_ascii_lowercase().as_str() {
                "ws" => "ws",
                "wss" => "wss",
                _ => {
                    known.push(format!("{own} ({protocol})"));
                    continue;
                }
            };
            let path = node.get("pathname").and_then(Node::text).unwrap_or_default();
            return Ok(Server { scheme, place: format!("{host}{path}"), node });
        }
        let what = match (name, known.is_empty()) {
            (Some(name), true) => format!("it has no server `{name}`"),
            _ => format!("none of its servers speaks ws or wss: {}", known.join(", ")),
        };
        Err(Wrong::new(servers.at, what, hint))
    }

    /// The channel of a name or address, or the first to which clients send; and the names of all others.
    pub(super) fn channel(&self, wanted: Option<&str>, describes: Describes) -> Result<(Channel<'t>, Vec<&'t str>), Wrong> {
        let hint = "Name a channel with a message that clients send; --describes client is for a document that a client wrote";
        let Some(channels) = self.root.get("channels") else {
            return Err(Wrong::new(self.root.at, "it has no channels", hint));
        };
        let mut all = Vec::new();
        let operations = if self.is_third { self.operations()? } else { Vec::new() };
        for (name, node) in channels.members() {
            let node = follow(self.root, node)?;
            all.push(if self.is_third { self.third(name, node, &operations, describes)? } else { self.second(name, node, describes)? });
        }
        let names: Vec<&str> = all.iter().map(|channel| channel.name).collect();
        let is_it = |channel: &Channel<'_>| match wanted {
            Some(wanted) => channel.name == wanted || channel.address == wanted,
            None => !channel.sent.is_empty(),
        };
        let Some(index) = all.iter().position(is_it) else {
            let what = match wanted {
                Some(wanted) => format!("it has no channel `{wanted}`; there are {}", names.join(", ")),
                None => "on none of its channels do clients send anything".into(),
            };
            return Err(Wrong::new(channels.at, what, hint));
        };
        let channel = all.swap_remove(index);
        if channel.sent.is_empty() {
            let what = format!("clients send nothing on channel `{}`", channel.name);
            return Err(Wrong::new(channel.node.at, what, hint));
        }
        if let Some(most) = [&channel.sent, &channel.got].map(Vec::len).into_iter().find(|n| *n > MESSAGES_MOST) {
            let what = format!("channel `{}` has {most} messages; the most is {MESSAGES_MOST}", channel.name);
            return Err(Wrong::new(channel.node.at, what, "Leave out those that are not to be played"));
        }
        let others = names.into_iter().filter(|name| *name != channel.name).collect();
        Ok((channel, others))
    }

    /// Version 2: `publish` is what others may publish, so it is what the described one receives.
    fn second(&self, name: &'t str, node: &'t Node, describes: Describes) -> Result<Channel<'t>, Wrong> {
        let (sends, gets) = if describes == Describes::Server { ("publish", "subscribe") } else { ("subscribe", "publish") };
        let messages = |operation: &str| -> Result<Vec<Message<'t>>, Wrong> {
            let Some(operation) = node.get(operation) else { return Ok(Vec::new()) };
            let operation = follow(self.root, operation)?;
            let Some(message) = operation.get("message") else { return Ok(Vec::new()) };
            let name = operation.get("operationId").and_then(Node::text).unwrap_or("message");
            self.one_of(name, message)
        };
        Ok(Channel { name, address: name, node, sent: messages(sends)?, got: messages(gets)? })
    }

    /// A message, or each of several.
    fn one_of(&self, name: &'t str, node: &'t Node) -> Result<Vec<Message<'t>>, Wrong> {
        let message = follow(self.root, node)?;
        match message.get("oneOf") {
            Some(several) => several.items().iter().map(|item| self.message(name, item, false)).collect(),
            None => Ok(vec![self.message(name, node, false)?]),
        }
    }

    fn message(&self, name: &'t str, node: &'t Node, is_reply: bool) -> Result<Message<'t>, Wrong> {
        let told = node.get("$ref").and_then(Node::text).and_then(|path| path.rsplit('/').next());
        let node = follow(self.root, node)?;
        let own = node.get("name").and_then(Node::text);
        Ok(Message { name: own.or(told).unwrap_or(name), node, is_reply })
    }

    /// The operations of version 3, each with its channel.
    fn operations(&self) -> Result<Vec<(&'t Node, &'t Node)>, Wrong> {
        let mut all = Vec::new();
        for (_, operation) in self.root.get("operations").into_iter().flat_map(Node::members) {
            let operation = follow(self.root, operation)?;
            if let Some(channel) = operation.get("channel") {
                all.push((operation, follow(self.root, channel)?));
            }
        }
        Ok(all)
    }

    /// Version 3: operations say who sends on a channel.
    fn third(
        &self,
        name: &'t str,
        node: &'t Node,
        operations: &[(&'t Node, &'t Node)],
        describes: Describes,
    ) -> Result<Channel<'t>, Wrong> {
        let address = node.get("address").and_then(Node::text).unwrap_or(name);
        let mut channel = Channel { name, address, node, sent: Vec::new(), got: Vec::new() };
        for (operation, _) in operations.iter().filter(|(_, channel)| std::ptr::eq(*channel, node)) {
            let action = operation.get("action").and_then(Node::text).unwrap_or_default();
            let reply = operation.get("reply").map(|reply| follow(self.root, reply)).transpose()?;
            let replies = reply.map_or(Ok(Vec::new()), |reply| self.of_operation(reply, None, true))?;
            let messages = self.of_operation(operation, Some(node), !replies.is_empty())?;
            let is_sent = (action == "receive") == (describes == Describes::Server);
            let (sent, got) = if is_sent { (messages, replies) } else { (replies, messages) };
            channel.sent.extend(sent);
            channel.got.extend(got);
            if channel.sent.len().max(channel.got.len()) > MESSAGES_MOST {
                break;
            }
        }
        Ok(channel)
    }

    /// The messages that an operation names; all of `channel` when it names none.
    fn of_operation(&self, operation: &'t Node, channel: Option<&'t Node>, is_reply: bool) -> Result<Vec<Message<'t>>, Wrong> {
        if let Some(named) = operation.get("messages") {
            return named.items().iter().map(|item| self.message("message", item, is_reply)).collect();
        }
        let all = channel.and_then(|channel| channel.get("messages")).into_iter().flat_map(Node::members);
        all.map(|(name, node)| self.message(name, node, is_reply)).collect()
    }
}
