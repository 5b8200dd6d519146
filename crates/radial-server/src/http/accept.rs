//! From listening to connections: an accept loop that never waits for one of them.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use axum::Router;
use rustls::ServerConfig;
use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::TcpListener;
use tokio_util::task::TaskTracker;

use super::connection::serve;
use crate::app::App;

/// Connections that the kernel holds while they wait to be accepted: a whole office coming back
/// at once must not meet a full backlog and a retry a second later.
const BACKLOG: i32 = 4_096;
/// How long accepting rests after a failure, which is nearly always a lack of descriptors.
const ACCEPT_REST: Duration = Duration::from_millis(50);

/// How connections are taken.
#[derive(Clone)]
pub(crate) struct AcceptSettings {
    pub(crate) header_timeout: Duration,
    pub(crate) max_connections: u64,
    /// How connections are encrypted, if they are.
    pub(crate) tls: Option<Arc<ServerConfig>>,
}

/// Binds an address.
pub(crate) fn listen(address: SocketAddr) -> std::io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_reuse_address(true)?;
    // Frames are small and due now; the kernel must not wait for more of them. Its connections have
    // this from it.
    socket.set_tcp_nodelay(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    TcpListener::from_std(socket.into())
}

/// Takes connections until the drain begins, and returns those that are still open.
pub(crate) async fn accept(
    listener: TcpListener,
    app: Arc<App>,
    router: Router,
    settings: AcceptSettings,
) -> TaskTracker {
    let open = TaskTracker::new();
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = app.drain.cancelled() => break,
        };
        let (stream, address) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                tracing::warn!(%error, "a connection could not be accepted");
                tokio::time::sleep(ACCEPT_REST).await;
                continue;
            }
        };
        if app.connections.sockets.load(Ordering::Relaxed) >= settings.max_connections {
            tracing::warn!(limit = settings.max_connections, "refused a connection: too many");
            continue;
        }
        app.connections.sockets.fetch_add(1, Ordering::Relaxed);
        open.spawn(serve(stream, address, Arc::clone(&app), router.clone(), settings.clone()));
    }
    open.close();
    open
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use tokio::net::TcpStream;

    use super::*;

    #[tokio::test]
    async fn connections_hold_no_small_frames_back() {
        let listener = listen((Ipv4Addr::LOCALHOST, 0).into()).unwrap();
        let address = listener.local_addr().unwrap();
        let (_client, accepted) = tokio::join!(TcpStream::connect(address), listener.accept());
        assert!(accepted.unwrap().0.nodelay().unwrap());
    }
}
