//! A message with slots: parsed once, bound to a run's variables, rendered per send.
//!
//! `{name}` is a slot when what stands between the braces is a lower-case identifier; every other
//! brace is text, so JSON needs no escapes. Some names are filled by volley at each send (see
//! [`Slot`]); every other one is a variable, filled once, or a capture, filled with what the client was told.
//! A variable's value may hold the slots that tell clients apart, so that each has a credential of its own.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::sound;
use super::uuid;

/// Declares the slots with their names.
macro_rules! slots {
    ($($(#[doc = $doc:literal])+ $variant:ident => $text:literal,)+) => {
        /// A slot that is filled at each send.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Slot { $($(#[doc = $doc])+ $variant,)+ }

        impl Slot {
            /// All of them.
            pub const ALL: &'static [Slot] = &[$(Slot::$variant,)+];

            /// Its name between the braces.
            pub const fn name(self) -> &'static str {
                match self { $(Slot::$variant => $text,)+ }
            }
        }
    };
}

slots! {
    /// The key of this send: the client's send counter from 0, times the size of the group, plus the client's place in it.
    Id => "id",
    /// The client's number in the run, from 0.
    Client => "client",
    /// The number of the client's group, from 0.
    Group => "group",
    /// The client's place among those of its role in its group, from 0.
    Member => "member",
    /// The number of the next client of the group, of the first for the last.
    Peer => "peer",
    /// How often the client was connected before.
    Attempt => "attempt",
    /// Filler up to the wanted size.
    Pad => "pad",
    /// How many sends the client made before.
    Seq => "seq",
    /// A number of this send from 0 to 4,294,967,295.
    Random => "random",
    /// A UUID of this send.
    Uuid => "uuid",
    /// A UUID of the client.
    ClientUuid => "client_uuid",
    /// A UUID of the run.
    RunUuid => "run_uuid",
    /// Milliseconds since 1970.
    UnixMs => "unix_ms",
    /// Sound in base64, generated or from a file, as many bytes of it as `pad_to` says.
    Audio => "audio",
    /// The last position heard of before the connection was lost.
    After => "after",
    /// The first position heard of since.
    Before => "before",
    /// Square from which the next move of a long legal chess game goes.
    ChessFrom => "chess_from",
    /// Square to which it goes.
    ChessTo => "chess_to",
}

impl Slot {
    /// Slots that stay the same for all sends of a connection.
    pub const OF_CLIENT: &'static [Slot] =
        &[Slot::Client, Slot::Group, Slot::Member, Slot::Peer, Slot::Attempt, Slot::ClientUuid, Slot::RunUuid];

    fn named(name: &str) -> Option<Slot> {
        Slot::ALL.iter().copied().find(|slot| slot.name() == name)
    }
}

/// A piece of a template.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Part {
    /// Text as it stands.
    Text(String),
    /// A variable of the profile, or a capture.
    Var(String),
    /// A slot filled at each send.
    Slot(Slot),
}

/// A message with slots, unbound.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Template {
    /// The pieces in order.
    pub parts: Vec<Part>,
}

impl Template {
    /// Reads slots out of `text`; there is no wrong template, only unknown variables.
    pub fn parse(text: &str) -> Self {
        let mut parts = Vec::new();
        let mut plain = String::new();
        let mut rest = text;
        while let Some(open) = rest.find('{') {
            plain.push_str(&rest[..open]);
            rest = &rest[open..];
            match slot_name(rest) {
                Some(name) => {
                    flush(&mut plain, &mut parts);
                    parts.push(Slot::named(name).map_or_else(|| Part::Var(name.to_owned()), Part::Slot));
                    rest = &rest[name.len() + 2..];
                }
                None => {
                    plain.push('{');
                    rest = &rest[1..];
                }
            }
        }
        plain.push_str(rest);
        flush(&mut plain, &mut parts);
        Template { parts }
    }

    /// Names of the variables it uses.
    pub fn vars(&self) -> impl Iterator<Item = &str> {
        self.parts.iter().filter_map(|part| match part {
            Part::Var(name) => Some(name.as_str()),
            _ => None,
        })
    }

    /// Whether it has the given slot.
    pub fn has(&self, slot: Slot) -> bool {
        self.parts.contains(&Part::Slot(slot))
    }

    /// Fills the variables by `value`.
    ///
    /// # Errors
    /// The name of the first variable that `value` does not know.
    pub fn bind<'v>(&self, value: impl Fn(&str) -> Option<Value<'v>>) -> Result<Bound, String> {
        let mut parts = Vec::with_capacity(self.parts.len());
        for part in &self.parts {
            match part {
                Part::Slot(slot) => parts.push(BoundPart::Slot(*slot)),
                Part::Text(text) => push_text(&mut parts, text),
                Part::Var(name) => match value(name).ok_or_else(|| name.clone())? {
                    Value::Text(text) => push_value(&mut parts, text),
                    Value::Capture(index) => parts.push(BoundPart::Capture(index)),
                    Value::Column(index) => parts.push(BoundPart::Column(index)),
                },
            }
        }
        Ok(Bound { parts })
    }
}

