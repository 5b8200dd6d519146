//! What panics in a worker's hands: a share, which costs only itself, and anything else, which
//! costs the connections of its worker, but no one who comes after.

use std::io::{self, Read as _};
use std::sync::mpsc::Receiver;
use std::task::Waker;

use bytes::Bytes;

use super::*;
use crate::resident::{Share, Why};

/// A share that panics from some moment on, and when it is dropped.
struct Poisoned {
    writes: bool,
    watches: u32,
}

impl Share for Poisoned {
    fn write(&mut self, bytes: &Bytes) -> io::Result<usize> {
        assert!(self.writes, "poisoned");
        Ok(bytes.len())
    }

    fn watch(&mut self, _: &Waker) -> bool {
        self.watches = self.watches.checked_sub(1).expect("poisoned");
        true
    }
}

impl Drop for Poisoned {
    fn drop(&mut self) {
        panic!("poisoned");
    }
}

/// What panics when it should write anything after the first event.
struct Broken;

impl Encoding for Broken {
    fn events(&self, events: &[&Arc<Event>], out: &mut Vec<u8>) {
        assert!(events.iter().all(|event| event.offset() == Offset::new(1)), "broken");
        Lines.events(events, out);
    }

    fn heartbeat(&self, _: TimeMs, _: Cursor, _: &mut Vec<u8>) {}
}

/// Leaves a plain connection for a worker, and does not wake it.
fn leave(workers: &Workers, log: &Log) -> (TcpStream, Receiver<Heard>) {
    leave_as(workers, log, Arc::new(Lines))
}

fn leave_as(
    workers: &Workers,
    log: &Log,
    encoding: Arc<dyn Encoding>,
) -> (TcpStream, Receiver<Heard>) {
    let (socket, client) = sockets();
    socket.set_nonblocking(true).unwrap();
    let (mut parked, heard) = connection(Outlet::Socket { socket, seal: None }, log);
    parked.encoding = encoding;
    workers.park(parked).unwrap();
    (client, heard)
}

fn gets(mut client: &TcpStream, offset: u64) {
    let mut expected = Vec::new();
    Lines.events(&[&event(offset, "a", None, 1)], &mut expected);
    let mut found = vec![0; expected.len()];
    client.read_exact(&mut found).unwrap();
    assert_eq!(found, expected);
}

fn publish(log: &Log, offset: u64) {
    log.publish(vec![event(offset, "a", None, 1)], Duration::ZERO);
}

#[test]
fn a_share_that_panics_ends_and_costs_no_other_connection_anything() {
    let (workers, _) = workers(|_| {});
    let log = Log::new(TimelineLimit::default());
    let others = [leave(&workers, &log), leave(&workers, &log)];
    // When it is watched at first, when it is written, and when it is called back.
    let mut offset = 0;
    for poisoned in [
        Poisoned { writes: true, watches: 0 },
        Poisoned { writes: false, watches: 1 },
        Poisoned { writes: true, watches: 1 },
    ] {
        let called_back = poisoned.writes && poisoned.watches > 0;
        let (mut parked, heard) = connection(Outlet::Share(Box::new(poisoned)), &log);
        parked.spot = crate::Spot { position: offset, place: Offset::new(offset).unwrap() };
        let ringer = workers.park(parked).unwrap();
        workers.wake();
        offset += 1;
        publish(&log, offset);
        for (client, _) in &others {
            gets(client, offset);
        }
        if called_back {
            ringer.ring();
        }
        let heard = heard.recv_timeout(PATIENCE).unwrap();
        assert!(matches!(heard, Heard::Ended(Ended::Gone)));
    }
}

#[test]
fn a_worker_that_panics_ends_its_connections_with_a_word_and_serves_who_comes_next() {
    let (tell, told) = channel();
    let (workers, _) = workers(|settings| {
        settings.failed = Arc::new(move |connections| tell.send(connections).unwrap());
    });
    let log = Log::new(TimelineLimit::default());
    // They go to the two workers in turn.
    let broken = leave_as(&workers, &log, Arc::new(Broken));
    let others = [leave(&workers, &log), leave(&workers, &log), leave(&workers, &log)];
    workers.wake();
    publish(&log, 1);
    for (client, _) in others.iter().chain([&broken]) {
        gets(client, 1);
    }
    publish(&log, 2);
    assert_eq!(told.recv_timeout(PATIENCE).unwrap(), 2);
    for (client, heard) in [&broken, &others[1]] {
        assert!(matches!(heard.recv_timeout(PATIENCE).unwrap(), Heard::Ended(Ended::Failed)));
        // Perhaps it was written before the one that panicked.
        io::copy(&mut &*client, &mut io::sink()).unwrap();
    }
    let next = [leave(&workers, &log), leave(&workers, &log)];
    workers.wake();
    publish(&log, 3);
    for (client, _) in &next {
        gets(client, 1);
    }
    for (client, _) in [&others[0], &others[2], &next[0], &next[1]] {
        gets(client, 2);
        gets(client, 3);
    }
    workers.recall();
    for (_, heard) in [&others[0], &others[2], &next[0], &next[1]] {
        let heard = heard.recv_timeout(PATIENCE).unwrap();
        assert!(matches!(heard, Heard::Returned(Returned { why: Why::Rung, .. })));
    }
    assert!(told.try_recv().is_err());
}

#[test]
fn what_was_left_for_a_worker_when_it_panicked_is_done() {
    let (tell, told) = channel();
    let (workers, _) = workers(|settings| {
        settings.failed = Arc::new(move |connections| tell.send(connections).unwrap());
    });
    let log = Log::new(TimelineLimit::default());
    publish(&log, 1);
    publish(&log, 2);
    // Taken with one wake: each of the first two panics when it is taken.
    let broken = [(); 2].map(|()| leave_as(&workers, &log, Arc::new(Broken)));
    let next = [leave(&workers, &log), leave(&workers, &log)];
    workers.wake();
    for (client, _) in &next {
        gets(client, 1);
        gets(client, 2);
    }
    // They are stopped in the same way.
    let last = [(); 2].map(|()| leave_as(&workers, &log, Arc::new(Broken)));
    drop(workers);
    for (_, heard) in broken.iter().chain(&last) {
        assert!(matches!(heard.recv_timeout(PATIENCE).unwrap(), Heard::Ended(Ended::Failed)));
    }
    assert_eq!(told.iter().count(), 4);
}
