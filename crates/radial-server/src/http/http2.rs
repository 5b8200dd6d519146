//! A connection of HTTP/2: requests and answers on streams that share its socket (RFC 9113).
//!
//! Each request is a task until it is answered. An event stream's task ends as soon as the stream
//! only follows: a worker has it then, and the connection holds nothing for it but what HTTP/2
//! itself must know.

use std::future::poll_fn;
use std::io;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::body::Body;
use bytes::Bytes;
use h2::server::{Connection, SendResponse};
use h2::{Ping, PingPong, Reason, RecvStream};
use http::{HeaderMap, HeaderValue, Request, Response, header};
use http_body::Frame;
use http_body_util::BodyExt as _;
use tokio::time::{Interval, MissedTickBehavior, interval, sleep, timeout};

use super::connection::{Entry, HEAD_BYTES_MAX};
use super::pulse::{Pulse, Watched};
use super::takeover::{self, Head, Takeover};
use super::turns::{Turn, Turns};
use crate::app::App;
use crate::socket::{Shared, Socket};

/// Requests at once on one connection: browsers open each stream of a page on one.
const STREAMS_MAX: u32 = 256;
/// What is buffered for each stream that its client does not read.
const SEND_BUFFER_BYTES: usize = 32 * 1024;
/// What a client may send of all bodies together, and of one, before it is read.
const WINDOW_BYTES: u32 = 1024 * 1024;
/// Requests that their client took back before they were looked at, and streams that the hub itself
/// had to reset for what came on them: whoever makes more of them is told to calm down, and closed.
const UNSEEN_RESETS_MAX: usize = 20;
const ERRORS_MAX: usize = 1_024;
/// How often a silent client is asked whether it is there, at least.
const PING_INTERVAL: Duration = Duration::from_secs(20);
/// How often it is asked at least before it is given up.
const PINGS: u32 = 4;
/// How long a client that uses nothing any more has to take its leave.
const LEAVE: Duration = Duration::from_secs(1);
/// What is only for one connection of HTTP/1, and may not stand in an answer (RFC 9113, section
/// 8.2.2).
const HTTP1_HEADERS: [header::HeaderName; 3] =
    [header::CONNECTION, header::TRANSFER_ENCODING, header::UPGRADE];

/// A connection that has begun.
pub(super) struct Begun {
    connection: Connection<Watched, Bytes>,
    pulse: Arc<Pulse>,
}

/// The beginning of a connection.
///
/// # Errors
/// The client has gone, or speaks something else.
pub(super) async fn begin(socket: Socket) -> io::Result<Begun> {
    let mut builder = h2::server::Builder::new();
    builder
        .max_concurrent_streams(STREAMS_MAX)
        .max_send_buffer_size(SEND_BUFFER_BYTES)
        .max_header_list_size(u32::try_from(HEAD_BYTES_MAX).unwrap_or(u32::MAX))
        .max_pending_accept_reset_streams(UNSEEN_RESETS_MAX)
        .max_local_error_reset_streams(Some(ERRORS_MAX))
        .initial_connection_window_size(WINDOW_BYTES)
        .initial_window_size(WINDOW_BYTES);
    let (socket, pulse) = Watched::new(socket);
    let connection = builder.handshake(socket).await.map_err(io::Error::other)?;
    Ok(Begun { connection, pulse })
}

/// Serves a connection until it ends, or nothing has been on it for this long and twice that at
/// most; once the drain begins, until its answers are finished.
///
/// Its client is told before, and may end it by itself.
pub(super) async fn serve(app: &Arc<App>, begun: Begun, entry: Entry, unused_after: Duration) {
    let Begun { mut connection, pulse } = begun;
    let mut silence = pin!(silence(connection.ping_pong(), &pulse, app.stream.slow_after));
    let mut looks = every(unused_after);
    let (mut was_used, mut leaves, turns) = (true, false, Turns::new());
    loop {
        let is_told = tokio::select! {
            accepted = connection.accept() => match accepted {
                Some(Ok((mut request, respond))) => {
                    was_used = true;
                    request.extensions_mut().insert(turns.clone());
                    app.parking.spawn(answer(Arc::clone(app), entry.alone(), request, respond));
                    false
                }
                // Clients go away at any time; that is no event of the hub's life.
                Some(Err(error)) => return tracing::debug!(%error, "connection ended"),
                None => return,
            },
            _ = looks.tick() => {
                let is_used = connection.has_streams() || pulse.is_stuck();
                match (std::mem::replace(&mut was_used, is_used), is_used) {
                    (false, false) if leaves => return,
                    (false, false) => true,
                    _ => false,
                }
            }
            () = app.drain.cancelled(), if !leaves => true,
            () = &mut silence => return,
            // Dropping it closes its socket, and lets go of the hub.
            () = app.cut.cancelled() => return,
        };
        if is_told {
            connection.graceful_shutdown();
            (leaves, was_used, looks) = (true, true, every(LEAVE));
        }
    }
}

