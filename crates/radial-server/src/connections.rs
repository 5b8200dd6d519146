//! The open connections of this node, whatever their transport: who they are, and what they are
//! told from outside while they run.
//!
//! It grows with the open connections and with nothing else: an entry goes with its connection.
//! There are many of them, and most are told nothing for hours: what is rare has room of its own
//! only while it is there.

mod id;
mod orders;
mod table;

use std::future::poll_fn;
use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Poll, Waker};

use http::HeaderValue;
use radial_fanout::Ringer;
use radial_hub::{Attendance, Redelivery};
use radial_protocol::control::GoodbyeReason;
use radial_protocol::filter::Selection;
use radial_protocol::grants::Grants;
use radial_protocol::names::Id;
use radial_protocol::{Offset, TimeMs};
use tokio_util::sync::CancellationToken;

pub(crate) use self::id::ConnectionId;
use self::orders::Orders;
pub(crate) use self::orders::{Change, Order};
pub(crate) use self::table::ConnectionTable;

/// Ends the socket that a request came on, with all that is on it.
#[derive(Clone, Debug)]
pub(crate) struct SocketCut(pub(crate) CancellationToken);

/// What a connection goes over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Transport {
    /// Server-Sent Events.
    Sse,
    /// A WebSocket.
    WebSocket,
}

impl Transport {
    /// Its name in logs and answers.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Sse => "sse",
            Self::WebSocket => "websocket",
        }
    }
}

/// What is known of a connection when it opens.
pub(crate) struct Opening {
    pub(crate) id: ConnectionId,
    pub(crate) grants: Arc<Grants>,
    pub(crate) transport: Transport,
    pub(crate) client: Option<Id>,
    /// The client's address.
    pub(crate) address: IpAddr,
    pub(crate) socket: Option<SocketCut>,
    pub(crate) wanted: Arc<[Selection]>,
    /// Its seats on the channels that it asks for, where presence is kept.
    pub(crate) attendance: Option<Attendance>,
    /// The cookies that an application knew when it opened, if it was opened so; the application
    /// will be asked again.
    pub(crate) cookies: Option<Vec<HeaderValue>>,
    pub(crate) since: TimeMs,
}

/// An open connection, as the rest of the node sees it.
pub(crate) struct Connection {
    pub(crate) id: ConnectionId,
    pub(crate) transport: Transport,
    /// The client's own name for this page load.
    pub(crate) client: Option<Id>,
    /// The client's address.
    pub(crate) address: IpAddr,
    pub(crate) since: TimeMs,
    rare: Option<Box<Rare>>,
    inner: Mutex<Inner>,
    place: AtomicU64,
    delivered: AtomicU64,
}

// With the counts of an `Arc` 160 bytes, a size that the allocator has.
#[cfg(target_pointer_width = "64")]
const _: () = assert!(size_of::<Connection>() <= 144);

/// What few connections have.
struct Rare {
    attendance: Option<Attendance>,
    cookies: Option<Vec<HeaderValue>>,
}

struct Inner {
    /// Renewed now and then, but always of the same session.
    grants: Arc<Grants>,
    wanted: Arc<[Selection]>,
    /// While it is told something, or a task has it.
    told: Option<Box<Told>>,
    is_warned: bool,
    /// Calls it back from the worker that it was parked with last.
    ringer: Option<Ringer>,
    was_cut: bool,
}

#[derive(Default)]
struct Told {
    orders: Orders,
    /// Whoever waits for an order.
    waiting: Option<Waker>,
    /// Ends its socket while a task has it.
    socket: Option<SocketCut>,
}

impl Inner {
    fn is_closing(&self) -> bool {
        self.told.as_ref().is_some_and(|told| told.orders.closing.is_some())
    }

    fn has_orders(&self) -> bool {
        self.told.as_ref().is_some_and(|told| !told.orders.is_empty())
    }

    fn told(&mut self) -> &mut Told {
        self.told.get_or_insert_default()
    }
}

impl Connection {
    fn new(opening: Opening) -> Self {
        let Opening { id, grants, transport, client, address, socket, .. } = opening;
        let inner = Inner {
            grants,
            wanted: opening.wanted,
            told: Some(Box::new(Told { socket, ..Told::default() })),
            is_warned: false,
            ringer: None,
            was_cut: false,
        };
        let (attendance, cookies) = (opening.attendance, opening.cookies);
        let is_rare = attendance.is_some() || cookies.is_some();
        Self {
            id,
            transport,
            client,
            address,
            since: opening.since,
            rare: is_rare.then(|| Box::new(Rare { attendance, cookies })),
            inner: Mutex::new(inner),
            place: AtomicU64::new(0),
            delivered: AtomicU64::new(0),
        }
    }

    /// What it holds now. Tenant, user and session never change.
    pub(crate) fn grants(&self) -> Arc<Grants> {
        Arc::clone(&self.inner().grants)
    }

    /// The cookies that it was opened by, if it was by an application's session.
    pub(crate) fn cookies(&self) -> Option<&[HeaderValue]> {
        self.rare.as_ref()?.cookies.as_deref()
    }

    /// What it asks for now.
    pub(crate) fn wanted(&self) -> Arc<[Selection]> {
        Arc::clone(&self.inner().wanted)
    }

    /// Notes what it asks for from now on.
    pub(crate) fn asks_for(&self, wanted: &Arc<[Selection]>) {
        self.inner().wanted = Arc::clone(wanted);
        self.take_seats();
    }

    /// Sits where it asks to be now.
    fn take_seats(&self) {
        if let Some(attendance) = self.attendance() {
            attendance.change(&self.wanted());
        }
    }

