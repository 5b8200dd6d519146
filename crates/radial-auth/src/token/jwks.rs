//! Keys that an issuer publishes at a URL (RFC 7517), kept and renewed: when to fetch is decided
//! here, fetching is somebody else's.

use std::time::Duration;

use jsonwebtoken::jwk::Jwk;
use radial_protocol::TimeMs;
use serde::Deserialize;

use super::verifying_key::VerifyingKey;

/// The largest set, in bytes.
pub const SET_BYTES_MAX: usize = 256 * 1024;
/// The most keys that are taken from a set.
const KEYS_MAX: usize = 100;
/// A set is fetched again after this time, unknown keys or not.
const AGE: Duration = Duration::from_mins(10);
/// A token with an unknown `kid` makes the set be fetched again, but not more often than this:
/// anybody can write such a token.
const UNKNOWN_REST: Duration = Duration::from_secs(30);
/// After a failure the next try waits this long, twice as long each time, randomised by ±50 %.
const BACK_OFF: Duration = Duration::from_secs(1);
/// No try waits longer.
const BACK_OFF_MAX: Duration = Duration::from_mins(1);

/// The keys of one URL.
#[derive(Clone, Debug)]
pub struct Jwks {
    grace: Duration,
    keys: Vec<VerifyingKey>,
    fetched: Option<TimeMs>,
    tried: Option<TimeMs>,
    retry: Option<TimeMs>,
    failures: u32,
    is_fetching: bool,
}

/// Whether to fetch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fetch {
    /// Now: tell [`Jwks::begin`], and then [`Jwks::fetched`] or [`Jwks::failed`].
    Now,
    /// Not before this time, as far as it is known now.
    NotBefore(TimeMs),
    /// Somebody fetches already.
    Underway,
}

/// Why a set is not taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum JwksError {
    /// Not JSON with a list of keys, or too large.
    #[error("it is not a JSON Web Key Set of at most {SET_BYTES_MAX} bytes")]
    NotASet,
    /// Nothing in it can check a signature.
    #[error("it has no key that the hub can use")]
    NoKeys,
    /// Two keys of one name.
    #[error("two of its keys have the same kid")]
    DuplicateKid,
}

#[derive(Deserialize)]
struct Set {
    keys: Vec<serde_json::Value>,
}

impl Jwks {
    /// Without any key yet. Once there are some, they count for `grace` after the last success.
    pub fn new(grace: Duration) -> Self {
        Self {
            grace,
            keys: Vec::new(),
            fetched: None,
            tried: None,
            retry: None,
            failures: 0,
            is_fetching: false,
        }
    }

    /// Whether to fetch now; `is_missed`: a token has named a key that is not here.
    pub fn due(&self, is_missed: bool, now: TimeMs) -> Fetch {
        if self.is_fetching {
            return Fetch::Underway;
        }
        let aged = self.fetched.map_or(TimeMs(0), |at| at.plus_ms(ms(AGE)));
        let rested = self.tried.map_or(TimeMs(0), |at| at.plus_ms(ms(UNKNOWN_REST)));
        let anyway = self.retry.unwrap_or(aged);
        let at =
            if is_missed { anyway.min(rested.max(self.retry.unwrap_or_default())) } else { anyway };
        if at > now { Fetch::NotBefore(at) } else { Fetch::Now }
    }

    /// Somebody fetches from now on.
    pub fn begin(&mut self, now: TimeMs) {
        self.is_fetching = true;
        self.tried = Some(now);
    }

    /// Takes what the URL answered. What is not understood leaves the keys as they were, and
    /// counts as a failure.
    pub fn fetched(&mut self, bytes: &[u8], jitter: u64, now: TimeMs) -> Result<(), JwksError> {
        match parse(bytes) {
            Ok(keys) => {
                self.keys = keys;
                self.fetched = Some(now);
                self.retry = None;
                self.failures = 0;
                self.is_fetching = false;
                Ok(())
            }
            Err(error) => {
                self.failed(jitter, now);
                Err(error)
            }
        }
    }

    /// The URL could not be read; `jitter` are random bits.
    pub fn failed(&mut self, jitter: u64, now: TimeMs) {
        self.is_fetching = false;
        let doubled = BACK_OFF.saturating_mul(1 << self.failures.min(16)).min(BACK_OFF_MAX);
        self.failures = self.failures.saturating_add(1);
        let wait = ms(doubled);
        self.retry = Some(now.plus_ms(wait / 2 + jitter % (wait + 1)));
    }

    /// As [`failed`](Self::failed), unless that has been told already.
    pub fn failed_if_underway(&mut self, jitter: u64, now: TimeMs) {
        if self.is_fetching {
            self.failed(jitter, now);
        }
    }

    /// The key of this name, if it counts now.
    pub fn key(&self, kid: &str, now: TimeMs) -> Option<&VerifyingKey> {
        let fetched = self.fetched?;
        if fetched.plus_ms(ms(self.grace)) <= now {
            return None;
        }
        self.keys.iter().find(|key| key.kid.as_deref() == Some(kid))
    }

    /// When it was last read.
    pub fn last_success(&self) -> Option<TimeMs> {
        self.fetched
    }
}

fn parse(bytes: &[u8]) -> Result<Vec<VerifyingKey>, JwksError> {
    if bytes.len() > SET_BYTES_MAX {
        return Err(JwksError::NotASet);
    }
    let set: Set = serde_json::from_slice(bytes).map_err(|_| JwksError::NotASet)?;
    // A set may have keys for other ends, and of kinds that came after this program.
    let usable = set.keys.into_iter().filter_map(|key| {
        let jwk: Jwk = serde_json::from_value(key).ok()?;
        VerifyingKey::jwk(&jwk).ok()
    });
    let keys: Vec<VerifyingKey> = usable.take(KEYS_MAX).collect();
    let has_twice = |key: &VerifyingKey| keys.iter().filter(|k| k.kid == key.kid).count() > 1;
    if keys.is_empty() {
        Err(JwksError::NoKeys)
    } else if keys.iter().any(has_twice) {
        Err(JwksError::DuplicateKid)
    } else {
        Ok(keys)
    }
}

fn ms(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
