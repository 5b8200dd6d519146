//! The promises of [`radial_log::EventLog`], one by one.

use std::sync::Arc;

use radial_log::{
    Append, AppendError, Effect, EntitySelection, EventLog as _, Item, MissingReason, Outcome,
    PageLimit,
};
use radial_protocol::event::{Persistence, TimeMs};
use radial_protocol::{Offset, Pattern};

use crate::support::{Folder, append, change, entry, keyed, offsets, open, tenant};

const ALL: PageLimit = PageLimit { items: 10_000, bytes: usize::MAX };

#[tokio::test]
async fn offsets_rise_from_one_and_survive_a_restart() {
    let folder = Folder::new();
    let log = open(&folder, "a");
    for n in 1..=3 {
        let outcomes = log.append(append(vec![entry(Persistence::Durable)])).await.unwrap();
        assert!(
            matches!(outcomes[..], [Outcome::Appended(standing)] if standing.cursor.offset.get() == n)
        );
    }
    drop(log);
    let log = open(&folder, "a");
    assert_eq!(offsets(&log, Offset::ZERO), [1, 2, 3]);
    let outcomes = log.append(append(vec![entry(Persistence::Durable)])).await.unwrap();
    assert!(
        matches!(outcomes[..], [Outcome::Appended(standing)] if standing.cursor.offset.get() == 4)
    );
}

#[tokio::test]
async fn pages_follow_each_other_without_a_hole_across_memory_and_store() {
    let folder = Folder::new();
    let log = open(&folder, "a");
    for _ in 0..20 {
        let batch = (0..10).map(|_| entry(Persistence::Durable)).collect();
        log.append(append(batch)).await.unwrap();
    }
    drop(log);
    let log = open(&folder, "a");
    for _ in 0..5 {
        log.append(append(vec![entry(Persistence::Durable)])).await.unwrap();
    }
    let mut seen = Vec::new();
    let mut after = Offset::ZERO;
    loop {
        let page = log.read(&tenant(), after, PageLimit { items: 7, bytes: usize::MAX }).unwrap();
        assert!(page.items.len() <= 7);
        seen.extend(page.items.iter().filter_map(|item| match item {
            Item::Event(event) => event.offset().map(Offset::get),
            Item::Missing(_) => None,
        }));
        after = page.to;
        if page.at_head {
            break;
        }
    }
    assert_eq!(seen, (1..=205).collect::<Vec<u64>>());
}

#[tokio::test]
async fn a_known_id_adds_nothing_before_and_after_a_restart() {
    let folder = Folder::new();
    let log = open(&folder, "a");
    let first = log.append(append(vec![keyed("e-1", 7)])).await.unwrap();
    let [Outcome::Appended(standing)] = first[..] else { panic!("{first:?}") };
    check_known(&log, standing).await;
    drop(log);
    check_known(&open(&folder, "a"), standing).await;
}

async fn check_known(log: &radial_log::EmbeddedLog, standing: radial_log::Standing) {
    let again = log.append(append(vec![keyed("e-1", 7)])).await.unwrap();
    assert_eq!(again, [Outcome::Duplicate(standing)]);
    let other = log.append(append(vec![keyed("e-1", 8)])).await.unwrap();
    assert_eq!(other, [Outcome::Mismatch]);
    assert_eq!(offsets(log, Offset::ZERO), [1]);
}

#[tokio::test]
async fn concurrent_publishes_of_one_id_add_one_event() {
    let folder = Folder::new();
    let log = Arc::new(open(&folder, "a"));
    let tasks: Vec<_> = (0..32)
        .map(|_| {
            let log = Arc::clone(&log);
            tokio::spawn(async move { log.append(append(vec![keyed("same", 1)])).await.unwrap() })
        })
        .collect();
    let mut appended = 0;
    for task in tasks {
        appended += usize::from(matches!(task.await.unwrap()[..], [Outcome::Appended(_)]));
    }
    assert_eq!(appended, 1);
    assert_eq!(offsets(&log, Offset::ZERO), [1]);
}