    fn attendance(&self) -> Option<&Attendance> {
        self.rare.as_ref()?.attendance.as_ref()
    }

    /// Waits for an order; one task at a time. Cancel safe: an order that was not returned is
    /// returned by the next call.
    pub(crate) async fn order(&self) -> Order {
        poll_fn(|context| {
            let mut inner = self.inner();
            let told = inner.told();
            if let Some(order) = told.orders.take() {
                return Poll::Ready(order);
            }
            match &mut told.waiting {
                Some(waker) => waker.clone_from(context.waker()),
                none => *none = Some(context.waker().clone()),
            }
            Poll::Pending
        })
        .await
    }

    /// Whether there is an order that has not been returned.
    pub(crate) fn has_orders(&self) -> bool {
        self.inner().has_orders()
    }

    /// It has been parked; an order that came meanwhile calls it back at once.
    ///
    /// It may have come back and been parked again by now: then the newer ringer stays.
    pub(crate) fn parked(&self, ringer: Ringer) {
        let mut inner = self.inner();
        if inner.ringer.as_ref().is_some_and(|newer| newer.stay() > ringer.stay()) {
            return;
        }
        if inner.has_orders() || inner.was_cut {
            ringer.ring();
        }
        inner.ringer = Some(ringer);
    }

    /// No task has it any more; what one needs is let go.
    pub(crate) fn rests(&self) {
        let mut inner = self.inner();
        if inner.has_orders() {
            let told = inner.told();
            (told.socket, told.waiting) = (None, None);
        } else {
            inner.told = None;
        }
    }

    /// A task has it again: what ends its socket from now on.
    pub(crate) fn wakes(&self) -> SocketCut {
        let cut = SocketCut(CancellationToken::new());
        let mut inner = self.inner();
        if inner.was_cut {
            cut.0.cancel();
        }
        inner.told().socket = Some(cut.clone());
        cut
    }

    /// Lets it know that there is an order, wherever it is.
    fn wake(mut inner: MutexGuard<'_, Inner>) {
        if let Some(ringer) = &inner.ringer {
            ringer.ring();
        }
        let waiting = inner.told.as_mut().and_then(|told| told.waiting.take());
        drop(inner);
        if let Some(waiting) = waiting {
            waiting.wake();
        }
    }

    #[cfg(test)]
    fn take_order(&self) -> Option<Order> {
        self.inner().told().orders.take()
    }

    /// Gives it newer grants. Refused once it is closing.
    pub(crate) fn renew(&self, grants: Arc<Grants>) -> bool {
        let mut inner = self.inner();
        if inner.is_closing() {
            return false;
        }
        inner.grants = Arc::clone(&grants);
        inner.is_warned = false;
        let orders = &mut inner.told().orders;
        orders.renewal = Some(grants);
        orders.warning = None;
        Self::wake(inner);
        true
    }

    /// Tells it to ask for other things. Refused once it is closing, or has too many to do.
    pub(crate) fn change(&self, changes: Vec<Change>, wanted: Vec<Selection>) -> bool {
        let mut inner = self.inner();
        if inner.is_closing() || !inner.told().orders.change(changes) {
            return false;
        }
        inner.wanted = wanted.into();
        Self::wake(inner);
        self.take_seats();
        true
    }

    /// Gives it an event again. Refused once it is closing, and while it has too many to send.
    pub(crate) fn redeliver(&self, redelivery: &Redelivery) -> bool {
        let mut inner = self.inner();
        if inner.is_closing() || !inner.told().orders.redeliver(redelivery) {
            return false;
        }
        Self::wake(inner);
        true
    }

    /// Warns it of the end of its credential, once.
    pub(crate) fn warn(&self, expires_in_ms: u64) {
        let mut inner = self.inner();
        if !inner.is_warned {
            inner.is_warned = true;
            inner.told().orders.warning = Some(expires_in_ms);
            Self::wake(inner);
        }
    }

    /// Tells it to say goodbye. The first reason stands.
    pub(crate) fn close(&self, reason: GoodbyeReason, now: TimeMs) {
        let mut inner = self.inner();
        inner.told().orders.closing.get_or_insert((reason, now));
        Self::wake(inner);
    }

    /// Since when it should have been gone.
    pub(crate) fn closing_since(&self) -> Option<TimeMs> {
        let inner = self.inner();
        inner.told.as_ref()?.orders.closing.map(|(_, since)| since)
    }

    /// Why it was told to say goodbye, if it was.
    pub(crate) fn closing_reason(&self) -> Option<GoodbyeReason> {
        let inner = self.inner();
        inner.told.as_ref()?.orders.closing.map(|(reason, _)| reason)
    }

    /// Ends its socket, whatever it is doing.
    pub(crate) fn cut(&self) {
        let mut inner = self.inner();
        inner.was_cut = true;
        if let Some(socket) = inner.told.as_ref().and_then(|told| told.socket.as_ref()) {
            socket.0.cancel();
        }
        Self::wake(inner);
    }

    /// Notes how far it has come.
    pub(crate) fn moved_to(&self, place: Offset) {
        self.place.store(place.get(), Ordering::Relaxed);
    }

    /// Notes how many events it was given so far.
    pub(crate) fn was_given(&self, delivered: u64) {
        self.delivered.store(delivered, Ordering::Relaxed);
    }

    /// How many events it was given, as far as a task has noted it.
    pub(crate) fn delivered(&self) -> u64 {
        self.delivered.load(Ordering::Relaxed)
    }

    /// How far it has come.
    pub(crate) fn place(&self) -> u64 {
        self.place.load(Ordering::Relaxed)
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
