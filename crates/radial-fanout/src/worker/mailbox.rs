//! What reaches a worker from other threads, and how it is woken for it.

use std::collections::VecDeque;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use crate::resident::Parked;
use crate::sync::atomic::{AtomicBool, AtomicU8, AtomicU32, Ordering};
use crate::sync::{Mutex, Waker};

/// Names one stay of a connection with a worker; never used again.
pub(crate) type Stay = u64;
/// Names a tenant's connections within a worker; never used again.
pub(crate) type ShardId = u64;

pub(crate) enum Command {
    Take(Stay, Box<Parked>),
    Ring(Stay),
    /// One without a socket of its own may have room, or have ended.
    Look(Stay),
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
    commands: Mutex<VecDeque<Command>>,
    moved: Mutex<Vec<ShardId>>,
    /// The smallest batch window among what has moved, in milliseconds. It is begun anew, and
    /// follows what is pushed, under the lock of `moved`: what has moved always has a window.
    window_ms: AtomicU32,
    rest: AtomicU8,
    waker: Waker,
}

/// Everything that came in since the last look.
#[derive(Default)]
pub(crate) struct Post {
    pub(crate) commands: VecDeque<Command>,
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
        self.leave(command);
        self.wake(NAPPING);
    }

    /// Leaves a command for when the worker is awake.
    pub(crate) fn leave(&self, command: Command) {
        self.commands.lock().unwrap_or_else(PoisonError::into_inner).push_back(command);
    }

    /// Wakes the worker if there are commands for it.
    pub(crate) fn wake_for_commands(&self) {
        if self.has_commands() {
            self.wake(NAPPING);
        }
    }

    /// A timeline has moved, and this is the longest that a busy worker may let that wait.
    fn moved(&self, shard: ShardId, window: Duration) {
        let mut moved = self.moved.lock().unwrap_or_else(PoisonError::into_inner);
        moved.push(shard);
        let is_smaller = self.lower_window(window);
        drop(moved);
        self.wake(if is_smaller { NAPPING } else { ASLEEP });
    }

    /// What has moved already is perhaps more urgent than it was.
    fn hurry(&self, window: Duration) {
        if self.lower_window(window) {
            self.wake(NAPPING);
        }
    }

    /// Whether that is smaller than the window was.
    fn lower_window(&self, window: Duration) -> bool {
        let window_ms = u32::try_from(window.as_millis()).unwrap_or(u32::MAX);
        self.window_ms.fetch_min(window_ms, Ordering::SeqCst) > window_ms
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
        let is_empty = !self.has_commands() && !self.has_moved();
        if !is_empty {
            self.rest.store(AWAKE, Ordering::SeqCst);
        }
        is_empty
    }

    /// How long what has moved may wait, if anything has.
    pub(crate) fn window(&self) -> Option<Duration> {
        let moved = self.moved.lock().unwrap_or_else(PoisonError::into_inner);
        let window_ms = self.window_ms.load(Ordering::SeqCst);
        let waits = window_ms > 0 && !moved.is_empty();
        waits.then(|| Duration::from_millis(window_ms.into()))
    }

    /// Whether nothing is more urgent than this window, so that it may nap; then it naps until
    /// something is.
    pub(crate) fn naps(&self, window: Duration) -> bool {
        self.rest.store(NAPPING, Ordering::SeqCst);
        let may = self.window() == Some(window) && !self.has_commands();
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
        let mut moved = self.moved.lock().unwrap_or_else(PoisonError::into_inner);
        self.window_ms.store(u32::MAX, Ordering::SeqCst);
        std::mem::swap(&mut *moved, &mut post.moved);
    }

    /// Takes the commands that came since the last time, of which all have been obeyed.
    pub(crate) fn take_commands(&self, post: &mut Post) {
        std::mem::swap(
            &mut *self.commands.lock().unwrap_or_else(PoisonError::into_inner),
            &mut post.commands,
        );
    }

    fn has_commands(&self) -> bool {
        !self.commands.lock().unwrap_or_else(PoisonError::into_inner).is_empty()
    }

    fn has_moved(&self) -> bool {
        !self.moved.lock().unwrap_or_else(PoisonError::into_inner).is_empty()
    }
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

#[cfg(test)]
#[cfg(not(modelled))]
mod tests {
    use super::*;
    use crate::sync::Poll;

    fn mailbox() -> (Poll, Mailbox) {
        let poll = Poll::new().unwrap();
        let waker = Waker::new(poll.registry(), mio::Token(0)).unwrap();
        (poll, Mailbox::new(waker))
    }

    /// Without one a busy worker would nap for good.
    #[test]
    fn what_has_moved_always_has_its_window() {
        let (_poll, mailbox) = mailbox();
        let (window, over) = (Duration::from_millis(20), AtomicBool::new(false));
        std::thread::scope(|scope| {
            scope.spawn(|| {
                for shard in 0..200_000 {
                    mailbox.moved(shard, window);
                }
                over.store(true, Ordering::SeqCst);
            });
            let mut post = Post::default();
            while !over.load(Ordering::SeqCst) {
                let found = mailbox.window();
                assert!(found.is_none_or(|found| found == window), "{found:?}");
                mailbox.take_moved(&mut post);
                post.moved.clear();
            }
        });
    }

    #[test]
    fn a_nap_is_no_longer_than_the_smallest_window() {
        let (_poll, mailbox) = mailbox();
        let mailbox = Arc::new(mailbox);
        let (first, second) = (Bell::new(Arc::clone(&mailbox), 1), Bell::new(mailbox, 2));
        let mailbox = &first.mailbox;
        let ms = Duration::from_millis;
        first.ring(ms(500));
        assert!(mailbox.naps(ms(500)));
        first.ring(ms(600));
        assert_eq!(mailbox.rest.load(Ordering::SeqCst), NAPPING, "that can wait");
        // More of the same, and of another tenant: each ends the nap, and the next one is shorter.
        for (bell, window) in [(&first, ms(100)), (&second, ms(50))] {
            bell.ring(window);
            assert_eq!(mailbox.rest.load(Ordering::SeqCst), AWAKE);
            assert!(!mailbox.naps(ms(500)));
            assert_eq!(mailbox.window(), Some(window));
            assert!(mailbox.naps(window));
        }
        first.ring(Duration::ZERO);
        assert_eq!((mailbox.rest.load(Ordering::SeqCst), mailbox.window()), (AWAKE, None));
    }
}
