//! How the target is reached: local addresses and TLS, as typed.

use std::net::SocketAddr;
use std::path::Path;
use std::path::PathBuf;

use super::Trouble;
use super::args::RunArgs;
use super::tell;
use crate::plan::Target;
use crate::wire::Protection;
use crate::wire::Route;
use crate::wire::Trust;

/// Largest PEM file read.
const PEM_MAX: u64 = 1 << 20;

/// TLS for `target`, if it speaks it. Flags of TLS for a target without are a mistake, said aloud.
pub(super) fn protection(args: &RunArgs, target: Option<&Target>) -> Result<Option<Protection>, Trouble> {
    let Some(target) = target.filter(|target| target.tls) else {
        let flags = [
            ("--insecure", args.insecure),
            ("--ca", args.ca.is_some()),
            ("--cert", args.cert.is_some()),
            ("--tls-resume", args.tls_resume),
        ];
        return match flags.iter().find(|(_, is_given)| *is_given) {
            Some((flag, _)) => Err(Trouble::usage(format!("{flag} is about TLS, and the target speaks none; give --target wss://.."))),
            None => Ok(None),
        };
    };
    let read = |file: &Option<PathBuf>, flag| file.as_deref().map(|file| pem(file, flag)).transpose();
    let identity = read(&args.cert, "--cert")?.zip(read(&args.key, "--key")?);
    let trust = Trust { ca: read(&args.ca, "--ca")?, identity, insecure: args.insecure, resume: args.tls_resume };
    let protection = Protection::new(&target.host, &trust).map_err(Trouble::usage)?;
    if args.insecure {
        tell!("warning: --insecure: whoever answers at {} is believed to be it; the record and its reports say so", target.authority());
    }
    Ok(Some(protection))
}

/// The route to `target` at `address`, or to the proxy before it.
pub(super) fn route(args: &RunArgs, target: &Target, address: SocketAddr, tls: Option<Protection>) -> Result<Route, Trouble> {
    let (address, tunnel) = match &args.proxy {
        None => (address, None),
        Some(proxy) => (proxy.address()?, Some(proxy.tunnel(target))),
    };
    if let Some(source) = args.source_addr.iter().find(|source| source.is_ipv4() != address.is_ipv4()) {
        return Err(Trouble::usage(format!("--source-addr {source} cannot reach {}: one is IPv4, the other IPv6", address.ip())));
    }
    for source in &args.source_addr {
        std::net::UdpSocket::bind((*source, 0))
            .map_err(|e| Trouble::usage(format!("--source-addr {source}: {e}. Give addresses of this machine (ip addr)")))?;
    }
    Ok(Route { address, sources: args.source_addr.clone(), tls, tunnel })
}

fn pem(file: &Path, flag: &str) -> Result<Vec<u8>, Trouble> {
    let trouble = |what: String| Trouble::usage(format!("{flag} {}: {what}", file.display()));
    let size = std::fs::metadata(file).map_err(|e| trouble(e.to_string()))?.len();
    if size > PEM_MAX {
        return Err(trouble(format!("{size} bytes are more than the {PEM_MAX} that are read")));
    }
    std::fs::read(file).map_err(|e| trouble(e.to_string()))
}
