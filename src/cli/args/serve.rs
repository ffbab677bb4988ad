//! The reference server: what can be typed.

use clap::Args;

use super::words;

/// `volley serve`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  volley serve echo --listen 127.0.0.1:9001
  volley serve openshock-live --dialect server --delay lognormal:5ms:0.7
  volley serve echo --stall 500ms/5s --fault no_ack:5%
  volley serve --list-faults

A fault is NAME[=ARG][:SHARE]: no_ack, no_ack:5%, close_code=4000@10, drop_midstream=10@rst:0.1.
Of N handshakes, connections or answers exactly that share is struck; the account says how many.

Prints its address as one JSON line when ready, and its account as one JSON line when it is
stopped by SIGTERM or SIGINT.")]
pub(crate) struct ServeArgs {
    /// A shipped profile.
    #[arg(required_unless_present = "list_faults")]
    pub(crate) profile: Option<String>,
    /// Address to listen on; port 0 takes a free one.
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:0")]
    pub(crate) listen: std::net::SocketAddr,
    /// Which of the profile's dialects to speak.
    #[arg(long, value_name = "NAME")]
    pub(crate) dialect: Option<String>,
    /// Give a variable of the server a value; repeat for more.
    #[arg(long, value_name = "NAME=VALUE", value_parser = words::pair)]
    pub(crate) set: Vec<(String, String)>,
    /// Seed of everything random.
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub(crate) seed: u64,
    /// Hold each answer: fixed:5ms, lognormal:MEDIAN:SIGMA, uniform:1ms..9ms, bimodal:1ms:200ms:5%.
    #[arg(long, value_name = "LAW")]
    pub(crate) delay: Option<String>,
    /// Answer nothing for the end of each period, as 500ms/5s.
    #[arg(long, value_name = "TIME/PERIOD")]
    pub(crate) stall: Option<String>,
    /// Misbehave: NAME[=ARG][:SHARE]; repeat for more. --list-faults shows the names.
    #[arg(long, value_name = "FAULT")]
    pub(crate) fault: Vec<String>,
    /// Print every fault there is, or those that PROFILE can show, and end.
    #[arg(long)]
    pub(crate) list_faults: bool,
    /// Most connections open at once; more are refused with 503.
    #[arg(long, value_name = "N")]
    pub(crate) capacity: Option<usize>,
    /// Connections the server is at ease with: beyond N every answer takes 20 ms more, plus 20 ms x (open - N) / N.
    #[arg(long, value_name = "N")]
    pub(crate) knee: Option<u64>,
    /// Answer at most so many handshakes a second; others wait for their turn.
    #[arg(long, value_name = "RATE")]
    pub(crate) accept_rate: Option<crate::units::Rate>,
    /// Largest message read, as 32MiB; a larger one gets Close 1009. 1MiB unless said.
    #[arg(long, value_name = "SIZE", value_parser = crate::units::bytes_from)]
    pub(crate) message_cap: Option<u64>,
    /// Lanes, a thread each.
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=256))]
    pub(crate) lanes: u32,
    /// Stop when standard input ends, as a child of another program.
    #[arg(long, hide = true)]
    pub(crate) with_parent: bool,
}
