//! A hub in the test's own process.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context as _, Result};
use radial_server::config::{Config, Sources, load};
use radial_server::{Mode, Server};
use tokio::sync::Notify;
use tokio::task::JoinHandle;

use crate::stream::Stream;
use crate::wire::{Answer, request};

/// A hub that listens on a free loopback port, with its data in a folder that goes with it.
pub struct TestServer {
    address: SocketAddr,
    folder: Option<tempfile::TempDir>,
    settings: Vec<(String, String)>,
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
        let settings = settings
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect();
        Self::open(tempfile::tempdir()?, settings, SocketAddr::from(([127, 0, 0, 1], 0))).await
    }

    async fn open(
        folder: tempfile::TempDir,
        settings: Vec<(String, String)>,
        listen: SocketAddr,
    ) -> Result<Self> {
        let config = config(folder.path(), &settings, listen)?;
        let server = Server::bind(config, Mode::Dev).await.context("the hub does not start")?;
        let address = server.address();
        let stop = Arc::new(Notify::new());
        let stopped = Arc::clone(&stop);
        let running = tokio::spawn(server.run(async move { stopped.notified().await }));
        Ok(Self { address, folder: Some(folder), settings, stop, running })
    }

    /// Where the hub listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The hub's data folder.
    pub fn folder(&self) -> PathBuf {
        self.folder.as_ref().map(|folder| folder.path().to_owned()).unwrap_or_default()
    }

    /// Stops the hub cleanly, and returns when it has.
    pub async fn stop(mut self) -> Result<Option<tempfile::TempDir>> {
        self.stop.notify_one();
        (&mut self.running).await?;
        Ok(self.folder.take())
    }

    /// Stops the hub cleanly and starts it again, with its data, on the same port.
    pub async fn restart(self) -> Result<Self> {
        let (settings, address) = (self.settings.clone(), self.address);
        let folder = self.stop().await?.context("the folder is there until the hub is dropped")?;
        Self::open(folder, settings, address).await
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

    /// Gets a path.
    pub async fn get(&self, path: &str) -> Result<Answer> {
        request(self.address, "GET", path, &[], b"").await
    }

    /// Opens an event stream; the query begins with `?` or is empty.
    pub async fn stream(&self, query: &str) -> Result<Stream> {
        Stream::open(self.address, &format!("/api/sse/events{query}"), &[]).await
    }
}

fn config(folder: &Path, settings: &[(String, String)], listen: SocketAddr) -> Result<Config> {
    let flags = vec![
        ("server.listen", "--listen", listen.to_string()),
        ("server.data", "--data", folder.display().to_string()),
    ];
    let variable = |name: &str| format!("RADIAL__{}", name.replace('.', "__").to_uppercase());
    let environment =
        settings.iter().map(|(name, value)| (variable(name), value.clone())).collect();
    let sources = Sources { file: None, environment, flags };
    Ok(load(sources)?.config)
}
