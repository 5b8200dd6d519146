//! A server as a child process on a core of its own: the hub, or the floor that it is compared to.

use std::fs::File;
use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::Duration;

use anyhow::{Context as _, bail, ensure};
use rustix::process::{Pid, Signal, kill_process};

use crate::machine::{self, HUB_CORE};
use crate::{Settings, clock};

/// A running server. Dropping it kills it.
#[derive(Debug)]
pub(crate) struct Process {
    child: Child,
    address: SocketAddr,
    /// How long it took until it said that it listens.
    pub(crate) started_in: Duration,
    /// Held open: a server whose output nobody holds would fail to write.
    _output: BufReader<ChildStdout>,
}

impl Process {
    /// Starts a command whose first line says where it listens. What it logs goes to a file.
    pub(crate) fn start(
        settings: &Settings,
        mut command: Command,
        log: &Path,
    ) -> anyhow::Result<Self> {
        let began = clock::now();
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(File::create(log)?);
        // A child has the cores of the thread that starts it.
        let before = settings.pinned.then(|| machine::pin(HUB_CORE)).transpose()?;
        let child = command.spawn();
        if let Some(before) = before {
            machine::release(&before)?;
        }
        let mut child = child.with_context(|| format!("{command:?} does not start"))?;
        let mut output = BufReader::new(child.stdout.take().context("standard output is piped")?);
        let mut line = String::new();
        output.read_line(&mut line)?;
        let address = line.trim_end().strip_prefix("listening on ");
        let Some(address) = address.and_then(|url| url.split("//").nth(1)) else {
            let _ = child.kill();
            let _ = child.wait();
            bail!("the server did not start: {}", std::fs::read_to_string(log)?);
        };
        let (address, started_in) = (address.parse()?, began.elapsed());
        Ok(Self { child, address, started_in, _output: output })
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// The processor time that it has used, in seconds.
    pub(crate) fn cpu(&self) -> anyhow::Result<f64> {
        machine::cpu_of(self.child.id())
    }

    /// The memory that it holds (its resident set), in bytes.
    pub(crate) fn memory(&self) -> anyhow::Result<f64> {
        machine::memory_of(self.child.id())
    }

    /// Stops it cleanly.
    pub(crate) fn stop(mut self) -> anyhow::Result<()> {
        let pid = Pid::from_child(&self.child);
        kill_process(pid, Signal::TERM).context("the server cannot be told to stop")?;
        let status = self.child.wait()?;
        ensure!(status.success(), "the server stopped with {status}");
        Ok(())
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
