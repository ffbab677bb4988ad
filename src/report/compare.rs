//! Comparing two sets of runs.
//!
//! [`stats`] holds all arithmetic, [`student`] its distribution, [`gate`] the metrics that may fail.

pub mod gate;
pub mod stats;
pub mod student;
