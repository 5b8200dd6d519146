//! A hub with a time of its own, and sessions that are to acknowledge.

use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use radial_hub::{
    AckQuery, AckSettings, AckState, Acknowledged, AtOnce, Config, Hub, Redelivery, Runtime, Start,
    SubscribeRequest, Subscription,
};
use radial_protocol::control::Control;
use radial_protocol::filter::Selection;
use radial_protocol::grants::Grants;
use radial_protocol::names::{EventId, SessionId, UserId};
use radial_protocol::{Cursor, Pattern, TenantId, TimeMs};
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
pub(super) const DAY_MS: u64 = 24 * 60 * 60 * 1_000;

/// A time that the test moves on: of day, and up.
#[derive(Clone, Default)]
pub(super) struct Time(Arc<AtomicU64>);

impl Time {
    pub(super) fn pass(&self, time: Duration) {
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

pub(super) struct Test {
    pub(super) hub: Arc<Hub>,
    pub(super) time: Time,
    folder: tempfile::TempDir,
    acks: AckSettings,
}

/// What comes again to a connection.
pub(super) type Again = Arc<Mutex<Vec<Redelivery>>>;

impl Test {
    pub(super) fn new() -> Self {
        Self::with(|_| {})
    }

    pub(super) fn with(change: impl FnOnce(&mut AckSettings)) -> Self {
        let (folder, time) = (tempfile::tempdir().unwrap(), Time::default());
        let mut acks = AckSettings::default();
        change(&mut acks);
        let hub = open(folder.path(), &time, acks);
        Self { hub, time, folder, acks }
    }

    /// Opens the hub again, after a clean stop or without one.
    pub(super) fn restart(self, clean: bool) -> Self {
        let Self { hub, time, folder, acks } = self;
        if clean {
            hub.close();
        }
        let copy = tempfile::tempdir().unwrap();
        copy_folder(folder.path(), copy.path());
        let hub = open(copy.path(), &time, acks);
        Self { hub, time, folder: copy, acks }
    }

    pub(super) async fn publish(&self, id: &str) {
        self.publish_with(id, json!({})).await;
    }

    pub(super) async fn publish_with(&self, id: &str, more: serde_json::Value) {
        let mut event = json!({"eventType": "notice.given", "eventId": id, "eventData": {}});
        event.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let grants = Grants::everything(tenant());
        let results = self.hub.publish(&grants, vec![request(&event)]).await.unwrap();
        assert!(results[0].is_ok(), "{results:?}");
        while self.hub.keep_acks() {}
    }

    /// Opens a connection of a user's session.
    pub(super) async fn open(
        &self,
        grants: &Grants,
        channels: &str,
        start: Start,
    ) -> (Subscription, Again) {
        self.open_as(grants, channels, start, AtOnce::Always).await
    }

    /// The same, and when what is owed comes at once.
    pub(super) async fn open_as(
        &self,
        grants: &Grants,
        channels: &str,
        start: Start,
        at_once: AtOnce,
    ) -> (Subscription, Again) {
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
        subscription.redeliver_by(deliver, at_once);
        (subscription, again)
    }

    /// What the hub gives the connection again now, as `id x attempt`.
    pub(super) fn again(&self, connection: &mut (Subscription, Again)) -> Vec<String> {
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

    pub(super) async fn ack(&self, grants: &Grants, texts: &[&str]) -> Acknowledged {
        self.hub.acknowledge(&Arc::new(grants.clone()), &ids(texts)).await.unwrap()
    }

    pub(super) fn standing(&self, event: &str) -> Vec<(String, AckState)> {
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

pub(super) fn tenant() -> TenantId {
    TenantId::new("acme").unwrap()
}

pub(super) fn ids(texts: &[&str]) -> Vec<EventId> {
    texts.iter().map(|text| EventId::new(text).unwrap()).collect()
}

/// A user with one session.
pub(super) fn user(name: &str) -> Grants {
    let session = SessionId::new(&format!("s-{name}")).unwrap();
    Grants::everything(tenant()).acting_for(Some(UserId::new(name).unwrap()), Some(session))
}

pub(super) fn all(acknowledged: &[&str]) -> Acknowledged {
    Acknowledged { acknowledged: ids(acknowledged), not_owed: Vec::new() }
}

pub(super) async fn read_to_live(subscription: &mut Subscription) -> Cursor {
    loop {
        for frame in subscription.next().await.unwrap() {
            if let radial_hub::Frame::Control(Control::Live { cursor, .. }) = frame {
                return cursor;
            }
        }
    }
}
