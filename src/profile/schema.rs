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
    /// A text, or a list of texts.
    Names,
    /// A list of whole numbers.
    Wholes,
    /// A list of texts and whole numbers.
    Tags,
    /// A table with any keys, each a text.
    TextTable,
    /// A table with any keys, each a text, a number or a flag.
    ValueTable,
    /// A table: `[read]`.
    Table(&'static [Key]),
    /// A table of tables with names of the user's choice: `[series.echo]`.
    Named(&'static [Key]),
    /// A list of tables: `[[message]]`.
    Tables(&'static [Key]),
    /// A table, or a list of such: `[load]` or `[[load]]`.
    OneOrMore(&'static [Key]),
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
    optional("limits", Kind::Texts, r#"limits = ["echo p(99) < 10ms"]"#),
    required("endpoint", Kind::Table(ENDPOINT), "[endpoint]"),
    optional("roles", Kind::Named(ROLE), "[roles.producer]"),
    optional("vars", Kind::Named(VAR), "[vars.token]"),
    optional("ping", Kind::Table(PING), "[ping]"),
    optional("reconnect", Kind::Table(RECONNECT), "[reconnect]"),
    optional("close", Kind::Tables(CLOSE), "[[close]]"),
    optional("http", Kind::Tables(HTTP), "[[http]]"),
    optional("series", Kind::Named(SERIES), "[series.echo]"),
    optional("read", Kind::Table(READ), "[read]"),
    optional("message", Kind::Tables(MESSAGE), "[[message]]"),
    optional("reply", Kind::Tables(REPLY), "[[reply]]"),
    optional("beat", Kind::Tables(BEAT), "[[beat]]"),
    optional("resume", Kind::Table(RESUME), "[resume]"),
    required("load", Kind::OneOrMore(LOAD), "[load]"),
];

/// `[endpoint]`
pub const ENDPOINT: &[Key] = &[
    required("url", Kind::Text, r#"url = "ws://127.0.0.1:9001/""#),
    optional("subprotocol", Kind::Text, r#"subprotocol = "chat.v2""#),
    optional("headers", Kind::TextTable, r#"User-Agent = "volley""#),
    optional("opens", Kind::Names, r#"opens = "hello""#),
];

/// `[roles.NAME]`
pub const ROLE: &[Key] = &[
    required("about", Kind::Text, r#"about = "one line for help""#),
    optional("count", Kind::Size, "count = 2"),
    optional("url", Kind::Text, r#"url = "ws://127.0.0.1:9001/player/{client}""#),
];

/// `[vars.NAME]`
pub const VAR: &[Key] = &[
    required("about", Kind::Text, r#"about = "one line for help""#),
    optional("default", Kind::Text, r#"default = "10""#),
    optional("dialect", Kind::TextTable, r#"dialect = { server = "authenticate" }"#),
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

/// `[[http]]`
pub const HTTP: &[Key] = &[
    required("name", Kind::Text, r#"name = "mint""#),
    required("at", Kind::Text, r#"at = "connect""#),
    required("url", Kind::Text, r#"url = "/auth/user?id={client}""#),
    optional("method", Kind::Text, r#"method = "POST""#),
    optional("headers", Kind::TextTable, r#"x-api-key = "{api_key}""#),
    optional("body", Kind::Text, r#"body = '{"id":{id}}'"#),
    optional("series", Kind::Text, r#"series = "token_mint""#),
    optional("capture", Kind::TextTable, r#"capture = { token = "token" }"#),
    optional("roles", Kind::Names, r#"roles = "producer""#),
    optional("dialects", Kind::Names, r#"dialects = "docs""#),
    optional("when", Kind::Text, r#"when = "mint=http""#),
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
    optional("binary", Kind::Flag, "binary = true"),
    optional("where", Kind::ValueTable, r#"where = { status = "ready" }"#),
    optional("answers", Kind::Names, r#"answers = "echo""#),
    optional("key", Kind::Text, r#"key = "id""#),
    optional("error", Kind::Flag, "error = true"),
    optional("reply", Kind::Text, r#"reply = "pong""#),
    optional("ready", Kind::Flag, "ready = true"),
    optional("opens", Kind::Names, r#"opens = "first_candidate""#),
    optional("cancels", Kind::Names, r#"cancels = "direct""#),
    optional("capture", Kind::TextTable, r#"capture = { room = "/data/room" }"#),
    optional("gauge", Kind::Text, r#"gauge = "own_latency""#),
    optional("value", Kind::Text, r#"value = "/data/ownLatency""#),
    optional("unit", Kind::Text, r#"unit = "ms""#),
    optional("cadence", Kind::Text, r#"cadence = "ping_interval""#),
    optional("spread", Kind::Text, r#"spread = "fanout_spread""#),
    optional("then", Kind::Text, r#"then = "waiting""#),
    optional("states", Kind::Names, r#"states = "start""#),
    optional("roles", Kind::Names, r#"roles = "consumer""#),
    optional("dialects", Kind::Names, r#"dialects = "docs""#),
    optional("when", Kind::Text, r#"when = "kind=scalar""#),
];

/// `[[reply]]`
pub const REPLY: &[Key] = &[
    required("name", Kind::Text, r#"name = "pong""#),
    optional("text", Kind::Text, r#"text = '{"type":"pong"}'"#),
    optional("hex", Kind::Text, r#"hex = "00ff""#),
    optional("audio", Kind::Size, "audio = 32000"),
    optional("http", Kind::Text, r#"http = "complete""#),
    optional("expects", Kind::Names, r#"expects = "announce""#),
    optional("start", Kind::Flag, "start = true"),
    optional("next", Kind::Text, r#"next = "second""#),
    optional("then", Kind::Text, r#"then = "asked""#),
    optional("roles", Kind::Names, r#"roles = "consumer""#),
    optional("dialects", Kind::Names, r#"dialects = "docs""#),
    optional("when", Kind::Text, r#"when = "kind=scalar""#),
];

/// `[[beat]]`
pub const BEAT: &[Key] = &[
    required("name", Kind::Text, r#"name = "heartbeat""#),
    required("say", Kind::Text, r#"say = "heartbeat""#),
    required("every", Kind::Text, r#"every = "30s""#),
    optional("default", Kind::Text, r#"default = "40s""#),
    optional("from", Kind::Text, r#"from = "open""#),
    optional("jitter", Kind::Number, "jitter = 1.0"),
    optional("times", Kind::Whole, "times = 1"),
    optional("lost", Kind::Text, r#"lost = "close""#),
];

/// `[resume]`
pub const RESUME: &[Key] = &[
    required("message", Kind::Text, r#"message = "dispatch""#),
    required("position", Kind::Text, r#"position = "seq""#),
    required("ask", Kind::Text, r#"ask = "replay""#),
    optional("first", Kind::Text, r#"first = "replay_first""#),
    optional("each", Kind::Text, r#"each = "replayed""#),
    optional("roles", Kind::Names, r#"roles = "consumer""#),
    optional("dialects", Kind::Names, r#"dialects = "docs""#),
];

/// `[load]`
pub const LOAD: &[Key] = &[
    required("name", Kind::Text, r#"name = "echo""#),
    optional("text", Kind::Text, r#"text = '{"id":{id}}'"#),
    optional("hex", Kind::Text, r#"hex = "00ff""#),
    optional("audio", Kind::Size, r#"audio = "{chunk_bytes}""#),
    optional("http", Kind::Text, r#"http = "publish""#),
    optional("pad_to", Kind::Size, r#"pad_to = "{payload_bytes}""#),
    optional("expects", Kind::Names, r#"expects = "echo""#),
    optional("next", Kind::Text, r#"next = "commit""#),
    optional("then", Kind::Text, r#"then = "moved""#),
    optional("states", Kind::Names, r#"states = "my_turn""#),
    optional("roles", Kind::Names, r#"roles = "producer""#),
    optional("dialects", Kind::Names, r#"dialects = "docs""#),
    optional("when", Kind::Text, r#"when = "kind=scalar""#),
];
