//! From a configuration to an open hub, whoever serves it: this crate's own server, or the
//! application that embeds it. And what runs beside it for as long as it is open.

use std::sync::Arc;

use radial_hub::{Hub, Runtime};
use radial_log::{Disk, RealDisk};
use radial_registry::{Folder, Registry, RegistryError};
use tokio::task::JoinSet;

use crate::app::{App, Mode};
use crate::auth::{self, Application, Auth};
use crate::clock;
use crate::config::Config;
use crate::memory;
use crate::presence::tell;
use crate::redelivery;
use crate::server::RunError;
use crate::waking::Waking;
use crate::watch::watch;

/// What a hub has from outside.
pub struct World {
    /// Where its data folder is.
    pub disk: Arc<dyn Disk>,
    /// Its time and its randomness.
    pub runtime: Runtime,
}

impl World {
    /// That of the operating system.
    pub fn real() -> Self {
        Self { disk: Arc::new(RealDisk), runtime: clock::runtime() }
    }
}

/// Opens the data folder. Blocks on storage, on a thread of its own.
pub(crate) async fn open(
    config: &Config,
    mode: Mode,
    world: World,
    application: Option<Application>,
) -> Result<Arc<App>, RunError> {
    let auth = Auth::new(config, mode, application)?;
    let registry = Arc::new(registry(config)?);
    let folder = config.server.data.clone();
    let waking = Arc::<Waking>::default();
    let to_wake = Arc::clone(&waking);
    let hub_config = radial_hub::Config {
        folder: folder.clone(),
        disk: world.disk,
        boot: clock::boot(),
        tenants: config.hub.tenants.clone(),
        registry,
        log: config.log.settings(&config.tenants, config.hub.cache_bytes()),
        wake: Box::new(move |waiting| to_wake.wake(waiting)),
        timeline: config.timeline,
        timeline_memory_bytes: config.hub.timeline_memory_bytes(),
        acks: config.acks,
        disabled: config.hub.disabled,
        presence: config.presence.clone(),
        token_age_max: Some(config.hub.token_age_max).filter(|age| !age.is_zero()),
    };
    let opened = tokio::task::spawn_blocking(|| Hub::open(hub_config, world.runtime)).await;
    let hub = opened
        .expect("opening a hub does not panic")
        .map_err(|source| RunError::Open { folder, source })?;
    auth.check(config, mode, &hub)?;
    let app = App::new(config, mode, Arc::new(hub), auth, waking).map_err(RunError::Workers)?;
    Ok(Arc::new(app))
}

/// Starts what looks after an open hub until it drains.
pub(crate) fn look_after(app: &Arc<App>) -> JoinSet<()> {
    let mut tasks = JoinSet::new();
    let (waking, drain) = (Arc::clone(&app.waking), app.drain.clone());
    tasks.spawn(async move {
        tokio::select! {
            () = waking.run() => {}
            () = drain.cancelled() => {}
        }
    });
    tasks.spawn(auth::refresh(Arc::clone(app)));
    tasks.spawn(auth::reask(Arc::clone(app)));
    tasks.spawn(watch(Arc::clone(app)));
    tasks.spawn(memory::watch(Arc::clone(app)));
    tasks.spawn(tell(Arc::clone(app)));
    tasks.spawn(redelivery::keep(Arc::clone(app)));
    tasks
}

/// Waits until what looked after a hub has ended.
pub(crate) async fn ended(mut tasks: JoinSet<()>) {
    while let Some(ended) = tasks.join_next().await {
        if let Err(error) = ended {
            tracing::error!(%error, "a task of the hub failed");
        }
    }
}

/// Syncs and closes the log of a hub that drains.
pub(crate) async fn close(app: &App) {
    let hub = Arc::clone(&app.hub);
    // The log syncs on a thread of its own; a panic there has been reported by the log.
    let _ = tokio::task::spawn_blocking(move || hub.close()).await;
}

fn registry(config: &Config) -> Result<Registry, RegistryError> {
    let builtin = config.hub.builtin_types.then(Registry::builtin);
    match (builtin, &config.hub.registry) {
        (Some(builtin), Some(folder)) => builtin.extended_with(&Registry::load_folder(folder)?),
        (None, Some(folder)) => Registry::load_folder(folder),
        (Some(builtin), None) => Ok(builtin),
        (None, None) => Registry::from_folder(&Folder::of([])),
    }
}
