//! Waiting for sockets, with as little work as the system allows.

use std::os::fd::{AsFd, OwnedFd};
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use rustix::buffer::spare_capacity;
use rustix::event::{Timespec, epoll};
use rustix::io::Errno;

use crate::clock;

/// If nothing happens for so long, the hub is dead or the bench is wrong.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// How many sockets are told of at once.
const READY_MAX: usize = 1_024;

/// A set of sockets.
pub(crate) struct Epoll {
    fd: OwnedFd,
    awake: bool,
    ready: Vec<epoll::Event>,
}

impl Epoll {
    pub(crate) fn new() -> anyhow::Result<Self> {
        let fd = epoll::create(epoll::CreateFlags::CLOEXEC).context("no epoll set can be made")?;
        Ok(Self { fd, awake: false, ready: Vec::with_capacity(READY_MAX) })
    }

    /// Asks again and again instead of sleeping, so that no answer waits for this core to wake up.
    pub(crate) fn stay_awake(&mut self) {
        self.awake = true;
    }

    /// Watches a socket for anything that changes, under this name.
    pub(crate) fn add(&self, socket: impl AsFd, name: usize) -> anyhow::Result<()> {
        let changes = epoll::EventFlags::IN | epoll::EventFlags::OUT | epoll::EventFlags::ET;
        let name = epoll::EventData::new_u64(name as u64);
        epoll::add(&self.fd, socket, name, changes).context("a socket cannot be watched")
    }

    /// Waits, and puts the names of the sockets that changed into `names`.
    pub(crate) fn wait(&mut self, names: &mut Vec<usize>) -> anyhow::Result<()> {
        let began = clock::now();
        let patience = if self.awake { Duration::ZERO } else { PATIENCE };
        names.clear();
        while names.is_empty() && began.elapsed() < PATIENCE {
            self.take(names, Some(patience))?;
        }
        ensure!(!names.is_empty(), "nothing was answered in {} s", PATIENCE.as_secs());
        Ok(())
    }

    /// The same until a moment, or for as long as it takes; perhaps there is nothing then.
    pub(crate) fn wait_until(
        &mut self,
        names: &mut Vec<usize>,
        moment: Option<Instant>,
    ) -> anyhow::Result<()> {
        names.clear();
        self.take(names, moment.map(|moment| moment.saturating_duration_since(clock::now())))
    }

    fn take(&mut self, names: &mut Vec<usize>, patience: Option<Duration>) -> anyhow::Result<()> {
        let patience = patience.map(Timespec::try_from).transpose()?;
        self.ready.clear();
        match epoll::wait(&self.fd, spare_capacity(&mut self.ready), patience.as_ref()) {
            // Whoever debugs or samples a process interrupts its waiting.
            Ok(_) | Err(Errno::INTR) => {}
            Err(error) => return Err(error).context("waiting for sockets failed"),
        }
        for event in &self.ready {
            let data = event.data;
            names.push(usize::try_from(data.u64())?);
        }
        Ok(())
    }
}
