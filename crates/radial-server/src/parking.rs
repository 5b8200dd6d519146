//! Where connections stay that only follow: with workers that own their sockets, without a task.
//!
//! What a worker does for a connection is written by its transport's encoding. For everything else
//! the connection comes back and becomes a task again.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::available_parallelism;
use std::time::Duration;

use radial_fanout::{Parked, Ringer, WorkerSettings, Workers};
use radial_hub::Hub;
use tokio::runtime::Handle;
use tokio::task::yield_now;
use tokio_util::task::TaskTracker;

use crate::app::StreamSettings;

/// How often parked connections are looked over at most and at least; in between, so often that
/// no sign of life is late by more than a part of its interval.
const SWEEP_MIN: Duration = Duration::from_millis(5);
const SWEEP_MAX: Duration = Duration::from_secs(1);
const SWEEP_PART: u32 = 8;

/// The workers, and the runtime that connections come back to.
pub(crate) struct Parking {
    workers: Arc<Workers>,
    /// A task is on its way that wakes them.
    is_waking: Arc<AtomicBool>,
    runtime: Handle,
    /// The tasks of connections that came back.
    pub(crate) tasks: TaskTracker,
}

impl Parking {
    /// Starts a worker for each core that the process may use.
    ///
    /// # Errors
    /// The system has no threads or descriptors left.
    pub(crate) fn start(hub: &Arc<Hub>, settings: &StreamSettings) -> io::Result<Self> {
        let (now, uptime, count) = (hub.runtime().clone(), hub.runtime().clone(), Arc::clone(hub));
        let settings = WorkerSettings {
            slow_after: settings.slow_after,
            sweep: (settings.heartbeat.min(settings.max_age).min(settings.slow_after) / SWEEP_PART)
                .clamp(SWEEP_MIN, SWEEP_MAX),
            now: Arc::new(move || now.now()),
            uptime: Arc::new(move || uptime.uptime()),
            count: Arc::new(move |tally| count.count_deliveries(tally)),
            failed: Arc::new(|connections| {
                tracing::error!(connections, "a worker panicked: its connections were ended");
            }),
        };
        let cores = available_parallelism().map_or(1, usize::from);
        let workers = Arc::new(Workers::start(cores, &settings)?);
        let (is_waking, runtime) = (Arc::default(), Handle::current());
        Ok(Self { workers, is_waking, runtime, tasks: TaskTracker::new() })
    }

    /// Gives a connection to a worker. Those that are parked by tasks which are due at the same time
    /// are taken together: a worker is another thread, and waking it costs more than all the rest.
    pub(crate) fn park(&self, parked: Parked) -> Option<Ringer> {
        let ringer = self.workers.park(parked);
        if !self.is_waking.swap(true, Ordering::SeqCst) {
            let (workers, is_waking) = (Arc::clone(&self.workers), Arc::clone(&self.is_waking));
            self.runtime.spawn(async move {
                yield_now().await;
                is_waking.store(false, Ordering::SeqCst);
                workers.wake();
            });
        }
        ringer
    }

    /// Lets a connection that came back go on as a task.
    pub(crate) fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        self.tasks.spawn_on(task, &self.runtime);
    }

    /// Calls all of them back, and who comes later.
    pub(crate) fn recall(&self) {
        self.workers.recall();
    }
}
