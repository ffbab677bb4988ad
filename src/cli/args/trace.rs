//! Flags for playing a recorded conversation.

use std::path::PathBuf;

use clap::Args;

/// A trace in the place of a load at a rate.
#[derive(Debug, Args)]
pub(in crate::cli) struct TraceArgs {
    /// Play this recorded conversation (NDJSON, see schemas/volley.trace.1.schema.json) with its own timing instead of sending at a rate.
    /// Address, path and subprotocol are the profile's; texts get this run's ids and secrets, binary messages are sent as recorded.
    #[arg(long, value_name = "FILE")]
    pub(in crate::cli) trace: Option<PathBuf>,
    /// Play the trace so many times as fast as it was recorded, as x10.
    #[arg(long, value_name = "xN", value_parser = speed, default_value = "x1", requires = "trace")]
    pub(in crate::cli) speed: f64,
    /// Play the trace so often at once, the last of them a --ramp later than the first.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=1_000_000), default_value_t = 1, requires = "trace")]
    pub(in crate::cli) clones: u64,
}

/// `x10`, `10` or `x0.5`.
fn speed(text: &str) -> Result<f64, String> {
    let number = text.trim().trim_start_matches(['x', 'X']);
    let speed = number.parse::<f64>().ok().filter(|speed| (0.001..=1_000_000.0).contains(speed));
    speed.ok_or_else(|| format!("`{text}` is not a speed from x0.001 to x1000000; write for example `x10`"))
}
