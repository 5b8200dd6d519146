//! Acknowledgements: what a session owes, when it is reminded, and what is remembered of it.

use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use radial_hub::{
    AckQuery, AckSettings, AckState, Acknowledged, Config, Hub, Redelivery, Runtime, Start,
    SubscribeRequest, Subscription,
};
use radial_protocol::control::Control;
use radial_protocol::filter::Selection;
use radial_protocol::grants::Grants;
use radial_protocol::names::{EventId, SessionId, UserId};
use radial_protocol::{Code, Cursor, Pattern, TenantId, TimeMs};
use radial_registry::{Folder, Registry};
use serde_json::json;

use crate::support::{TestHub, request};

const REGISTRY: &str = r#"
[types."notice.given"]
description = "d"
persistence = "durable"
ack = true
[types."notice.given".versions.1.schema]
type = "object"

[types."talk.said"]
description = "d"
persistence = "durable"
[types."talk.said".versions.1.schema]
type = "object"

[types."secret.told"]
description = "d"
persistence = "durable"
ack = true
subscribeRoles = ["chief"]
[types."secret.told".versions.1.schema]
type = "object"
"#;
const DAY_MS: u64 = 24 * 60 * 60 * 1_000;

/// A time that the test moves on: of day, and up.
#[derive(Clone, Default)]
struct Time(Arc<AtomicU64>);

impl Time {
    fn pass(&self, time: Duration) {
        self.0.fetch_add(u64::try_from(time.as_millis()).unwrap(), Ordering::SeqCst);
    }

    fn runtime(&self) -> Runtime {
        let (now, up) = (Arc::clone(&self.0), Arc::clone(&self.0));
        let random = Mutex::new(fastrand::Rng::with_seed(7));
        Runtime::new(
            move || TimeMs(1_000_000 + now.load(Ordering::SeqCst)),
            move || Duration::from_millis(up.load(Ordering::SeqCst)),
            move || random.lock().unwrap().u64(..),
        )
    }
}

struct Test {
    hub: Arc<Hub>,
    time: Time,
    folder: tempfile::TempDir,
    acks: AckSettings,
}

/// What comes again to a connection.
type Again = Arc<Mutex<Vec<Redelivery>>>;

impl Test {
    fn new() -> Self {
        Self::with(|_| {})
    }

    fn with(change: impl FnOnce(&mut AckSettings)) -> Self {
        let (folder, time) = (tempfile::tempdir().unwrap(), Time::default());
        let mut acks = AckSettings::default();
        change(&mut acks);
        let hub = open(folder.path(), &time, acks);
        Self { hub, time, folder, acks }
    }

    /// Opens the hub again, after a clean stop or without one.
    fn restart(self, clean: bool) -> Self {
        let Self { hub, time, folder, acks } = self;
        if clean {
            hub.close();
        }
        let copy = tempfile::tempdir().unwrap();
        copy_folder(folder.path(), copy.path());
        let hub = open(copy.path(), &time, acks);
        Self { hub, time, folder: copy, acks }
    }

    async fn publish(&self, id: &str) {
        self.publish_with(id, json!({})).await;
    }

    async fn publish_with(&self, id: &str, more: serde_json::Value) {
        let mut event = json!({"eventType": "notice.given", "eventId": id, "eventData": {}});
        event.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let grants = Grants::everything(tenant());
        let results = self.hub.publish(&grants, vec![request(&event)]).await.unwrap();
        assert!(results[0].is_ok(), "{results:?}");
        while self.hub.keep_acks() {}
    }

    /// Opens a connection of a user's session.
    async fn open(&self, grants: &Grants, channels: &str, start: Start) -> (Subscription, Again) {
        let channels = channels.split(',').map(|text| Pattern::new(text).unwrap()).collect();
        let selection = Selection { channels, types: vec![Pattern::All] };
        let request = SubscribeRequest { selection, start, snapshot: Vec::new() };
        let mut subscription = self.hub.subscribe(Arc::new(grants.clone()), request).await.unwrap();
        let again = Again::default();
        let theirs = Arc::clone(&again);
        let deliver = move |redelivery: &Redelivery| {
            theirs.lock().unwrap().push(redelivery.clone());
            true
        };
        subscription.redeliver_by(deliver, true);
        (subscription, again)
    }

