//! HTTP requests that belong to a conversation: rendered in the lane, made by the dialer.

use crate::dialogue::Http;
use crate::dialogue::Reader;
use crate::dialogue::Script;
use crate::profile::Fill;
use crate::tally::Sample;
use crate::wire::Failure;
use crate::wire::Opening;
use crate::wire::http::Request;

/// A request to be made for a client.
#[derive(Clone, Debug)]
pub(super) struct Call {
    /// Number of the client.
    pub(super) client: u64,
    /// Which of the profile's.
    pub(super) http: usize,
    request: Request,
}

/// What became of a request.
#[derive(Debug)]
pub(super) struct Called {
    /// Which of the profile's.
    pub(super) http: usize,
    /// Its round trip and what was taken from the answer, by capture.
    pub(super) result: Result<(Sample, Vec<(usize, String)>), Failure>,
}

impl Called {
    /// The same of a request that had to wait for its turn so many nanoseconds; its response time begins before them.
    pub(super) fn after(mut self, waited: u64) -> Self {
        if let Ok((sample, _)) = &mut self.result {
            sample.due = sample.due.saturating_sub(waited);
        }
        self
    }
}

impl Call {
    /// Request number `http` of `script` for the client that `fill` tells of.
    pub(super) fn new(script: &Script, http: usize, fill: &Fill<'_>) -> Self {
        let rule: &Http = &script.https[http];
        let request = Request {
            method: rule.method.clone(),
            path: rule.path.text(fill),
            headers: rule.headers.iter().map(|(name, value)| (name.clone(), value.text(fill))).collect(),
            body: rule.body.as_ref().map(|body| body.text(fill)).unwrap_or_default(),
        };
        Call { client: fill.client, http, request }
    }

    /// Makes the request over a connection of its own.
    pub(super) async fn make(self, script: &Script, opening: &Opening, authority: &str) -> Called {
        let result = opening.call(self.client, authority, &self.request).await.map(|(mut body, sample)| {
            let wanted = &script.https[self.http].captures;
            let read = |fields: &crate::dialogue::Fields<'_>| {
                wanted.iter().filter_map(|(capture, pointer)| Some((*capture, fields.text(pointer)?))).collect()
            };
            let taken = if wanted.is_empty() { Vec::new() } else { Reader::default().read(&mut body, read).unwrap_or_default() };
            (sample, taken)
        });
        Called { http: self.http, result }
    }
}
