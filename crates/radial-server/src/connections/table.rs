//! All open connections, by their ids and by the clients that named themselves.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use radial_protocol::TenantId;
use radial_protocol::control::GoodbyeReason;
use radial_protocol::names::{Id, SessionId, UserId};

use super::{Connection, ConnectionId, Opening};

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
    fn of(connection: &Connection) -> Option<Self> {
        let (client, grants) = (connection.client.clone()?, connection.grants());
        Some(Self {
            tenant: grants.tenant.clone(),
            user: grants.user.clone(),
            session: grants.session.clone(),
            client,
        })
    }
}

impl ConnectionTable {
    /// Enters a connection, until it is [closed](Self::close). An older one of the same session and
    /// client is told to go.
    pub(crate) fn open(&self, opening: Opening) -> Arc<Connection> {
        let (id, now) = (opening.id, opening.since);
        let connection = Arc::new(Connection::new(opening));
        let key = ClientKey::of(&connection);
        let mut table = self.table();
        table.open.insert(id, Arc::clone(&connection));
        let older = key.and_then(|key| table.clients.insert(key, id));
        let older = older.and_then(|older| table.open.get(&older).cloned());
        drop(table);
        if let Some(older) = older {
            older.close(GoodbyeReason::Replaced, now);
        }
        connection
    }

    /// A connection by its id.
    pub(crate) fn get(&self, id: ConnectionId) -> Option<Arc<Connection>> {
        self.table().open.get(&id).cloned()
    }

    /// How many are of a tenant.
    pub(crate) fn count_of(&self, tenant: &TenantId) -> usize {
        let table = self.table();
        table.open.values().filter(|open| open.grants().tenant == *tenant).count()
    }

    /// All of them, in no order.
    pub(crate) fn all(&self) -> Vec<Arc<Connection>> {
        self.table().open.values().cloned().collect()
    }

    /// Takes out a connection that has ended.
    pub(crate) fn close(&self, connection: &Connection) {
        let id = connection.id;
        if let Some(attendance) = connection.attendance() {
            attendance.end();
        }
        let mut table = self.table();
        table.open.remove(&id);
        if let Some(key) = ClientKey::of(connection)
            && table.clients.get(&key) == Some(&id)
        {
            table.clients.remove(&key);
        }
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use radial_protocol::TimeMs;
    use radial_protocol::grants::Grants;

    use super::*;
    use crate::connections::{Order, Transport};

    fn open(table: &Arc<ConnectionTable>, id: u64, tenant: &str, client: &str) -> Arc<Connection> {
        table.open(Opening {
            id: ConnectionId(id),
            grants: Arc::new(Grants::everything(TenantId::new(tenant).unwrap())),
            transport: Transport::Sse,
            client: Some(Id::new(client).unwrap()),
            address: IpAddr::from([127, 0, 0, 1]),
            socket: None,
            wanted: Arc::from([]),
            attendance: None,
            cookies: None,
            since: TimeMs(0),
        })
    }

    fn is_replaced(open: &Connection) -> bool {
        matches!(open.take_order(), Some(Order::Close(GoodbyeReason::Replaced)))
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
        table.close(&first);
        let third = open(&table, 5, "acme", "c");
        assert!(is_replaced(&second) && !is_replaced(&third));
    }

    #[test]
    fn an_entry_goes_with_its_connection() {
        let table = Arc::new(ConnectionTable::default());
        let connection = open(&table, 1, "acme", "c");
        assert!(table.get(ConnectionId(1)).is_some());
        table.close(&connection);
        assert!(table.get(ConnectionId(1)).is_none());
        assert!(table.table().clients.is_empty() && table.all().is_empty());
    }

    #[test]
    fn goodbye_is_the_last_word() {
        let table = Arc::new(ConnectionTable::default());
        let connection = open(&table, 1, "acme", "c");
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
}
