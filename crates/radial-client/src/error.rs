//! What can go wrong, by what the caller can do about it.

use std::time::Duration;

use crate::problem::ProblemDocument;

/// The cause of a network failure, as the HTTP library reports it.
type Cause = Box<dyn std::error::Error + Send + Sync>;

/// Why a call of the client failed.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// The client was set up wrongly: correct the URL, the token or the tenant.
    #[error("{0}")]
    InvalidConfig(String),
    /// What answers cannot prove that it is the hub: trust its authority, or do not speak to it.
    #[error("the hub's certificate is not trusted: {0}")]
    Untrusted(String),
    /// The hub refused, and will refuse the same request again: change it.
    #[error("{0}")]
    Refused(Box<ProblemDocument>),
    /// The hub refused for now (408, 429, 5xx): try the same request again later.
    #[error("{problem}")]
    Unavailable {
        /// The refusal.
        problem: Box<ProblemDocument>,
        /// How long the hub asked to wait, where it did.
        retry_after: Option<Duration>,
    },
    /// The hub could not be reached, or the connection broke: try again.
    #[error("{context}: {}", innermost(source))]
    Network {
        /// What was being done.
        context: &'static str,
        /// Whether the request may have reached the hub. If not, nothing has happened there.
        maybe_sent: bool,
        /// The cause.
        source: Cause,
    },
    /// The answer is none that a hub gives: this is not a hub, or one of another protocol.
    #[error("{0}")]
    Protocol(String),
}

impl ClientError {
    /// Whether the same request may succeed later.
    pub const fn is_temporary(&self) -> bool {
        matches!(self, Self::Unavailable { .. } | Self::Network { .. })
    }

    /// How long the hub asked to wait, where it did.
    pub const fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Unavailable { retry_after, .. } => *retry_after,
            _ => None,
        }
    }

    /// The refusal, where there is one.
    pub fn problem(&self) -> Option<&ProblemDocument> {
        match self {
            Self::Refused(problem) | Self::Unavailable { problem, .. } => Some(problem),
            _ => None,
        }
    }

    pub(crate) fn timeout(context: &'static str) -> Self {
        let source = "no answer in time".into();
        Self::Network { context, maybe_sent: true, source }
    }
}

/// The last of a chain of causes says what happened; those before it only that something did.
fn innermost(cause: &Cause) -> String {
    let mut innermost: &dyn std::error::Error = &**cause;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    innermost.to_string()
}
