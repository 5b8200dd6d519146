//! Latencies of millions of deliveries in little memory: counts in buckets that are 1.6 % wide.

/// As many buckets as this lie between a power of two and the next.
const STEPS: u64 = 64;
const STEP_BITS: u32 = 6;
/// 2^42 ns is over an hour.
const POWERS: usize = 42;

/// How long each of many deliveries took.
#[derive(Clone, Debug)]
pub(crate) struct Histogram {
    counts: Vec<u64>,
    count: u64,
    max_ns: u64,
}

impl Default for Histogram {
    fn default() -> Self {
        Self { counts: vec![0; POWERS << STEP_BITS], count: 0, max_ns: 0 }
    }
}

impl Histogram {
    /// Adds one.
    pub(crate) fn add(&mut self, took_ns: u64) {
        let last = self.counts.len() - 1;
        if let Some(count) = self.counts.get_mut(bucket(took_ns).min(last)) {
            *count += 1;
        }
        self.count += 1;
        self.max_ns = self.max_ns.max(took_ns);
    }

    /// How many there are.
    pub(crate) fn count(&self) -> u64 {
        self.count
    }

    /// The slowest, in seconds.
    pub(crate) fn max(&self) -> f64 {
        crate::figures::float(self.max_ns) / 1e9
    }

    /// What this share of all does not exceed, in seconds; up to 1.6 % too high.
    pub(crate) fn percentile(&self, share: f64) -> f64 {
        let wanted = crate::figures::float(self.count) * share;
        let mut counted = 0;
        for (index, count) in self.counts.iter().enumerate() {
            counted += count;
            if counted > 0 && crate::figures::float(counted) >= wanted {
                return (crate::figures::float(end_of(index)) / 1e9).min(self.max());
            }
        }
        self.max()
    }
}

/// Which bucket a number belongs to.
fn bucket(ns: u64) -> usize {
    let ns = ns.max(STEPS);
    let power = ns.ilog2() - STEP_BITS;
    let step = (ns >> power) - STEPS;
    (((power as usize) << STEP_BITS) | usize::try_from(step).unwrap_or(0)) + 1
}

/// The first number above a bucket.
fn end_of(index: usize) -> u64 {
    let Some(index) = index.checked_sub(1) else { return STEPS };
    let (power, step) = (index >> STEP_BITS, index as u64 & (STEPS - 1));
    (STEPS + step + 1) << power
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_at_most_a_step_too_high() {
        let mut histogram = Histogram::default();
        for us in (1..=1_000).rev() {
            histogram.add(us * 1_000);
        }
        assert_eq!(histogram.count(), 1_000);
        for (share, exact) in [(0.5, 500e-6), (0.99, 990e-6), (1.0, 1_000e-6)] {
            let found = histogram.percentile(share);
            assert!((exact..=exact * 1.017).contains(&found), "{share}: {found}");
        }
        assert!((histogram.max() - 0.001).abs() < 1e-12);
        assert!(Histogram::default().percentile(0.99).abs() < 1e-12);
    }
}
