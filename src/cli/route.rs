//! How the target is reached: addresses, local addresses and TLS, as typed.

use std::net::IpAddr;
use std::net::SocketAddr;
use std::path::Path;
use std::path::PathBuf;
use std::time::Duration;

use super::Trouble;
use super::args::RunArgs;
use super::child::Server;
use super::guard;
use super::guard::Reach;
use super::proxy;
use super::secrets::Secrets;
use super::tell;
use crate::plan::Plan;
use crate::plan::Target;
use crate::wire::Protection;
use crate::wire::Route;
use crate::wire::Routes;
use crate::wire::Trust;

/// Largest PEM file read.
const PEM_MAX: u64 = 1 << 20;
/// How long an address of several is given to take a connection before the run.
const LISTENS_WITHIN: Duration = Duration::from_secs(1);

/// TLS of those who speak it.
pub(super) struct Protections {
    target: Option<Protection>,
    http: Option<Protection>,
}

/// TLS of `target`, and of the host of requests over HTTP. Flags of TLS where nobody speaks it are a mistake, said aloud.
pub(super) fn protections(args: &RunArgs, target: Option<&Target>) -> Result<Protections, Trouble> {
    let speaks = |target: Option<&Target>| target.filter(|target| target.tls).map(|target| protection(args, target)).transpose();
    let protections = Protections { target: speaks(target)?, http: speaks(args.http_target.as_ref())? };
    if protections.target.is_some() || protections.http.is_some() {
        return Ok(protections);
    }
    let flags =
        [("--insecure", args.insecure), ("--ca", args.ca.is_some()), ("--cert", args.cert.is_some()), ("--tls-resume", args.tls_resume)];
    match flags.iter().find(|(_, is_given)| *is_given) {
        Some((flag, _)) => Err(Trouble::usage(format!("{flag} is about TLS, and the target speaks none; give --target wss://.."))),
        None => Ok(protections),
    }
}

fn protection(args: &RunArgs, target: &Target) -> Result<Protection, Trouble> {
    let read = |file: &Option<PathBuf>, flag| file.as_deref().map(|file| pem(file, flag)).transpose();
    let identity = read(&args.cert, "--cert")?.zip(read(&args.key, "--key")?);
    let trust = Trust { ca: read(&args.ca, "--ca")?, identity, insecure: args.insecure, resume: args.tls_resume };
    let protection = Protection::new(&target.host, &trust).map_err(Trouble::usage)?;
    if args.insecure {
        tell!("warning: --insecure: whoever answers at {} is believed to be it; the record and its reports say so", target.authority());
    }
    Ok(protection)
}

/// The routes of a run: to `server` if one was started for it, else to the target. Each name is looked up once, all of its
/// addresses are judged, and the plan is brought within what may be done there.
pub(super) fn routes(
    plan: &mut Plan,
    server: Option<&Server>,
    tls: Protections,
    secrets: &Secrets,
    args: &RunArgs,
) -> Result<Routes, Trouble> {
    let address = match server {
        Some(server) => {
            plan.target.port = server.address.port();
            plan.over.port = server.address.port();
            server.address
        }
        None => look_up(plan, &plan.target.clone(), "--target", secrets, args)?,
    };
    let target = route(args, &plan.target, address, tls.target)?;
    let Some(host) = plan.http.clone() else { return Ok(Routes { target, http: None }) };
    let address = look_up(plan, &host, "--http-target", secrets, args)?;
    Ok(Routes { target, http: Some(route(args, &host, address, tls.http)?) })
}

/// The route to `target` at `address`, or by the proxy there.
fn route(args: &RunArgs, target: &Target, address: SocketAddr, tls: Option<Protection>) -> Result<Route, Trouble> {
    if let Some(source) = args.source_addr.iter().find(|source| source.is_ipv4() != address.is_ipv4()) {
        return Err(Trouble::usage(format!("--source-addr {source} cannot reach {}: one is IPv4, the other IPv6", address.ip())));
    }
    for source in &args.source_addr {
        std::net::UdpSocket::bind((*source, 0))
            .map_err(|e| Trouble::usage(format!("--source-addr {source}: {e}. Give addresses of this machine (ip addr)")))?;
    }
    Ok(Route { address, sources: args.source_addr.clone(), tls, tunnel: args.proxy.as_ref().map(|proxy| proxy.tunnel(target)) })
}

