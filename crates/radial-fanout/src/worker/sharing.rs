//! A share in a worker's hands, and how it calls the worker.
//!
//! Somebody else has its socket, and may have failed with it: a share that panics is given up,
//! and costs nobody else anything.

use std::sync::Arc;
use std::task::{Wake, Waker};

use bytes::Bytes;

use super::line::Wrote;
use super::mailbox::{Command, Mailbox, Stay};
use crate::resident::Share;
use crate::sync::atomic::{AtomicU8, Ordering};
use crate::sync::catch;

/// A share, unless it has panicked.
pub(crate) struct Sharing {
    share: Option<Box<dyn Share>>,
    caller: Arc<Caller>,
}

/// Tells a worker to look at a connection that has no socket of its own.
pub(crate) struct Caller {
    mailbox: Arc<Mailbox>,
    stay: Stay,
    ear: AtomicU8,
}

/// A call goes by the mailbox.
const AWAY: u8 = 0;
/// The worker writes to the share, and asks afterwards whether it was called meanwhile.
const LISTENING: u8 = 1;
/// It was.
const CALLED: u8 = 2;

impl Sharing {
    pub(crate) fn new(share: Box<dyn Share>, caller: Caller) -> Self {
        Self { share: Some(share), caller: Arc::new(caller) }
    }

    pub(crate) fn into_share(mut self) -> Option<Box<dyn Share>> {
        self.share.take()
    }

    /// A share that finds room while it is written calls the one that writes to it: that must not
    /// cost a second round for each delivery.
    pub(crate) fn write(&mut self, bytes: &Bytes) -> Wrote {
        self.caller.listen();
        let wrote = match self.ask(|share| share.write(bytes)) {
            Some(Ok(written)) if written == bytes.len() => Wrote::All,
            Some(Ok(written)) => Wrote::Part(written),
            Some(Err(_)) | None => Wrote::Gone,
        };
        if self.caller.was_called() {
            match wrote {
                // Nothing else could be news to it.
                Wrote::All if !self.watch() => return Wrote::Gone,
                Wrote::Part(_) => self.caller.call(),
                Wrote::All | Wrote::Gone => {}
            }
        }
        wrote
    }

    /// Tells whether it is open.
    pub(crate) fn watch(&mut self) -> bool {
        let waker = Waker::from(Arc::clone(&self.caller));
        self.ask(|share| share.watch(&waker)).unwrap_or(false)
    }

    pub(crate) fn forget(&mut self) {
        let _ = self.ask(|share| share.watch(Waker::noop()));
    }

    fn ask<T>(&mut self, question: impl FnOnce(&mut dyn Share) -> T) -> Option<T> {
        let share = self.share.as_deref_mut()?;
        let answer = catch(|| question(share));
        if answer.is_err() {
            self.give_up();
        }
        answer.ok()
    }

    fn give_up(&mut self) {
        let share = self.share.take();
        let _ = catch(|| drop(share));
    }
}

impl Drop for Sharing {
    fn drop(&mut self) {
        self.give_up();
    }
}

impl Caller {
    pub(crate) fn new(mailbox: Arc<Mailbox>, stay: Stay) -> Self {
        Self { mailbox, stay, ear: AtomicU8::new(AWAY) }
    }

    fn listen(&self) {
        self.ear.store(LISTENING, Ordering::SeqCst);
    }

    /// Whether it was called since it listens; from here on it listens no longer.
    fn was_called(&self) -> bool {
        self.ear.swap(AWAY, Ordering::SeqCst) == CALLED
    }

    /// By whichever thread.
    fn call(&self) {
        let heard = self.ear.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |ear| {
            (ear != AWAY).then_some(CALLED)
        });
        if heard.is_err() {
            self.mailbox.send(Command::Look(self.stay));
        }
    }
}

impl Wake for Caller {
    fn wake(self: Arc<Self>) {
        self.call();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.call();
    }
}
