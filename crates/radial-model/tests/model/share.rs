//! A share of somebody else's socket: its owner makes room, and calls the worker, while the worker
//! writes to it.

use std::io;
use std::sync::Arc;
use std::task::Waker;
use std::time::Duration;

use bytes::Bytes;
use radial_model::{Outlet, Parked, Reader, Share, Step};
use radial_protocol::TimeMs;
use shuttle::rand::{Rng as _, thread_rng};
use shuttle::sync::mpsc::channel;
use shuttle::sync::{Condvar, Mutex};
use shuttle::thread;

use crate::events::{EPOCH, everything, logged, offset};
use crate::park::{NEVER, Owner, World};
use crate::run::check;

#[derive(Default)]
struct Pipe {
    room: usize,
    taken: Vec<u8>,
    waker: Option<Waker>,
    /// The writer is told of room that was there already, as `h2` tells it.
    tells_writer: bool,
}

/// Both ends of a pipe.
#[derive(Clone, Default)]
struct Ends(Arc<(Mutex<Pipe>, Condvar)>);

impl Ends {
    fn make_room(&self, room: usize) {
        let mut pipe = self.0.0.lock().unwrap();
        pipe.room += room;
        if let Some(waker) = pipe.waker.take() {
            waker.wake();
        }
    }

    /// Nobody does anything for who waits: what is not taken by itself is never taken.
    fn taken(&self, len: usize) -> Vec<u8> {
        let (pipe, changed) = &*self.0;
        let mut pipe = pipe.lock().unwrap();
        while pipe.taken.len() < len {
            pipe = changed.wait(pipe).unwrap();
        }
        pipe.taken.clone()
    }
}

impl Share for Ends {
    fn write(&mut self, bytes: &Bytes) -> io::Result<usize> {
        let (pipe, changed) = &*self.0;
        let mut pipe = pipe.lock().unwrap();
        let len = pipe.room.min(bytes.len());
        if len > 0
            && pipe.tells_writer
            && let Some(waker) = pipe.waker.take()
        {
            waker.wake();
        }
        pipe.room -= len;
        pipe.taken.extend_from_slice(&bytes[..len]);
        changed.notify_all();
        Ok(len)
    }

    fn watch(&mut self, waker: &Waker) -> bool {
        self.0.0.lock().unwrap().waker = Some(waker.clone());
        true
    }
}

/// One who publishes, one who makes room, and one share.
fn share() {
    let (world, events, ends) =
        (World::new(|| 9), thread_rng().gen_range(1..5_u64), Ends::default());
    let (log, (send, _heard)) = (Arc::clone(&world.logs[0]), channel());
    ends.0.0.lock().unwrap().tells_writer = thread_rng().gen_range(0..2) == 0;
    let mut reader = Reader::new(everything(), offset(0), &log.timeline);
    assert!(matches!(reader.step(&log.timeline, TimeMs(0)), Step::Wait));
    world.workers.park(Parked {
        outlet: Outlet::Share(Box::new(ends.clone())),
        timeline: Arc::clone(&log.timeline),
        epoch: EPOCH,
        filter: everything(),
        spot: reader.spot(&log.timeline).unwrap(),
        encoding: Arc::clone(&world.encoding),
        beat: (NEVER, NEVER),
        until: NEVER,
        resident: Box::new(Owner(send)),
    });
    world.workers.wake();
    let publishing = thread::spawn(move || {
        for id in 1..=events {
            log.commit(vec![logged(id)], Duration::ZERO);
        }
    });
    let ids: Vec<String> = (1..=events).map(|id| format!("{id} ")).collect();
    let expected = ids.concat();
    let mut missing = expected.len();
    while missing > 0 {
        let room = thread_rng().gen_range(1..=missing);
        missing -= room;
        ends.make_room(room);
    }
    assert_eq!(ends.taken(expected.len()), expected.into_bytes());
    publishing.join().unwrap();
    world.workers.recall();
}

#[test]
fn a_share_goes_on_by_itself_whenever_its_owner_makes_room() {
    check(2_000, share);
}
