//! Presence through the hub: what is told, to whom, and how much of it.

use std::sync::Arc;
use std::time::Duration;

use radial_hub::{Attendance, Frame, PresenceQuery, PresenceSettings, Start, SubscribeRequest};
use radial_protocol::grants::Grants;
use radial_protocol::names::UserId;
use radial_protocol::{Code, Pattern};
use serde_json::{Value, json};

use crate::support::{TestHub, request, selection};

fn hub(members_max: usize) -> TestHub {
    TestHub::with_config(|config| {
        let channels = vec![Pattern::new("board:*").unwrap()];
        config.presence =
            PresenceSettings { channels, grace: Duration::from_secs(10), members_max };
    })
}

fn user(hub: &TestHub, id: &str) -> Arc<Grants> {
    let grants = Grants::clone(&hub.grants);
    Arc::new(grants.acting_for(UserId::new(id).ok(), None))
}

fn attend(hub: &TestHub, id: &str, channels: &[&str]) -> Attendance {
    hub.hub.attend(&user(hub, id), &[selection(channels)]).unwrap()
}

/// A reader of presence, at its end; `next` gives the events since then.
struct Watcher(radial_hub::Subscription);

impl Watcher {
    async fn of(hub: &TestHub, grants: &Arc<Grants>, channels: &[&str]) -> Self {
        let request = SubscribeRequest {
            selection: selection(channels),
            start: Start::Now,
            snapshot: Vec::new(),
        };
        let mut subscription = hub.hub.subscribe(Arc::clone(grants), request).await.unwrap();
        let frames = subscription.next().await.unwrap();
        assert!(matches!(frames[..], [Frame::Control(_)]), "{frames:?}");
        Self(subscription)
    }

    /// What is told now: type, channel, `eventData`. There must be something.
    async fn told(&mut self, hub: &TestHub) -> Vec<(String, String, Value)> {
        hub.hub.tell_presence();
        let frames = self.0.next().await.unwrap();
        let told = frames.into_iter().map(|frame| match frame {
            Frame::Event(event) => {
                assert_eq!(event.offset(), None, "it has no place");
                let head = &event.head;
                let data = serde_json::from_str(&event.data()).unwrap();
                (head.event_type.to_string(), head.channel.to_string(), data)
            }
            Frame::Control(control) => panic!("{control:?}"),
        });
        told.collect()
    }
}

#[tokio::test]
async fn who_comes_and_goes_is_told_once_a_second_with_members_and_their_number() {
    let hub = hub(1_000);
    let mut watcher = Watcher::of(&hub, &hub.grants, &["presence:*"]).await;
    let ada = attend(&hub, "ada", &["board:1", "main"]);
    let (bob, tab) = (attend(&hub, "bob", &["board:1"]), attend(&hub, "bob", &["board:1"]));
    let told = |event: &str, count: usize, members: &[&str]| {
        let members: Vec<Value> = members.iter().map(|id| json!({ "userId": id })).collect();
        let data = json!({"channel": "board:1", "count": count, "members": members});
        (format!("presence.{event}"), "presence:board:1".to_owned(), data)
    };
    assert_eq!(watcher.told(&hub).await, [told("joined", 2, &["ada", "bob"])]);
    drop(tab);
    drop(ada);
    hub.pass_ms(5_000);
    let eve = attend(&hub, "eve", &["board:1"]);
    assert_eq!(watcher.told(&hub).await, [told("joined", 3, &["eve"])]);
    hub.pass_ms(5_000);
    drop(bob);
    assert_eq!(watcher.told(&hub).await, [told("left", 2, &["ada"])]);
    hub.pass_ms(10_000);
    let dan = attend(&hub, "dan", &["board:1"]);
    let both = [told("joined", 2, &["dan"]), told("left", 2, &["bob"])];
    assert_eq!(watcher.told(&hub).await, both);
    drop((eve, dan));
    let tally = hub.hub.presence_tally();
    assert_eq!((tally.members, tally.events, tally.unlisted), (2, 5, 0));
}

#[tokio::test]
async fn ten_thousand_joins_at_once_are_few_and_small_events() {
    let hub = hub(100_000);
    let mut watcher = Watcher::of(&hub, &hub.grants, &["presence:*"]).await;
    let all: Vec<Attendance> =
        (0..10_000).map(|n| attend(&hub, &format!("u{n}"), &["board:1"])).collect();
    let told = watcher.told(&hub).await;
    assert_eq!(told.len(), 1);
    assert_eq!(told[0].2, json!({"channel": "board:1", "count": 10_000}));
    drop(all);
    hub.pass_ms(10_000);
    let told = watcher.told(&hub).await;
    assert_eq!(told.len(), 1, "who goes from so many is not listed either");
    assert_eq!(told[0].2, json!({"channel": "board:1", "count": 0}));
    let spread: Vec<Attendance> = (0..10_000)
        .map(|n| attend(&hub, &format!("u{n}"), &[&format!("board:{}", n % 100)]))
        .collect();
    let mut told = Vec::new();
    // A page has so many bytes at most; telling again tells nothing new.
    while told.len() < 100 {
        told.extend(watcher.told(&hub).await);
    }
    assert_eq!(told.len(), 100);
    assert_eq!(hub.hub.presence_tally().events, 102);
    assert!(told.iter().all(|(_, _, data)| data["members"].as_array().unwrap().len() == 100));
    drop(spread);
}

