//! Where to connect: the profile's endpoint with a `--target` laid over it.

use std::fmt;

/// A WebSocket address taken apart. `Display` leaves the query's values out, since they may be
/// secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// Host name or address, without brackets.
    pub host: String,
    /// Port.
    pub port: u16,
    /// Whether the scheme is `wss`.
    pub tls: bool,
    /// Path and query, beginning with `/`.
    pub path_and_query: String,
}

impl Target {
    /// Reads `ws://host[:port][/path][?query]` or `wss://..`.
    ///
    /// # Errors
    /// What is wrong, with an example.
    pub fn parse(url: &str) -> Result<Self, String> {
        let wrong = |what: &str| format!("`{}` {what}; write for example `ws://127.0.0.1:9001/path`", without_secrets(url));
        let (tls, rest) = match (url.strip_prefix("ws://"), url.strip_prefix("wss://")) {
            (Some(rest), _) => (false, rest),
            (_, Some(rest)) => (true, rest),
            _ => return Err(wrong("does not begin with ws:// or wss://")),
        };
        if url.contains(|c: char| c.is_whitespace() || c.is_control()) {
            return Err(wrong("has white space in it"));
        }
        let rest = rest.split('#').next().unwrap_or(rest);
        let split = rest.find(['/', '?']).unwrap_or(rest.len());
        let (authority, tail) = rest.split_at(split);
        if authority.contains('@') {
            return Err("a user name or password in the address is not supported; use --set or -H".into());
        }
        let (host, port) = host_and_port(authority, if tls { 443 } else { 80 })
            .ok_or_else(|| wrong("has no host, or a port that is not a number from 1 to 65535"))?;
        let path_and_query = match tail.as_bytes().first() {
            None => "/".to_owned(),
            Some(b'?') => format!("/{tail}"),
            _ => tail.to_owned(),
        };
        Ok(Target { host, port, tls, path_and_query })
    }

    /// Reads `http://host[:port]` or `https://..`: where requests over HTTP go.
    ///
    /// # Errors
    /// What is wrong, with an example.
    pub fn parse_http(url: &str) -> Result<Self, String> {
        let wrong = |what: &str| format!("`{}` {what}; write for example `https://api.staging.example.com`", without_secrets(url));
        let rest = url.strip_prefix("http").filter(|rest| rest.starts_with("://") || rest.starts_with("s://"));
        let rest = rest.ok_or_else(|| wrong("does not begin with http:// or https://"))?;
        let target =
            Target::parse(&format!("ws{rest}")).map_err(|_| wrong("has no host, or a port that is not a number from 1 to 65535"))?;
        if target.path_and_query != "/" {
            return Err(wrong("has a path, and those are the profile's"));
        }
        Ok(target)
    }

    /// As `http://host:port` or `https://..`.
    pub fn origin(&self) -> String {
        format!("{}://{}", if self.tls { "https" } else { "http" }, self.authority())
    }

    /// Lays `over` (what the user typed) over this endpoint: scheme, host and port are replaced; a
    /// path other than `/` replaces the path; queries are merged, the user's value winning.
    pub fn overlay(&self, over: &Target) -> Target {
        let (own_path, own_query) = split_query(&self.path_and_query);
        let (path, query) = split_query(&over.path_and_query);
        let path = if path == "/" { own_path } else { path };
        let names = |q: &str| q.split('&').filter_map(|pair| pair.split('=').next()).map(str::to_owned).collect::<Vec<_>>();
        let given = names(query);
        let kept =
            own_query.split('&').filter(|pair| !pair.is_empty() && !given.iter().any(|g| Some(g.as_str()) == pair.split('=').next()));
        let merged: Vec<&str> = kept.chain(query.split('&').filter(|pair| !pair.is_empty())).collect();
        let path_and_query = if merged.is_empty() { path.to_owned() } else { format!("{path}?{}", merged.join("&")) };
        Target { path_and_query, ..over.clone() }
    }

    /// `host:port` for the Host header; the port is left out where the scheme implies it.
    pub fn authority(&self) -> String {
        let host = if self.host.contains(':') { format!("[{}]", self.host) } else { self.host.clone() };
        if self.port == if self.tls { 443 } else { 80 } { host } else { format!("{host}:{}", self.port) }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (path, query) = split_query(&self.path_and_query);
        write!(f, "{}://{}{path}", if self.tls { "wss" } else { "ws" }, self.authority())?;
        for (i, pair) in query.split('&').filter(|pair| !pair.is_empty()).enumerate() {
            let name = pair.split('=').next().unwrap_or(pair);
            write!(f, "{}{name}=..", if i == 0 { '?' } else { '&' })?;
        }
        Ok(())
    }
}

