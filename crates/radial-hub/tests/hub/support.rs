//! A hub in a temporary folder, and requests to it.

use std::sync::Arc;
use std::time::Duration;

use radial_fanout::TimelineLimit;
use radial_hub::{Config, Hub, Runtime};
use radial_protocol::envelope::{PublishRequest, parse_publish};
use radial_protocol::filter::Selection;
use radial_protocol::grants::Grants;
use radial_protocol::limits::Limits;
use radial_protocol::{Pattern, Problem, TenantId, TimeMs};
use radial_registry::Registry;

/// A hub with its folder and one grant for everything.
pub(crate) struct TestHub {
    pub(crate) hub: Arc<Hub>,
    pub(crate) grants: Arc<Grants>,
    _folder: tempfile::TempDir,
}

impl TestHub {
    /// A hub whose timelines keep so many events, so that readers fall behind them.
    pub(crate) fn with_timeline(events: usize) -> Self {
        Self::with_config(|config| config.timeline.events = events)
    }

    /// A hub of one tenant, but for what is changed here.
    pub(crate) fn with_config(change: impl FnOnce(&mut Config)) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let tenant = TenantId::new("acme").unwrap();
        let mut config = Config {
            folder: folder.path().to_owned(),
            disk: Arc::new(radial_log::RealDisk),
            boot: None,
            tenants: vec![tenant.clone()],
            registry: Arc::new(Registry::builtin()),
            log: radial_log::Settings::default(),
            timeline: TimelineLimit { events: 1_000, bytes: usize::MAX },
            disabled: false,
            token_age_max: None,
        };
        change(&mut config);
        let random = std::sync::Mutex::new(fastrand::Rng::with_seed(7));
        let random = move || random.lock().unwrap().u64(..);
        let runtime = Runtime::new(|| TimeMs(1_000), || Duration::ZERO, random);
        let hub = Arc::new(Hub::open(config, runtime).unwrap());
        Self { hub, grants: Arc::new(Grants::everything(tenant)), _folder: folder }
    }

    pub(crate) fn new() -> Self {
        Self::with_config(|_| {})
    }
}

pub(crate) fn request(json: &serde_json::Value) -> Result<PublishRequest, Problem> {
    parse_publish(json.to_string().as_bytes(), &Limits::default())
}

pub(crate) fn selection(channels: &[&str]) -> Selection {
    Selection {
        channels: channels.iter().map(|text| Pattern::new(text).unwrap()).collect(),
        types: vec![Pattern::All],
    }
}
