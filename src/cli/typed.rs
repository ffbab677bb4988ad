//! The command line as it may be repeated: in the record, and in what is said about its mistakes.

use std::process::ExitCode;

use clap::error::ContextKind;
use clap::error::ContextValue;

use super::redact::REDACTED;
use super::redact::Redactor;
use super::secrets::is_secret;
use crate::profile::Profile;

/// Flags whose values may hold secrets.
const CAREFUL: [(&str, Given); 7] = [
    ("--header", Given::Header),
    ("--subprotocol", Given::Hidden),
    ("--set", Given::Variable),
    ("--target", Given::Target),
    ("--a", Given::Target),
    ("--b", Given::Target),
    ("--proxy", Given::Proxy),
];

/// What a value on the command line is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Given {
    /// `Name: value`.
    Header,
    /// `NAME=VALUE`.
    Variable,
    /// A URL.
    Target,
    /// A URL that may hold a name and a password.
    Proxy,
    /// Something that may be a secret.
    Hidden,
    /// Anything else.
    Plain,
}

/// The command line without secrets: values of headers, of secret variables, of subprotocols and of
/// the target's query are left out however they are written, and secret values wherever they are.
pub(super) fn command(redactor: &Redactor, profile: &Profile) -> Vec<String> {
    shown(super::config::words(), redactor, profile)
}

fn shown(args: impl Iterator<Item = String>, redactor: &Redactor, profile: &Profile) -> Vec<String> {
    let mut next = Given::Plain;
    args.map(|arg| {
        let (lead, given) = if next == Given::Plain { begun(&arg) } else { (0, next) };
        let is_flag_alone = given != Given::Plain && next == Given::Plain && lead == arg.len();
        next = if is_flag_alone { given } else { Given::Plain };
        let (lead, value) = arg.split_at(lead);
        format!("{lead}{}", if is_flag_alone { String::new() } else { without_secrets(given, value, redactor, profile) })
    })
    .collect()
}

/// Where the value begins in an argument, and what it is; at the end of a flag whose value follows.
/// `-H` may stand behind short flags without a value.
fn begun(arg: &str) -> (usize, Given) {
    for (flag, given) in CAREFUL {
        match arg.strip_prefix(flag) {
            Some("") => return (arg.len(), given),
            Some(rest) if rest.starts_with('=') => return (flag.len() + 1, given),
            _ => {}
        }
    }
    let short = arg.strip_prefix('-').and_then(|flags| flags.find('H').map(|at| (&flags[..at], at + 2)));
    match short {
        Some((flags, end)) if flags.chars().all(|c| c.is_ascii_lowercase()) => {
            (end + usize::from(arg[end..].starts_with('=')), Given::Header)
        }
        _ => (0, Given::Plain),
    }
}

fn without_secrets(given: Given, value: &str, redactor: &Redactor, profile: &Profile) -> String {
    match given {
        Given::Hidden => REDACTED.into(),
        Given::Header => format!("{}: {REDACTED}", value.split(':').next().unwrap_or_default()),
        Given::Variable => match value.split_once('=') {
            Some((name, _)) if is_secret(profile, name.trim()) => format!("{name}={REDACTED}"),
            _ => redactor.ours(value),
        },
        Given::Proxy => match value.split_once('@') {
            Some((_, place)) => format!("http://{REDACTED}@{place}"),
            None => redactor.ours(value),
        },
        Given::Target | Given::Plain => without_query(&redactor.ours(value)),
    }
}

/// A URL with the names of its query alone; any other text as it is.
fn without_query(text: &str) -> String {
    match text.split_once("://").and_then(|_| text.split_once('?')) {
        Some((before, query)) => {
            let names: Vec<String> = query.split('&').map(|pair| format!("{}=..", pair.split('=').next().unwrap_or_default())).collect();
            format!("{before}?{}", names.join("&"))
        }
        None => text.to_owned(),
    }
}

/// Tells what is wrong with the command line. A value that may be a secret is not repeated.
pub(super) fn refuse(mut error: clap::Error) -> ExitCode {
    let flag = match error.get(ContextKind::InvalidArg) {
        Some(ContextValue::String(flag)) => flag.clone(),
        _ => String::new(),
    };
    if CAREFUL.iter().any(|(name, _)| flag.split_whitespace().next() == Some(name)) {
        error.insert(ContextKind::InvalidValue, ContextValue::String("..".into()));
    }
    // Nobody may be there to read it.
    let _ = error.print();
    ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(super::USAGE))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::profile::shipped;

    #[test]
    fn the_command_line_of_a_record_has_no_secrets() {
        let redactor = Redactor::new(["s3cret"]);
        let profile = shipped::get("openshock-live").expect("it is shipped");
        for (typed, kept) in [
            (&["-H", "Authorization: Bearer s", "x"][..], &["-H", "Authorization: [redacted]", "x"][..]),
            (&["--header", "A:b", "-q"], &["--header", "A: [redacted]", "-q"]),
            (&["-HA: b", "-qH", "A: b"], &["-HA: [redacted]", "-qH", "A: [redacted]"]),
            (&["--header=A: b", "--header=A:b:c"], &["--header=A: [redacted]", "--header=A: [redacted]"]),
            (&["-H=A: b", "--limit", "echo p(99) < 10ms"], &["-H=A: [redacted]", "--limit", "echo p(99) < 10ms"]),
            (&["--set", "token=@abc", "--set=token=x"], &["--set", "token=[redacted]", "--set=token=[redacted]"]),
            (&["--set", "tps=10", "--set=tps=as3cretb"], &["--set", "tps=10", "--set=tps=a[redacted]b"]),
            (&["--subprotocol", "x", "--subprotocol=y"], &["--subprotocol", "[redacted]", "--subprotocol=[redacted]"]),
            (&["--target", "ws://h/p?token=abc&x=1"], &["--target", "ws://h/p?token=..&x=.."]),
            (&["--proxy", "http://me:pw@h:1", "--proxy=http://h:1"], &["--proxy", "http://[redacted]@h:1", "--proxy=http://h:1"]),
            (&["--target=ws://h/s3cret?x"], &["--target=ws://h/[redacted]?x=.."]),
            (&["--settle", "--out", "s3cret"], &["--settle", "--out", "[redacted]"]),
        ] {
            assert_eq!(shown(typed.iter().map(|arg| (*arg).to_owned()), &redactor, &profile), kept, "{typed:?}");
        }
    }
}
