//! Faults of stories: what a protocol of its own does wrong. Decided for each connection; the story asks by name and the fault
//! counts when it shows.

use super::Fault;
use super::Row;
use super::connection::Connection;
use crate::mock::config::Protocol;

const fn terra(name: &'static str, about: &'static str) -> Row {
    Row::plain(name, about, Fault::Connection(Connection::Odd)).only(Protocol::Terra)
}

/// Faults of stories.
pub(super) const ROWS: &[Row] = &[
    terra("hello_missing", "no HELLO comes"),
    terra("hello_zero_interval", "HELLO names an interval of 0"),
    terra("hello_huge", "HELLO names an interval beyond all clocks"),
    terra("hello_twice", "HELLO comes twice"),
    terra("ready_twice", "READY comes twice"),
    terra("dispatch_before_ready", "a message comes before READY"),
    terra("seq_dup", "every message goes out twice, its seq and all"),
    terra("seq_reset", "seq begins anew with each message"),
    terra("replay_empty", "a replay yields nothing"),
    terra("replay_dup", "a replay yields everything twice"),
    terra("replay_out_of_bounds", "a replay yields what was not asked for besides"),
    terra("val_rounded", "values come back rounded to tens"),
    terra("hb_timeout", "the server closes with 4005 after the first heartbeat"),
];
