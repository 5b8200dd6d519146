//! HTTP: routes, what every request goes through, and how refusals are written.

pub(crate) mod accept;
mod body;
mod cors;
mod credential;
mod entities;
mod etag;
mod guard;
mod history;
mod pages;
mod parameters;
mod path;
mod publish;
mod refusal;
mod registry;
pub(crate) mod router;
pub(crate) mod routes;
mod status;
mod stream;
