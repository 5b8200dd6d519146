//! The life of an open connection, whatever its transport: what is due to it, when it ends, and
//! what the log says of it. A transport only encodes what comes out of here.

mod held;
mod rest;

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use http::HeaderValue;
use radial_fanout::{Encoding, Outlet, Parked, Resident, Spot};
use radial_hub::{CredentialState, Frame, Resting, Subscription};
use radial_protocol::control::{Control, GoodbyeReason, Hello};
use radial_protocol::filter::Selection;
use radial_protocol::grants::Grants;
use radial_protocol::names::Id;
use radial_protocol::{Code, Problem};

use self::held::Held;
pub(crate) use self::held::{End, Endings, socket_cut};
pub(crate) use self::rest::{AtRest, Awake};
use super::POLLING;
use crate::app::App;
use crate::connections::{self, ConnectionId, Order, SocketCut, Transport};
use crate::http::connection::OpenSocket;
use crate::rates::Permit;

/// The version of the protocol that `hello` names.
const PROTOCOL: u32 = 1;

/// What is known of a connection besides its subscription.
pub(crate) struct Opening {
    /// What it goes over.
    pub(crate) transport: Transport,
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
    /// Its place among the connections that its client may have.
    pub(crate) permit: Permit,
    /// Counts the socket while it is open, if it is the connection's own.
    pub(crate) open: Option<OpenSocket>,
}

/// What comes next for a connection.
pub(crate) enum Due {
    /// Frames of its subscription, or why there are no more.
    Frames(Result<Vec<Frame>, Problem>),
    /// A word of the hub's own.
    Control(Control),
    /// What it is told from outside; see [`Life::obey`].
    Order(Order),
}

/// An open connection. Dropping it ends it.
pub(crate) struct Life {
    held: Held,
    pub(crate) subscription: Subscription,
    /// When the next sign of life is due, by the uptime.
    beat_at: Duration,
    /// When it has lived for long enough, by the uptime.
    age_at: Duration,
    /// How long the client is told to wait before it comes back.
    pub(crate) retry_ms: u64,
}

impl Life {
    /// Enters the connection and greets it: `hello` is always the first that it hears.
    pub(crate) fn begin(
        app: &Arc<App>,
        mut subscription: Subscription,
        opening: Opening,
    ) -> (Self, Control) {
        let runtime = app.hub.runtime();
        let settings = &app.stream;
        let retry_ms = runtime.jittered(ms(settings.retry), ms(settings.retry) / 2);
        let max_age_ms = runtime.jittered(ms(settings.max_age), ms(settings.max_age) / 5);
        let (id, since) = (ConnectionId(runtime.random()), runtime.now());
        let Opening { transport, client, address, request, socket, cookies, permit, open } =
            opening;
        tracing::debug!(
            connection = %id,
            request,
            %address,
            transport = transport.as_str(),
            tenant = %subscription.tenant(),
            client = client.as_ref().map(Id::as_str),
            cursor = %subscription.cursor(),
            complete = subscription.opening().map(|opening| opening.resumed.complete),
            "connected"
        );
        let entry = app.table.open(connections::Opening {
            id,
            grants: Arc::clone(subscription.grants()),
            transport,
            client,
            address,
            socket,
            wanted: Arc::clone(subscription.wanted()),
            attendance: app.hub.attend(subscription.grants(), subscription.wanted()),
            cookies,
            since,
        });
        let counts_socket = open.map(OpenSocket::hand_over).is_some();
        let held = Held::begin(app, entry, permit, counts_socket);
        held.moved_to(subscription.cursor().offset);
        held.take_redeliveries(&mut subscription);
        let uptime = runtime.uptime();
        let mut life = Self {
            held,
            subscription,
            beat_at: uptime + settings.heartbeat,
            age_at: uptime + Duration::from_millis(max_age_ms),
            retry_ms,
        };
        let hello = life.hello(id, max_age_ms);
        life.subscription.forget_opening();
        (life, hello)
    }

    fn hello(&self, id: ConnectionId, max_age_ms: u64) -> Control {
        let app = &self.held.app;
        let opening = self.subscription.opening().expect("nobody has been told of it before");
        let now = app.hub.runtime().now();
        let state = app.hub.credential_state(self.subscription.grants(), now);
        let token_expires_in_ms = match state {
            CredentialState::Counts(until) => until.map(|until| until.0.saturating_sub(now.0)),
            CredentialState::Expired | CredentialState::Revoked => Some(0),
        };
        Control::Hello(Box::new(Hello {
            connection_id: id.to_string(),
            cursor: opening.cursor,
            resumed: opening.resumed.clone(),
            filter: opening.filter.clone(),
            heartbeat_ms: ms(app.stream.heartbeat),
            retry_ms: self.retry_ms,
            max_age_ms,
            token_expires_in_ms,
            now,
            node: app.node.clone(),
            flags: serde_json::Map::new(),
            polling: POLLING,
            protocol: PROTOCOL,
            is_place: opening.is_place,
        }))
    }

    /// Waits for what comes next. Cancel safe: what was not returned is returned by the next call.
    pub(crate) async fn due(&mut self) -> Due {
        let next = self.beat_at.min(self.age_at);
        let app = &self.held.app;
        let time = tokio::time::sleep(next.saturating_sub(app.hub.runtime().uptime()));
        tokio::select! {
            biased;
            () = app.drain.cancelled() => Due::Order(Order::Close(GoodbyeReason::Drain)),
            order = self.held.entry.order() => Due::Order(order),
            // However much there is to say.
            () = std::future::ready(()), if self.is_old() => {
                Due::Order(Order::Close(GoodbyeReason::Age))
            }
            frames = self.subscription.next() => {
                self.moved();
                Due::Frames(frames)
            }
            () = time => self.due_by_time(),
        }
    }

