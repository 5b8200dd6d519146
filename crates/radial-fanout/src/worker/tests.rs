//! Workers on real sockets, against a log that is a plain list.

use std::io::{BufRead as _, BufReader, Read, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Condvar, Mutex};
use std::thread::{self, JoinHandle};
use std::time::Instant;

use radial_protocol::event::{Audience, Content, Draft, Head};
use radial_protocol::filter::{Filter, Selection, Verdict, View};
use radial_protocol::grants::Grants;
use radial_protocol::names::{ChannelName, EventId, EventTypeName, Pattern, TenantId, UserId};
use radial_protocol::{Cursor, Epoch, Event, Offset};

use super::*;
use crate::resident::{Encoding, Ended, Outlet, Resident, Returned, Seal, Why};
use crate::timeline::{Timeline, TimelineLimit};
use crate::{Due, Found, Reader, Step, Tally};

const EPOCH: Epoch = Epoch::new(1);
const PATIENCE: Duration = Duration::from_mins(1);

/// A line for each event, and one for each sign of life.
struct Lines;

impl Encoding for Lines {
    fn events(&self, events: &[&Arc<Event>], out: &mut Vec<u8>) {
        for event in events {
            out.extend_from_slice(event.head.event_id.as_str().as_bytes());
            out.push(b' ');
            out.extend_from_slice(event.json_bytes());
            out.push(b'\n');
        }
    }

    fn heartbeat(&self, _: TimeMs, cursor: Cursor, out: &mut Vec<u8>) {
        out.extend_from_slice(format!("beat {}\n", cursor.offset).as_bytes());
    }
}

/// What a connection's owner hears of it.
enum Heard {
    Returned(Returned),
    Ended(Ended),
}

struct Owner(Sender<Heard>);

impl Resident for Owner {
    fn moved_to(&self, _: Offset) {}
    fn come_back(self: Box<Self>, returned: Returned) {
        let _ = self.0.send(Heard::Returned(returned));
    }
    fn ended(self: Box<Self>, ended: Ended, _: Tally) {
        let _ = self.0.send(Heard::Ended(ended));
    }
}

#[expect(clippy::disallowed_methods, reason = "the tests run in real time")]
fn now() -> Instant {
    Instant::now()
}

fn workers(settings: impl FnOnce(&mut WorkerSettings)) -> (Workers, Arc<AtomicU64>) {
    let (start, delivered) = (now(), Arc::new(AtomicU64::new(0)));
    let count = Arc::clone(&delivered);
    let mut chosen = WorkerSettings {
        slow_after: PATIENCE,
        sweep: Duration::from_millis(5),
        now: Arc::new(|| TimeMs(0)),
        uptime: Arc::new(move || start.elapsed()),
        count: Arc::new(move |tally| {
            count.fetch_add(tally.delivered, Ordering::SeqCst);
        }),
    };
    settings(&mut chosen);
    (Workers::start(2, &chosen).unwrap(), delivered)
}

/// Two ends of a connection: the hub's and the client's.
fn sockets() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let (hub, _) = listener.accept().unwrap();
    client.set_read_timeout(Some(PATIENCE)).unwrap();
    hub.set_write_timeout(Some(PATIENCE)).unwrap();
    (hub, client)
}

fn event(offset: u64, channel: &str, to: Option<&str>, bytes: usize) -> Arc<Event> {
    let event_type = EventTypeName::new("card.moved").unwrap();
    let mut head = Head::new(EventId::new(&offset.to_string()).unwrap(), event_type);
    head.channel = ChannelName::new(channel).unwrap();
    head.audience =
        to.map(|user| Audience { users: vec![UserId::new(user).unwrap()], ..Audience::default() });
    let (tenant, data) = (TenantId::new("acme").unwrap(), format!("\"{}\"", "x".repeat(bytes)));
    let content = Content {
        tenant: &tenant,
        data: &data,
        version: "1",
        timestamp: None,
        causation_id: None,
        traceparent: None,
        cloud_event: None,
    };
    let place = Cursor { epoch: EPOCH, offset: Offset::new(offset).unwrap() };
    Arc::new(Draft::new(head, &content).place(Some(place), TimeMs(0), None))
}

