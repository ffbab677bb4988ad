//! Kinds of what is measured and counted: faults, causes of sends that did not happen, phases, and
//! the three instants of an exchange.
//!
//! Every enum here is dense (used as an array index) and has a stable name that records and
//! reports share.

/// Declares a dense enum whose variants have stable names and docs.
macro_rules! named_enum {
    ($(#[$meta:meta])* $name:ident { $($(#[doc = $doc:literal])+ $variant:ident => $text:literal,)+ }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(u8)]
        pub enum $name { $($(#[doc = $doc])+ $variant,)+ }

        impl $name {
            /// All variants in index order.
            pub const ALL: &'static [$name] = &[$($name::$variant,)+];
            /// Number of variants.
            pub const COUNT: usize = Self::ALL.len();

            /// The stable name in records and reports.
            pub const fn name(self) -> &'static str {
                match self { $($name::$variant => $text,)+ }
            }
        }
    };
}

named_enum! {
    /// What went wrong for one virtual client. A fault is counted, never returned as an error.
    Fault {
        /// The host name has no address.
        Dns => "dns",
        /// Nobody listens at the address.
        Refused => "refused",
        /// No route, host or network down.
        Unreachable => "unreachable",
        /// The TCP connection was not made in time.
        ConnectTimeout => "connect_timeout",
        /// The upgrade was not answered in time.
        UpgradeTimeout => "upgrade_timeout",
        /// The server answered the upgrade with another HTTP status than 101.
        HttpStatus => "http_status",
        /// The 101 answer breaks RFC 6455 (accept key, headers, unasked extension).
        UpgradeInvalid => "upgrade_invalid",
        /// The profile's opening did not complete in time.
        ReadyTimeout => "ready_timeout",
        /// The peer closed with a close frame before the end of the run.
        Closed => "closed",
        /// The connection ended without a close frame.
        Abnormal => "abnormal",
        /// The connection was reset.
        Reset => "reset",
        /// A frame broke RFC 6455.
        Frame => "frame",
        /// A message exceeded the message cap.
        TooLarge => "too_large",
        /// A message could not be read as the profile expects.
        Unparsed => "unparsed",
        /// The process ran out of files.
        Files => "fd",
        /// No local port was free.
        Ports => "port",
        /// Any other error of the system.
        Io => "io",
    }
}

named_enum! {
    /// Why a planned send did not happen.
    NotOffered {
        /// The client had no connection yet.
        Connecting => "connecting",
        /// The client was connected, but the profile's opening had not completed.
        NotReady => "not_ready",
        /// The client had lost its connection, or never got one.
        Disconnected => "disconnected",
        /// The window of unanswered exchanges was full.
        Window => "window",
        /// The peer did not read and the send buffers were full.
        BackPressure => "back_pressure",
        /// The process had no file left for this client.
        Files => "files",
        /// No local port was left for this client.
        Ports => "ports",
    }
}

impl NotOffered {
    /// Whether the generator's machine, not the peer, is the cause.
    pub const fn is_ours(self) -> bool {
        matches!(self, NotOffered::Files | NotOffered::Ports)
    }
}

named_enum! {
    /// When, within a run, an exchange was due. Only the measure phase enters the headline.
    Phase {
        /// Ramp and warm-up.
        Warmup => "warmup",
        /// The measured time.
        Measure => "measure",
    }
}

/// The three instants of one exchange on the run clock, in nanoseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sample {
    /// The planned instant.
    pub due: u64,
    /// Read immediately before the write that carried the frame's last byte.
    pub sent: u64,
    /// The receive stamp of the bytes that completed the answer.
    pub done: u64,
}

impl Sample {
    /// done - due.
    pub fn response(&self) -> u64 {
        self.done.saturating_sub(self.due)
    }

    /// done - sent.
    pub fn service(&self) -> u64 {
        self.done.saturating_sub(self.sent)
    }
}
