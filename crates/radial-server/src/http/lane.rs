//! Publishers on HTTP/1.1, without the HTTP library: whole requests of `POST /api/sse/events`, one
//! after the other on a connection that is kept.
//!
//! The library gives a body to its handler through a channel, and wakes the connection's task for
//! each side of it; it and the router took a third of what a publish cost. Here a request is read
//! from one buffer, answered by the same functions, and written from another.
//!
//! Only what is plain stays here. Whatever else comes (another path or method, a body without a
//! length, an upgrade, a client that sends slowly) goes to the library with all that was read of it,
//! and the connection stays there. So there is one place that knows all of HTTP, and this one must
//! never decide what an answer is.

mod answer;
mod head;

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Bytes;
use bytes::BytesMut;
use tokio::io::AsyncReadExt as _;
use tokio::time::{Instant, Sleep, sleep, timeout_at};
use tokio_util::sync::WaitForCancellationFuture;

use self::answer::Writer;
use self::head::{Next, Spare, Whole, next};
use super::guard::{Arrival, Asked, check};
use super::patience::Patience;
use super::proxies::Peer;
use super::publish;
use crate::app::App;
use crate::socket::Socket;
use crate::transport::linger::linger;

/// How every request begins that belongs here.
pub(super) const BEGINNING: &[u8] = b"POST /api/sse/events";
/// What is read at once.
const READ_BYTES: usize = 4 * 1024;
/// How long the rest of a request is waited for, before the library waits for it.
const REST_TIMEOUT: Duration = Duration::from_secs(1);

/// A connection that another must go on with, and what was read of its next request.
pub(super) type Left = (Socket, Bytes);

/// Serves the publisher of a connection until it ends, or sends something else. Between two
/// requests it is waited for so long.
pub(super) async fn serve(
    app: &Arc<App>,
    peer: Peer,
    socket: Socket,
    idle_timeout: Duration,
) -> Option<Left> {
    let (read, spare, writer) = (BytesMut::new(), Spare::default(), Writer::new());
    let patience = Patience::new(app.stream.slow_after);
    let publisher = Publisher { app, peer, socket, read, spare, writer, patience };
    tokio::select! {
        left = publisher.serve(idle_timeout) => left,
        () = app.cut.cancelled() => None,
    }
}

struct Publisher<'a> {
    app: &'a Arc<App>,
    peer: Peer,
    socket: Socket,
    read: BytesMut,
    spare: Spare,
    writer: Writer,
    patience: Patience,
}

impl Publisher<'_> {
    async fn serve(mut self, idle_timeout: Duration) -> Option<Left> {
        let mut drained = pin!(self.app.drain.cancelled());
        let mut idle = pin!(sleep(idle_timeout));
        // Until when the rest of a request that has begun is waited for.
        let mut until = None;
        loop {
            match next(&mut self.read, &mut self.spare) {
                Next::Whole(request) => {
                    until = None;
                    if !self.answer(*request).await? {
                        linger(self.socket).await;
                        return None;
                    }
                }
                Next::Foreign => return Some(self.leave()),
                Next::Partial(_) if self.read.is_empty() => {
                    idle.as_mut().reset(Instant::now() + idle_timeout);
                    self.wait(drained.as_mut(), idle.as_mut()).await?;
                }
                Next::Partial(missing) => {
                    let until = *until.get_or_insert_with(|| Instant::now() + REST_TIMEOUT);
                    match timeout_at(until, self.read_on(missing)).await {
                        Ok(true) => {}
                        // It ended in the middle of a request: there is nobody to answer.
                        Ok(false) => return None,
                        Err(_) => return Some(self.leave()),
                    }
                }
            }
        }
    }

    /// Reads at least so much more; tells whether it came. Cancel safe: what came stays.
    async fn read_on(&mut self, missing: usize) -> bool {
        let wanted = self.read.len() + missing;
        while self.read.len() < wanted {
            self.read.reserve(wanted.saturating_sub(self.read.len()).max(READ_BYTES));
            if !matches!(self.socket.read_buf(&mut self.read).await, Ok(1..)) {
                return false;
            }
        }
        true
    }

    /// Waits for the next request; `None` if none will come.
    async fn wait(
        &mut self,
        drained: std::pin::Pin<&mut WaitForCancellationFuture<'_>>,
        idle: std::pin::Pin<&mut Sleep>,
    ) -> Option<()> {
        self.read.reserve(READ_BYTES);
        tokio::select! {
            biased;
            read = self.socket.read_buf(&mut self.read) => matches!(read, Ok(1..)).then_some(()),
            () = drained => None,
            () = idle => None,
        }
    }

    /// Answers a request; tells whether another one may come, `None` if the answer cannot be
    /// written.
    async fn answer(&mut self, request: Whole) -> Option<bool> {
        let (app, Whole { parts, body, is_last }) = (self.app, request);
        let is_large = body.len() > READ_BYTES;
        let arrival = Arrival::of(app, self.peer, &parts.headers);
        let asked = Asked::of(app, &parts.method, &parts.uri, &parts.headers, arrival);
        let answered = match check(app, &parts.headers) {
            Ok(()) => publish::whole(app, &parts, body, &asked).await,
            Err(problem) => Err(problem),
        };
        self.spare.give_back(parts.headers);
        let answer = asked.answer(app, answered);
        let is_last = is_last || app.drain.is_cancelled();
        let bytes = self.writer.write(&answer, app.hub.runtime().now(), is_last);
        if let Err(error) = self.patience.write_all(&mut self.socket, bytes).await {
            tracing::debug!(%error, "connection ended");
            return None;
        }
        if is_large && self.read.is_empty() {
            // A connection holds no more between two requests than small ones need.
            self.read = BytesMut::new();
        }
        Some(!is_last)
    }

    fn leave(self) -> Left {
        (self.socket, self.read.freeze())
    }
}
