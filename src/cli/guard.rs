//! The target guard: whom a run may load, how much, and with what. Judged by the name before it is
//! looked up, and by every address that it turned out to have:
//!
//! | reach | may be loaded | most | secrets over ws:// |
//! |---|---|---|---|
//! | loopback | freely | - | freely |
//! | private | freely | connects at 500/s | `--plaintext-secrets` |
//! | public | `--allow-host` | the same; 100 connections, 1,000 messages/s | `--plaintext-secrets` |
//! | a vendor's production host | `--i-own` besides | the same | the same |
//!
//! `--over-limit` lifts what stands under "most".

use std::net::IpAddr;

use super::Trouble;
use super::args::RunArgs;
use crate::plan::Pacing;
use crate::plan::Plan;
use crate::plan::Target;
use crate::profile::Template;
use crate::units::MILLI;
use crate::units::Nanos;
use crate::units::grouped;

/// Production hosts of the services whose protocols ship as profiles, with everything under them.
const VENDORS: [&str; 5] = ["openshock.app", "livestyler.ai", "zyeta.io", "bayit.tv", "tryterra.co"];
/// Most connections to a public host.
const CONNECTIONS: u64 = 100;
/// Most messages a second to a public host.
const MESSAGES_PER_S: f64 = 1_000.0;
/// Most connections begun a second to a host that is not loopback.
const CONNECTS_PER_S: u64 = 500;

/// How far a target is away; the nearest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Reach {
    /// This machine.
    Loopback,
    /// A network of one's own: RFC 1918, RFC 4193, link-local.
    Private,
    /// Anything else.
    Public,
}

impl Reach {
    /// In words.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Reach::Loopback => "loopback",
            Reach::Private => "private",
            Reach::Public => "public",
        }
    }

    /// Of an address; an IPv4 address mapped into IPv6 is judged as what it is.
    fn of(address: IpAddr) -> Reach {
        let (loopback, private) = match address.to_canonical() {
            IpAddr::V4(v4) => (v4.is_loopback() || v4.is_unspecified(), v4.is_private() || v4.is_link_local()),
            IpAddr::V6(v6) => (v6.is_loopback() || v6.is_unspecified(), v6.is_unique_local() || v6.is_unicast_link_local()),
        };
        match (loopback, private) {
            (true, _) => Reach::Loopback,
            (_, true) => Reach::Private,
            _ => Reach::Public,
        }
    }
}

/// Judges a host by its name, before it is looked up.
pub(super) fn judge_name(host: &str, args: &RunArgs) -> Result<(), Trouble> {
    check_hosts("--allow-host", &args.allow_host, true)?;
    check_hosts("--i-own", &args.i_own, false)?;
    let Some(vendor) = vendor_of(host) else { return Ok(()) };
    let missing: Vec<&str> = [("--i-own", is_named(host, &args.i_own)), ("--allow-host", is_named(host, &args.allow_host))]
        .iter()
        .filter(|(_, given)| !given)
        .map(|(flag, _)| *flag)
        .collect();
    if missing.is_empty() {
        return Ok(());
    }
    let flags: Vec<String> = missing.iter().map(|flag| format!("{flag} {host}")).collect();
    Err(Trouble::usage(format!(
        "{host} is a production host of {vendor}. A load test there needs its owner's consent; if it is yours, pass {}",
        flags.join(" and ")
    )))
}

/// Judges all addresses of the host; how far the farthest is away.
pub(super) fn judge_addresses(host: &str, addresses: &[IpAddr], allowed: &[String]) -> Result<Reach, Trouble> {
    let farthest = addresses.iter().max_by_key(|address| Reach::of(**address));
    let Some(address) = farthest else { return Err(Trouble::nothing(format!("{host} has no address"))) };
    let reach = Reach::of(*address);
    if reach < Reach::Public || is_named(host, allowed) {
        return Ok(reach);
    }
    let seen = if host.parse() == Ok(*address) { host.to_owned() } else { format!("{host} ({address})") };
    Err(Trouble::usage(format!("{seen} is neither loopback nor private. If you may load it, pass --allow-host {host}")))
}

/// Judges a host whose addresses are not known here: it has to be allowed by name.
pub(super) fn judge_unseen(host: &str, allowed: &[String]) -> Result<Reach, Trouble> {
    if is_named(host, allowed) {
        return Ok(Reach::Public);
    }
    Err(Trouble::usage(format!("{host} cannot be looked up here, so it may be anywhere. If you may load it, pass --allow-host {host}")))
}

/// Judges the amount of load; a ramp that takes more time, where connects have to be paced.
pub(super) fn judge_amount(plan: &Plan, reach: Reach, args: &RunArgs) -> Result<Option<Nanos>, Trouble> {
    if args.over_limit || reach == Reach::Loopback {
        return Ok(None);
    }
    if reach == Reach::Public {
        caps(plan)?;
    }
    // Those who come later are paced one by one.
    let least = paced_ramp(plan.presence.map_or(plan.clients, |presence| presence.first()));
    Ok((plan.ramp < least).then_some(least))
}

