//! Workers on real sockets, against a log that is a plain list.

use std::net::{TcpListener, TcpStream};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Instant;

use radial_protocol::event::{Audience, Content, Draft, Head};
use radial_protocol::filter::{Filter, Selection, View};
use radial_protocol::grants::Grants;
use radial_protocol::names::{ChannelName, EventId, EventTypeName, Pattern, TenantId, UserId};
use radial_protocol::{Cursor, Epoch, Event, Offset};

use super::*;
use crate::Tally;
use crate::resident::{Encoding, Ended, Outlet, Resident, Returned};
use crate::timeline::{Timeline, TimelineLimit};

mod client;
mod driver;
mod one;
mod panics;
mod share;
mod stress;

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

/// A connection that sees everything from the first event on, for a worker.
fn connection(outlet: Outlet, log: &Log) -> (Parked, Receiver<Heard>) {
    let (send, heard) = channel();
    let parked = Parked {
        outlet,
        timeline: Arc::clone(&log.timeline),
        epoch: EPOCH,
        filter: filter("*", "u1"),
        spot: crate::Spot { position: 0, place: Offset::ZERO },
        encoding: Arc::new(Lines),
        beat: (PATIENCE, PATIENCE),
        until: PATIENCE,
        resident: Box::new(Owner(send)),
    };
    (parked, heard)
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
        failed: Arc::new(|connections| unreachable!("{connections} connections were ended")),
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
    let content = Content::new(&tenant, &data);
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
