//! From the log to the timeline to what happens now, and back: a reader that follows while others
//! publish, and while the timeline gives up what it still has to read.

use std::sync::Arc;
use std::time::Duration;

use radial_model::{Due, Reader, Step};
use radial_protocol::{Offset, TimeMs};
use shuttle::future::block_on;
use shuttle::rand::{Rng as _, thread_rng};
use shuttle::sync::Mutex;
use shuttle::thread;

use crate::events::{Log, everything, live, logged, offset};
use crate::run::check;

/// What one reader got.
struct Account {
    next: Offset,
    /// The first `live` event that is its own, once that is known.
    first_live: Option<u64>,
    given: u64,
    lost: u64,
}

impl Account {
    fn take(&mut self, due: Vec<Due>) {
        for due in due {
            match due {
                Due::Event(event) if event.place.is_some() => {
                    assert_eq!(event.offset(), Some(self.next), "in order, none missed or doubled");
                    self.next = offset(self.next.get() + 1);
                }
                Due::Event(event) => {
                    let number: u64 = event.head.event_id.as_str()[1..].parse().unwrap();
                    let before = self.given + self.lost;
                    let first = *self.first_live.get_or_insert(number - before);
                    assert_eq!(
                        number,
                        first + before,
                        "in order, and what is lost was told before"
                    );
                    self.given += 1;
                }
                Due::Lost(lost) => {
                    assert!(!lost.is_least);
                    self.lost += lost.count;
                }
                Due::Gap(gap) => panic!("{gap:?}"),
            }
        }
    }
}

/// Follows until it has had everything of the log, as a subscription does.
fn follow(log: &Log, place: u64, last: u64, begun: &Mutex<u64>, lives: u64) {
    let mut end = log.timeline.watch_end();
    let mut reader = Reader::new(everything(), offset(place), &log.timeline);
    let begun = *begun.lock().unwrap();
    let mut account = Account { next: offset(place + 1), first_live: None, given: 0, lost: 0 };
    let mut is_over = false;
    loop {
        end.borrow_and_update();
        match reader.step(&log.timeline, TimeMs(0)) {
            Step::Deliver(due) => account.take(due),
            Step::Wait if is_over => break,
            Step::Wait => block_on(end.changed()).unwrap(),
            Step::ReadLog(after) => match log.page(after) {
                (page, _) if page.is_empty() => block_on(end.changed()).unwrap(),
                (page, to) => account.take(reader.take_page(page, to, TimeMs(0))),
            },
        }
        // The last event of the log comes after all others.
        is_over = account.next.get() > last;
    }
    let first = lives - account.given - account.lost;
    assert!(first <= begun, "{} of {lives} were given and {} lost", account.given, account.lost);
    assert!(account.first_live.is_none_or(|known| known == first));
}

/// Two who publish, two who read, and a memory that others need.
fn seam() {
    let (events, lives) = (thread_rng().gen_range(1..5), thread_rng().gen_range(0..4));
    let log = Log::new(thread_rng().gen_range(1..4));
    let begun = Arc::new(Mutex::new(0));
    let last = events + 1;
    let readers: Vec<_> = (0..2)
        .map(|_| {
            let (log, begun) = (Arc::clone(&log), Arc::clone(&begun));
            thread::spawn(move || follow(&log, 0, last, &begun, lives))
        })
        .collect();
    let committing = {
        let log = Arc::clone(&log);
        let step = thread_rng().gen_range(1..3);
        thread::spawn(move || {
            for first in (1..=events).step_by(step) {
                let batch = first..=(first + step as u64 - 1).min(events);
                log.commit(batch.map(logged).collect(), Duration::ZERO);
            }
        })
    };
    for number in 0..lives {
        *begun.lock().unwrap() += 1;
        log.timeline.publish([live(number)], Duration::ZERO);
    }
    committing.join().unwrap();
    log.commit(vec![logged(last)], Duration::ZERO);
    for reader in readers {
        reader.join().unwrap();
    }
}

#[test]
fn at_the_seams_nothing_is_missed_doubled_or_lost_without_a_word() {
    check(2_000, seam);
}
