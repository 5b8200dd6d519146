//! The HTTP surface as a document of OpenAPI 3.1.
//!
//! The rows come from the table of routes, the refusals from the problem codes and the sizes from
//! the limits, so that only what a handler takes and gives is written down here. A route without a
//! description fails a test, and a run of Schemathesis compares the document with a hub.

#![allow(clippy::indexing_slicing, reason = "members are written into objects made here")]

mod acks;
mod describe;
mod operation;
mod reading;
mod schemas;
mod words;

#[cfg(test)]
mod tests;

pub use self::describe::document;
