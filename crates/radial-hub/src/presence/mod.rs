//! Presence: who is on a channel, told once a second by events of the hub's own (protocol §5).
//!
//! A connection that asks for a channel by its exact name, and shows who it is of, puts its user on
//! that channel, however many tabs the user has. Somebody who goes is still there for a time of
//! grace, so that a reload is no event. What is known here is what the connections say while they
//! are open; nothing is stored, and a hub that starts learns it from those who come back.
//!
//! [`roll`] decides for one tenant, and has the time passed in; [`rolls`] has those of all tenants;
//! [`attendance`] is what a connection holds; [`telling`] makes events of it; [`page`] answers who is
//! there. This room must never know HTTP or sockets.

mod attendance;
mod page;
mod roll;
mod rolls;
mod telling;
#[cfg(test)]
mod tests;

pub use attendance::Attendance;
pub use page::{PresencePage, PresenceQuery, Present};
pub(crate) use rolls::Presence;
pub use rolls::{PresenceSettings, PresenceTally};
pub(crate) use telling::is_own_type;
