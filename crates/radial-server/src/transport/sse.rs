//! Server-Sent Events: one subscription as the body of one HTTP answer (protocol §5).

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use axum::body::Body;
use bytes::{Bytes, BytesMut};
use http::HeaderValue;
use radial_hub::{CredentialState, Frame, Subscription};
use radial_protocol::control::{Control, Fallback, GoodbyeReason, Hello};
use radial_protocol::names::Id;
use radial_protocol::{Problem, sse};
use tokio::time::{Instant, Interval, MissedTickBehavior, Sleep};

use super::POLLING;
use crate::app::App;
use crate::connections::{self, ConnectionId, OpenConnection, Order, SocketCut};
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
    /// The socket that it goes out on.
    pub(crate) socket: Option<SocketCut>,
    /// The cookies of an application's session, if they opened it.
    pub(crate) cookies: Option<Vec<HeaderValue>>,
}

/// An open stream. Dropping it ends it.
pub(crate) struct SseStream {
    app: Arc<App>,
    subscription: Subscription,
    named: bool,
    open: OpenConnection,
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
    Order(Order),
}

impl SseStream {
    /// Opens the stream: its first bytes are the `retry:` line and `hello`.
    pub(crate) fn open(
        app: &Arc<App>,
        subscription: Subscription,
        options: StreamOptions,
        permit: Permit,
    ) -> Self {
        let runtime = app.hub.runtime();
        let settings = &app.stream;
        let retry_ms = runtime.jittered(ms(settings.retry), ms(settings.retry) / 2);
        let max_age_ms = runtime.jittered(ms(settings.max_age), ms(settings.max_age) / 5);
        let StreamOptions { named, client, address, request, socket, cookies } = options;
        let (id, since) = (ConnectionId(runtime.random()), runtime.now());
        let open = app.table.open(connections::Opening {
            id,
            grants: Arc::clone(subscription.grants()),
            transport: "sse",
            client: client.clone(),
            address,
            socket,
            wanted: subscription.wanted().clone(),
            since,
        });
        open.connection.moved_to(subscription.cursor().offset);
        open.connection.opened_by(cookies);
        let opening = subscription.opening();
        let token_expires_in_ms = match app.hub.credential_state(subscription.grants(), since) {
            CredentialState::Counts(until) => until.map(|until| until.0.saturating_sub(since.0)),
            CredentialState::Expired | CredentialState::Revoked => Some(0),
        };
        let hello = Control::Hello(Box::new(Hello {
            connection_id: id.to_string(),
            cursor: opening.cursor,
            resumed: opening.resumed.clone(),
            filter: opening.filter.clone(),
            heartbeat_ms: ms(settings.heartbeat),
            retry_ms,
            max_age_ms,
            token_expires_in_ms,
            now: since,
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
            connection = %id,
            request,
            %address,
            tenant = %subscription.tenant(),
            client = client.as_ref().map(Id::as_str),
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
            named,
            open,
            request,
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
        loop {
            let due = tokio::select! {
                biased;
                () = self.app.drain.cancelled() => Due::Order(Order::Close(GoodbyeReason::Drain)),
                () = &mut self.age => Due::Order(Order::Close(GoodbyeReason::Age)),
                order = self.open.connection.order() => Due::Order(order),
                frames = self.subscription.next() => Due::Frames(frames),
                _ = self.heartbeat.tick() => Due::Heartbeat,
            };
            return match due {
                Due::Frames(Ok(frames)) => {
                    self.open.connection.moved_to(self.subscription.cursor().offset);
                    Some(self.encode(&frames))
                }
                Due::Frames(Err(problem)) => {
                    self.fail(&problem);
                    None
                }
                Due::Heartbeat => {
                    let now = self.app.hub.runtime().now();
                    let cursor = self.subscription.cursor();
                    Some(sse::control_frame(&Control::Heartbeat { now, cursor }))
                }
                Due::Order(Order::Warn(expires_in_ms)) => {
                    Some(sse::control_frame(&Control::Token { expires_in_ms }))
                }
                Due::Order(Order::Renew(grants)) => match self.subscription.renew(grants) {
                    Ok(()) => continue,
                    // It ends already; whoever watches says why.
                    Err(problem) => {
                        tracing::debug!(%problem, "a renewal came too late");
                        continue;
                    }
                },
                Due::Order(Order::Close(reason)) => {
                    self.end = Some(reason.as_str());
                    let fallback = match reason {
                        GoodbyeReason::Disabled => Fallback::Poll,
                        _ => Fallback::Reconnect,
                    };
                    let retry_ms = self.retry_ms;
                    Some(sse::control_frame(&Control::Goodbye { reason, retry_ms, fallback }))
                }
            };
        }
    }

    fn fail(&mut self, problem: &Problem) {
        tracing::error!(connection = %self.open.connection.opening.id, %problem, "stream ended");
        self.end = Some("error");
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
            connection = %self.open.connection.opening.id,
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
