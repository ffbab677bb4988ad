//! Words of two halves on the command line.

use crate::units::Nanos;

/// What was typed without its second half may be a secret; a plain name is none.
fn named(text: &str) -> &str {
    let is_name = text.len() <= 32 && text.bytes().all(|b| b.is_ascii_alphabetic() || b"-_".contains(&b));
    if is_name { text } else { "what was given" }
}

/// `NAME=VALUE`.
pub(super) fn pair(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or_else(|| format!("`{}` is not NAME=VALUE", named(text)))?;
    Ok((name.trim().to_owned(), value.to_owned()))
}

/// `Name: value`.
pub(super) fn header(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once(':').ok_or_else(|| format!("`{}` is not `Name: value`", named(text)))?;
    Ok((name.trim().to_owned(), value.trim().to_owned()))
}

/// `ROLE@TIME`.
pub(super) fn drop_at(text: &str) -> Result<(String, Nanos), String> {
    let (role, time) = text.split_once('@').ok_or_else(|| format!("`{text}` is not ROLE@TIME; write for example consumer@20s"))?;
    Ok((role.to_owned(), time.parse()?))
}

/// A name as Kubernetes takes it for things and labels.
pub(super) fn dns_label(text: &str) -> Result<String, String> {
    let is_good = |c: u8| c.is_ascii_lowercase() || c.is_ascii_digit() || c == b'-';
    let is_label = (1..=52).contains(&text.len()) && text.bytes().all(is_good) && !text.starts_with('-') && !text.ends_with('-');
    if is_label { Ok(text.to_owned()) } else { Err("a name here has up to 52 small letters, digits and - within".into()) }
}

/// A share, as `50%`.
pub(super) fn share(text: &str) -> Result<f64, String> {
    let percent = text.strip_suffix('%').and_then(|number| number.trim().parse::<f64>().ok());
    percent.filter(|p| (0.0..=100.0).contains(p)).map(|p| p / 100.0).ok_or_else(|| format!("`{text}` is no share from 0% to 100%"))
}
