//! The control state: what the hub must remember about itself, whatever happens to it.
//!
//! Each thing that an operator does is an event of the hub's own tenant ([`TenantId::control`]) in
//! the same log as all others. At the start the log is read once, and the state is what its events
//! say; from then on a change acts here first and is stored then, so that a log that takes no
//! writes does not keep an operator from switching off or revoking.
//!
//! Keys are kept as the text that the credential code wrote: this module must never know what is
//! inside a key, nor a secret, nor HTTP.
//!
//! [`TenantId::control`]: radial_protocol::TenantId::control

mod change;
mod keeper;
mod operate;
mod revocations;
mod state;
#[cfg(test)]
mod tests;

pub use change::{Actor, Revocation, Subject};
pub(crate) use keeper::Control;
pub use keeper::ControlError;
pub use operate::{CredentialState, Recorded};
pub use state::Switch;