    /// What the hub gives the connection again now, as `id x attempt`.
    fn again(&self, connection: &mut (Subscription, Again)) -> Vec<String> {
        connection.0.due_now();
        while self.hub.keep_acks() {}
        let given = std::mem::take(&mut *connection.1.lock().unwrap());
        let shown = given.into_iter().filter_map(|redelivery| connection.0.redelivery(redelivery));
        shown
            .map(|control| match control {
                Control::Redelivery { attempt, event } => {
                    format!("{} x {attempt}", event.head.event_id)
                }
                other => panic!("{other:?}"),
            })
            .collect()
    }

    async fn ack(&self, grants: &Grants, texts: &[&str]) -> Acknowledged {
        self.hub.acknowledge(&Arc::new(grants.clone()), &ids(texts)).await.unwrap()
    }

    fn standing(&self, event: &str) -> Vec<(String, AckState)> {
        let query = AckQuery {
            tenant: tenant(),
            event: EventId::new(event).unwrap(),
            state: None,
            after: None,
            limit: 100,
        };
        let page = self.hub.acks_of(&query).unwrap();
        let name = |user: Option<UserId>| user.map_or(String::new(), |user| user.to_string());
        page.sessions.into_iter().map(|answer| (name(answer.user_id), answer.state)).collect()
    }
}

fn open(folder: &Path, time: &Time, acks: AckSettings) -> Arc<Hub> {
    let files = [("t.toml".to_owned(), REGISTRY.to_owned())];
    let registry = Registry::from_folder(&Folder::of(files)).unwrap();
    let mut config = TestHub::config(folder, tenant());
    config = Config { acks, registry: Arc::new(registry), ..config };
    Arc::new(Hub::open(config, time.runtime()).unwrap())
}

fn copy_folder(from: &Path, to: &Path) {
    for entry in std::fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let to = to.join(path.file_name().unwrap());
        if path.is_dir() {
            std::fs::create_dir_all(&to).unwrap();
            copy_folder(&path, &to);
        } else {
            std::fs::copy(&path, &to).unwrap();
        }
    }
}

fn tenant() -> TenantId {
    TenantId::new("acme").unwrap()
}

fn ids(texts: &[&str]) -> Vec<EventId> {
    texts.iter().map(|text| EventId::new(text).unwrap()).collect()
}

/// A user with one session.
fn user(name: &str) -> Grants {
    let session = SessionId::new(&format!("s-{name}")).unwrap();
    Grants::everything(tenant()).acting_for(Some(UserId::new(name).unwrap()), Some(session))
}

fn all(acknowledged: &[&str]) -> Acknowledged {
    Acknowledged { acknowledged: ids(acknowledged), not_owed: Vec::new() }
}

async fn read_to_live(subscription: &mut Subscription) -> Cursor {
    loop {
        for frame in subscription.next().await.unwrap() {
            if let radial_hub::Frame::Control(Control::Live { cursor, .. }) = frame {
                return cursor;
            }
        }
    }
}

#[tokio::test]
async fn what_is_not_acknowledged_comes_again_at_growing_intervals_until_it_is() {
    let test = Test::new();
    let anna = user("anna");
    let mut connection = test.open(&anna, "main", Start::Now).await;
    test.publish("a").await;
    test.publish_with("b", json!({"eventType": "talk.said"})).await;
    let mut times = Vec::new();
    for second in 0..1_000 {
        for again in test.again(&mut connection) {
            times.push((second, again));
        }
        test.time.pass(Duration::from_secs(1));
    }
    let expected = [(30, 2), (90, 3), (210, 4), (450, 5), (930, 6)];
    assert_eq!(times, expected.map(|(second, attempt)| (second, format!("a x {attempt}"))));
    assert_eq!(test.ack(&anna, &["a"]).await, all(&["a"]));
    assert_eq!(test.ack(&anna, &["a"]).await, all(&["a"]), "again is the same");
    test.time.pass(Duration::from_hours(2));
    assert_eq!(test.again(&mut connection), [""; 0]);
}

