//! `volley profiles`: what was typed.

use std::path::PathBuf;

use clap::Args;
use clap::Subcommand;
use clap::ValueEnum;

/// `volley profiles`.
#[derive(Debug, Subcommand)]
pub(crate) enum ProfilesCommand {
    /// List the shipped profiles.
    List,
    /// Print a shipped profile.
    Show {
        /// Its name.
        name: String,
    },
    /// Check a profile: all its mistakes at once, then its transcripts, then two seconds with its reference server.
    Check {
        /// A shipped profile or a path to a .toml file; all shipped ones without it.
        profile: Option<String>,
        /// Play the transcripts only.
        #[arg(long)]
        no_server: bool,
    },
    /// Write a commented profile that runs as it stands, to begin your own with.
    New {
        /// Name of the profile: lower-case letters, digits and `-`.
        name: String,
        /// File to write [default: NAME.toml]; one that is there already is never written over.
        #[arg(long, value_name = "FILE")]
        out: Option<PathBuf>,
    },
    /// Print the JSON Schema of profiles, for editors.
    Schema,
    /// Make a profile and a trace that run from what others wrote down.
    #[command(subcommand)]
    Import(ImportFrom),
}

/// `volley profiles import`.
#[derive(Debug, Subcommand)]
pub(crate) enum ImportFrom {
    /// From the WebSocket messages of a HAR file, as the developer tools of Chromium export it.
    Har(HarArgs),
    /// From an AsyncAPI document, 2.x or 3.x, YAML or JSON.
    Asyncapi(AsyncapiArgs),
}

/// Where an import goes.
#[derive(Debug, Args)]
pub(crate) struct ImportTo {
    /// Folder for NAME.toml and NAME.trace.ndjson.
    #[arg(long, value_name = "DIR", default_value = ".")]
    pub(in crate::cli) out: PathBuf,
    /// Name of the profile: lower-case letters, digits and `-` [default: that of the file].
    #[arg(long, value_name = "NAME")]
    pub(in crate::cli) name: Option<String>,
    /// Write over files that are there already.
    #[arg(long)]
    pub(in crate::cli) force: bool,
}

/// `volley profiles import har`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  volley profiles import har chat.har --out chat
  volley run chat/chat.toml --trace chat/chat.trace.ndjson --target ws://127.0.0.1:9001/

The trace has every message as it was; the profile knows what could be told from them: kinds of messages by a member like
`type`, and an answer by a number that comes back in it. Conversations with one address are taken; --url chooses it.
Secrets are replaced by marks like <secret:token:1> in the trace, and by variables in the profile.")]
pub(crate) struct HarArgs {
    /// The HAR file, at most 256 MiB.
    pub(in crate::cli) file: PathBuf,
    /// Take the conversations with the address that has this text in it [default: where most was sent].
    #[arg(long, value_name = "TEXT")]
    pub(in crate::cli) url: Option<String>,
    /// What stands under this name is a secret too; repeat for more.
    #[arg(long, value_name = "NAME")]
    pub(in crate::cli) secret_name: Vec<String>,
    #[command(flatten)]
    pub(in crate::cli) to: ImportTo,
}

/// Whom an AsyncAPI document describes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Describes {
    /// The server: what it receives, clients send.
    Server,
    /// A client: what it sends, clients send.
    Client,
}

/// `volley profiles import asyncapi`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  volley profiles import asyncapi chat.yaml --out chat
  volley run chat/chat.toml --set send=ping --target ws://127.0.0.1:9001/
  volley run chat/chat.toml --trace chat/chat.trace.ndjson --target ws://127.0.0.1:9001/

Messages are taken from examples, else made from their schema (const, enum, default, format). The trace has one of each that
a client sends, in the order of the document; the profile sends the first of them, or another with --set send=NAME.")]
pub(crate) struct AsyncapiArgs {
    /// The document, at most 8 MiB.
    pub(in crate::cli) file: PathBuf,
    /// Which server of the document [default: the first that speaks ws or wss].
    #[arg(long, value_name = "NAME")]
    pub(in crate::cli) server: Option<String>,
    /// Which channel [default: the first to which clients send].
    #[arg(long, value_name = "NAME")]
    pub(in crate::cli) channel: Option<String>,
    /// Whom the document describes.
    #[arg(long, value_enum, default_value_t = Describes::Server)]
    pub(in crate::cli) describes: Describes,
    #[command(flatten)]
    pub(in crate::cli) to: ImportTo,
}
