//! A hub as a real child process: to be killed, stopped, and started again with its data.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};
use tokio::time::timeout;

use crate::PATIENCE;

/// A running `radial dev`.
pub struct HubProcess {
    binary: PathBuf,
    data: PathBuf,
    address: SocketAddr,
    environment: Vec<(String, String)>,
    child: Child,
}

impl HubProcess {
    /// Starts `binary dev` on a free port, and waits until it listens.
    pub async fn start(binary: &Path, data: &Path) -> Result<Self> {
        Self::start_with(binary, data, &[]).await
    }

    /// The same with environment variables.
    pub async fn start_with(
        binary: &Path,
        data: &Path,
        environment: &[(&str, &str)],
    ) -> Result<Self> {
        let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        let environment = environment.iter().map(owned).collect();
        Self::start_at(binary, data, SocketAddr::from(([127, 0, 0, 1], 0)), environment).await
    }

    async fn start_at(
        binary: &Path,
        data: &Path,
        listen: SocketAddr,
        environment: Vec<(String, String)>,
    ) -> Result<Self> {
        let mut child = Command::new(binary)
            .args(["dev", "--listen", &listen.to_string(), "--data"])
            .arg(data)
            .envs(environment.iter().map(|(name, value)| (name, value)))
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .with_context(|| format!("{} does not start", binary.display()))?;
        let stdout = child.stdout.take().context("standard output is piped")?;
        let mut lines = BufReader::new(stdout).lines();
        let first =
            timeout(PATIENCE, lines.next_line()).await.context("the hub says nothing")??;
        let Some(address) = first
            .as_deref()
            .and_then(|line| line.strip_prefix("listening on ")?.split("//").nth(1))
        else {
            bail!("the hub's first line is {first:?}");
        };
        let address = address.parse()?;
        // The rest is read away, so that a full pipe never stops the hub.
        tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
        let (binary, data) = (binary.to_owned(), data.to_owned());
        Ok(Self { binary, data, address, environment, child })
    }

    /// Where the hub listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// How long it has used a processor so far, all threads together.
    pub fn processor_time(&self) -> Result<Duration> {
        let id = self.child.id().context("the hub has ended")?;
        let stat = std::fs::read_to_string(format!("/proc/{id}/stat"))?;
        // Its name, which may hold anything, ends with the last `)`; the times are fields 14 and 15,
        // in hundredths of a second.
        let fields = stat.rsplit(')').next().unwrap_or_default().split_whitespace();
        let ticks: u64 =
            fields.skip(11).take(2).filter_map(|ticks| ticks.parse::<u64>().ok()).sum();
        Ok(Duration::from_millis(ticks * 10))
    }

    /// The hub's address as clients are given it.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Kills the hub with SIGKILL and waits until it is gone.
    pub async fn kill(&mut self) -> Result<()> {
        self.child.kill().await.context("the hub cannot be killed")
    }

    /// Sends SIGHUP.
    pub async fn hang_up(&mut self) -> Result<()> {
        self.signal("-HUP").await
    }

    async fn signal(&mut self, signal: &str) -> Result<()> {
        let id = self.child.id().context("the hub has ended already")?;
        let sent = Command::new("kill").args([signal, &id.to_string()]).status().await?;
        if !sent.success() {
            bail!("kill {signal} could not be sent");
        }
        Ok(())
    }

    /// Sends SIGTERM and waits for the exit.
    pub async fn terminate(&mut self) -> Result<ExitStatus> {
        self.signal("-TERM").await?;
        timeout(PATIENCE, self.child.wait())
            .await
            .context("the hub does not stop")?
            .map_err(Into::into)
    }

    /// Starts the hub again with its data and its environment, on the same port.
    pub async fn start_again(&mut self) -> Result<()> {
        let environment = self.environment.clone();
        *self = Self::start_at(&self.binary, &self.data, self.address, environment).await?;
        Ok(())
    }
}
