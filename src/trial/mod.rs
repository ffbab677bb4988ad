//! What is tried over several runs, as arithmetic: which run comes next, when it is enough, what was found.
//!
//! ```text
//! ab          pairs of runs against two targets, judged at one or two looks
//! calibrate   runs of the same, for their spread and what can be seen through it
//! search      the largest load that holds the limits
//! trend       quantiles of many runs in order of time
//! change      where their level changes
//! ```
//!
//! Starts no runs and reads no files; `cli` does, and tells what came of it.

pub mod ab;
pub mod calibrate;
pub mod change;
pub mod search;
pub mod trend;
