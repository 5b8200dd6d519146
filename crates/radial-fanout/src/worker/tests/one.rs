//! One connection at a time: signs of life, ends, and the way back.

use std::io::{BufRead as _, BufReader, Write as _};
use std::sync::mpsc::{Receiver, channel};

use super::*;
use crate::resident::{Outlet, Why};

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
                Outlet::Socket { socket: hub, seal: None }
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
