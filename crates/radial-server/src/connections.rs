//! The open connections of this node, whatever their transport: who they are, and what they are
//! told from outside while they run.
//!
//! It grows with the open connections and with nothing else: an entry goes with its connection.

use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use http::HeaderValue;
use radial_fanout::Ringer;
use radial_hub::{Attendance, Redelivery, Start};
use radial_protocol::control::GoodbyeReason;
use radial_protocol::filter::Selection;
use radial_protocol::grants::Grants;
use radial_protocol::names::{Id, SessionId, UserId};
use radial_protocol::{Offset, TenantId, TimeMs};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

/// Names a connection. Random, so that nobody can name one that he was not told of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct ConnectionId(pub(crate) u64);

/// Ends the socket that a request came on, with all that is on it.
#[derive(Clone, Debug)]
pub(crate) struct SocketCut(pub(crate) CancellationToken);

/// What a connection is told.
#[derive(Clone, Debug)]
pub(crate) enum Order {
    /// These are its grants from now on.
    Renew(Arc<Grants>),
    /// It asks for other things from now on.
    Change(Change),
    /// Its credential ends in so many milliseconds.
    Warn(u64),
    /// Its session has not acknowledged this.
    Redeliver(Redelivery),
    /// It says goodbye and ends.
    Close(GoodbyeReason),
}

/// One change of what a connection asks for.
#[derive(Clone, Debug)]
pub(crate) enum Change {
    /// More, perhaps from an older place on.
    Add(Selection, Start),
    /// No longer this.
    Remove(Selection),
    /// All changes before it have been made: whoever waits for that is told.
    Done(CancellationToken),
}

/// How many redeliveries may wait for a connection that does not take them.
const REDELIVERIES_MAX: usize = 100;
/// How many changes may wait for a connection that does not take them.
const CHANGES_MAX: usize = 100;

/// What is known of a connection when it opens.
pub(crate) struct Opening {
    pub(crate) id: ConnectionId,
    pub(crate) grants: Arc<Grants>,
    pub(crate) transport: &'static str,
    pub(crate) client: Option<Id>,
    /// The client's address.
    pub(crate) address: IpAddr,
    pub(crate) socket: Option<SocketCut>,
    pub(crate) wanted: Arc<[Selection]>,
    /// Its seats on the channels that it asks for, where presence is kept.
    pub(crate) attendance: Option<Attendance>,
    pub(crate) since: TimeMs,
}

/// An open connection, as the rest of the node sees it.
pub(crate) struct Connection {
    pub(crate) opening: Opening,
    inner: Mutex<Inner>,
    woken: Notify,
    place: AtomicU64,
    is_warned: AtomicBool,
    cookies: OnceLock<Vec<HeaderValue>>,
}

struct Inner {
    grants: Arc<Grants>,
    wanted: Arc<[Selection]>,
    renewal: Option<Arc<Grants>>,
    changes: VecDeque<Change>,
    warning: Option<u64>,
    redeliveries: VecDeque<Redelivery>,
    closing: Option<(GoodbyeReason, TimeMs)>,
    /// Calls it back from the worker that it was parked with last.
    ringer: Option<Ringer>,
}

impl Inner {
    fn has_orders(&self) -> bool {
        self.closing.is_some()
            || self.renewal.is_some()
            || self.warning.is_some()
            || !self.changes.is_empty()
            || !self.redeliveries.is_empty()
    }
}

impl Connection {
    /// What it holds now.
    pub(crate) fn grants(&self) -> Arc<Grants> {
        Arc::clone(&self.inner().grants)
    }

    /// Notes the cookies that an application knew when it opened, if it was opened so; the
    /// application will be asked again.
    pub(crate) fn opened_by(&self, cookies: Option<Vec<HeaderValue>>) {
        if let Some(cookies) = cookies {
            let _ = self.cookies.set(cookies);
        }
    }

    /// The cookies that it was opened by, if it was by an application's session.
    pub(crate) fn cookies(&self) -> Option<&[HeaderValue]> {
        self.cookies.get().map(Vec::as_slice)
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
        if let Some(attendance) = &self.opening.attendance {
            attendance.change(&self.wanted());
        }
    }

    /// Waits for an order. Cancel safe: an order that was not returned is returned by the next call.
    pub(crate) async fn order(&self) -> Order {
        loop {
            if let Some(order) = self.take_order() {
                return order;
            }
            self.woken.notified().await;
        }
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
        if inner.has_orders() {
            ringer.ring();
        }
        inner.ringer = Some(ringer);
    }

    /// Lets it know that there is an order, wherever it is.
    fn wake(&self, inner: MutexGuard<'_, Inner>) {
        if let Some(ringer) = &inner.ringer {
            ringer.ring();
        }
        drop(inner);
        self.woken.notify_one();
    }

