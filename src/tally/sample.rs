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
        /// The TLS handshake was not finished in time.
        TlsTimeout => "tls_timeout",
        /// The certificate has expired or is not valid yet.
        TlsExpired => "tls_expired",
        /// The certificate was issued by nobody we trust.
        TlsIssuer => "tls_issuer",
        /// The certificate is for another name.
        TlsName => "tls_name",
        /// The certificate is broken or not fit for a server.
        TlsCertificate => "tls_certificate",
        /// No version or cipher in common.
        TlsVersion => "tls_version",
        /// The server ended the TLS handshake with an alert, as when it wants a client certificate.
        TlsAlert => "tls_alert",
        /// What came was not TLS, or broke it.
        TlsProtocol => "tls_protocol",
        /// The upgrade was not answered in time.
        UpgradeTimeout => "upgrade_timeout",
        /// The upgrade was answered with a redirect, which is never followed.
        HttpRedirect => "http_3xx",
        /// The upgrade was answered 401 Unauthorized.
        Http401 => "http_401",
        /// The upgrade was answered 403 Forbidden.
        Http403 => "http_403",
        /// The upgrade was answered 404 Not Found.
        Http404 => "http_404",
        /// The upgrade was answered 412 Precondition Failed.
        Http412 => "http_412",
        /// The upgrade was answered 429 Too Many Requests.
        Http429 => "http_429",
        /// The upgrade was answered with another status of 400 to 499.
        HttpClient => "http_4xx",
        /// The upgrade was answered 502 Bad Gateway.
        Http502 => "http_502",
        /// The upgrade was answered 503 Service Unavailable.
        Http503 => "http_503",
        /// The upgrade was answered 504 Gateway Timeout.
        Http504 => "http_504",
        /// The upgrade was answered with another status of 500 to 599.
        HttpServer => "http_5xx",
        /// The upgrade was answered with any other status than 101.
        HttpOther => "http_other",
        /// `Sec-WebSocket-Accept` is missing or does not fit our key.
        UpgradeAccept => "upgrade_accept",
        /// The 101 answer lacks `Upgrade: websocket` or `Connection: Upgrade`.
        UpgradeHeaders => "upgrade_headers",
        /// The 101 answer chose an extension that was not asked for.
        UpgradeExtension => "upgrade_extension",
        /// The 101 answer chose a subprotocol that was not asked for.
        UpgradeSubprotocol => "upgrade_subprotocol",
        /// The answer to the upgrade was not HTTP, or its headers were too large.
        UpgradeNotHttp => "upgrade_not_http",
        /// The profile's opening did not complete in time.
        ReadyTimeout => "ready_timeout",
        /// The peer closed with a close frame before the end of the run.
        Closed => "closed",
        /// The connection ended without a close frame.
        Abnormal => "abnormal",
        /// The connection was reset.
        Reset => "reset",
        /// The peer did not answer our close frame in time, or went on talking instead.
        CloseUnanswered => "close_unanswered",
        /// A masked frame from a server.
        FrameMasked => "frame_masked",
        /// Reserved bits set in a frame.
        FrameReserved => "frame_reserved",
        /// A frame with an unknown opcode.
        FrameOpcode => "frame_opcode",
        /// A fragmented or oversize control frame.
        FrameControl => "frame_control",
        /// A continuation of no message, or a new message inside another.
        FrameFragments => "frame_fragments",
        /// Text that is not UTF-8.
        FrameUtf8 => "frame_utf8",
        /// A close frame that must not be on the wire.
        FrameClose => "frame_close",
        /// A message exceeded the message cap.
        TooLarge => "too_large",
        /// All unfinished messages together exceeded the bound of the process.
        FrameBudget => "frame_budget",
        /// A message could not be read as the profile expects.
        Unparsed => "unparsed",
        /// Pings came faster than they are answered; those beyond were not answered.
        PingFlood => "ping_flood",
        /// The answer to something said periodically had not come by the next time.
        BeatLost => "beat_lost",
        /// An HTTP request that belongs to the conversation failed.
        HttpCall => "http_call",
        /// A pong or reply was dropped because the peer does not read.
        ReplyDropped => "reply_dropped",
        /// The process ran out of files.
        Files => "fd",
        /// No local port was free.
        Ports => "port",
        /// Any other error of the system.
        Io => "io",
    }
}

impl Fault {
    /// Whether another attempt would fail the same way: the server's certificate or TLS version is refused.
    pub const fn is_lasting(self) -> bool {
        matches!(self, Fault::TlsExpired | Fault::TlsIssuer | Fault::TlsName | Fault::TlsCertificate | Fault::TlsVersion | Fault::TlsAlert)
    }

    /// The kind of an HTTP answer to the upgrade that is not 101.
    pub const fn of_status(status: u16) -> Self {
        match status {
            300..=399 => Fault::HttpRedirect,
            401 => Fault::Http401,
            403 => Fault::Http403,
            404 => Fault::Http404,
            412 => Fault::Http412,
            429 => Fault::Http429,
            400..=499 => Fault::HttpClient,
            502 => Fault::Http502,
            503 => Fault::Http503,
            504 => Fault::Http504,
            500..=599 => Fault::HttpServer,
            _ => Fault::HttpOther,
        }
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
        /// It was not the client's turn.
        NotItsTurn => "not_its_turn",
        /// The window of unanswered exchanges was full.
        Window => "window",
        /// The peer did not read and the send buffers were full.
        BackPressure => "back_pressure",
        /// The process had no file left for this client.
        Files => "files",
        /// No local port was left for this client.
        Ports => "ports",
        /// What it had to wait for did not come within the timeout.
        Awaited => "awaited",
        /// A storm of the plan had ended the client's connection, and it had not tried in vain to come back.
        Storm => "storm",
    }
}

impl NotOffered {
    /// Whether the generator's machine, not the peer, is the cause.
    pub const fn is_ours(self) -> bool {
        matches!(self, NotOffered::Files | NotOffered::Ports)
    }

    /// Whether the plan itself is the cause, so that nobody failed.
    pub const fn is_planned(self) -> bool {
        matches!(self, NotOffered::Storm)
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
