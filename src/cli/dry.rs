//! `volley run --dry-run`: what would be done, and whether it may be. Nothing is sent, not even the
//! question of what address a name has.

use std::net::IpAddr;

use super::Trouble;
use super::args::RunArgs;
use super::guard;
use super::guard::Reach;
use super::redact;
use super::run::amount;
use super::say;
use super::secrets::Secrets;
use super::trace;
use crate::dialogue::Score;
use crate::plan::Plan;
use crate::plan::Target;
use crate::units::grouped;

/// Says what `plan` would do. What the guard can refuse without looking anything up, it refuses.
pub(super) fn run(plan: &mut Plan, score: Option<&Score>, own_server: bool, secrets: &Secrets, args: &RunArgs) -> Result<u8, Trouble> {
    let verdict = if own_server { "this machine alone".to_owned() } else { judged(plan, &plan.target.clone(), secrets, args)? };
    let http = plan.http.clone().map(|host| Ok(format!("{}; {}", host.origin(), judged(plan, &host, secrets, args)?))).transpose()?;
    let dialect = plan.dialect.as_ref().map(|d| format!(" ({d} dialect)")).unwrap_or_default();
    say!("profile   {}{dialect}: {}", plan.profile.name, plan.profile.about);
    let target = if own_server { "the reference server, started for the run".to_owned() } else { plan.target.to_string() };
    say!("target    {}", redact::at_the_door(&target));
    say!("guard     {verdict}");
    if let Some(http) = http {
        say!("http      {http}");
    }
    say!("load      {}", amount(plan));
    score.iter().for_each(|score| trace::tell(plan, score));
    if let Some(shape) = plan.shape().filter(|_| score.is_none()) {
        let planned: u64 = (0..plan.clients).map(|c| shape.planned(c, plan.measure_until())).sum();
        say!("          {} sends in all, ramp and warm-up included", grouped(planned));
    }
    let harm = plan.profile.harm.as_deref().unwrap_or("none declared");
    say!("harm      {harm}{}", if plan.profile.harm.is_some() && args.allow_harm { "; allowed by --allow-harm" } else { "" });
    say!("secrets   {}", if secrets.carriers.is_empty() { "none".to_owned() } else { secrets.carriers.join(", ") });
    say!("nothing was sent");
    Ok(0)
}

/// What the guard says of the target, as far as it can be said without looking up its name.
fn judged(plan: &mut Plan, target: &Target, secrets: &Secrets, args: &RunArgs) -> Result<String, Trouble> {
    let host = &target.host;
    let Some(address) = known_address(host) else {
        return Ok(format!(
            "{host} is judged by its addresses when the run starts; unless all are loopback or private, it needs --allow-host {host}"
        ));
    };
    let reach = guard::judge_addresses(host, &[address], &args.allow_host)?;
    guard::judge_secrets(target, reach, &secrets.carriers, args)?;
    if let Some(ramp) = guard::judge_amount(plan, reach, args)? {
        plan.take_ramp(ramp);
    }
    let most = match reach {
        _ if args.over_limit => "no caps (--over-limit)",
        Reach::Loopback => "no caps",
        Reach::Private => "connects at 500/s at most",
        Reach::Public => "100 connections, 1,000 messages/s and connects at 500/s at most",
    };
    Ok(format!("{}: {most}", reach.name()))
}

/// The address of a host that is one, or that is this machine by its name (RFC 6761 section 6.3).
fn known_address(host: &str) -> Option<IpAddr> {
    let name = host.trim_end_matches('.').to_ascii_lowercase();
    let is_local = name == "localhost" || name.ends_with(".localhost");
    if is_local { Some(IpAddr::from([127, 0, 0, 1])) } else { host.parse().ok() }
}