/// What a variable of a template stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Value<'v> {
    /// This text; slots in it that tell clients apart are filled.
    Text(&'v str),
    /// What the client was told: the capture with this index.
    Capture(usize),
    /// The field with this index of the client's row of data.
    Column(usize),
}

fn push_text(parts: &mut Vec<BoundPart>, text: &str) {
    match parts.last_mut() {
        Some(BoundPart::Text(before)) => before.extend_from_slice(text.as_bytes()),
        _ => parts.push(BoundPart::Text(text.as_bytes().to_vec())),
    }
}

/// The value of a variable: only slots that tell clients apart are slots in it.
fn push_value(parts: &mut Vec<BoundPart>, value: &str) {
    for part in Template::parse(value).parts {
        match part {
            Part::Text(text) => push_text(parts, &text),
            Part::Slot(slot) if Slot::OF_CLIENT.contains(&slot) => parts.push(BoundPart::Slot(slot)),
            Part::Slot(slot) => push_text(parts, &format!("{{{}}}", slot.name())),
            Part::Var(name) => push_text(parts, &format!("{{{name}}}")),
        }
    }
}

fn flush(plain: &mut String, parts: &mut Vec<Part>) {
    if !plain.is_empty() {
        parts.push(Part::Text(std::mem::take(plain)));
    }
}

/// The identifier of a slot at the start of `text`, which begins with a brace.
fn slot_name(text: &str) -> Option<&str> {
    let inner = &text[1..text.find('}')?];
    let first = inner.chars().next()?;
    let valid = first.is_ascii_lowercase() && inner.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_');
    valid.then_some(inner)
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum BoundPart {
    Text(Vec<u8>),
    Slot(Slot),
    Capture(usize),
    Column(usize),
}

/// What the slots of one send are filled with.
#[derive(Clone, Copy, Debug, Default)]
pub struct Fill<'a> {
    /// Number of the client.
    pub client: u64,
    /// Number of its group.
    pub group: u64,
    /// Its place among those of its role.
    pub member: u64,
    /// Number of the next client of the group.
    pub peer: u64,
    /// How often it was connected before.
    pub attempt: u64,
    /// Key of the send.
    pub id: u64,
    /// Size in bytes that `{pad}` fills the message up to, or of the sound of `{audio}`.
    pub pad_to: usize,
    /// Milliseconds since 1970.
    pub unix_ms: u64,
    /// How many sends the client made before.
    pub seq: u64,
    /// Number drawn for this send.
    pub random: u128,
    /// Seed of the run, from which the UUIDs of client and run are drawn.
    pub seed: u64,
    /// The sound of this send, where it is not the same each time.
    pub sound: &'a [u8],
    /// Position before the gap, and behind it.
    pub gap: (u64, u64),
    /// Which move of a chess game comes next, from 0.
    pub ply: u64,
    /// What the client was told, by index of the capture.
    pub captured: &'a [String],
    /// The client's row of data.
    pub row: &'a [String],
}

/// A template whose variables are filled; only what is filled per send is left.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Bound {
    parts: Vec<BoundPart>,
}

impl Bound {
    /// Appends the message to `out`. A message that is longer than `pad_to` already gets no filler.
    pub fn render(&self, out: &mut Vec<u8>, fill: &Fill<'_>) {
        let start = out.len();
        let mut pad_at = None;
        for part in &self.parts {
            match part {
                BoundPart::Text(text) => out.extend_from_slice(text),
                BoundPart::Slot(Slot::Id) => push_number(out, fill.id),
                BoundPart::Slot(Slot::Pad) => pad_at = Some(out.len()),
                BoundPart::Slot(slot) => push_slot(out, *slot, fill),
                BoundPart::Capture(index) => out.extend_from_slice(fill.captured.get(*index).map_or(b"", |text| text.as_bytes())),
                BoundPart::Column(index) => out.extend_from_slice(fill.row.get(*index).map_or(b"", |text| text.as_bytes())),
            }
        }
        if let Some(at) = pad_at {
            let missing = fill.pad_to.saturating_sub(out.len() - start);
            let end = out.len();
            out.resize(end + missing, b'x');
            out.copy_within(at..end, at + missing);
            out[at..at + missing].fill(b'x');
        }
    }

    /// The same with `bytes` bytes of generated sound in the place of `{audio}`, made once.
    pub fn with_sound(mut self, bytes: usize) -> Self {
        for part in self.parts.iter_mut().filter(|part| **part == BoundPart::Slot(Slot::Audio)) {
            let mut made = Vec::with_capacity(bytes);
            sound::speech(&mut made, bytes);
            *part = BoundPart::Text(STANDARD.encode(made).into_bytes());
        }
        self
    }

    /// The message as text, for addresses and headers.
    pub fn text(&self, fill: &Fill<'_>) -> String {
        let mut out = Vec::new();
        self.render(&mut out, fill);
        String::from_utf8_lossy(&out).into_owned()
    }

    /// Whether the move of a chess game stands in it.
    pub fn has_move(&self) -> bool {
        self.parts.iter().any(|part| matches!(part, BoundPart::Slot(Slot::ChessFrom | Slot::ChessTo)))
    }

