//! Readers that lose `live` events: each is given, or told of as lost, once and in its place.

use std::time::Duration;

use radial_protocol::event::{Content, Draft};
use radial_protocol::filter::{Selection, View};
use radial_protocol::grants::Grants;
use radial_protocol::names::{EventId, Pattern, TenantId};
use radial_protocol::{Cursor, Epoch, Offset};

use super::*;
use crate::{Due, Found, Reader, Step, Timeline, TimelineLimit};

const TYPES: [&str; 3] = ["pointer.moved", "text.typed", "note.added"];
const USERS: [&str; 2] = ["ada", "bob"];

struct Made {
    offset: Option<u64>,
    event_type: &'static str,
    channel: &'static str,
    to: Option<&'static str>,
    ttl_ms: Option<u64>,
    at: TimeMs,
    bytes: usize,
}

impl Made {
    fn live(event_type: &'static str) -> Self {
        let (offset, to, ttl_ms, at, bytes) = (None, None, None, TimeMs(0), 0);
        Self { offset, event_type, channel: "a", to, ttl_ms, at, bytes }
    }

    fn event(&self) -> Arc<Event> {
        let event_type = EventTypeName::new(self.event_type).unwrap();
        let mut head = Head::new(EventId::new("e").unwrap(), event_type);
        head.channel = ChannelName::new(self.channel).unwrap();
        head.audience = self.to.map(|user| Audience {
            users: vec![UserId::new(user).unwrap()],
            ..Audience::default()
        });
        // Those who publish are many, and make no difference to who sees it.
        head.user = Some(UserId::new(&format!("u-{}", self.at.0)).unwrap());
        head.ttl_ms = self.ttl_ms;
        let tenant = TenantId::new("acme").unwrap();
        let data = format!("\"{}\"", "x".repeat(self.bytes));
        let content = Content::new(&tenant, &data);
        let place = |offset| Cursor { epoch: Epoch::new(1), offset: Offset::new(offset).unwrap() };
        Arc::new(Draft::new(head, &content).place(self.offset.map(place), self.at, None))
    }
}

fn filter(channel: &str, user: &str) -> Filter {
    let wanted =
        Selection { channels: vec![Pattern::new(channel).unwrap()], types: vec![Pattern::All] };
    let mut grants = Grants::everything(TenantId::new("acme").unwrap());
    Arc::make_mut(&mut grants.rights).sees_all = false;
    let grants = grants.acting_for(Some(UserId::new(user).unwrap()), None);
    Filter::new(&wanted, Arc::new(grants), Arc::default(), View::Subscriber).unwrap()
}

fn timeline(events: usize, bytes: usize) -> Timeline {
    Timeline::new(Offset::ZERO, TimelineLimit { events, bytes })
}

/// A reader, and what it must get.
struct Check {
    reader: Reader,
    /// The `live` events that its filter admits, since it came, in their order.
    wanted: VecDeque<Arc<Event>>,
    next: Offset,
    lost: u64,
}

impl Check {
    fn take(&mut self, due: Vec<Due>) {
        for due in due {
            match due {
                Due::Event(event) if event.place.is_none() => {
                    let wanted = self.wanted.pop_front().expect("it was published for this reader");
                    // All that it lost in between was told before.
                    assert!(Arc::ptr_eq(&wanted, &event), "another one was due");
                }
                Due::Event(event) => {
                    let offset = event.offset().unwrap();
                    assert!(offset >= self.next, "in order, and none twice");
                    self.next = Offset::new(offset.get() + 1).unwrap();
                }
                Due::Lost(lost) => {
                    assert!(!lost.is_least && lost.count > 0, "{lost:?}");
                    let count = usize::try_from(lost.count).unwrap();
                    let types = self.wanted.drain(..count).map(|it| it.head.event_type.clone());
                    assert_eq!(types.collect::<BTreeSet<_>>(), lost.types);
                    self.lost += lost.count;
                }
                Due::Gap(gap) => panic!("{gap:?}"),
            }
        }
    }

    fn step(&mut self, timeline: &Timeline, log: &[Arc<Event>]) -> bool {
        let due = match self.reader.step(timeline, TimeMs(0)) {
            Step::Wait => return false,
            Step::Deliver(due) => due,
            Step::ReadLog(after) => {
                let page: Vec<_> =
                    log.iter().filter(|event| event.offset() > Some(after)).take(7).collect();
                let to = page.last().and_then(|event| event.offset()).unwrap_or(after);
                let found = page.into_iter().map(|event| Found::Event(Arc::clone(event)));
                self.reader.take_page(found, to, TimeMs(0))
            }
        };
        self.take(due);
        true
    }
}