fn filter(channel: &str, user: &str) -> Filter {
    let wanted =
        Selection { channels: vec![Pattern::new(channel).unwrap()], types: vec![Pattern::All] };
    let grants = Grants::everything(TenantId::new("acme").unwrap());
    let grants = grants.acting_for(Some(UserId::new(user).unwrap()), None);
    Filter::new(&wanted, Arc::new(grants), Arc::default(), View::Subscriber).unwrap()
}

/// A log and its timeline.
struct Log {
    events: Mutex<Vec<Arc<Event>>>,
    timeline: Arc<Timeline>,
}

impl Log {
    fn new(limit: TimelineLimit) -> Arc<Self> {
        let timeline = Arc::new(Timeline::new(Offset::ZERO, limit));
        Arc::new(Self { events: Mutex::default(), timeline })
    }

    fn publish(&self, events: Vec<Arc<Event>>, window: Duration) {
        self.events.lock().unwrap().extend(events.iter().cloned());
        self.timeline.publish(events, window);
    }

    fn page(&self, after: Offset) -> Vec<Arc<Event>> {
        let events = self.events.lock().unwrap();
        let later = events.iter().filter(|event| event.offset() > Some(after));
        later.take(7).cloned().collect()
    }
}

/// Whoever has a connection while no worker has it, as the server would.
struct Driver {
    workers: Arc<Workers>,
    log: Arc<Log>,
    reader: Reader,
    encoding: Arc<dyn Encoding>,
    heard: (Sender<Heard>, Receiver<Heard>),
    ringer: Arc<Mutex<Option<Ringer>>>,
    uptime: Arc<dyn Fn() -> Duration + Send + Sync>,
}

impl Driver {
    /// Drives the connection until its client has gone.
    fn run(mut self, mut socket: TcpStream, mut seal: Option<Box<dyn Seal>>) {
        loop {
            self.catch_up(&mut socket, &mut seal);
            let Some(spot) = self.reader.spot(&self.log.timeline) else { continue };
            socket.set_nonblocking(true).unwrap();
            let beat = (self.uptime)() + PATIENCE;
            let ringer = self.workers.park(Parked {
                outlet: Outlet { socket, seal },
                timeline: Arc::clone(&self.log.timeline),
                epoch: EPOCH,
                filter: self.reader.filter().clone(),
                spot,
                encoding: Arc::clone(&self.encoding),
                beat: (beat, PATIENCE),
                until: beat,
                resident: Box::new(Owner(self.heard.0.clone())),
            });
            self.workers.wake();
            *self.ringer.lock().unwrap() = ringer;
            match self.heard.1.recv_timeout(PATIENCE).unwrap() {
                Heard::Ended(ended) => return assert_eq!(ended, Ended::Gone),
                Heard::Returned(returned) => {
                    let (before, during) = (self.reader.tally(), returned.tally);
                    let tally = Tally {
                        delivered: before.delivered + during.delivered,
                        expired: before.expired + during.expired,
                    };
                    self.reader = Reader::going_on(returned.filter, returned.spot, tally);
                    Outlet { socket, seal } = returned.outlet;
                    socket.set_nonblocking(false).unwrap();
                    if socket.write_all(&returned.unwritten).is_err() {
                        return;
                    }
                }
            }
        }
    }

    fn catch_up(&mut self, socket: &mut TcpStream, seal: &mut Option<Box<dyn Seal>>) {
        loop {
            let due = match self.reader.step(&self.log.timeline, TimeMs(0)) {
                Step::Wait => return,
                Step::Deliver(due) => due,
                Step::ReadLog(after) => {
                    let page = self.log.page(after);
                    let to = page.last().and_then(|event| event.offset()).unwrap_or(after);
                    self.reader.take_page(page.into_iter().map(Found::Event), to, TimeMs(0))
                }
            };
            let mut bytes = Vec::new();
            for due in &due {
                let Due::Event(event) = due else { panic!("{due:?}") };
                self.encoding.events(&[event], &mut bytes);
            }
            if let Some(seal) = seal {
                let plain = std::mem::take(&mut bytes);
                seal.seal(&plain, &mut bytes).unwrap();
            }
            if socket.write_all(&bytes).is_err() {
                return;
            }
        }
    }
}

