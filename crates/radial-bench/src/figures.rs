//! From samples to figures: percentiles of one run, medians of several.

use std::time::Duration;

/// How long each of many operations took.
#[derive(Clone, Debug, Default)]
pub(crate) struct Latencies {
    nanos: Vec<u64>,
}

impl Latencies {
    /// Adds one.
    pub(crate) fn add(&mut self, took: Duration) {
        self.nanos.push(u64::try_from(took.as_nanos()).unwrap_or(u64::MAX));
    }

    /// Adds all of another.
    pub(crate) fn extend(&mut self, other: &Self) {
        self.nanos.extend_from_slice(&other.nanos);
    }

    /// Runs something, adds how long it took, and gives its result back.
    pub(crate) fn time<R>(&mut self, work: impl FnOnce() -> R) -> R {
        let began = crate::clock::now();
        let result = work();
        self.add(began.elapsed());
        result
    }

    /// The sample that this share of all does not exceed, in seconds; 0 if there is none.
    pub(crate) fn percentile(&self, share: f64) -> f64 {
        let mut sorted = self.nanos.clone();
        sorted.sort_unstable();
        let last = sorted.len().saturating_sub(1);
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a share of a small positive count"
        )]
        let index = (float(last as u64) * share).round() as usize;
        float(sorted.get(index.min(last)).copied().unwrap_or(0)) / 1e9
    }
}

/// The middle one; 0 if there is none.
pub(crate) fn median(mut values: Vec<f64>) -> f64 {
    values.sort_unstable_by(f64::total_cmp);
    let middle = values.len() / 2;
    let at = |index: usize| values.get(index).copied().unwrap_or(0.0);
    if values.len().is_multiple_of(2) && middle > 0 {
        f64::midpoint(at(middle - 1), at(middle))
    } else {
        at(middle)
    }
}

/// A count as a number to divide by.
#[expect(clippy::cast_precision_loss, reason = "counts of a bench are far below 2^52")]
pub(crate) fn float(count: u64) -> f64 {
    count as f64
}

/// So many in so long.
pub(crate) fn rate(count: u64, took: Duration) -> f64 {
    float(count) / took.as_secs_f64().max(1e-9)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_and_medians_are_samples_or_between_two() {
        let mut latencies = Latencies::default();
        for ms in (1..=101).rev() {
            latencies.add(Duration::from_millis(ms));
        }
        assert!((latencies.percentile(0.5) - 0.051).abs() < 1e-9);
        assert!((latencies.percentile(0.99) - 0.100).abs() < 1e-9);
        assert!((latencies.percentile(1.0) - 0.101).abs() < 1e-9);
        assert!((median(vec![3.0, 1.0, 2.0]) - 2.0).abs() < 1e-9);
        assert!((median(vec![4.0, 1.0]) - 2.5).abs() < 1e-9);
        assert!(median(Vec::new()).abs() < 1e-9);
        assert!(Latencies::default().percentile(0.5).abs() < 1e-9);
    }
}