    fn due_by_time(&mut self) -> Due {
        if self.is_old() {
            return Due::Order(Order::Close(GoodbyeReason::Age));
        }
        let (runtime, heartbeat) = (self.held.app.hub.runtime(), self.held.app.stream.heartbeat);
        self.beat_at = runtime.uptime() + heartbeat;
        let (now, cursor) = (runtime.now(), self.subscription.cursor());
        Due::Control(Control::Heartbeat { now, cursor })
    }

    /// Whether it has lived for long enough.
    fn is_old(&self) -> bool {
        self.held.app.hub.runtime().uptime() >= self.age_at
    }

    /// Where a worker may go on if nothing needs a task: it only follows.
    pub(crate) fn rests(&self) -> Option<Spot> {
        let needs_task = self.has_ended()
            || self.is_old()
            || self.held.app.drain.is_cancelled()
            || self.held.entry.has_orders();
        if needs_task { None } else { self.subscription.spot() }
    }

    /// Gives it to a worker, at the spot that [`Self::rests`] gave, with what its transport keeps.
    pub(crate) fn park<T>(
        self,
        (outlet, encoding): (Outlet, Arc<dyn Encoding>),
        spot: Spot,
        kept_by_transport: T,
    ) where
        AtRest<T>: Resident + 'static,
    {
        let Self { held, subscription, beat_at, age_at, retry_ms } = self;
        let (app, entry) = (Arc::clone(&held.app), Arc::clone(&held.entry));
        let (Resting { timeline, epoch, filter, spot }, kept) = subscription.rest(spot);
        let (beat, until) = ((beat_at, app.stream.heartbeat), age_at);
        entry.rests();
        let retry_ms = u32::try_from(retry_ms).unwrap_or(u32::MAX);
        let resident = Box::new(AtRest { held, kept, retry_ms, kept_by_transport });
        let parked =
            Parked { outlet, timeline, epoch, filter, spot, encoding, beat, until, resident };
        if let Some(ringer) = app.parking.park(parked) {
            entry.parked(ringer);
        }
    }

    /// Notes how far it has come.
    fn moved(&mut self) {
        self.held.moved_to(self.subscription.cursor().offset);
        self.held.entry.was_given(self.subscription.tally().delivered);
    }

    /// What is due without waiting.
    pub(crate) fn due_now(&mut self) -> Vec<Frame> {
        // An order that waits may change what is due.
        if self.held.entry.has_orders() {
            return Vec::new();
        }
        let frames = self.subscription.due_now();
        self.moved();
        frames
    }

    /// The hub and what the edge knows.
    pub(crate) fn app(&self) -> &Arc<App> {
        &self.held.app
    }

    /// Does what it is told, and gives what its client is told of it. A close is the transport's
    /// own business.
    pub(crate) fn obey(&mut self, order: Order) -> Option<Control> {
        match order {
            Order::Warn(expires_in_ms) => Some(Control::Token { expires_in_ms }),
            Order::Renew(grants) => {
                if let Err(problem) = self.subscription.renew(grants) {
                    // It ends already; whoever watches says why.
                    tracing::debug!(%problem, "a renewal came too late");
                }
                None
            }
            Order::Redeliver(redelivery) => self.subscription.redelivery(redelivery),
            // Those are the transport's own business.
            Order::Close(_) | Order::Change(_) => None,
        }
    }

    /// Gives it newer grants at once.
    ///
    /// # Errors
    /// As [`Subscription::renew`]; and `unauthorized` once it is closing.
    pub(crate) fn renew(&mut self, grants: Arc<Grants>) -> Result<(), Problem> {
        self.subscription.renew(Arc::clone(&grants))?;
        if self.held.entry.renew(grants) {
            return Ok(());
        }
        let detail = "the connection is closing already";
        Err(Problem::new(Code::Unauthorized, detail))
    }

    /// Refuses one more selection where the connection has its fill.
    ///
    /// # Errors
    /// `invalid-parameter`.
    pub(crate) fn check_room(&self, added: &Selection, most: usize) -> Result<(), Problem> {
        let count = |selection: &Selection| selection.channels.len() + selection.types.len();
        let all = self.subscription.wanted().iter().map(count).sum::<usize>() + count(added);
        if all <= most {
            return Ok(());
        }
        let detail = format!("a connection has at most {most} channels and types together");
        Err(Problem::new(Code::InvalidParameter, detail))
    }

    /// Changes what it asks for, and lets the rest of the node know.
    ///
    /// # Errors
    /// Those of the change.
    pub(crate) fn change(
        &mut self,
        change: impl FnOnce(&mut Subscription) -> Result<(), Problem>,
    ) -> Result<(), Problem> {
        change(&mut self.subscription)?;
        self.held.entry.asks_for(self.subscription.wanted());
        Ok(())
    }

    /// Notes why it ends; the first reason stands.
    pub(crate) fn ended(&mut self, end: End) {
        self.held.ended(end);
    }

    /// Whether it has ended.
    pub(crate) fn has_ended(&self) -> bool {
        self.held.has_ended()
    }
}

fn ms(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