#[tokio::test]
async fn an_id_is_forgotten_after_a_day() {
    let folder = Folder::new();
    let log = open(&folder, "a");
    let day = 24 * 60 * 60 * 1_000;
    let at = |now| Append { now: TimeMs(now), ..append(vec![keyed("e-1", 1)]) };
    log.append(at(1_000)).await.unwrap();
    drop(log);
    let log = open(&folder, "a");
    assert!(matches!(log.append(at(1_000 + day - 1)).await.unwrap()[..], [Outcome::Duplicate(_)]));
    assert!(matches!(log.append(at(1_000 + day)).await.unwrap()[..], [Outcome::Appended(_)]));
}

#[tokio::test]
async fn an_atomic_batch_is_all_known_or_all_new() {
    let folder = Folder::new();
    let log = open(&folder, "a");
    let atomic = |ids: &[&str]| Append {
        atomic: true,
        ..append(ids.iter().map(|id| keyed(id, 1)).collect())
    };
    let first = log.append(atomic(&["a", "b"])).await.unwrap();
    let again = log.append(atomic(&["a", "b"])).await.unwrap();
    for (first, again) in first.iter().zip(&again) {
        let (Outcome::Appended(first), Outcome::Duplicate(again)) = (first, again) else {
            panic!("{first:?} {again:?}")
        };
        assert_eq!(first, again);
    }
    assert_eq!(log.append(atomic(&["b", "c"])).await, Err(AppendError::BatchConflict));
    log.append(append(vec![keyed("c", 1)])).await.unwrap();
    assert_eq!(log.append(atomic(&["a", "c"])).await, Err(AppendError::BatchConflict));
    // One id with two contents inside the batch: nothing of it, not even the first.
    let torn = Append { atomic: true, ..append(vec![keyed("d", 1), keyed("d", 2)]) };
    assert_eq!(log.append(torn).await, Err(AppendError::BatchMismatch));
    assert_eq!(offsets(&log, Offset::ZERO), [1, 2, 3]);
}

#[tokio::test]
async fn received_at_never_falls() {
    let folder = Folder::new();
    let log = open(&folder, "a");
    for now in [50, 10, 60] {
        let append = Append { now: TimeMs(now), ..append(vec![entry(Persistence::Durable)]) };
        log.append(append).await.unwrap();
    }
    let page = log.read(&tenant(), Offset::ZERO, ALL).unwrap();
    let times: Vec<u64> = page
        .items
        .iter()
        .map(|item| match item {
            Item::Event(event) => event.received_at.0,
            Item::Missing(missing) => panic!("{missing:?}"),
        })
        .collect();
    assert_eq!(times, [50, 50, 60]);
    for (at, place) in [(0, 0), (50, 0), (51, 2), (60, 2), (61, 3)] {
        assert_eq!(log.place_before(&tenant(), TimeMs(at)).unwrap().get(), place, "{at}");
    }
    drop(log);
    let log = open(&folder, "a");
    for (at, place) in [(0, 0), (50, 0), (51, 2), (60, 2), (61, 3)] {
        assert_eq!(log.place_before(&tenant(), TimeMs(at)).unwrap().get(), place, "{at}");
    }
}

#[tokio::test]
async fn a_crash_of_the_process_loses_nothing_that_was_shown() {
    let folder = Folder::new();
    let log = open(&folder, "boot-1");
    folder.remember_store();
    log.append(append(vec![entry(Persistence::Recent), entry(Persistence::Recent)])).await.unwrap();
    log.append(append(vec![keyed("e-3", 3)])).await.unwrap();
    let image = folder.crash_image();
    let after = open(&image, "boot-1");
    assert_eq!(offsets(&after, Offset::ZERO), [1, 2, 3]);
    assert!(after.bounds(&tenant()).unwrap().lost.is_empty());
    let again = after.append(append(vec![keyed("e-3", 3)])).await.unwrap();
    assert!(matches!(again[..], [Outcome::Duplicate(_)]));
}

