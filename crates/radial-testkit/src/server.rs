//! A hub in the test's own process.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context as _, Result};
use radial_server::config::{Config, Sources, load};
use radial_server::{Mode, Server, World};
use tokio::sync::Notify;
use tokio::task::JoinHandle;

use crate::clock::TestClock;
use crate::credentials;
use crate::disk::TestDisk;
use crate::stream::Stream;
use crate::wire::{Answer, request};

/// A hub that listens on a free loopback port, with its data in a folder that goes with it.
pub struct TestServer {
    address: SocketAddr,
    folder: Option<tempfile::TempDir>,
    settings: Vec<(String, String)>,
    mode: Mode,
    disk: TestDisk,
    clock: TestClock,
    stop: Arc<Notify>,
    running: JoinHandle<()>,
}

impl TestServer {
    /// A hub with the defaults of `radial dev`.
    pub async fn start() -> Result<Self> {
        Self::with(&[]).await
    }

    /// A hub with some settings, by their names in the configuration file.
    pub async fn with(settings: &[(&str, &str)]) -> Result<Self> {
        Self::open(tempfile::tempdir()?, owned(settings), FREE_PORT.into(), Mode::Dev).await
    }

    /// A hub as `radial serve` runs it, which asks for credentials. Without `auth.issuers` among
    /// the settings it takes those of [`credentials`](crate::credentials).
    pub async fn serve(settings: &[(&str, &str)]) -> Result<Self> {
        let mut settings = owned(settings);
        if !settings.iter().any(|(name, _)| name == "auth.issuers") {
            settings.push(("auth.issuers".to_owned(), credentials::issuers()));
        }
        Self::open(tempfile::tempdir()?, settings, FREE_PORT.into(), Mode::Serve).await
    }

    async fn open(
        folder: tempfile::TempDir,
        settings: Vec<(String, String)>,
        listen: SocketAddr,
        mode: Mode,
    ) -> Result<Self> {
        let config = config(folder.path(), &settings, listen)?;
        let (disk, clock) = (TestDisk::default(), TestClock::default());
        let runtime = clock.over(World::real().runtime);
        let world = World { disk: Arc::new(disk.clone()), runtime };
        let server = Server::bind_in(config, mode, world).await;
        let server = server.context("the hub does not start")?;
        let address = server.address();
        let stop = Arc::new(Notify::new());
        let stopped = Arc::clone(&stop);
        let running = tokio::spawn(server.run(async move { stopped.notified().await }));
        Ok(Self { address, folder: Some(folder), settings, mode, disk, clock, stop, running })
    }

    /// Where the hub listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The hub's data folder.
    pub fn folder(&self) -> PathBuf {
        self.folder.as_ref().map(|folder| folder.path().to_owned()).unwrap_or_default()
    }

    /// The disk under the hub's write-ahead file.
    pub fn disk(&self) -> &TestDisk {
        &self.disk
    }

    /// The hub's clock.
    pub fn clock(&self) -> &TestClock {
        &self.clock
    }

    /// Stops the hub cleanly, and returns when it has.
    pub async fn stop(mut self) -> Result<Option<tempfile::TempDir>> {
        self.stop.notify_one();
        (&mut self.running).await?;
        Ok(self.folder.take())
    }

    /// Stops the hub cleanly and starts it again, with its data and by the real time, on the same
    /// port.
    pub async fn restart(self) -> Result<Self> {
        let (settings, address, mode) = (self.settings.clone(), self.address, self.mode);
        let folder = self.stop().await?.context("the folder is there until the hub is dropped")?;
        Self::open(folder, settings, address, mode).await
    }

    /// Tells the hub to stop, and does not wait for it.
    pub fn begin_stop(&self) {
        self.stop.notify_one();
    }

    /// Publishes a body and returns the whole answer.
    pub async fn publish(&self, body: &serde_json::Value) -> Result<Answer> {
        let headers = [("content-type", "application/json")];
        let body = body.to_string();
        request(self.address, "POST", "/api/sse/events", &headers, body.as_bytes()).await
    }

    /// Publishes a body with a credential, and returns the whole answer.
    pub async fn publish_as(&self, bearer: &str, body: &serde_json::Value) -> Result<Answer> {
        let bearer = format!("Bearer {bearer}");
        let headers = [("content-type", "application/json"), ("authorization", &bearer)];
        let body = body.to_string();
        request(self.address, "POST", "/api/sse/events", &headers, body.as_bytes()).await
    }

    /// Sends JSON to a path with a credential, or nothing if it is null.
    pub async fn send_as(
        &self,
        bearer: &str,
        method: &str,
        path: &str,
        body: &serde_json::Value,
    ) -> Result<Answer> {
        let bearer = format!("Bearer {bearer}");
        let headers = [("content-type", "application/json"), ("authorization", &bearer)];
        let body = if body.is_null() { String::new() } else { body.to_string() };
        request(self.address, method, path, &headers, body.as_bytes()).await
    }

    /// Gets a path with a credential.
    pub async fn get_as(&self, bearer: &str, path: &str) -> Result<Answer> {
        let bearer = format!("Bearer {bearer}");
        request(self.address, "GET", path, &[("authorization", &bearer)], b"").await
    }

    /// Opens an event stream with a credential.
    pub async fn stream_as(&self, bearer: &str, query: &str) -> Result<Stream> {
        let bearer = format!("Bearer {bearer}");
        let path = format!("/api/sse/events{query}");
        Stream::open(self.address, &path, &[("authorization", &bearer)]).await
    }

    /// Sends JSON to a path, or nothing if it is null.
    pub async fn send(&self, method: &str, path: &str, body: &serde_json::Value) -> Result<Answer> {
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let headers = [("content-type", "application/json")];
        request(self.address, method, path, &headers, body.as_bytes()).await
    }

    /// Gets a path.
    pub async fn get(&self, path: &str) -> Result<Answer> {
        request(self.address, "GET", path, &[], b"").await
    }

    /// Opens an event stream; the query begins with `?` or is empty.
    pub async fn stream(&self, query: &str) -> Result<Stream> {
        Stream::open(self.address, &format!("/api/sse/events{query}"), &[]).await
    }
}

const FREE_PORT: ([u8; 4], u16) = ([127, 0, 0, 1], 0);

fn owned(settings: &[(&str, &str)]) -> Vec<(String, String)> {
    settings.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

fn config(folder: &Path, settings: &[(String, String)], listen: SocketAddr) -> Result<Config> {
    let flags = vec![
        ("server.listen", "--listen", listen.to_string()),
        ("server.data", "--data", folder.display().to_string()),
    ];
    let variable = |name: &str| format!("RADIAL__{}", name.replace('.', "__").to_uppercase());
    // What else the machine does is no matter of a test.
    let unmeasured = (variable("hub.memory_pressure"), "0".to_owned());
    let own = settings.iter().map(|(name, value)| (variable(name), value.clone()));
    let environment = std::iter::once(unmeasured).chain(own).collect();
    let sources = Sources { file: None, environment, flags };
    Ok(load(sources)?.config)
}
