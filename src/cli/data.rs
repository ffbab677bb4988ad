//! `--data`: a row of values for each client, from CSV or from JSON lines.
//!
//! The names in the first line (or the members of the first object) are variables of the profile. Rows go to
//! the clients in turn.

use std::fs::File;
use std::io::BufRead;
use std::io::BufReader;
use std::io::Read;
use std::path::Path;

use super::Trouble;
use crate::profile::Profile;

/// Largest file read.
const FILE_MOST: u64 = 256 << 20;
/// Most rows.
const ROWS_MOST: usize = 1_000_000;
/// Longest value.
const VALUE_MOST: usize = 64 << 10;

/// Rows of values.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Data {
    /// Names of the variables that have a value in each row.
    pub(super) columns: Vec<String>,
    /// The rows, as long as the columns.
    pub(super) rows: Vec<Vec<String>>,
}

impl Data {
    /// Reads the rows that `clients` clients of `profile` need, at most; `wrap` lets fewer rows serve in turn.
    ///
    /// # Errors
    /// What is wrong, with its line and what to do. Values are never in it.
    pub(super) fn read(path: &Path, profile: &Profile, clients: u64, wrap: bool) -> Result<Data, Trouble> {
        let shown = path.display();
        let wrong = |why: String| Trouble::usage(format!("--data {shown}: {why}"));
        let file = File::open(path).map_err(|e| wrong(e.to_string()))?;
        let wanted = usize::try_from(clients).unwrap_or(usize::MAX).min(ROWS_MOST);
        let input = BufReader::new(file.take(FILE_MOST));
        let extension = path.extension().and_then(|e| e.to_str()).unwrap_or_default();
        let data = match extension {
            "csv" => csv(input, wanted),
            "ndjson" | "jsonl" => ndjson(input, wanted),
            _ => Err("the name ends in neither .csv nor .ndjson, so it is not known how to read it".into()),
        };
        let data = data.map_err(wrong)?;
        data.fits(profile).map_err(wrong)?;
        let rows = data.rows.len() as u64;
        if rows < clients && !wrap {
            return Err(wrong(format!("{rows} rows for {clients} clients; give more rows, or let clients share them with --data-wrap")));
        }
        Ok(data)
    }

    /// Whether every column is a variable, and there is a row.
    fn fits(&self, profile: &Profile) -> Result<(), String> {
        if self.rows.is_empty() {
            return Err("there is no row of values".into());
        }
        for (at, column) in self.columns.iter().enumerate() {
            if !profile.vars.contains_key(column) {
                let known: Vec<&str> = profile.vars.keys().map(String::as_str).collect();
                return Err(format!(
                    "profile `{}` has no variable `{}`; it has {}",
                    profile.name,
                    crate::units::printable(column, 64),
                    known.join(", ")
                ));
            }
            if self.columns[..at].contains(column) {
                return Err(format!("`{column}` is there twice"));
            }
        }
        Ok(())
    }

    /// The values of a column.
    pub(super) fn values<'a>(&'a self, name: &str) -> impl Iterator<Item = &'a str> {
        let at = self.columns.iter().position(|column| column == name);
        self.rows.iter().filter_map(move |row| at.map(|at| row[at].as_str()))
    }
}

fn csv(input: impl Read, wanted: usize) -> Result<Data, String> {
    let mut reader = csv::ReaderBuilder::new().trim(csv::Trim::All).from_reader(input);
    let columns: Vec<String> = reader.headers().map_err(|e| told(&e))?.iter().map(str::to_owned).collect();
    let mut rows = Vec::new();
    for record in reader.records().take(wanted) {
        let record = record.map_err(|e| told(&e))?;
        let line = record.position().map_or(0, csv::Position::line);
        let row = record.iter().map(|value| fit(value, line as usize)).collect::<Result<Vec<_>, _>>()?;
        rows.push(row);
    }
    Ok(Data { columns, rows })
}

