//! The keeper over a log that refuses writes when it is told to.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use radial_log::{
    Append, AppendError, AppendFuture, Backlog, Bounds, Clock, EmbeddedLog, EntityPages,
    EntitySelection, EventLog, Health, Page, PageLimit, ReadError, RealDisk, Settings,
};
use radial_protocol::grants::{Credential, CredentialKind, Grants};
use radial_protocol::names::{Id, UserId};
use radial_protocol::{Epoch, Offset, TenantId, TimeMs};

use super::change::{Act, Actor, Change, Revocation, Subject};
use super::keeper::{Control, ControlError};
use crate::runtime::Runtime;

/// A real log that takes no appends while it is full.
struct RefusingLog {
    log: EmbeddedLog,
    is_full: AtomicBool,
}

impl EventLog for RefusingLog {
    fn open_tenant(&self, tenant: &TenantId) -> Result<Epoch, AppendError> {
        self.log.open_tenant(tenant)
    }

    fn append(&self, append: Append) -> AppendFuture {
        if self.is_full.load(Ordering::SeqCst) {
            return Box::pin(async { Err(AppendError::Full("the test says so".to_owned())) });
        }
        self.log.append(append)
    }

    fn read(&self, tenant: &TenantId, after: Offset, limit: PageLimit) -> Result<Page, ReadError> {
        self.log.read(tenant, after, limit)
    }

    fn place_before(&self, tenant: &TenantId, at: TimeMs) -> Result<Offset, ReadError> {
        self.log.place_before(tenant, at)
    }

    fn entities(
        &self,
        tenant: &TenantId,
        selection: EntitySelection,
    ) -> Result<Box<dyn EntityPages>, ReadError> {
        self.log.entities(tenant, selection)
    }

    fn bounds(&self, tenant: &TenantId) -> Option<Bounds> {
        self.log.bounds(tenant)
    }

    fn usage(&self) -> radial_log::Usage {
        radial_log::Usage::default()
    }

    fn backlog(&self) -> Backlog {
        self.log.backlog()
    }

    fn health(&self) -> Health {
        self.log.health()
    }

    fn close(&self) {
        self.log.close();
    }
}

fn runtime() -> Runtime {
    static RANDOM: AtomicU64 = AtomicU64::new(1);
    Runtime::new(|| TimeMs(1_000), || Duration::ZERO, || RANDOM.fetch_add(1, Ordering::Relaxed))
}

fn open_log(folder: &Path) -> Arc<RefusingLog> {
    let log = EmbeddedLog::open(radial_log::Config {
        folder: folder.to_owned(),
        boot: Some("a".to_owned()),
        settings: Settings::default(),
        disk: Arc::new(RealDisk),
        clock: Clock::new(|| TimeMs(1_000), || Duration::ZERO),
        random: Box::new(|| 7),
        on_commit: Box::new(|_, _| {}),
        wake: Box::new(radial_log::wake_each),
    });
    Arc::new(RefusingLog { log: log.unwrap(), is_full: AtomicBool::new(false) })
}

fn open(log: &Arc<RefusingLog>) -> Control {
    let log: Arc<dyn EventLog> = Arc::clone(log) as _;
    Control::open(log, runtime(), false).unwrap()
}

fn tenant() -> TenantId {
    TenantId::new("acme").unwrap()
}

fn operator() -> Actor {
    Actor::of(&Grants::everything(tenant()))
}

fn token(user: &str) -> Grants {
    let mut grants =
        Grants::everything(tenant()).acting_for(Some(UserId::new(user).unwrap()), None);
    grants.credential =
        Credential { kind: CredentialKind::Token, issued: Some(TimeMs(5)), ..Credential::LOCAL };
    grants
}

fn revoked(user: &str) -> Change {
    let subject = Subject::User(UserId::new(user).unwrap());
    Change::Revoked(Revocation { tenant: tenant(), subject, reason: None })
}

