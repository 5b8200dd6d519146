//! The hub as a child process, from the release binary.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, ensure};

use crate::Settings;
use crate::process::Process;

/// The event type of class `recent`: with the schema of `activity:new`, so that the two differ in
/// nothing else.
pub(crate) const RECENT: &str = "bench.recent";
/// An event type that must be acknowledged.
pub(crate) const ACKED: &str = "bench.acked";
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

/// Apart, because where there is such a type each session that may see it has a record.
const ACKED_REGISTRY: &str = r#"
[types."bench.acked"]
persistence = "durable"
ack = true
versions.1.schema = {}
"#;

/// A running `radial dev`.
#[derive(Debug)]
pub(crate) struct Hub {
    process: Process,
}

impl Hub {
    /// Starts a hub with its data in `folder`, on a core of its own.
    pub(crate) fn start(settings: &Settings, binary: &Path, folder: &Path) -> anyhow::Result<Self> {
        let mut command = Command::new(binary);
        command
            .args(["dev", "--listen", "127.0.0.1:0", "--data"])
            .arg(folder)
            .env("RADIAL__HUB__REGISTRY", registry(folder, false)?);
        Ok(Self { process: Process::start(settings, command, &folder.join("hub.log"))? })
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.process.address()
    }

    /// How long it took until the hub said that it listens.
    pub(crate) fn started_in(&self) -> Duration {
        self.process.started_in
    }

    /// The processor time that the hub has used, in seconds.
    pub(crate) fn cpu(&self) -> anyhow::Result<f64> {
        self.process.cpu()
    }

    /// Stops the hub cleanly.
    pub(crate) fn stop(self) -> anyhow::Result<()> {
        self.process.stop()
    }
}

/// Writes the registry of the benches into a folder of its own, with [`ACKED`] if that is asked for;
/// where that is.
pub(crate) fn registry(folder: &Path, acked: bool) -> anyhow::Result<PathBuf> {
    let registry = folder.join("registry");
    std::fs::create_dir_all(&registry)?;
    std::fs::write(registry.join("bench.toml"), REGISTRY)?;
    if acked {
        std::fs::write(registry.join("acked.toml"), ACKED_REGISTRY)?;
    }
    Ok(registry)
}

/// How many events a hub says it has accepted, to whom this token is of.
pub(crate) fn accepted(hub: SocketAddr, token: &str) -> anyhow::Result<u64> {
    let mut socket = TcpStream::connect(hub)?;
    write!(
        socket,
        "GET /metrics HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {token}\r\n\
         connection: close\r\n\r\n"
    )?;
    let mut answer = String::new();
    socket.read_to_string(&mut answer)?;
    ensure!(answer.starts_with("HTTP/1.1 200 "), "the hub tells no measurements: {answer}");
    let counts = answer
        .lines()
        .filter(|line| line.starts_with("radial_published_events_total"))
        .filter_map(|line| line.rsplit_once(' ')?.1.parse::<u64>().ok());
    Ok(counts.sum())
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
