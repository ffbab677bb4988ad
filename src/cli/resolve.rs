//! From what was typed to a plan: profile, variables, target, amounts. All that is wrong with the
//! profile or the variables is said at once.

use std::collections::BTreeMap;
use std::path::Path;

use super::Trouble;
use super::args::RunArgs;
use super::args::StampsArg;
use crate::plan::Pacing;
use crate::plan::Plan;
use crate::plan::Stamps;
use crate::plan::Target;
use crate::profile::Profile;
use crate::profile::load;
use crate::profile::shipped;
use crate::profile::vars;
use crate::units::MILLI;
use crate::units::Nanos;
use crate::units::SECOND;

/// Largest profile read, in bytes.
const PROFILE_MAX: u64 = 1 << 20;
/// Largest message accepted, in bytes.
const MESSAGE_CAP: usize = 256 << 10;
/// Longest run, warm-up or ramp.
const LONGEST: Nanos = Nanos(7 * 24 * 3_600 * SECOND);

/// A shipped profile by name, or the one in a file.
pub(super) fn profile(name: &str, colour: bool) -> Result<Profile, Trouble> {
    let is_path = name.ends_with(".toml") || name.contains('/');
    if !is_path {
        return shipped::get(name).map_err(Trouble::usage);
    }
    let path = Path::new(name);
    let wrong = |e: std::io::Error| Trouble::usage(format!("the profile {name} cannot be read: {e}"));
    let size = std::fs::metadata(path).map_err(wrong)?.len();
    if size > PROFILE_MAX {
        return Err(Trouble::usage(format!("the profile {name} has {size} bytes; the most is {PROFILE_MAX}")));
    }
    let text = std::fs::read_to_string(path).map_err(wrong)?;
    load::from_text(name, &text)
        .map_err(|mistakes| Trouble::usage(format!("the profile {name} cannot be used\n{}", mistakes.snippets(colour))))
}

/// The values of all variables, and those among them that are secret.
pub(super) fn variables(profile: &Profile, sets: &[(String, String)]) -> Result<(BTreeMap<String, String>, Vec<String>), Trouble> {
    let values =
        vars::resolve(profile, sets, |name| std::env::var(name).ok()).map_err(|problems| Trouble::usage(problems.join("\nerror: ")))?;
    let mut secrets = vars::secrets(profile, &values);
    // A value that a later one took the place of was typed all the same.
    let is_secret = |name: &str| profile.vars.get(name).is_some_and(|v| v.secret);
    secrets.extend(sets.iter().filter(|(name, value)| is_secret(name) && !value.is_empty()).map(|(_, value)| value.clone()));
    secrets.sort_by_key(|secret| std::cmp::Reverse(secret.len()));
    secrets.dedup();
    Ok((values, secrets))
}

/// The plan. `target` is what takes the place of the profile's endpoint.
pub(super) fn plan(
    args: &RunArgs,
    profile: Profile,
    values: BTreeMap<String, String>,
    target: &Target,
    lanes: u32,
) -> Result<Plan, Trouble> {
    check_times(args)?;
    let dialect = profile.dialect(args.dialect.as_deref()).map_err(Trouble::usage)?.map(str::to_owned);
    let bind = |t: &crate::profile::Template| {
        t.bind(|n| values.get(n).map(String::as_str)).map(|b| b.text(0)).map_err(|n| Trouble::usage(format!("variable `{n}` has no value")))
    };
    let own = Target::parse(&bind(&profile.endpoint.url)?).map_err(Trouble::usage)?;
    let mut headers = Vec::new();
    for (name, template) in &profile.endpoint.headers {
        if !args.headers.iter().any(|(given, _)| given.eq_ignore_ascii_case(name)) {
            headers.push((name.clone(), bind(template)?));
        }
    }
    headers.extend(args.headers.iter().cloned());
    let mut profile = profile;
    if let Some(subprotocol) = &args.subprotocol {
        profile.endpoint.subprotocol = Some(subprotocol.clone());
    }
    let ramp = args.ramp.unwrap_or(Nanos(args.clients.div_ceil(10) * 10 * MILLI));
    Ok(Plan {
        dialect,
        target: own.overlay(target),
        headers,
        vars: values,
        clients: args.clients,
        pacing: args.closed.map_or(Pacing::Open(args.rate), Pacing::Closed),
        ramp: Nanos(ramp.0.next_multiple_of(MILLI)),
        warmup: Nanos(args.warmup.0.next_multiple_of(MILLI)),
        duration: Nanos(args.duration.0.next_multiple_of(MILLI)),
        timeout: args.timeout,
        dials: 256,
        seed: args.seed,
        lanes: lanes.min(u32::try_from(args.clients).unwrap_or(u32::MAX)),
        stamps: match args.stamps {
            StampsArg::Kernel => Stamps::Kernel,
            StampsArg::Read => Stamps::Read,
        },
        message_cap: MESSAGE_CAP,
        profile,
    })
}

