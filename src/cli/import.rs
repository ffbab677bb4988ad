//! `volley import`: the run that a page carries becomes a record again.

use std::path::Path;

use super::Trouble;
use super::args::ImportArgs;
use super::run;
use super::say;
use crate::record;
use crate::record::RUN_SCHEMA;
use crate::record::packed;
use crate::report::html;

/// Largest page read, in bytes.
const PAGE_MAX: u64 = 64 << 20;

/// Writes the record and says where.
pub(super) fn import(args: &ImportArgs) -> Result<u8, Trouble> {
    let wrong = |why: String| Trouble::usage(format!("{} cannot be imported: {why}", args.page.display()));
    let carried = packed::unpack(&html::carried(&text(&args.page).map_err(wrong)?).map_err(wrong)?).map_err(wrong)?;
    if carried.manifest.schema != RUN_SCHEMA {
        return Err(wrong(format!("its run has schema `{}`, this volley reads `{RUN_SCHEMA}`", carried.manifest.schema)));
    }
    let dir = args.out.clone().unwrap_or_else(|| run::default_dir(&carried.manifest));
    let was_there = dir.exists();
    let written = record::whole::write(&dir, &carried).map_err(|e| e.to_string());
    // What a page says is believed no more than what a record says.
    let read = written.and_then(|()| record::read(&dir).map_err(|e| e.to_string()));
    if let Err(why) = read {
        if !was_there {
            // Nothing else is in it.
            let _ = std::fs::remove_dir_all(&dir);
        }
        return Err(wrong(why));
    }
    say!("{}", dir.display());
    Ok(0)
}

fn text(page: &Path) -> Result<String, String> {
    let size = std::fs::metadata(page).map_err(|e| e.to_string())?.len();
    if size > PAGE_MAX {
        return Err(format!("it has {size} bytes; the most is {PAGE_MAX}"));
    }
    std::fs::read_to_string(page).map_err(|e| e.to_string())
}