    fn take_order(&self) -> Option<Order> {
        let mut inner = self.inner();
        if let Some((reason, _)) = inner.closing {
            return Some(Order::Close(reason));
        }
        if let Some(grants) = inner.renewal.take() {
            return Some(Order::Renew(grants));
        }
        if let Some(change) = inner.changes.pop_front() {
            return Some(Order::Change(change));
        }
        if let Some(expires_in_ms) = inner.warning.take() {
            return Some(Order::Warn(expires_in_ms));
        }
        inner.redeliveries.pop_front().map(Order::Redeliver)
    }

    /// Gives it newer grants. Refused once it is closing.
    pub(crate) fn renew(&self, grants: Arc<Grants>) -> bool {
        let mut inner = self.inner();
        if inner.closing.is_some() {
            return false;
        }
        inner.grants = Arc::clone(&grants);
        inner.renewal = Some(grants);
        inner.warning = None;
        self.is_warned.store(false, Ordering::Relaxed);
        self.wake(inner);
        true
    }

    /// Tells it to ask for other things. Refused once it is closing, or has too many to do.
    pub(crate) fn change(&self, changes: Vec<Change>, wanted: Vec<Selection>) -> bool {
        let mut inner = self.inner();
        if inner.closing.is_some() || inner.changes.len() + changes.len() > CHANGES_MAX {
            return false;
        }
        inner.changes.extend(changes);
        inner.wanted = wanted.into();
        self.wake(inner);
        self.take_seats();
        true
    }

    /// Gives it an event again. Refused once it is closing, and while it has too many to send.
    pub(crate) fn redeliver(&self, redelivery: &Redelivery) -> bool {
        let mut inner = self.inner();
        if inner.closing.is_some() || inner.redeliveries.len() >= REDELIVERIES_MAX {
            return false;
        }
        inner.redeliveries.push_back(redelivery.clone());
        self.wake(inner);
        true
    }

    /// Warns it of the end of its credential, once.
    pub(crate) fn warn(&self, expires_in_ms: u64) {
        if !self.is_warned.swap(true, Ordering::Relaxed) {
            let mut inner = self.inner();
            inner.warning = Some(expires_in_ms);
            self.wake(inner);
        }
    }

    /// Tells it to say goodbye. The first reason stands.
    pub(crate) fn close(&self, reason: GoodbyeReason, now: TimeMs) {
        let mut inner = self.inner();
        inner.closing.get_or_insert((reason, now));
        self.wake(inner);
    }

    /// Since when it should have been gone.
    pub(crate) fn closing_since(&self) -> Option<TimeMs> {
        self.inner().closing.map(|(_, since)| since)
    }

    /// Ends its socket, whatever it is doing.
    pub(crate) fn cut(&self) {
        if let Some(socket) = &self.opening.socket {
            socket.0.cancel();
        }
    }

    /// Notes how far it has come.
    pub(crate) fn moved_to(&self, place: Offset) {
        self.place.store(place.get(), Ordering::Relaxed);
    }

    /// How far it has come.
    pub(crate) fn place(&self) -> u64 {
        self.place.load(Ordering::Relaxed)
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// All open connections.
#[derive(Default)]
pub(crate) struct ConnectionTable {
    table: Mutex<Table>,
}

#[derive(Default)]
struct Table {
    open: HashMap<ConnectionId, Arc<Connection>>,
    /// The newest connection of each client that named itself.
    clients: HashMap<ClientKey, ConnectionId>,
}

/// One page load of one session.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct ClientKey {
    tenant: TenantId,
    user: Option<UserId>,
    session: Option<SessionId>,
    client: Id,
}

impl ClientKey {
    fn of(opening: &Opening) -> Option<Self> {
        let grants = &opening.grants;
        Some(Self {
            tenant: grants.tenant.clone(),
            user: grants.user.clone(),
            session: grants.session.clone(),
            client: opening.client.clone()?,
        })
    }
}

/// An entry of the table; it goes when this is dropped.
pub(crate) struct OpenConnection {
    table: Arc<ConnectionTable>,
    pub(crate) connection: Arc<Connection>,
}

impl ConnectionTable {
    /// Enters a connection. An older one of the same session and client is told to go.
    pub(crate) fn open(self: &Arc<Self>, opening: Opening) -> OpenConnection {
        let (id, now) = (opening.id, opening.since);
        let key = ClientKey::of(&opening);
        let inner = Inner {
            grants: Arc::clone(&opening.grants),
            wanted: Arc::clone(&opening.wanted),
            renewal: None,
            changes: VecDeque::new(),
            warning: None,
            redeliveries: VecDeque::new(),
            closing: None,
            ringer: None,
        };
        let connection = Arc::new(Connection {
            opening,
            inner: Mutex::new(inner),
            woken: Notify::new(),
            place: AtomicU64::new(0),
            is_warned: AtomicBool::new(false),
            cookies: OnceLock::new(),
        });
        let mut table = self.table();
        table.open.insert(id, Arc::clone(&connection));
        let older = key.and_then(|key| table.clients.insert(key, id));
        let older = older.and_then(|older| table.open.get(&older).cloned());
        drop(table);
        if let Some(older) = older {
            older.close(GoodbyeReason::Replaced, now);
        }
        OpenConnection { table: Arc::clone(self), connection }
    }

