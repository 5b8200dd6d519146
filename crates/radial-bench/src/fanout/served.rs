//! The two servers that are compared: `radial serve`, and the floor.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::Context as _;

use super::tokens::SECRET;
use crate::Settings;
use crate::hub::registry;
use crate::process::Process;

/// The tenant that most benches use.
pub(crate) const TENANT: &str = "bench";

/// How a hub is configured beyond what all benches share.
#[derive(Clone, Debug, Default)]
pub(crate) struct Wish {
    /// Tenants besides [`TENANT`].
    pub(crate) tenants: Vec<String>,
    /// The files of a certificate and its key.
    pub(crate) certificate: Option<(PathBuf, PathBuf)>,
    /// The time between two heartbeats; the hub's default if none.
    pub(crate) heartbeat: Option<Duration>,
    /// Whether there is an event type that must be acknowledged.
    pub(crate) acked: bool,
}

/// Starts `radial serve` with its data in `folder`: credentials are checked, the event type has a
/// schema, metrics are on, and no rate or limit cuts the load.
pub(crate) fn hub(
    settings: &Settings,
    binary: &Path,
    folder: &Path,
    wish: &Wish,
) -> anyhow::Result<Process> {
    let config = folder.join("radial.toml");
    std::fs::write(&config, configuration(folder, &registry(folder, wish.acked)?, wish)?)?;
    let mut command = Command::new(binary);
    command.args(["serve", "--listen", "127.0.0.1:0", "--config"]).arg(&config);
    Process::start(settings, command, &folder.join("hub.log"))
}

/// Starts the floor: this program again. With `coalesce`, it writes what came in so long at once.
pub(crate) fn floor(
    settings: &Settings,
    folder: &Path,
    coalesce: Option<Duration>,
) -> anyhow::Result<Process> {
    let own = std::env::current_exe().context("this program cannot be found")?;
    let mut command = Command::new(own);
    let coalesce_ms = coalesce.unwrap_or_default().as_millis().to_string();
    command.args(["floor", "--coalesce-ms", &coalesce_ms]);
    Process::start(settings, command, &folder.join(format!("floor-{coalesce_ms}.log")))
}

fn configuration(folder: &Path, registry: &Path, wish: &Wish) -> anyhow::Result<String> {
    let mut tenants = vec![TENANT.to_owned()];
    tenants.extend(wish.tenants.iter().cloned());
    let mut text = format!(
        "[server]\ndata = {}\nmax_connections = 1000000\n\n\
         [hub]\ntenants = {tenants:?}\nregistry = {}\n\n\
         [[auth.issuers]]\nname = \"bench\"\nsecret = {SECRET:?}\ntenants = [\"*\"]\n\
         operator = \"hub\"\n\n[rates]\n",
        quoted(&folder.join("data")),
        quoted(registry)
    );
    for rate in [
        "publish_client",
        "events_client",
        "publish_user",
        "publish_address",
        "publish_key",
        "events_key",
        "publish_tenant",
        "connections_user",
        "connections_address",
        "connections_tenant",
        "connections",
    ] {
        writeln!(text, "{rate} = 0")?;
    }
    if let Some(heartbeat) = wish.heartbeat {
        writeln!(text, "\n[stream]\nheartbeat = \"{}ms\"", heartbeat.as_millis())?;
    }
    if let Some((certificate, key)) = &wish.certificate {
        let (certificate, key) = (quoted(certificate), quoted(key));
        writeln!(text, "\n[[server.certificates]]\ncertificate = {certificate}\nkey_file = {key}")?;
    }
    Ok(text)
}

/// A path as a TOML string, which is written as JSON has it.
fn quoted(path: &Path) -> String {
    serde_json::Value::from(path.display().to_string()).to_string()
}
