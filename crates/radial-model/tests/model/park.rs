//! In and out of a worker's hands while others publish: what rings, naps, wakes, is handed over,
//! called back and recalled.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::TcpStream;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use radial_model::{
    Due, Encoding, Ended, Outlet, Parked, Reader, Resident, Returned, Ringer, Step, Tally,
    WorkerSettings, Workers,
};
use radial_protocol::{Cursor, Event, Offset, TimeMs};
use shuttle::future::block_on;
use shuttle::rand::{Rng as _, thread_rng};
use shuttle::sync::mpsc::{Receiver, Sender, channel};
use shuttle::sync::{Condvar, Mutex};
use shuttle::thread;

use crate::events::{EPOCH, Log, everything, logged, offset};
use crate::run::check;

/// Nothing in a model takes so long.
pub(crate) const NEVER: Duration = Duration::from_hours(1);
/// So much time passes whenever a worker looks: more than a walk may take that is not a busy one.
const LOOK: Duration = Duration::from_millis(6);

/// The ids of events, each with a space.
struct Ids;

impl Encoding for Ids {
    fn events(&self, events: &[&Arc<Event>], out: &mut Vec<u8>) {
        for event in events {
            out.extend_from_slice(event.head.event_id.as_str().as_bytes());
            out.push(b' ');
        }
    }

    fn heartbeat(&self, _: TimeMs, _: Cursor, _: &mut Vec<u8>) {}
}

/// Whoever takes a connection back.
pub(crate) struct Owner(pub(crate) Sender<Returned>);

impl Resident for Owner {
    fn moved_to(&self, _: Offset) {}
    fn come_back(self: Box<Self>, returned: Returned) {
        let _ = self.0.send(returned);
    }
    fn ended(self: Box<Self>, ended: Ended, _: Tally) {
        panic!("no socket is full, and no client goes: {ended:?}");
    }
}

/// What all connections together were given so far.
#[derive(Default)]
struct Given(Mutex<u64>, Condvar);

impl Given {
    fn add(&self, count: u64) {
        *self.0.lock().unwrap() += count;
        self.1.notify_all();
    }

    /// Nobody does anything for those who wait: what is not given by itself is never given.
    fn wait_for(&self, count: u64) {
        let mut given = self.0.lock().unwrap();
        while *given < count {
            given = self.1.wait(given).unwrap();
        }
        assert_eq!(*given, count, "something was given twice");
    }
}

/// A hub with its workers, and one tenant or two.
pub(crate) struct World {
    pub(crate) logs: Vec<Arc<Log>>,
    pub(crate) workers: Workers,
    given: Arc<Given>,
    pub(crate) encoding: Arc<dyn Encoding>,
}

impl World {
    /// Each timeline keeps so many events.
    pub(crate) fn new(kept: impl Fn() -> usize) -> Arc<Self> {
        let (given, uptime) = (Arc::<Given>::default(), AtomicU64::new(0));
        let counted = Arc::clone(&given);
        // Busy ones let batches grow, idle ones do not.
        let look = [Duration::ZERO, LOOK][thread_rng().gen_range(0..2)];
        let settings = WorkerSettings {
            slow_after: NEVER,
            sweep: NEVER,
            now: Arc::new(|| TimeMs(0)),
            uptime: Arc::new(move || {
                let looks = uptime.fetch_add(1, Ordering::SeqCst);
                look * u32::try_from(looks).unwrap()
            }),
            count: Arc::new(move |tally| counted.add(tally.delivered)),
            failed: Arc::new(|_| unreachable!("a panic ends the model")),
        };
        let workers = Workers::start(1, &settings).unwrap();
        let tenants = thread_rng().gen_range(1..3);
        let logs = (0..tenants).map(|_| Log::new(kept())).collect();
        Arc::new(Self { logs, workers, given, encoding: Arc::new(Ids) })
    }
}

/// One connection, as the server drives it.
struct Connection {
    world: Arc<World>,
    log: Arc<Log>,
    reader: Reader,
    ringer: Arc<Mutex<Option<Ringer>>>,
    heard: (Sender<Returned>, Receiver<Returned>),
    is_over: Arc<Mutex<bool>>,
}

