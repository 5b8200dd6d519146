//! The hub over real sockets.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test stops at the first surprise"
)]

mod acks;
mod aliases;
mod behind;
mod bodies;
mod cloudevents;
mod conformance;
mod cors;
mod credentials;
mod documents;
mod drain;
mod early;
mod encrypted;
mod frames;
mod identity;
mod isolation;
mod lane;
mod lifetime;
mod limits;
mod lost;
mod mutation;
mod operate;
mod operators;
mod overload;
mod parked;
mod poll;
mod presence;
mod requests;
mod routed;
mod shared;
mod sockets;
mod stalled;
mod stream;
mod strings;
mod subscriptions;
mod tls;
mod visibility;
mod watched;
mod websocket;