#[tokio::test]
async fn a_debt_from_before_its_place_comes_as_soon_as_the_session_is_back_and_a_later_one_does_not()
 {
    let test = Test::new();
    let anna = user("anna");
    test.publish("before").await;
    let mut connection = test.open(&anna, "main", Start::Now).await;
    test.publish("a").await;
    let place = read_to_live(&mut connection.0).await;
    test.publish("b").await;
    test.ack(&anna, &["nothing"]).await;
    drop(connection);
    let mut connection = test.open(&anna, "main", Start::After(place)).await;
    assert_eq!(test.again(&mut connection), ["a x 2"], "b comes by itself, before was never owed");
    test.time.pass(Duration::from_secs(30));
    assert_eq!(test.again(&mut connection), ["b x 2"]);
}

#[tokio::test]
async fn a_session_of_several_connections_gets_it_once_and_only_where_it_is_asked_for() {
    let test = Test::new();
    let anna = user("anna");
    let mut main = test.open(&anna, "main", Start::Now).await;
    let mut board = test.open(&anna, "board:1", Start::Now).await;
    let mut newer = test.open(&anna, "main,board:1", Start::Now).await;
    test.publish("a").await;
    test.publish_with("b", json!({"channel": "board:1"})).await;
    test.time.pass(Duration::from_secs(30));
    assert_eq!(test.again(&mut newer), ["a x 2", "b x 2"]);
    assert_eq!((test.again(&mut main), test.again(&mut board)), (vec![], vec![]));
    drop(newer);
    // One more that begins now: what the others have got already is not due at once.
    let mut late = test.open(&anna, "main,board:1", Start::Now).await;
    assert_eq!(test.again(&mut late), [""; 0]);
    drop(late);
    test.time.pass(Duration::from_mins(1));
    assert_eq!(test.again(&mut main), ["a x 3"]);
    assert_eq!(test.again(&mut board), ["b x 3"]);
    test.ack(&anna, &["a", "b"]).await;
    test.time.pass(Duration::from_hours(1));
    assert_eq!((test.again(&mut main), test.again(&mut board)), (vec![], vec![]));
}

#[tokio::test]
async fn sessions_owe_by_themselves_and_who_is_nobody_owes_nothing() {
    let test = Test::new();
    let (anna, bert) = (user("anna"), user("bert"));
    let mut first = test.open(&anna, "main", Start::Now).await;
    let mut second = test.open(&bert, "main", Start::Now).await;
    let mut nobody = test.open(&Grants::everything(tenant()), "main", Start::Now).await;
    test.publish("a").await;
    test.publish_with("b", json!({"audience": {"users": ["bert"]}})).await;
    test.publish_with("c", json!({"eventType": "secret.told"})).await;
    assert_eq!(
        test.ack(&anna, &["a", "b", "c", "d"]).await,
        Acknowledged { acknowledged: ids(&["a"]), not_owed: ids(&["b", "c", "d"]) }
    );
    let nobodys = test.ack(&Grants::everything(tenant()), &["a"]).await;
    assert_eq!(nobodys.not_owed, ids(&["a"]));
    assert_eq!(test.ack(&user("carl"), &["a"]).await.not_owed, ids(&["a"]), "was never there");
    test.time.pass(Duration::from_secs(30));
    assert_eq!(test.again(&mut second), ["a x 2", "b x 2"]);
    assert_eq!((test.again(&mut first), test.again(&mut nobody)), (vec![], vec![]));
    let (acknowledged, owed) = (AckState::Acknowledged, AckState::Owed);
    assert_eq!(test.standing("a"), [("anna".into(), acknowledged), ("bert".into(), owed)]);
    assert_eq!(test.standing("b"), [("bert".into(), owed)]);
    assert_eq!(test.standing("c"), []);
}

