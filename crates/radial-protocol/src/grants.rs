//! What a credential may do, in plain words: the only form in which it travels past the edge.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::event::TimeMs;
use crate::names::{Id, Name, Pattern, SessionId, TenantId, UserId};

/// What one request or connection may do. Always of exactly one tenant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grants {
    /// The tenant.
    pub tenant: TenantId,
    /// The user, if the credential names one.
    pub user: Option<UserId>,
    /// The session, if the credential names one.
    pub session: Option<SessionId>,
    /// What may be done: one copy for all who may do the same.
    pub rights: Arc<Rights>,
    /// Where the grants come from.
    pub credential: Credential,
}

/// What may be done, whoever does it.
#[expect(clippy::struct_excessive_bools, reason = "each is a right of its own, in plain words")]
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Rights {
    /// The roles.
    pub roles: Vec<Name>,
    /// Event types that may be published.
    pub publish: Vec<Pattern>,
    /// Event types that may be received.
    pub subscribe: Vec<Pattern>,
    /// Sinks that it stands for: what the registry routes to one of them may be received too,
    /// whoever it is for, also if it is not broadcast.
    pub routes: Vec<Name>,
    /// Channels that may be published to and received from.
    pub channels: Vec<Pattern>,
    /// Whether the log may be read.
    pub history: bool,
    /// Whether `userId` and `sessionId` of a request choose whom it acts for.
    pub act_as: bool,
    /// Whether audiences, scopes and roles hold nothing back: the single developer of `radial dev`
    /// who acts for nobody in particular.
    pub sees_all: bool,
    /// Whether the measurements of the whole hub may be read.
    pub scrape: bool,
    /// Whether the hub may be operated, and how much of it.
    pub operator: Option<Operator>,
}

/// How much of the hub an operator may operate (protocol §6, the claim `operator`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Operator {
    /// What concerns the operator's own tenant alone.
    Tenant,
    /// The whole hub.
    Hub,
}

/// The credential behind grants, as far as time and revocation need to know it. Never the secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Credential {
    /// What it is.
    pub kind: CredentialKind,
    /// Its own name, by which it can be revoked: a token's `jti`, a key's id.
    pub id: Option<Id>,
    /// Whose it is, if it names a user. Who acts for others (`actAs`) is still this one.
    pub user: Option<UserId>,
    /// Of which of that user's sessions it is, if it names one.
    pub session: Option<SessionId>,
    /// When it was issued, if it says so.
    pub issued: Option<TimeMs>,
    /// From when on it counts no more, if that ever comes.
    pub expires: Option<TimeMs>,
}

/// What a credential is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CredentialKind {
    /// None: `radial dev`, or the program itself that embeds the hub.
    Local,
    /// A signed token, whichever way it came.
    Token,
    /// A server's API key.
    Key,
    /// The answer of a forward-auth URL.
    Forward,
    /// The word of the application that embeds the hub.
    Application,
}

impl Credential {
    /// No credential, which never expires and cannot be revoked.
    pub const LOCAL: Self = Self {
        kind: CredentialKind::Local,
        id: None,
        user: None,
        session: None,
        issued: None,
        expires: None,
    };
}

impl Grants {
    /// The grant of `radial dev`: everything, in one tenant.
    pub fn everything(tenant: TenantId) -> Self {
        Self {
            tenant,
            user: None,
            session: None,
            rights: Arc::new(Rights {
                roles: Vec::new(),
                publish: vec![Pattern::All],
                subscribe: vec![Pattern::All],
                routes: Vec::new(),
                channels: vec![Pattern::All],
                history: true,
                act_as: true,
                sees_all: true,
                scrape: true,
                operator: Some(Operator::Hub),
            }),
            credential: Credential::LOCAL,
        }
    }

    /// No right at all, in one tenant: a beginning for those who grant some.
    ///
    /// ```
    /// # use radial_protocol::{Grants, Pattern, Rights, TenantId};
    /// let rights = Rights {
    ///     subscribe: vec![Pattern::All],
    ///     channels: vec![Pattern::new("board:*").unwrap()],
    ///     ..Rights::default()
    /// };
    /// let tenant = TenantId::new("acme").unwrap();
    /// let reader = Grants { rights: rights.into(), ..Grants::nothing(tenant) };
    /// assert!(reader.rights.publish.is_empty() && !reader.rights.history);
    /// ```
    pub fn nothing(tenant: TenantId) -> Self {
        Self {
            tenant,
            user: None,
            session: None,
            rights: Arc::default(),
            credential: Credential::LOCAL,
        }
    }

    /// The same grants for somebody else; from then on only what that somebody may see is seen.
    ///
    /// Names nobody: the grants as they are. The caller checks `act_as` first.
    #[must_use]
    pub fn acting_for(mut self, user: Option<UserId>, session: Option<SessionId>) -> Self {
        if user.is_some() || session.is_some() {
            let rights = Arc::make_mut(&mut self.rights);
            rights.sees_all = false;
            rights.routes = Vec::new();
            self.user = user;
            self.session = session;
        }
        self
    }

    /// Whether one of the roles is among these.
    pub fn has_any_role(&self, roles: &[Name]) -> bool {
        self.rights.roles.iter().any(|role| roles.contains(role))
    }
}

/// Whether one of the patterns covers the name.
pub fn any_matches(patterns: &[Pattern], name: &str) -> bool {
    patterns.iter().any(|pattern| pattern.matches(name))
}
