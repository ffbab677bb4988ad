//! `summary.json`: the summary exactly, for scripts. Keys keep one order, so the same run gives the
//! same bytes.

use super::view::View;

/// The summary as indented JSON with a newline at the end.
pub fn json(view: &View) -> Vec<u8> {
    let mut bytes = serde_json::to_vec_pretty(&view.summary).expect("a summary has string keys and finite numbers only");
    bytes.push(b'\n');
    bytes
}
