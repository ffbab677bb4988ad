//! Limits from text.

use super::Bound;
use super::COUNTS;
use super::Counted;
use super::Limit;
use super::OPS;
use super::OWNS;
use super::Op;
use super::Scope;
use super::Stat;
use super::Subject;
use crate::units::Nanos;
use crate::units::SECOND;

/// Reads a limit; `known` are the series of the profile. A `*` in the name of a series makes one limit of each that is like it.
///
/// # Errors
/// In words, with what was wrong, what is possible and an example.
pub fn parse(text: &str, known: &[&str]) -> Result<Vec<Limit>, String> {
    let wrong = |why: String| format!("limit `{}`: {why}; write for example `{}`", text.trim(), example(known));
    let (left, op, right) = split(text).ok_or_else(|| wrong("has no comparison (< <= > >= == !=)".into()))?;
    if let Some((prefix, _)) = left.split_once(':') {
        return Err(wrong(format!("`{prefix}:` compares two runs and belongs to `volley compare`")));
    }
    let (subject, stat) =
        left.split_once(char::is_whitespace).ok_or_else(|| wrong("wants a series or a count, then a figure of it".into()))?;
    let (bound, options) = options(right).map_err(wrong)?;
    let mut limits = Vec::new();
    for name in meant(subject, known).map_err(wrong)? {
        let subject = parse_subject(&name, known).map_err(wrong)?;
        let stat = parse_stat(stat.trim(), &subject).map_err(wrong)?;
        let bound = parse_bound(bound, &subject, stat).map_err(wrong)?;
        options.fit(stat, op, bound).map_err(wrong)?;
        let Options { scope, abort_after } = options;
        let text = text.trim().replacen(left.split_whitespace().next().unwrap_or_default(), &name, 1);
        limits.push(Limit { text, subject, stat, op, bound, scope, abort_after });
    }
    Ok(limits)
}

/// The subjects that a limit names: itself, or all series that are like a name with `*`.
fn meant(subject: &str, known: &[&str]) -> Result<Vec<String>, String> {
    if !subject.contains('*') {
        return Ok(vec![subject.to_owned()]);
    }
    let (pattern, of) = subject.split_once('/').map_or((subject, String::new()), |(name, of)| (name, format!("/{of}")));
    let like: Vec<String> = known.iter().filter(|name| is_like(name, pattern)).map(|name| format!("{name}{of}")).collect();
    if like.is_empty() { Err(format!("no series is like `{pattern}`; series here: {}", known.join(", "))) } else { Ok(like) }
}

/// Whether a name is like a pattern in which `*` stands for anything.
fn is_like(name: &str, pattern: &str) -> bool {
    let Some((first, rest)) = pattern.split_once('*') else { return name == pattern };
    let Some(mut name) = name.strip_prefix(first) else { return false };
    let mut pieces: Vec<&str> = rest.split('*').collect();
    let last = pieces.pop().unwrap_or_default();
    for piece in pieces {
        let Some(at) = name.find(piece) else { return false };
        name = &name[at + piece.len()..];
    }
    name.ends_with(last)
}

/// What stands behind the bound.
#[derive(Clone, Copy)]
struct Options {
    scope: Scope,
    abort_after: Option<Nanos>,
}

impl Options {
    /// Whether they make sense with the figure and the comparison.
    fn fit(self, stat: Stat, op: Op, bound: Bound) -> Result<(), String> {
        let has_a_top = matches!(op, Op::Less | Op::LessOrEqual) || (op == Op::Equal && bound == Bound::Number(0.0));
        let grows = stat == Stat::Count && !has_a_top;
        match (self.abort_after, self.scope) {
            (Some(_), _) if grows => Err("a count that has to be reached is only known at the end, so it cannot end a run".into()),
            (Some(_), Scope::Each(_)) => Err("`over` and `abort` exclude each other".into()),
            (Some(_), Scope::Warmup) => Err("`abort` looks at the measured time".into()),
            _ => Ok(()),
        }
    }
}

/// The bound, and what is asked for behind it.
fn options(right: &str) -> Result<(&str, Options), String> {
    let is_option = |word: &str| word == "abort" || word == "after" || word.contains('=');
    let mut at = right.len();
    for word in right.split_whitespace() {
        if is_option(word) {
            at = word.as_ptr() as usize - right.as_ptr() as usize;
            break;
        }
    }
    let (bound, mut words) = (right[..at].trim(), right[at..].split_whitespace().peekable());
    let mut options = Options { scope: Scope::Run, abort_after: None };
    while let Some(word) = words.next() {
        let scope = match (word, word.split_once('=')) {
            ("abort", _) => {
                options.abort_after = Some(match words.next_if_eq(&"after") {
                    Some(_) => words.next().ok_or("`abort after` wants a time, for example `abort after 30s`")?.parse()?,
                    None => Nanos::ZERO,
                });
                continue;
            }
            (_, Some(("phase", "measure"))) => Scope::Measure,
            (_, Some(("phase", "warmup"))) => Scope::Warmup,
            (_, Some(("phase", _))) => return Err(format!("`{word}` is not known; there are phase=measure and phase=warmup")),
            (_, Some(("over", time))) => match time.parse::<Nanos>()? {
                Nanos::ZERO => return Err("`over=0s` takes no time".into()),
                length if length.0 < SECOND => return Err("`over` takes at least 1s, since a second is the unit of a record".into()),
                length => Scope::Each(length),
            },
            _ => return Err(format!("`{word}` is not known; behind the bound may stand phase=.., over=TIME, abort [after TIME]")),
        };
        if options.scope != Scope::Run {
            return Err("`over` and `phase` exclude each other".into());
        }
        options.scope = scope;
    }
    Ok((bound, options))
}

