//! Runs with many machines: what is typed about them, and what they say. The work is done in `crate::fleet`.

pub(super) mod agent;
#[cfg(feature = "cluster")]
pub(super) mod cluster;
mod keep;
#[cfg(feature = "cluster")]
mod keys;
pub(super) mod lead;
#[cfg(feature = "cluster")]
mod manifest;
mod message;
mod player;
pub(super) mod resume;

use std::net::IpAddr;
use std::sync::Arc;

use super::Trouble;
use super::args::NatsArgs;
use super::args::RunArgs;
use super::secrets;
#[cfg(feature = "cluster")]
use super::signals;
use super::tell;
use crate::fleet::Bus;
use crate::fleet::controller::News;
use crate::profile::Profile;
use crate::units::Nanos;

/// What stands in the place of a secret where a plan is made; agents have their own.
const OF_THE_AGENTS: &str = "of-the-agents";

/// Host of the first server of an address as `nats://host:port`.
fn host(url: &str) -> &str {
    let first = url.split(',').next().unwrap_or_default();
    let rest = first.split_once("://").map_or(first, |(_, rest)| rest);
    let rest = rest.rsplit_once('@').map_or(rest, |(_, rest)| rest);
    match rest.strip_prefix('[') {
        Some(v6) => v6.split(']').next().unwrap_or_default(),
        None => rest.split([':', '/']).next().unwrap_or_default(),
    }
}

/// Whether an address is of this machine.
fn is_own(url: &str) -> bool {
    let host = host(url);
    host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// Refuses addresses that everybody on the way could read, and those with a password in them.
fn check_way(url: &str, nats: &NatsArgs) -> Result<(), Trouble> {
    for server in url.split(',') {
        let Some((scheme, rest)) = server.split_once("://") else {
            return Err(Trouble::usage("--cluster is an address as nats://127.0.0.1:4222 or tls://nats.example.com:4222"));
        };
        if rest.contains('@') {
            return Err(Trouble::usage("--cluster: a password does not belong in an address; use --nats-nkey or --nats-creds"));
        }
        match scheme {
            "tls" => {}
            "nats" if is_own(server) || nats.insecure_nats => {}
            "nats" => {
                return Err(Trouble::usage(format!(
                    "--cluster {server} is not this machine, and nats:// has no TLS: whoever listens on the way could take the fleet \
                     over. Use tls://, or pass --insecure-nats"
                )));
            }
            other => return Err(Trouble::usage(format!("--cluster: `{other}://` is not known; write nats:// or tls://"))),
        }
    }
    Ok(())
}

/// The bus at `url`, for a `role` of the protocol.
#[cfg(feature = "cluster")]
fn connect(url: &str, nats: &NatsArgs, role: &str) -> Result<Arc<dyn Bus>, Trouble> {
    Ok(Arc::new(nats_bus(url, nats, role)?))
}

/// The bus at `url`.
#[cfg(not(feature = "cluster"))]
fn connect(url: &str, nats: &NatsArgs, _role: &str) -> Result<Arc<dyn Bus>, Trouble> {
    check_way(url, nats)?;
    Err(Trouble::usage("this volley was built without the feature `cluster`"))
}

/// The bus over NATS at `url`.
#[cfg(feature = "cluster")]
fn nats_bus(url: &str, nats: &NatsArgs, role: &str) -> Result<crate::fleet::nats::NatsBus, Trouble> {
    check_way(url, nats)?;
    // The client begins threads of its own.
    signals::hold()?;
    let nkey = nats.nats_nkey.as_deref().map(keys::read).transpose()?;
    let way = crate::fleet::nats::Way {
        url: url.to_owned(),
        ca: nats.nats_ca.clone(),
        nkey,
        creds: nats.nats_creds.clone(),
        name: format!("volley-{role}"),
        inbox: format!("_INBOX_VOLLEY_{}", role.to_ascii_uppercase()),
    };
    crate::fleet::nats::NatsBus::connect(&way).map_err(Trouble::nothing)
}

/// Refuses a fleet that could not reach what it is to load.
pub(super) fn can_be_reached(args: &RunArgs) -> Result<(), Trouble> {
    let Some(cluster) = &args.fleet.cluster else { return Ok(()) };
    if args.target.is_none() && !is_own(cluster) {
        return Err(Trouble::usage("agents on other machines cannot reach the reference server of this one; give --target"));
    }
    let theirs = [("--proxy URL", args.proxy.is_some()), ("--cert FILE --key FILE", args.cert.is_some())];
    match theirs.iter().find(|(_, is_given)| *is_given) {
        Some((flag, _)) => Err(Trouble::usage(format!("who connects are the agents, so give it to each of them: volley agent {flag}"))),
        None => Ok(()),
    }
}

/// What was set, where a plan goes to others: secrets do not go with it.
pub(super) fn without_secrets(
    args: &RunArgs,
    profile: &Profile,
    mut sets: Vec<(String, String)>,
) -> Result<Vec<(String, String)>, Trouble> {
    if args.fleet.cluster.is_none() {
        return Ok(sets);
    }
    if let Some((name, _)) = sets.iter().find(|(name, _)| secrets::is_secret(profile, name)) {
        return Err(Trouble::usage(format!(
            "--set {name} is a secret, and secrets do not travel with a plan. Give it to each agent: volley agent --set {name}=@FILE, or \
             its environment"
        )));
    }
    let secret = profile.vars.keys().filter(|name| secrets::is_secret(profile, name));
    sets.extend(secret.map(|name| (name.clone(), OF_THE_AGENTS.to_owned())));
    Ok(sets)
}

/// Tells people what a controller has to say.
fn say_news(news: &News) {
    match news {
        News::Gathering(ready, of) => tell!("{ready} of {of} agents are ready"),
        News::Starting(wait) => tell!("starting in {}", Nanos(wait.as_millis() as u64 * 1_000_000)),
        News::Late(shard, who) => tell!("\nwarning: nothing is heard of shard {shard} ({who})"),
        News::Lost(shard, who) => tell!("\nwarning: shard {shard} is lost ({who})"),
        News::Joined(shard, who) => tell!("\nshard {shard} is played by {who} from here on"),
        News::Unreplaced(shard) => tell!("\nwarning: no spare agent took shard {shard}; the run goes on without it"),
        News::Reached(false) => tell!("\nwarning: NATS is not reached; agents go on, and what they send is kept"),
        News::Reached(true) => tell!("\nNATS is reached again"),
        News::Strange(why) => tell!("\nwarning: a message was not taken: {why}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_this_machine_is_spoken_with_in_the_open() {
        for (url, insecure, is_fine) in [
            ("nats://127.0.0.1:4222", false, true),
            ("nats://localhost", false, true),
            ("nats://[::1]:4222", false, true),
            ("nats://127.0.0.1:4222,nats://10.0.0.1:4222", false, false),
            ("nats://10.0.0.1:4222", false, false),
            ("nats://127.0.0.1.example.com", false, false),
            ("nats://10.0.0.1:4222", true, true),
            ("tls://nats.example.com", false, true),
            ("tls://me:pw@nats.example.com", false, false),
            ("http://127.0.0.1", false, false),
            ("127.0.0.1:4222", false, false),
        ] {
            let nats = NatsArgs { insecure_nats: insecure, ..NatsArgs::default() };
            assert_eq!(check_way(url, &nats).is_ok(), is_fine, "{url}");
        }
    }
}
