//! All buckets of the hub, in a table that does not grow.
//!
//! A bucket that is full needs no place, so that only those who did something lately have one. The
//! table is rows of eight places; a key can stand in one row only, each row has a lock of its own,
//! and looking one up costs a walk along eight numbers.
//!
//! **At the bound**, when all places of a row are taken by others, the bucket that will be full
//! soonest is forgotten, and counted: its owner may do at once what it could do a little later. So
//! no stranger is ever refused for lack of room, the busiest are remembered longest, and somebody
//! with very many addresses gains no more than those addresses give anyway.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use super::bucket::{FullAt, nanos};

/// Places of one row. Two cache lines of 64 bytes.
const ROW: usize = 8;

/// The buckets by key.
#[derive(Debug)]
pub(crate) struct Buckets {
    rows: Box<[Mutex<[Place; ROW]>]>,
    forgotten: AtomicU64,
}

/// A key, well mixed: which row is in its low bits.
pub(crate) type Key = u64;

#[derive(Clone, Copy, Debug, Default)]
struct Place {
    key: Key,
    full_at: FullAt,
}

impl Buckets {
    /// A table of at least so many places, of 16 bytes each.
    pub(crate) fn new(places: usize) -> Self {
        let rows = places.div_ceil(ROW).max(1).next_power_of_two();
        Self { rows: (0..rows).map(|_| Mutex::default()).collect(), forgotten: AtomicU64::new(0) }
    }

    /// Does something with the bucket of a key. The lock of its row is held meanwhile.
    pub(crate) fn with<T>(&self, key: Key, now: Duration, act: impl FnOnce(&mut FullAt) -> T) -> T {
        let index = usize::try_from(key).unwrap_or(usize::MAX) & (self.rows.len() - 1);
        let row = self.rows.get(index).expect("the index is masked by the number of rows");
        // Each place is written in one step, so that a panic leaves none half written.
        let mut row = row.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(place) = row.iter_mut().find(|place| place.key == key) {
            return act(&mut place.full_at);
        }
        let mut fresh = Place { key, full_at: FullAt::default() };
        let done = act(&mut fresh.full_at);
        if fresh.full_at.0 > nanos(now) {
            let soonest = row.iter_mut().min_by_key(|place| place.full_at);
            let place = soonest.expect("a row has places");
            if place.full_at.0 > nanos(now) {
                self.forgotten.fetch_add(1, Ordering::Relaxed);
            }
            *place = fresh;
        }
        done
    }

    /// How many buckets were forgotten before they were full.
    pub(crate) fn forgotten(&self) -> u64 {
        self.forgotten.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::super::bucket::Rate;
    use super::*;

    const TEN: Rate = Rate { quota: 10, period: Duration::from_secs(10) };

    fn take(buckets: &Buckets, key: Key, now: Duration) -> bool {
        buckets.with(key, now, |bucket| TEN.take(bucket, now, 1)).given
    }

    #[test]
    fn each_key_has_a_bucket_of_its_own() {
        let buckets = Buckets::new(1_000);
        let now = Duration::from_secs(100);
        for key in 0..1_000 {
            let given = (0..20).filter(|_| take(&buckets, key, now)).count();
            assert_eq!(given, 10, "{key}");
        }
    }

    #[test]
    fn a_flood_of_keys_refuses_nobody_and_takes_no_memory() {
        let buckets = Buckets::new(64);
        let mut now = Duration::from_secs(100);
        // One is busy all the time; two hundred thousand others come once.
        let (busy, mut given) = (7_u64, 0_u64);
        for other in 0..200_000_u64 {
            now += Duration::from_millis(1);
            given += u64::from(take(&buckets, busy, now));
            assert!(take(&buckets, 1_000 + other, now));
        }
        assert!(buckets.forgotten() > 0);
        assert_eq!(buckets.rows.len() * ROW, 64);
        // Two hundred seconds at one a second, and the bucket that it began with.
        assert!((200..=210).contains(&given), "{given}");
    }

    #[test]
    fn a_place_is_used_again_once_its_bucket_is_full() {
        let buckets = Buckets::new(8);
        for round in 0..100_u64 {
            let now = Duration::from_secs(100 + round * 20);
            for key in 0..8 {
                assert!(take(&buckets, round * 8 + key, now));
            }
        }
        assert_eq!(buckets.forgotten(), 0);
    }
}
