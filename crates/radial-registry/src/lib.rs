//! Event types: schemas, policies, versions, compatibility; compiled validators.
//!
//! A registry is read as a whole from a folder, checked as a whole, and then never changes: what
//! is wrong anywhere is reported together, and a hub either has all of it or none. After loading,
//! nothing that a publisher sends makes this crate panic, overflow the stack or run for long:
//! schemas that could are refused before they are compiled.
//!
//! This crate must never know a clock, a network or async code, and does no I/O apart from
//! [`Folder::read`]. A reference to another document is refused, never fetched.
//!
//! ```
//! use radial_registry::Registry;
//! use serde_json::json;
//!
//! let registry = Registry::builtin();
//! let moved = registry.get("card.moved").expect("it is built in");
//! let newest = moved.version(None).expect("it has a version");
//! let violations = newest.validate(&json!({"cardId": "c1"})).expect_err("zone is missing");
//! assert_eq!(violations.len(), 1);
//! assert_eq!(violations[0].message, "lacks the property \"zone\"");
//! ```

mod asyncapi;
mod builtin;
pub mod compatibility;
pub mod duration;
mod error;
mod event_type;
mod file;
mod lint;
mod pointer;
mod policy;
mod presence;
mod problem;
mod registry;
mod schema;
mod suggest;
mod typescript;

pub use asyncapi::asyncapi;
pub use builtin::BUILTIN_FILES;
pub use error::{RegistryError, UnknownVersion};
pub use event_type::{EventType, SchemaVersion};
pub use file::{FILE_BYTES_MAX, FILES_MAX, FOLDER_BYTES_MAX, Folder};
pub use pointer::{POINTER_BYTES_MAX, POINTER_TOKENS_MAX, Pointer, PointerError};
pub use policy::{
    BATCH_DEFAULT, Conflict, DEDUPE_WINDOW_DEFAULT, Dedupe, EntityId, EntityPolicy, Fallback,
    Policy, StateChange,
};
pub use problem::{PROBLEMS_MAX, Problem, Report, Rule, Severity};
pub use registry::{Registry, TYPES_MAX, check};
pub use schema::{
    DATA_DEPTH_MAX, PATTERN_BYTES_MAX, PATTERNS_MAX, SCHEMA_BYTES_MAX, SCHEMA_DEPTH_MAX,
    VIOLATIONS_MAX, Violation,
};
pub use typescript::typescript;