/// A gate that a reading client waits at while it is closed.
#[derive(Default)]
struct Gate(Mutex<bool>, Condvar);

impl Gate {
    fn set(&self, closed: bool) {
        *self.0.lock().unwrap() = closed;
        self.1.notify_all();
    }

    fn pass(&self) {
        let closed = self.0.lock().unwrap();
        drop(self.1.wait_while(closed, |closed| *closed).unwrap());
    }
}

/// Adds to each byte how many came before it: one that is lost, doubled, in the wrong place or not
/// sealed makes all that follow unreadable.
#[derive(Default)]
struct Counting(u8);

impl Seal for Counting {
    fn seal(&mut self, bytes: &[u8], out: &mut Vec<u8>) -> io::Result<()> {
        for byte in bytes {
            out.push(byte.wrapping_add(self.0));
            self.0 = self.0.wrapping_add(1);
        }
        Ok(())
    }
}

/// What a client reads, without its seal if it has one.
struct Opened(TcpStream, Option<Counting>);

impl Read for Opened {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let len = self.0.read(buf)?;
        if let Some(Counting(count)) = &mut self.1 {
            for byte in &mut buf[..len] {
                *byte = byte.wrapping_sub(*count);
                *count = count.wrapping_add(1);
            }
        }
        Ok(len)
    }
}

/// Reads ids until the last one has come.
fn read_until(client: Opened, last: String, gate: Arc<Gate>) -> JoinHandle<Vec<String>> {
    thread::spawn(move || {
        let mut seen = Vec::new();
        for line in BufReader::new(client).lines() {
            gate.pass();
            let line = line.expect("the rest comes in time");
            seen.push(line.split(' ').next().unwrap_or_default().to_owned());
            if seen.last() == Some(&last) {
                break;
            }
        }
        seen
    })
}

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

/// One connection in a worker's hands, and what its owner hears.
struct One {
    client: BufReader<TcpStream>,
    heard: Receiver<Heard>,
    ringer: Ringer,
}

impl One {
    fn park(workers: &Workers, log: &Log, beat: Duration, until: Duration) -> Self {
        Self::park_as(workers, log, beat, until, "u1")
    }

    fn park_as(workers: &Workers, log: &Log, beat: Duration, until: Duration, user: &str) -> Self {
        let (hub, client) = sockets();
        let (send, heard) = channel();
        let ringer = workers.park(Parked {
            outlet: {
                hub.set_nonblocking(true).unwrap();
                Outlet { socket: hub, seal: None }
            },
            timeline: Arc::clone(&log.timeline),
            epoch: EPOCH,
            filter: filter("*", user),
            spot: crate::Spot { position: 0, place: Offset::ZERO },
            encoding: Arc::new(Lines),
            beat: (beat, beat),
            until,
            resident: Box::new(Owner(send)),
        });
        workers.wake();
        Self { client: BufReader::new(client), heard, ringer: ringer.unwrap() }
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.client.read_line(&mut line).unwrap();
        line.split_terminator('\n').next().unwrap_or_default().to_owned()
    }

    fn id(&mut self) -> String {
        self.line().split(' ').next().unwrap_or_default().to_owned()
    }

    fn hears(&self) -> Heard {
        self.heard.recv_timeout(PATIENCE).unwrap()
    }
}

#[test]
fn a_connection_gives_signs_of_life_from_its_own_place_and_comes_back_in_time() {
    let (workers, delivered) = workers(|_| {});
    let log = Log::new(TimelineLimit::default());
    let until = Duration::from_millis(300);
    let mut one = One::park(&workers, &log, Duration::from_millis(20), until);
    assert_eq!(one.line(), "beat 0");
    log.publish(vec![event(1, "a", Some("somebody-else"), 1)], Duration::ZERO);
    let mut line = one.line();
    while line == "beat 0" {
        line = one.line();
    }
    assert_eq!(line, "beat 1", "what is hidden moves the place");
    log.publish(vec![event(2, "a", None, 1)], Duration::ZERO);
    while one.id() != "2" {}
    let Heard::Returned(returned) = one.hears() else { panic!("it has not ended") };
    assert_eq!((returned.why, returned.spot.place.get()), (Why::Time, 2));
    assert_eq!(returned.tally, Tally { delivered: 1, expired: 0 });
    assert_eq!(delivered.load(Ordering::SeqCst), 1);
}