#[test]
#[expect(clippy::print_stdout, reason = "a failure is found again by its seed")]
fn each_live_event_is_given_or_told_as_lost_once_and_in_its_place() {
    let mut lost = 0;
    for seed in (1..100).chain([fastrand::u64(..)]) {
        println!("seed {seed}");
        let mut random = fastrand::Rng::with_seed(seed);
        let timeline = timeline(random.usize(1..40), [usize::MAX, 8_000][random.usize(..2)]);
        let (mut log, mut checks): (Vec<Arc<Event>>, Vec<Check>) = (Vec::new(), Vec::new());
        for round in 0..200 {
            match random.u8(..10) {
                0 => {
                    let place = Offset::new(random.u64(..=log.len() as u64)).unwrap();
                    let filter = filter(["a", "*"][random.usize(..2)], USERS[random.usize(..2)]);
                    let reader = Reader::new(filter, place, &timeline);
                    checks.push(Check { reader, wanted: VecDeque::new(), next: place, lost: 0 });
                }
                1..4 => {
                    let mut events = Vec::new();
                    for _ in 0..random.usize(1..20) {
                        let is_live = random.bool();
                        let made = Made {
                            offset: (!is_live).then_some(log.len() as u64 + 1),
                            channel: ["a", "b"][random.usize(..2)],
                            to: [None, None, Some("ada"), Some("bob")][random.usize(..4)],
                            at: TimeMs(round),
                            bytes: random.usize(..500),
                            ..Made::live(TYPES[random.usize(..3)])
                        };
                        let event = made.event();
                        if is_live {
                            for check in &mut checks {
                                if check.reader.filter().shows(&event.head) {
                                    check.wanted.push_back(Arc::clone(&event));
                                }
                            }
                        } else {
                            log.push(Arc::clone(&event));
                        }
                        events.push(event);
                    }
                    timeline.publish(events, Duration::ZERO);
                }
                _ if checks.is_empty() => {}
                _ => {
                    let index = random.usize(..checks.len());
                    checks[index].step(&timeline, &log);
                }
            }
        }
        for check in &mut checks {
            while check.step(&timeline, &log) {}
            assert!(check.wanted.is_empty(), "{} are missing", check.wanted.len());
            lost += check.lost;
        }
    }
    assert!(lost > 1_000, "{lost} were lost: too few to mean anything");
}

#[test]
fn what_had_expired_before_it_left_is_not_lost() {
    let timeline = timeline(1, usize::MAX);
    let mut reader = Reader::new(filter("a", "ada"), Offset::ZERO, &timeline);
    let expiring = |at| Made { ttl_ms: Some(100), at: TimeMs(at), ..Made::live(TYPES[0]) };
    timeline.publish([expiring(0).event(), expiring(50).event()], Duration::ZERO);
    timeline.publish([Made { at: TimeMs(149), ..Made::live(TYPES[1]) }.event()], Duration::ZERO);
    timeline.publish([Made { at: TimeMs(150), ..Made::live(TYPES[2]) }.event()], Duration::ZERO);
    let Step::Deliver(due) = reader.step(&timeline, TimeMs(150)) else { panic!("nothing") };
    let [Due::Lost(lost)] = &due[..] else { panic!("{due:?}") };
    // The first lived when it left at 50, the second still at 149, and the third always.
    assert_eq!((lost.count, lost.expired, lost.types.len()), (3, 0, 2));
    timeline.publish([expiring(150).event()], Duration::ZERO);
    timeline.publish([Made { at: TimeMs(250), ..Made::live(TYPES[2]) }.event()], Duration::ZERO);
    reader.step(&timeline, TimeMs(250));
    timeline.publish([expiring(250).event()], Duration::ZERO);
    timeline.publish([Made { at: TimeMs(350), ..Made::live(TYPES[2]) }.event()], Duration::ZERO);
    assert!(matches!(reader.step(&timeline, TimeMs(350)), Step::Deliver(_)));
    assert!(reader.tally().expired > 0, "{:?}", reader.tally());
}

/// There is no end to what can leave, and an end to what is known of it. Then a reader is told that
/// there was something, and what is known.
#[test]
fn what_left_too_long_ago_is_told_as_the_least_that_was_lost() {
    let timeline = timeline(10, 1_000);
    let mut reader = Reader::new(filter("a", "ada"), Offset::ZERO, &timeline);
    for round in 0..5_000 {
        let made = Made { at: TimeMs(round), ..Made::live(TYPES[(round % 2) as usize]) };
        timeline.publish([made.event()], Duration::ZERO);
    }
    let Step::Deliver(due) = reader.step(&timeline, TimeMs(0)) else { panic!("nothing") };
    let [Due::Lost(lost)] = &due[..] else { panic!("{due:?}") };
    assert!(lost.is_least && lost.count > 0 && lost.count < 5_000, "{lost:?}");
    // Whoever sees none of that is told too: nobody knows what there was.
    let mut other = Reader::new(filter("b", "ada"), Offset::ZERO, &timeline);
    assert!(matches!(other.step(&timeline, TimeMs(0)), Step::Wait));
    for round in 0..5_000 {
        let made = Made { at: TimeMs(round), ..Made::live(TYPES[(round % 2) as usize]) };
        timeline.publish([made.event()], Duration::ZERO);
    }
    let Step::Deliver(due) = other.step(&timeline, TimeMs(0)) else { panic!("nothing") };
    let [Due::Lost(lost)] = &due[..] else { panic!("{due:?}") };
    assert!(lost.is_least && lost.count == 0, "{lost:?}");
}

#[test]
fn memory_that_is_short_takes_what_is_known_as_well() {
    let memory = crate::TimelineMemory::new(usize::MAX);
    let timeline = memory.timeline(Offset::ZERO, TimelineLimit { events: 1, bytes: 1 << 20 });
    for round in 0..1_000 {
        let made = Made { at: TimeMs(round), ..Made::live(TYPES[(round % 2) as usize]) };
        timeline.publish([made.event()], Duration::ZERO);
    }
    let before = memory.used_bytes();
    assert!(before > 10_000, "it counts: {before}");
    memory.shrink();
    assert!(memory.used_bytes() <= before / 2, "{} of {before}", memory.used_bytes());
    drop(timeline);
    assert_eq!(memory.used_bytes(), 0);
}
