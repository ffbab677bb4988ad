//! Transcripts: one short conversation, line by line, that proves a profile. Read here, played
//! elsewhere.
//!
//! ```text
//! # comment                 (empty lines are comments too)
//! < TEXT                    the server says this text message; `<` alone is an empty one
//! << 4800                   the server says a binary message of so many bytes
//! > TEXT                    the client has sent exactly this, next in order
//! client ROLE               whose side this is, before everything else; the first role's without it
//! > 3200 bytes              a binary message is told by its size
//! load                      one send of the load falls due
//! beat NAME                 the beat of this name falls due
//! wait 20ms                 time passes; every other line takes 1 ms
//! = NAME 3                  the series NAME has 3 answers now, errors not among them
//! = error NAME 1            the series NAME has 1 answer that was an error
//! = unsolicited 0           so many answers fitted no request; in the same way
//! = duplicate 0             answers that came before, and
//! = unparsed 0              messages that no rule of the profile recognises
//! ```
//!
//! Variables have their defaults, the client is number 0 and its first send has `{id}` 0. TEXT
//! begins behind one blank and goes to the end of the line as it is.

use std::fmt;

use super::Profile;
use super::diagnose::clean;
use super::diagnose::quoted;
use super::names;
use crate::units::Nanos;

/// A transcript.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Talk {
    /// Whose side it is; that of the first role when it does not say.
    pub role: Option<String>,
    /// Its lines in order, without comments.
    pub lines: Vec<Line>,
}

/// A line of a transcript.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// Its number in the file, from 1.
    pub number: usize,
    /// What happens.
    pub step: Step,
}

/// What happens in a line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// The server says this text message.
    Says(String),
    /// The server says a binary message of so many bytes.
    SaysBytes(usize),
    /// The client has sent exactly this text message next.
    Sent(String),
    /// One send of the load falls due.
    Load,
    /// The beat of this name falls due.
    Beat(String),
    /// This much time passes.
    Wait(Nanos),
    /// A figure has this value now.
    Has(Figure, u64),
}

/// What is counted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Figure {
    /// Answers in the series of this name, errors not among them.
    Answers(String),
    /// Error answers in the series of this name.
    Errors(String),
    /// Answers that fitted no request.
    Unsolicited,
    /// Answers to what was answered before.
    Duplicate,
    /// Messages that no rule of the profile recognises.
    Unparsed,
}

/// What is wrong with a line of a transcript.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TalkMistake {
    /// Number of the line, from 1.
    pub line: usize,
    /// What is wrong and what to do.
    pub message: String,
}

impl fmt::Display for TalkMistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {}", self.line, self.message)
    }
}

impl std::error::Error for TalkMistake {}

/// Reads a transcript.
///
/// # Errors
/// Every line that is not understood.
pub fn parse(text: &str) -> Result<Talk, Vec<TalkMistake>> {
    let (mut role, mut lines, mut mistakes) = (None, Vec::new(), Vec::new());
    for (number, line) in (1..).zip(text.lines()) {
        if line.trim().is_empty() || line.starts_with('#') {
            continue;
        }
        if let (Some(name), true, None) = (line.strip_prefix("client "), lines.is_empty(), &role) {
            role = Some(name.trim().to_owned());
            continue;
        }
        match step(line) {
            Ok(step) => lines.push(Line { number, step }),
            Err(message) => mistakes.push(TalkMistake { line: number, message: clean(&message) }),
        }
    }
    if mistakes.is_empty() { Ok(Talk { role, lines }) } else { Err(mistakes) }
}

/// The lines of `talk` that count a series which `profile` does not have in `dialect`.
pub fn unknown_series(talk: &Talk, profile: &Profile, dialect: Option<&str>) -> Vec<TalkMistake> {
    let there = |index: &usize| profile.has_series(*index, dialect);
    let known: Vec<&str> = (0..profile.series.len()).filter(there).map(|index| profile.series[index].name.as_str()).collect();
    let unknown = |line: &Line| match &line.step {
        Step::Has(Figure::Answers(name) | Figure::Errors(name), _) if !known.contains(&name.as_str()) => {
            let hint = names::hint(name, &known, "there is none at all");
            Some(TalkMistake { line: line.number, message: clean(&format!("there is no series `{}`; {hint}", quoted(name))) })
        }
        _ => None,
    };
    talk.lines.iter().filter_map(unknown).collect()
}