fn caps(plan: &Plan) -> Result<(), Trouble> {
    let host = &plan.target.host;
    let refuse = |what: String, fits: String| {
        let most = format!("{CONNECTIONS} connections and {} messages/s", grouped(MESSAGES_PER_S as u64));
        Err(Trouble::usage(format!("{what} to {host}, which is public: the most there is {most}. {fits}, or pass --over-limit")))
    };
    if plan.clients > CONNECTIONS {
        let fits = if plan.trace.is_some() { "Pass fewer --clones".to_owned() } else { format!("Pass --clients {CONNECTIONS}") };
        return refuse(format!("{} connections", grouped(plan.clients)), fits);
    }
    match plan.pacing {
        Pacing::Closed(_) => refuse("a closed loop sends as fast as it is answered".into(), "Give a --rate instead".into()),
        Pacing::Open(_) if plan.trace.is_some() => {
            let per_s = plan.trace.as_ref().map_or(0, |trace| trace.peak.saturating_mul(trace.clones));
            if per_s as f64 <= MESSAGES_PER_S {
                return Ok(());
            }
            refuse(format!("{} messages/s", grouped(per_s)), "Pass a lower --speed or fewer --clones".into())
        }
        Pacing::Open(curve) => {
            let per_s = curve.peak().per_s() * plan.clients as f64;
            if per_s <= MESSAGES_PER_S {
                return Ok(());
            }
            let fits = MESSAGES_PER_S / plan.clients as f64;
            let fits = if fits >= 1.0 { fits.floor() } else { fits };
            refuse(format!("{} messages/s", grouped(per_s.ceil() as u64)), format!("Pass --rate {fits}/s"))
        }
    }
}

/// The shortest ramp of so many clients to a host that is not loopback.
fn paced_ramp(clients: u64) -> Nanos {
    let ns = if clients > 1 { u128::from(clients) * 1_000_000_000 / u128::from(CONNECTS_PER_S) } else { 0 };
    Nanos(u64::try_from(ns).unwrap_or(u64::MAX).next_multiple_of(MILLI))
}

/// Refuses secrets that everybody on the way could read. `carriers` say what holds them.
pub(super) fn judge_secrets(target: &Target, reach: Reach, carriers: &[String], args: &RunArgs) -> Result<(), Trouble> {
    if target.tls || reach == Reach::Loopback || carriers.is_empty() || args.plaintext_secrets {
        return Ok(());
    }
    Err(Trouble::usage(format!(
        "{} is not this machine, and without TLS everybody on the way sees what is sent: secrets in {}. Use wss:// and https://, or pass \
         --plaintext-secrets",
        target.host,
        carriers.join(", ")
    )))
}

/// Refuses messages that have an effect in the real world, unless that is wanted.
pub(super) fn judge_harm(plan: &Plan, allowed: bool) -> Result<(), Trouble> {
    let profile = &plan.profile;
    let Some(harm) = profile.harm.as_ref().filter(|_| !allowed) else { return Ok(()) };
    let refuse = |what: String| Err(Trouble::usage(format!("{what}. Declared harm: {harm}. If that is what you want, pass --allow-harm")));
    let sent: Vec<&str> = profile.templates().flat_map(Template::vars).collect();
    let mut is_guarded = false;
    for (name, var) in profile.vars.iter().filter(|(name, _)| sent.contains(&name.as_str())) {
        let column = plan.columns.iter().position(|column| column == name);
        let of_rows = column.into_iter().flat_map(|column| plan.rows.iter().map(move |row| row[column].as_str()));
        let values: Vec<&str> = plan.vars.get(name).map(String::as_str).into_iter().chain(of_rows).collect();
        match &var.harmless {
            Some(harmless) if values.iter().any(|value| value != harmless) => {
                return refuse(format!("`{name}` is harmless only as `{harmless}`, and has another value"));
            }
            Some(_) => is_guarded = true,
            // What ends its text could write members of its own.
            None if values.iter().any(|value| value.contains(['"', '\\'])) => {
                return refuse(format!("the value of `{name}` has a quote or backslash, and goes into a message"));
            }
            None => {}
        }
    }
    if is_guarded { Ok(()) } else { refuse(format!("the messages of profile `{}` may do harm as they stand", profile.name)) }
}

/// A name or address as it is compared: lower case, without brackets and the dots of the root.
fn plain(host: &str) -> String {
    let host = host.trim().trim_end_matches('.').to_ascii_lowercase();
    let inner = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(&host);
    inner.parse::<IpAddr>().map_or(inner.to_owned(), |address| address.to_canonical().to_string())
}

/// Whether `host` is among `named`: itself, or below a `*.name`.
pub(super) fn is_named(host: &str, named: &[String]) -> bool {
    let host = plain(host);
    named.iter().map(|name| plain(name)).any(|name| match name.strip_prefix('*') {
        Some(below) => host.strip_suffix(below).is_some_and(|rest| !rest.is_empty()),
        None => host == name,
    })
}

/// Refuses what is no host, and a `*.` over all the world.
fn check_hosts(flag: &str, hosts: &[String], stars: bool) -> Result<(), Trouble> {
    for host in hosts {
        let name = plain(host);
        let is_address = name.parse::<IpAddr>().is_ok();
        let rest = if stars { name.strip_prefix("*.").unwrap_or(&name) } else { &name };
        let is_wide = rest.len() < name.len() && (!rest.contains('.') || rest.parse::<IpAddr>().is_ok());
        if rest.is_empty() || is_wide || (!is_address && rest.contains(['*', '/', ':', '@', ' '])) {
            let star = if stars { ", or `*.staging.example.com` for all below it" } else { "" };
            return Err(Trouble::usage(format!("{flag} `{host}` is no host name; write for example `staging.example.com`{star}")));
        }
    }
    Ok(())
}

fn vendor_of(host: &str) -> Option<&'static str> {
    let host = plain(host);
    VENDORS.into_iter().find(|v| host == *v || host.strip_suffix(v).is_some_and(|rest| rest.ends_with('.')))
}

#[cfg(test)]
mod tests;
