//! What a client does when its connection ended or was not made: when it comes back, and after what
//! it stays away. Reads `[reconnect]` and `[[close]]`.

use super::check::Check;
use super::diagnose::quoted;
use super::tree::Said;
use super::tree::Span;
use super::tree::Table;
use super::tree::Value;
use crate::units::Nanos;
use crate::units::SECOND;

/// The close code of a broken policy (RFC 6455 section 7.4.1); never retried.
pub const POLICY_CODE: u16 = 1008;
/// HTTP answers to the upgrade after which a client stays away when the profile does not say.
const STOP_ON: &[u16] = &[401, 403, 404];
/// Longest delay.
const LONGEST: Nanos = Nanos(3_600 * SECOND);
/// Most delays of `steps`.
const MOST_STEPS: usize = 100;
/// Keys that some policies have no use for, and those policies that have.
const PARTICULAR: &[(&str, &[&str])] =
    &[("delay", &["fixed", "exponential"]), ("max", &["exponential"]), ("factor", &["exponential"]), ("steps", &["steps"])];
/// The policies.
const POLICIES: &[&str] = &["none", "fixed", "exponential", "steps"];

/// When a client comes back.
#[derive(Clone, Debug, PartialEq)]
pub struct Reconnect {
    /// How long it waits; `None` when it stays away whatever happened.
    pub backoff: Option<Backoff>,
    /// Largest share of a delay that is taken off it, 0 to 1, drawn anew each time.
    pub jitter: f64,
    /// Attempts in a row without a ready connection, after which it stays away; `None` for no bound.
    pub attempts: Option<u32>,
    /// HTTP answers to the upgrade after which it stays away.
    pub stop_on: Vec<u16>,
}

impl Default for Reconnect {
    fn default() -> Self {
        Reconnect { backoff: None, jitter: 0.2, attempts: None, stop_on: STOP_ON.to_vec() }
    }
}

/// How long a client waits before it comes back.
#[derive(Clone, Debug, PartialEq)]
pub enum Backoff {
    /// Always as long.
    Fixed(Nanos),
    /// `first * factor ^ (n - 1)` before attempt n, at most `max`.
    Exponential {
        /// Before the first attempt.
        first: Nanos,
        /// What each further delay is longer by, at least 1.
        factor: f64,
        /// The longest.
        max: Nanos,
    },
    /// The n-th before attempt n, the last before all further ones; never empty.
    Steps(Vec<Nanos>),
}

impl Backoff {
    /// The delay before attempt number `attempt` in a row, from 1, without jitter.
    pub fn delay(&self, attempt: u32) -> Nanos {
        let before = attempt.saturating_sub(1);
        match self {
            Backoff::Fixed(delay) => *delay,
            Backoff::Exponential { first, factor, max } => {
                let exponent = i32::try_from(before).unwrap_or(i32::MAX);
                // An infinite product ends at the cap; 0 times infinity is no number and was 0.
                let delay = first.0 as f64 * factor.powi(exponent);
                if delay.is_nan() { *first } else { Nanos(delay.min(max.0 as f64).round() as u64) }
            }
            Backoff::Steps(steps) => steps.get(before as usize).or(steps.last()).copied().unwrap_or(Nanos::ZERO),
        }
    }
}

/// A close code of the server: what it is called, and whether a client comes back after it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CloseRule {
    /// The code; 1005 for a close without one.
    pub code: u16,
    /// Its name in texts.
    pub name: String,
    /// Whether the client comes back as `[reconnect]` says.
    pub retry: bool,
}

/// Reads `[reconnect]`.
pub(super) fn reconnect(check: &mut Check<'_, '_>) -> Reconnect {
    let Some(table) = check.root.table("reconnect") else { return Reconnect::default() };
    let policy = table.text("policy").and_then(|said| check.refer("policy", said, POLICIES)).map_or("none", |index| POLICIES[index]);
    for (key, of) in PARTICULAR {
        if let Some(node) = table.get(key).filter(|_| policy != "none" && !of.contains(&policy)) {
            let message = format!("`{key}` has no use with policy = \"{policy}\"");
            check.mistakes.add(node.span, message, format!("remove it, or write policy = \"{}\"", of[0]));
        }
    }
    let default = Reconnect::default();
    Reconnect {
        backoff: backoff(check, table, policy),
        jitter: number(check, table, "jitter", 0.0, 1.0).unwrap_or(default.jitter),
        attempts: number(check, table, "attempts", 1.0, 1e6).map(|n| n as u32),
        stop_on: table.get("stop_on").map_or(default.stop_on, |_| statuses(check, table)),
    }
}

fn backoff(check: &mut Check<'_, '_>, table: &Table, policy: &str) -> Option<Backoff> {
    let delay = time(check, table.text("delay")).unwrap_or(Nanos(SECOND));
    let max = time(check, table.text("max")).unwrap_or(Nanos(30 * SECOND).max(delay));
    let factor = number(check, table, "factor", 1.0, 100.0).unwrap_or(2.0);
    let steps = steps(check, table, policy);
    match policy {
        "fixed" => Some(Backoff::Fixed(delay)),
        "exponential" => {
            if let Some(said) = table.text("max").filter(|_| max < delay) {
                let message = format!("the longest delay, {max}, is shorter than the first, {delay}");
                check.mistakes.add(said.span, message, "make `max` at least as long as `delay`");
            }
            Some(Backoff::Exponential { first: delay, factor, max })
        }
        "steps" => Some(Backoff::Steps(steps)),
        _ => None,
    }
}

