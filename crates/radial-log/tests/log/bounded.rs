//! What goes besides old events: those whose time to live is over, and what is left of entities.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use radial_log::doctor::inspect;
use radial_log::{
    AppendError, Effect, EmbeddedLog, Entry, EventLog as _, Item, Keep, Outcome, PageLimit,
    RefusedReason, Retention, Settings, Usage,
};
use radial_protocol::Offset;
use radial_protocol::event::Persistence;

use crate::support::{
    Folder, Opening, append, cards, change, entry, keyed, offsets, tenant, wait_until,
};

fn opening(retention: Retention) -> Opening {
    let settings = Settings { retention, reserve_bytes: 0, ..Settings::default() };
    Opening { settings, ..Opening::default() }
}

fn expiring(mut entry: Entry) -> Entry {
    entry.draft.head.ttl_ms = Some(5_000);
    entry
}

fn items(log: &EmbeddedLog, after: u64) -> Vec<Item> {
    let limit = PageLimit { items: 100, bytes: usize::MAX };
    log.read(&tenant(), Offset::new(after).unwrap(), limit).unwrap().items
}

#[tokio::test]
async fn events_whose_time_to_live_is_over_go_wherever_they_stand_and_nobody_is_told() {
    let opening = opening(Retention::default());
    let clock = Arc::clone(&opening.clock);
    let folder = Folder::new();
    let log = opening.open(&folder).unwrap();
    for one in [
        expiring(keyed("front", 1)),
        entry(Persistence::Durable),
        expiring(entry(Persistence::Recent)),
        entry(Persistence::Recent),
        expiring(entry(Persistence::Durable)),
    ] {
        log.append(append(vec![one])).await.unwrap();
    }
    wait_until("the store", || log.usage().events == 5).await;
    assert_eq!(offsets(&log, Offset::ZERO), [1, 2, 3, 4, 5]);
    clock.store(5_999, Ordering::SeqCst);
    log.append(append(vec![entry(Persistence::Durable)])).await.unwrap();
    wait_until("the store", || log.usage().events == 6).await;
    clock.store(6_000, Ordering::SeqCst);
    wait_until("the end of their time", || log.usage().events == 3).await;
    assert_eq!(offsets(&log, Offset::ZERO), [2, 4, 6]);
    // No stretch is missing to anybody, wherever their place is.
    for after in 0..6 {
        assert!(items(&log, after).iter().all(|item| matches!(item, Item::Event(_))), "{after}");
    }
    // The id is known for its window all the same.
    let again = log.append(append(vec![expiring(keyed("front", 1))])).await.unwrap();
    let [Outcome::Duplicate(standing)] = again[..] else { panic!("{again:?}") };
    assert_eq!(standing.cursor.offset.get(), 1);
    let before = log.usage();
    drop(log);
    assert_eq!(inspect(folder.path()).unwrap().findings, Vec::<String>::new());
    let log = Opening::default().open(&folder).unwrap();
    assert_eq!((log.usage(), offsets(&log, Offset::ZERO)), (before, vec![2, 4, 6]));
}

#[tokio::test]
async fn a_tenant_of_events_with_short_lives_stays_small() {
    let opening = opening(Retention::default());
    let (clock, uptime) = (Arc::clone(&opening.clock), Arc::clone(&opening.uptime));
    let folder = Folder::new();
    let log = opening.open(&folder).unwrap();
    for round in 1..=4 {
        let batch = (0..50).map(|_| expiring(entry(Persistence::Durable))).collect();
        log.append(append(batch)).await.unwrap();
        clock.store(1_000 + round * 10_000, Ordering::SeqCst);
        uptime.store(round * 10_000, Ordering::SeqCst);
        let nothing = || items(&log, 0).is_empty() && log.usage() == Usage::default();
        wait_until("their end", nothing).await;
    }
    assert_eq!(log.bounds(&tenant()).unwrap().head.get(), 200);
}

