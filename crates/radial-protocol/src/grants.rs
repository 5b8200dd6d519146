//! What a credential may do, in plain words: the only form in which it travels past the edge.

use crate::names::{Name, Pattern, SessionId, TenantId, UserId};

/// What one request or connection may do. Always of exactly one tenant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grants {
    /// The tenant.
    pub tenant: TenantId,
    /// The user, if the credential names one.
    pub user: Option<UserId>,
    /// The session, if the credential names one.
    pub session: Option<SessionId>,
    /// The roles.
    pub roles: Vec<Name>,
    /// Event types that may be published.
    pub publish: Vec<Pattern>,
    /// Event types that may be received.
    pub subscribe: Vec<Pattern>,
    /// Channels that may be published to and received from.
    pub channels: Vec<Pattern>,
    /// Whether the log may be read.
    pub history: bool,
    /// Whether `userId` and `sessionId` of a request choose whom it acts for.
    pub act_as: bool,
    /// Whether audiences, scopes and roles hold nothing back: the single developer of `radial dev`
    /// who acts for nobody in particular.
    pub sees_all: bool,
}

impl Grants {
    /// The grant of `radial dev`: everything, in one tenant.
    pub fn everything(tenant: TenantId) -> Self {
        Self {
            tenant,
            user: None,
            session: None,
            roles: Vec::new(),
            publish: vec![Pattern::All],
            subscribe: vec![Pattern::All],
            channels: vec![Pattern::All],
            history: true,
            act_as: true,
            sees_all: true,
        }
    }

    /// The same grants for somebody else; from then on only what that somebody may see is seen.
    ///
    /// Names nobody: the grants as they are. The caller checks `act_as` first.
    #[must_use]
    pub fn acting_for(mut self, user: Option<UserId>, session: Option<SessionId>) -> Self {
        if user.is_some() || session.is_some() {
            self.sees_all = false;
            self.user = user;
            self.session = session;
        }
        self
    }

    /// Whether one of the roles is among these.
    pub fn has_any_role(&self, roles: &[Name]) -> bool {
        self.roles.iter().any(|role| roles.contains(role))
    }
}

/// Whether one of the patterns covers the name.
pub fn any_matches(patterns: &[Pattern], name: &str) -> bool {
    patterns.iter().any(|pattern| pattern.matches(name))
}
