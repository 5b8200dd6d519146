//! Why a credential counts for nothing: for the log and the metrics, never for who showed it.

/// Why a credential was refused.
///
/// The client reads one and the same answer for all of them: what is wrong with a credential is
/// what somebody who forges one wants to know.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum Refused {
    /// It has not the form of any credential, or is too long.
    #[error("malformed")]
    Malformed,
    /// The key that it names, or needs, is not known.
    #[error("unknown-key")]
    UnknownKey,
    /// It is signed with another algorithm than its key's.
    #[error("wrong-algorithm")]
    WrongAlgorithm,
    /// Its signature, or its secret, is not the right one.
    #[error("wrong-signature")]
    WrongSignature,
    /// Its time is over.
    #[error("expired")]
    Expired,
    /// Its time has not come.
    #[error("not-yet-valid")]
    NotYet,
    /// It is by, or for, somebody else.
    #[error("wrong-issuer")]
    WrongIssuer,
    /// It lacks a claim, or a claim says what cannot be.
    #[error("bad-claims")]
    BadClaims,
    /// It claims more than its issuer may give.
    #[error("beyond-authority")]
    BeyondAuthority,
    /// It was taken back.
    #[error("revoked")]
    Revoked,
}
