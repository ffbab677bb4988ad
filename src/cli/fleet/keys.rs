//! Keys of controllers and agents, and what a NATS server has to know of them: who may say and hear what.

use std::fs::DirBuilder;
use std::fs::OpenOptions;
use std::io::Read as _;
use std::io::Write as _;
use std::os::unix::fs::DirBuilderExt as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use nkeys::KeyPair;

use crate::cli::Trouble;
use crate::cli::say;
use crate::cli::tell;

/// Longest file with a seed, in bytes.
const SEED_MOST: u64 = 4 << 10;

/// What agents may publish. They read plans and states, claim shards, send snapshots, ask for the time, read what is large.
const AGENT: [&str; 10] = [
    "$JS.API.DIRECT.GET.KV_VOLLEY_PLAN.>",
    "$JS.API.DIRECT.GET.KV_VOLLEY_CLAIM.>",
    "$KV.VOLLEY_CLAIM.*.shard.*",
    "volley.v1.snap.>",
    "$JS.API.STREAM.INFO.OBJ_VOLLEY_BLOB",
    "$JS.API.DIRECT.GET.OBJ_VOLLEY_BLOB.>",
    "$JS.API.CONSUMER.CREATE.OBJ_VOLLEY_BLOB",
    "$JS.API.CONSUMER.CREATE.OBJ_VOLLEY_BLOB.>",
    "$JS.API.CONSUMER.DELETE.OBJ_VOLLEY_BLOB.>",
    "$JS.FC.OBJ_VOLLEY_BLOB.>",
];
/// What controllers may publish besides: plans, states and fences, fetching and acknowledging of snapshots, clearing them.
const CONTROLLER: [&str; 16] = [
    "$JS.API.DIRECT.GET.KV_VOLLEY_PLAN.>",
    "$JS.API.DIRECT.GET.KV_VOLLEY_CLAIM.>",
    "$KV.VOLLEY_PLAN.>",
    "$KV.VOLLEY_CLAIM.>",
    "$JS.API.CONSUMER.*.VOLLEY_SNAP.>",
    "$JS.API.CONSUMER.MSG.NEXT.VOLLEY_SNAP.>",
    "$JS.API.STREAM.INFO.*",
    "$JS.API.STREAM.PURGE.VOLLEY_SNAP",
    "$JS.ACK.VOLLEY_SNAP.>",
    "$O.VOLLEY_BLOB.>",
    "$JS.API.DIRECT.GET.OBJ_VOLLEY_BLOB.>",
    "$JS.API.CONSUMER.CREATE.OBJ_VOLLEY_BLOB",
    "$JS.API.CONSUMER.CREATE.OBJ_VOLLEY_BLOB.>",
    "$JS.API.CONSUMER.DELETE.OBJ_VOLLEY_BLOB.>",
    "$JS.API.STREAM.PURGE.OBJ_VOLLEY_BLOB",
    "$JS.FC.OBJ_VOLLEY_BLOB.>",
];

/// A key of a role, from its file.
pub(super) fn read(path: &Path) -> Result<String, Trouble> {
    let wrong = |why: String| Trouble::usage(format!("--nats-nkey {}: {why}", path.display()));
    let mut text = String::new();
    let file = std::fs::File::open(path).map_err(|e| wrong(e.to_string()))?;
    file.take(SEED_MOST).read_to_string(&mut text).map_err(|e| wrong(e.to_string()))?;
    let seed = text.lines().map(str::trim).find(|line| line.starts_with("SU")).unwrap_or_default();
    KeyPair::from_seed(seed).map_err(|_| wrong("there is no seed of a user in it (a line that begins with SU)".into()))?;
    Ok(seed.to_owned())
}

/// Makes keys in the folder `out` and prints the server's configuration for them.
pub(super) fn make(out: &Path) -> Result<u8, Trouble> {
    let wrong = |e: std::io::Error| Trouble::usage(format!("{}: {e}", out.display()));
    DirBuilder::new().recursive(true).mode(0o700).create(out).map_err(wrong)?;
    let mut public = Vec::new();
    for role in ["init", "controller", "agent"] {
        let pair = KeyPair::new_user();
        let seed = pair.seed().map_err(|e| Trouble::internal(format!("a key: {e}")))?;
        let path = out.join(format!("{role}.nk"));
        let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path);
        let mut file = file.map_err(|e| Trouble::usage(format!("{}: {e}; keys that are there are not replaced", path.display())))?;
        writeln!(file, "{seed}").map_err(wrong)?;
        public.push(pair.public_key());
    }
    tell!("seeds are in {0}: init.nk for `volley cluster init` once, controller.nk for `volley run`, agent.nk for agents", out.display());
    say!("{}", config(&public).trim_end());
    Ok(0)
}

fn list(subjects: &[&str], more: &[&str]) -> String {
    let quoted: Vec<String> = subjects.iter().chain(more).map(|subject| format!("\"{subject}\"")).collect();
    quoted.join(", ")
}

fn config(public: &[String]) -> String {
    format!(
        "\
# For the configuration of nats-server, beside listen, tls and jetstream. volley has an account of its own.
accounts {{
  VOLLEY {{
    jetstream: enabled
    users: [
      {{ nkey: {init} }}
      {{ nkey: {controller}, permissions {{
          publish: [{controls}]
          subscribe: [\"_INBOX_VOLLEY_CONTROLLER.>\", \"volley.v1.time.>\"]
          allow_responses: true }} }}
      {{ nkey: {agent}, permissions {{
          publish: [{plays}]
          subscribe: [\"_INBOX_VOLLEY_AGENT.>\"] }} }}
    ]
  }}
}}
",
        init = public[0],
        controller = public[1],
        agent = public[2],
        controls = list(&CONTROLLER, &[]),
        plays = list(&AGENT, &["volley.v1.time.>"]),
    )
}