#[tokio::test]
async fn the_state_is_the_same_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let log = open_log(folder.path());
    let control = open(&log);
    assert!(!control.is_disabled() && !control.is_revoked(&token("u")));
    let id = Id::new("k1").unwrap();
    let record = "{\"name\":\"ci\"}".to_owned();
    for change in [
        Change::Disabled { reason: Some("fire".to_owned()) },
        revoked("u"),
        Change::KeyStored { id: id.clone(), record: record.clone() },
        Change::KeyStored { id: Id::new("k2").unwrap(), record: String::new() },
        Change::KeyRemoved { id: Id::new("k2").unwrap() },
    ] {
        assert!(control.record(change, operator()).await);
    }
    drop(control);
    log.close();
    drop(log);
    let control = open(&open_log(folder.path()));
    let state = control.read();
    let switch = state.switch.as_ref().unwrap();
    assert!(control.is_disabled() && switch.disabled);
    assert_eq!((switch.reason.as_deref(), &switch.by), (Some("fire"), &operator()));
    assert_eq!(state.keys.keys().collect::<Vec<_>>(), [&id]);
    assert_eq!(&*state.keys[&id], record);
    assert!(control.is_revoked(&token("u")) && !control.is_revoked(&token("u2")));
}

#[tokio::test]
async fn a_change_that_the_log_refuses_acts_at_once_and_is_stored_in_its_order_later() {
    let folder = tempfile::tempdir().unwrap();
    let log = open_log(folder.path());
    let control = open(&log);
    log.is_full.store(true, Ordering::SeqCst);
    for change in [Change::Disabled { reason: None }, revoked("u"), Change::Enabled {}] {
        assert!(!control.record(change, operator()).await);
    }
    assert!(control.is_revoked(&token("u")) && !control.is_disabled());
    assert_eq!(control.unstored(), 3);
    assert!(!control.store_waiting().await);
    log.is_full.store(false, Ordering::SeqCst);
    // What comes next takes along what waits, and comes after it.
    assert!(control.record(Change::Disabled { reason: None }, operator()).await);
    assert_eq!(control.unstored(), 0);
    let limit = PageLimit { items: 10, bytes: usize::MAX };
    let page = log.read(&TenantId::control(), Offset::ZERO, limit).unwrap();
    let types: Vec<String> = page
        .items
        .iter()
        .map(|item| match item {
            radial_log::Item::Event(event) => Act::read(event).unwrap().change.name().to_owned(),
            radial_log::Item::Missing(missing) => panic!("{missing:?}"),
        })
        .collect();
    let expected = ["control.disabled", "control.revoked", "control.enabled", "control.disabled"];
    assert_eq!(types, expected);
    let again = open(&log);
    assert!(again.is_disabled() && again.is_revoked(&token("u")));
}

#[tokio::test]
async fn what_waits_is_stored_without_another_change_too() {
    let folder = tempfile::tempdir().unwrap();
    let log = open_log(folder.path());
    let control = open(&log);
    log.is_full.store(true, Ordering::SeqCst);
    assert!(!control.record(revoked("u"), operator()).await);
    log.is_full.store(false, Ordering::SeqCst);
    assert!(control.store_waiting().await);
    assert!(open(&log).is_revoked(&token("u")));
}

#[tokio::test]
async fn a_log_that_is_closed_for_good_lets_changes_act_and_says_that_they_are_not_stored() {
    let folder = tempfile::tempdir().unwrap();
    let log = open_log(folder.path());
    let control = open(&log);
    log.close();
    assert!(!control.record(Change::Disabled { reason: None }, operator()).await);
    assert!(control.is_disabled());
    assert_eq!(control.unstored(), 1);
}

#[tokio::test]
async fn an_event_of_another_version_is_not_passed_over() {
    let folder = tempfile::tempdir().unwrap();
    let log = open_log(folder.path());
    let control = open(&log);
    assert!(control.record(revoked("u"), operator()).await);
    let mut entry = Act { change: Change::Enabled {}, at: TimeMs(1), by: operator() }.entry("e");
    let tenant = TenantId::control();
    let content = radial_protocol::event::Content {
        version: "2",
        ..radial_protocol::event::Content::new(&tenant, "{\"change\":{\"somethingNew\":{}}}")
    };
    entry.draft = radial_protocol::event::Draft::new(entry.draft.head, &content);
    let append = Append { tenant, entries: vec![entry], atomic: true, now: TimeMs(1_000) };
    log.append(append).await.unwrap();
    let log: Arc<dyn EventLog> = Arc::clone(&log) as _;
    let opened = Control::open(log, runtime(), false);
    assert!(matches!(opened.err(), Some(ControlError::Unknown(at)) if at.get() == 2));
}
