//! Workers: threads that own the sockets of connections that keep up.
//!
//! A worker waits for its timelines to move and for its sockets. When a timeline has moved, it
//! writes to each of its connections what is due, as bytes that are encoded once for all who are
//! due the same. Nothing is held for a connection but its socket, its filter and, while its socket
//! is full, its place. A connection that needs anything else goes back to who parked it.

mod class;
mod hands;
mod line;
mod mailbox;
mod run;
mod seat;
mod seats;
mod shard;
mod sharing;

#[cfg(test)]
#[cfg(not(modelled))]
mod tests;

use std::io;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use radial_protocol::TimeMs;

pub(crate) use mailbox::Bell;

use self::mailbox::{Command, Mailbox, Stay};
use self::run::Worker;
use crate::resident::Parked;
use crate::sync::Mutex;
use crate::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use crate::sync::thread::{self, JoinHandle};

/// How workers treat their connections, and the world as they see it.
#[derive(Clone)]
pub struct WorkerSettings {
    /// A connection whose socket takes nothing for so long is ended.
    pub slow_after: Duration,
    /// How often the connections are looked over for signs of life and deadlines.
    pub sweep: Duration,
    /// The time of day.
    pub now: Arc<dyn Fn() -> TimeMs + Send + Sync>,
    /// The time since some moment, which nobody can set.
    pub uptime: Arc<dyn Fn() -> Duration + Send + Sync>,
    /// Told how many events were delivered, and how many kept back as expired, since the last call.
    pub count: Arc<dyn Fn(crate::Tally) + Send + Sync>,
    /// Told that a worker has panicked and begun anew, and how many connections that ended.
    pub failed: Arc<dyn Fn(usize) + Send + Sync>,
}

/// Some workers. Dropping them gives back nothing: [`Self::recall`] first.
pub struct Workers {
    mailboxes: Vec<Arc<Mailbox>>,
    threads: Mutex<Vec<JoinHandle<()>>>,
    next: AtomicUsize,
    stays: AtomicU64,
}

/// Calls one connection back, wherever it is by now.
#[derive(Clone)]
pub struct Ringer {
    mailbox: Arc<Mailbox>,
    stay: Stay,
}

impl Workers {
    /// Starts so many, at least one.
    ///
    /// # Errors
    /// The system has no threads or descriptors left.
    pub fn start(count: usize, settings: &WorkerSettings) -> io::Result<Self> {
        let (mut mailboxes, mut threads) = (Vec::new(), Vec::new());
        for index in 0..count.max(1) {
            let (worker, mailbox) = Worker::new(settings.clone())?;
            let name = format!("fanout-{index}");
            threads.push(thread::Builder::new().name(name).spawn(move || worker.run())?);
            mailboxes.push(mailbox);
        }
        Ok(Self {
            mailboxes,
            threads: Mutex::new(threads),
            next: AtomicUsize::new(0),
            stays: AtomicU64::new(1),
        })
    }

    /// Leaves a connection for a worker, and tells how to call it back.
    ///
    /// A worker that sleeps takes it when it is [woken](Self::wake): who parks many at once wakes
    /// once. A worker that cannot watch its socket gives it back at once.
    pub fn park(&self, parked: Parked) -> Option<Ringer> {
        let index = self.next.fetch_add(1, Ordering::Relaxed) % self.mailboxes.len();
        let mailbox = Arc::clone(self.mailboxes.get(index)?);
        let stay = self.stays.fetch_add(1, Ordering::Relaxed);
        mailbox.leave(Command::Take(stay, Box::new(parked)));
        Some(Ringer { mailbox, stay })
    }

    /// Wakes those for whom connections were left.
    pub fn wake(&self) {
        for mailbox in &self.mailboxes {
            mailbox.wake_for_commands();
        }
    }

    /// Gives everybody back, and who comes later at once.
    pub fn recall(&self) {
        for mailbox in &self.mailboxes {
            mailbox.send(Command::Recall);
        }
    }
}

impl Drop for Workers {
    fn drop(&mut self) {
        for mailbox in &self.mailboxes {
            mailbox.send(Command::Stop);
        }
        let threads =
            std::mem::take(&mut *self.threads.lock().unwrap_or_else(PoisonError::into_inner));
        let own = thread::current().id();
        for thread in threads {
            // A resident that is the last to let go drops the workers on one of their own threads.
            if thread.thread().id() != own {
                let _ = thread.join();
            }
        }
    }
}

impl Ringer {
    /// Rises with every stay: of two ringers of one connection the greater one is the newer.
    pub fn stay(&self) -> u64 {
        self.stay
    }

    /// Calls it back, if it is still there.
    pub fn ring(&self) {
        self.mailbox.send(Command::Ring(self.stay));
    }
}
