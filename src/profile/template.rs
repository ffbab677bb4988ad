//! A message with slots: parsed once, bound to a run's variables, rendered per send.
//!
//! `{name}` is a slot when what stands between the braces is a lower-case identifier; every other
//! brace is text, so JSON needs no escapes. Slots filled at each send are `{id}` (the client's send
//! counter, from 0), `{client}` (the client's number, from 0) and `{pad}` (filler up to a size);
//! every other name is a variable, filled once.

/// A slot that is filled at each send.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Slot {
    /// The client's send counter.
    Id,
    /// The client's number in the run.
    Client,
    /// Filler up to the wanted size.
    Pad,
}

/// A piece of a template.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Part {
    /// Text as it stands.
    Text(String),
    /// A variable of the profile.
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
                    parts.push(match name {
                        "id" => Part::Slot(Slot::Id),
                        "client" => Part::Slot(Slot::Client),
                        "pad" => Part::Slot(Slot::Pad),
                        var => Part::Var(var.to_owned()),
                    });
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

    /// Fills the variables by `value` (name to text).
    ///
    /// # Errors
    /// The name of the first variable that `value` does not know.
    pub fn bind<'v>(&self, value: impl Fn(&str) -> Option<&'v str>) -> Result<Bound, String> {
        let mut parts: Vec<BoundPart> = Vec::with_capacity(self.parts.len());
        for part in &self.parts {
            let text = match part {
                Part::Slot(slot) => {
                    parts.push(BoundPart::Slot(*slot));
                    continue;
                }
                Part::Text(text) => text.as_str(),
                Part::Var(name) => value(name).ok_or_else(|| name.clone())?,
            };
            match parts.last_mut() {
                Some(BoundPart::Text(before)) => before.extend_from_slice(text.as_bytes()),
                _ => parts.push(BoundPart::Text(text.as_bytes().to_vec())),
            }
        }
        Ok(Bound { parts })
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
}

/// A template whose variables are filled; only per-send slots are left.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Bound {
    parts: Vec<BoundPart>,
}

impl Bound {
    /// Appends the message for send `id` of client `client` to `out`. `pad_to` is the size in bytes
    /// that `{pad}` fills the message up to; a message that is longer already gets no filler.
    pub fn render(&self, out: &mut Vec<u8>, client: u64, id: u64, pad_to: usize) {
        let start = out.len();
        let mut pad_at = None;
        for part in &self.parts {
            match part {
                BoundPart::Text(text) => out.extend_from_slice(text),
                BoundPart::Slot(Slot::Id) => push_number(out, id),
                BoundPart::Slot(Slot::Client) => push_number(out, client),
                BoundPart::Slot(Slot::Pad) => pad_at = Some(out.len()),
            }
        }
        if let Some(at) = pad_at {
            let missing = pad_to.saturating_sub(out.len() - start);
            let end = out.len();
            out.resize(end + missing, b'x');
            out.copy_within(at..end, at + missing);
            out[at..at + missing].fill(b'x');
        }
    }

    /// The message as text, for addresses and headers.
    pub fn text(&self, client: u64) -> String {
        let mut out = Vec::new();
        self.render(&mut out, client, 0, 0);
        String::from_utf8_lossy(&out).into_owned()
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
        let bound = Template::parse(text).bind(|name| (name == "who").then_some("a\"b")).expect("known variables");
        let mut out = Vec::new();
        bound.render(&mut out, client, id, pad_to);
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
}
