//! The bare side of the end-to-end benchmark: a server to measure against and a client that is the floor.
//!
//! Both run as child processes of the benchmark (its own program, called with [`SERVER`] or [`FLOOR`] first), so that
//! the CPU of each is its own. Knows nothing of volley.

pub(crate) mod client;
pub(crate) mod server;
pub(crate) mod sys;

use std::io;
use std::net::Ipv4Addr;
use std::ops::Range;
use std::process::ExitCode;

/// First argument of the server child; then its address and its law.
pub(crate) const SERVER: &str = "--bare-server";
/// First argument of the floor child; then [`client::Orders`] as text.
pub(crate) const FLOOR: &str = "--bare-floor";

/// When the server answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Law {
    /// As soon as it has read.
    AtOnce,
    /// After [`Law::DELAY_NS`], drawn uniformly for each answer, so that order may change.
    Random,
}

impl Law {
    /// The span of random delays.
    pub(crate) const DELAY_NS: Range<u64> = 2_000_000..8_000_000;

    /// As in the table and on the server's command line.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Law::AtOnce => "at-once",
            Law::Random => "2-8ms",
        }
    }

    fn from_name(name: &str) -> Option<Law> {
        [Law::AtOnce, Law::Random].into_iter().find(|law| law.name() == name)
    }
}

/// Runs the child that `args` ask for; `None` when they ask for none.
pub(crate) fn run_child(args: &[String]) -> Option<ExitCode> {
    let result = match args {
        [mode, address, law] if mode == SERVER => run_server(address, law),
        [mode, orders @ ..] if mode == FLOOR => run_floor(orders),
        _ => return None,
    };
    Some(match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{}: {error}", args[0]);
            ExitCode::FAILURE
        }
    })
}

fn run_server(address: &str, law: &str) -> io::Result<()> {
    let address: Ipv4Addr = address.parse().map_err(io::Error::other)?;
    let law = Law::from_name(law).ok_or_else(|| io::Error::other("no such law"))?;
    server::serve(address, law, &mut io::stdout().lock())
}

fn run_floor(orders: &[String]) -> io::Result<()> {
    let orders = client::Orders::from_args(orders).ok_or_else(|| io::Error::other("orders not understood"))?;
    println!("{}", client::run(&orders)?);
    Ok(())
}
