//! `--config FILE`: flags of `volley run` from a TOML file, as if they had been typed. What is typed wins over it, and takes with
//! it what excludes it.

use std::ffi::OsString;
use std::path::Path;
use std::sync::OnceLock;

use clap::Arg;
use clap::ArgAction;
use clap::Command;
use clap::CommandFactory;
use clap::Parser;
use clap::error::ErrorKind;
use toml::Table;
use toml::Value;

use super::Trouble;
use super::args::Cli;
use crate::profile::hint;

/// Largest file read, in bytes.
const FILE_MOST: usize = 1 << 20;
const FLAG: &str = "--config";

/// The command line with the flags of the file in the place of its name.
static WHOLE: OnceLock<Vec<OsString>> = OnceLock::new();

/// What the program was called with, flags of a file included.
///
/// # Errors
/// When the file cannot be used.
pub(super) fn read() -> Result<&'static [OsString], Trouble> {
    let typed: Vec<OsString> = std::env::args_os().collect();
    let whole = expand(typed)?;
    Ok(WHOLE.get_or_init(|| whole))
}

/// The same once it was read, as text.
pub(super) fn words() -> impl Iterator<Item = String> {
    WHOLE.get().into_iter().flatten().map(|word| word.to_string_lossy().into_owned())
}

fn expand(typed: Vec<OsString>) -> Result<Vec<OsString>, Trouble> {
    let Some((path, typed)) = taken_out(&typed) else { return Ok(typed) };
    let refuse = |why: String| Trouble::usage(format!("{FLAG} {}: {why}", path.to_string_lossy()));
    let table = table(Path::new(&path)).map_err(refuse)?;
    let root = Cli::command();
    let run = root.find_subcommand("run").ok_or_else(|| Trouble::internal("there is no command `run`"))?;
    let mut whole: Vec<OsString> = typed.iter().take(2).cloned().collect();
    if let Some(profile) = table.get("profile") {
        let Value::String(profile) = profile else { return Err(refuse("`profile` is a text, as profile = \"echo\"".into())) };
        if lacks_profile(&typed) {
            whole.push(profile.into());
        }
    }
    for (name, value) in table.iter().filter(|(name, _)| *name != "profile") {
        let arg = flag(run, name).map_err(refuse)?;
        if !gives_way(run, arg, &typed) {
            whole.extend(said(arg, name, value).map_err(refuse)?.into_iter().map(OsString::from));
        }
    }
    whole.extend(typed.into_iter().skip(2));
    Ok(whole)
}

/// The file that `volley run .. --config FILE` names, and the line without it.
fn taken_out(typed: &[OsString]) -> Option<(OsString, Vec<OsString>)> {
    if typed.get(1)? != "run" {
        return None;
    }
    let at = typed.iter().position(|word| word == FLAG || word.to_string_lossy().starts_with("--config="))?;
    let word = typed[at].to_string_lossy();
    let (path, width) = match word.split_once('=') {
        Some((_, path)) => (OsString::from(path), 1),
        None => (typed.get(at + 1)?.clone(), 2),
    };
    let rest = typed[..at].iter().chain(&typed[at + width..]).cloned().collect();
    Some((path, rest))
}

fn table(path: &Path) -> Result<Table, String> {
    let bytes = std::fs::read(path).map_err(|e| format!("cannot be read: {e}"))?;
    if bytes.len() > FILE_MOST {
        return Err(format!("has {} bytes; the most is {FILE_MOST}", bytes.len()));
    }
    let text = String::from_utf8(bytes).map_err(|_| "is not UTF-8 text".to_owned())?;
    text.parse().map_err(|e: toml::de::Error| e.to_string().trim_end().to_owned())
}

fn lacks_profile(typed: &[OsString]) -> bool {
    Cli::try_parse_from(typed).is_err_and(|e| e.kind() == ErrorKind::MissingRequiredArgument)
}

fn flag<'c>(run: &'c Command, name: &str) -> Result<&'c Arg, String> {
    let long = name.replace('_', "-");
    let flags: Vec<&str> = run.get_arguments().filter_map(Arg::get_long).filter(|flag| *flag != "config").collect();
    let found = run.get_arguments().find(|arg| arg.get_long() == Some(long.as_str()) && long != "config");
    found.ok_or_else(|| format!("there is no flag `--{long}`; {}", hint(&long, &flags, "see `volley run --help`")))
}

/// Whether the flag was typed and can be given once only, or something that excludes it was typed.
fn gives_way(run: &Command, arg: &Arg, typed: &[OsString]) -> bool {
    let again = matches!(arg.get_action(), ArgAction::Append);
    let against = run.get_arguments().filter(|other| excludes(run, other, arg) || excludes(run, arg, other));
    (!again && is_typed(arg, typed)) || against.into_iter().any(|other| is_typed(other, typed))
}

fn excludes(run: &Command, arg: &Arg, other: &Arg) -> bool {
    arg.get_id() != other.get_id() && run.get_arg_conflicts_with(arg).iter().any(|found| found.get_id() == other.get_id())
}

fn is_typed(arg: &Arg, typed: &[OsString]) -> bool {
    typed.iter().map(|word| word.to_string_lossy()).any(|word| {
        let long = arg.get_long().is_some_and(|long| word.strip_prefix("--").is_some_and(|w| w.split('=').next() == Some(long)));
        let short = arg.get_short().is_some_and(|short| !word.starts_with("--") && word.starts_with(&format!("-{short}")));
        long || short
    })
}