    /// A connection by its id.
    pub(crate) fn get(&self, id: ConnectionId) -> Option<Arc<Connection>> {
        self.table().open.get(&id).cloned()
    }

    /// How many are of a tenant.
    pub(crate) fn count_of(&self, tenant: &TenantId) -> usize {
        let table = self.table();
        table.open.values().filter(|open| open.opening.grants.tenant == *tenant).count()
    }

    /// All of them, in no order.
    pub(crate) fn all(&self) -> Vec<Arc<Connection>> {
        self.table().open.values().cloned().collect()
    }

    fn close(&self, connection: &Connection) {
        let id = connection.opening.id;
        if let Some(attendance) = &connection.opening.attendance {
            attendance.end();
        }
        let mut table = self.table();
        table.open.remove(&id);
        if let Some(key) = ClientKey::of(&connection.opening)
            && table.clients.get(&key) == Some(&id)
        {
            table.clients.remove(&key);
        }
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for OpenConnection {
    fn drop(&mut self) {
        self.table.close(&self.connection);
    }
}

impl fmt::Display for ConnectionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

impl FromStr for ConnectionId {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let is_hex = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
        if text.len() != 16 || !text.bytes().all(is_hex) {
            return Err("a connection id is 16 of 0-9 a-f");
        }
        u64::from_str_radix(text, 16).map(Self).map_err(|_| "no such number")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn open(table: &Arc<ConnectionTable>, id: u64, tenant: &str, client: &str) -> OpenConnection {
        table.open(Opening {
            id: ConnectionId(id),
            grants: Arc::new(Grants::everything(TenantId::new(tenant).unwrap())),
            transport: "sse",
            client: Some(Id::new(client).unwrap()),
            address: IpAddr::from([127, 0, 0, 1]),
            socket: None,
            wanted: Arc::from([]),
            attendance: None,
            since: TimeMs(0),
        })
    }

    fn is_replaced(open: &OpenConnection) -> bool {
        matches!(open.connection.take_order(), Some(Order::Close(GoodbyeReason::Replaced)))
    }

    #[test]
    fn a_newer_connection_of_the_same_client_takes_the_place_of_the_older() {
        let table = Arc::new(ConnectionTable::default());
        let (first, other) = (open(&table, 1, "acme", "c"), open(&table, 2, "acme", "d"));
        let stranger = open(&table, 3, "globex", "c");
        let second = open(&table, 4, "acme", "c");
        assert!(is_replaced(&first));
        assert!(!is_replaced(&other) && !is_replaced(&stranger) && !is_replaced(&second));
        // The older one goes later, and leaves the newer one its place.
        drop(first);
        let third = open(&table, 5, "acme", "c");
        assert!(is_replaced(&second) && !is_replaced(&third));
    }

    #[test]
    fn an_entry_goes_with_its_connection() {
        let table = Arc::new(ConnectionTable::default());
        let connection = open(&table, 1, "acme", "c");
        assert!(table.get(ConnectionId(1)).is_some());
        drop(connection);
        assert!(table.get(ConnectionId(1)).is_none());
        assert!(table.table().clients.is_empty() && table.all().is_empty());
    }

    #[test]
    fn goodbye_is_the_last_word() {
        let table = Arc::new(ConnectionTable::default());
        let open = open(&table, 1, "acme", "c");
        let connection = &open.connection;
        let grants = connection.grants();
        connection.warn(5);
        assert!(matches!(connection.take_order(), Some(Order::Warn(5))));
        connection.warn(4);
        assert!(connection.take_order().is_none(), "it is warned once");
        assert!(connection.renew(Arc::clone(&grants)));
        connection.warn(3);
        assert!(matches!(connection.take_order(), Some(Order::Renew(_))));
        assert!(matches!(connection.take_order(), Some(Order::Warn(3))), "and again when renewed");
        connection.close(GoodbyeReason::Revoked, TimeMs(7));
        connection.close(GoodbyeReason::Expired, TimeMs(9));
        assert!(!connection.renew(grants), "a credential cannot come too late");
        assert!(matches!(connection.take_order(), Some(Order::Close(GoodbyeReason::Revoked))));
        assert_eq!(connection.closing_since(), Some(TimeMs(7)));
    }

    #[test]
    fn ids_are_read_as_they_are_written() {
        let id = ConnectionId(0xab);
        assert_eq!(id.to_string().parse(), Ok(id));
        for bad in ["", "ab", "+0000000000000ab", "00000000000000AB", "000000000000000ab"] {
            assert!(bad.parse::<ConnectionId>().is_err(), "{bad}");
        }
    }
}
