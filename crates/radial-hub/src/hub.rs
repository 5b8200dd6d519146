//! The hub itself: its tenants, its registry, and whether it is open.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use radial_fanout::{Tally, Timeline, TimelineLimit, TimelineMemory};
use radial_log::{Clock, Disk, EmbeddedLog, EventLog, Health};
use radial_protocol::filter::{Asked, Readership, Selection};
use radial_protocol::{Code, Event, EventTypeName, Problem, TenantId};
use radial_registry::Registry;

use crate::acks::{self, AckSettings, Acks};
use crate::behind::Patience;
use crate::control::{Control, ControlError};
use crate::presence::{Presence, PresenceSettings, PresenceTally};
use crate::runtime::Runtime;
use crate::sharing::Sharing;
use crate::stats::Stats;
use crate::window::window;

/// How a hub is opened.
pub struct Config {
    /// The data folder.
    pub folder: PathBuf,
    /// The disk under the log's write-ahead file.
    pub disk: Arc<dyn Disk>,
    /// Names this run of the operating system, if it can be named.
    pub boot: Option<String>,
    /// The tenants; at least one.
    pub tenants: Vec<TenantId>,
    /// The event types.
    pub registry: Arc<Registry>,
    /// How the log keeps events.
    pub log: radial_log::Settings,
    /// Wakes those who wait for the log's answers.
    pub wake: radial_log::Wake,
    /// How much each tenant's timeline keeps.
    pub timeline: TimelineLimit,
    /// How many bytes of events all timelines keep together.
    pub timeline_memory_bytes: usize,
    /// How acknowledgements are kept.
    pub acks: AckSettings,
    /// Whether the hub starts switched off.
    pub disabled: bool,
    /// On which channels presence is kept, and how.
    pub presence: PresenceSettings,
    /// The oldest that a token may be, by the time at which it says it was issued. Older ones count
    /// no more, and revocations older than that are forgotten. `None`: tokens may be of any age, and
    /// revocations are kept for ever.
    pub token_age_max: Option<Duration>,
}

