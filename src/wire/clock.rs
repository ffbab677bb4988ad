//! The machine's clocks: monotonic instants for everything, and the realtime clock only to bring
//! the kernel's receive stamps onto the monotonic one.

use nix::sys::time::TimeSpec;
use nix::time::ClockId;
use nix::time::ClockNanosleepFlags;
use nix::time::clock_gettime;
use nix::time::clock_nanosleep;

use crate::units::SECOND;

/// The run clock: nanoseconds since its origin on CLOCK_MONOTONIC.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    origin: u64,
    joined: u64,
}

impl Clock {
    /// A clock that starts now.
    pub fn start() -> Self {
        Clock { origin: read(ClockId::CLOCK_MONOTONIC), joined: 0 }
    }

    /// A clock that starts, or started, at the instant `origin` of [`monotonic`]. Until then it stands at 0.
    pub fn from_instant(origin: u64) -> Self {
        Clock { origin, joined: 0 }
    }

    /// The same clock, for a run that is joined under way at `instant` of it.
    pub fn joined_at(self, instant: u64) -> Self {
        Clock { joined: instant, ..self }
    }

    /// When the run is joined; 0 for one that is played from its start.
    pub fn joined(&self) -> u64 {
        self.joined
    }

    /// Nanoseconds since the origin.
    #[inline]
    pub fn now(&self) -> u64 {
        read(ClockId::CLOCK_MONOTONIC).saturating_sub(self.origin)
    }

    /// What to subtract from a realtime stamp to get an instant on this clock, for stamps taken about
    /// now. The monotonic clock is read on both sides of the realtime one and the middle taken.
    pub fn realtime_offset(&self) -> i64 {
        let before = self.now();
        let real = read(ClockId::CLOCK_REALTIME);
        let after = self.now();
        real as i64 - (before + (after - before) / 2) as i64
    }

    /// Blocks the thread until `instant`; returns at once when it has passed.
    pub fn sleep_until(&self, instant: u64) {
        let absolute = self.origin + instant;
        let until = TimeSpec::new((absolute / SECOND) as i64, (absolute % SECOND) as i64);
        while let Err(nix::errno::Errno::EINTR) = clock_nanosleep(ClockId::CLOCK_MONOTONIC, ClockNanosleepFlags::TIMER_ABSTIME, &until) {}
    }

    /// Blocks the thread until `early` nanoseconds before `instant`, then reads the clock until it has come.
    pub fn spin_until(&self, instant: u64, early: u64) {
        self.sleep_until(instant.saturating_sub(early));
        while self.now() < instant {
            std::hint::spin_loop();
        }
    }
}

/// The machine's monotonic clock in nanoseconds: an instant that no change of the date moves.
pub fn monotonic() -> u64 {
    read(ClockId::CLOCK_MONOTONIC)
}

/// The date in nanoseconds since 1970, as this machine believes.
pub fn realtime() -> u64 {
    read(ClockId::CLOCK_REALTIME)
}

/// CPU time of the calling thread in nanoseconds.
pub fn thread_cpu() -> u64 {
    read(ClockId::CLOCK_THREAD_CPUTIME_ID)
}

/// CPU time of the process in nanoseconds.
pub fn process_cpu() -> u64 {
    read(ClockId::CLOCK_PROCESS_CPUTIME_ID)
}

#[inline]
fn read(clock: ClockId) -> u64 {
    let t = clock_gettime(clock).expect("the clocks of Linux can always be read");
    t.tv_sec() as u64 * SECOND + t.tv_nsec() as u64
}
