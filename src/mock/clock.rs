//! Nanoseconds of server time.

use std::time::Instant;

/// Counts from the start of the server; all lanes share it, so that they stall together.
#[derive(Clone, Copy, Debug)]
pub(super) struct Clock(Instant);

impl Clock {
    /// A clock that starts now.
    pub(super) fn start() -> Self {
        Clock(Instant::now())
    }

    /// Nanoseconds since it started.
    pub(super) fn now(self) -> u64 {
        self.0.elapsed().as_nanos() as u64
    }
}
