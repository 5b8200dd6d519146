//! The life of an open connection, whatever its transport: what is due to it, when it ends, and
//! what the log says of it. A transport only encodes what comes out of here.

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use http::HeaderValue;
use radial_fanout::{Encoding, Ended, Outlet, Parked, Resident, Returned, Tally};
use radial_hub::{CredentialState, Frame, Resting, Subscription};
use radial_protocol::control::{Control, GoodbyeReason, Hello};
use radial_protocol::filter::Selection;
use radial_protocol::grants::Grants;
use radial_protocol::names::Id;
use radial_protocol::{Code, Offset, Problem};
use tokio_util::task::task_tracker::TaskTrackerToken;

use super::POLLING;
use crate::app::App;
use crate::connections::{self, ConnectionId, OpenConnection, Order, SocketCut};
use crate::http::connection::OpenSocket;
use crate::rates::Permit;

/// The version of the protocol that `hello` names.
const PROTOCOL: u32 = 1;

/// What is known of a connection besides its subscription.
pub(crate) struct Opening {
    /// `sse` or `websocket`.
    pub(crate) transport: &'static str,
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
    /// Counts the socket while it is open.
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
    app: Arc<App>,
    pub(crate) subscription: Subscription,
    open: OpenConnection,
    request: String,
    /// When the next sign of life is due, by the uptime.
    beat_at: Duration,
    /// When it has lived for long enough, by the uptime.
    age_at: Duration,
    /// How long the client is told to wait before it comes back.
    pub(crate) retry_ms: u64,
    end: Option<&'static str>,
    _permit: Permit,
    _socket: Option<OpenSocket>,
    /// A drain waits for it, whoever has it.
    _open: TaskTrackerToken,
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
        let open_socket = open;
        tracing::debug!(
            connection = %id,
            request,
            %address,
            transport,
            tenant = %subscription.tenant(),
            client = client.as_ref().map(Id::as_str),
            cursor = %subscription.cursor(),
            complete = subscription.opening().map(|opening| opening.resumed.complete),
            "connected"
        );
        let open = app.table.open(connections::Opening {
            id,
            grants: Arc::clone(subscription.grants()),
            transport,
            client,
            address,
            socket,
            wanted: Arc::clone(subscription.wanted()),
            attendance: app.hub.attend(subscription.grants(), subscription.wanted()),
            since,
        });
        open.connection.moved_to(subscription.cursor().offset);
        open.connection.opened_by(cookies);
        let connection = Arc::clone(&open.connection);
        subscription.redeliver_by(move |redelivery| connection.redeliver(redelivery), true);
        app.connections.streams.fetch_add(1, Ordering::Relaxed);
        app.connections.streams_opened.fetch_add(1, Ordering::Relaxed);
        let uptime = runtime.uptime();
        let mut life = Self {
            app: Arc::clone(app),
            subscription,
            open,
            request,
            beat_at: uptime + settings.heartbeat,
            age_at: uptime + Duration::from_millis(max_age_ms),
            retry_ms,
            end: None,
            _permit: permit,
            _socket: open_socket,
            _open: app.parking.tasks.token(),
        };
        let hello = life.hello(id, max_age_ms);
        life.subscription.forget_opening();
        (life, hello)
    }

    fn hello(&self, id: ConnectionId, max_age_ms: u64) -> Control {
        let app = &self.app;
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
        let time = tokio::time::sleep(next.saturating_sub(self.app.hub.runtime().uptime()));
        tokio::select! {
            biased;
            () = self.app.drain.cancelled() => Due::Order(Order::Close(GoodbyeReason::Drain)),
            order = self.open.connection.order() => Due::Order(order),
            // However much there is to say.
            () = std::future::ready(()), if self.is_old() => {
                Due::Order(Order::Close(GoodbyeReason::Age))
            }
            frames = self.subscription.next() => {
                self.open.connection.moved_to(self.subscription.cursor().offset);
                Due::Frames(frames)
            }
            () = time => self.due_by_time(),
        }
    }

    fn due_by_time(&mut self) -> Due {
        if self.is_old() {
            return Due::Order(Order::Close(GoodbyeReason::Age));
        }
        let runtime = self.app.hub.runtime();
        self.beat_at = runtime.uptime() + self.app.stream.heartbeat;
        let (now, cursor) = (runtime.now(), self.subscription.cursor());
        Due::Control(Control::Heartbeat { now, cursor })
    }

    /// Whether it has lived for long enough.
    fn is_old(&self) -> bool {
        self.app.hub.runtime().uptime() >= self.age_at
    }

    /// What a worker needs of it if nothing needs a task: it only follows.
    pub(crate) fn rests(&self) -> Option<Resting> {
        let needs_task = self.has_ended()
            || self.is_old()
            || self.app.drain.is_cancelled()
            || self.open.connection.has_orders();
        if needs_task { None } else { self.subscription.resting() }
    }

    /// Gives it to a worker; `resident` is who has it, and `resting` what [`Self::rests`] gave.
    pub(crate) fn park(
        outlet: Outlet,
        encoding: Arc<dyn Encoding>,
        resting: Resting,
        resident: Box<impl Resident + AsRef<Self> + 'static>,
    ) {
        let life = (*resident).as_ref();
        let (app, connection) = (Arc::clone(&life.app), Arc::clone(&life.open.connection));
        let Resting { timeline, epoch, filter, spot } = resting;
        let (beat, until) = ((life.beat_at, app.stream.heartbeat), life.age_at);
        let parked =
            Parked { outlet, timeline, epoch, filter, spot, encoding, beat, until, resident };
        if let Some(ringer) = app.parking.park(parked) {
            connection.parked(ringer);
        }
    }

    /// Goes on where a worker has got to.
    pub(crate) fn come_back(&mut self, returned: &Returned) {
        self.subscription.go_on(returned.spot, returned.tally);
        self.moved_to(self.subscription.cursor().offset);
        self.beat_at = returned.beat;
    }

    /// A worker has ended it.
    pub(crate) fn ended_there(&mut self, ended: Ended, spot: Tally) {
        self.subscription.count(spot);
        if ended == Ended::Slow {
            self.ended(GoodbyeReason::Slow.as_str());
        }
    }

    /// Notes how far it has come.
    pub(crate) fn moved_to(&self, place: Offset) {
        self.open.connection.moved_to(place);
    }

    /// What is due without waiting.
    pub(crate) fn due_now(&mut self) -> Vec<Frame> {
        let frames = self.subscription.due_now();
        self.moved_to(self.subscription.cursor().offset);
        frames
    }

    /// The hub and what the edge knows.
    pub(crate) fn app(&self) -> &Arc<App> {
        &self.app
    }

    /// Resolves when its socket is to be closed, whatever it is doing.
    pub(crate) fn cut(&self) -> impl Future<Output = ()> + Send + 'static {
        let (app, socket) = (Arc::clone(&self.app), self.open.connection.opening.socket.clone());
        async move {
            let socket_cut = async {
                match socket {
                    Some(cut) => cut.0.cancelled_owned().await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                () = socket_cut => {}
                () = app.cut.cancelled() => {}
            }
        }
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
        if self.open.connection.renew(grants) {
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
        self.open.connection.asks_for(self.subscription.wanted());
        Ok(())
    }

    /// Notes why it ends; the first reason stands.
    pub(crate) fn ended(&mut self, reason: &'static str) {
        self.end.get_or_insert(reason);
    }

    /// Whether it has ended.
    pub(crate) fn has_ended(&self) -> bool {
        self.end.is_some()
    }
}

impl Drop for Life {
    fn drop(&mut self) {
        self.app.connections.streams.fetch_sub(1, Ordering::Relaxed);
        tracing::debug!(
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
