//! One connection from its first byte to its last: TLS or not, HTTP/1.1 or HTTP/2.
//!
//! Whoever sends nothing is not waited for longer than for the head of a request.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::response::Response;
use axum::{BoxError, Router};
use http::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::HttpService;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tower::{Service, ServiceExt as _};

use super::accept::AcceptSettings;
use super::early::Early;
use super::first::{First, first_bytes, shake_hands};
use super::http2;
use super::lane;
use super::lent::{Lent, Stuck};
use super::proxies::Peer;
use super::takeover::{MayTakeOver, Slot, Takeover};
use crate::app::App;
use crate::connections::SocketCut;
use crate::socket::Socket;

/// The largest head of a request, and the most that is buffered for a connection of HTTP/1.
pub(super) const HEAD_BYTES_MAX: usize = 64 * 1024;

/// Serves one connection until it ends; once the drain begins, until its answers are finished.
pub(super) async fn serve(
    stream: TcpStream,
    address: SocketAddr,
    app: Arc<App>,
    router: Router,
    settings: AcceptSettings,
) {
    let open = OpenSocket(Some(Arc::clone(&app)));
    let peer = Peer { address, tls: settings.tls.is_some() };
    let header_timeout = settings.header_timeout;
    let begin = Begin { app: &app, router, peer, open, header_timeout };
    let first = match settings.tls {
        Some(tls) => begin.within(Box::pin(shake_hands(stream, tls))).await,
        None => begin.within(first_bytes(stream, &app)).await,
    };
    let (socket, ahead) = match first {
        None => return,
        // In a box: it is so large that others would be slower to make if they had room for it.
        Some((socket, First::Http2)) => return Box::pin(begin.http2(socket)).await,
        Some((socket, First::Stream(early))) => return begin.stream(socket, *early).await,
        // An application that says who asks is shown the request as the library reads it.
        Some((socket, First::Publish)) if !app.auth.asks_application() => {
            match Box::pin(lane::serve(&app, peer, socket, header_timeout)).await {
                Some(left) => left,
                None => return,
            }
        }
        Some((socket, First::Http1 | First::Publish)) => (socket, Bytes::new()),
    };
    begin.http1(socket, ahead, None).await;
}

/// What a connection begins with.
struct Begin<'a> {
    app: &'a Arc<App>,
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

    async fn http2(self, socket: Socket) {
        let Some(begun) = self.within(http2::begin(socket)).await else { return };
        http2::serve(self.app, begun, self.entry(), self.header_timeout).await;
    }

    /// HTTP/1.1 on a socket whose first request asks for a stream.
    async fn stream(self, mut socket: Socket, early: Early) {
        let Early { request, len } = early;
        let mut response = tokio::select! {
            response = self.entry().answer(request) => response,
            () = self.app.cut.cancelled() => return,
        };
        let Some((begin, head)) = Takeover::of(&mut response) else {
            // The library reads the request as well, and writes this answer to it.
            return self.http1(socket, Bytes::new(), Some(response)).await;
        };
        if socket.skip(len).await.is_ok() {
            // Whoever has the socket counts it.
            drop(self.open);
            begin(socket, head).await;
        }
    }

    /// HTTP/1.1 on a socket that an answer may take over.
    ///
    /// What was read of the socket before comes first; `answered` is the answer to its first
    /// request, if there is one already.
    async fn http1(self, socket: Socket, ahead: Bytes, answered: Option<Response>) {
        let (app, http, entry) = (self.app, self.http1_settings(), self.entry());
        let (slot, (io, stuck)) =
            (Slot::answered(answered), Lent::new(socket, ahead, app.stream.slow_after));
        let (cut, service) = (entry.cut(), TowerToHyperService::new(entry.service(&slot)));
        let connection = http.serve_connection(TokioIo::new(io), service).with_upgrades();
        let mut connection = Some(connection);
        let until_taken = Taken { connection: &mut connection, slot: &slot, stuck };
        drive(app, until_taken, cut, Taken::finish).await;
        // What was read ahead is of a request that cannot be answered any more.
        let socket = connection.and_then(http1::UpgradeableConnection::into_parts);
        let socket = socket.map(|parts| parts.io.into_inner().into_inner());
        if let Some(serving) = socket.and_then(|socket| slot.begin(socket)) {
            // Whoever has the socket counts it.
            drop(self.open);
            serving.await;
        }
    }

    fn http1_settings(&self) -> http1::Builder {
        let mut http = http1::Builder::new();
        http.timer(TokioTimer::new())
            .header_read_timeout(self.header_timeout)
            .max_buf_size(HEAD_BYTES_MAX);
        http
    }

    fn entry(&self) -> Entry {
        let cut = SocketCut(CancellationToken::new());
        Entry { router: self.router.clone(), peer: self.peer, cut }
    }
}