fn check_times(args: &RunArgs) -> Result<(), Trouble> {
    if args.duration.0 < 100 * MILLI {
        return Err(Trouble::usage(format!("--duration {} is too short to measure anything; the least is 100ms", args.duration)));
    }
    if args.timeout.0 < MILLI {
        return Err(Trouble::usage("--timeout must be at least 1ms"));
    }
    for (flag, time) in
        [("--duration", args.duration), ("--warmup", args.warmup), ("--timeout", args.timeout), ("--ramp", args.ramp.unwrap_or_default())]
    {
        if time > LONGEST {
            return Err(Trouble::usage(format!("{flag} {time} is longer than a week")));
        }
    }
    Ok(())
}

/// The command line with every secret replaced by `[redacted]`; so are the values of headers, however
/// they were written.
pub(super) fn redacted_command(secrets: &[String]) -> Vec<String> {
    redacted(std::env::args(), secrets)
}

fn redacted(args: impl Iterator<Item = String>, secrets: &[String]) -> Vec<String> {
    let mut is_header = false;
    args.map(|arg| {
        let begins = if is_header { Some(0) } else { header_begins(&arg) };
        is_header = begins == Some(arg.len());
        match begins {
            Some(at) if at < arg.len() || at == 0 => header_name_only(&arg),
            _ => redact(&arg, secrets),
        }
    })
    .collect()
}

/// Where the header begins in an argument that gives one; its end when the header is the next
/// argument. `-H` may stand behind short flags without a value.
fn header_begins(arg: &str) -> Option<usize> {
    if let Some(rest) = arg.strip_prefix("--header") {
        return if rest.is_empty() { Some(arg.len()) } else { rest.starts_with('=').then_some("--header=".len()) };
    }
    let flags = arg.strip_prefix('-')?;
    let at = flags.find('H')?;
    flags[..at].chars().all(|c| c.is_ascii_lowercase()).then_some(at + 2)
}

fn redact(text: &str, secrets: &[String]) -> String {
    let mut text = text.to_owned();
    for secret in secrets {
        text = text.replace(secret.as_str(), "[redacted]");
    }
    // Values in a query may be tokens.
    match text.split_once("://").and_then(|_| text.split_once('?')) {
        Some((before, query)) => {
            let names: Vec<String> = query.split('&').map(|pair| format!("{}=..", pair.split('=').next().unwrap_or_default())).collect();
            format!("{before}?{}", names.join("&"))
        }
        None => text,
    }
}

fn header_name_only(arg: &str) -> String {
    format!("{}: [redacted]", arg.split(':').next().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_do_not_reach_the_command_line_of_a_record() {
        let secrets = ["s3cret".to_owned()];
        assert_eq!(redact("token=s3cret", &secrets), "token=[redacted]");
        assert_eq!(redact("ws://h/p?token=abc&x=1", &secrets), "ws://h/p?token=..&x=..");
        for (typed, kept) in [
            (&["-H", "Authorization: Bearer s", "x"][..], &["-H", "Authorization: [redacted]", "x"][..]),
            (&["--header", "A:b", "-q"], &["--header", "A: [redacted]", "-q"]),
            (&["-HA: b", "-qH", "A: b"], &["-HA: [redacted]", "-qH", "A: [redacted]"]),
            (&["--header=A: b", "--header=A:b:c"], &["--header=A: [redacted]", "--header=A: [redacted]"]),
            (&["-H=A: b", "--limit", "echo p(99) < 10ms"], &["-H=A: [redacted]", "--limit", "echo p(99) < 10ms"]),
        ] {
            assert_eq!(redacted(typed.iter().map(|arg| (*arg).to_owned()), &secrets), kept, "{typed:?}");
        }
    }
}
