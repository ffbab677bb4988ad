//! Kinds of what the server counts: messages, what clients must not do, answers never sent.

/// An enum that counts: its variants, their names, their number.
macro_rules! counted {
    ($(#[$doc:meta])* $name:ident { $($(#[$inner:meta])* $variant:ident = $text:literal,)* }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(super) enum $name { $($(#[$inner])* $variant,)* }

        impl $name {
            /// Names in the order of the variants.
            pub(super) const NAMES: &'static [&'static str] = &[$($text,)*];
        }
    };
}

counted! {
    /// A kind of message, in either direction.
    Kind {
        /// A message of `echo`.
        Echo = "echo",
        /// OpenShock: a frame from the client, its acknowledgement from the server.
        Frame = "frame",
        /// OpenShock: several frames at once.
        BulkFrame = "bulk_frame",
        /// OpenShock: the client's answer to a ping.
        Pong = "pong",
        /// A request of a type that does not exist.
        UnknownRequest = "unknown_request",
        /// A message that could not be read.
        Unparsed = "unparsed",
        /// OpenShock: the announced rate.
        Tps = "tps",
        /// OpenShock: the hub is offline.
        DeviceNotConnected = "device_not_connected",
        /// OpenShock: the hub is online.
        DeviceConnected = "device_connected",
        /// OpenShock error 150.
        ShockerNotFound = "shocker_not_found",
        /// OpenShock error 151.
        ShockerMissingLivePermission = "shocker_missing_live_permission",
        /// OpenShock error 152.
        ShockerMissingPermission = "shocker_missing_permission",
        /// OpenShock error 153.
        ShockerPaused = "shocker_paused",
        /// OpenShock error 154.
        ShockerExclusive = "shocker_exclusive",
        /// OpenShock error 155.
        TokenPaused = "token_paused",
        /// OpenShock error 200.
        InvalidData = "invalid_data",
        /// OpenShock error 201.
        RequestTypeNotFound = "request_type_not_found",
        /// OpenShock: the server's ping.
        Ping = "ping",
        /// OpenShock: the answer to a pong.
        LatencyAnnounce = "latency_announce",
        /// Terra.
        Heartbeat = "heartbeat",
        /// Terra.
        HeartbeatAck = "heartbeat_ack",
        /// Terra.
        Hello = "hello",
        /// Terra.
        Identify = "identify",
        /// Terra.
        Ready = "ready",
        /// Terra.
        Dispatch = "dispatch",
        /// Terra.
        Submit = "submit",
        /// Terra.
        Replay = "replay",
        /// A first message with a credential.
        Auth = "auth",
        /// The answer to one.
        AuthSuccess = "auth_success",
        /// LiveStyler.
        SessionStart = "session_start",
        /// LiveStyler.
        NodeStatus = "node_status",
        /// LiveStyler.
        ServerProvisioning = "server_provisioning",
        /// LiveStyler.
        Offer = "offer",
        /// LiveStyler.
        Answer = "answer",
        /// LiveStyler.
        Candidate = "candidate",
        /// Notifications.
        Subscribe = "subscribe",
        /// Notifications.
        Subscribed = "subscribed",
        /// Notifications.
        Unsubscribe = "unsubscribe",
        /// Notifications.
        Unsubscribed = "unsubscribed",
        /// Notifications.
        Notification = "notification",
        /// Notifications.
        ChatMessage = "chat_message",
        /// Notifications.
        StatusUpdate = "status_update",
        /// The server is ready for a conversation.
        Connected = "connected",
        /// Sound.
        Audio = "audio",
        /// Subtitles.
        Subtitle = "subtitle",
        /// Dubbing.
        DubbedAudio = "dubbed_audio",
        /// Dubbing.
        SyncStatus = "sync_status",
        /// Dubbing.
        LatencyReport = "latency_report",
        /// Trivia, voice.
        Transcript = "transcript",
        /// Trivia.
        Trivia = "trivia",
        /// Chess.
        Move = "move",
        /// Chess.
        GameState = "game_state",
        /// Chess.
        GameOver = "game_over",
        /// Chess.
        Chat = "chat",
        /// Chess.
        Resign = "resign",
        /// Chess.
        Draw = "draw",
        /// Direct messages.
        Message = "message",
        /// Direct messages.
        Typing = "typing",
        /// Direct messages.
        Read = "read",
        /// Direct messages.
        ReadReceipt = "read_receipt",
        /// Direct messages.
        React = "react",
        /// Direct messages.
        Reaction = "reaction",
        /// Pairing.
        CompanionConnected = "companion_connected",
        /// Pairing.
        Authenticating = "authenticating",
        /// Pairing.
        PairingSuccess = "pairing_success",
        /// Pairing.
        PairingFailed = "pairing_failed",
        /// Pairing.
        SessionExpired = "session_expired",
        /// Diagnostics.
        Snapshot = "snapshot",
        /// Diagnostics.
        Update = "update",
        /// Diagnostics, pairing.
        Refresh = "refresh",
        /// Voice.
        Commit = "commit",
        /// Voice.
        Cancel = "cancel",
        /// Voice.
        Cancelled = "cancelled",
        /// Voice.
        TranscriptFinal = "transcript_final",
        /// Voice.
        LlmChunk = "llm_chunk",
        /// Voice.
        TtsAudio = "tts_audio",
        /// Voice.
        Response = "response",
        /// Voice.
        Complete = "complete",
        /// What the server says of a mistake.
        Error = "error",
        /// A message that a fault put in the place of an answer.
        Faulty = "faulty",
        /// Control frame.
        WsPing = "ws_ping",
        /// Control frame.
        WsPong = "ws_pong",
        /// Control frame.
        Close = "close",
    }
}

