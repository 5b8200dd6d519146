//! Why a command ends without success, and the exit status that says so.

use std::fmt;
use std::io;
use std::process::ExitCode;

use radial_client::ClientError;

/// The end of a command that did not succeed.
#[derive(Debug)]
pub(crate) enum Failure {
    /// What was asked for failed: status 1.
    Failed(String),
    /// Wrong usage, or no hub to speak to: status 2.
    Unusable(String),
    /// Nobody reads standard output any more, as in `radial tail | head`: status 0, in silence.
    ReaderGone,
}

impl Failure {
    /// The same failure with the place where it happened.
    #[must_use]
    pub(crate) fn at(self, place: &str) -> Self {
        match self {
            Self::Failed(text) => Self::Failed(format!("{place}: {text}")),
            Self::Unusable(text) => Self::Unusable(format!("{place}: {text}")),
            Self::ReaderGone => Self::ReaderGone,
        }
    }

    /// The exit status.
    pub(crate) fn exit_code(&self) -> ExitCode {
        match self {
            Self::Failed(_) => ExitCode::from(1),
            Self::Unusable(_) => ExitCode::from(2),
            Self::ReaderGone => ExitCode::SUCCESS,
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Failed(text) | Self::Unusable(text) => f.write_str(text),
            Self::ReaderGone => f.write_str("nobody reads standard output"),
        }
    }
}

impl From<ClientError> for Failure {
    fn from(error: ClientError) -> Self {
        let text = error.to_string();
        match error {
            ClientError::Refused(_) | ClientError::Unavailable { .. } => Self::Failed(text),
            ClientError::Untrusted(_) => {
                Self::Unusable(format!("{text}; name its authority with --ca"))
            }
            ClientError::InvalidConfig(_)
            | ClientError::Network { .. }
            | ClientError::Protocol(_) => Self::Unusable(text),
        }
    }
}

/// For standard output only: other files are named in their errors.
impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::BrokenPipe => Self::ReaderGone,
            _ => Self::Failed(format!("cannot write to standard output: {error}")),
        }
    }
}