    /// Whether it is the same text whoever says it and whenever.
    pub fn is_constant(&self) -> bool {
        self.parts.iter().all(|part| matches!(part, BoundPart::Text(_)))
    }
}

/// Fills the slots that few messages have.
fn push_slot(out: &mut Vec<u8>, slot: Slot, fill: &Fill<'_>) {
    match slot {
        Slot::Id => push_number(out, fill.id),
        Slot::Client => push_number(out, fill.client),
        Slot::Group => push_number(out, fill.group),
        Slot::Member => push_number(out, fill.member),
        Slot::Peer => push_number(out, fill.peer),
        Slot::Attempt => push_number(out, fill.attempt),
        Slot::UnixMs => push_number(out, fill.unix_ms),
        Slot::After => push_number(out, fill.gap.0),
        Slot::Before => push_number(out, fill.gap.1),
        Slot::Seq => push_number(out, fill.seq),
        Slot::Random => push_number(out, fill.random as u32 as u64),
        Slot::Uuid => uuid::push(out, fill.random),
        Slot::ClientUuid => uuid::push(out, uuid::lasting(fill.seed, fill.client + 1)),
        Slot::RunUuid => uuid::push(out, uuid::lasting(fill.seed, 0)),
        Slot::Audio => out.extend_from_slice(STANDARD.encode(fill.sound).as_bytes()),
        Slot::ChessFrom => out.extend_from_slice(super::chess::ply(fill.ply).0.as_bytes()),
        Slot::ChessTo => out.extend_from_slice(super::chess::ply(fill.ply).1.as_bytes()),
        // Filler is put in when everything else is there.
        Slot::Pad => {}
    }
}

/// Appends a number in decimal without allocating.
fn push_number(out: &mut Vec<u8>, mut n: u64) {
    let mut digits = [0u8; 20];
    let mut at = digits.len();
    loop {
        at -= 1;
        digits[at] = b'0' + (n % 10) as u8;
        n /= 10;
        if n == 0 {
            break;
        }
    }
    out.extend_from_slice(&digits[at..]);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn render(text: &str, client: u64, id: u64, pad_to: usize) -> String {
        let bound = Template::parse(text).bind(|name| (name == "who").then_some(Value::Text("a\"b"))).expect("known variables");
        let mut out = Vec::new();
        bound.render(&mut out, &Fill { client, id, pad_to, ..Fill::default() });
        String::from_utf8(out).expect("text")
    }

    #[test]
    fn json_braces_are_text() {
        assert_eq!(render(r#"{"id":{id},"d":{},"x":{"y":1}}"#, 3, 42, 0), r#"{"id":42,"d":{},"x":{"y":1}}"#);
        assert_eq!(render("{", 0, 0, 0), "{");
        assert_eq!(render("{Id}{9a}", 0, 0, 0), "{Id}{9a}");
    }

    #[test]
    fn pad_fills_up_to_the_size_and_never_cuts() {
        for size in [0, 18, 19, 64, 1000] {
            let text = render(r#"{"id":{id},"pad":"{pad}"}"#, 0, 7, size);
            assert_eq!(text.len(), size.max(r#"{"id":7,"pad":""}"#.len()), "{size}");
            assert!(text.starts_with(r#"{"id":7,"pad":""#) && text.ends_with("\"}"), "{text}");
        }
    }

    #[test]
    fn variables_and_clients() {
        assert_eq!(render("{who}-{client}-{id}", 12, u64::MAX, 0), format!("a\"b-12-{}", u64::MAX));
        assert_eq!(Template::parse("{nobody}").bind(|_| None), Err("nobody".to_owned()));
    }

    #[test]
    fn a_value_may_tell_clients_apart_and_nothing_else() {
        let bound = Template::parse("{token}/{seen}").bind(|name| match name {
            "token" => Some(Value::Text("t-{client}-{id}-{who}")),
            _ => Some(Value::Capture(1)),
        });
        let fill = Fill { client: 7, id: 9, captured: &["no".into(), "yes".into()], ..Fill::default() };
        assert_eq!(bound.expect("all known").text(&fill), "t-7-{id}-{who}/yes");
    }

    #[test]
    fn uuids_of_client_and_run_stay_and_differ() {
        let bound = Template::parse("{client_uuid} {run_uuid} {seq} {random}").bind(|_| None).expect("slots only");
        let text = |client, seq, seed| bound.text(&Fill { client, seq, seed, random: u128::from(seq) << 64 | 7, ..Fill::default() });
        let words = |client, seq, seed| text(client, seq, seed).split(' ').map(str::to_owned).collect::<Vec<_>>();
        let (first, later, other, again) = (words(1, 0, 9), words(1, 5, 9), words(2, 0, 9), words(1, 0, 8));
        assert!(first[0] == later[0] && first[1] == later[1] && first[1] == other[1], "{first:?} {later:?} {other:?}");
        assert!(first[0] != other[0] && first[0] != first[1] && first[0] != again[0] && first[1] != again[1]);
        assert_eq!((first[0].len(), first[1].len(), later[2].as_str(), later[3].as_str()), (36, 36, "5", "7"));
    }
}
