//! What may be a name, which names are taken, and which name was probably meant.

/// Series that every run has; a profile cannot declare them.
pub(super) const RESERVED_SERIES: &[&str] =
    &["recovery", "ws_ping", "tcp_rtt", "tcp_rtt_min", "tcp_connect", "tls", "upgrade", "ready", "lag", "reaction", "read_delay"];

/// Kinds of message that every run counts; a profile cannot declare them.
pub(super) const RESERVED_KINDS: &[&str] = &["ws_ping", "ws_pong", "close"];

/// Longest name of anything, in bytes.
const LONGEST: usize = 64;

/// Whether `text` can name a series, a kind or a variable: lower-case letters, digits and `_`, a
/// letter first, at most 64.
pub(super) fn is_identifier(text: &str) -> bool {
    let inner = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    text.len() <= LONGEST && text.starts_with(|c: char| c.is_ascii_lowercase()) && text.chars().all(inner)
}

/// Whether `text` can name a profile or a dialect, which go into file names: lower-case letters,
/// digits and `-`, a letter or digit first, at most 64.
pub(super) fn is_slug(text: &str) -> bool {
    let inner = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    text.len() <= LONGEST && !text.is_empty() && !text.starts_with('-') && text.chars().all(inner)
}

/// Whether `text` is a token of HTTP (RFC 9110 section 5.6.2), as header names and subprotocols are.
pub(super) fn is_token(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b))
}

/// Whether `text` can name an environment variable.
pub(super) fn is_env_name(text: &str) -> bool {
    let inner = |c: char| c.is_ascii_alphanumeric() || c == '_';
    !text.is_empty() && !text.starts_with(|c: char| c.is_ascii_digit()) && text.chars().all(inner)
}

/// The candidate that was probably meant by `word`: the nearest by edit distance, if it is near.
pub(super) fn nearest<'c>(word: &str, candidates: impl IntoIterator<Item = &'c str>) -> Option<&'c str> {
    if word.len() > LONGEST {
        return None;
    }
    let near = |candidate: &'c str| {
        let steps = distance(&word.to_lowercase(), &candidate.to_lowercase());
        (steps <= 1.max(candidate.chars().count() / 3) && steps < word.chars().count()).then_some((steps, candidate))
    };
    candidates.into_iter().filter_map(near).min_by_key(|(steps, _)| *steps).map(|(_, candidate)| candidate)
}

/// How many letters must be put in, taken out, replaced or swapped with their neighbour to make
/// `b` of `a` (optimal string alignment), row by row over the table of prefixes.
fn distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let mut before: Vec<usize> = vec![0; b.len() + 1];
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for i in 1..=a.len() {
        let mut next = vec![i; b.len() + 1];
        for j in 1..=b.len() {
            let replaced = row[j - 1] + usize::from(a[i - 1] != b[j - 1]);
            next[j] = replaced.min(row[j] + 1).min(next[j - 1] + 1);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                next[j] = next[j].min(before[j - 2] + 1);
            }
        }
        before = std::mem::replace(&mut row, next);
    }
    row[b.len()]
}

/// Names for a message: `` `a`, `b` ``.
pub(super) fn list<'n>(names: impl IntoIterator<Item = &'n str>) -> String {
    let quoted: Vec<String> = names.into_iter().map(|name| format!("`{name}`")).collect();
    quoted.join(", ")
}

/// A hint to `word`: the name probably meant, else all there are, else `none`.
pub fn hint(word: &str, known: &[&str], none: &str) -> String {
    match nearest(word, known.iter().copied()) {
        Some(name) => format!("did you mean `{name}`?"),
        None if known.is_empty() => none.to_owned(),
        None => format!("there is {}", list(known.iter().copied())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distances() {
        for (a, b, steps) in
            [("", "", 0), ("", "abc", 3), ("class", "class", 0), ("clas", "class", 1), ("calss", "class", 1), ("kitten", "sitting", 3)]
        {
            assert_eq!(distance(a, b), steps, "{a} {b}");
            assert_eq!(distance(b, a), steps, "{b} {a}");
        }
    }

    #[test]
    fn only_near_names_are_offered() {
        assert_eq!(nearest("FrameAck", ["frame_ack", "pong_announce"]), Some("frame_ack"));
        assert_eq!(nearest("aks", ["ack", "asks"]), Some("asks"));
        assert_eq!(nearest("zebra", ["ack", "pong"]), None);
        assert_eq!(nearest("x", ["", "y"]), None);
    }

    #[test]
    fn names() {
        assert!(is_identifier("frame_ack2") && !is_identifier("2a") && !is_identifier("aB") && !is_identifier(""));
        assert!(is_slug("openshock-live") && is_slug("3d") && !is_slug("-a") && !is_slug("a/b") && !is_slug(".."));
        assert!(is_token("User-Agent") && !is_token("User Agent") && !is_token("ä") && !is_token(""));
        assert!(is_env_name("A_1") && !is_env_name("1A") && !is_env_name("A-B"));
    }
}
