//! Presence: who is on a channel, and the channels where the hub says so (protocol §5).
//!
//! What happens on `board:42` is told on `presence:board:42`, to those who are granted `board:42`.
//! Such a channel is the hub's own: nobody else publishes to it, and only those get it who ask for
//! it by a name or pattern that begins so. `*` does not.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::grants::Grants;
use crate::names::{ChannelName, EventTypeName, Pattern, SessionId, UserId};

/// What the channels begin with on which presence is told.
pub const PREFIX: &str = "presence:";

/// Somebody who is on a channel: a user, or a session of nobody in particular.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Member {
    /// A user, with however many sessions and connections.
    #[serde(rename = "userId")]
    User(UserId),
    /// A session without a user.
    #[serde(rename = "sessionId")]
    Session(SessionId),
}

impl Member {
    /// Who somebody with these grants is; a server's key is nobody.
    pub fn of(grants: &Grants) -> Option<Self> {
        let user = grants.user.clone().map(Self::User);
        user.or_else(|| grants.session.clone().map(Self::Session))
    }

    /// The id.
    pub fn as_str(&self) -> &str {
        match self {
            Self::User(user) => user.as_str(),
            Self::Session(session) => session.as_str(),
        }
    }
}

/// `presence.joined`: members have come.
pub fn joined() -> EventTypeName {
    EventTypeName::new("presence.joined").expect("it keeps to the alphabet")
}

/// `presence.left`: members have gone.
pub fn left() -> EventTypeName {
    EventTypeName::new("presence.left").expect("it keeps to the alphabet")
}

impl ChannelName {
    /// Where the presence of this channel is told; `None` if its name is too long for that, or if
    /// it is such a channel itself.
    pub fn presence(&self) -> Option<Self> {
        let name = || Self::new(&format!("{PREFIX}{self}")).ok();
        if self.tells_presence() { None } else { name() }
    }

    /// Whether the hub tells the presence of another channel here.
    pub fn tells_presence(&self) -> bool {
        self.as_str().starts_with(PREFIX)
    }
}

impl Pattern {
    /// The channels whose presence the pattern asks for, if it asks for that.
    pub fn watched(&self) -> Option<Self> {
        let rest = |text: &Arc<str>| text.strip_prefix(PREFIX).map(Arc::<str>::from);
        match self {
            Self::All => None,
            Self::Exact(name) => rest(name).filter(|rest| !rest.is_empty()).map(Self::Exact),
            Self::Prefix(prefix) => rest(prefix).map(|rest| match &*rest {
                "" => Self::All,
                _ => Self::Prefix(rest),
            }),
        }
    }

    /// Whether it asks for presence, and so for nothing else.
    pub fn asks_for_presence(&self) -> bool {
        match self {
            Self::All => false,
            Self::Exact(text) | Self::Prefix(text) => text.starts_with(PREFIX),
        }
    }

    /// The other way round: the pattern that asks for the presence of these channels.
    #[must_use]
    pub fn watching(&self) -> Self {
        match self {
            Self::All => Self::Prefix(Arc::from(PREFIX)),
            Self::Exact(name) => Self::Exact(Arc::from(format!("{PREFIX}{name}"))),
            Self::Prefix(prefix) => Self::Prefix(Arc::from(format!("{PREFIX}{prefix}"))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_asks_for_presence_only_by_name() {
        for (text, watched) in [
            ("presence:board:42", Some("board:42")),
            ("presence:board:*", Some("board:*")),
            ("presence:*", Some("*")),
            ("*", None),
            ("pres*", None),
            ("presence*", None),
            ("presence:", None),
            ("board:42", None),
        ] {
            let found = Pattern::new(text).unwrap().watched();
            assert_eq!(found, watched.map(|text| Pattern::new(text).unwrap()), "{text}");
            if let Some(found) = found {
                assert_eq!(found.watching(), Pattern::new(text).unwrap());
            }
        }
    }

    #[test]
    fn a_channel_has_one_for_its_presence_and_that_has_none() {
        let channel = ChannelName::new("board:42").unwrap();
        let presence = channel.presence().unwrap();
        assert_eq!(presence.as_str(), "presence:board:42");
        assert!(presence.tells_presence() && !channel.tells_presence());
        assert_eq!(presence.presence(), None);
        assert_eq!(ChannelName::new(&"x".repeat(120)).unwrap().presence(), None);
    }

    #[test]
    fn a_member_is_a_user_or_else_a_session() {
        let json = |member: &Member| serde_json::to_string(member).unwrap();
        let user = Member::User(UserId::new("u1").unwrap());
        assert_eq!(json(&user), r#"{"userId":"u1"}"#);
        let session = Member::Session(SessionId::new("s1").unwrap());
        assert_eq!(json(&session), r#"{"sessionId":"s1"}"#);
        let mut grants = Grants::everything(crate::TenantId::new("acme").unwrap());
        assert_eq!(Member::of(&grants), None);
        grants.session = SessionId::new("s1").ok();
        assert_eq!(Member::of(&grants), Some(session));
        grants.user = UserId::new("u1").ok();
        assert_eq!(Member::of(&grants), Some(user));
    }
}