#[tokio::test]
async fn a_redelivery_shows_nothing_that_the_filter_and_grants_of_now_hide() {
    let test = Test::new();
    let mut chief = user("anna");
    Arc::make_mut(&mut chief.rights).roles = vec![radial_protocol::Name::new("chief").unwrap()];
    let mut connection = test.open(&chief, "main,board:1", Start::Now).await;
    test.publish_with("secret", json!({"eventType": "secret.told"})).await;
    test.publish_with("b", json!({"channel": "board:1"})).await;
    test.publish("a").await;
    test.time.pass(Duration::from_secs(30));
    // What was given to the connection already is looked at once more when it goes out.
    while test.hub.keep_acks() {}
    assert_eq!(connection.1.lock().unwrap().len(), 3);
    connection.0.renew(Arc::new(user("anna"))).unwrap();
    let board =
        Selection { channels: vec![Pattern::new("board:2").unwrap()], types: vec![Pattern::All] };
    let both = connection.0.wanted()[0].clone();
    connection.0.add(board).unwrap();
    connection.0.remove(&both).unwrap();
    assert_eq!(test.again(&mut connection), [""; 0]);
    test.time.pass(Duration::from_hours(1));
    assert_eq!(test.again(&mut connection), [""; 0]);
    connection.0.add(both).unwrap();
    test.time.pass(Duration::from_hours(1));
    assert_eq!(test.again(&mut connection).len(), 2, "a and b, but not the secret");
}

#[tokio::test]
async fn the_time_to_live_ends_it() {
    let test = Test::new();
    let anna = user("anna");
    let mut connection = test.open(&anna, "main", Start::Now).await;
    test.publish_with("a", json!({"ttlMs": 40_000})).await;
    test.time.pass(Duration::from_secs(30));
    assert_eq!(test.again(&mut connection), ["a x 2"]);
    test.time.pass(Duration::from_secs(70));
    assert_eq!(test.again(&mut connection), [""; 0]);
    assert_eq!(test.standing("a"), [("anna".into(), AckState::Ended)]);
    let tallies = test.hub.ack_tallies();
    assert!(tallies.given_up.contains(&("expired", 1)), "{tallies:?}");
    drop(connection);
    let mut connection = test.open(&anna, "main", Start::Now).await;
    assert_eq!(test.again(&mut connection), [""; 0]);
}

#[tokio::test]
async fn a_restart_forgets_neither_what_is_owed_nor_what_was_acknowledged() {
    for clean in [true, false] {
        let test = Test::new();
        let (anna, bert) = (user("anna"), user("bert"));
        let mut connection = test.open(&anna, "main", Start::Now).await;
        drop(test.open(&bert, "main", Start::Now).await);
        for id in ["a", "b", "c"] {
            test.publish(id).await;
        }
        let place = read_to_live(&mut connection.0).await;
        test.ack(&anna, &["b"]).await;
        // Without a clean stop, the folder is what a killed process leaves.
        if clean {
            drop(connection);
        }
        let test = test.restart(clean);
        while test.hub.keep_acks() {}
        let unknown = AckState::Unknown;
        assert_eq!(test.standing("a"), [("anna".into(), unknown), ("bert".into(), unknown)]);
        assert_eq!(test.standing("b")[0], ("anna".into(), AckState::Acknowledged));
        let mut connection = test.open(&anna, "main", Start::After(place)).await;
        assert_eq!(test.again(&mut connection), ["a x 2", "c x 2"]);
        assert_eq!(test.standing("a"), [("anna".into(), AckState::Owed), ("bert".into(), unknown)]);
        assert_eq!(test.ack(&anna, &["a", "b", "c"]).await, all(&["a", "b", "c"]));
        let test = test.restart(false);
        let mut connection = test.open(&anna, "main", Start::After(place)).await;
        assert_eq!(test.again(&mut connection), [""; 0]);
    }
}