/// Why a hub cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The log cannot be opened.
    #[error(transparent)]
    Log(#[from] radial_log::OpenError),
    /// A tenant's log cannot be made.
    #[error("the log of the tenant {tenant} cannot be opened: {source}")]
    Tenant {
        /// Which.
        tenant: TenantId,
        /// Why.
        #[source]
        source: radial_log::AppendError,
    },
    /// The control state cannot be read.
    #[error(transparent)]
    Control(#[from] ControlError),
    /// What is known of acknowledgements cannot be read.
    #[error("the acknowledgements cannot be read: {0}")]
    Acks(#[source] std::io::Error),
}

/// Whether the hub can serve, and why not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Readiness {
    /// It takes and gives events.
    Ready,
    /// It was switched off.
    Disabled,
    /// It is shutting down.
    Draining,
    /// The log takes no writes until it is restarted, for this reason.
    LogFailed(String),
    /// The log takes no writes until there is room, for this reason.
    LogFull(String),
    /// So many things that operators did act on this node, but the log does not have them.
    ControlUnstored(usize),
}

/// One hub: a log, a timeline per tenant, and the rules.
pub struct Hub {
    pub(crate) log: Arc<dyn EventLog>,
    pub(crate) registry: Arc<Registry>,
    pub(crate) readership: Arc<Readership>,
    pub(crate) runtime: Runtime,
    pub(crate) stats: Stats,
    /// What subscribers ask for, and what is left of it: many ask for the same.
    pub(crate) wanted: Sharing<[Selection]>,
    pub(crate) asked: Sharing<Asked>,
    pub(crate) patience: Patience,
    timelines: HashMap<TenantId, Arc<Timeline>>,
    timeline_memory: Arc<TimelineMemory>,
    pub(crate) control: Control,
    /// `None`: it is off.
    pub(crate) presence: Option<Presence>,
    pub(crate) acks: Arc<Acks>,
    pub(crate) token_age_max: Option<Duration>,
    draining: AtomicBool,
}

impl Hub {
    /// Opens the log and makes every tenant ready. Blocks.
    pub fn open(config: Config, runtime: Runtime) -> Result<Self, OpenError> {
        let presence = Presence::new(config.presence, &config.tenants);
        let registry = match &presence {
            Some(_) => Arc::new(config.registry.with_presence()),
            None => config.registry,
        };
        let timelines: Arc<OnceLock<HashMap<TenantId, Arc<Timeline>>>> = Arc::default();
        let (committed, windows) = (Arc::clone(&timelines), Arc::clone(&registry));
        let inboxes = acks::inboxes(&config.tenants);
        let to_acks = Arc::clone(&inboxes);
        let (folder, disk) = (config.folder.clone(), Arc::clone(&config.disk));
        let (random, clock, uptime) = (runtime.clone(), runtime.clone(), runtime.clone());
        let patience = Patience::new(&config.log);
        let log = EmbeddedLog::open(radial_log::Config {
            folder: config.folder,
            boot: config.boot,
            settings: config.log,
            disk: config.disk,
            clock: Clock::new(move || clock.now(), move || uptime.uptime()),
            random: Box::new(move || random.random()),
            on_commit: Box::new(move |tenant, events: &[Arc<Event>]| {
                // Before anybody can get the events, so that no acknowledgement comes too early.
                if let Some(inbox) = to_acks.get(tenant) {
                    inbox.push(events);
                }
                let timeline = committed.get().and_then(|timelines| timelines.get(tenant));
                if let Some(timeline) = timeline {
                    let window = window(&windows, events.iter().map(|event| &event.head));
                    timeline.publish(events.iter().cloned(), window);
                }
            }),
            wake: config.wake,
        })?;
        let memory = TimelineMemory::new(config.timeline_memory_bytes);
        let mut ready = HashMap::new();
        for tenant in config.tenants {
            log.open_tenant(&tenant)
                .map_err(|source| OpenError::Tenant { tenant: tenant.clone(), source })?;
            let head = log.bounds(&tenant).map(|bounds| bounds.head).unwrap_or_default();
            ready.insert(tenant, memory.timeline(head, config.timeline));
        }
        // Nothing has been published yet, so that no commit can have missed its timeline.
        let timelines = timelines.get_or_init(|| ready).clone();
        let log: Arc<dyn EventLog> = Arc::new(log);
        let control = Control::open(Arc::clone(&log), runtime.clone(), config.disabled)?;
        control.forget(config.token_age_max);
        let acks = Acks::open(acks::Opening {
            log: Arc::clone(&log),
            runtime: runtime.clone(),
            settings: config.acks,
            folder: &folder,
            disk,
            inboxes,
            types: ack_types(&registry),
        })
        .map_err(OpenError::Acks)?;
        Ok(Self {
            log,
            control,
            acks,
            token_age_max: config.token_age_max,
            readership: Arc::new(readership(&registry)),
            registry,
            presence,
            runtime,
            stats: Stats::default(),
            wanted: Sharing::default(),
            asked: Sharing::default(),
            patience,
            timelines,
            timeline_memory: memory,
            draining: AtomicBool::new(false),
        })
    }

    /// The event types.
    pub fn registry(&self) -> &Registry {
        &self.registry
    }

    /// The world as the hub sees it.
    pub fn runtime(&self) -> &Runtime {
        &self.runtime
    }

    /// What the logs of all tenants take.
    pub fn usage(&self) -> radial_log::Usage {
        self.log.usage()
    }

    /// The memory of all timelines, and how much of it is used.
    pub fn timeline_memory(&self) -> &TimelineMemory {
        &self.timeline_memory
    }

    /// Says whether memory is short. While it is, a reader that is behind gets durable events only,
    /// and is told what it lost.
    pub fn set_short_of_memory(&self, is_short: bool) {
        self.patience.set_short_of_memory(is_short);
    }

    /// Counts what connections were given, and what was kept back from them, elsewhere.
    pub fn count_deliveries(&self, tally: Tally) {
        self.stats.deliver(tally.delivered, tally.expired);
    }

    /// Whether memory is short.
    pub fn is_short_of_memory(&self) -> bool {
        self.patience.is_short_of_memory()
    }

    /// What presence has come to.
    pub fn presence_tally(&self) -> PresenceTally {
        self.presence.as_ref().map(Presence::tally).unwrap_or_default()
    }

    /// What was counted.
    pub fn stats(&self) -> &Stats {
        &self.stats
    }

    /// Whether the hub can serve.
    pub fn readiness(&self) -> Readiness {
        if self.draining.load(Ordering::Relaxed) {
            Readiness::Draining
        } else if self.control.is_disabled() {
            Readiness::Disabled
        } else {
            match self.log.health() {
                Health::Ok => match self.control.unstored() {
                    0 => Readiness::Ready,
                    count => Readiness::ControlUnstored(count),
                },
                Health::Full(what) => Readiness::LogFull(what),
                Health::Poisoned(reason) => Readiness::LogFailed(reason),
            }
        }
    }

    /// Refuses new work from now on, with `draining`.
    pub fn drain(&self) {
        self.draining.store(true, Ordering::Relaxed);
    }

    /// Finishes what was accepted, syncs, and marks the stop as clean. Blocks.
    pub fn close(&self) {
        self.drain();
        self.acks.close();
        self.log.close();
    }

    /// The timeline of a tenant that the hub has.
    pub(crate) fn timeline(&self, tenant: &TenantId) -> Result<&Arc<Timeline>, Problem> {
        self.timelines.get(tenant).ok_or_else(|| {
            Problem::new(Code::Forbidden, "the credential's tenant is not served by this hub")
        })
    }

    /// Refuses while the hub is switched off or going down.
    ///
    /// # Errors
    /// `hub-disabled`, `draining`.
    pub fn check_open(&self) -> Result<(), Problem> {
        match self.readiness() {
            Readiness::Disabled => Err(Problem::new(
                Code::HubDisabled,
                "an operator switched the hub off; try again later",
            )),
            Readiness::Draining => {
                Err(Problem::new(Code::Draining, "this node is shutting down; try again"))
            }
            Readiness::Ready
            | Readiness::LogFailed(_)
            | Readiness::LogFull(_)
            | Readiness::ControlUnstored(_) => Ok(()),
        }
    }
}

fn ack_types(registry: &Registry) -> Vec<EventTypeName> {
    let types = registry.iter().filter(|event_type| event_type.policy.ack);
    types.map(|event_type| event_type.name.clone()).collect()
}

fn readership(registry: &Registry) -> Readership {
    let mut readership = Readership::default();
    for event_type in registry.iter() {
        let (name, policy) = (&event_type.name, &event_type.policy);
        if !policy.subscribe_roles.is_empty() {
            readership.roles.insert(name.clone(), policy.subscribe_roles.clone());
        }
        for sink in &policy.routes {
            readership.routes.entry(sink.clone()).or_default().push(name.clone());
        }
    }
    readership
}
