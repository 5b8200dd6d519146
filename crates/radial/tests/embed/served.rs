//! Applications as they are served: on a port of their own, with or without addresses.

use std::net::SocketAddr;

use axum::Router;
use radial::{Radial, TenantId};
use radial_testkit::wire::{Answer, request};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

/// An application that runs until its hub drains.
pub(crate) struct Served {
    pub(crate) address: SocketAddr,
    running: JoinHandle<()>,
}

impl Served {
    /// Serves an application as most do: it does not know its clients' addresses.
    pub(crate) async fn start(application: Router) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let running = tokio::spawn(async move {
            axum::serve(listener, application).await.unwrap();
        });
        Self { address, running }
    }

    /// Serves one that knows them, until `stop` resolves and all streams have ended.
    pub(crate) async fn until(
        application: Router,
        stop: impl Future<Output = ()> + Send + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let service = application.into_make_service_with_connect_info::<SocketAddr>();
        let running = tokio::spawn(async move {
            axum::serve(listener, service).with_graceful_shutdown(stop).await.unwrap();
        });
        Self { address, running }
    }

    /// Waits until it has stopped by itself.
    pub(crate) async fn ended(self) {
        tokio::time::timeout(radial_testkit::PATIENCE, self.running).await.unwrap().unwrap();
    }

    pub(crate) async fn get(&self, path: &str, headers: &[(&str, &str)]) -> Answer {
        request(self.address, "GET", path, headers, b"").await.unwrap()
    }

    pub(crate) async fn post(&self, path: &str, headers: &[(&str, &str)], body: &str) -> Answer {
        request(self.address, "POST", path, headers, body.as_bytes()).await.unwrap()
    }
}

pub(crate) fn acme() -> TenantId {
    TenantId::new("acme").unwrap()
}

/// The example's hub, in a folder of the test.
pub(crate) async fn hub(folder: &tempfile::TempDir) -> Radial {
    crate::example::open(folder.path()).await.unwrap()
}
