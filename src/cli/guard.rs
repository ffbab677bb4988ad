//! The target guard: whom a run may load. Loopback and private addresses freely; any other host
//! only when named, the vendors' production hosts only when named as one's own.

use std::net::IpAddr;

use super::Trouble;

/// Production hosts of the services whose protocols ship as profiles, with everything under them.
const VENDORS: [&str; 5] = ["openshock.app", "livestyler.ai", "zyeta.io", "bayit.tv", "tryterra.co"];

/// Judges a host by its name, before it is looked up.
pub(super) fn judge_name(host: &str, owned: &[String]) -> Result<(), Trouble> {
    match vendor_of(host) {
        Some(vendor) if !owned.iter().any(|h| h.eq_ignore_ascii_case(host)) => Err(Trouble::usage(format!(
            "{host} is a production host of {vendor}. A load test there needs its owner's consent; if it is yours, pass --i-own {host} and --allow-host {host}"
        ))),
        _ => Ok(()),
    }
}

/// Judges the address that the host turned out to have.
pub(super) fn judge_address(host: &str, address: IpAddr, allowed: &[String]) -> Result<(), Trouble> {
    if is_local(address) || allowed.iter().any(|h| h.eq_ignore_ascii_case(host)) {
        return Ok(());
    }
    let seen = if address.to_string() == host { host.to_owned() } else { format!("{host} ({address})") };
    Err(Trouble::usage(format!("{seen} is neither loopback nor private. If you may load it, pass --allow-host {host}")))
}

fn vendor_of(host: &str) -> Option<&'static str> {
    let host = host.trim_end_matches('.').to_ascii_lowercase();
    VENDORS.into_iter().find(|v| host == *v || host.strip_suffix(v).is_some_and(|rest| rest.ends_with('.')))
}

/// Loopback, private (RFC 1918, RFC 4193), link-local or unspecified.
fn is_local(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(v4) => v4.is_loopback() || v4.is_private() || v4.is_link_local() || v4.is_unspecified(),
        IpAddr::V6(v6) => v6.is_loopback() || v6.is_unique_local() || v6.is_unicast_link_local() || v6.is_unspecified(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn vendors_are_found_by_name_and_below_it() {
        for host in ["openshock.app", "DE1-gateway.OpenShock.app", "ws.tryterra.co."] {
            assert!(judge_name(host, &[]).is_err(), "{host}");
            assert!(judge_name(host, &[host.into()]).is_ok(), "{host}");
        }
        assert!(judge_name("notopenshock.app", &[]).is_ok());
    }

    #[test]
    fn only_local_addresses_are_free() {
        for ip in ["127.0.0.9", "10.1.2.3", "192.168.1.1", "172.16.0.1", "::1", "fd00::1", "::ffff:127.0.0.1", "169.254.1.1"] {
            assert!(judge_address("h", ip.parse().expect("an address"), &[]).is_ok(), "{ip}");
        }
        for ip in ["8.8.8.8", "172.32.0.1", "2001:db8::1", "::ffff:8.8.8.8"] {
            let ip = ip.parse().expect("an address");
            assert!(judge_address("h", ip, &[]).is_err(), "{ip}");
            assert!(judge_address("h", ip, &["H".into()]).is_ok(), "{ip}");
        }
    }
}
