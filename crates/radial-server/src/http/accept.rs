//! From listening to connections: an accept loop that never waits for one of them.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use axum::Router;
use http::Request;
use hyper::body::Incoming;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use socket2::{Domain, Protocol, Type};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::ServiceExt as _;

use super::proxies::Peer;
use crate::app::App;
use crate::connections::SocketCut;

/// Connections that the kernel holds while they wait to be accepted: a whole office coming back
/// at once must not meet a full backlog and a retry a second later.
const BACKLOG: i32 = 4_096;
/// The largest head of a request, and the most that is buffered for a connection.
const HEAD_BYTES_MAX: usize = 64 * 1024;
/// How long accepting rests after a failure, which is nearly always a lack of descriptors.
const ACCEPT_REST: Duration = Duration::from_millis(50);

/// How connections are taken.
#[derive(Clone, Debug)]
pub(crate) struct AcceptSettings {
    pub(crate) header_timeout: Duration,
    pub(crate) max_connections: u64,
}

/// Binds an address.
pub(crate) fn listen(address: SocketAddr) -> std::io::Result<TcpListener> {
    let socket =
        socket2::Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_reuse_address(true)?;
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
        let peer = Peer { address, tls: false };
        let cut = CancellationToken::new();
        let socket = Socket { peer, cut };
        open.spawn(serve(
            stream,
            socket,
            Arc::clone(&app),
            router.clone(),
            settings.header_timeout,
        ));
    }
    open.close();
    open
}

/// One accepted socket, as its requests are told of it.
struct Socket {
    peer: Peer,
    cut: CancellationToken,
}

/// Serves one connection until it ends; once the drain begins, until its answer is finished.
async fn serve(
    stream: TcpStream,
    socket: Socket,
    app: Arc<App>,
    router: Router,
    header_timeout: Duration,
) {
    let _open = OpenSocket(Arc::clone(&app));
    // Frames are small and due now; the kernel must not wait for more of them.
    let _ = stream.set_nodelay(true);
    let mut http = hyper::server::conn::http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(header_timeout).max_buf_size(HEAD_BYTES_MAX);
    let Socket { peer, cut } = socket;
    let socket_cut = SocketCut(cut.clone());
    let router = router.map_request(move |mut request: Request<Incoming>| {
        request.extensions_mut().insert(peer);
        request.extensions_mut().insert(socket_cut.clone());
        request
    });
    let service = TowerToHyperService::new(router);
    let mut connection = std::pin::pin!(http.serve_connection(TokioIo::new(stream), service));
    let ended = tokio::select! {
        ended = connection.as_mut() => Some(ended),
        () = app.drain.cancelled() => None,
        () = cut.cancelled() => return,
    };
    let ended = if let Some(ended) = ended {
        ended
    } else {
        connection.as_mut().graceful_shutdown();
        tokio::select! {
            ended = connection => ended,
            // Dropping it closes its socket, and lets go of the hub.
            () = app.cut.cancelled() => return,
            () = cut.cancelled() => return,
        }
    };
    if let Err(error) = ended {
        // Clients go away at any time; that is no event of the hub's life.
        tracing::debug!(%error, "connection ended");
    }
}

struct OpenSocket(Arc<App>);

impl Drop for OpenSocket {
    fn drop(&mut self) {
        self.0.connections.sockets.fetch_sub(1, Ordering::Relaxed);
    }
}
