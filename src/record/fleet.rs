//! What a record says of the machines that made it, when there were several.

use serde::Deserialize;
use serde::Serialize;

/// A fleet and how it fared.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct FleetRecord {
    /// The run's id among controller and agents.
    pub run: String,
    /// The agents in order of their shards.
    pub agents: Vec<AgentRecord>,
    /// Snapshots that belonged to no shard of this run.
    pub strange: u64,
}

/// An agent with its shard. Times in nanoseconds.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct AgentRecord {
    /// Number of the shard, from 0; its groups of clients are those whose number leaves it when divided by the shards.
    pub shard: u32,
    /// Clients in the shard.
    pub clients: u64,
    /// Name of the agent; empty when nobody took the shard.
    pub agent: String,
    /// Its host.
    pub host: String,
    /// Version of its program.
    pub version: String,
    /// Processors it may use.
    pub cpus: u32,
    /// `done`, `ended_early`, `lost` or `not_started`.
    pub state: String,
    /// Why, in words; empty for `done`.
    pub why: String,
    /// The controller's date less the agent's.
    pub offset_ns: i64,
    /// The most that the estimate of the controller's clock was wrong by.
    pub half_rtt_ns: u64,
    /// How far its clock went away from the controller's during the run; `None` when it was not asked again.
    pub drift_ns: Option<i64>,
    /// How long after the agreed instant its load began; `None` when it never said.
    pub began_late_ns: Option<u64>,
    /// End of the last second that came, on the run clock.
    pub until_ns: u64,
    /// Stretches of the planned time that are missing: start and end on the run clock.
    pub lost: Vec<(u64, u64)>,
    /// Snapshots that came after the shard was given up, and were not merged.
    pub after_fence: u64,
    /// Whether its seconds add up to the totals that it told at the end.
    pub adds_up: bool,
    /// When it began, on the run clock; absent for who played from the start.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub joined_ns: Option<u64>,
    /// Owners of the shard before it, whose place it took.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub former: Vec<FormerRecord>,
}

/// An owner of a shard that was lost and replaced. Times in nanoseconds on the run clock.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct FormerRecord {
    /// Name of the agent, and its host.
    pub agent: String,
    /// Start of the first second that came of it.
    pub from_ns: u64,
    /// End of the last second that came of it.
    pub until_ns: u64,
}
