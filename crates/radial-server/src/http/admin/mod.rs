//! `/api/admin/…`: what operators see and do.
//!
//! The operator of a tenant sees and changes that tenant alone, and cannot tell what of others
//! exists; the operator of the hub everything. The table of routes says which of them a route
//! needs; that is checked before its handler runs.

pub(super) mod acks;
pub(super) mod connections;
pub(super) mod keys;
mod operator;
pub(super) mod revocations;
pub(super) mod switch;
mod text;

pub(super) use operator::{OperatorGrants, require};
use text::checked_text;
