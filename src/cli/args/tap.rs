//! The command line of `volley record`.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::Args;
use clap::Parser;

use super::Cli;
use super::Command;
use super::RunArgs;
use crate::units::Nanos;

/// `volley record`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  volley record --listen 127.0.0.1:9000 --target wss://staging.example.com --allow-host staging.example.com --out chat.trace.ndjson
      then give the client ws://127.0.0.1:9000/.. instead, and stop with Ctrl-C; the path is that of the client
  volley run ./mine.toml --trace chat.trace.ndjson --target wss://staging.example.com
      play what was recorded

Bytes are passed on at once and unchanged, but for the head of each request: Host and an Origin of this machine become the
target's, and no extension (permessage-deflate) is asked for, so that frames can be read. Requests over HTTP are passed on, not
recorded. Prints its address as one JSON line when ready, and what it saw as one JSON line in the end.

Secrets are replaced by marks like <secret:token:1>, the same secret by the same mark: what --secret-env names, credentials and
cookies of the upgrade, JSON Web Tokens, and what stands under names like token, password, api_key or session. Once seen, a
secret is found in every usual encoding; what was said before it was known to be one stays, and so do the parts of one that is
split over two messages or packed (gzip, UTF-16). Look through a trace before you give it away.")]
pub(crate) struct RecordArgs {
    /// Address to listen on; port 0 takes a free one.
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:0")]
    pub(in crate::cli) listen: SocketAddr,
    /// Where clients are led to, ws:// or wss://; a path in it stands before theirs.
    #[arg(long, value_name = "URL")]
    pub(in crate::cli) target: String,
    /// File of the trace [default: <UTC stamp>.trace.ndjson].
    #[arg(long, value_name = "FILE")]
    pub(in crate::cli) out: Option<PathBuf>,
    /// Write over a file that is there already.
    #[arg(long)]
    pub(in crate::cli) force: bool,
    /// The profile that describes what is recorded; it is noted in the trace.
    #[arg(long, value_name = "NAME")]
    pub(in crate::cli) profile: Option<String>,
    /// Largest message that is recorded, at most 1MiB; a larger one is passed on and ends the recording of its connection.
    #[arg(long, value_name = "SIZE", default_value = "1MiB", value_parser = crate::units::bytes_from)]
    pub(in crate::cli) message_cap: u64,
    /// The value of this environment variable is a secret; repeat for more.
    #[arg(long, value_name = "NAME", help_heading = "Secrets")]
    pub(in crate::cli) secret_env: Vec<String>,
    /// What stands under this name is a secret too; repeat for more.
    #[arg(long, value_name = "NAME", help_heading = "Secrets")]
    pub(in crate::cli) secret_name: Vec<String>,
    /// How long the target may take to take a connection.
    #[arg(long, value_name = "TIME", default_value = "10s", help_heading = "Wire")]
    pub(in crate::cli) timeout: Nanos,
    /// Take any certificate of the server.
    #[arg(long, help_heading = "Wire")]
    insecure: bool,
    /// Trust the certificates in this PEM file besides the roots that browsers trust.
    #[arg(long, value_name = "FILE", help_heading = "Wire", conflicts_with = "insecure")]
    ca: Option<PathBuf>,
    /// Certificate chain shown to the server (PEM).
    #[arg(long, value_name = "FILE", help_heading = "Wire", requires = "key")]
    cert: Option<PathBuf>,
    /// Key of that certificate (PEM).
    #[arg(long, value_name = "FILE", help_heading = "Wire", requires = "cert")]
    key: Option<PathBuf>,
    /// Reach the target through a proxy by CONNECT, as http://name:password@127.0.0.1:3128.
    #[arg(long, value_name = "URL", help_heading = "Wire")]
    pub(in crate::cli) proxy: Option<crate::cli::proxy::Proxy>,
    /// The address of a host and port, instead of what its name leads to; repeat for more.
    #[arg(long, value_name = "HOST:PORT:ADDRESS", help_heading = "Wire")]
    resolve: Vec<crate::cli::proxy::Resolved>,
    /// Listen where others than this machine can reach the target through here.
    #[arg(long, help_heading = "Safety")]
    pub(in crate::cli) listen_anywhere: bool,
    /// Allow this host, which is neither loopback nor private, or *.NAME for all below; repeat for more.
    #[arg(long, value_name = "HOST", help_heading = "Safety")]
    allow_host: Vec<String>,
    /// Say that this production host of a vendor is yours; repeat for more.
    #[arg(long, value_name = "HOST", help_heading = "Safety")]
    i_own: Vec<String>,
}

impl RecordArgs {
    /// The flags of a run that reaches the target in the same way.
    pub(in crate::cli) fn as_run(&self) -> RunArgs {
        let typed = Cli::try_parse_from(["volley", "run", "echo"]).expect("a run needs no more");
        let Command::Run(mut run) = typed.command else { unreachable!("it was a run") };
        run.insecure = self.insecure;
        run.ca = self.ca.clone();
        run.cert = self.cert.clone();
        run.key = self.key.clone();
        run.proxy = self.proxy.clone();
        run.resolve = self.resolve.clone();
        run.allow_host = self.allow_host.clone();
        run.i_own = self.i_own.clone();
        *run
    }
}
