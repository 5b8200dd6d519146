//! What a publisher is told: one answer per event (protocol §3).

use serde::{Deserialize, Serialize};

use crate::cursor::{Cursor, Offset};
use crate::event::Persistence;
use crate::names::EventId;

/// The answer to an accepted event.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Accepted {
    /// The event's id, the publisher's or the hub's.
    pub event_id: EventId,
    /// Where it stands; a `live` event stands nowhere.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cursor: Option<Cursor>,
    /// The offset of that place.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub offset: Option<Offset>,
    /// The version that the event gave its entity.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub entity_version: Option<u64>,
    /// Whether the event was known already and nothing was added.
    pub duplicate: bool,
    /// What the answer promises.
    pub persistence: Persistence,
}
