//! Folders, logs and events for the tests of the log.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use radial_log::{
    Append, Change, Clock, Config, Conflict, Disk, Effect, EmbeddedLog, Entity, EntitySelection,
    Entry, EventLog as _, Fingerprint, Item, OpenError, PageLimit, RealDisk, Settings,
};
use radial_protocol::event::{Content, Draft, EntityRef, Event, Head, Persistence, Reach, TimeMs};
use radial_protocol::names::{EventId, Id};
use radial_protocol::{EventTypeName, Name, Offset, Pattern, TenantId};

/// A data folder that goes away with the test.
pub(crate) struct Folder(tempfile::TempDir);

impl Folder {
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }

    /// Keeps a copy of the store as it is now, for [`Self::crash_image`].
    pub(crate) fn remember_store(&self) {
        std::fs::copy(self.path().join("store.redb"), self.path().join("remembered")).unwrap();
    }

    /// What a process that dies now leaves behind: the write-ahead files as they are, and a store
    /// that lags behind as far as it may.
    pub(crate) fn crash_image(&self) -> Self {
        let image = Self::new();
        std::fs::create_dir(image.path().join("wal")).unwrap();
        let remembered = self.path().join("remembered");
        let store = if remembered.exists() { remembered } else { self.path().join("store.redb") };
        std::fs::copy(store, image.path().join("store.redb")).unwrap();
        let mark = self.path().join("wal").join("write-failed");
        for file in segments(self.path()).into_iter().chain(Some(mark).filter(|mark| mark.exists()))
        {
            let copy = image.path().join("wal").join(file.file_name().unwrap());
            std::fs::copy(file, copy).unwrap();
        }
        image
    }

    /// Turns the last record of the newest segment into zeros, as a disk may that never got it.
    pub(crate) fn tear_last_record(&self) {
        let newest = segments(self.path()).pop().unwrap();
        let mut bytes = std::fs::read(&newest).unwrap();
        let (mut at, mut last) = (20, 20);
        while let length @ 1.. = u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap()) {
            last = at;
            at += 24 + usize::try_from(length).unwrap();
        }
        bytes[last..].fill(0);
        std::fs::write(newest, bytes).unwrap();
    }
}

pub(crate) fn segments(folder: &Path) -> Vec<PathBuf> {
    let mut segments: Vec<PathBuf> = std::fs::read_dir(folder.join("wal"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "wal"))
        .collect();
    segments.sort();
    segments
}

pub(crate) fn tenant() -> TenantId {
    TenantId::new("acme").unwrap()
}

/// How a test's log is opened, where it matters.
pub(crate) struct Opening {
    pub(crate) boot: &'static str,
    pub(crate) settings: Settings,
    pub(crate) disk: Arc<dyn Disk>,
    /// What time it is, in milliseconds.
    pub(crate) clock: Arc<AtomicU64>,
    /// How long it runs, in milliseconds.
    pub(crate) uptime: Arc<AtomicU64>,
    /// The random bits that a new epoch gets.
    pub(crate) random: u64,
}

impl Default for Opening {
    fn default() -> Self {
        Self {
            boot: "a",
            settings: Settings { reserve_bytes: 0, ..Settings::default() },
            disk: Arc::new(RealDisk),
            clock: Arc::new(AtomicU64::new(1_000)),
            uptime: Arc::default(),
            random: 42,
        }
    }
}

impl Opening {
    pub(crate) fn open(self, folder: &Folder) -> Result<EmbeddedLog, OpenError> {
        let log = self.open_without_tenant(folder)?;
        log.open_tenant(&tenant()).unwrap();
        Ok(log)
    }

    fn open_without_tenant(self, folder: &Folder) -> Result<EmbeddedLog, OpenError> {
        let Self { boot, settings, disk, clock, uptime, random } = self;
        EmbeddedLog::open(Config {
            folder: folder.path().to_owned(),
            boot: Some(boot.to_owned()),
            settings,
            disk,
            clock: Clock::new(
                move || TimeMs(clock.load(Ordering::SeqCst)),
                move || Duration::from_millis(uptime.load(Ordering::SeqCst)),
            ),
            random: Box::new(move || random),
            on_commit: Box::new(|_, _| {}),
            wake: Box::new(radial_log::wake_each),
        })
    }

    /// As [`Self::open`], on a disk that may fail meanwhile.
    pub(crate) fn try_open(self, folder: &Folder) -> Result<EmbeddedLog, String> {
        let log = self.open_without_tenant(folder).map_err(|error| error.to_string())?;
        log.open_tenant(&tenant()).map_err(|error| error.to_string())?;
        Ok(log)
    }
}

