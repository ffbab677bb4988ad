//! What touches the network: connect and accept, the handshake, frames.
//!
//! Knows nothing of profiles, dialogues or tallies. [`accept`] is the server's side of the opening
//! handshake.

pub mod accept;
