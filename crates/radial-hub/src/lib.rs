//! The rules of the hub: what happens to a publish, what a subscriber gets, and whether the hub
//! is open for either.
//!
//! The hub composes the registry, the log and the timelines. This crate must never know HTTP,
//! sockets or tokens, and it reads neither clock nor environment: a [`Runtime`] brings the time
//! and the random bits.

mod acks;
mod admission;
mod beginning;
mod behind;
mod control;
mod earlier;
mod entities;
mod history;
mod hub;
mod overload;
mod presence;
mod publish;
mod runtime;
mod sameness;
mod sharing;
mod snapshot;
mod stats;
mod subscription;
mod window;

pub use acks::{
    AckAnswer, AckPage, AckQuery, AckSettings, AckState, AckTallies, Acknowledged, AtOnce,
    Redelivery,
};
pub use beginning::Start;
pub use control::{Actor, ControlError, CredentialState, Recorded, Revocation, Subject, Switch};
pub use earlier::Earlier;
pub use entities::{EntityPage, EntityQuery};
pub use history::{HistoryPage, HistoryQuery};
pub use hub::{Config, Hub, OpenError, Readiness};
pub use presence::{
    Attendance, PresencePage, PresenceQuery, PresenceSettings, PresenceTally, Present,
};
pub use publish::PublishResult;
pub use runtime::Runtime;
pub use sharing::Sharing;
pub use stats::{Stats, Tallies};
pub use subscription::{Frame, Kept, Opening, Resting, SubscribeRequest, Subscription};
