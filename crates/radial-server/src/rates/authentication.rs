//! Bad credentials from one address: who has sent too many is refused without another look.

use std::net::IpAddr;
use std::time::Duration;

use radial_protocol::Problem;
use radial_protocol::problem::RateLimit;

use super::Rates;
use super::bucket::Rate;
use super::publishing::refusal;
use super::scope::{Scope, subscriber};
use super::table::Key;

impl Rates {
    /// Whether a credential from this address is looked at.
    ///
    /// # Errors
    /// `rate-limited`, whatever the credential is: a right guess among many is not told either.
    pub(crate) fn authentication(&self, address: IpAddr, now: Duration) -> Result<(), Problem> {
        let Some((rate, key)) = self.authentications(address) else { return Ok(()) };
        let level = self.buckets.with(key, now, |bucket| rate.look(*bucket, now, 1));
        if level.given {
            return Ok(());
        }
        self.counters.refuse(Scope::BadCredentials);
        let wait_ms = u64::try_from(level.wait.as_millis()).unwrap_or(u64::MAX).max(1);
        let limit = RateLimit {
            policy: Scope::BadCredentials.name(),
            quota: rate.quota,
            window_seconds: rate.period.as_secs(),
            remaining: 0,
            wait_ms,
        };
        Err(refusal(Scope::BadCredentials, limit))
    }

    /// Remembers that a credential from this address was bad. A request without one is not.
    pub(crate) fn authentication_failed(&self, address: IpAddr, now: Duration) {
        if let Some((rate, key)) = self.authentications(address) {
            self.buckets.with(key, now, |bucket| rate.take(bucket, now, 1));
        }
    }

    fn authentications(&self, address: IpAddr) -> Option<(Rate, Key)> {
        if address.is_unspecified() {
            // One guesser must not lock out everybody else whose address is not known.
            return None;
        }
        let rate = Rate::a_minute(self.limits.bad_credentials)?;
        Some((rate, Scope::BadCredentials.key(self.seed, &[&subscriber(address)])))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config;

    #[test]
    fn guesses_are_looked_at_up_to_the_limit_of_each_minute_for_however_long() {
        let limits = config::Rates { bad_credentials: 20, ..config::Rates::default() };
        let rates = Rates::new(limits, 1);
        let (guesser, other) = ("192.0.2.1".parse().unwrap(), "192.0.2.2".parse().unwrap());
        let mut looked_at = 0;
        for ms in (0..3_600_000_u64).step_by(250) {
            let now = Duration::from_millis(ms);
            if rates.authentication(guesser, now).is_ok() {
                looked_at += 1;
                rates.authentication_failed(guesser, now);
            }
            assert!(rates.authentication(other, now).is_ok());
        }
        assert!((20 * 60..=20 * 61).contains(&looked_at), "{looked_at}");
    }
}
