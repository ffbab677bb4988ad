//! The keys of a profile: one table, from which the loader judges and to which the published JSON
//! Schema and the README of the profiles are held by tests.

/// The JSON Schema (draft 2020-12) of a profile's TOML, for completion in editors.
pub const JSON: &str = include_str!("../../profiles/profile.schema.json");

/// One key of a table.
#[derive(Debug)]
pub struct Key {
    /// Its name.
    pub name: &'static str,
    /// What it takes.
    pub kind: Kind,
    /// Whether it must be there whenever its table is.
    pub required: bool,
    /// How it is written, for hints; a line of TOML.
    pub example: &'static str,
}

/// What a key takes.
#[derive(Debug)]
pub enum Kind {
    /// Text.
    Text,
    /// True or false.
    Flag,
    /// Text, or a whole number.
    Size,
    /// A whole number.
    Whole,
    /// A number.
    Number,
    /// A list of texts.
    Texts,
    /// A list of whole numbers.
    Wholes,
    /// A list of texts and whole numbers.
    Tags,
    /// A table with any keys, each a text.
    TextTable,
    /// A table: `[load]`.
    Table(&'static [Key]),
    /// A table of tables with names of the user's choice: `[series.echo]`.
    Named(&'static [Key]),
    /// A list of tables: `[[message]]`.
    Tables(&'static [Key]),
}

const fn required(name: &'static str, kind: Kind, example: &'static str) -> Key {
    Key { name, kind, required: true, example }
}

const fn optional(name: &'static str, kind: Kind, example: &'static str) -> Key {
    Key { name, kind, required: false, example }
}

/// The top of the file.
pub const PROFILE: &[Key] = &[
    required("name", Kind::Text, r#"name = "my-service""#),
    required("about", Kind::Text, r#"about = "one line for lists""#),
    optional("dialects", Kind::Texts, r#"dialects = ["docs", "server"]"#),
    optional("harm", Kind::Text, r#"harm = "what the messages do in the real world""#),
    required("endpoint", Kind::Table(ENDPOINT), "[endpoint]"),
    optional("vars", Kind::Named(VAR), "[vars.token]"),
    optional("ping", Kind::Table(PING), "[ping]"),
    optional("reconnect", Kind::Table(RECONNECT), "[reconnect]"),
    optional("close", Kind::Tables(CLOSE), "[[close]]"),
    optional("series", Kind::Named(SERIES), "[series.echo]"),
    optional("read", Kind::Table(READ), "[read]"),
    optional("message", Kind::Tables(MESSAGE), "[[message]]"),
    optional("reply", Kind::Tables(REPLY), "[[reply]]"),
    required("load", Kind::Table(LOAD), "[load]"),
];

/// `[endpoint]`
pub const ENDPOINT: &[Key] = &[
    required("url", Kind::Text, r#"url = "ws://127.0.0.1:9001/""#),
    optional("subprotocol", Kind::Text, r#"subprotocol = "chat.v2""#),
    optional("headers", Kind::TextTable, r#"User-Agent = "volley""#),
];

/// `[vars.NAME]`
pub const VAR: &[Key] = &[
    required("about", Kind::Text, r#"about = "one line for help""#),
    optional("default", Kind::Text, r#"default = "10""#),
    optional("env", Kind::Text, r#"env = "MY_TOKEN""#),
    optional("secret", Kind::Flag, "secret = true"),
    optional("harmless", Kind::Text, r#"harmless = "Stop""#),
];

/// `[ping]`
pub const PING: &[Key] = &[required("every", Kind::Text, r#"every = "10s""#)];

/// `[reconnect]`
pub const RECONNECT: &[Key] = &[
    required("policy", Kind::Text, r#"policy = "exponential""#),
    optional("delay", Kind::Text, r#"delay = "1s""#),
    optional("max", Kind::Text, r#"max = "30s""#),
    optional("factor", Kind::Number, "factor = 2.0"),
    optional("steps", Kind::Texts, r#"steps = ["0s", "5s", "30s"]"#),
    optional("jitter", Kind::Number, "jitter = 0.2"),
    optional("attempts", Kind::Whole, "attempts = 10"),
    optional("stop_on", Kind::Wholes, "stop_on = [401, 403, 404]"),
];

/// `[[close]]`
pub const CLOSE: &[Key] = &[
    required("code", Kind::Whole, "code = 4001"),
    required("name", Kind::Text, r#"name = "token_reuse""#),
    required("then", Kind::Text, r#"then = "stop""#),
];

/// `[series.NAME]`
pub const SERIES: &[Key] = &[
    required("class", Kind::Text, r#"class = "keyed""#),
    required("about", Kind::Text, r#"about = "one line for reports""#),
    optional("dialects", Kind::Texts, r#"dialects = ["docs"]"#),
];

/// `[read]`
pub const READ: &[Key] = &[optional("tag", Kind::Texts, r#"tag = ["type"]"#)];

/// `[[message]]`
pub const MESSAGE: &[Key] = &[
    required("name", Kind::Text, r#"name = "ack""#),
    optional("tag", Kind::Tags, r#"tag = [0, "Ack"]"#),
    optional("answers", Kind::Text, r#"answers = "echo""#),
    optional("key", Kind::Text, r#"key = "id""#),
    optional("error", Kind::Flag, "error = true"),
    optional("reply", Kind::Text, r#"reply = "pong""#),
    optional("ready", Kind::Flag, "ready = true"),
];

/// `[[reply]]`
pub const REPLY: &[Key] = &[
    required("name", Kind::Text, r#"name = "pong""#),
    required("text", Kind::Text, r#"text = '{"type":"pong"}'"#),
    optional("expects", Kind::Text, r#"expects = "announce""#),
];

/// `[load]`
pub const LOAD: &[Key] = &[
    required("name", Kind::Text, r#"name = "echo""#),
    required("text", Kind::Text, r#"text = '{"id":{id}}'"#),
    optional("pad_to", Kind::Size, r#"pad_to = "{payload_bytes}""#),
    optional("expects", Kind::Text, r#"expects = "echo""#),
];
