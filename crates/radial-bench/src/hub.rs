//! The hub as a child process, from the release binary.

use std::fs::File;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::Duration;

use anyhow::{Context as _, bail, ensure};
use rustix::process::{Pid, Signal, kill_process};

use crate::machine::{self, HUB_CORE};
use crate::{Settings, clock};

/// The event type of class `recent`: with the schema of `activity:new`, so that the two differ in
/// nothing else.
pub(crate) const RECENT: &str = "bench.recent";
/// The built-in durable event type.
pub(crate) const DURABLE: &str = "activity:new";

const REGISTRY: &str = r#"
[types."bench.recent"]
description = "Like activity:new, but of class recent."
persistence = "recent"

[types."bench.recent".versions.1.schema]
type = "object"
required = ["id", "description"]

[types."bench.recent".versions.1.schema.properties]
id = { type = "string", minLength = 1, maxLength = 128 }
entityType = { type = "string", maxLength = 128 }
description = { type = "string", maxLength = 10000 }
"#;

/// A running `radial dev`.
#[derive(Debug)]
pub(crate) struct Hub {
    child: Child,
    address: SocketAddr,
    /// How long it took until the hub said that it listens.
    pub(crate) started_in: Duration,
    /// Held open: a hub whose output nobody holds would fail to write.
    _output: BufReader<ChildStdout>,
}

impl Hub {
    /// Starts a hub with its data in `folder`, on a core of its own.
    pub(crate) fn start(settings: &Settings, binary: &Path, folder: &Path) -> anyhow::Result<Self> {
        let registry = folder.join("registry");
        std::fs::create_dir_all(&registry)?;
        std::fs::write(registry.join("bench.toml"), REGISTRY)?;
        let log = folder.join("hub.log");
        let began = clock::now();
        // A child has the cores of the thread that starts it.
        let before = settings.pinned.then(|| machine::pin(HUB_CORE)).transpose()?;
        let child = Command::new(binary)
            .args(["dev", "--listen", "127.0.0.1:0", "--data"])
            .arg(folder)
            .env("RADIAL__HUB__REGISTRY", &registry)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(File::create(&log)?)
            .spawn();
        if let Some(before) = before {
            machine::release(&before)?;
        }
        let mut child = child.with_context(|| format!("{} does not start", binary.display()))?;
        let mut output = BufReader::new(child.stdout.take().context("standard output is piped")?);
        let mut line = String::new();
        output.read_line(&mut line)?;
        let Some(address) = line.trim_end().strip_prefix("listening on http://") else {
            let _ = child.kill();
            bail!("the hub did not start: {}", std::fs::read_to_string(&log)?);
        };
        let (address, started_in) = (address.parse()?, began.elapsed());
        Ok(Self { child, address, started_in, _output: output })
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// The processor time that the hub has used, in seconds.
    pub(crate) fn cpu(&self) -> anyhow::Result<f64> {
        machine::cpu_of(self.child.id())
    }

    /// How many events the hub says it has accepted.
    pub(crate) fn accepted(&self) -> anyhow::Result<u64> {
        let text = get(self.address, "/metrics")?;
        let counts = text
            .lines()
            .filter(|line| line.starts_with("radial_published_events_total"))
            .filter_map(|line| line.rsplit_once(' ')?.1.parse::<u64>().ok());
        Ok(counts.sum())
    }

    /// Stops the hub cleanly.
    pub(crate) fn stop(mut self) -> anyhow::Result<()> {
        let pid = Pid::from_child(&self.child);
        kill_process(pid, Signal::TERM).context("the hub cannot be told to stop")?;
        let status = self.child.wait()?;
        ensure!(status.success(), "the hub stopped with {status}");
        Ok(())
    }
}

impl Drop for Hub {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Gets a path and returns the whole answer.
pub(crate) fn get(hub: SocketAddr, path: &str) -> anyhow::Result<String> {
    let mut socket = TcpStream::connect(hub)?;
    write!(socket, "GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n")?;
    let mut answer = String::new();
    socket.read_to_string(&mut answer)?;
    Ok(answer)
}

/// The binary that was asked for, or the one of this workspace, built now and as this program was.
pub(crate) fn binary(settings: &Settings) -> anyhow::Result<PathBuf> {
    if let Some(binary) = &settings.hub {
        return Ok(binary.clone());
    }
    let own = std::env::current_exe().context("this program cannot be found")?;
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(["build", "--quiet", "--package", "radial"]);
    if !cfg!(debug_assertions) {
        cargo.arg("--release");
    }
    let status = cargo.current_dir(env!("CARGO_MANIFEST_DIR")).status();
    ensure!(status.context("cargo does not start")?.success(), "the hub could not be built");
    Ok(own.with_file_name("radial"))
}