#[tokio::test]
async fn a_power_loss_says_which_recent_events_may_be_gone_and_reuses_no_offset() {
    let folder = Folder::new();
    let log = open(&folder, "boot-1");
    folder.remember_store();
    log.append(append(vec![entry(Persistence::Durable)])).await.unwrap();
    for _ in 0..3 {
        log.append(append(vec![entry(Persistence::Recent)])).await.unwrap();
    }
    crate::support::wait_for_head(&log, 4).await;
    // The power goes: the last record was handed to the system and never reached the disk.
    let image = folder.crash_image();
    image.tear_last_record();
    let after = open(&image, "boot-2");
    let page = after.read(&tenant(), Offset::ZERO, ALL).unwrap();
    let Some(Item::Missing(missing)) = page.items.last() else { panic!("{page:?}") };
    assert_eq!((missing.reason, missing.from.get()), (MissingReason::Restart, 3));
    assert!(missing.to.get() > 4, "every offset that a reader may have seen is given up");
    let outcomes = after.append(append(vec![entry(Persistence::Durable)])).await.unwrap();
    assert!(
        matches!(outcomes[..], [Outcome::Appended(standing)] if standing.cursor.offset == missing.to.next())
    );
    assert_eq!(offsets(&after, Offset::new(4).unwrap()), [missing.to.get() + 1]);
}

#[tokio::test]
async fn a_clean_stop_keeps_recent_events_and_reports_nothing() {
    let folder = Folder::new();
    let log = open(&folder, "boot-1");
    log.append(append(vec![entry(Persistence::Recent)])).await.unwrap();
    log.close();
    assert_eq!(
        log.append(append(vec![entry(Persistence::Recent)])).await,
        Err(AppendError::Closed)
    );
    drop(log);
    let log = open(&folder, "boot-2");
    assert_eq!(offsets(&log, Offset::ZERO), [1]);
    assert!(log.bounds(&tenant()).unwrap().lost.is_empty());
}