#[tokio::test]
async fn a_tombstone_goes_when_it_is_old_and_its_event_has_gone() {
    let retention = Retention {
        keep: Keep { events: Some(2), ..Keep::FOREVER },
        keep_tombstones: Some(Duration::from_secs(10)),
        ..Retention::default()
    };
    let opening = opening(retention);
    let clock = Arc::clone(&opening.clock);
    let folder = Folder::new();
    let log = opening.open(&folder).unwrap();
    log.append(append(vec![change(Effect::Replace, None, "{}")])).await.unwrap();
    log.append(append(vec![change(Effect::Delete, None, "{}")])).await.unwrap();
    let counts = || (log.usage().entities, log.usage().tombstones);
    wait_until("the tombstone", || counts() == (0, 1)).await;
    // Old enough, but the event that deleted the entity is still there.
    clock.store(11_000, Ordering::SeqCst);
    log.append(append(vec![entry(Persistence::Durable)])).await.unwrap();
    wait_until("the store", || log.bounds(&tenant()).unwrap().first.get() == 2).await;
    assert_eq!((counts(), cards(&log).1.len()), ((0, 1), 1));
    log.append(append(vec![entry(Persistence::Durable)])).await.unwrap();
    wait_until("its end", || counts() == (0, 0)).await;
    assert!(cards(&log).1.is_empty());
    assert_eq!(log.usage().entity_bytes, 0);
    // It can be made anew; whoever still has its version is told that it is another one.
    let merge = |base| append(vec![change(Effect::Merge, base, "{}")]);
    let stale = log.append(merge(Some(2))).await.unwrap();
    let [Outcome::Refused(refused)] = &stale[..] else { panic!("{stale:?}") };
    assert_eq!((refused.reason, refused.version), (RefusedReason::Version, 0));
    let anew = log.append(merge(None)).await.unwrap();
    assert!(
        matches!(anew[..], [Outcome::Appended(standing)] if standing.entity_version == Some(1))
    );
    drop(log);
    assert_eq!(inspect(folder.path()).unwrap().findings, Vec::<String>::new());
}

#[tokio::test]
async fn an_entity_that_begins_again_leaves_no_tombstone() {
    let folder = Folder::new();
    let log = opening(Retention::default()).open(&folder).unwrap();
    for (effect, counts) in [
        (Effect::Replace, (1, 0)),
        (Effect::Delete, (0, 1)),
        (Effect::Delete, (0, 1)),
        (Effect::Replace, (1, 0)),
        (Effect::Merge, (1, 0)),
        (Effect::Delete, (0, 1)),
    ] {
        let outcomes = log.append(append(vec![change(effect, None, r#"{"n":1}"#)])).await.unwrap();
        assert!(matches!(outcomes[..], [Outcome::Appended(_)]), "{outcomes:?}");
        let usage = || (log.usage().entities, log.usage().tombstones);
        wait_until("the store", || usage() == counts).await;
    }
}

#[tokio::test]
async fn entities_count_for_the_quota_of_their_tenant() {
    let retention = Retention {
        keep: Keep { events: Some(1), ..Keep::FOREVER },
        quota_bytes: Some(10_000),
        ..Retention::default()
    };
    let folder = Folder::new();
    let log = opening(retention).open(&folder).unwrap();
    let state = format!("{{\"text\":\"{}\"}}", "x".repeat(2_000));
    let mut made = 0;
    let refused = loop {
        let mut one = change(Effect::Replace, None, &state);
        one.change.as_mut().unwrap().entity.id = format!("card-{made}").parse().unwrap();
        if let Err(refused) = log.append(append(vec![one])).await {
            break refused;
        }
        made += 1;
        let counted = || log.usage().entities == made && log.usage().events == 1;
        wait_until("the store", counted).await;
    };
    assert!(matches!(refused, AppendError::Full(_)), "{refused:?}");
    assert!(made <= 5, "{made} entities of 2 kB were taken");
    assert!(log.usage().entity_bytes > 8_000, "{:?}", log.usage());
}
