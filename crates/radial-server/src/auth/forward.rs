//! Forward-auth: the application says whose the cookies of a request are.

use std::time::Duration;

use http::{HeaderMap, HeaderValue, StatusCode, Uri, header};
use radial_auth::forward::{ANSWER_BYTES_MAX, Mapping};
use radial_auth::{Authority, Cache, Fingerprint, Refused};
use radial_protocol::{Grants, TimeMs};
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::Semaphore;

use super::client::Client;

/// That nobody is signed in is believed for this long: they may be about to.
const NOBODY_MS: u64 = 2_000;
/// The most answers that are remembered.
const ANSWERS_MAX: usize = 20_000;
/// The most questions at a time: strangers must not wear the application down through the hub.
const QUESTIONS_MAX: usize = 64;

/// A URL of the application.
pub(super) struct Forward {
    /// What the configuration calls it.
    pub(super) name: String,
    pub(super) url: Uri,
    pub(super) authority: Authority,
    pub(super) mapping: Mapping,
    pub(super) timeout: Duration,
    /// How long an answer is believed.
    pub(super) believed: Duration,
    answers: Mutex<Cache<Result<Arc<Grants>, Refused>>>,
    questions: Semaphore,
}

/// The application does not answer: nobody knows who it is, for now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct NoAnswer;

impl Forward {
    pub(super) fn new(
        name: String,
        url: Uri,
        authority: Authority,
        mapping: Mapping,
        timeout: Duration,
        believed: Duration,
    ) -> Self {
        let answers = Mutex::new(Cache::new(ANSWERS_MAX));
        let questions = Semaphore::new(QUESTIONS_MAX);
        Self { name, url, authority, mapping, timeout, believed, answers, questions }
    }

    /// Whose cookies these are. `share` gives the grants as they are remembered, unless the hub does
    /// not have their tenant.
    pub(super) async fn ask(
        &self,
        client: &Client,
        cookies: &[HeaderValue],
        now: TimeMs,
        share: impl FnOnce(Grants) -> Option<Arc<Grants>>,
    ) -> Result<Result<Arc<Grants>, Refused>, NoAnswer> {
        let fingerprint = Fingerprint::of(cookies.iter().map(HeaderValue::as_bytes));
        if let Some(answer) = self.remembered(&fingerprint, now) {
            return Ok(answer);
        }
        // Whoever waits for a turn behind many strangers is told so, and not kept.
        let turn = tokio::time::timeout(self.timeout, self.questions.acquire()).await;
        let _turn = turn.map_err(|_| NoAnswer)?.map_err(|_| NoAnswer)?;
        // Others with the same cookies may have asked while this one waited.
        if let Some(answer) = self.remembered(&fingerprint, now) {
            return Ok(answer);
        }
        let mut headers = HeaderMap::new();
        for cookie in cookies {
            headers.append(header::COOKIE, cookie.clone());
        }
        let got = client.get(&self.url, headers, ANSWER_BYTES_MAX, self.timeout).await;
        let answer = match got {
            Ok((StatusCode::OK, bytes)) => self.mapping.grants(&bytes, &self.authority, now),
            Ok((status, _)) if status.is_client_error() => Err(Refused::Malformed),
            Ok((status, _)) => return Err(self.failed(&format!("it answers {status}"))),
            Err(error) => return Err(self.failed(&error.to_string())),
        };
        let answer = answer.and_then(|grants| share(grants).ok_or(Refused::BeyondAuthority));
        let believed_ms = u64::try_from(self.believed.as_millis()).unwrap_or(u64::MAX);
        let believed_ms = if answer.is_ok() { believed_ms } else { believed_ms.min(NOBODY_MS) };
        let believed = now.plus_ms(believed_ms);
        let expires = answer.as_ref().ok().and_then(|grants| grants.credential.expires);
        let until = expires.map_or(believed, |expires| expires.min(believed));
        let mut answers = self.answers.lock().unwrap_or_else(PoisonError::into_inner);
        answers.put(fingerprint, answer.clone(), until);
        Ok(answer)
    }

    fn remembered(
        &self,
        fingerprint: &Fingerprint,
        now: TimeMs,
    ) -> Option<Result<Arc<Grants>, Refused>> {
        self.answers.lock().unwrap_or_else(PoisonError::into_inner).get(fingerprint, now)
    }

    fn failed(&self, error: &str) -> NoAnswer {
        tracing::warn!(forward = self.name, error, "the application does not say who it is");
        NoAnswer
    }
}