/// What the reader of CSV says, without the values.
fn told(error: &csv::Error) -> String {
    let line = error.position().map_or(String::new(), |position| format!("line {}: ", position.line()));
    match error.kind() {
        csv::ErrorKind::UnequalLengths { expected_len, len, .. } => format!("{line}{len} values, but the first line names {expected_len}"),
        csv::ErrorKind::Utf8 { .. } => format!("{line}not UTF-8"),
        csv::ErrorKind::Io(e) => format!("{line}{e}"),
        _ => format!("{line}not CSV"),
    }
}

fn ndjson(input: impl BufRead, wanted: usize) -> Result<Data, String> {
    let mut data = Data::default();
    for (number, line) in (1..).zip(input.lines()) {
        let line = line.map_err(|e| format!("line {number}: {e}"))?;
        if line.trim().is_empty() {
            continue;
        }
        if data.rows.len() == wanted {
            break;
        }
        let object: serde_json::Map<String, serde_json::Value> =
            serde_json::from_str(&line).map_err(|_| format!("line {number}: not a JSON object"))?;
        if data.rows.is_empty() {
            data.columns = object.keys().cloned().collect();
        }
        if object.len() != data.columns.len() {
            return Err(format!("line {number}: {} members, but the first row has {}", object.len(), data.columns.len()));
        }
        let value = |column: &String| match object.get(column) {
            Some(serde_json::Value::String(text)) => fit(text, number),
            Some(value @ (serde_json::Value::Number(_) | serde_json::Value::Bool(_))) => Ok(value.to_string()),
            Some(_) => Err(format!("line {number}: `{column}` is neither a text, a number nor a flag")),
            None => Err(format!("line {number}: there is no `{column}`")),
        };
        data.rows.push(data.columns.iter().map(value).collect::<Result<Vec<_>, _>>()?);
    }
    Ok(data)
}

fn fit(value: &str, line: usize) -> Result<String, String> {
    if value.len() > VALUE_MOST {
        return Err(format!("line {line}: a value of {} bytes; the most is {VALUE_MOST}", value.len()));
    }
    if value.chars().any(char::is_control) {
        return Err(format!("line {line}: a value has a line break or another control character"));
    }
    Ok(value.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_read_from_both_forms() {
        let wanted =
            Data { columns: vec!["room".into(), "token".into()], rows: vec![vec!["1".into(), "a,b".into()], vec!["2".into(), "c".into()]] };
        assert_eq!(csv("room,token\n1,\"a,b\"\n2, c\n3,d\n".as_bytes(), 2), Ok(wanted.clone()));
        let lines = "{\"room\":1,\"token\":\"a,b\"}\n\n{\"token\":\"c\",\"room\":\"2\"}\n{\"room\":3,\"token\":\"d\"}\n";
        assert_eq!(ndjson(lines.as_bytes(), 2), Ok(wanted));
    }

    #[test]
    fn mistakes_have_their_line_and_no_values() {
        let csv = |text: &str| csv(text.as_bytes(), 10).expect_err("wrong");
        assert_eq!(csv("room,token\n1,hunter2\n2\n"), "line 3: 1 values, but the first line names 2");
        assert_eq!(csv("room\n\"a\nb\"\n"), "line 2: a value has a line break or another control character");
        let ndjson = |text: &str| ndjson(text.as_bytes(), 10).expect_err("wrong");
        assert_eq!(ndjson("{\"a\":1}\n[hunter2]\n"), "line 2: not a JSON object");
        assert_eq!(ndjson("{\"a\":1}\n{\"b\":1}\n"), "line 2: there is no `a`");
        assert_eq!(ndjson("{\"a\":null}\n"), "line 1: `a` is neither a text, a number nor a flag");
        assert_eq!(ndjson("{\"a\":1}\n{\"a\":1,\"b\":2}\n"), "line 2: 2 members, but the first row has 1");
    }
}
