//! What the connections of one server share, whichever protocol it speaks, and its plain HTTP side.

use std::collections::BTreeMap;

use super::chess;
use super::config::Protocol;
use super::diagnostics;
use super::dm;
use super::livestyler;
use super::media;
use super::notify;
use super::openshock;
use super::pairing;
use super::story::Call;
use super::story::Post;
use super::story::Posted;
use super::story::Story;
use super::terra;
use super::voice;
use crate::wire::accept::Asked;
use crate::wire::accept::Refusal;
use crate::wire::accept::Verdict;

/// What all connections share. Each protocol has its own part and leaves the others empty.
#[derive(Debug, Default)]
pub(super) struct World {
    pub(super) terra: terra::Streams,
    pub(super) notify: notify::Channels,
    pub(super) chess: chess::Games,
    pub(super) dm: dm::Users,
    pub(super) pairing: pairing::Sessions,
    pub(super) diagnostics: diagnostics::Dashboards,
    /// What is said because of plain HTTP requests.
    pub(super) posts: Vec<Post>,
    figures: BTreeMap<&'static str, u64>,
    http: BTreeMap<String, BTreeMap<u16, u64>>,
}

impl World {
    /// Counts something for the account.
    pub(super) fn count(&mut self, figure: &'static str, n: u64) {
        *self.figures.entry(figure).or_default() += n;
    }

    /// Says something to a connection because of a plain HTTP request, so many nanoseconds later.
    pub(super) fn post(&mut self, to: u64, kind: super::kinds::Kind, message: &serde_json::Value, after: u64) {
        let what = Posted::Message(kind, super::codec::TEXT, message.to_string().into_bytes());
        self.posts.push(Post { to, what, after });
    }

    /// What a protocol counted.
    pub(super) fn figures(&self) -> BTreeMap<String, u64> {
        self.figures.iter().map(|(name, n)| ((*name).to_owned(), *n)).collect()
    }

    /// Plain HTTP requests by method and route, then by status.
    pub(super) fn http(&self) -> BTreeMap<String, BTreeMap<u16, u64>> {
        self.http.clone()
    }

    /// Answers a plain HTTP request, if `protocol` has anything at its path.
    pub(super) fn serve(&mut self, protocol: Protocol, call: &Call<'_>) -> Option<Refusal> {
        let (route, answer) = match protocol {
            Protocol::Terra => terra::serve(self, call),
            Protocol::Notify => notify::serve(self, call),
            Protocol::Subtitles | Protocol::Dubbing | Protocol::Trivia => media::serve(call),
            Protocol::Chess => chess::serve(self, call),
            Protocol::Pairing => pairing::serve(self, call),
            Protocol::OpenShockLive => openshock::serve(call),
            _ => None,
        }?;
        *self.http.entry(format!("{} {route}", call.method)).or_default().entry(answer.status).or_default() += 1;
        Some(answer)
    }
}

/// Whether `asked` may connect to a story of `protocol`.
pub(super) fn verdict(protocol: Protocol, asked: &Asked, config: &super::config::Config) -> Verdict {
    match protocol {
        Protocol::Terra => terra::verdict(asked),
        Protocol::LiveStyler => livestyler::verdict(asked),
        Protocol::Notify => notify::verdict(asked, &config.settings),
        Protocol::Subtitles | Protocol::Dubbing | Protocol::Trivia => media::verdict(asked),
        Protocol::Chess => chess::verdict(asked),
        Protocol::Dm => dm::verdict(asked),
        Protocol::Pairing => pairing::verdict(asked),
        Protocol::Diagnostics => diagnostics::verdict(asked, &config.settings),
        Protocol::Voice => voice::verdict(asked, &config.settings),
        Protocol::Echo | Protocol::Ask | Protocol::OpenShockLive => Verdict::Accept(None),
    }
}

/// The story of a connection asked for with `path` and `query`; `None` where there are no stories.
pub(super) fn story(protocol: Protocol, path: &str, query: Option<&str>) -> Option<Box<dyn Story>> {
    Some(match protocol {
        Protocol::Echo | Protocol::Ask | Protocol::OpenShockLive => return None,
        Protocol::Terra => Box::new(terra::Terra::default()),
        Protocol::LiveStyler => Box::new(livestyler::LiveStyler::default()),
        Protocol::Notify => Box::new(notify::Subscriber::new(query)),
        Protocol::Subtitles => Box::new(media::Live::new(media::Feature::Subtitles, path, query)),
        Protocol::Dubbing => Box::new(media::Live::new(media::Feature::Dubbing, path, query)),
        Protocol::Trivia => Box::new(media::Live::new(media::Feature::Trivia, path, query)),
        Protocol::Chess => Box::new(chess::Player::new(path, query)),
        Protocol::Dm => Box::new(dm::User::new(path, query)),
        Protocol::Pairing => Box::new(pairing::Device::new(path)),
        Protocol::Diagnostics => Box::new(diagnostics::Dashboard),
        Protocol::Voice => Box::new(voice::Caller::new(query)),
    })
}