/// A delay.
fn time(check: &mut Check<'_, '_>, said: Option<Said<'_>>) -> Option<Nanos> {
    let said = said?;
    match said.text.parse::<Nanos>() {
        Ok(time) if time <= LONGEST => return Some(time),
        Ok(time) => check.mistakes.add(said.span, format!("a delay of {time} is too long; the longest is 1h"), ""),
        Err(why) => check.mistakes.add(said.span, why, r#"write for example "1s""#),
    }
    None
}

fn steps(check: &mut Check<'_, '_>, table: &Table, policy: &str) -> Vec<Nanos> {
    let said: Vec<Said<'_>> = table.texts("steps").collect();
    let example = r#"write for example steps = ["0s", "5s", "30s"]"#;
    match table.get("steps") {
        None if policy == "steps" => {
            if let Some(said) = table.text("policy") {
                check.mistakes.add(said.span, "there are no `steps`", example);
            }
        }
        Some(node) if said.is_empty() => check.mistakes.add(node.span, "`steps` has no delay", example),
        Some(node) if said.len() > MOST_STEPS => {
            check.mistakes.add(
                node.span,
                format!("{} steps are too many; the most is {MOST_STEPS}", said.len()),
                "the last one is repeated",
            );
        }
        _ => {}
    }
    said.into_iter().filter_map(|said| time(check, Some(said))).collect()
}

/// The number under `key`, from `least` to `most`.
fn number(check: &mut Check<'_, '_>, table: &Table, key: &str, least: f64, most: f64) -> Option<f64> {
    let node = table.get(key)?;
    let number = match node.value {
        Value::Whole(number) => number as f64,
        Value::Fraction(number) => number,
        _ => return None,
    };
    if (least..=most).contains(&number) {
        return Some(number);
    }
    check.mistakes.add(node.span, format!("`{key}` is a number from {least} to {most}"), "");
    None
}

/// The HTTP answers after which a client stays away.
fn statuses(check: &mut Check<'_, '_>, table: &Table) -> Vec<u16> {
    let mut statuses = Vec::new();
    for node in table.list("stop_on") {
        let Value::Whole(number) = node.value else { continue };
        match u16::try_from(number).ok().filter(|status| (400..600).contains(status)) {
            Some(status) => statuses.push(status),
            None => check.mistakes.add(node.span, format!("{number} is no HTTP status of an error"), "write a status from 400 to 599"),
        }
    }
    statuses
}

/// Reads `[[close]]`.
pub(super) fn closes(check: &mut Check<'_, '_>) -> Vec<CloseRule> {
    let root = check.root;
    let named: Vec<Said<'_>> = root.tables("close").filter_map(|(_, table)| table.text("name")).collect();
    check.unique("close", &named);
    let mut rules: Vec<CloseRule> = Vec::new();
    for (_, table) in root.tables("close") {
        if let Some(name) = table.text("name") {
            check.identifier("close", name);
        }
        let then = table.text("then").and_then(|said| check.refer("choice", said, &["stop", "retry"]));
        let Some((code, span)) = code(check, table) else { continue };
        if let Some(before) = rules.iter().find(|rule| rule.code == code) {
            let message = format!("the close code {code} is there twice; it is `{}` already", quoted(&before.name));
            check.mistakes.add(span, message, "remove one of the two");
        }
        let retry = then == Some(1);
        if let Some(said) = table.text("then").filter(|_| retry && code == POLICY_CODE) {
            check.mistakes.add(said.span, format!("the close code {code} is a broken policy and never retried"), r#"write then = "stop""#);
        }
        rules.push(CloseRule { code, name: table.text("name").map(|name| name.text.to_owned()).unwrap_or_default(), retry });
    }
    rules
}

/// A code that a server can close with, and its place.
fn code(check: &mut Check<'_, '_>, table: &Table) -> Option<(u16, Span)> {
    let node = table.get("code")?;
    let Value::Whole(number) = node.value else { return None };
    let code = u16::try_from(number).ok().filter(|code| matches!(code, 1000..=1003 | 1005 | 1007..=1014 | 3000..=4999));
    if code.is_none() {
        let hint = "write 1000 to 1003, 1007 to 1014, 3000 to 4999, or 1005 for a close without a code";
        check.mistakes.add(node.span, format!("no server can close with the code {number}"), hint);
    }
    Some((code?, node.span))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn delays_of_each_policy() {
        let of = |backoff: &Backoff| [1, 2, 3, 4, 9, u32::MAX].map(|n| backoff.delay(n).0 / SECOND);
        assert_eq!(of(&Backoff::Fixed(Nanos::from_secs(3))), [3; 6]);
        let doubling = Backoff::Exponential { first: Nanos::from_secs(1), factor: 2.0, max: Nanos::from_secs(30) };
        assert_eq!(of(&doubling), [1, 2, 4, 8, 30, 30]);
        let nothing = Backoff::Exponential { first: Nanos::ZERO, factor: 2.0, max: Nanos::from_secs(30) };
        assert_eq!(of(&nothing), [0; 6]);
        let steps = Backoff::Steps([0, 5, 5, 10].map(Nanos::from_secs).to_vec());
        assert_eq!(of(&steps), [0, 5, 5, 10, 10, 10]);
    }

    proptest! {
        #[test]
        fn an_exponential_delay_rises_to_its_cap_and_stays(
            first in 0u64..=LONGEST.0, more in 0u64..=LONGEST.0, factor in 1.0f64..=100.0, n in 1u32..2_000
        ) {
            let max = Nanos((first + more).min(LONGEST.0));
            let backoff = Backoff::Exponential { first: Nanos(first), factor, max };
            prop_assert_eq!(backoff.delay(1), Nanos(first));
            prop_assert!(backoff.delay(n) <= backoff.delay(n + 1) && backoff.delay(n + 1) <= max);
            if first > 0 && factor >= 1.1 {
                prop_assert_eq!(backoff.delay(u32::MAX), max);
            }
        }
    }
}
