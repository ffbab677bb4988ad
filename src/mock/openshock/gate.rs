//! Who gets past the handshake of the OpenShock gateway.
//!
//! Headers and path in, a verdict out; refusals are problem documents as the server writes them.

use crate::wire::accept::Asked;
use crate::wire::accept::Defect;
use crate::wire::accept::Refusal;
use crate::wire::accept::Verdict;

use serde_json::json;

use super::uuid::Uuid;
use crate::mock::settings::Settings;
use crate::mock::story::Call;
use crate::mock::story::json;

/// Header names that carry a token or a session.
const TOKEN_HEADERS: [&str; 4] = ["openshocktoken", "open-shock-token", "shocklinktoken", "openshocksession"];
/// Cookie that carries a session.
const SESSION_COOKIE: &str = "openShockSession";
/// Frames a second when the query does not say, and the most there are.
const TPS_MAX: u8 = 10;

/// Whether `asked` may connect. In front of the server stands an edge that wants a User-Agent.
pub(in crate::mock) fn verdict(asked: &Asked, settings: &Settings) -> Verdict {
    let Some(hub) = asked.path.strip_prefix("/1/ws/live/").and_then(Uuid::read) else {
        return Verdict::Refuse(problem(404, "NotFound", "Not Found"));
    };
    let known = |token: &str| settings.token.as_deref().is_none_or(|only| only == token);
    let refusal = if asked.header("user-agent").is_none_or(|agent| agent.trim().is_empty()) {
        problem(403, "Edge.UserAgentMissing", "A User-Agent is needed")
    } else if credential(asked).is_none_or(|token| !known(token)) {
        // Both schemes are challenged in turn and the cookie one writes first.
        problem(401, "Authentication.CookieMissingOrInvalid", "Missing or invalid cookie")
    } else if matches!(asked.defect, Some(Defect::NoUpgrade | Defect::NoConnectionUpgrade)) {
        problem(400, "Websocket.NonWebsocketRequest", "This endpoint is for WebSockets only")
    } else if settings.device_id.is_some_and(|only| only != hub) {
        problem(404, "Websocket.LiveControl.HubNotFound", "Hub not found")
    } else {
        return Verdict::Accept(None);
    };
    Verdict::Refuse(refusal)
}

/// Which gateway a hub is on, as the main API says it: this one.
pub(in crate::mock) fn serve(call: &Call<'_>) -> Option<(&'static str, Refusal)> {
    let (version, rest) = (call.path.get(..3)?, call.path.get(3..)?);
    let hub = rest.strip_prefix("devices/")?.strip_suffix("/lcg")?;
    let (route, host) =
        (if version == "/1/" { "/1/devices/{id}/lcg" } else { "/2/devices/{id}/lcg" }, (call.header)("host").unwrap_or_default());
    let known = Uuid::read(hub).is_some_and(|hub| call.settings.device_id.is_none_or(|only| only == hub));
    let (name, port) = host.rsplit_once(':').unwrap_or((&host, "80"));
    let answer = match (call.method, version) {
        ("GET", "/1/" | "/2/") if !known => json(404, &json!({"type": "Device.NotFound", "title": "Device not found", "status": 404})),
        ("GET", "/1/") => json(200, &json!({"message": "Successfully got LCG node", "data": {"gateway": host, "country": "XX"}})),
        ("GET", "/2/") => json(200, &json!({"host": name, "port": port.parse::<u16>().ok(), "pathPrefix": "/", "country": "XX"})),
        _ => return None,
    };
    Some((route, answer))
}

/// What is said while the hub changes its state.
pub(in crate::mock) fn busy() -> Refusal {
    problem(412, "Websocket.LiveControl.HubLifetimeBusy", "Hub lifetime is busy")
}

/// The rate announced for a query: one unsigned byte clamped to 1..10, else 10.
pub(super) fn tps(query: Option<&str>) -> u8 {
    let pairs = query.unwrap_or_default().split('&').map(|pair| pair.split_once('=').unwrap_or((pair, "")));
    let mut values = pairs.filter(|(name, _)| name.eq_ignore_ascii_case("tps")).map(|(_, value)| value);
    match (values.next(), values.next()) {
        (Some(value), None) => value.parse::<u8>().map_or(TPS_MAX, |n| n.clamp(1, TPS_MAX)),
        _ => TPS_MAX,
    }
}

fn credential(asked: &Asked) -> Option<&str> {
    let header = TOKEN_HEADERS.iter().filter_map(|name| asked.header(name)).map(str::trim).find(|token| !token.is_empty());
    header.or_else(|| {
        let cookies = asked.header("cookie")?.split(';').filter_map(|pair| pair.trim().split_once('='));
        cookies.filter(|(name, _)| *name == SESSION_COOKIE).map(|(_, session)| session).find(|session| !session.is_empty())
    })
}

fn problem(status: u16, kind: &str, title: &str) -> Refusal {
    let body = format!(
        r#"{{"type":"{kind}","title":"{title}","status":{status},"detail":null,"requestId":"0HMOCK:00000001","message":"{title}","traceId":"0HMOCK:00000001"}}"#
    );
    Refusal { status, headers: vec![("content-type", "application/problem+json".into())], body }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_from_queries() {
        for (query, rate) in [
            (None, 10),
            (Some("tps=5"), 5),
            (Some("a=b&TPS=3"), 3),
            (Some("tps=0"), 1),
            (Some("tps=255"), 10),
            (Some("tps=256"), 10),
            (Some("tps=-1"), 10),
            (Some("tps=x"), 10),
            (Some("tps=2&tps=3"), 10),
        ] {
            assert_eq!(tps(query), rate, "{query:?}");
        }
    }
}