/// The address of `target`, which was given by `flag`, or of the proxy before it.
fn look_up(plan: &mut Plan, target: &Target, flag: &str, secrets: &Secrets, args: &RunArgs) -> Result<SocketAddr, Trouble> {
    let (found, reach) = found(target, flag, args)?;
    judge(plan, target, reach, secrets, args)?;
    first(target, &found, args)
}

/// The route to `target`, which was given by `flag`, for something that is no load: its name and its addresses are judged.
pub(super) fn alone(target: &Target, flag: &str, args: &RunArgs) -> Result<Route, Trouble> {
    guard::judge_name(&target.host, args)?;
    let tls = protections(args, Some(target))?.target;
    let (found, _) = found(target, flag, args)?;
    route(args, target, first(target, &found, args)?, tls)
}

/// All addresses of `target`, and how far the farthest is away.
fn found(target: &Target, flag: &str, args: &RunArgs) -> Result<(Vec<SocketAddr>, Reach), Trouble> {
    let host = &target.host;
    let found = match (proxy::addresses(target, &args.resolve), &args.proxy) {
        (Ok(found), _) => found,
        // Only the proxy may know the name; then nobody here can say how far away it is.
        (Err(_), Some(_)) => Vec::new(),
        (Err(e), None) => return Err(Trouble::nothing(format!("{host} cannot be looked up: {e}. Check the host in {flag}"))),
    };
    let addresses: Vec<IpAddr> = found.iter().map(SocketAddr::ip).collect();
    let reach = match &args.proxy {
        Some(_) if addresses.is_empty() => guard::judge_unseen(host, &args.allow_host)?,
        _ => guard::judge_addresses(host, &addresses, &args.allow_host)?,
    };
    Ok((found, reach))
}

/// Where to connect: to the proxy, or to one of the addresses.
fn first(target: &Target, found: &[SocketAddr], args: &RunArgs) -> Result<SocketAddr, Trouble> {
    match &args.proxy {
        Some(proxy) => proxy.address(),
        None => first_that_listens(found).ok_or_else(|| Trouble::nothing(format!("{} has no address", target.host))),
    }
}

/// Brings the plan within what may be done at a distance.
fn judge(plan: &mut Plan, target: &Target, reach: Reach, secrets: &Secrets, args: &RunArgs) -> Result<(), Trouble> {
    guard::judge_secrets(target, reach, &secrets.carriers, args)?;
    if let Some(ramp) = guard::judge_amount(plan, reach, args)? {
        if args.ramp.is_some() {
            tell!("warning: connects to a host that is not loopback are paced at 500/s; the ramp takes {ramp} (--over-limit lifts this)");
        }
        plan.take_ramp(ramp);
    }
    Ok(())
}

/// The first address that takes a connection, when a name has several: `localhost` is often `::1` first, and
/// the server on 127.0.0.1 only. Otherwise the first.
fn first_that_listens(found: &[SocketAddr]) -> Option<SocketAddr> {
    let listens = |address: &&SocketAddr| std::net::TcpStream::connect_timeout(address, LISTENS_WITHIN).is_ok();
    let found_listening = if found.len() > 1 { found.iter().find(listens) } else { None };
    found_listening.or(found.first()).copied()
}

fn pem(file: &Path, flag: &str) -> Result<Vec<u8>, Trouble> {
    let trouble = |what: String| Trouble::usage(format!("{flag} {}: {what}", file.display()));
    let size = std::fs::metadata(file).map_err(|e| trouble(e.to_string()))?.len();
    if size > PEM_MAX {
        return Err(trouble(format!("{size} bytes are more than the {PEM_MAX} that are read")));
    }
    std::fs::read(file).map_err(|e| trouble(e.to_string()))
}
