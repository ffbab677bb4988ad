//! The command line of `volley probe`.

use std::path::PathBuf;

use clap::Args;

use super::words::header;
use super::words::pair;
use crate::units::Nanos;

/// `volley probe`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  volley probe openshock-live --dialect server
  volley probe ./mine.toml --target ws://127.0.0.1:9001/ --for 3s --transcript mine.talk

Each line has the time since the start, the client, and what was said: `<` by the server, `>` by the client.")]
pub(crate) struct ProbeArgs {
    /// A shipped profile or a path to a .toml file.
    pub(in crate::cli) profile: String,
    /// Where to connect [default: the profile's reference server, started for this].
    #[arg(long, value_name = "URL")]
    target: Option<String>,
    /// Which of the profile's dialects to speak.
    #[arg(long, value_name = "NAME")]
    dialect: Option<String>,
    /// Give a variable of the profile a value, or that of a file with NAME=@FILE; repeat for more.
    #[arg(long, value_name = "NAME=VALUE", value_parser = pair)]
    pub(in crate::cli) set: Vec<(String, String)>,
    /// Add a header to the upgrade; repeat for more.
    #[arg(short = 'H', long = "header", value_name = "'Name: value'", value_parser = header)]
    headers: Vec<(String, String)>,
    /// How long to listen.
    #[arg(long = "for", value_name = "TIME", default_value = "5s")]
    pub(in crate::cli) time: Nanos,
    /// Sends of each client.
    #[arg(long, value_name = "RATE", default_value = "1/s")]
    pub(in crate::cli) rate: String,
    /// Write the conversation of the first client as a transcript.
    #[arg(long, value_name = "FILE")]
    pub(in crate::cli) transcript: Option<PathBuf>,
    /// Take any certificate of the server.
    #[arg(long)]
    insecure: bool,
    /// Trust the certificates in this PEM file besides the roots that browsers trust.
    #[arg(long, value_name = "FILE")]
    ca: Option<PathBuf>,
    /// Allow this host, which is neither loopback nor private; repeat for more.
    #[arg(long, value_name = "HOST")]
    allow_host: Vec<String>,
    /// Say that this production host of a vendor is yours; repeat for more.
    #[arg(long, value_name = "HOST")]
    i_own: Vec<String>,
    /// Send what the profile says does harm.
    #[arg(long)]
    allow_harm: bool,
    /// Send secrets over ws:// to a host that is not this machine.
    #[arg(long)]
    plaintext_secrets: bool,
}

impl ProbeArgs {
    /// What is passed on to the run.
    pub(in crate::cli) fn passed(&self) -> Vec<String> {
        let one = |flag: &str, value: &Option<String>| value.iter().flat_map(|v| [flag.to_owned(), v.clone()]).collect::<Vec<_>>();
        let many = |flag: &str, values: &[String]| values.iter().flat_map(|v| [flag.to_owned(), v.clone()]).collect::<Vec<_>>();
        let sets: Vec<String> = self.set.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let headers: Vec<String> = self.headers.iter().map(|(name, value)| format!("{name}: {value}")).collect();
        let ca = self.ca.as_ref().map(|ca| ca.display().to_string());
        let flags = [("--insecure", self.insecure), ("--allow-harm", self.allow_harm), ("--plaintext-secrets", self.plaintext_secrets)];
        let mut words = [one("--target", &self.target), one("--dialect", &self.dialect), one("--ca", &ca)].concat();
        words.extend(
            [many("--set", &sets), many("-H", &headers), many("--allow-host", &self.allow_host), many("--i-own", &self.i_own)].concat(),
        );
        words.extend(flags.into_iter().filter(|(_, is_set)| *is_set).map(|(flag, _)| flag.to_owned()));
        words
    }
}