fn example(known: &[&str]) -> String {
    format!("{} p(99) < 10ms", known.first().unwrap_or(&"echo"))
}

/// Left side, operator, right side.
fn split(text: &str) -> Option<(&str, Op, &str)> {
    let at = text.find(['<', '>', '=', '!'])?;
    let (sign, op) = OPS.into_iter().find(|(sign, _)| text[at..].starts_with(sign))?;
    Some((text[..at].trim(), op, text[at + sign.len()..].trim()))
}

fn parse_subject(text: &str, known: &[&str]) -> Result<Subject, String> {
    if let Some((_, own)) = OWNS.iter().find(|(name, _)| *name == text) {
        return Ok(Subject::Own(*own));
    }
    if let Some((_, counted)) = COUNTS.iter().find(|(name, _)| *name == text) {
        return Ok(Subject::Count(*counted));
    }
    let (name, service) = match text.split_once('/') {
        None | Some((_, "response")) => (text.trim_end_matches("/response"), false),
        Some((name, "service")) => (name, true),
        Some((_, other)) => return Err(format!("`/{other}` is not known; a series has its response and `/service`")),
    };
    if known.contains(&name) {
        return Ok(Subject::Series { name: name.to_owned(), service });
    }
    let others = OWNS.iter().map(|(name, _)| *name).chain(COUNTS.iter().map(|(name, _)| *name)).collect::<Vec<_>>().join(", ");
    Err(format!("there is no series `{name}`; series here: {}; besides: {others}", known.join(", ")))
}

fn parse_stat(text: &str, subject: &Subject) -> Result<Stat, String> {
    let stat = match text {
        "min" => Stat::Min,
        "max" => Stat::Max,
        "mean" | "avg" => Stat::Mean,
        "med" => Stat::Quantile(0.5),
        "count" => Stat::Count,
        "rate" => Stat::Rate,
        _ => Stat::Quantile(parse_quantile(text)?),
    };
    let counts = matches!(stat, Stat::Count | Stat::Rate);
    match subject {
        Subject::Count(_) if !counts => Err(format!("`{text}` is a figure of times; a count has `count` and `rate`")),
        Subject::Own(_) if stat == Stat::Rate => Err("these times have p(X), min, max, mean, med and count".into()),
        _ => Ok(stat),
    }
}

fn parse_quantile(text: &str) -> Result<f64, String> {
    let inner = text.strip_prefix("p(").and_then(|t| t.strip_suffix(')'));
    let inner = inner.ok_or_else(|| format!("`{text}` is not a figure; use p(X), min, max, mean, med, count or rate"))?;
    let percent: f64 = inner.trim().parse().map_err(|_| format!("`{inner}` is not a percentage"))?;
    if !(0.0 < percent && percent <= 99.999) {
        return Err(format!("p({inner}) is outside p(0.001) to p(99.999); for the largest value use `max`"));
    }
    Ok(percent / 100.0)
}

fn parse_bound(text: &str, subject: &Subject, stat: Stat) -> Result<Bound, String> {
    match (stat, subject) {
        (Stat::Count, _) => number(text).map(Bound::Number),
        (Stat::Rate, Subject::Count(counted)) if counted.is_share() => parse_share(text),
        (Stat::Rate, Subject::Count(_)) => parse_rate(text, *subject == Subject::Count(Counted::Planned)),
        (Stat::Rate, _) => parse_rate(text, true),
        _ => text.parse::<Nanos>().map(|t| Bound::Time(t.0)),
    }
}

fn number(text: &str) -> Result<f64, String> {
    let parsed = text.replace('_', "").parse::<f64>().ok().filter(|x| x.is_finite() && *x >= 0.0);
    parsed.ok_or_else(|| format!("`{text}` is not a number of 0 or more"))
}

fn parse_share(text: &str) -> Result<Bound, String> {
    let share = match text.strip_suffix('%') {
        Some(percent) => number(percent.trim())? / 100.0,
        None => number(text).map_err(|_| format!("`{text}` is not a share; write `0.1%` or `0.001`"))?,
    };
    if share <= 1.0 { Ok(Bound::Share(share)) } else { Err(format!("`{text}` is more than everything; write `1%` or `0.01`")) }
}

fn parse_rate(text: &str, alone: bool) -> Result<Bound, String> {
    if let Some((factor, what)) = text.split_once('*') {
        return match what.trim() {
            "planned" if !alone => number(factor.trim()).map(Bound::OfPlanned),
            "planned" => Err("only `sent` and `answered` are compared with `planned`".into()),
            other => Err(format!("`{other}` is not known; only `planned` can be multiplied")),
        };
    }
    number(text.strip_suffix("/s").unwrap_or(text).trim()).map(Bound::PerSecond)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stars_stand_for_anything() {
        for (name, pattern, like) in [
            ("ws_ping", "*", true),
            ("ws_ping", "ws_*", true),
            ("ws_ping", "*ping", true),
            ("ws_ping", "w*_*g", true),
            ("ws_ping", "*_*_*", false),
            ("ws_ping", "ping*", false),
            ("aa", "a*a*a", false),
        ] {
            assert_eq!(is_like(name, pattern), like, "{name} {pattern}");
        }
        let limits = parse("*/service max < 1s abort", &["echo", "tls"]).expect("good");
        let texts: Vec<&str> = limits.iter().map(Limit::text).collect();
        assert_eq!(texts, ["echo/service max < 1s abort", "tls/service max < 1s abort"]);
    }
}
