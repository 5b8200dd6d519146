//! Keeps the control state: reads it from the log at the start, and brings changes there.

use std::future::poll_fn;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::task::Poll;

use radial_log::{Append, AppendError, AppendFuture, EventLog, Item, PageLimit};
use radial_protocol::grants::Grants;
use radial_protocol::{Offset, TenantId};
use tokio::sync::watch;

use super::change::{Act, Actor, Change};
use super::state::State;
use crate::runtime::Runtime;

/// The most changes that wait for a log that takes no writes. What comes beyond acts on this node
/// and is lost with it, and the hub says so until it ends.
const WAITING_MAX: usize = 10_000;
/// One read of the control log at the start.
const PAGE: PageLimit = PageLimit { items: 1_000, bytes: 1024 * 1024 };

/// Why the control state cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum ControlError {
    /// The log cannot be made.
    #[error("the log of the control state cannot be opened: {0}")]
    Open(#[source] AppendError),
    /// The log cannot be read.
    #[error("the control state cannot be read: {0}")]
    Read(#[source] radial_log::ReadError),
    /// An event that this version does not know. To go on without it could be to trust what was
    /// revoked.
    #[error(
        "the control state has an event at offset {0} that this Radial cannot read: it was written \
         by another version"
    )]
    Unknown(Offset),
    /// A stretch of it is gone.
    #[error("a part of the control state is gone before offset {0}")]
    Missing(Offset),
}

/// The control state of one node, and what of it the log does not have yet.
pub(crate) struct Control {
    log: Arc<dyn EventLog>,
    runtime: Runtime,
    state: RwLock<State>,
    waiting: Mutex<Waiting>,
    /// How many changes the log does not have.
    unstored: AtomicUsize,
    /// So that a hub without revocations pays one look at it.
    any_revoked: AtomicBool,
    disabled: AtomicBool,
    changes: watch::Sender<u64>,
    /// The minute of the uptime in which it was last asked which it is.
    minute: AtomicU64,
}

/// Changes that act already and are not stored yet, oldest first.
#[derive(Debug, Default)]
struct Waiting {
    acts: Vec<Act>,
    /// Those that there was no more room for.
    given_up: usize,
}

impl Control {
    /// Reads the state from its log. Blocks.
    ///
    /// `disabled`: whether the hub starts switched off, whatever operators have said before.
    pub(crate) fn open(
        log: Arc<dyn EventLog>,
        runtime: Runtime,
        disabled: bool,
    ) -> Result<Self, ControlError> {
        log.open_tenant(&TenantId::control()).map_err(ControlError::Open)?;
        let mut state = State::default();
        let mut place = Offset::ZERO;
        loop {
            let page = log.read(&TenantId::control(), place, PAGE).map_err(ControlError::Read)?;
            for item in page.items {
                match item {
                    Item::Event(event) => {
                        let at = event.offset().unwrap_or(place);
                        let act = Act::read(&event).ok_or(ControlError::Unknown(at))?;
                        state.apply(&act);
                    }
                    Item::Missing(missing) => return Err(ControlError::Missing(missing.to)),
                }
            }
            place = page.to;
            if page.at_head {
                break;
            }
        }
        Ok(Self {
            disabled: AtomicBool::new(disabled || state.is_disabled()),
            any_revoked: AtomicBool::new(!state.revocations.is_empty()),
            log,
            runtime,
            state: RwLock::new(state),
            waiting: Mutex::default(),
            unstored: AtomicUsize::new(0),
            changes: watch::Sender::new(0),
            minute: AtomicU64::new(0),
        })
    }

    /// Lets a change act at once, and stores it. Says whether it is stored.
    ///
    /// Cancel safe: the change acts, and is stored if the log takes it, even if nobody waits.
    pub(crate) async fn record(&self, change: Change, by: Actor) -> bool {
        let mut change = Some((change, by));
        self.append(|| {
            let (change, by) = change.take()?;
            let act = Act { change, at: self.runtime.now(), by };
            tracing::info!(
                change = act.change.name(),
                what = act.change.what(),
                by = %act.by,
                "operator"
            );
            self.apply(&act);
            Some(act)
        })
        .await
    }

    /// Brings to the log what it refused before. Says whether nothing is left.
    pub(crate) async fn store_waiting(&self) -> bool {
        if self.unstored() == 0 {
            return true;
        }
        self.append(|| None).await
    }

