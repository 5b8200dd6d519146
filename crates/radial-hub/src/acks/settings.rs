//! How acknowledgements are kept.

use std::time::Duration;

/// What may be chosen, and the limits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AckSettings {
    /// How long an acknowledgement may take before the event comes again. Each further time it may
    /// take twice as long.
    pub redeliver_after: Duration,
    /// The longest time between two redeliveries of an event to a session.
    pub redeliver_at_most: Duration,
    /// The most sessions of a tenant of which is remembered what they owe. Beyond, the one that has
    /// been away for longest is forgotten; if none is away, the newest owes nothing.
    pub sessions: usize,
    /// The most acknowledgements that are remembered of a session. Beyond, its floor rises to the
    /// oldest of them, and what it still owed from before is given up.
    pub remembered: usize,
    /// The most debts of a session that are followed at a time, the oldest ones. The others are
    /// followed once half of these are settled.
    pub debts: usize,
    /// The most `ack` events of a tenant that can be owed. Beyond, the oldest are owed no more.
    pub events: usize,
    /// A session that has not been there for so long owes nothing.
    pub unseen: Duration,
}

impl Default for AckSettings {
    /// After 30 s, at most 10 minutes apart; 10,000 sessions; 1,000 acknowledgements and 1,000 debts
    /// of each; 100,000 events; 24 h (protocol §5).
    fn default() -> Self {
        Self {
            redeliver_after: Duration::from_secs(30),
            redeliver_at_most: Duration::from_mins(10),
            sessions: 10_000,
            remembered: 1_000,
            debts: 1_000,
            events: 100_000,
            unseen: Duration::from_hours(24),
        }
    }
}

impl AckSettings {
    /// How long the next redelivery waits after an event was sent for the `attempt`th time.
    pub(super) fn interval(&self, attempt: u32) -> Duration {
        let doubled = attempt.saturating_sub(1).min(16);
        self.redeliver_after.saturating_mul(1 << doubled).min(self.redeliver_at_most)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_between_two_redeliveries_doubles_up_to_its_limit() {
        let settings = AckSettings::default();
        let seconds: Vec<u64> =
            (1..8).map(|attempt| settings.interval(attempt).as_secs()).collect();
        assert_eq!(seconds, [30, 60, 120, 240, 480, 600, 600]);
        assert_eq!(settings.interval(u32::MAX), settings.redeliver_at_most);
    }
}
