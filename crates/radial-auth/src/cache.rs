//! What was found out about a credential, for as long as it can be believed: checking a signature
//! takes a hundred times as long as looking one up, and asking an application far longer.
//!
//! Bounded by two generations: when the young one is full it becomes the old one, and the old one
//! goes. What is used moves over, so nothing has to be sorted and no stranger's flood of
//! credentials can take more memory.

use std::collections::HashMap;

use aws_lc_rs::digest;
use radial_protocol::TimeMs;

/// Names a credential without being one: its SHA-256.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Fingerprint([u8; 32]);

/// Values by the fingerprint of a credential, each until its time.
#[derive(Debug)]
pub struct Cache<V> {
    half: usize,
    young: HashMap<Fingerprint, (V, TimeMs)>,
    old: HashMap<Fingerprint, (V, TimeMs)>,
}

impl Fingerprint {
    /// Of everything that makes up a credential; the parts do not run into each other.
    pub fn of<'a>(parts: impl IntoIterator<Item = &'a [u8]>) -> Self {
        let mut hash = digest::Context::new(&digest::SHA256);
        for part in parts {
            hash.update(&(part.len() as u64).to_le_bytes());
            hash.update(part);
        }
        let mut bytes = [0; 32];
        bytes.copy_from_slice(hash.finish().as_ref());
        Self(bytes)
    }
}

impl<V: Clone> Cache<V> {
    /// For at most so many values.
    pub fn new(most: usize) -> Self {
        Self { half: (most / 2).max(1), young: HashMap::new(), old: HashMap::new() }
    }

    /// The value, if it still counts.
    pub fn get(&mut self, fingerprint: &Fingerprint, now: TimeMs) -> Option<V> {
        if let Some((value, until)) = self.young.get(fingerprint) {
            return (*until > now).then(|| value.clone());
        }
        let (value, until) = self.old.remove(fingerprint)?;
        if until <= now {
            return None;
        }
        self.put(*fingerprint, value.clone(), until);
        Some(value)
    }

    /// Keeps a value until this time.
    pub fn put(&mut self, fingerprint: Fingerprint, value: V, until: TimeMs) {
        if self.young.len() >= self.half {
            self.old = std::mem::take(&mut self.young);
        }
        self.young.insert(fingerprint, (value, until));
    }

    /// Forgets everything: the keys have changed by which it was found out.
    pub fn clear(&mut self) {
        self.young.clear();
        self.old.clear();
    }

    /// How many values are kept, counting or not.
    pub fn len(&self) -> usize {
        self.young.len() + self.old.len()
    }

    /// Whether nothing is kept.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl std::fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Fingerprint(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(number: u64) -> Fingerprint {
        Fingerprint::of([&number.to_le_bytes()[..]])
    }

    #[test]
    fn a_value_counts_until_its_time() {
        let mut cache = Cache::new(10);
        cache.put(name(1), 'a', TimeMs(100));
        assert_eq!(cache.get(&name(1), TimeMs(99)), Some('a'));
        assert_eq!(cache.get(&name(1), TimeMs(100)), None);
        assert_eq!(cache.get(&name(2), TimeMs(0)), None);
        cache.clear();
        assert_eq!(cache.get(&name(1), TimeMs(0)), None);
    }

    #[test]
    fn a_flood_takes_no_more_memory_and_what_is_used_stays() {
        let mut cache = Cache::new(100);
        cache.put(name(0), 0, TimeMs(1_000_000));
        for number in 1..10_000 {
            cache.put(name(number), number, TimeMs(1_000_000));
            assert!(cache.len() <= 101, "{}", cache.len());
            assert_eq!(cache.get(&name(0), TimeMs(1)), Some(0), "after {number}");
        }
    }

    #[test]
    fn parts_do_not_run_into_each_other() {
        assert!(Fingerprint::of([&b"ab"[..], b"c"]) != Fingerprint::of([&b"a"[..], b"bc"]));
    }
}