#[tokio::test]
async fn a_hub_that_starts_learns_it_from_those_who_come_back_and_tells_of_nobody_else() {
    let first = hub(1_000);
    let away: Vec<Attendance> =
        (0..100).map(|n| attend(&first, &format!("u{n}"), &["board:1"])).collect();
    first.hub.tell_presence();
    drop((away, first));
    let second = hub(1_000);
    let mut watcher = Watcher::of(&second, &second.grants, &["presence:board:1"]).await;
    let mut back = Vec::new();
    for ms in 0..100 {
        back.push(attend(&second, &format!("u{ms}"), &["board:1"]));
        second.pass_ms(1_000);
        let told = watcher.told(&second).await;
        assert_eq!((told.len(), told[0].0.as_str()), (1, "presence.joined"));
    }
}

#[tokio::test]
async fn a_filter_that_changes_moves_its_member_and_late_news_moves_nobody() {
    let hub = hub(1_000);
    let mut watcher = Watcher::of(&hub, &hub.grants, &["presence:*"]).await;
    let ada = attend(&hub, "ada", &["board:*", "board:1"]);
    assert_eq!(watcher.told(&hub).await.len(), 1, "a pattern puts nobody anywhere");
    ada.change(&[selection(&["board:1"]), selection(&["board:2", "main"])]);
    assert_eq!(watcher.told(&hub).await[0].1, "presence:board:2");
    ada.change(&[selection(&["board:2"])]);
    hub.pass_ms(10_000);
    let told = watcher.told(&hub).await;
    assert_eq!((told[0].0.as_str(), told[0].1.as_str()), ("presence.left", "presence:board:1"));
    ada.end();
    ada.change(&[selection(&["board:3"])]);
    hub.pass_ms(10_000);
    let told = watcher.told(&hub).await;
    assert_eq!((told.len(), told[0].0.as_str()), (1, "presence.left"));
    assert_eq!(hub.hub.presence_tally().members, 0);
}

#[test]
fn who_asks_sees_the_channels_that_are_granted_page_by_page() {
    let hub = hub(4);
    let here: Vec<Attendance> = [("ada", "board:1"), ("bob", "board:1"), ("ada", "board:2")]
        .map(|(id, channel)| attend(&hub, id, &[channel]))
        .into_iter()
        .collect();
    let many = attend(&hub, "eve", &["board:3", "board:4", "board:5"]);
    assert_eq!(hub.hub.presence_tally().unlisted, 2);
    let ask = |grants: &Arc<Grants>, channels: &[&str], after: Option<&str>, limit: usize| {
        let query = PresenceQuery {
            channels: selection(channels).channels,
            after: after.map(|after| after.parse().unwrap()),
            limit,
        };
        hub.hub.who_is_there(grants, &query).map(|page| {
            let channels = serde_json::to_value(&page.channels).unwrap();
            (channels, page.more)
        })
    };
    let board = |n: usize, members: &[&str]| {
        let members: Vec<Value> = members.iter().map(|id| json!({ "userId": id })).collect();
        json!({"channel": format!("board:{n}"), "count": members.len(), "members": members})
    };
    let all = &hub.grants;
    let (one, two) = (board(1, &["ada", "bob"]), board(2, &["ada"]));
    let three = board(3, &["eve"]);
    assert_eq!(ask(all, &["board:1"], None, 9).unwrap(), (json!([one]), false));
    assert_eq!(ask(all, &["*"], None, 9).unwrap(), (json!([one, two, three]), false));
    assert_eq!(ask(all, &["*"], None, 2).unwrap(), (json!([one, two]), true));
    assert_eq!(ask(all, &["*"], Some("board:2"), 2).unwrap(), (json!([three]), false));
    assert_eq!(ask(all, &["board:9", "main"], None, 9).unwrap(), (json!([board(9, &[])]), false));
    let mut some = Grants::clone(&hub.grants);
    Arc::make_mut(&mut some.rights).channels = selection(&["board:2"]).channels;
    let some = Arc::new(some);
    assert_eq!(ask(&some, &["*"], None, 9).unwrap(), (json!([two]), false));
    assert_eq!(ask(&some, &["board:1"], None, 9).unwrap_err().code, Code::Forbidden);
    let mut counted = Grants::clone(&hub.grants);
    Arc::make_mut(&mut counted.rights).subscribe = vec![Pattern::new("card.*").unwrap()];
    let found = ask(&Arc::new(counted), &["board:1"], None, 9).unwrap().0;
    assert_eq!(found, json!([{"channel": "board:1", "count": 2}]));
    drop((here, many));
    let off = TestHub::new();
    let query = PresenceQuery { channels: vec![Pattern::All], after: None, limit: 1 };
    assert_eq!(off.hub.who_is_there(&off.grants, &query).unwrap_err().code, Code::NotFound);
    assert!(off.hub.attend(&user(&off, "ada"), &[selection(&["board:1"])]).is_none());
}

#[tokio::test]
async fn what_the_hub_tells_nobody_else_can() {
    let hub = hub(1_000);
    let refused = async |body: Value| {
        let published = hub.hub.publish(&hub.grants, vec![request(&body)]).await;
        published.unwrap().pop().unwrap().unwrap_err().code
    };
    for event_type in ["presence.joined", "presence.left"] {
        assert!(hub.hub.registry().get(event_type).is_some());
        let event =
            json!({"eventType": event_type, "eventData": {"channel": "board:1", "count": 0}});
        assert_eq!(refused(event).await, Code::Forbidden);
    }
    let event = json!({"eventType": "test:event", "channel": "presence:board:1", "eventData": 1});
    assert_eq!(refused(event).await, Code::Forbidden);
    assert!(TestHub::new().hub.registry().get("presence.joined").is_none());
}
