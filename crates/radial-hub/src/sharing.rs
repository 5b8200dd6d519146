//! One copy of what many connections have alike: what they ask for, what is left of it, what they may.

use std::collections::HashSet;
use std::hash::Hash;
use std::sync::{Arc, Mutex, PoisonError};

/// The fewest values that are looked over for those that nobody has any more.
const LOOK_OVER_MIN: usize = 64;

/// Values that are shared by those who have equal ones. It grows with the values that somebody has.
#[derive(Debug)]
pub struct Sharing<T: ?Sized>(Mutex<Shared<T>>);

#[derive(Debug)]
struct Shared<T: ?Sized> {
    values: HashSet<Arc<T>>,
    /// With so many values it is time to look for those that nobody has any more.
    look_over_at: usize,
}

impl<T: ?Sized> Default for Sharing<T> {
    fn default() -> Self {
        Self(Mutex::new(Shared { values: HashSet::new(), look_over_at: LOOK_OVER_MIN }))
    }
}

impl<T: ?Sized + Eq + Hash> Sharing<T> {
    /// The value itself, or the equal one that somebody has already.
    pub fn share(&self, value: Arc<T>) -> Arc<T> {
        let mut shared = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = shared.values.get(&value) {
            return Arc::clone(known);
        }
        if shared.values.len() >= shared.look_over_at {
            shared.values.retain(|value| Arc::strong_count(value) > 1);
            shared.look_over_at = (2 * shared.values.len()).max(LOOK_OVER_MIN);
        }
        shared.values.insert(Arc::clone(&value));
        value
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_values_are_one_and_those_that_nobody_has_go() {
        let sharing = Sharing::<str>::default();
        let first = sharing.share(Arc::from("a"));
        assert!(Arc::ptr_eq(&first, &sharing.share(Arc::from("a"))));
        for number in 0..10_000 {
            sharing.share(Arc::from(number.to_string()));
        }
        assert!(sharing.0.lock().unwrap().values.len() <= LOOK_OVER_MIN);
        assert!(Arc::ptr_eq(&first, &sharing.share(Arc::from("a"))));
    }
}
