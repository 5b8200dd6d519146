//! Acknowledgements (protocol §5): what a session owes, and what it is reminded of until it has
//! acknowledged it.
//!
//! ```text
//! commit ─► inbox ─► index of the tenant's `ack` events ─┐
//!                                                        ├─► debts ─► due ─► a connection
//! connection ─► seat: its filter, as long as it is open ─┘     ▲
//! acknowledgement ─► the session's record ─► journal ──────────┘
//! ```
//!
//! A debt is derived, not stored: an `ack` event after the session's floor, which a filter of the
//! session admits, and which it has not acknowledged. The index is a fold over the log, read again
//! from the lowest floor at the start. Delivery knows nothing of all this: no connection waits for
//! it, and what is due comes to a connection from outside.

mod events;
mod keep;
mod keeper;
mod operate;
mod seat;
mod session;
mod settings;
mod show;
mod tallies;
mod tenant;
#[cfg(test)]
mod tests;

pub(crate) use keeper::{Acks, Opening, inboxes};
pub use operate::Acknowledged;
pub(crate) use seat::Seat;
pub use seat::{AtOnce, Redelivery};
pub use settings::AckSettings;
pub use show::{AckAnswer, AckPage, AckQuery, AckState};
pub use tallies::AckTallies;
