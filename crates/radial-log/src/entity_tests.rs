//! The fold and its decisions, as a table.

use radial_protocol::names::{EventId, Id};
use radial_protocol::{ChannelName, EventTypeName};

use super::*;

fn head() -> Head {
    Head::new(EventId::new("e").unwrap(), EventTypeName::new("card.moved").unwrap())
}

fn change(effect: Effect, conflict: Conflict, expected_version: Option<u64>, data: &str) -> Change {
    let entity = EntityRef { entity_type: Name::new("card").unwrap(), id: Id::new("c1").unwrap() };
    Change { entity, effect, conflict, expected_version, data: data.to_owned() }
}

/// Applies changes one after the other; each must be accepted.
fn fold(changes: &[(Effect, &str)]) -> Option<EntityRow> {
    let mut row: Option<EntityRow> = None;
    for (offset, (effect, data)) in (1..).zip(changes) {
        let change = change(*effect, Conflict::Reject, None, data);
        let version = decide(row.as_ref(), &change).unwrap();
        row = apply(row.as_ref(), *effect, data, &head(), version, Offset::ZERO.plus(offset));
    }
    row
}

#[test]
fn versions_rise_by_one_and_state_follows() {
    let row = fold(&[
        (Effect::Replace, r#"{"a":1,"b":2}"#),
        (Effect::Merge, r#"{"b":null,"c":3}"#),
        (Effect::None, r#"{"x":1}"#),
    ])
    .unwrap();
    assert_eq!((row.version, row.state.as_deref()), (3, Some(r#"{"a":1,"c":3}"#)));
}

#[test]
fn a_tombstone_keeps_the_version_refuses_merge_and_lets_replace_begin_again() {
    let deleted = fold(&[(Effect::Replace, "{}"), (Effect::Delete, "{}")]).unwrap();
    assert_eq!((deleted.version, deleted.deleted, &deleted.state), (2, true, &None));
    let merge = change(Effect::Merge, Conflict::LastWriteWins, None, "{}");
    assert_eq!(decide(Some(&deleted), &merge).unwrap_err().reason, RefusedReason::Deleted);
    let replace = change(Effect::Replace, Conflict::Reject, None, r#"{"n":1}"#);
    assert_eq!(decide(Some(&deleted), &replace), Ok(3));
    let again = apply(Some(&deleted), Effect::Replace, r#"{"n":1}"#, &head(), 3, Offset::ZERO);
    assert_eq!(again.unwrap().state.as_deref(), Some(r#"{"n":1}"#));
}

#[test]
fn an_older_base_is_decided_by_the_conflict_policy() {
    use Conflict::{LastWriteWins, MergeDisjoint, Reject};
    let row = fold(&[
        (Effect::Replace, r#"{"a":1,"b":1,"c":1}"#),
        (Effect::Merge, r#"{"a":2}"#),
        (Effect::Merge, r#"{"b":3}"#),
    ]);
    for (conflict, base, data, accepted) in [
        (Reject, 3, r#"{"a":9}"#, true),
        (Reject, 2, r#"{"c":9}"#, false),
        (Reject, 4, r#"{"c":9}"#, false),
        (LastWriteWins, 1, r#"{"a":9}"#, true),
        (MergeDisjoint, 2, r#"{"a":9}"#, true),
        (MergeDisjoint, 2, r#"{"b":9}"#, false),
        (MergeDisjoint, 1, r#"{"c":9}"#, true),
        (MergeDisjoint, 1, r#"{"c":9,"a":9}"#, false),
        (MergeDisjoint, 0, r#"{"c":9}"#, false),
        (MergeDisjoint, 9, r#"{"c":9}"#, false),
    ] {
        let change = change(Effect::Merge, conflict, Some(base), data);
        let decided = decide(row.as_ref(), &change);
        assert_eq!(decided.is_ok(), accepted, "{conflict:?} from {base}: {data}");
        if let Err(refused) = decided {
            assert_eq!((refused.reason, refused.version), (RefusedReason::Version, 3));
            assert!(refused.state.is_some());
        }
    }
}

#[test]
fn a_merge_of_no_object_touches_everything() {
    let row = fold(&[(Effect::Replace, r#"{"a":1}"#), (Effect::Merge, "[1]")]);
    for (base, data) in [(1, r#"{"b":1}"#), (1, "[2]")] {
        let change = change(Effect::Merge, Conflict::MergeDisjoint, Some(base), data);
        assert!(decide(row.as_ref(), &change).is_err(), "{data}");
    }
}

#[test]
fn an_unknown_entity_is_created_unless_its_version_was_named() {
    for (expected, accepted) in [(None, true), (Some(0), true), (Some(1), false)] {
        let change = change(Effect::Merge, Conflict::Reject, expected, "{}");
        assert_eq!(decide(None, &change).is_ok(), accepted, "{expected:?}");
    }
}

#[test]
fn more_fields_than_are_remembered_count_as_changed() {
    let many: Vec<String> = (0..=FIELDS_MAX).map(|n| format!("\"f{n}\":1")).collect();
    let many = format!("{{{}}}", many.join(","));
    let row = fold(&[(Effect::Replace, "{}"), (Effect::Merge, &many)]);
    let change = change(Effect::Merge, Conflict::MergeDisjoint, Some(1), r#"{"other":1}"#);
    assert!(decide(row.as_ref(), &change).is_err());
}

#[test]
fn keys_come_apart_as_they_went_together() {
    let entity =
        EntityRef { entity_type: Name::new("card").unwrap(), id: Id::new("ä:*.\\/ 1").unwrap() };
    let key = key(&ChannelName::new("board:42").unwrap(), &entity);
    assert_eq!(parts(&key), Some((ChannelName::new("board:42").unwrap(), entity)));
}