pub(crate) fn try_open(folder: &Folder, boot: &'static str) -> Result<EmbeddedLog, OpenError> {
    Opening { boot, ..Opening::default() }.open(folder)
}

pub(crate) fn open(folder: &Folder, boot: &'static str) -> EmbeddedLog {
    try_open(folder, boot).unwrap()
}

/// Waits until something is so; fails after a while.
pub(crate) async fn wait_until(what: &str, so: impl Fn() -> bool) {
    let waiting = async {
        while !so() {
            tokio::task::yield_now().await;
        }
    };
    let waited = tokio::time::timeout(Duration::from_secs(20), waiting).await;
    assert!(waited.is_ok(), "{what}");
}

fn entry_with(id: &str, persistence: Persistence, fingerprint: Option<u128>) -> Entry {
    let event_type = EventTypeName::new("card.moved").unwrap();
    let head = Head { persistence, ..Head::new(EventId::new(id).unwrap(), event_type) };
    let tenant = tenant();
    let content = Content::new(&tenant, "{\"cardId\":\"c1\"}");
    Entry {
        draft: Draft::new(head, &content),
        fingerprint: fingerprint.map(Fingerprint),
        change: None,
        repeat: None,
    }
}

/// An event whose id the hub chose.
pub(crate) fn entry(persistence: Persistence) -> Entry {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    entry_with(&format!("auto-{}", NEXT.fetch_add(1, Ordering::Relaxed)), persistence, None)
}

/// A durable event whose id the publisher chose.
pub(crate) fn keyed(id: &str, fingerprint: u128) -> Entry {
    entry_with(id, Persistence::Durable, Some(fingerprint))
}

/// A durable event for some of its type's sinks.
pub(crate) fn routed(broadcast: bool, sinks: &[&str]) -> Entry {
    let mut entry = entry(Persistence::Durable);
    let sinks = sinks.iter().map(|name| Name::new(name).unwrap()).collect();
    entry.draft.head.reach = Reach::new(broadcast, Some(sinks));
    entry
}

/// A change of the entity `card` `c1` on `main`.
pub(crate) fn change(effect: Effect, expected_version: Option<u64>, data: &str) -> Entry {
    let entity = EntityRef { entity_type: Name::new("card").unwrap(), id: Id::new("c1").unwrap() };
    let conflict = Conflict::Reject;
    let mut entry = entry(Persistence::Durable);
    entry.draft = Draft::new(entry.draft.head, &Content::new(&tenant(), data));
    entry.change =
        Some(Change { entity, effect, conflict, expected_version, data: data.to_owned() });
    entry
}

/// The entities of the type `card` in all channels, with the place that they are true at.
pub(crate) fn cards(log: &EmbeddedLog) -> (u64, Vec<Entity>) {
    let selection = EntitySelection {
        channels: vec![Pattern::All],
        types: vec![Name::new("card").unwrap()],
        id: None,
        after: None,
    };
    let mut pages = log.entities(&tenant(), selection).unwrap();
    let mut entities = Vec::new();
    loop {
        let page = pages.next_page(2).unwrap();
        if page.is_empty() {
            return (pages.cursor().offset.get(), entities);
        }
        entities.extend(page);
    }
}

pub(crate) fn append(entries: Vec<Entry>) -> Append {
    Append { tenant: tenant(), entries, atomic: false, now: TimeMs(1_000) }
}

/// The offsets of all events after a place.
pub(crate) fn offsets(log: &EmbeddedLog, after: Offset) -> Vec<u64> {
    events(log, after).iter().filter_map(|event| event.offset().map(Offset::get)).collect()
}

/// The events that a reader gets after a place.
pub(crate) fn events(log: &EmbeddedLog, after: Offset) -> Vec<Arc<Event>> {
    let limit = PageLimit { items: 100_000, bytes: usize::MAX };
    let mut after = after;
    let mut events = Vec::new();
    loop {
        let page = log.read(&tenant(), after, limit).unwrap();
        events.extend(page.items.into_iter().filter_map(|item| match item {
            Item::Event(event) => Some(event),
            Item::Missing(_) => None,
        }));
        if page.at_head {
            return events;
        }
        after = page.to;
    }
}

/// Waits until readers may see everything up to an offset.
pub(crate) async fn wait_for_head(log: &EmbeddedLog, offset: u64) {
    wait_until("the head", || log.bounds(&tenant()).unwrap().head.get() >= offset).await;
}
