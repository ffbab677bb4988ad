//! `--proxy` and `--resolve`: another way to the target, as typed.

use std::net::IpAddr;
use std::net::SocketAddr;
use std::net::ToSocketAddrs;
use std::str::FromStr;

use base64::Engine;

use super::Trouble;
use crate::plan::Target;
use crate::wire::Tunnel;

/// A proxy that speaks HTTP.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Proxy {
    host: String,
    port: u16,
    /// `name:password`, a secret.
    user: Option<String>,
}

impl Proxy {
    /// The value of `Proxy-Authorization`.
    pub(super) fn authorization(&self) -> Option<String> {
        self.user.as_ref().map(|user| format!("Basic {}", base64::engine::general_purpose::STANDARD.encode(user)))
    }

    /// What of it is nobody's business, in each form in which somebody may repeat it.
    pub(super) fn secrets(&self) -> Vec<String> {
        let password = self.user.as_ref().and_then(|user| user.split_once(':')).map(|(_, password)| password.to_owned());
        [self.authorization(), self.user.clone(), password].into_iter().flatten().collect()
    }

    /// Where it listens.
    pub(super) fn address(&self) -> Result<SocketAddr, Trouble> {
        let nowhere = |why: String| Trouble::nothing(format!("the proxy {}:{} cannot be looked up: {why}", self.host, self.port));
        let mut found = (self.host.as_str(), self.port).to_socket_addrs().map_err(|e| nowhere(e.to_string()))?;
        found.next().ok_or_else(|| nowhere("it has no address".into()))
    }

    /// What it is asked for on the way to `target`.
    pub(super) fn tunnel(&self, target: &Target) -> Tunnel {
        let host = if target.host.contains(':') { format!("[{}]", target.host) } else { target.host.clone() };
        Tunnel { to: format!("{host}:{}", target.port), authorization: self.authorization() }
    }
}

impl FromStr for Proxy {
    type Err = String;

    /// `http://[NAME:PASSWORD@]HOST:PORT`; name and password may be percent-encoded. What is wrong is told without the text.
    fn from_str(text: &str) -> Result<Proxy, String> {
        let wrong = |why: &str| format!("this is no proxy: {why}; write for example http://127.0.0.1:3128");
        let rest = text.strip_prefix("http://").ok_or_else(|| wrong("it does not begin with http://"))?;
        let rest = rest.strip_suffix('/').unwrap_or(rest);
        let (user, place) = match rest.rsplit_once('@') {
            Some((user, place)) => (Some(user), place),
            None => (None, rest),
        };
        let target = Target::parse(&format!("ws://{place}")).map_err(|_| wrong("it has no host and port"))?;
        if target.path_and_query != "/" || !place.trim_end_matches(|c: char| c.is_ascii_digit()).ends_with(':') {
            return Err(wrong("it has no port, or something behind it"));
        }
        let user = user.map(|user| decoded(user).filter(|user| user.contains(':')));
        let user = match user {
            Some(None) => return Err(wrong("what stands before the @ is not NAME:PASSWORD")),
            Some(Some(user)) => Some(user),
            None => None,
        };
        Ok(Proxy { host: target.host, port: target.port, user })
    }
}

/// A text without its percent-encoding; `None` when that is broken.
fn decoded(text: &str) -> Option<String> {
    let mut out = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        out.push(match byte {
            b'%' => u8::from_str_radix(&[bytes.next()?, bytes.next()?].map(char::from).iter().collect::<String>(), 16).ok()?,
            other => other,
        });
    }
    String::from_utf8(out).ok()
}

/// `--resolve`: the address of a host and port, instead of what its name leads to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Resolved {
    host: String,
    port: u16,
    address: IpAddr,
}

impl FromStr for Resolved {
    type Err = String;

    /// `HOST:PORT:ADDRESS`.
    fn from_str(text: &str) -> Result<Resolved, String> {
        let wrong = || format!("`{text}` is not HOST:PORT:ADDRESS; write for example staging.example.com:443:127.0.0.1");
        let (host, rest) = text.split_once(':').filter(|(host, _)| !host.is_empty()).ok_or_else(wrong)?;
        let (port, address) = rest.split_once(':').ok_or_else(wrong)?;
        let address = address.strip_prefix('[').and_then(|a| a.strip_suffix(']')).unwrap_or(address);
        Ok(Resolved {
            host: host.to_ascii_lowercase(),
            port: port.parse().map_err(|_| wrong())?,
            address: address.parse().map_err(|_| wrong())?,
        })
    }
}

/// Where `target` is: what was typed for it, else what its name leads to.
pub(super) fn addresses(target: &Target, resolved: &[Resolved]) -> std::io::Result<Vec<SocketAddr>> {
    let is_it = |known: &&Resolved| known.host == target.host.to_ascii_lowercase() && known.port == target.port;
    let typed: Vec<SocketAddr> = resolved.iter().filter(is_it).map(|known| SocketAddr::new(known.address, known.port)).collect();
    if typed.is_empty() { (target.host.as_str(), target.port).to_socket_addrs().map(Iterator::collect) } else { Ok(typed) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn proxies_as_typed() {
        let proxy: Proxy = "http://me:pa%40ss@[::1]:3128/".parse().expect("good");
        assert_eq!((proxy.host.as_str(), proxy.port, proxy.user.as_deref()), ("::1", 3128, Some("me:pa@ss")));
        assert_eq!(proxy.authorization().as_deref(), Some("Basic bWU6cGFAc3M="));
        assert_eq!(proxy.secrets(), ["Basic bWU6cGFAc3M=", "me:pa@ss", "pa@ss"]);
        assert_eq!("http://proxy:80".parse::<Proxy>().expect("good").authorization(), None);
        for text in ["https://x:1", "http://x", "http://x:1/path", "http://me@x:1", "http://me:%4@x:1", "http://:1", "x:1"] {
            let error = text.parse::<Proxy>().expect_err(text);
            assert!(error.contains("for example") && !error.contains("me:"), "{text}: {error}");
        }
    }

    #[test]
    fn addresses_as_typed() {
        let target = Target::parse("wss://Staging.example.com/x").expect("good");
        let known: Vec<Resolved> = ["other:443:10.0.0.9", "staging.example.com:443:127.0.0.1", "staging.example.com:443:[::1]"]
            .map(|text| text.parse().expect("good"))
            .into();
        let found = addresses(&target, &known).expect("typed");
        assert_eq!(found, ["127.0.0.1:443".parse::<SocketAddr>().expect("an address"), "[::1]:443".parse().expect("an address")]);
        for text in ["x", "x:1", ":1:127.0.0.1", "x:y:127.0.0.1", "x:1:localhost"] {
            assert!(text.parse::<Resolved>().expect_err(text).contains("HOST:PORT:ADDRESS"), "{text}");
        }
    }
}