fn step(line: &str) -> Result<Step, String> {
    let (sign, rest) = line.split_at(line.find(' ').unwrap_or(line.len()));
    let rest = rest.strip_prefix(' ').unwrap_or(rest);
    match sign {
        "<" => Ok(Step::Says(rest.to_owned())),
        "<<" => rest.trim().parse().map(Step::SaysBytes).map_err(|_| format!("`{}` is not a number of bytes", quoted(rest))),
        ">" => Ok(Step::Sent(rest.to_owned())),
        "load" if rest.trim().is_empty() => Ok(Step::Load),
        "load" => Err("`load` stands alone; one line for each send".into()),
        "beat" if !rest.trim().is_empty() => Ok(Step::Beat(rest.trim().to_owned())),
        "wait" => rest.parse().map(Step::Wait),
        "=" => figure(rest),
        _ => Err(format!("`{}` is not understood; a line begins with `<`, `>`, `load`, `beat`, `wait`, `=` or `#`", quoted(line))),
    }
}

fn figure(rest: &str) -> Result<Step, String> {
    let words: Vec<&str> = rest.split_whitespace().collect();
    let (figure, value) = match words.as_slice() {
        ["unsolicited", value] => (Figure::Unsolicited, value),
        ["duplicate", value] => (Figure::Duplicate, value),
        ["unparsed", value] => (Figure::Unparsed, value),
        ["error", name, value] => (Figure::Errors((*name).to_owned()), value),
        [name, value] => (Figure::Answers((*name).to_owned()), value),
        _ => return Err(format!("`= {}` is not understood; write for example `= echo 3` or `= error echo 1`", quoted(rest))),
    };
    let value = value.parse().map_err(|_| format!("`{}` is not a count", quoted(value)))?;
    Ok(Step::Has(figure, value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_line() {
        let text = "# hello\n\n< {\"a\": 1} \n<\n> x y\nload\nwait 20ms\n= echo 3\n= error echo 1\n= unsolicited 0\r\n= duplicate 2\n= unparsed 7\n";
        let steps: Vec<Step> = parse(text).expect("a good transcript").lines.into_iter().map(|line| line.step).collect();
        let wanted = [
            Step::Says("{\"a\": 1} ".into()),
            Step::Says(String::new()),
            Step::Sent("x y".into()),
            Step::Load,
            Step::Wait(Nanos::from_millis(20)),
            Step::Has(Figure::Answers("echo".into()), 3),
            Step::Has(Figure::Errors("echo".into()), 1),
            Step::Has(Figure::Unsolicited, 0),
            Step::Has(Figure::Duplicate, 2),
            Step::Has(Figure::Unparsed, 7),
        ];
        assert_eq!(steps, wanted);
    }

    #[test]
    fn all_bad_lines_at_once_with_their_numbers() {
        let text = "hello\n< fine\nload 3\n\nwait 20\n= echo\n= echo many\n<no blank\n= error echo x\n";
        let mistakes: Vec<String> = parse(text).expect_err("bad lines").iter().map(ToString::to_string).collect();
        let wanted = [
            "line 1: `hello` is not understood; a line begins with `<`, `>`, `load`, `beat`, `wait`, `=` or `#`",
            "line 3: `load` stands alone; one line for each send",
            "line 5: `20` has no unit; write for example `20ms` or `20s`",
            "line 6: `= echo` is not understood; write for example `= echo 3` or `= error echo 1`",
            "line 7: `many` is not a count",
            "line 8: `<no blank` is not understood; a line begins with `<`, `>`, `load`, `beat`, `wait`, `=` or `#`",
            "line 9: `x` is not a count",
        ];
        assert_eq!(mistakes, wanted);
    }
}