impl Connection {
    fn drive(mut self, mut socket: TcpStream) {
        let timeline = Arc::clone(&self.log.timeline);
        loop {
            self.catch_up(&mut socket);
            if *self.is_over.lock().unwrap() {
                return;
            }
            let Some(spot) = self.reader.spot(&timeline) else { continue };
            let ringer = self.world.workers.park(Parked {
                outlet: Outlet::Socket { socket, seal: None },
                timeline: Arc::clone(&timeline),
                epoch: EPOCH,
                filter: self.reader.filter().clone(),
                spot,
                encoding: Arc::clone(&self.world.encoding),
                beat: (NEVER, NEVER),
                until: NEVER,
                resident: Box::new(Owner(self.heard.0.clone())),
            });
            self.world.workers.wake();
            *self.ringer.lock().unwrap() = ringer;
            let returned = self.heard.1.recv().unwrap();
            assert!(returned.unwritten.is_empty());
            self.reader = Reader::going_on(returned.filter, returned.spot, self.reader.tally());
            let Outlet::Socket { socket: back, .. } = returned.outlet else {
                panic!("it was a socket")
            };
            socket = back;
        }
    }

    fn catch_up(&mut self, socket: &mut TcpStream) {
        let mut end = self.log.timeline.watch_end();
        loop {
            end.borrow_and_update();
            let due = match self.reader.step(&self.log.timeline, TimeMs(0)) {
                Step::Wait => return,
                Step::Deliver(due) => due,
                Step::ReadLog(after) => match self.log.page(after) {
                    (page, _) if page.is_empty() => {
                        block_on(end.changed()).unwrap();
                        continue;
                    }
                    (page, to) => self.reader.take_page(page, to, TimeMs(0)),
                },
            };
            let mut bytes = Vec::new();
            for due in &due {
                let Due::Event(event) = due else { panic!("{due:?}") };
                self.world.encoding.events(&[event], &mut bytes);
            }
            socket.write_all(&bytes).unwrap();
            self.world.given.add(due.len() as u64);
        }
    }
}

/// The other side of a connection.
struct Client {
    socket: UnixStream,
    driving: thread::JoinHandle<()>,
    ringer: Arc<Mutex<Option<Ringer>>>,
    is_over: Arc<Mutex<bool>>,
}

impl Client {
    fn open(world: &Arc<World>, log: &Arc<Log>) -> Self {
        let (socket, hub) = UnixStream::pair().unwrap();
        socket.set_nonblocking(true).unwrap();
        hub.set_nonblocking(true).unwrap();
        let hub = TcpStream::from(OwnedFd::from(hub));
        let (ringer, is_over) = (Arc::default(), Arc::default());
        let connection = Connection {
            world: Arc::clone(world),
            log: Arc::clone(log),
            reader: Reader::new(everything(), offset(0), &log.timeline),
            ringer: Arc::clone(&ringer),
            heard: channel(),
            is_over: Arc::clone(&is_over),
        };
        let driving = thread::spawn(move || connection.drive(hub));
        Self { socket, driving, ringer, is_over }
    }

    fn ring(&self) {
        if let Some(ringer) = &*self.ringer.lock().unwrap() {
            ringer.ring();
        }
    }

    /// Everything that came, once its driver is done.
    fn read(mut self) -> String {
        self.driving.join().unwrap();
        let mut text = String::new();
        match self.socket.read_to_string(&mut text) {
            Ok(_) => {}
            Err(error) => assert_eq!(error.kind(), ErrorKind::WouldBlock),
        }
        text
    }
}

/// One who publishes, one who rings, and two connections of which one may come later.
fn park() {
    let (world, events) =
        (World::new(|| thread_rng().gen_range(1..4)), thread_rng().gen_range(1..5_u64));
    let mut clients = vec![Client::open(&world, &world.logs[0])];
    let publishing = {
        let (world, batch) = (Arc::clone(&world), thread_rng().gen_range(1..3));
        let windows = [0, 20, 50].map(Duration::from_millis);
        thread::spawn(move || {
            for first in (1..=events).step_by(batch) {
                let last = (first + batch as u64 - 1).min(events);
                for log in &world.logs {
                    let window = windows[thread_rng().gen_range(0..3)];
                    log.commit((first..=last).map(logged).collect(), window);
                }
            }
        })
    };
    for _ in 0..thread_rng().gen_range(0..3) {
        clients[0].ring();
    }
    if thread_rng().gen_range(0..2) == 0 {
        clients.push(Client::open(&world, world.logs.last().unwrap()));
        clients[1].ring();
    }
    publishing.join().unwrap();
    world.given.wait_for(events * clients.len() as u64);
    for client in &clients {
        *client.is_over.lock().unwrap() = true;
    }
    world.workers.recall();
    let expected: Vec<String> = (1..=events).map(|id| id.to_string()).collect();
    for client in clients {
        let ids: Vec<String> = client.read().split_whitespace().map(str::to_owned).collect();
        assert_eq!(ids, expected, "each once, in order");
    }
}

#[test]
fn in_and_out_of_a_workers_hands_each_event_comes_once_in_order_and_by_itself() {
    check(4_000, park);
}