/// A flag as it would be typed.
fn said(arg: &Arg, name: &str, value: &Value) -> Result<Vec<String>, String> {
    let long = format!("--{}", arg.get_long().unwrap_or_default());
    let takes_none = matches!(arg.get_action(), ArgAction::SetTrue);
    let each = |values: Vec<String>| values.into_iter().map(|value| format!("{long}={value}")).collect();
    match value {
        Value::Boolean(true) if takes_none => Ok(vec![long]),
        Value::Boolean(false) if takes_none => Ok(Vec::new()),
        _ if takes_none => Err(format!("`{name}` is true or false")),
        Value::Array(list) => {
            let values = list.iter().map(|value| plain(name, value)).collect::<Result<Vec<String>, String>>()?;
            match arg.get_value_delimiter() {
                Some(between) => Ok(vec![format!("{long}={}", values.join(&between.to_string()))]),
                None if matches!(arg.get_action(), ArgAction::Append) => Ok(each(values)),
                None => Err(format!("`{name}` takes one value, not a list")),
            }
        }
        Value::Table(table) => {
            let between = match long.as_str() {
                "--set" => "=",
                "--header" => ": ",
                _ => return Err(format!("`{name}` is not a table; only `set` and `header` are")),
            };
            let pair = |(key, value): (&String, &Value)| plain(name, value).map(|value| format!("{key}{between}{value}"));
            table.iter().map(pair).collect::<Result<Vec<String>, String>>().map(each)
        }
        value => plain(name, value).map(|value| each(vec![value])),
    }
}

fn plain(name: &str, value: &Value) -> Result<String, String> {
    match value {
        Value::String(text) => Ok(text.clone()),
        Value::Integer(number) => Ok(number.to_string()),
        Value::Float(number) => Ok(number.to_string()),
        Value::Boolean(flag) => Ok(flag.to_string()),
        _ => Err(format!("`{name}` holds a value that no flag takes; write texts, numbers or true and false")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn expanded(file: &str, typed: &[&str]) -> Result<Vec<String>, String> {
        let dir = tempfile::tempdir().expect("a folder");
        let path = dir.path().join("run.toml");
        std::fs::write(&path, file).expect("a file");
        let typed = typed.iter().map(|word| word.replace("FILE", &path.to_string_lossy()).into()).collect();
        let whole = expand(typed).map_err(|trouble| trouble.text)?;
        Ok(whole.iter().skip(1).map(|word| word.to_string_lossy().into_owned()).collect())
    }

    #[test]
    fn flags_of_the_file_come_before_those_typed() {
        let file = "profile = \"echo\"\nclients = 5\nrate = \"10/s\"\nreport = [\"html\", \"junit\"]\nlimit = [\"a\", \"b\"]\n\
            dry_run = true\nplain = false\nset = { payload_bytes = 64 }\nheader = { A = \"b\" }\n";
        let all = [
            "--clients=5",
            "--dry-run",
            "--header=A: b",
            "--limit=a",
            "--limit=b",
            "--rate=10/s",
            "--report=html,junit",
            "--set=payload_bytes=64",
        ];
        let found = |typed: &[&str]| {
            let mut words = expanded(file, typed).expect("good");
            words.sort();
            words
        };
        let with = |more: &[&str], less: &[&str]| {
            let mut words: Vec<String> =
                all.iter().chain(more).filter(|word| !less.contains(word)).map(|word| (*word).to_owned()).collect();
            words.sort();
            words
        };
        assert_eq!(found(&["volley", "run", "--config", "FILE"]), with(&["run", "echo"], &[]));
        assert_eq!(found(&["volley", "run", "terra", "--config=FILE"]), with(&["run", "terra"], &[]));
        assert_eq!(
            found(&["volley", "run", "--config", "FILE", "--clients", "7"]),
            with(&["run", "echo", "--clients", "7"], &["--clients=5"])
        );
        assert_eq!(
            found(&["volley", "run", "--config", "FILE", "--closed", "1"]),
            with(&["run", "echo", "--closed", "1"], &["--rate=10/s"])
        );
        assert_eq!(found(&["volley", "run", "--config", "FILE", "--limit", "c"]), with(&["run", "echo", "--limit", "c"], &[]));
        assert_eq!(found(&["volley", "run", "--config", "FILE", "-HA: c"]), with(&["run", "echo", "-HA: c"], &[]));
    }

    #[test]
    fn other_commands_and_lines_without_it_stay_as_they_are() {
        for typed in [&["volley", "run", "echo", "--rate", "1/s"][..], &["volley", "report", "--config", "x"], &["volley"]] {
            assert_eq!(expanded("", typed).expect("good"), typed[1..]);
        }
    }

    #[test]
    fn mistakes_are_named() {
        for (file, words) in [
            ("rat = 1", &["`--rat`", "`rate`"][..]),
            ("config = \"x\"", &["`--config`"]),
            ("clients = [1, 2]", &["`clients`", "not a list"]),
            ("clients = { a = 1 }", &["`clients`", "not a table"]),
            ("dry-run = \"yes\"", &["`dry-run`", "true or false"]),
            ("rate = 1979-05-27", &["`rate`", "no flag takes"]),
            ("rate = ", &["line 1"]),
            ("profile = 3", &["`profile`"]),
        ] {
            let error = expanded(file, &["volley", "run", "--config", "FILE"]).expect_err(file);
            assert!(words.iter().all(|word| error.contains(word)) && error.contains("run.toml"), "{file}: {error}");
        }
        let error = expanded("", &["volley", "run", "--config", "nowhere.toml"]).expect_err("not there");
        assert!(error.contains("cannot be read"), "{error}");
    }
}
