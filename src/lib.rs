//! The map of the house. Data flows one way: a [`profile`] and options become a [`plan`]; the
//! [`swarm`] plays the plan with virtual clients ([`dialogue`] over [`wire`]) and notes what happened
//! in a [`tally`]; slices of it become a [`record`] on disk; every [`report`] is made from records
//! alone; a [`trial`] judges several runs together, and while a run goes on its figures can be fetched ([`export`]). [`mock`] is
//! the reference server, [`tap`] records what others say as a [`trace`]; a [`fleet`] plays one plan on many machines; [`cli`] is what the
//! program does when called.
//!
//! Modules know only modules on lower floors (`tests/house.rs` checks it):
//!
//! ```text
//!  6  cli
//!  5  trial
//!  4  report    export    fleet
//!  3  swarm     record    mock      tap
//!  2  plan      dialogue  wire
//!  1  profile   tally     trace
//!  0  units
//! ```

pub mod cli;
pub mod dialogue;
pub mod export;
pub mod fleet;
pub mod mock;
pub mod plan;
pub mod profile;
pub mod record;
pub mod report;
pub mod swarm;
pub mod tally;
pub mod tap;
pub mod trace;
pub mod trial;
pub mod units;
pub mod wire;
