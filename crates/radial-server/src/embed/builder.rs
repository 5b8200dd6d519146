//! How an application opens a hub inside itself.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use http::request::Parts;
use radial_protocol::Grants;

use super::{Embedded, Radial};
use crate::app::Mode;
use crate::auth::{Application, Denied};
use crate::config::{ConfigError, Sources, load};
use crate::opening::{self, World};
use crate::server::RunError;

/// What a hub is opened with.
#[must_use = "a builder does nothing until it is built"]
pub struct Builder {
    file: Option<PathBuf>,
    environment: Vec<(String, String)>,
    options: Vec<(&'static str, &'static str, String)>,
    application: Option<Application>,
    https: bool,
}

/// Why a hub cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// The configuration is wrong; all that is wrong with it.
    #[error("{0}")]
    Config(#[from] ConfigError),
    /// The event types, the credentials or the data folder cannot be used.
    #[error("{0}")]
    Open(#[from] RunError),
}

impl Builder {
    pub(super) fn new() -> Self {
        Self {
            file: None,
            environment: Vec::new(),
            options: Vec::new(),
            application: None,
            https: false,
        }
    }

    /// The folder of the hub's data; default `./radial-data`. One process at a time may hold it.
    pub fn data(self, folder: impl AsRef<Path>) -> Self {
        let folder = folder.as_ref().display().to_string();
        self.option("server.data", folder)
    }

    /// Any option of `docs/config.md`, by its name there, as a flag would write its value. Options
    /// of listening, TLS and log lines change nothing: the application does that.
    pub fn option(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.options.push((name, name, value.into()));
        self
    }

    /// Reads a configuration file, and the `RADIAL__…` variables of this process, as
    /// `radial serve --config` does. What [`option`](Self::option) says wins.
    pub fn config_file(mut self, file: impl Into<PathBuf>) -> Self {
        self.file = Some(file.into());
        self.environment = Sources::environment_of_process();
        self
    }

    /// The application's own authentication: from the head of a request to what it may do.
    ///
    /// The hub asks it at every request, also to open a WebSocket, and believes nothing else but
    /// the hub's own API keys (`Bearer rk_…`) and tickets. A token that an open WebSocket sends is
    /// shown to it as `Authorization: Bearer`. Cookies that a page of another site made the browser
    /// send are taken out of the head.
    ///
    /// Open streams end when `credential.expires` comes. Without it they live on, at most for
    /// `stream.max_age` each, until an operator revokes the user or the session. Set
    /// `credential.issued` to when the session began, or a revocation of a user stays for good.
    pub fn authenticate<F, A>(mut self, who: F) -> Self
    where
        F: Fn(Parts) -> A + Send + Sync + 'static,
        A: Future<Output = Result<Grants, Denied>> + Send + 'static,
    {
        self.application = Some(Application::new(who));
        self
    }

    /// The application serves `https` itself. Behind a proxy that does, name the proxy in
    /// `server.trusted_proxies` instead.
    pub fn https(mut self) -> Self {
        self.https = true;
        self
    }

    /// Opens the data folder and starts what looks after the hub, on the current runtime.
    ///
    /// # Errors
    /// The configuration is wrong, nobody could use the hub, or the folder cannot be opened.
    pub async fn build(self) -> Result<Radial, BuildError> {
        let sources =
            Sources { file: self.file, environment: self.environment, flags: self.options };
        let config = load(sources)?.config;
        let app = opening::open(&config, Mode::Serve, World::real(), self.application).await?;
        let tasks = Mutex::new(Some(opening::look_after(&app)));
        Ok(Radial(Arc::new(Embedded {
            app,
            https: self.https,
            drain_timeout: config.server.drain_timeout,
            tasks,
            listeners: Arc::default(),
        })))
    }
}
