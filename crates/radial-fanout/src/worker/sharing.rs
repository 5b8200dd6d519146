//! A share in a worker's hands.
//!
//! Somebody else has its socket, and may have failed with it: a share that panics is given up,
//! and costs nobody else anything.

use std::task::Waker;

use bytes::Bytes;

use super::line::Wrote;
use crate::resident::Share;
use crate::sync::catch;

/// A share, unless it has panicked.
pub(crate) struct Sharing(Option<Box<dyn Share>>);

impl Sharing {
    pub(crate) fn new(share: Box<dyn Share>) -> Self {
        Self(Some(share))
    }

    pub(crate) fn into_share(mut self) -> Option<Box<dyn Share>> {
        self.0.take()
    }

    pub(crate) fn write(&mut self, bytes: &Bytes) -> Wrote {
        match self.ask(|share| share.write(bytes)) {
            Some(Ok(written)) if written == bytes.len() => Wrote::All,
            Some(Ok(written)) => Wrote::Part(written),
            Some(Err(_)) | None => Wrote::Gone,
        }
    }

    /// Tells whether it is open.
    pub(crate) fn watch(&mut self, waker: &Waker) -> bool {
        self.ask(|share| share.watch(waker)).unwrap_or(false)
    }

    fn ask<T>(&mut self, question: impl FnOnce(&mut dyn Share) -> T) -> Option<T> {
        let share = self.0.as_deref_mut()?;
        let answer = catch(|| question(share));
        if answer.is_err() {
            self.give_up();
        }
        answer.ok()
    }

    fn give_up(&mut self) {
        let share = self.0.take();
        let _ = catch(|| drop(share));
    }
}

impl Drop for Sharing {
    fn drop(&mut self) {
        self.give_up();
    }
}