/// The router, with what a request is told of its connection.
#[derive(Clone)]
pub(super) struct Entry {
    router: Router,
    peer: Peer,
    cut: SocketCut,
}

impl Entry {
    /// For one stream of several, which is ended alone.
    pub(super) fn alone(&self) -> Self {
        Self { cut: SocketCut(CancellationToken::new()), ..self.clone() }
    }

    /// Ends the connection with all that is on it.
    fn cut(&self) -> CancellationToken {
        self.cut.0.clone()
    }

    /// Answers a request. The answer may ask for its socket ([`super::takeover`]).
    pub(super) fn answer<B>(
        &self,
        mut request: Request<B>,
    ) -> impl Future<Output = Response> + Send + use<B>
    where
        B: http_body::Body<Data = Bytes, Error: Into<BoxError>> + Send + 'static,
    {
        let extensions = request.extensions_mut();
        extensions.insert(self.peer);
        extensions.insert(self.cut.clone());
        extensions.insert(MayTakeOver);
        let answer = self.router.clone().oneshot(request);
        async { answer.await.unwrap_or_else(|never| match never {}) }
    }

    /// The service of a connection of HTTP/1. A request whose answer takes the socket over never
    /// ends.
    fn service(
        self,
        slot: &Slot,
    ) -> impl Service<
        Request<Incoming>,
        Response = Response,
        Error = Infallible,
        Future: Send + 'static,
    >
    + Clone
    + Send
    + 'static
    + use<> {
        let slot = slot.clone();
        tower::service_fn(move |request: Request<Incoming>| {
            let (answer, slot) = (self.answer(request), slot.clone());
            async move {
                if let Some(response) = slot.first_answer() {
                    return Ok(response);
                }
                let mut response = answer.await;
                if slot.keep(&mut response) {
                    // The library must not write anything more.
                    std::future::pending::<()>().await;
                }
                Ok(response)
            }
        })
    }
}

type LentConnection<S> = http1::UpgradeableConnection<TokioIo<Lent>, S>;

/// Runs a connection until it ends, or an answer has taken its socket over and nothing is left to
/// be written for earlier ones.
struct Taken<'a, S>
where
    S: HttpService<Incoming>,
{
    connection: &'a mut Option<LentConnection<S>>,
    slot: &'a Slot,
    stuck: Stuck,
}

impl<S> Taken<'_, S>
where
    S: HttpService<Incoming, ResBody = Body>,
    S::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    fn finish(self: Pin<&mut Self>) {
        if let Some(connection) = self.get_mut().connection {
            Pin::new(connection).graceful_shutdown();
        }
    }
}

impl<S> Future for Taken<'_, S>
where
    S: HttpService<Incoming, ResBody = Body>,
    S::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    type Output = hyper::Result<()>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let Some(connection) = &mut *self.connection else { return Poll::Ready(Ok(())) };
        if let Poll::Ready(ended) = Pin::new(connection).poll(cx) {
            *self.connection = None;
            return Poll::Ready(ended);
        }
        if self.slot.is_full() && !self.stuck.is_set() {
            return Poll::Ready(Ok(()));
        }
        Poll::Pending
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

/// Counts a socket for as long as it is held.
pub(crate) struct OpenSocket(Option<Arc<App>>);

impl OpenSocket {
    /// For whoever takes a socket over from the connection that it was, which goes then.
    pub(crate) fn taken_over(app: &Arc<App>) -> Self {
        app.connections.sockets.fetch_add(1, Ordering::Relaxed);
        Self(Some(Arc::clone(app)))
    }

    /// Leaves the counting to somebody who counts it down himself when it is closed.
    pub(crate) fn hand_over(mut self) {
        self.0 = None;
    }
}

impl Drop for OpenSocket {
    fn drop(&mut self) {
        if let Some(app) = &self.0 {
            app.connections.sockets.fetch_sub(1, Ordering::Relaxed);
        }
    }
}
