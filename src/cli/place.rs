//! Addresses at which a run is watched over HTTP: taken before it begins, served by a thread each while it goes on.

use std::net::SocketAddr;
use std::net::TcpListener;
use std::sync::Arc;
use std::thread::JoinHandle;

use super::Trouble;
use super::args::RunArgs;
use super::tell;
use crate::wire::pages;
use crate::wire::pages::Board;

/// The addresses that a run was given.
pub(super) struct Places {
    /// Of --live.
    pub(super) live: Option<Place>,
    /// Of --metrics.
    pub(super) metrics: Option<Place>,
}

impl Places {
    /// Takes the addresses that were asked for.
    pub(super) fn take(args: &RunArgs) -> Result<Places, Trouble> {
        let take = |flag, asked: Option<SocketAddr>| asked.map(|asked| Place::take(flag, asked, args.listen_anywhere)).transpose();
        Ok(Places { live: take("--live", args.live)?, metrics: take("--metrics", args.metrics)? })
    }
}

/// An address that is ours.
pub(super) struct Place {
    listener: TcpListener,
    address: SocketAddr,
}

impl Place {
    fn take(flag: &str, asked: SocketAddr, anywhere: bool) -> Result<Place, Trouble> {
        if !asked.ip().is_loopback() && !anywhere {
            return Err(Trouble::usage(format!(
                "{flag} {asked} would show the run to others than this machine. Take 127.0.0.1:0, or add --listen-anywhere"
            )));
        }
        let (listener, address) = pages::listen(asked)
            .map_err(|e| Trouble::usage(format!("{flag} {asked} cannot be listened at: {e}. Port 0 takes any that is free")))?;
        Ok(Place { listener, address })
    }

    /// The address, its port settled.
    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Whether only this machine can reach it.
    pub(super) fn is_own(&self) -> bool {
        self.address.ip().is_loopback()
    }

    /// Serves `board` here from now on, in a thread called `name`.
    pub(super) fn serve(self, name: &'static str, board: Board) -> Result<Serving, Trouble> {
        let (board, listener) = (Arc::new(board), self.listener);
        let its = board.clone();
        let serve = move || {
            if let Err(e) = pages::serve(listener, &its) {
                tell!("warning: --{name} cannot be served: {e}; the run goes on");
            }
        };
        let thread = std::thread::Builder::new().name(name.into()).spawn(serve);
        let thread = thread.map_err(|e| Trouble::internal(format!("starting a thread: {e}")))?;
        Ok(Serving { board, thread: Some(thread) })
    }
}

/// A board that is served until this is dropped.
pub(super) struct Serving {
    board: Arc<Board>,
    thread: Option<JoinHandle<()>>,
}

impl Serving {
    /// What is served.
    pub(super) fn board(&self) -> &Board {
        &self.board
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        self.board.close();
        if let Some(thread) = self.thread.take() {
            // A panic there was told.
            thread.join().ok();
        }
    }
}
