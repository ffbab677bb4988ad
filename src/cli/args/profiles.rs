//! `volley profiles`: what was typed.

use std::path::PathBuf;

use clap::Subcommand;

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
}
