//! Events for the log, as the hub would make them.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::Context as _;
use radial_log::{Append, Config, EmbeddedLog, Entry, Fingerprint, RealDisk, Settings};
use radial_protocol::event::{Content, Draft, Head, Persistence, Priority, Reach, Scope};
use radial_protocol::names::EventId;
use radial_protocol::{ChannelName, EventTypeName, TenantId};

use crate::clock;

/// The tenant of `radial dev`, so that a hub can open what was filled here.
pub(crate) fn tenant() -> TenantId {
    TenantId::new("dev").expect("a valid name")
}

/// An odd factor, so that different numbers stay different and lie far apart, as the ids of
/// different publishers do.
const SPREAD: u64 = 0x9e37_79b9_7f4a_7c15;

/// An id that has not been used before in a log that is numbered like this.
pub(crate) fn id(number: u64) -> String {
    format!("bench-{:016x}", spread(number))
}

/// Another number for each number.
pub(crate) fn spread(number: u64) -> u64 {
    number.wrapping_mul(SPREAD)
}

/// Event data of 200 bytes that the built-in type `activity:new` takes.
pub(crate) fn data() -> String {
    let mut data = r#"{"id":"activity-1","entityType":"card","description":""#.to_owned();
    let end = r#""}"#;
    while data.len() + end.len() < 200 {
        data.push('x');
    }
    data + end
}

/// Opens a log in a folder.
pub(crate) fn open_log(folder: &Path) -> anyhow::Result<EmbeddedLog> {
    open_log_with(folder, Settings::default())
}

/// Opens a log in a folder with settings of its own.
pub(crate) fn open_log_with(folder: &Path, settings: Settings) -> anyhow::Result<EmbeddedLog> {
    EmbeddedLog::open(Config {
        folder: folder.to_owned(),
        boot: Some("bench".to_owned()),
        settings,
        disk: Arc::new(RealDisk),
        clock: clock::of_a_log(),
        random: Box::new(|| 42),
        on_commit: Box::new(|_, _| {}),
        wake: Box::new(radial_log::wake_each),
    })
    .context("the log does not open")
}

/// Makes appends of one shape, each with ids of its own.
#[derive(Debug)]
pub(crate) struct Maker {
    data: String,
    next: AtomicU64,
    events: usize,
    ids_given: bool,
}

impl Maker {
    /// Appends of so many durable events, numbered from `first`; with ids that the publisher chose
    /// and the log has to remember, or without.
    pub(crate) fn new(first: u64, events: usize, ids_given: bool) -> Self {
        Self { data: data(), next: AtomicU64::new(first), events, ids_given }
    }

    /// The next append.
    pub(crate) fn append(&self, tenant: &TenantId) -> Append {
        let entries = (0..self.events).map(|_| self.entry(tenant)).collect();
        Append { tenant: tenant.clone(), entries, atomic: false, now: clock::wall() }
    }

    fn entry(&self, tenant: &TenantId) -> Entry {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let head = Head {
            event_id: EventId::new(&id(number)).expect("a valid id"),
            event_type: EventTypeName::new("activity:new").expect("a valid name"),
            channel: ChannelName::main(),
            user: None,
            session: None,
            audience: None,
            scope: Scope::Channel,
            persistence: Persistence::Durable,
            reach: Reach::default(),
            priority: Priority::Normal,
            ttl_ms: None,
            ack: false,
            correlation_id: None,
            entity: None,
        };
        let content = Content::new(tenant, &self.data);
        Entry {
            draft: Draft::new(head, &content),
            fingerprint: self.ids_given.then(|| Fingerprint(u128::from(number))),
            change: None,
            repeat: None,
        }
    }
}
