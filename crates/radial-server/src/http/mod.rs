//! HTTP: routes, what every request goes through, and how refusals are written.

pub(crate) mod accept;
mod admin;
mod answer;
mod body;
pub(crate) mod connection;
mod cors;
pub(crate) mod credential;
mod entities;
mod etag;
pub(crate) mod guard;
mod history;
pub(crate) mod origin;
mod pages;
pub(crate) mod parameters;
mod path;
mod poll;
pub(crate) mod proxies;
pub(crate) mod publish;
mod refusal;
mod registry;
mod renew;
pub(crate) mod router;
pub(crate) mod routes;
mod status;
pub(crate) mod stream;
mod tickets;
mod websocket;
