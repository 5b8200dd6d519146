//! What holds for everything that comes out of any connection, whatever the case is about.

use std::collections::HashSet;

use serde_json::Value;

use super::case::Kind;
use super::transport::Item;

/// Watches one connection from its first item to its last.
#[derive(Debug)]
pub(super) struct Invariants {
    /// Whether events carry their type as the name of the frame.
    named: bool,
    /// The control items that have come.
    seen: HashSet<Kind>,
    offset: Option<u64>,
    event_ids: HashSet<String>,
}

impl Invariants {
    pub(super) fn new(named: bool, says_hello: bool) -> Self {
        let seen = if says_hello { HashSet::new() } else { HashSet::from([Kind::Hello]) };
        Self { named, seen, offset: None, event_ids: HashSet::new() }
    }

    /// Checks the next item.
    pub(super) fn check(&mut self, item: &Item) -> Result<(), String> {
        if item.kind == Kind::End {
            return Ok(());
        }
        if self.seen.contains(&Kind::Goodbye) {
            return Err("something came after goodbye".to_owned());
        }
        if (item.kind == Kind::Hello) == self.seen.contains(&Kind::Hello) {
            return Err("hello is the first item, and only the first".to_owned());
        }
        if !self.seen.insert(item.kind) && item.kind == Kind::Live {
            return Err("live came twice".to_owned());
        }
        match item.kind {
            Kind::Event => self.check_event(item),
            Kind::Hello if item.id.is_none() => Ok(()),
            Kind::Hello | Kind::Heartbeat => same_id(item, "cursor"),
            Kind::Gap => same_id(item, "to"),
            Kind::Snapshot => {
                let done = item.json.get("done").and_then(Value::as_bool);
                if done == Some(item.id.is_some()) {
                    Ok(())
                } else {
                    Err("the last part of a snapshot has an id, and only the last".to_owned())
                }
            }
            Kind::Live | Kind::Redelivery | Kind::Token | Kind::Goodbye | Kind::End => no_id(item),
        }
    }

    fn check_event(&mut self, item: &Item) -> Result<(), String> {
        same_id(item, "cursor")?;
        let member = |name: &str| item.json.get(name);
        let text = |name: &str| member(name).and_then(Value::as_str);
        let name = if self.named { text("eventType") } else { None };
        if item.name.as_deref() != name {
            return Err(format!("the frame is named {:?} and not {name:?}", item.name));
        }
        let event_id = text("eventId").ok_or("an event without eventId")?;
        if !self.event_ids.insert(event_id.to_owned()) {
            return Err(format!("the event {event_id:?} came twice"));
        }
        match (member("cursor"), member("offset").map(Value::as_u64)) {
            (None, None) => Ok(()),
            (Some(_), Some(Some(offset))) if Some(offset) > self.offset => {
                self.offset = Some(offset);
                Ok(())
            }
            (Some(_), Some(Some(offset))) => {
                Err(format!("offset {offset} came after {:?}", self.offset))
            }
            _ => Err("a cursor and an integer offset come together".to_owned()),
        }
    }
}

/// The id that a client would remember is the place that the JSON names.
fn same_id(item: &Item, member: &str) -> Result<(), String> {
    let place = item.json.get(member).and_then(Value::as_str);
    if item.id.as_deref() == place {
        Ok(())
    } else {
        Err(format!("the id is {:?} and {member} is {place:?}", item.id))
    }
}

fn no_id(item: &Item) -> Result<(), String> {
    match &item.id {
        None => Ok(()),
        Some(id) => Err(format!("{} has the id {id:?} and should have none", item.kind.as_str())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn item(kind: Kind, id: Option<&str>, json: Value) -> Item {
        Item { kind, name: None, id: id.map(str::to_owned), json }
    }

    fn event(id: &str, offset: u64, event_id: &str) -> Item {
        let json = json!({"cursor": format!("e.{offset}"), "offset": offset, "eventId": event_id});
        item(Kind::Event, Some(id), json)
    }

    #[track_caller]
    fn check(items: Vec<Item>, expected: &str) {
        let mut invariants = Invariants::new(false, true);
        let hello = item(Kind::Hello, None, json!({"cursor": "e.0"}));
        let found =
            std::iter::once(hello).chain(items).try_for_each(|item| invariants.check(&item));
        let message = found.err().unwrap_or_default();
        assert!(
            message.contains(expected) && message.is_empty() == expected.is_empty(),
            "{message}"
        );
    }

    #[test]
    fn events_rise_and_come_once_with_their_own_id() {
        check(vec![event("e.1", 1, "a"), event("e.2", 2, "b")], "");
        check(vec![event("e.1", 1, "a"), event("e.2", 2, "a")], "came twice");
        check(vec![event("e.2", 2, "a"), event("e.1", 1, "b")], "came after");
        check(vec![event("e.1", 1, "a"), event("e.1", 1, "b")], "came after");
        check(vec![event("e.9", 1, "a")], "the id is");
        check(vec![item(Kind::Event, None, json!({"eventId": "a"}))], "");
    }

    #[test]
    fn control_items_stand_where_they_belong() {
        check(vec![item(Kind::Hello, None, json!({"cursor": "e.0"}))], "only the first");
        check(vec![item(Kind::Heartbeat, Some("e.1"), json!({"cursor": "e.1"}))], "");
        check(vec![item(Kind::Heartbeat, Some("e.2"), json!({"cursor": "e.1"}))], "the id is");
        check(vec![item(Kind::Live, Some("e.1"), json!({}))], "should have none");
        let live = || item(Kind::Live, None, json!({}));
        check(vec![live(), live()], "live came twice");
        check(vec![item(Kind::Goodbye, None, json!({})), live()], "after goodbye");
        let mut invariants = Invariants::new(false, true);
        assert!(invariants.check(&live()).is_err());
    }
}
