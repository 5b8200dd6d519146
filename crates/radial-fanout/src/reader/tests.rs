//! The seams between log and timeline, against a log that is a plain list.

use std::sync::Arc;
use std::time::Duration;

use radial_protocol::event::{Content, Draft, Head};
use radial_protocol::filter::{Selection, View};
use radial_protocol::grants::Grants;
use radial_protocol::names::{EventId, EventTypeName, Pattern, TenantId};
use radial_protocol::{Cursor, Epoch};

use super::*;
use crate::timeline::TimelineLimit;

fn event(name: &str, offset: Option<u64>) -> Arc<Event> {
    let event_type = EventTypeName::new("card.moved").unwrap();
    let head = Head::new(EventId::new(name).unwrap(), event_type);
    let tenant = TenantId::new("acme").unwrap();
    let content = Content::new(&tenant, "1");
    let place =
        offset.map(|offset| Cursor { epoch: Epoch::new(1), offset: Offset::new(offset).unwrap() });
    Arc::new(Draft::new(head, &content).place(place, TimeMs(0), None))
}

fn publish(timeline: &Timeline, events: impl IntoIterator<Item = Arc<Event>>) {
    timeline.publish(events, Duration::ZERO);
}

fn logged(offset: u64) -> Arc<Event> {
    event(&offset.to_string(), Some(offset))
}

fn reader(timeline: &Timeline, place: u64) -> Reader {
    let wanted = Selection { channels: vec![Pattern::All], types: vec![Pattern::All] };
    let grants = Arc::new(Grants::everything(TenantId::new("acme").unwrap()));
    let filter = Filter::new(&wanted, grants, Arc::default(), View::Subscriber).unwrap();
    Reader::new(filter, Offset::new(place).unwrap(), timeline)
}

/// Steps until nothing is due, reading pages of three from the list.
fn drain(reader: &mut Reader, timeline: &Timeline, log: &[Arc<Event>]) -> Vec<String> {
    let mut seen = Vec::new();
    loop {
        let due = match reader.step(timeline, TimeMs(0)) {
            Step::Wait => return seen,
            Step::Deliver(due) => due,
            Step::ReadLog(after) => {
                let page: Vec<_> =
                    log.iter().filter(|event| event.offset() > Some(after)).take(3).collect();
                let to = page.last().and_then(|event| event.offset()).unwrap_or(after);
                let found = page.into_iter().map(|event| Found::Event(Arc::clone(event)));
                reader.take_page(found, to, TimeMs(0))
            }
        };
        seen.extend(due.into_iter().map(|due| match due {
            Due::Event(event) => event.head.event_id.as_str().to_owned(),
            other => panic!("{other:?}"),
        }));
    }
}

fn names(range: std::ops::RangeInclusive<u64>) -> Vec<String> {
    range.map(|offset| offset.to_string()).collect()
}

#[test]
fn replay_and_live_meet_without_a_hole_or_a_double_at_every_place() {
    let log: Vec<_> = (1..=20).map(logged).collect();
    for start in 0..=20 {
        for kept in 1..=20 {
            let timeline =
                Timeline::new(Offset::ZERO, TimelineLimit { events: kept, bytes: usize::MAX });
            publish(&timeline, log.iter().take(15).cloned());
            let mut reader = reader(&timeline, start.min(15));
            let mut seen = drain(&mut reader, &timeline, &log[..15]);
            publish(&timeline, log.iter().skip(15).cloned());
            seen.extend(drain(&mut reader, &timeline, &log));
            assert_eq!(seen, names(start.min(15) + 1..=20), "from {start}, {kept} kept");
            assert_eq!(reader.place().get(), 20);
        }
    }
}

#[test]
fn a_reader_that_falls_behind_goes_on_in_the_log() {
    let log: Vec<_> = (1..=20).map(logged).collect();
    let timeline = Timeline::new(Offset::ZERO, TimelineLimit { events: 2, bytes: usize::MAX });
    let mut reader = reader(&timeline, 0);
    publish(&timeline, [Arc::clone(&log[0])]);
    assert_eq!(drain(&mut reader, &timeline, &log[..1]), names(1..=1));
    publish(&timeline, log.iter().skip(1).cloned());
    assert_eq!(drain(&mut reader, &timeline, &log), names(2..=20));
}

