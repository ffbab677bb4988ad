//! `volley cluster`: a NATS server is prepared and looked after.

use super::keys;
use super::manifest;
use super::nats_bus;
use crate::cli::Trouble;
use crate::cli::args::AtArgs;
use crate::cli::args::ClusterCommand;
use crate::cli::say;
use crate::fleet::Bus as _;
use crate::fleet::Failed;
use crate::fleet::RunId;
use crate::fleet::bus::Key;
use crate::fleet::message::Message as _;
use crate::fleet::message::StateMessage;
use crate::fleet::nats::NatsBus;
use crate::fleet::nats::Storage;
use crate::units::bytes_text;
use crate::units::grouped;

/// Does what was asked; the exit code.
pub(in crate::cli) fn cluster(command: &ClusterCommand) -> Result<u8, Trouble> {
    match command {
        ClusterCommand::Init { at, size, replicas } => init(at, Storage { bytes: *size, replicas: *replicas as usize }),
        ClusterCommand::Status { at, pool } => status(at, pool),
        ClusterCommand::Purge { run, at } => purge(*run, at),
        ClusterCommand::Keys { out } => keys::make(out),
        ClusterCommand::Manifest { agents, cluster, image, pool, name, allow_target, cpus } => {
            let job = manifest::Job { agents: *agents, cluster, image, pool, name, allow_target, cpus: *cpus };
            say!("{}", job.yaml().trim_end());
            Ok(0)
        }
    }
}

fn at(at: &AtArgs) -> Result<NatsBus, Trouble> {
    nats_bus(&at.cluster, &at.nats, "controller")
}

fn trouble(failed: Failed) -> Trouble {
    Trouble::nothing(failed.to_string())
}

fn init(asked: &AtArgs, storage: Storage) -> Result<u8, Trouble> {
    let bus = at(asked)?;
    bus.init(storage).map_err(trouble)?;
    say!("ready: NATS {} keeps plans, claims and up to {} of results for a day", bus.version(), bytes_text(storage.bytes));
    Ok(0)
}

fn status(asked: &AtArgs, pool: &str) -> Result<u8, Trouble> {
    let bus = at(asked)?;
    say!("NATS {} at {}", bus.version(), asked.cluster);
    let mut lacks = false;
    for found in bus.found().map_err(trouble)? {
        match found.held {
            Some((messages, bytes, most)) => {
                let most = bytes_text(u64::try_from(most).unwrap_or(0));
                say!("{:16}  {} messages, {} of {most}", found.name, grouped(messages), bytes_text(bytes));
            }
            None => {
                lacks = true;
                say!("{:16}  is not there", found.name);
            }
        }
    }
    if lacks {
        return Err(Trouble::nothing("something is not there; `volley cluster init` makes it"));
    }
    let open = bus.get(&Key::Open(pool.into())).map_err(trouble)?;
    let run = open.and_then(|entry| RunId::parse(std::str::from_utf8(&entry.value).ok()?).ok());
    let Some(run) = run else {
        say!("pool `{pool}` had no run yet");
        return Ok(0);
    };
    let state = bus.get(&Key::State(run)).map_err(trouble)?.and_then(|entry| StateMessage::decode(&entry.value).ok());
    let phase = state.map_or("its state is gone".to_owned(), |state| {
        let why = if state.reason.is_empty() { String::new() } else { format!(": {}", crate::units::printable(&state.reason, 200)) };
        format!("{}{why}", format!("{:?}", state.phase).to_lowercase())
    });
    say!("pool `{pool}`: run {run}, {phase}");
    Ok(0)
}

fn purge(run: RunId, asked: &AtArgs) -> Result<u8, Trouble> {
    let purged = at(asked)?.purge(run).map_err(trouble)?;
    say!("run {run}: {} results were removed", grouped(purged));
    Ok(0)
}
