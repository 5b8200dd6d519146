//! One connection from its first byte to its last: TLS or not, HTTP/1.1 or HTTP/2.
//!
//! Under TLS the handshake says which HTTP it is. Without, the first bytes do: no request of HTTP/1
//! begins with `PRI`, and a client of HTTP/2 must (RFC 9113, section 3.4). Whoever sends nothing is
//! not waited for longer than for the head of a request.

use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use axum::Router;
use http::Request;
use hyper::body::Incoming;
use hyper::server::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt as _;

use super::accept::AcceptSettings;
use super::proxies::Peer;
use crate::app::App;
use crate::connections::SocketCut;
use crate::tls::speaks_http2;

/// The largest head of a request, and the most that is buffered for a connection of HTTP/1.
const HEAD_BYTES_MAX: usize = 64 * 1024;
/// Requests at once on one connection of HTTP/2: browsers open each stream of a page on one.
const STREAMS_MAX: u32 = 256;
/// What is buffered for each stream of HTTP/2 that its client does not read.
const SEND_BUFFER_BYTES: usize = 32 * 1024;
/// How often a connection of HTTP/2 is asked whether it is there, and how long it may not answer.
const PING_INTERVAL: Duration = Duration::from_secs(20);
const PING_TIMEOUT: Duration = Duration::from_secs(10);

/// Serves one connection until it ends; once the drain begins, until its answers are finished.
pub(super) async fn serve(
    stream: TcpStream,
    address: SocketAddr,
    app: Arc<App>,
    router: Router,
    settings: AcceptSettings,
) {
    let open = OpenSocket(Arc::new(Open(Arc::clone(&app))));
    // Frames are small and due now; the kernel must not wait for more of them.
    let _ = stream.set_nodelay(true);
    let peer = Peer { address, tls: settings.acceptor.is_some() };
    let header_timeout = settings.header_timeout;
    let begin = Begin { app: &app, router, peer, open, header_timeout };
    let Some(acceptor) = settings.acceptor else {
        if let Some(is_http2) = begin.within(first_bytes(&stream)).await {
            begin.http(stream, is_http2).await;
        }
        return;
    };
    if let Some(stream) = begin.within(acceptor.accept(stream)).await {
        let is_http2 = speaks_http2(stream.get_ref().1);
        begin.http(stream, is_http2).await;
    }
}

/// Whether the first bytes are those of HTTP/2. They stay where they are.
async fn first_bytes(stream: &TcpStream) -> std::io::Result<bool> {
    let mut bytes = [0; 3];
    // Once: a client of HTTP/2 sends its preface in one piece, and asking again would not wait.
    let len = stream.peek(&mut bytes).await?;
    Ok(bytes.get(..len) == Some(b"PRI"))
}

/// What a connection begins with.
struct Begin<'a> {
    app: &'a App,
    router: Router,
    peer: Peer,
    open: OpenSocket,
    header_timeout: Duration,
}

impl Begin<'_> {
    /// What comes before HTTP, unless it takes too long or the drain begins.
    async fn within<T>(&self, first: impl Future<Output = std::io::Result<T>>) -> Option<T> {
        let first = tokio::select! {
            first = timeout(self.header_timeout, first) => first,
            () = self.app.drain.cancelled() => return None,
        };
        match first {
            Ok(Ok(first)) => Some(first),
            Ok(Err(error)) => {
                tracing::debug!(%error, address = %self.peer.address, "no connection");
                None
            }
            Err(_) => None,
        }
    }

    async fn http<I>(self, io: I, is_http2: bool)
    where
        I: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let (peer, open, cut) = (self.peer, self.open, CancellationToken::new());
        let socket_cut = SocketCut(cut.clone());
        let router = self.router.map_request(move |mut request: Request<Incoming>| {
            request.extensions_mut().insert(peer);
            request.extensions_mut().insert(socket_cut.clone());
            request.extensions_mut().insert(open.clone());
            request
        });
        let (io, service) = (TokioIo::new(io), TowerToHyperService::new(router));
        if is_http2 {
            let mut http = http2::Builder::new(TokioExecutor::new());
            http.timer(TokioTimer::new())
                .max_concurrent_streams(STREAMS_MAX)
                .max_send_buf_size(SEND_BUFFER_BYTES)
                .max_header_list_size(u32::try_from(HEAD_BYTES_MAX).unwrap_or(u32::MAX))
                .keep_alive_interval(PING_INTERVAL)
                .keep_alive_timeout(PING_TIMEOUT);
            let connection = http.serve_connection(io, service);
            drive(self.app, connection, cut, http2::Connection::graceful_shutdown).await;
        } else {
            let mut http = http1::Builder::new();
            http.timer(TokioTimer::new())
                .header_read_timeout(self.header_timeout)
                .max_buf_size(HEAD_BYTES_MAX);
            let connection = http.serve_connection(io, service).with_upgrades();
            drive(self.app, connection, cut, http1::UpgradeableConnection::graceful_shutdown).await;
        }
    }
}

/// Lets a connection run until it ends, or is cut with all that is on it.
async fn drive<C>(app: &App, connection: C, cut: CancellationToken, finish: impl Fn(Pin<&mut C>))
where
    C: Future<Output = hyper::Result<()>>,
{
    let mut connection = pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => Some(ended),
        () = app.drain.cancelled() => None,
        () = cut.cancelled() => return,
    };
    let ended = if let Some(ended) = ended {
        ended
    } else {
        finish(connection.as_mut());
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

/// Counts a socket for as long as anybody holds it: a WebSocket outlives the connection that it was.
#[derive(Clone)]
pub(crate) struct OpenSocket(#[expect(dead_code, reason = "it is held")] Arc<Open>);

struct Open(Arc<App>);

impl Drop for Open {
    fn drop(&mut self) {
        self.0.connections.sockets.fetch_sub(1, Ordering::Relaxed);
    }
}
