//! Waiting for sockets, with as little work as the system allows.

use std::net::TcpStream;
use std::os::fd::OwnedFd;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use rustix::buffer::spare_capacity;
use rustix::event::{Timespec, epoll};

use crate::clock;

/// If nothing happens for so long, the hub is dead or the bench is wrong.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// A set of sockets.
pub(crate) struct Epoll {
    fd: OwnedFd,
    awake: bool,
    ready: Vec<epoll::Event>,
}

impl Epoll {
    pub(crate) fn new() -> anyhow::Result<Self> {
        let fd = epoll::create(epoll::CreateFlags::CLOEXEC).context("no epoll set can be made")?;
        Ok(Self { fd, awake: false, ready: Vec::with_capacity(256) })
    }

    /// Asks again and again instead of sleeping, so that no answer waits for this core to wake up.
    pub(crate) fn stay_awake(&mut self) {
        self.awake = true;
    }

    /// Watches a socket for anything that changes, under this name.
    pub(crate) fn add(&self, socket: &TcpStream, name: usize) -> anyhow::Result<()> {
        let changes = epoll::EventFlags::IN | epoll::EventFlags::OUT | epoll::EventFlags::ET;
        let name = epoll::EventData::new_u64(name as u64);
        epoll::add(&self.fd, socket, name, changes).context("a socket cannot be watched")
    }

    /// Waits, and puts the names of the sockets that changed into `names`.
    pub(crate) fn wait(&mut self, names: &mut Vec<usize>) -> anyhow::Result<()> {
        let patience = Timespec::try_from(if self.awake { Duration::ZERO } else { PATIENCE })?;
        self.ready.clear();
        let began = clock::now();
        while self.ready.is_empty() && began.elapsed() < PATIENCE {
            epoll::wait(&self.fd, spare_capacity(&mut self.ready), Some(&patience))
                .context("waiting for sockets failed")?;
        }
        ensure!(!self.ready.is_empty(), "nothing was answered in {} s", PATIENCE.as_secs());
        names.clear();
        for event in &self.ready {
            let data = event.data;
            names.push(usize::try_from(data.u64())?);
        }
        Ok(())
    }
}