/// A URL, however wrong, without what may be secret: user and password, and what stands in the query.
fn without_secrets(url: &str) -> String {
    let (front, query) = url.split_once(['?', '#']).map_or((url, ""), |(front, _)| (front, "?.."));
    match front.rsplit_once('@') {
        Some((before, host)) => {
            format!("{}..@{host}{query}", before.split_once("://").map_or(String::new(), |(scheme, _)| format!("{scheme}://")))
        }
        None => format!("{front}{query}"),
    }
}

fn split_query(path_and_query: &str) -> (&str, &str) {
    path_and_query.split_once('?').unwrap_or((path_and_query, ""))
}

fn host_and_port(authority: &str, default: u16) -> Option<(String, u16)> {
    let (host, port) = if let Some(inner) = authority.strip_prefix('[') {
        let (host, rest) = inner.split_once(']')?;
        (host, rest.strip_prefix(':').or(rest.is_empty().then_some("")))
    } else {
        match authority.split_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (authority, Some("")),
        }
    };
    let port = match port? {
        "" if authority.ends_with(':') => return None,
        "" => default,
        digits => digits.parse().ok().filter(|&p| p > 0)?,
    };
    (!host.is_empty()).then(|| (host.to_owned(), port))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_that_are_fine() {
        for (url, host, port, path) in [
            ("ws://a", "a", 80, "/"),
            ("wss://a.b/c?d=e#f", "a.b", 443, "/c?d=e"),
            ("ws://127.0.0.1:9001?x=1", "127.0.0.1", 9001, "/?x=1"),
            ("ws://[::1]:8080/p", "::1", 8080, "/p"),
        ] {
            let target = Target::parse(url).expect(url);
            assert_eq!((target.host.as_str(), target.port, target.path_and_query.as_str()), (host, port, path), "{url}");
        }
    }

    #[test]
    fn addresses_that_are_not() {
        for url in [
            "http://a",
            "ws://",
            "ws://:80",
            "ws://a:0",
            "ws://a:99999",
            "ws://a:x",
            "a:80",
            "ws://a b",
            "ws://[::1",
            "ws://u:p@h/",
            "ws://a:",
        ] {
            assert!(Target::parse(url).is_err(), "{url}");
        }
        for url in ["ws://u:s3cret@h/", "http://s3cret@h/?x", "ws://h:x/?t=s3cret", "s3cret@h", "ws://h:x/#s3cret", "wss://a@s3cret@/ ?"] {
            let why = Target::parse(url).expect_err(url);
            assert!(!why.contains("s3cret"), "{why}");
        }
    }

    #[test]
    fn origins() {
        for (url, origin) in [("http://a:80", "http://a"), ("https://[::1]:8443/", "https://[::1]:8443"), ("http://a:443", "http://a:443")]
        {
            assert_eq!(Target::parse_http(url).map(|target| target.origin()).as_deref(), Ok(origin));
        }
        for url in ["ws://a", "a:80", "httpss://a", "http://", "http://a/path", "http://a?t=s3cret", "http://u:s3cret@a/", "http:///x"] {
            let why = Target::parse_http(url).expect_err(url);
            assert!(why.contains("for example") && !why.contains("s3cret"), "{why}");
        }
    }

    #[test]
    fn what_is_typed_lies_over_the_profile() {
        let own = Target::parse("ws://127.0.0.1:9001/1/ws?tps=10&x=1").expect("valid");
        let over = |url: &str| own.overlay(&Target::parse(url).expect("valid"));
        assert_eq!(over("wss://h").path_and_query, "/1/ws?tps=10&x=1");
        assert_eq!(over("ws://h/other").path_and_query, "/other?tps=10&x=1");
        assert_eq!(over("ws://h/?tps=3&token=s").path_and_query, "/1/ws?x=1&tps=3&token=s");
        assert_eq!(over("ws://h/?tps=3&token=s").to_string(), "ws://h/1/ws?x=..&tps=..&token=..");
    }
}