counted! {
    /// Something a client must not do.
    Violation {
        /// A frame without a mask.
        Unmasked = "unmasked_frame",
        /// Framing against RFC 6455.
        Protocol = "protocol_error",
        /// Text that is not UTF-8.
        Utf8 = "invalid_utf8",
        /// A message over the cap.
        TooBig = "message_too_big",
        /// A frame after the client's own Close.
        AfterClose = "data_after_close",
        /// Text without an `id` to `echo`.
        NoId = "echo_without_id",
        /// A message that is not the JSON of a request.
        BadJson = "bad_json",
        /// A request without `data`.
        NoData = "missing_data",
        /// Data that does not fit its request type.
        BadData = "bad_data",
        /// A request of a type that does not exist.
        UnknownRequest = "unknown_request_type",
        /// Intensity above 100.
        Intensity = "intensity_above_100",
        /// A pong without a ping.
        PongUnasked = "pong_unasked",
        /// A message before the client had introduced itself.
        TooEarly = "before_identification",
        /// A second introduction.
        Again = "identified_twice",
        /// A message that this role may not send.
        WrongRole = "wrong_role",
        /// A message of a kind that does not exist.
        UnknownKind = "unknown_kind",
        /// A message without what it needs.
        Missing = "missing_field",
        /// Text where binary is read, or the reverse.
        WrongFrame = "wrong_kind_of_frame",
        /// A heartbeat that did not come in time.
        HeartbeatMissed = "heartbeat_missed",
        /// A move that the rules of the game forbid, or out of turn.
        IllegalMove = "illegal_move",
        /// A credential that is none.
        BadCredential = "bad_credential",
        /// More of something than may be.
        TooMany = "too_many",
    }
}

counted! {
    /// Why an answer was never sent.
    Dropped {
        /// The fault of this name.
        NoAck = "no_ack",
        /// A fault had silenced the connection before.
        Muted = "muted",
        /// A fault would have made it larger, and too much was waiting already.
        NoRoom = "no_room",
        /// The handshake was left unanswered by the fault of this name.
        No101 = "no_101",
        /// The server had said its last before.
        Closed = "closed",
        /// The connection ended first.
        PeerGone = "peer_gone",
        /// The server was stopped first.
        Stopped = "stopped",
    }
}
