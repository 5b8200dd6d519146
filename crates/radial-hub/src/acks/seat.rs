//! The seat of a connection among those of its session: as long as it is held, the session is
//! there, and what it owes can come to this connection.

use std::sync::Arc;

use radial_protocol::filter::Filter;
use radial_protocol::grants::Grants;
use radial_protocol::{Event, Offset, TenantId};

use super::keeper::Acks;
use super::session::SessionKey;

/// An event that comes again.
#[derive(Clone, Debug)]
pub struct Redelivery {
    /// How often it was sent, with this time.
    pub attempt: u32,
    /// The event.
    pub event: Arc<Event>,
}

/// Gives a connection what is due; false if it cannot take it now. It must not block.
pub(super) type Deliver = Arc<dyn Fn(&Redelivery) -> bool + Send + Sync>;

/// When what a session owes from before the place of a new connection is due at once; otherwise it
/// comes when its time has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AtOnce {
    /// The connection stays: that it begins means that the client lost what it had.
    Always,
    /// The connection is one of many short ones, as a poll is: only if the session was away for a
    /// minute, or since the hub started.
    WhenBack,
}

/// What a subscription holds, whether or not its session owes anything.
pub(crate) struct Seat {
    acks: Arc<Acks>,
    taken: Option<Taken>,
    deliver: Option<(Deliver, AtOnce)>,
}

struct Taken {
    tenant: TenantId,
    key: SessionKey,
    id: u64,
}

impl Seat {
    pub(super) fn new(acks: Arc<Acks>) -> Self {
        Self { acks, taken: None, deliver: None }
    }

    /// Takes the seat, if the filter asks for any type that is to be acknowledged, or follows a
    /// change of the filter or the grants. Gives what must be stored for a session that is new.
    pub(crate) fn follow(
        &mut self,
        grants: &Grants,
        filter: &Filter,
        start: Offset,
        head: Offset,
    ) -> Option<radial_log::Stored> {
        let key = SessionKey::of(grants).filter(|_| self.acks.concerns(filter));
        if let (Some(taken), Some(key)) = (&self.taken, &key)
            && taken.key == *key
        {
            self.acks.change(&taken.tenant, key, taken.id, filter);
            return None;
        }
        self.leave();
        let (tenant, key) = (grants.tenant.clone(), key?);
        let (id, stored) = self.acks.enter(&tenant, &key, filter, (start, head))?;
        if let Some((deliver, at_once)) = &self.deliver {
            self.acks.deliver_by(&tenant, &key, id, Arc::clone(deliver), *at_once);
        }
        self.taken = Some(Taken { tenant, key, id });
        stored
    }

    /// Says how the connection is given what is due, and when what it owes from before its own place
    /// is due at once.
    pub(super) fn deliver_by(&mut self, deliver: Deliver, at_once: AtOnce) {
        if let Some(Taken { tenant, key, id }) = &self.taken {
            self.acks.deliver_by(tenant, key, *id, Arc::clone(&deliver), at_once);
        }
        self.deliver = Some((deliver, at_once));
    }

    /// Whether its session may owe anything.
    pub(crate) fn is_taken(&self) -> bool {
        self.taken.is_some()
    }

    fn leave(&mut self) {
        if let Some(Taken { tenant, key, id }) = self.taken.take() {
            self.acks.leave(&tenant, &key, id);
        }
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.leave();
    }
}
