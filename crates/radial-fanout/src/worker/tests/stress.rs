//! Many connections at once, and chance.

use std::thread::{self, JoinHandle};

use radial_protocol::filter::Verdict;

use super::client::{Counting, Gate, Opened, read_until};
use super::driver::Driver;
use super::*;
use crate::Reader;
use crate::resident::Seal;

/// A client that reads at its own pace.
struct Client {
    filter: Filter,
    place: Offset,
    gate: Arc<Gate>,
    ringer: Arc<Mutex<Option<Ringer>>>,
    reading: JoinHandle<Vec<String>>,
    driving: JoinHandle<()>,
}

/// A log, its readers, and chance.
struct Stress {
    random: fastrand::Rng,
    log: Arc<Log>,
    workers: Arc<Workers>,
    encoding: Arc<dyn Encoding>,
    clients: Vec<Client>,
    next: u64,
}

const EVENTS: u64 = 1_500;

impl Stress {
    fn subscribe(&mut self) {
        // The last two events, for everybody, stand in `a` and `b`.
        let channels = [("*", EVENTS + 2), ("a", EVENTS + 1), ("b", EVENTS + 2)];
        let (channel, last) = channels[self.random.usize(..3)];
        let user = ["u1", "u2"][self.random.usize(..2)];
        let ((hub, client), start) = (sockets(), now());
        let (gate, ringer) = (Arc::<Gate>::default(), Arc::<Mutex<Option<Ringer>>>::default());
        let filter = filter(channel, user);
        let place = Offset::new(self.random.u64(0..self.next)).unwrap();
        let driver = Driver {
            workers: Arc::clone(&self.workers),
            log: Arc::clone(&self.log),
            reader: Reader::new(filter.clone(), place, &self.log.timeline),
            encoding: Arc::clone(&self.encoding),
            heard: std::sync::mpsc::channel(),
            ringer: Arc::clone(&ringer),
            uptime: Arc::new(move || start.elapsed()),
        };
        let seal = self.random.bool().then(Counting::default);
        let opened = Opened(client, seal.as_ref().map(|_| Counting::default()));
        let reading = read_until(opened, last.to_string(), Arc::clone(&gate));
        let seal = seal.map(|seal| Box::new(seal) as Box<dyn Seal>);
        let driving = thread::spawn(move || driver.run(hub, seal));
        self.clients.push(Client { filter, place, gate, ringer, reading, driving });
    }

    fn publish(&mut self) {
        let last = (self.next + self.random.u64(1..20)).min(EVENTS + 1);
        let random = &mut self.random;
        let events = (self.next..last).map(|offset| {
            let channel = ["a", "b", "c"][random.usize(..3)];
            let to = [None, None, Some("u1"), Some("u2")][random.usize(..4)];
            event(offset, channel, to, random.usize(..4_000))
        });
        let events = events.collect();
        self.log.publish(events, Duration::from_millis(self.random.u64(0..3)));
        self.next = last;
    }

    fn disturb(&mut self) {
        let Some(client) = self.random.choice(&self.clients) else { return };
        if self.random.bool() {
            client.gate.set(self.random.bool());
        } else if let Some(ringer) = &*client.ringer.lock().unwrap() {
            ringer.ring();
        }
    }
}

/// Connections come, stall, go on, are called back and fall out of the timeline at random, while
/// events of three channels and for single users are published: each gets its own, once, in order.
fn everybody_gets_his_own(start: u64) {
    let mut random = fastrand::Rng::with_seed(start);
    let limit = TimelineLimit { events: random.usize(4..400), bytes: usize::MAX };
    let mut stress = Stress {
        random,
        log: Log::new(limit),
        workers: Arc::new(workers(|_| {}).0),
        encoding: Arc::new(Lines),
        clients: Vec::new(),
        next: 1,
    };
    while stress.next <= EVENTS {
        match stress.random.u8(..) {
            0..20 if stress.clients.len() < 12 => stress.subscribe(),
            0..100 => stress.disturb(),
            _ => stress.publish(),
        }
    }
    stress.clients.iter().for_each(|client| client.gate.set(false));
    stress.log.publish(vec![event(EVENTS + 1, "a", None, 1)], Duration::ZERO);
    stress.log.publish(vec![event(EVENTS + 2, "b", None, 1)], Duration::ZERO);
    for Client { filter, place, reading, driving, .. } in stress.clients {
        let seen = reading.join().unwrap();
        driving.join().unwrap();
        let events = stress.log.events.lock().unwrap();
        let due = events.iter().filter(|event| {
            event.offset() > Some(place) && filter.admits(event, TimeMs(0)) == Verdict::Admitted
        });
        let due: Vec<_> = due.map(|event| event.head.event_id.as_str()).collect();
        assert_eq!(seen, due, "seed {start}, from {place}, {filter:?}");
    }
}

#[test]
#[expect(clippy::print_stdout, reason = "a seed that fails is kept")]
fn whoever_stalls_or_is_called_back_gets_each_event_once_in_order() {
    let fresh = fastrand::u64(..);
    println!("fresh seed {fresh}");
    for seed in [1, 2, 3, 4, fresh] {
        everybody_gets_his_own(seed);
    }
}