#[test]
fn live_events_reach_those_who_are_there_in_one_order() {
    let timeline = Timeline::new(Offset::ZERO, TimelineLimit::default());
    let mut early = reader(&timeline, 0);
    assert!(matches!(early.step(&timeline, TimeMs(0)), Step::Wait));
    publish(&timeline, [logged(1), event("live-a", None)]);
    publish(&timeline, [logged(2), event("live-b", None)]);
    assert_eq!(drain(&mut early, &timeline, &[]), ["1", "live-a", "2", "live-b"]);
    assert_eq!(early.place().get(), 2);
    // Whoever comes later gets neither of them, wherever it begins.
    assert!(drain(&mut reader(&timeline, 2), &timeline, &[]).is_empty());
    let mut late = reader(&timeline, 0);
    assert_eq!(drain(&mut late, &timeline, &[]), ["1", "2"]);
    publish(&timeline, [event("live-c", None)]);
    assert_eq!(drain(&mut late, &timeline, &[]), ["live-c"]);
}

#[test]
fn the_place_moves_on_past_what_the_filter_hides() {
    let timeline = Timeline::new(Offset::ZERO, TimelineLimit::default());
    let wanted =
        Selection { channels: vec![Pattern::All], types: vec![Pattern::new("x.*").unwrap()] };
    let grants = Arc::new(Grants::everything(TenantId::new("acme").unwrap()));
    let filter = Filter::new(&wanted, grants, Arc::default(), View::Subscriber).unwrap();
    let mut reader = Reader::new(filter, Offset::ZERO, &timeline);
    publish(&timeline, (1..=5).map(logged));
    assert!(drain(&mut reader, &timeline, &[]).is_empty());
    assert_eq!(reader.place().get(), 5);
}

#[test]
fn the_newest_event_stays_however_large_the_others_are() {
    let timeline = Timeline::new(Offset::ZERO, TimelineLimit { events: 10, bytes: 1 });
    publish(&timeline, (1..=3).map(logged));
    let way = |place| timeline.way(Offset::new(place).unwrap(), u64::MAX);
    assert!(matches!(way(2), Way::From(2)));
    assert!(matches!(way(1), Way::Log));
}

/// It was connected when the event came: that it was still reading the log is no reason to miss it.
#[test]
fn a_live_event_that_comes_during_the_replay_is_not_lost() {
    let log: Vec<_> = (1..=5).map(logged).collect();
    let timeline = Timeline::new(Offset::new(5).unwrap(), TimelineLimit::default());
    let mut reader = reader(&timeline, 0);
    assert!(matches!(reader.step(&timeline, TimeMs(0)), Step::ReadLog(_)));
    publish(&timeline, [event("live", None)]);
    let seen = drain(&mut reader, &timeline, &log);
    assert_eq!(seen, ["1", "2", "3", "4", "5", "live"]);
}

/// A worker gives whatever comes after a position: it must not get one before events that the
/// reader has had from the log.
#[test]
fn who_is_between_log_and_timeline_is_given_to_no_worker() {
    let log: Vec<_> = (1..=300).map(logged).collect();
    let mut given = 0;
    for kept in 1..=300 {
        let timeline =
            Timeline::new(Offset::ZERO, TimelineLimit { events: kept + 1, bytes: usize::MAX });
        let mut reader = reader(&timeline, 0);
        assert!(matches!(reader.step(&timeline, TimeMs(0)), Step::Wait));
        let old = log.len() - kept;
        publish(&timeline, log.iter().take(old).cloned());
        publish(&timeline, [event("live", None)]);
        publish(&timeline, log.iter().skip(old).cloned());
        loop {
            match reader.step(&timeline, TimeMs(0)) {
                Step::Wait => break,
                Step::Deliver(_) => {}
                Step::ReadLog(after) => {
                    // A large page, far past where the timeline begins.
                    let page: Vec<_> =
                        log.iter().filter(|event| event.offset() > Some(after)).collect();
                    let to = page.last().and_then(|event| event.offset()).unwrap();
                    let found = page.into_iter().map(|event| Found::Event(Arc::clone(event)));
                    reader.take_page(found, to, TimeMs(0));
                }
            }
            let Some(spot) = reader.spot(&timeline) else { continue };
            given += 1;
            let rest = timeline.stretch(spot.position, usize::MAX, usize::MAX).unwrap();
            let again = rest.events.iter().filter_map(|event| event.offset());
            let again = again.filter(|offset| *offset <= spot.place).count();
            assert_eq!(again, 0, "{kept} kept, {spot:?}");
        }
    }
    assert!(given > 0);
}
