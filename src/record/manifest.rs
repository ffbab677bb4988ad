//! Reads `run.json`: the manifest of a record, and what it says of the files beside it.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;

use serde::Deserialize;

use super::Manifest;
use super::RUN_SCHEMA;
use super::lines::Ending;
use super::read::BELIEVED_MAX;
use super::read::ReadError;
use super::write::RUN_JSON;

/// Largest `run.json`; a profile of 1 MiB fits, however it is escaped. Values that are not known are
/// read too, at up to 40 bytes a byte.
const RUN_JSON_MAX: u64 = 8 << 20;

/// What a closed record says of itself beside the manifest.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Closed {
    #[serde(default)]
    files: BTreeMap<String, u64>,
    pub(super) lost: Option<Lost>,
    #[serde(default)]
    pub(super) missing: Vec<String>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Lost {
    pub(super) appends: u64,
    pub(super) why: String,
}

impl Closed {
    /// What to say of a file that ended like this.
    pub(super) fn words(&self, name: &str, ending: Option<&Ending>) -> Vec<String> {
        let Some(ending) = ending else { return vec![format!("{name} is not there")] };
        let torn = ending.torn.as_ref().map(|why| format!("{name}: the last line was unreadable and was left out ({why})"));
        let length = self.files.get(name).filter(|&&bytes| bytes != ending.bytes);
        let length = length.map(|bytes| format!("{name} has {} bytes, it was closed with {bytes}", ending.bytes));
        torn.into_iter().chain(length).collect()
    }
}

/// The manifest in a folder, and what it says of the other files.
pub(super) fn read(dir: &Path) -> Result<(Manifest, Closed), ReadError> {
    let path = dir.join(RUN_JSON);
    let not = |why: String| ReadError::NotARecord { dir: dir.to_owned(), why };
    let length = match std::fs::metadata(&path) {
        Ok(meta) => meta.len(),
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Err(not(format!("there is no {RUN_JSON} in it"))),
        Err(error) => return Err(ReadError::Io { file: path, error }),
    };
    if length > RUN_JSON_MAX {
        return Err(ReadError::TooLarge { file: path, max: RUN_JSON_MAX });
    }
    let text = std::fs::read(&path).map_err(|error| ReadError::Io { file: path, error })?;
    let value: serde_json::Value = serde_json::from_slice(&text).map_err(|e| not(format!("{RUN_JSON}: {e}")))?;
    check_schema(value["schema"].as_str()).map_err(|known| match known {
        Some(schema) => ReadError::TooNew { schema },
        None => not(format!("{RUN_JSON} has no schema `{RUN_SCHEMA}`")),
    })?;
    let closed = Closed::deserialize(&value).map_err(|e| not(format!("{RUN_JSON}: {e}")))?;
    let manifest: Manifest = serde_json::from_value(value).map_err(|e| not(format!("{RUN_JSON}: {e}")))?;
    believable(&manifest).map_err(not)?;
    Ok((manifest, closed))
}

/// The same major is accepted; a higher one comes back by name, anything else as `None`.
fn check_schema(found: Option<&str>) -> Result<(), Option<String>> {
    let (family, ours) = RUN_SCHEMA.split_once('/').expect("the schema has a slash");
    let found = found.ok_or(None)?;
    let (their_family, theirs) = found.split_once('/').ok_or(None)?;
    let number = |text: &str| text.split('.').next().and_then(|n| n.parse::<u64>().ok());
    match number(theirs) {
        Some(n) if their_family == family && Some(n) == number(ours) => Ok(()),
        Some(n) if their_family == family && Some(n) > number(ours) => Err(Some(found.chars().take(40).collect())),
        _ => Err(None),
    }
}

/// Times and shares must be such that arithmetic with them holds.
pub(super) fn believable(manifest: &Manifest) -> Result<(), String> {
    let plan = &manifest.plan;
    let times = [plan.ramp_ns, plan.warmup_ns, plan.duration_ns, plan.timeout_ns];
    if times.into_iter().any(|t| t > BELIEVED_MAX) {
        return Err(format!("{RUN_JSON}: a time of the plan is beyond 30 years"));
    }
    if !(0.0..=1.0).contains(&manifest.coverage) {
        return Err(format!("{RUN_JSON}: coverage {} is not a share", manifest.coverage));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn schemas() {
        for (found, ok) in [
            (Some("volley.run/1"), Ok(())),
            (Some("volley.run/1.4"), Ok(())),
            (Some("volley.run/2"), Err(Some("volley.run/2".to_owned()))),
            (Some("volley.run/0"), Err(None)),
            (Some("other/1"), Err(None)),
            (Some(""), Err(None)),
            (None, Err(None)),
        ] {
            assert_eq!(check_schema(found), ok, "{found:?}");
        }
    }
}
