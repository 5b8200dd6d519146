//! Server-Sent Events: one subscription as the body of one HTTP answer (protocol §5).

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use axum::body::Body;
use bytes::{Bytes, BytesMut};
use radial_hub::{Frame, Subscription};
use radial_protocol::control::{Control, Fallback, GoodbyeReason, Hello};
use radial_protocol::names::Id;
use radial_protocol::{Problem, sse};
use tokio::time::{Instant, Interval, MissedTickBehavior, Sleep};

use super::POLLING;
use crate::app::App;
use crate::rates::Permit;

/// The version of the protocol that `hello` names.
const PROTOCOL: u32 = 1;

/// What a request says about its stream besides its filter and place.
#[derive(Debug)]
pub(crate) struct StreamOptions {
    /// Whether each event has an `event:` line with its type.
    pub(crate) named: bool,
    /// The client's own name for this page load.
    pub(crate) client: Option<Id>,
    /// The client's address.
    pub(crate) address: IpAddr,
    /// Names the request in the log.
    pub(crate) request: String,
}

/// An open stream. Dropping it ends it.
pub(crate) struct SseStream {
    app: Arc<App>,
    subscription: Subscription,
    named: bool,
    connection: String,
    request: String,
    opening: Option<Bytes>,
    heartbeat: Interval,
    age: std::pin::Pin<Box<Sleep>>,
    retry_ms: u64,
    end: Option<&'static str>,
    _permit: Permit,
}

enum Due {
    Frames(Result<Vec<Frame>, Problem>),
    Heartbeat,
    Goodbye(GoodbyeReason),
}

impl SseStream {
    /// Opens the stream: its first bytes are the `retry:` line and `hello`.
    pub(crate) fn open(
        app: &Arc<App>,
        subscription: Subscription,
        options: &StreamOptions,
        permit: Permit,
    ) -> Self {
        let runtime = app.hub.runtime();
        let settings = &app.stream;
        let retry_ms = runtime.jittered(ms(settings.retry), ms(settings.retry) / 2);
        let max_age_ms = runtime.jittered(ms(settings.max_age), ms(settings.max_age) / 5);
        let connection = format!("{:016x}", runtime.random());
        let opening = subscription.opening();
        let hello = Control::Hello(Box::new(Hello {
            connection_id: connection.clone(),
            cursor: opening.cursor,
            resumed: opening.resumed.clone(),
            filter: opening.filter.clone(),
            heartbeat_ms: ms(settings.heartbeat),
            retry_ms,
            max_age_ms,
            token_expires_in_ms: None,
            now: runtime.now(),
            node: app.node.clone(),
            flags: serde_json::Map::new(),
            polling: POLLING,
            protocol: PROTOCOL,
            is_place: opening.is_place,
        }));
        let mut first = BytesMut::from(&sse::retry_line(retry_ms)[..]);
        first.extend_from_slice(&sse::control_frame(&hello));
        app.connections.streams.fetch_add(1, Ordering::Relaxed);
        app.connections.streams_opened.fetch_add(1, Ordering::Relaxed);
        tracing::info!(
            connection,
            request = options.request,
            address = %options.address,
            tenant = %subscription.tenant(),
            client = options.client.as_ref().map(Id::as_str),
            cursor = %opening.cursor,
            complete = opening.resumed.complete,
            "connected"
        );
        let now = Instant::now();
        let mut heartbeat = tokio::time::interval_at(now + settings.heartbeat, settings.heartbeat);
        heartbeat.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Self {
            app: Arc::clone(app),
            subscription,
            named: options.named,
            connection,
            request: options.request.clone(),
            opening: Some(first.freeze()),
            heartbeat,
            age: Box::pin(tokio::time::sleep_until(now + Duration::from_millis(max_age_ms))),
            retry_ms,
            end: None,
            _permit: permit,
        }
    }

    /// The stream as the body of an answer. It is polled only while its socket takes bytes: a
    /// client that does not read costs nothing but its place.
    pub(crate) fn into_body(self) -> Body {
        Body::from_stream(futures_util::stream::unfold(self, |mut stream| async move {
            let bytes = stream.next().await?;
            Some((Ok::<_, std::convert::Infallible>(bytes), stream))
        }))
    }

    async fn next(&mut self) -> Option<Bytes> {
        if let Some(opening) = self.opening.take() {
            return Some(opening);
        }
        if self.end.is_some() {
            return None;
        }
        let due = tokio::select! {
            biased;
            () = self.app.drain.cancelled() => Due::Goodbye(GoodbyeReason::Drain),
            () = &mut self.age => Due::Goodbye(GoodbyeReason::Age),
            frames = self.subscription.next() => Due::Frames(frames),
            _ = self.heartbeat.tick() => Due::Heartbeat,
        };
        match due {
            Due::Frames(Ok(frames)) => Some(self.encode(&frames)),
            Due::Frames(Err(problem)) => {
                tracing::error!(connection = self.connection, %problem, "stream ended");
                self.end = Some("error");
                None
            }
            Due::Heartbeat => {
                let now = self.app.hub.runtime().now();
                let cursor = self.subscription.cursor();
                Some(sse::control_frame(&Control::Heartbeat { now, cursor }))
            }
            Due::Goodbye(reason) => {
                self.end = Some(reason.as_str());
                let (retry_ms, fallback) = (self.retry_ms, Fallback::Reconnect);
                Some(sse::control_frame(&Control::Goodbye { reason, retry_ms, fallback }))
            }
        }
    }

    /// One event goes out as the bytes that all connections share; several are put together for
    /// one write.
    fn encode(&self, frames: &[Frame]) -> Bytes {
        if let [Frame::Event(event)] = frames
            && !self.named
        {
            return event.sse_frame();
        }
        let mut bytes = BytesMut::new();
        for frame in frames {
            match frame {
                Frame::Event(event) => {
                    if self.named {
                        bytes.extend_from_slice(&sse::event_line(event));
                    }
                    bytes.extend_from_slice(&event.sse_frame());
                }
                Frame::Control(control) => bytes.extend_from_slice(&sse::control_frame(control)),
            }
        }
        bytes.freeze()
    }
}

impl Drop for SseStream {
    fn drop(&mut self) {
        self.app.connections.streams.fetch_sub(1, Ordering::Relaxed);
        tracing::info!(
            connection = self.connection,
            request = self.request,
            tenant = %self.subscription.tenant(),
            reason = self.end.unwrap_or("client"),
            cursor = %self.subscription.cursor(),
            delivered = self.subscription.tally().delivered,
            "disconnected"
        );
    }
}

fn ms(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
