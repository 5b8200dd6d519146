//! The seats of a worker, in stretches of memory that are never moved: a single list would be
//! copied whenever it grows, and for a while be there twice.

use slab::{Slab, VacantEntry};

/// How many seats one stretch has.
const STRETCH: usize = 1_024;

/// A worker's seats, by their numbers.
pub(crate) struct Seats<T> {
    stretches: Vec<Slab<T>>,
    /// All before it are full.
    first_with_room: usize,
}

/// A seat that nobody has.
pub(crate) struct Vacant<'a, T> {
    pub(crate) id: usize,
    entry: VacantEntry<'a, T>,
}

impl<T> Vacant<'_, T> {
    pub(crate) fn fill(self, seat: T) {
        self.entry.insert(seat);
    }
}

impl<T> Default for Seats<T> {
    fn default() -> Self {
        Self { stretches: Vec::new(), first_with_room: 0 }
    }
}

impl<T> Seats<T> {
    pub(crate) fn vacant(&mut self) -> Vacant<'_, T> {
        let is_full = |stretch: &Slab<T>| stretch.len() == STRETCH;
        while self.stretches.get(self.first_with_room).is_some_and(is_full) {
            self.first_with_room += 1;
        }
        if self.first_with_room == self.stretches.len() {
            self.stretches.push(Slab::with_capacity(STRETCH));
        }
        let index = self.first_with_room;
        let stretch = self.stretches.get_mut(index).expect("it was made if it was not there");
        let entry = stretch.vacant_entry();
        Vacant { id: index * STRETCH + entry.key(), entry }
    }

    pub(crate) fn get_mut(&mut self, id: usize) -> Option<&mut T> {
        self.stretches.get_mut(id / STRETCH)?.get_mut(id % STRETCH)
    }

    /// Takes somebody out of his seat.
    pub(crate) fn try_remove(&mut self, id: usize) -> Option<T> {
        let seat = self.stretches.get_mut(id / STRETCH)?.try_remove(id % STRETCH)?;
        self.first_with_room = self.first_with_room.min(id / STRETCH);
        while self.stretches.last().is_some_and(Slab::is_empty) {
            self.stretches.pop();
        }
        Some(seat)
    }

    /// All that are taken.
    pub(crate) fn iter_mut(&mut self) -> impl Iterator<Item = (usize, &mut T)> {
        let stretches = self.stretches.iter_mut().enumerate();
        stretches.flat_map(|(index, stretch)| {
            stretch.iter_mut().map(move |(key, seat)| (index * STRETCH + key, seat))
        })
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;

    /// Against a map, through growing over several stretches and emptying again.
    #[test]
    fn whoever_has_a_seat_keeps_it_alone_and_empty_stretches_go() {
        let seed = fastrand::u64(..);
        let mut random = fastrand::Rng::with_seed(seed);
        let (mut seats, mut model) = (Seats::default(), HashMap::new());
        for (round, most) in [4 * STRETCH, STRETCH / 2, 3 * STRETCH, 0].into_iter().enumerate() {
            while model.len() != most {
                if model.len() < most && random.u8(..) < 200 || model.is_empty() {
                    let (vacant, value) = (seats.vacant(), random.u64(..));
                    let id = vacant.id;
                    vacant.fill(value);
                    assert_eq!(model.insert(id, value), None, "seed {seed}: seat {id} was taken");
                } else {
                    let id = *model.keys().nth(random.usize(..model.len().min(8))).unwrap();
                    assert_eq!(seats.try_remove(id), model.remove(&id), "seed {seed}");
                    assert_eq!(seats.try_remove(id), None, "seed {seed}");
                }
            }
            let found: HashMap<_, _> = seats.iter_mut().map(|(id, value)| (id, *value)).collect();
            assert_eq!(found, model, "seed {seed} round {round}");
        }
        assert!(seats.stretches.is_empty());
    }
}
