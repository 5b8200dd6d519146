//! A hub in a temporary folder, and requests to it.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use radial_fanout::TimelineLimit;
use radial_hub::{Config, HistoryQuery, Hub, Runtime, Start};
use radial_log::{Append, Clock, EmbeddedLog, Entry, EventLog as _, RealDisk};
use radial_protocol::envelope::{PublishRequest, parse_publish};
use radial_protocol::event::{Content, Draft, Head, Persistence};
use radial_protocol::filter::Selection;
use radial_protocol::grants::Grants;
use radial_protocol::limits::Limits;
use radial_protocol::names::EventId;
use radial_protocol::{EventTypeName, Pattern, Problem, TenantId, TimeMs};
use radial_registry::Registry;

/// A hub with its folder and one grant for everything.
pub(crate) struct TestHub {
    pub(crate) hub: Arc<Hub>,
    pub(crate) grants: Arc<Grants>,
    /// How long it runs, in milliseconds. The time of day goes with it.
    pub(crate) clock: Arc<AtomicU64>,
    _folder: tempfile::TempDir,
}

impl TestHub {
    /// A hub whose timelines keep so many events, so that readers fall behind them.
    pub(crate) fn with_timeline(events: usize) -> Self {
        Self::with_config(|config| config.timeline.events = events)
    }

    /// How a hub of one tenant is opened in a folder.
    pub(crate) fn config(folder: &Path, tenant: TenantId) -> Config {
        Config {
            folder: folder.to_owned(),
            disk: Arc::new(radial_log::RealDisk),
            boot: None,
            tenants: vec![tenant],
            registry: Arc::new(Registry::builtin()),
            log: radial_log::Settings::default(),
            wake: Box::new(radial_log::wake_each),
            timeline: TimelineLimit { events: 1_000, bytes: usize::MAX },
            timeline_memory_bytes: usize::MAX,
            acks: radial_hub::AckSettings::default(),
            disabled: false,
            presence: radial_hub::PresenceSettings::default(),
            token_age_max: None,
        }
    }

    /// A hub of one tenant, but for what is changed here.
    pub(crate) fn with_config(change: impl FnOnce(&mut Config)) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let tenant = TenantId::new("acme").unwrap();
        let mut config = Self::config(folder.path(), tenant.clone());
        change(&mut config);
        let random = std::sync::Mutex::new(fastrand::Rng::with_seed(7));
        let random = move || random.lock().unwrap().u64(..);
        let clock = Arc::<AtomicU64>::default();
        let (now, uptime) = (Arc::clone(&clock), Arc::clone(&clock));
        let runtime = Runtime::new(
            move || TimeMs(1_000 + now.load(Ordering::SeqCst)),
            move || Duration::from_millis(uptime.load(Ordering::SeqCst)),
            random,
        );
        let hub = Arc::new(Hub::open(config, runtime).unwrap());
        Self { hub, grants: Arc::new(Grants::everything(tenant)), clock, _folder: folder }
    }

    /// A hub that knows these types beside the built-in ones.
    pub(crate) fn with_types(types: &serde_json::Value) -> Self {
        let registry = Self::registry(types);
        Self::with_config(|config| config.registry = registry)
    }

    /// These types and the built-in ones.
    pub(crate) fn registry(types: &serde_json::Value) -> Arc<Registry> {
        let types = serde_json::json!({ "types": types });
        Arc::new(Registry::builtin().with_document("test.json", &types).unwrap())
    }

    /// Lets so much time pass.
    pub(crate) fn pass_ms(&self, ms: u64) {
        self.clock.fetch_add(ms, Ordering::SeqCst);
    }

    pub(crate) fn new() -> Self {
        Self::with_config(|_| {})
    }
}

/// Puts so many events of the type `user.updated` into the log of a folder, which retention leaves there.
pub(crate) async fn fill(folder: &Path, count: usize) {
    let log = EmbeddedLog::open(radial_log::Config {
        folder: folder.to_owned(),
        boot: None,
        settings: radial_log::Settings::default(),
        disk: Arc::new(RealDisk),
        clock: Clock::new(|| TimeMs(1_000), || Duration::ZERO),
        random: Box::new(|| 7),
        on_commit: Box::new(|_, _| {}),
        wake: Box::new(radial_log::wake_each),
    })
    .unwrap();
    let tenant = TenantId::new("acme").unwrap();
    log.open_tenant(&tenant).unwrap();
    let entry = |n: usize| {
        let event_type = EventTypeName::new("user.updated").unwrap();
        let mut head = Head::new(EventId::new(&format!("e-{n}")).unwrap(), event_type);
        head.persistence = Persistence::Durable;
        let content = Content::new(&tenant, "{\"userId\":\"u\"}");
        Entry { draft: Draft::new(head, &content), fingerprint: None, change: None, repeat: None }
    };
    let events: Vec<usize> = (0..count).collect();
    for batch in events.chunks(10_000) {
        let entries = batch.iter().map(|n| entry(*n)).collect();
        let tenant = tenant.clone();
        log.append(Append { tenant, entries, atomic: false, now: TimeMs(1_000) }).await.unwrap();
    }
}

pub(crate) fn request(json: &serde_json::Value) -> Result<PublishRequest, Problem> {
    parse_publish(json.to_string().as_bytes(), &Limits::default())
}

/// All that the log has, so many at once.
pub(crate) fn history(limit: usize) -> HistoryQuery {
    HistoryQuery {
        selection: selection(&["*"]),
        start: Start::Earliest,
        until: None,
        limit,
        correlation_id: None,
        user: None,
        session: None,
    }
}

pub(crate) fn selection(channels: &[&str]) -> Selection {
    Selection {
        channels: channels.iter().map(|text| Pattern::new(text).unwrap()).collect(),
        types: vec![Pattern::All],
    }
}
