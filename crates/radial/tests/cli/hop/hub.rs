//! A hub that is stopped and killed, and whoever wants to know whether it is there.

use std::net::SocketAddr;

use radial_testkit::HubProcess;
use tokio::sync::watch;

use crate::program::binary;

const TYPES: &str = r#"
[types."hop.kept"]
description = "It survives everything."
persistence = "durable"
versions.1.schema = {}

[types."hop.brief"]
description = "A crash may take it, and says so."
persistence = "recent"
versions.1.schema = {}
"#;

/// Whether the hub runs, and how often it was started.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Running {
    pub(crate) is_up: bool,
    pub(crate) starts: usize,
}

/// What everybody sees of the hub.
#[derive(Clone)]
pub(crate) struct HubState {
    pub(crate) address: SocketAddr,
    running: watch::Receiver<Running>,
}

/// A hub with one event type of class `durable` and one of class `recent`.
pub(crate) struct RestartedHub {
    hub: HubProcess,
    running: watch::Sender<Running>,
    _folder: tempfile::TempDir,
}

impl HubState {
    /// Waits until the hub runs, and says which start of it this is.
    pub(crate) async fn up(&mut self) -> usize {
        self.running.wait_for(|running| running.is_up).await.unwrap().starts
    }

    /// Whether it is still the same one.
    pub(crate) fn is_still(&self, starts: usize) -> bool {
        *self.running.borrow() == Running { is_up: true, starts }
    }
}

impl RestartedHub {
    pub(crate) async fn start() -> Self {
        Self::start_with(&[]).await
    }

    /// The same with more in its environment.
    pub(crate) async fn start_with(more: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let registry = folder.path().join("registry");
        std::fs::create_dir(&registry).unwrap();
        std::fs::write(registry.join("hop.toml"), TYPES).unwrap();
        let registry = registry.display().to_string();
        let mut environment = vec![("RADIAL__HUB__REGISTRY", registry.as_str())];
        environment.extend_from_slice(more);
        let data = folder.path().join("data");
        let hub = HubProcess::start_with(binary(), &data, &environment).await.unwrap();
        let running = watch::Sender::new(Running { is_up: true, starts: 1 });
        Self { hub, running, _folder: folder }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.hub.address()
    }

    pub(crate) fn state(&self) -> HubState {
        HubState { address: self.hub.address(), running: self.running.subscribe() }
    }

    /// Kills it, or stops it cleanly, and starts it again.
    pub(crate) async fn restart(&mut self, kill: bool) {
        self.running.send_modify(|running| running.is_up = false);
        if kill {
            self.hub.kill().await.unwrap();
        } else {
            assert!(self.hub.terminate().await.unwrap().success());
        }
        self.hub.start_again().await.unwrap();
        self.running.send_modify(|running| {
            *running = Running { is_up: true, starts: running.starts + 1 };
        });
    }

    pub(crate) async fn stop(mut self) {
        assert!(self.hub.terminate().await.unwrap().success());
    }
}
