//! The arithmetic of one token bucket: when it is full, what it gives, and how long to wait.
//!
//! A bucket is one number: the moment at which it will be full again. Taking a token moves that
//! moment on by the time that one token takes to come back; a token is there as long as the bucket
//! would be full again within one period. So a bucket that holds `quota` tokens gives, over any
//! stretch of time, at most `quota` at once and then `quota` in each period; it needs no timer, and
//! one that was full long ago is the same as one that was never touched.
//!
//! This module must never know what is counted, whose it is, or what time it is.

use std::time::Duration;

/// So many in so much time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Rate {
    /// How many tokens a full bucket holds, and how many come back in each period. At least 1.
    pub(crate) quota: u64,
    /// How long an empty bucket takes to be full.
    pub(crate) period: Duration,
}

/// The moment at which a bucket is full, in nanoseconds since the moment that the clock counts from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct FullAt(pub(crate) u64);

/// What a bucket says to a taker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Level {
    /// Whether it gave what was asked.
    pub(crate) given: bool,
    /// What is left.
    pub(crate) left: u64,
    /// If it gave, until it is full; if not, until it would give.
    pub(crate) wait: Duration,
}

impl Rate {
    /// So many a minute; nothing for 0, which means no limit.
    pub(crate) fn a_minute(quota: usize) -> Option<Self> {
        let quota = u64::try_from(quota).unwrap_or(u64::MAX);
        (quota > 0).then_some(Self { quota, period: Duration::from_mins(1) })
    }

    /// Takes tokens out of a bucket, or leaves it as it is.
    ///
    /// More than a bucket ever holds is given by a full one, which then owes the rest: what is
    /// worth many tokens is not refused for ever, and the rate over time still holds.
    pub(crate) fn take(self, bucket: &mut FullAt, now: Duration, tokens: u64) -> Level {
        let (now, period) = (nanos(now), nanos(self.period));
        let from = bucket.0.max(now);
        let to = from.saturating_add(self.cost(tokens));
        let latest = now.saturating_add(period);
        let given = to <= latest || from == now;
        if given {
            bucket.0 = to;
        }
        let full_at = bucket.0.max(now);
        let room = latest.saturating_sub(full_at);
        let left = u128::from(room) * u128::from(self.quota) / u128::from(period.max(1));
        // A refused taker waits for what it asked, or for a full bucket if that is sooner.
        let until = if given { full_at } else { to.saturating_sub(period).min(from) };
        Level {
            given,
            left: u64::try_from(left).unwrap_or(u64::MAX),
            wait: Duration::from_nanos(until.saturating_sub(now)),
        }
    }

    /// Takes tokens out of a bucket that has just said that it gives; if somebody else was faster,
    /// it owes them, so that the rate over time holds.
    pub(crate) fn pay(self, bucket: &mut FullAt, now: Duration, tokens: u64) -> Level {
        bucket.0 = bucket.0.max(nanos(now)).saturating_add(self.cost(tokens));
        Level { given: true, ..self.look(*bucket, now, 0) }
    }

    /// Whether a bucket would give, without taking.
    pub(crate) fn look(self, mut bucket: FullAt, now: Duration, tokens: u64) -> Level {
        self.take(&mut bucket, now, tokens)
    }

    /// How long so many tokens take to come back, rounded up.
    fn cost(self, tokens: u64) -> u64 {
        let period = u128::from(nanos(self.period));
        let cost = (period * u128::from(tokens)).div_ceil(u128::from(self.quota.max(1)));
        u64::try_from(cost).unwrap_or(u64::MAX)
    }
}

/// 584 years of nanoseconds fit in.
pub(crate) fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const HUNDRED: Rate = Rate { quota: 100, period: Duration::from_mins(1) };
    const HOUR_MS: u64 = 3_600_000;

    /// Asks for `tokens` every `every_ms` for an hour; how often they were given.
    fn given_in_an_hour(rate: Rate, every_ms: u64, tokens: u64) -> u64 {
        let mut bucket = FullAt::default();
        let times = (0..HOUR_MS).step_by(usize::try_from(every_ms).unwrap());
        let given = |ms| rate.take(&mut bucket, Duration::from_millis(ms), tokens).given;
        times.map(given).filter(|given| *given).count() as u64
    }

    #[test]
    fn whoever_asks_all_the_time_is_given_the_quota_of_each_minute_and_one_bucket() {
        for every_ms in [1, 7, 100, 599] {
            let given = given_in_an_hour(HUNDRED, every_ms, 1);
            assert!((6_000..=6_100).contains(&given), "every {every_ms} ms: {given}");
        }
        // Below the rate nothing is refused, for however long.
        assert_eq!(given_in_an_hour(HUNDRED, 600, 1), 6_000);
        assert_eq!(given_in_an_hour(HUNDRED, 60_000, 100), 60);
    }

    #[test]
    fn a_full_bucket_gives_its_quota_at_once_and_then_says_how_long_to_wait() {
        let mut bucket = FullAt::default();
        let now = Duration::from_secs(1_000);
        for left in (0..100).rev() {
            let level = HUNDRED.take(&mut bucket, now, 1);
            assert_eq!((level.given, level.left), (true, left));
        }
        let refused = HUNDRED.take(&mut bucket, now, 1);
        let expected = Level { given: false, left: 0, wait: Duration::from_millis(600) };
        assert_eq!(refused, expected);
        // A refusal takes nothing: whoever waits as told is given.
        assert!(!HUNDRED.take(&mut bucket, now + Duration::from_millis(599), 1).given);
        assert!(HUNDRED.take(&mut bucket, now + Duration::from_millis(600), 1).given);
    }

    #[test]
    fn what_is_larger_than_a_bucket_is_given_by_a_full_one_and_owed() {
        assert_eq!(given_in_an_hour(HUNDRED, 1_000, 250), 24);
        let mut bucket = FullAt::default();
        let now = Duration::from_secs(7);
        assert!(HUNDRED.take(&mut bucket, now, 250).given);
        let refused = HUNDRED.take(&mut bucket, now, 1);
        assert_eq!((refused.given, refused.left), (false, 0));
        assert_eq!(refused.wait, Duration::from_millis(90_600));
        assert!(HUNDRED.take(&mut bucket, now + refused.wait, 1).given);
        let again = HUNDRED.look(bucket, now + refused.wait, 250);
        assert!(HUNDRED.take(&mut bucket, now + refused.wait + again.wait, 250).given);
    }

    #[test]
    fn no_number_overflows() {
        let rate = Rate { quota: u64::MAX, period: Duration::from_mins(1) };
        for (now, tokens) in [(0, 0), (0, u64::MAX), (u64::MAX, 1), (u64::MAX, u64::MAX)] {
            let mut bucket = FullAt(now);
            rate.take(&mut bucket, Duration::from_nanos(now), tokens);
            HUNDRED.take(&mut bucket, Duration::from_nanos(now), tokens);
        }
    }
}
