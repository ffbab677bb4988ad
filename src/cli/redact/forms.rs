//! The forms in which a secret may come back, as bytes to look for.

use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD;

/// One form of a secret.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Form {
    /// The bytes.
    pub(super) bytes: Vec<u8>,
    /// Whether it is Base64, whose neighbours belong to it.
    pub(super) is_base64: bool,
    /// Number of the secret.
    pub(super) secret: usize,
}

/// All forms of `value`, which is secret number `secret`: as it stands, hexadecimal in both cases, Base64 in both alphabets at all
/// three alignments. Escapes are undone in the text instead, since they may be mixed.
pub(super) fn of(secret: usize, value: &[u8]) -> Vec<Form> {
    let plain = |bytes: Vec<u8>| Form { bytes, is_base64: false, secret };
    let hex: String = value.iter().map(|b| format!("{b:02x}")).collect();
    let mut forms = vec![plain(value.into()), plain(hex.to_uppercase().into()), plain(hex.into())];
    for shift in 0..3 {
        let standard = core(value, shift);
        let url: Vec<u8> = standard
            .iter()
            .map(|b| {
                if *b == b'+' {
                    b'-'
                } else if *b == b'/' {
                    b'_'
                } else {
                    *b
                }
            })
            .collect();
        forms.extend([standard, url].map(|bytes| Form { bytes, is_base64: true, secret }));
    }
    forms
}

/// The characters of the Base64 (RFC 4648 section 4) of something with `secret` in it that are the
/// same whatever stands around it. `shift` is the number of bytes before it, modulo 3.
///
/// ```text
/// bytes:  x        s        s        s
/// bits:   xxxxxx xxssss ssssss ssssss ss....     shift 1: characters 0 and 1 hold bits of x,
/// char:   0      1      2      3      4                    the last one bits of what follows
/// ```
fn core(secret: &[u8], shift: usize) -> Vec<u8> {
    let before = vec![0; shift];
    let text = STANDARD_NO_PAD.encode([&before, secret].concat()).into_bytes();
    let first = [0, 2, 3][shift];
    let whole = (shift + secret.len()) * 8 / 6;
    text[first..whole].to_vec()
}
