//! What reaches a worker from other threads, and how it is woken for it.

use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use mio::Waker;

use crate::resident::Parked;

/// Names one stay of a connection with a worker; never used again.
pub(crate) type Stay = u64;
/// Names a tenant's connections within a worker; never used again.
pub(crate) type ShardId = u64;

pub(crate) enum Command {
    Take(Stay, Box<Parked>),
    Ring(Stay),
    /// Everybody goes back, also who comes later.
    Recall,
    Stop,
}

/// It takes no notice of anything: it will look for itself before it rests.
const AWAKE: u8 = 0;
/// It waits for a batch to grow; only what is urgent wakes it.
const NAPPING: u8 = 1;
/// Everything wakes it.
const ASLEEP: u8 = 2;

/// A worker's mailbox.
pub(crate) struct Mailbox {
    commands: Mutex<Vec<Command>>,
    moved: Mutex<Vec<ShardId>>,
    /// The smallest batch window among what has moved, in milliseconds.
    window_ms: AtomicU32,
    rest: AtomicU8,
    waker: Waker,
}

/// Everything that came in since the last look.
#[derive(Default)]
pub(crate) struct Post {
    pub(crate) commands: Vec<Command>,
    pub(crate) moved: Vec<ShardId>,
}

impl Mailbox {
    pub(crate) fn new(waker: Waker) -> Self {
        Self {
            commands: Mutex::default(),
            moved: Mutex::default(),
            window_ms: AtomicU32::new(u32::MAX),
            rest: AtomicU8::new(AWAKE),
            waker,
        }
    }

    pub(crate) fn send(&self, command: Command) {
        self.commands.lock().unwrap_or_else(PoisonError::into_inner).push(command);
        self.wake(NAPPING);
    }

    /// A timeline has moved, and this is the longest that a busy worker may let that wait.
    fn moved(&self, shard: ShardId, window: Duration) {
        let window_ms = u32::try_from(window.as_millis()).unwrap_or(u32::MAX);
        self.window_ms.fetch_min(window_ms, Ordering::SeqCst);
        self.moved.lock().unwrap_or_else(PoisonError::into_inner).push(shard);
        self.wake(if window_ms == 0 { NAPPING } else { ASLEEP });
    }

    /// What has moved already is more urgent than it was.
    fn hurry(&self, window: Duration) {
        if window.is_zero() && self.window_ms.swap(0, Ordering::SeqCst) != 0 {
            self.wake(NAPPING);
        }
    }

    /// Wakes it if its rest is at least so deep.
    fn wake(&self, rest: u8) {
        let woken = self
            .rest
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, |now| (now >= rest).then_some(AWAKE));
        if woken.is_ok() {
            // Only a lack of kernel memory could make it fail; it looks by itself within a second.
            let _ = self.waker.wake();
        }
    }

    /// Whether there is nothing to do, so that it may sleep; then it sleeps until it is woken.
    pub(crate) fn falls_asleep(&self) -> bool {
        self.rest.store(ASLEEP, Ordering::SeqCst);
        let is_empty = is_empty(&self.commands) && is_empty(&self.moved);
        if !is_empty {
            self.rest.store(AWAKE, Ordering::SeqCst);
        }
        is_empty
    }

    /// How long what has moved may wait, if anything has.
    pub(crate) fn window(&self) -> Option<Duration> {
        let window_ms = self.window_ms.load(Ordering::SeqCst);
        let waits = window_ms > 0 && !is_empty(&self.moved);
        waits.then(|| Duration::from_millis(window_ms.into()))
    }

    /// Whether nothing is urgent, so that it may nap; then it naps until something is.
    pub(crate) fn naps(&self) -> bool {
        self.rest.store(NAPPING, Ordering::SeqCst);
        let may = !self.is_urgent() && is_empty(&self.commands);
        if !may {
            self.is_up();
        }
        may
    }

    /// Whether something has moved that must not wait.
    pub(crate) fn is_urgent(&self) -> bool {
        self.window_ms.load(Ordering::SeqCst) == 0
    }

    pub(crate) fn is_up(&self) {
        self.rest.store(AWAKE, Ordering::SeqCst);
    }

    /// Takes what has moved since the last time.
    pub(crate) fn take_moved(&self, post: &mut Post) {
        self.window_ms.store(u32::MAX, Ordering::SeqCst);
        std::mem::swap(
            &mut *self.moved.lock().unwrap_or_else(PoisonError::into_inner),
            &mut post.moved,
        );
    }

    /// Takes the commands that came since the last time.
    pub(crate) fn take_commands(&self, post: &mut Post) {
        std::mem::swap(
            &mut *self.commands.lock().unwrap_or_else(PoisonError::into_inner),
            &mut post.commands,
        );
    }
}

fn is_empty<T>(list: &Mutex<Vec<T>>) -> bool {
    list.lock().unwrap_or_else(PoisonError::into_inner).is_empty()
}

/// What a timeline rings when it has moved: one for each worker that has readers of it.
pub(crate) struct Bell {
    pub(crate) mailbox: Arc<Mailbox>,
    pub(crate) shard: ShardId,
    has_rung: AtomicBool,
}

impl Bell {
    pub(crate) fn new(mailbox: Arc<Mailbox>, shard: ShardId) -> Self {
        Self { mailbox, shard, has_rung: AtomicBool::new(false) }
    }

    /// Costs nothing but a look while it has rung already.
    pub(crate) fn ring(&self, window: Duration) {
        if self.has_rung.swap(true, Ordering::SeqCst) {
            self.mailbox.hurry(window);
        } else {
            self.mailbox.moved(self.shard, window);
        }
    }

    /// Before the worker looks at the timeline: what moves from here on rings again.
    pub(crate) fn answer(&self) {
        self.has_rung.store(false, Ordering::SeqCst);
    }
}

impl std::fmt::Debug for Bell {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Bell").field("shard", &self.shard).finish_non_exhaustive()
    }
}
