//! HTTP: routes, what every request goes through, and how refusals are written.

pub(crate) mod accept;
mod admin;
mod answer;
mod body;
mod connection;
mod cors;
mod credential;
mod entities;
mod etag;
pub(crate) mod guard;
mod history;
pub(crate) mod origin;
mod pages;
mod parameters;
mod path;
mod poll;
pub(crate) mod proxies;
mod publish;
mod refusal;
mod registry;
mod renew;
pub(crate) mod router;
pub(crate) mod routes;
mod status;
mod stream;
mod tickets;