    /// Appends what waits, and one act more.
    ///
    /// The act is made, and the log decides about it, under one lock, so that the order in which
    /// changes act here is their order in the log.
    async fn append(&self, mut next: impl FnMut() -> Option<Act>) -> bool {
        let (future, decided) = poll_fn(|context| {
            let mut waiting = self.waiting();
            if let Some(act) = next() {
                if waiting.acts.len() < WAITING_MAX {
                    waiting.acts.push(act);
                } else {
                    waiting.given_up += 1;
                }
            }
            let acts = std::mem::take(&mut waiting.acts);
            if acts.is_empty() {
                self.unstored.store(waiting.given_up, Ordering::Relaxed);
                return Poll::Ready((None, None));
            }
            let mut future = self.submit(&acts);
            let decided = match future.as_mut().poll(context) {
                Poll::Ready(Ok(_)) => Some(Ok(())),
                Poll::Ready(Err(error)) => Some(Err(error)),
                Poll::Pending => None,
            };
            if let Some(Err(_)) = &decided {
                waiting.acts = acts;
                self.count(&waiting);
                return Poll::Ready((None, decided));
            }
            self.count(&waiting);
            Poll::Ready((Some((future, acts)), decided))
        })
        .await;
        let stored = match (future, decided) {
            (_, Some(Err(error))) => Err(error),
            (Some((future, acts)), None) => self.finish(future, acts).await,
            (_, Some(Ok(()))) | (None, None) => Ok(()),
        };
        if let Err(error) = &stored {
            tracing::error!(%error, "a change of the control state acts, but is not stored");
        }
        stored.is_ok() && self.unstored() == 0
    }

    async fn finish(&self, future: AppendFuture, acts: Vec<Act>) -> Result<(), AppendError> {
        let Err(error) = future.await else { return Ok(()) };
        let mut waiting = self.waiting();
        let newer = std::mem::replace(&mut waiting.acts, acts);
        waiting.acts.extend(newer);
        self.count(&waiting);
        Err(error)
    }

    fn submit(&self, acts: &[Act]) -> AppendFuture {
        self.log.append(Append {
            tenant: TenantId::control(),
            entries: acts.iter().map(|act| act.entry(&self.runtime.uuid())).collect(),
            atomic: true,
            now: self.runtime.now(),
        })
    }

    fn apply(&self, act: &Act) {
        let mut state = self.write();
        state.apply(act);
        // The hub may have been started switched off, which only its switch takes back.
        if matches!(act.change, Change::Disabled { .. } | Change::Enabled {}) {
            self.disabled.store(state.is_disabled(), Ordering::Release);
        }
        self.any_revoked.store(!state.revocations.is_empty(), Ordering::Release);
        drop(state);
        self.changes.send_modify(|changes| *changes += 1);
    }

    /// Whether another minute has begun since this was asked last.
    pub(crate) fn begins_minute(&self) -> bool {
        let minute = self.runtime.uptime().as_secs() / 60;
        self.minute.swap(minute, Ordering::Relaxed) != minute
    }

    /// Forgets revocations that nothing can need any more.
    pub(crate) fn forget(&self, token_age_max: Option<std::time::Duration>) {
        if self.any_revoked.load(Ordering::Acquire) {
            let mut state = self.write();
            state.revocations.forget(token_age_max, self.runtime.now());
            self.any_revoked.store(!state.revocations.is_empty(), Ordering::Release);
        }
    }

    /// Whether a credential was taken back. Without any revocation, one look at a flag.
    pub(crate) fn is_revoked(&self, grants: &Grants) -> bool {
        self.any_revoked.load(Ordering::Acquire) && self.read().revocations.covers(grants)
    }

    /// Whether the hub is switched off.
    pub(crate) fn is_disabled(&self) -> bool {
        self.disabled.load(Ordering::Acquire)
    }

    /// How many changes act here that the log does not have.
    pub(crate) fn unstored(&self) -> usize {
        self.unstored.load(Ordering::Relaxed)
    }

    /// Tells when anything has changed.
    pub(crate) fn watch(&self) -> watch::Receiver<u64> {
        self.changes.subscribe()
    }

    pub(crate) fn read(&self) -> RwLockReadGuard<'_, State> {
        self.state.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, State> {
        self.state.write().unwrap_or_else(PoisonError::into_inner)
    }

    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn count(&self, waiting: &Waiting) {
        self.unstored.store(waiting.acts.len() + waiting.given_up, Ordering::Relaxed);
    }
}
