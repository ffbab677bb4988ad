//! A text as it reads with its escapes undone, and where each byte of it came from. Undoing them
//! finds a secret however much or little of it was escaped.

use std::ops::Range;

/// A text with its escapes undone.
pub(super) struct View {
    /// As it reads.
    pub(super) bytes: Vec<u8>,
    /// Where each byte begins in the text, and behind the last one its end.
    at: Vec<usize>,
}

/// What an escape stands for, and its length; `None` where there is none.
type Undo = fn(&[u8]) -> Option<(char, usize)>;

/// The ways to escape, each with the byte without which a text has none of it.
const WAYS: [(u8, Undo); 4] = [(b'%', percent), (b'+', form), (b'\\', json), (b'&', html)];

impl View {
    /// The text as it stands, and as it reads in each of the ways that it may be escaped.
    pub(super) fn all(text: &[u8]) -> impl Iterator<Item = View> {
        let plain = View { bytes: text.to_vec(), at: (0..=text.len()).collect() };
        let undone = WAYS.into_iter().filter(|(mark, _)| text.contains(mark)).map(|(_, undo)| View::undone(text, undo));
        std::iter::once(plain).chain(undone)
    }

    fn undone(text: &[u8], undo: Undo) -> View {
        let mut view = View { bytes: Vec::with_capacity(text.len()), at: Vec::with_capacity(text.len() + 1) };
        let mut i = 0;
        while i < text.len() {
            let (c, length) = undo(&text[i..]).unwrap_or((char::from(text[i]), 1));
            if length == 1 && c != ' ' {
                view.bytes.push(text[i]);
            } else if u32::from(c) < 0x100 && text[i] == b'%' {
                // A percent escape is a byte, not a character.
                view.bytes.push(c as u8);
            } else {
                view.bytes.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
            }
            view.at.resize(view.bytes.len(), i);
            i += length;
        }
        view.at.push(text.len());
        view
    }

    /// The place in the text of a range of the view.
    pub(super) fn place(&self, range: Range<usize>) -> Range<usize> {
        self.at[range.start]..self.at[range.end]
    }
}

/// `%2F` (RFC 3986 section 2.1).
fn percent(text: &[u8]) -> Option<(char, usize)> {
    let digits = text.strip_prefix(b"%")?.get(..2)?;
    Some((char::from(u8::try_from(hex(digits)?).ok()?), 3))
}

/// Percent escapes with `+` for a space, as forms send them.
fn form(text: &[u8]) -> Option<(char, usize)> {
    if text.first() == Some(&b'+') { Some((' ', 1)) } else { percent(text) }
}

/// `\/`, `\n`, `\u002f` (RFC 8259 section 7).
fn json(text: &[u8]) -> Option<(char, usize)> {
    let c = match *text.strip_prefix(b"\\")?.first()? {
        b'n' => '\n',
        b'r' => '\r',
        b't' => '\t',
        b'b' => '\u{8}',
        b'f' => '\u{c}',
        b'u' => return unit(text),
        other if other.is_ascii() => char::from(other),
        _ => return None,
    };
    Some((c, 2))
}

/// `\u00e9`, or a pair of surrogates.
fn unit(text: &[u8]) -> Option<(char, usize)> {
    let at = |i: usize| text.get(i..i + 6)?.strip_prefix(b"\\u").and_then(hex);
    let first = at(0)?;
    match (first, at(6)) {
        (0xd800..0xdc00, Some(second @ 0xdc00..0xe000)) => {
            Some((char::from_u32(0x1_0000 + ((first - 0xd800) << 10) + (second - 0xdc00))?, 12))
        }
        _ => Some((char::from_u32(first)?, 6)),
    }
}

/// `&amp;`, `&#39;`, `&#x27;`: those that pages are escaped with.
fn html(text: &[u8]) -> Option<(char, usize)> {
    let inner = text.strip_prefix(b"&")?;
    let length = inner.iter().take(9).position(|b| *b == b';')?;
    let c = match std::str::from_utf8(&inner[..length]).ok()? {
        "amp" => '&',
        "lt" => '<',
        "gt" => '>',
        "quot" => '"',
        "apos" => '\'',
        number => match number.strip_prefix('#')?.strip_prefix(['x', 'X']) {
            Some(digits) => char::from_u32(hex(digits.as_bytes())?)?,
            None => char::from_u32(number[1..].parse().ok()?)?,
        },
    };
    Some((c, length + 2))
}

fn hex(digits: &[u8]) -> Option<u32> {
    let all = !digits.is_empty() && digits.iter().all(u8::is_ascii_hexdigit);
    u32::from_str_radix(std::str::from_utf8(digits).ok().filter(|_| all)?, 16).ok()
}
