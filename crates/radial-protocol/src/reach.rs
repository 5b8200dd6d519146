//! How far an event goes: to subscribers, to sinks, to some of them.

use serde::{Deserialize, Serialize};

use crate::names::Name;

/// Who gets an event, besides those who read history: subscribers or not, and all of the sinks that
/// the registry routes its type to, or only those of them that the publisher named.
///
/// Files hold the first two as the bool that they were until format 3.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Reach {
    /// The type's sinks.
    Sinks,
    /// Subscribers and the type's sinks.
    #[default]
    SubscribersAndSinks,
    /// These sinks.
    OnlySinks(Box<[Name]>),
    /// Subscribers and these sinks.
    SubscribersAndOnlySinks(Box<[Name]>),
}

impl Reach {
    /// `only`: those of the type's sinks that the publisher named; `None`: all.
    pub fn new(broadcast: bool, only: Option<Box<[Name]>>) -> Self {
        match (broadcast, only) {
            (false, None) => Self::Sinks,
            (true, None) => Self::SubscribersAndSinks,
            (false, Some(sinks)) => Self::OnlySinks(sinks),
            (true, Some(sinks)) => Self::SubscribersAndOnlySinks(sinks),
        }
    }

    /// Whether subscribers get it at all; if not, only history and sinks see it.
    pub fn is_broadcast(&self) -> bool {
        matches!(self, Self::SubscribersAndSinks | Self::SubscribersAndOnlySinks(_))
    }

    /// The sinks that the publisher named; `None`: all of its type.
    pub fn only_sinks(&self) -> Option<&[Name]> {
        match self {
            Self::Sinks | Self::SubscribersAndSinks => None,
            Self::OnlySinks(sinks) | Self::SubscribersAndOnlySinks(sinks) => Some(sinks),
        }
    }
}