#[test]
fn what_was_published_before_the_first_of_a_tenant_came_is_not_forgotten() {
    let (workers, _) = workers(|_| {});
    let log = Log::new(TimelineLimit::default());
    log.publish(vec![event(1, "a", None, 1)], Duration::ZERO);
    assert_eq!(One::park(&workers, &log, PATIENCE, PATIENCE).id(), "1");
}

/// What is for one person alone, and expired, was kept from that person alone.
#[test]
fn whoever_would_not_have_got_an_event_does_not_miss_it_when_it_expires() {
    let log = Log::new(TimelineLimit::default());
    let (workers, _) = workers(|settings| settings.now = Arc::new(|| TimeMs(1_000)));
    let mut people =
        ["u1", "u2"].map(|user| One::park_as(&workers, &log, PATIENCE, PATIENCE, user));
    let expiring = |offset, to| {
        let mut event = Arc::unwrap_or_clone(event(offset, "a", to, 1));
        event.head.ttl_ms = Some(1_000);
        Arc::new(event)
    };
    let events = vec![
        expiring(1, Some("u1")),
        expiring(2, None),
        event(3, "a", Some("u1"), 1),
        event(4, "a", None, 1),
    ];
    log.publish(events, Duration::ZERO);
    for (one, ids, expired) in [(0, vec!["3", "4"], 2), (1, vec!["4"], 1)] {
        for id in ids {
            assert_eq!(people[one].id(), id);
        }
        people[one].ringer.ring();
        let Heard::Returned(returned) = people[one].hears() else { panic!("it ended") };
        assert_eq!(returned.tally.expired, expired, "{one}");
    }
}

#[test]
fn whoever_takes_nothing_for_too_long_is_ended_and_whoever_goes_is_noticed() {
    let (workers, _) = workers(|settings| settings.slow_after = Duration::from_millis(50));
    // However late the worker is, it does not fall out of the timeline.
    let log = Log::new(TimelineLimit { events: usize::MAX, bytes: usize::MAX });
    let mut slow = One::park(&workers, &log, PATIENCE, PATIENCE);
    log.publish(vec![event(1, "a", None, 1)], Duration::ZERO);
    assert_eq!(slow.id(), "1");
    // More than the sockets between them hold.
    for offset in 2..=1_000 {
        log.publish(vec![event(offset, "a", None, 16_000)], Duration::ZERO);
    }
    assert!(matches!(slow.hears(), Heard::Ended(Ended::Slow)));
    let log = Log::new(TimelineLimit::default());
    let gone = One::park(&workers, &log, PATIENCE, PATIENCE);
    let One { client, heard, .. } = gone;
    drop(client);
    assert!(matches!(heard.recv_timeout(PATIENCE).unwrap(), Heard::Ended(Ended::Gone)));
}

#[test]
fn whoever_says_something_or_is_called_comes_back() {
    let (workers, _) = workers(|_| {});
    let log = Log::new(TimelineLimit::default());
    let one = One::park(&workers, &log, PATIENCE, PATIENCE);
    one.client.get_ref().write_all(b"?").unwrap();
    let Heard::Returned(returned) = one.hears() else { panic!("it has not ended") };
    assert_eq!(returned.why, Why::Readable);
    let one = One::park(&workers, &log, PATIENCE, PATIENCE);
    one.ringer.ring();
    let Heard::Returned(returned) = one.hears() else { panic!("it has not ended") };
    assert_eq!(returned.why, Why::Rung);
    // Now everybody, also who comes later.
    let one = One::park(&workers, &log, PATIENCE, PATIENCE);
    workers.recall();
    assert!(matches!(one.hears(), Heard::Returned(_)));
    assert!(matches!(One::park(&workers, &log, PATIENCE, PATIENCE).hears(), Heard::Returned(_)));
}
