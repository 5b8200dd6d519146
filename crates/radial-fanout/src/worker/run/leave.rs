//! How connections leave a worker: one by one, or all at once after a panic.

use std::sync::Arc;
use std::time::Duration;

use radial_protocol::Epoch;

use super::Worker;
use crate::resident::{Ended, Returned};
use crate::sync::catch;
use crate::timeline::Timeline;
use crate::worker::hands::Leave;
use crate::worker::seat::Seat;

impl Worker {
    /// Lets those go who leave.
    pub(super) fn let_go(&mut self) {
        while let Some((seat_id, leave)) = self.leaving.pop() {
            let Some(mut seat) = self.seats.try_remove(seat_id) else { continue };
            self.stays.remove(&seat.stay);
            seat.line.forget(self.poll.registry());
            let Some((timeline, epoch, spot)) = self.leave_shard(&seat) else { continue };
            let tally = seat.tally;
            match leave {
                Leave::Ended(ended) => {
                    drop(seat.line);
                    seat.resident.ended(ended, tally);
                }
                Leave::Back(why) => {
                    let Some(outlet) = seat.line.into_outlet() else {
                        seat.resident.ended(Ended::Gone, tally);
                        continue;
                    };
                    let unwritten = seat.behind.map_or_else(Default::default, |it| it.unwritten);
                    seat.resident.come_back(Returned {
                        outlet,
                        timeline,
                        epoch,
                        filter: seat.filter,
                        unwritten,
                        spot,
                        tally,
                        beat: seat.beat_at.into(),
                        until: seat.until.into(),
                        why,
                    });
                }
            }
        }
    }

    /// Where a connection was that leaves its shard, which goes with its last one.
    fn leave_shard(&mut self, seat: &Seat) -> Option<(Arc<Timeline>, Epoch, crate::Spot)> {
        let shard = self.shards.get_mut(&seat.shard)?;
        let was = (Arc::clone(&shard.timeline), shard.epoch, shard.spot_of(seat));
        if let Some(moved) = shard.classes.leave(seat.class, seat.rank)
            && let Some(moved) = self.seats.get_mut(moved)
        {
            moved.rank = seat.rank;
        }
        shard.seats -= 1;
        if shard.seats == 0 {
            shard.timeline.remove_bell(&shard.bell);
            self.by_timeline.remove(&Arc::as_ptr(&shard.timeline).addr());
            self.shards.remove(&seat.shard);
        }
        Some(was)
    }

    /// A panic may have left anything half done. All connections end, for their clients to come
    /// again where they were, and the worker goes on with who comes next.
    pub(super) fn begin_anew(&mut self) {
        let everybody: Vec<_> = self.seats.iter_mut().map(|(seat_id, _)| seat_id).collect();
        for seat_id in &everybody {
            let Some(mut seat) = self.seats.try_remove(*seat_id) else { continue };
            let _ = catch(|| {
                seat.line.forget(self.poll.registry());
                drop(seat.line);
                seat.resident.ended(Ended::Failed, seat.tally);
            });
        }
        for (_, shard) in self.shards.drain() {
            shard.timeline.remove_bell(&shard.bell);
        }
        self.by_timeline.clear();
        self.stays.clear();
        self.leaving.clear();
        (self.nap_until, self.last_walk) = (None, Duration::ZERO);
        (self.settings.failed)(everybody.len());
    }
}