/// Ticks at once, and then in this interval.
fn every(pause: Duration) -> Interval {
    let mut interval = interval(pause);
    interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
    interval
}

/// Resolves when there has been no sign of the client for so long, and for a quarter more at most.
///
/// A client that reads slowly need not have come to the question yet, behind megabytes in the
/// buffers of two systems: that it takes them is a sign too.
async fn silence(pings: Option<PingPong>, pulse: &Pulse, patience: Duration) {
    let Some(mut pings) = pings else { return std::future::pending().await };
    let pause = PING_INTERVAL.min(patience / PINGS);
    let (mut seen, mut silent) = (pulse.signs(), Duration::ZERO);
    while silent < patience {
        sleep(pause).await;
        let signs = pulse.signs();
        silent = if signs == seen { silent + pause } else { Duration::ZERO };
        seen = signs;
        // An answer to the last one makes room for the next. If there was none, one is on its way.
        poll_fn(|cx| Poll::Ready(pings.poll_pong(cx).is_ready())).await;
        let _ = pings.send_ping(Ping::opaque());
    }
}

/// One request and its answer.
async fn answer(
    app: Arc<App>,
    entry: Entry,
    request: Request<RecvStream>,
    mut respond: SendResponse<Bytes>,
) {
    let mut response = tokio::select! {
        response = entry.answer(request.map(Arriving)) => response,
        // Nobody waits for it any more.
        _ = poll_fn(|cx| respond.poll_reset(cx)) => return,
    };
    let begin = Takeover::begin_of(&mut response);
    let _turn = Turn::of(&mut response);
    let (mut parts, body) = response.into_parts();
    prepare(&mut parts.headers, &body, begin.is_some());
    let is_whole = begin.is_none() && http_body::Body::is_end_stream(&body);
    let stream = match respond.send_response(Response::from_parts(parts, ()), is_whole) {
        Ok(stream) => Shared::new(stream),
        Err(error) => {
            tracing::debug!(%error, "not answered");
            return respond.send_reset(Reason::INTERNAL_ERROR);
        }
    };
    drop(respond);
    match begin {
        Some(begin) => begin(Socket::shared(stream), Head::new()).await,
        None if is_whole => {}
        None => send(body, stream, app.stream.slow_after).await,
    }
}

fn prepare(headers: &mut HeaderMap, body: &Body, is_stream: bool) {
    for name in HTTP1_HEADERS {
        headers.remove(name);
    }
    headers.entry(header::DATE).or_insert_with(takeover::date);
    if is_stream {
        // That of the empty body in its place.
        headers.remove(header::CONTENT_LENGTH);
    } else if let Some(length) = http_body::Body::size_hint(body).exact().filter(|len| *len > 0) {
        headers.entry(header::CONTENT_LENGTH).or_insert_with(|| HeaderValue::from(length));
    }
}

/// Sends a body for as long as its client takes it.
async fn send(mut body: Body, mut stream: Shared, slow_after: Duration) {
    loop {
        let frame = tokio::select! {
            frame = body.frame() => frame,
            () = stream.gone() => return,
        };
        let mut bytes = match frame {
            None => return stream.end(),
            Some(Ok(frame)) => frame.into_data().unwrap_or_default(),
            Some(Err(_)) => return stream.cut(),
        };
        while !bytes.is_empty() {
            let Ok(Ok(sent)) = timeout(slow_after, stream.send(&bytes)).await else { return };
            drop(bytes.split_to(sent));
        }
    }
}

/// The body of a request.
struct Arriving(RecvStream);

impl http_body::Body for Arriving {
    type Data = Bytes;
    type Error = h2::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, h2::Error>>> {
        Poll::Ready(match ready!(self.0.poll_data(cx)) {
            Some(Ok(bytes)) => {
                // It is taken; the client may send as much more.
                let _ = self.0.flow_control().release_capacity(bytes.len());
                Some(Ok(Frame::data(bytes)))
            }
            Some(Err(error)) => Some(Err(error)),
            None => None,
        })
    }

    fn is_end_stream(&self) -> bool {
        self.0.is_end_stream()
    }
}
