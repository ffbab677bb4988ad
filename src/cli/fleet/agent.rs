//! `volley agent`: plays shards until it is stopped.

use std::sync::Arc;

use super::connect;
use super::player;
use crate::cli::NOTHING;
use crate::cli::Trouble;
use crate::cli::USAGE;
use crate::cli::args::AgentArgs;
use crate::cli::preflight;
use crate::cli::signals;
use crate::cli::tell;
use crate::fleet::agent;
use crate::fleet::agent::About;
use crate::fleet::agent::Ending;
use crate::record::machine;
use crate::swarm::Control;
use crate::units::mix;
use crate::wire::clock;

/// Runs whose part was played that are remembered.
const BEEN_MOST: usize = 1_000;

/// Plays; the exit code.
pub(in crate::cli) fn agent(args: &AgentArgs) -> Result<u8, Trouble> {
    let files = preflight::raise_files();
    let bus = connect(&args.cluster, &args.nats, "agent")?;
    let stop = Arc::new(Control::default());
    // The signal stops whatever is played, too.
    let playing: Arc<std::sync::Mutex<Arc<Control>>> = Arc::new(std::sync::Mutex::new(stop.clone()));
    let (asked, now) = (stop.clone(), playing.clone());
    signals::on_stop(move |_| {
        asked.stop();
        let now = now.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if !Arc::ptr_eq(&now, &asked) {
            now.stop();
        }
    })?;
    let about = about(args, files);
    tell!("agent {} of pool `{}` waits at {}", about.name, about.pool, args.cluster);
    let mut been = Vec::new();
    loop {
        let control = Arc::new(Control::default());
        *playing.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = control.clone();
        if stop.is_stopping() {
            return Ok(0);
        }
        let mut player = player::Agent { args, files };
        let Some((run, ending)) = agent::serve(&bus, &about, &mut player, &control, &mut been).map_err(Trouble::nothing)? else {
            return Ok(0);
        };
        let code = told(&run.to_string(), &ending);
        if args.once || args.run.is_some() || stop.is_stopping() {
            return Ok(code);
        }
        been.drain(..been.len().saturating_sub(BEEN_MOST));
    }
}

fn about(args: &AgentArgs, files: u64) -> About {
    let machine = machine::here();
    let host = nix::unistd::gethostname().ok().and_then(|name| name.into_string().ok()).unwrap_or_default();
    let number = mix(clock::realtime() ^ u64::from(std::process::id()) << 40) as u32;
    About {
        name: format!("{}-{number:08x}", if host.is_empty() { "agent" } else { &host }),
        host,
        version: env!("CARGO_PKG_VERSION").into(),
        cpus: machine.cpus,
        files,
        pool: args.pool.clone(),
        prefers: args.shard,
        only: args.run,
    }
}

/// Says how a part ended; the exit code of an agent that ends with it.
fn told(run: &str, ending: &Ending) -> u8 {
    match ending {
        Ending::Played => tell!("run {run}: played to its end"),
        Ending::Aborted(why) => tell!("run {run}: stopped, because it was ended: {why}"),
        Ending::Fenced => tell!("run {run}: stopped, because the controller had given this shard up"),
        Ending::Orphaned(why) => tell!("run {run}: stopped, because what was measured could not be sent: {why}"),
        Ending::Refused(why) => tell!("run {run}: not played: {why}"),
        Ending::Full => tell!("run {run}: every shard has an agent already"),
        Ending::NotStarted(why) => tell!("run {run}: not started: {why}"),
    }
    match ending {
        Ending::Played | Ending::Aborted(_) => 0,
        Ending::Refused(_) => USAGE,
        Ending::Fenced | Ending::Orphaned(_) | Ending::Full | Ending::NotStarted(_) => NOTHING,
    }
}
