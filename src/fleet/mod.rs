//! One run on many machines: a controller that publishes a plan, starts all at one instant and merges what comes back, and
//! agents that each play a shard of the clients.
//!
//! ```text
//! controller    plan -> gather -> arm -> go -> seconds merged -> record -> closed
//!                 |        ^       |     |        ^
//!   Bus         [plan]  [claims] [state]      [snapshots]
//!                 v        |       v     v        |
//! agent         claim -> ready -> armed -> play (swarm) -> last one
//! ```
//!
//! A second of a shard travels as a [`snapshot`]; [`merge`] adds them up by shard, epoch and number into the seconds that a
//! run on one machine would have had, so record, live view and limits know nothing of fleets. Before a snapshot is
//! acknowledged it is in the [`journal`]. Everything the two roles say to each other goes through a [`Bus`]: [`local`] within
//! a process, [`nats`] between machines. [`message`] has the forms of what is said, [`probe`] the arithmetic of clocks. Nothing
//! here knows of profiles or command lines, and nothing that comes in is believed before it was checked.

pub mod agent;
pub mod bus;
mod bytes;
pub mod controller;
pub mod cover;
pub mod journal;
pub mod local;
pub mod merge;
pub mod message;
#[cfg(feature = "cluster")]
pub mod nats;
pub mod probe;
pub mod published;
mod roster;
mod second;
pub mod snapshot;

pub use bus::Bus;
pub use bus::Failed;
pub use message::RunId;

/// Number of the protocol between controller and agents. Both sides must speak the same.
pub const PROTOCOL: u32 = 1;