#[tokio::test]
async fn versions_and_state_are_what_the_events_say_before_and_after_a_crash() {
    let folder = Folder::new();
    let log = open(&folder, "a");
    folder.remember_store();
    for (effect, expected, data) in [
        (Effect::Replace, None, r#"{"title":"x","zone":"todo"}"#),
        (Effect::Merge, Some(1), r#"{"zone":"done"}"#),
        (Effect::Merge, None, r#"{"title":null}"#),
    ] {
        let outcomes = log.append(append(vec![change(effect, expected, data)])).await.unwrap();
        assert!(matches!(outcomes[..], [Outcome::Appended(_)]), "{outcomes:?}");
    }
    let stale = change(Effect::Merge, Some(1), r#"{"zone":"todo"}"#);
    let outcomes = log.append(append(vec![stale])).await.unwrap();
    let [Outcome::Refused(refused)] = &outcomes[..] else { panic!("{outcomes:?}") };
    assert_eq!((refused.version, refused.state.as_deref()), (3, Some(r#"{"zone":"done"}"#)));

    let crashed = open(&folder.crash_image(), "a");
    drop(log);
    for log in [crashed, open(&folder, "a")] {
        let (place, cards) = crate::support::cards(&log);
        assert_eq!(place, 3);
        assert_eq!(cards.len(), 1);
        assert_eq!((cards[0].version, cards[0].changed_at.get()), (3, 3));
        assert_eq!(cards[0].state.as_deref(), Some(r#"{"zone":"done"}"#));
    }
}

#[tokio::test]
async fn entities_are_read_page_by_page_from_memory_and_store_at_one_place() {
    let folder = Folder::new();
    let log = open(&folder, "a");
    let card = |id: usize, n: u64| {
        let mut entry = change(Effect::Replace, None, &format!("{{\"n\":{n}}}"));
        let change = entry.change.as_mut().unwrap();
        change.entity.id = format!("card-{id:02}").parse().unwrap();
        entry
    };
    log.append(append((0..9).map(|id| card(id, 1)).collect())).await.unwrap();
    drop(log);
    let log = open(&folder, "a");
    log.append(append([1, 4, 9, 10].map(|id| card(id, 2)).to_vec())).await.unwrap();
    let (place, cards) = crate::support::cards(&log);
    let found: Vec<(String, u64)> =
        cards.iter().map(|card| (card.entity.id.to_string(), card.version)).collect();
    let expected: Vec<(String, u64)> = (0..11)
        .map(|id| (format!("card-{id:02}"), if [1, 4].contains(&id) { 2 } else { 1 }))
        .collect();
    assert_eq!((place, found), (13, expected));
}

#[tokio::test]
async fn a_page_of_entities_ends_by_its_bytes() {
    let folder = Folder::new();
    let log = open(&folder, "a");
    let state = format!("{{\"text\":\"{}\"}}", "x".repeat(300 * 1024));
    for n in 0..10 {
        let mut one = change(Effect::Replace, None, &state);
        one.change.as_mut().unwrap().entity.id = format!("card-{n}").parse().unwrap();
        log.append(append(vec![one])).await.unwrap();
    }
    for from_store in [false, true] {
        if from_store {
            crate::support::wait_until("the store", || log.usage().entities == 10).await;
        }
        let selection = EntitySelection {
            channels: vec![Pattern::All],
            types: vec!["card".parse().unwrap()],
            id: None,
            after: None,
        };
        let mut pages = log.entities(&tenant(), selection).unwrap();
        let mut sizes = Vec::new();
        loop {
            let page = pages.next_page(1_000).unwrap();
            if page.is_empty() {
                break;
            }
            sizes.push(page.len());
        }
        assert_eq!(sizes.iter().sum::<usize>(), 10);
        if from_store {
            assert!(sizes.iter().all(|size| *size <= 4), "{sizes:?}: a page holds about a MiB");
        }
    }
}

#[tokio::test]
async fn an_atomic_batch_with_a_refused_change_leaves_nothing() {
    let folder = Folder::new();
    let log = open(&folder, "a");
    let batch = vec![
        change(Effect::Replace, None, "{}"),
        change(Effect::Merge, Some(1), "{}"),
        change(Effect::Merge, Some(1), "{}"),
    ];
    let refused = log.append(Append { atomic: true, ..append(batch.clone()) }).await;
    assert!(matches!(refused, Err(AppendError::BatchRefused { index: 2, .. })), "{refused:?}");
    assert!(offsets(&log, Offset::ZERO).is_empty());
    let outcomes = log.append(append(batch)).await.unwrap();
    assert!(matches!(
        outcomes[..],
        [Outcome::Appended(_), Outcome::Appended(_), Outcome::Refused(_)]
    ));
    assert_eq!(crate::support::cards(&log).1[0].version, 2);
}

#[test]
fn a_second_opener_is_refused() {
    let folder = Folder::new();
    let _log = open(&folder, "a");
    let error = crate::support::try_open(&folder, "a").err().unwrap();
    assert!(error.to_string().contains("in use by another process"), "{error}");
}

#[tokio::test]
async fn many_publishers_share_fsyncs() {
    let folder = Folder::new();
    let log = Arc::new(open(&folder, "a"));
    let tasks: Vec<_> = (0..64)
        .map(|_| {
            let log = Arc::clone(&log);
            tokio::spawn(async move {
                for _ in 0..20 {
                    log.append(append(vec![entry(Persistence::Durable)])).await.unwrap();
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    assert_eq!(offsets(&log, Offset::ZERO).len(), 64 * 20);
    assert!(log.fsyncs() < 64 * 20 / 2, "{} fsyncs for {} events", log.fsyncs(), 64 * 20);
}