#[tokio::test]
async fn a_session_that_nobody_has_seen_for_a_day_owes_nothing() {
    let test = Test::new();
    let anna = user("anna");
    let mut connection = test.open(&anna, "main", Start::Now).await;
    test.publish("a").await;
    test.time.pass(Duration::from_millis(2 * DAY_MS));
    assert_eq!(test.again(&mut connection), ["a x 2"], "it is there all the time");
    drop(connection);
    test.time.pass(Duration::from_millis(DAY_MS - 1));
    let mut connection = test.open(&anna, "main", Start::Now).await;
    assert_eq!(test.again(&mut connection), ["a x 3"]);
    drop(connection);
    test.time.pass(Duration::from_millis(DAY_MS));
    let mut connection = test.open(&anna, "main", Start::Earliest).await;
    assert_eq!(test.again(&mut connection), [""; 0]);
    assert_eq!(test.standing("a"), []);
    drop(connection);
    // Nobody has to come back for it to be forgotten, on the disk too.
    test.time.pass(Duration::from_millis(DAY_MS));
    while test.hub.keep_acks() {}
    assert_eq!(test.hub.ack_tallies().sessions, 0);
    assert!(test.hub.ack_tallies().forgotten.contains(&("unseen", 2)));
    let test = test.restart(true);
    assert_eq!(test.hub.ack_tallies().sessions, 0);
}

#[tokio::test]
async fn there_is_a_limit_to_everything() {
    let test = Test::with(|acks| {
        (acks.sessions, acks.remembered, acks.debts, acks.events) = (2, 3, 4, 20);
    });
    let (anna, bert) = (user("anna"), user("bert"));
    drop(test.open(&anna, "main", Start::Now).await);
    test.time.pass(Duration::from_secs(1));
    let mut connection = test.open(&bert, "main", Start::Now).await;
    let third = test.open(&user("carl"), "main", Start::Now).await;
    // Nobody is away: one more owes nothing.
    let mut fourth = test.open(&user("dora"), "main", Start::Now).await;
    let names: Vec<String> = (0..10).map(|n| format!("e-{n}")).collect();
    for name in &names {
        test.publish(name).await;
    }
    test.time.pass(Duration::from_secs(30));
    assert_eq!(test.again(&mut fourth), [""; 0]);
    assert_eq!(test.standing("e-0").len(), 2, "anna was forgotten for carl");
    // Only the oldest debts are followed; the others once half of them are settled.
    assert_eq!(test.again(&mut connection).len(), 4);
    assert_eq!(test.ack(&bert, &["e-0", "e-1"]).await, all(&["e-0", "e-1"]));
    while test.hub.keep_acks() {}
    test.time.pass(Duration::from_mins(1));
    let again = test.again(&mut connection);
    assert!(again.contains(&"e-5 x 2".to_owned()), "{again:?}");
    // More acknowledgements than are remembered: what is older than they are is given up.
    test.ack(&bert, &["e-7", "e-8", "e-9"]).await;
    assert!(!test.standing("e-2").contains(&("bert".into(), AckState::Ended)));
    test.ack(&bert, &["e-6", "e-5"]).await;
    assert!(test.standing("e-2").contains(&("bert".into(), AckState::Ended)));
    for name in 10..40 {
        test.publish(&format!("e-{name}")).await;
    }
    while test.hub.keep_acks() {}
    let tallies = test.hub.ack_tallies();
    assert_eq!((tallies.sessions, tallies.events), (2, 20), "{tallies:?}");
    assert!(tallies.debts <= 8);
    assert!(tallies.forgotten.contains(&("too-many", 1)), "{tallies:?}");
    assert!(tallies.forgotten.contains(&("untracked", 1)), "{tallies:?}");
    for (reason, count) in &tallies.given_up {
        assert!(*count > 0 || *reason == "expired", "{tallies:?}");
    }
    let gone = AckQuery {
        tenant: tenant(),
        event: EventId::new("e-0").unwrap(),
        state: None,
        after: None,
        limit: 1,
    };
    assert_eq!(test.hub.acks_of(&gone).unwrap_err().code, Code::NotFound);
    drop(third);
}
