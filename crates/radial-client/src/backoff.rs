//! How long to wait before the next attempt: a ladder with full jitter.
//!
//! Pure: the random source is passed in, and nobody sleeps here.

use std::time::Duration;

/// The longest wait of each attempt, in seconds; the last one repeats.
const LADDER_SECONDS: [u64; 6] = [1, 2, 4, 8, 16, 30];

/// The longest first wait that is taken from a hub.
const FIRST_MAX: Duration = Duration::from_secs(30);

/// The longest `Retry-After` that is obeyed; a longer one is cut to this.
const RETRY_AFTER_MAX: Duration = Duration::from_hours(1);

/// Counts failed attempts and says how long to wait before the next one.
///
/// The waits are random between zero and 1, 2, 4, 8, 16, 30, 30… seconds. Where the hub named a
/// first wait (the `retry:` line of a stream, already random there), that comes before these.
#[derive(Clone, Debug, Default)]
pub struct Backoff {
    failures: usize,
    first: Option<Duration>,
}

impl Backoff {
    /// No failure yet, no first wait known.
    pub const fn new() -> Self {
        Self { failures: 0, first: None }
    }

    /// Takes the hub's own first wait, at most 30 s of it.
    pub fn set_first(&mut self, first: Duration) {
        self.first = Some(first.min(FIRST_MAX));
    }

    /// Forgets the failures: an attempt has proved itself.
    pub const fn reset(&mut self) {
        self.failures = 0;
    }

    /// How many waits there were since the last reset.
    pub const fn failures(&self) -> usize {
        self.failures
    }

    /// The wait before the next attempt; counts a failure.
    ///
    /// `retry_after` is what a refusal asked for: the wait is at least that (at most an hour),
    /// and up to a quarter longer, so that those who were refused together do not return together.
    pub fn next_wait(
        &mut self,
        retry_after: Option<Duration>,
        random: &mut fastrand::Rng,
    ) -> Duration {
        let failures = self.failures;
        self.failures = failures.saturating_add(1);
        let wait = match (self.first, failures) {
            (Some(first), 0) => first,
            (Some(_), later) => ladder(later - 1, random),
            (None, any) => ladder(any, random),
        };
        match retry_after {
            None => wait,
            Some(asked) => {
                let asked = asked.min(RETRY_AFTER_MAX);
                wait.max(asked.saturating_add(jittered(asked / 4, random)))
            }
        }
    }
}

/// Anything from nothing to `most`, evenly.
pub(crate) fn jittered(most: Duration, random: &mut fastrand::Rng) -> Duration {
    let most_ms = u64::try_from(most.as_millis()).unwrap_or(u64::MAX);
    Duration::from_millis(random.u64(0..=most_ms))
}

fn ladder(step: usize, random: &mut fastrand::Rng) -> Duration {
    let last = LADDER_SECONDS.last().copied().unwrap_or_default();
    let seconds = LADDER_SECONDS.get(step).copied().unwrap_or(last);
    jittered(Duration::from_secs(seconds), random)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn longest_of(backoff: &Backoff, attempts: usize) -> Vec<u64> {
        let mut longest = vec![0; attempts];
        for seed in 0..200 {
            let mut random = fastrand::Rng::with_seed(seed);
            let mut backoff = backoff.clone();
            for slot in &mut longest {
                let wait_ms = backoff.next_wait(None, &mut random).as_millis();
                *slot = (*slot).max(u64::try_from(wait_ms).unwrap());
            }
        }
        longest
    }

    #[test]
    fn the_waits_climb_the_ladder_with_full_jitter() {
        let longest = longest_of(&Backoff::new(), 8);
        for (longest, limit) in longest.iter().zip([1, 2, 4, 8, 16, 30, 30, 30]) {
            let limit = limit * 1_000;
            assert!(*longest <= limit && *longest > limit * 9 / 10, "{longest} of {limit}");
        }
    }

    #[test]
    fn the_hubs_first_wait_comes_first_and_as_it_is() {
        let mut backoff = Backoff::new();
        backoff.set_first(Duration::from_millis(2_750));
        let mut random = fastrand::Rng::with_seed(7);
        assert_eq!(backoff.next_wait(None, &mut random), Duration::from_millis(2_750));
        assert!(backoff.next_wait(None, &mut random) <= Duration::from_secs(1));
        backoff.reset();
        assert_eq!(backoff.next_wait(None, &mut random), Duration::from_millis(2_750));
        backoff.set_first(Duration::from_hours(24));
        backoff.reset();
        assert_eq!(backoff.next_wait(None, &mut random), FIRST_MAX);
    }

    #[test]
    fn retry_after_is_the_least_wait() {
        for seed in 0..200 {
            let mut random = fastrand::Rng::with_seed(seed);
            let asked = Duration::from_secs(8);
            let wait = Backoff::new().next_wait(Some(asked), &mut random);
            assert!((asked..=asked * 5 / 4).contains(&wait), "{wait:?}");
        }
        let mut random = fastrand::Rng::with_seed(1);
        let wait = Backoff::new().next_wait(Some(Duration::MAX), &mut random);
        assert!(wait <= RETRY_AFTER_MAX * 5 / 4);
    }
}
