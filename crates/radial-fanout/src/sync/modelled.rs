//! A worker's wait in the model: sockets never have anything to say, naps are over at once, and
//! whoever sleeps sleeps until it is woken. A wake-up that is lost is then a deadlock.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use mio::{Events, Interest, Token};
use shuttle::sync::{Condvar, Mutex};
use shuttle::thread;

/// Who waits for longer is asleep: there is no clock that would end it.
const NAP_MAX: Duration = Duration::from_mins(1);

#[derive(Debug, Default)]
struct Woken {
    is_woken: Mutex<bool>,
    changed: Condvar,
}

#[derive(Debug, Default)]
pub(crate) struct Poll(Registry);

#[derive(Clone, Debug, Default)]
pub(crate) struct Registry(Arc<Woken>);

#[derive(Debug)]
pub(crate) struct Waker(Arc<Woken>);

impl Poll {
    #[expect(clippy::unnecessary_wraps, reason = "the real one may fail")]
    pub(crate) fn new() -> io::Result<Self> {
        Ok(Self::default())
    }

    pub(crate) fn registry(&self) -> &Registry {
        &self.0
    }

    #[expect(clippy::unnecessary_wraps, reason = "the real one may fail")]
    pub(crate) fn poll(&self, events: &mut Events, timeout: Option<Duration>) -> io::Result<()> {
        events.clear();
        let Registry(woken) = &self.0;
        if timeout.is_some_and(|timeout| timeout < NAP_MAX) {
            thread::yield_now();
        }
        let mut is_woken = woken.is_woken.lock().expect("nobody panics with it");
        while !*is_woken && timeout.is_none_or(|timeout| timeout >= NAP_MAX) {
            is_woken = woken.changed.wait(is_woken).expect("nobody panics with it");
        }
        *is_woken = false;
        Ok(())
    }
}

#[expect(clippy::unnecessary_wraps, clippy::unused_self, reason = "the real one does more")]
impl Registry {
    pub(crate) fn register<S>(&self, _: &mut S, _: Token, _: Interest) -> io::Result<()> {
        Ok(())
    }

    pub(crate) fn deregister<S>(&self, _: &mut S) -> io::Result<()> {
        Ok(())
    }
}

impl Waker {
    #[expect(clippy::unnecessary_wraps, reason = "the real one may fail")]
    pub(crate) fn new(registry: &Registry, _: Token) -> io::Result<Self> {
        Ok(Self(Arc::clone(&registry.0)))
    }

    #[expect(clippy::unnecessary_wraps, reason = "the real one may fail")]
    pub(crate) fn wake(&self) -> io::Result<()> {
        *self.0.is_woken.lock().expect("nobody panics with it") = true;
        self.0.changed.notify_all();
        Ok(())
    }
}

/// A panic is the end of a model, and what it has found.
#[expect(clippy::unnecessary_wraps, reason = "the real one catches")]
pub(crate) fn catch<T>(work: impl FnOnce() -> T) -> thread::Result<T> {
    Ok(work())
}
