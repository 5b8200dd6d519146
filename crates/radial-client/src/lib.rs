//! The Rust client: publish, subscribe, resume.
//!
//! A [`Client`] speaks to one hub. It publishes events ([`Client::publish_raw`]), reads the log by
//! pages ([`Client::events`]) and follows it ([`Client::subscribe`]): a [`Subscription`] comes
//! back after every cut of the connection, resumes at its cursor, and gives each event once. It
//! is a [`futures_core::Stream`] too. What must be acknowledged is ([`Client::acknowledge`]) once
//! it was handled.
//!
//! Events pass through as the text that the hub sent: this crate must never know what is inside
//! `eventData`, nor print, nor read the environment.
//!
//! ```no_run
//! use radial_client::{Client, ClientConfig, Message, SubscribeOptions};
//!
//! # async fn example() -> Result<(), radial_client::ClientError> {
//! let client = Client::new(ClientConfig::at("http://127.0.0.1:7070"))?;
//! let answer = client
//!     .publish_raw(r#"{"eventType":"test:event","eventData":{"n":1}}"#.into(), false)
//!     .await?;
//! println!("{answer:?}");
//!
//! let mut subscription = client.subscribe(SubscribeOptions::default());
//! while let Some(message) = subscription.next().await {
//!     if let Message::Event { json, .. } = message? {
//!         println!("{json}");
//!     }
//! }
//! # Ok(())
//! # }
//! ```

mod acks;
mod admin;
mod backoff;
mod client;
mod error;
mod history;
mod message;
mod place;
mod problem;
mod publish;
mod query;
mod renewal;
pub mod sse;
mod subscription;
mod transport;

pub use acks::{Acknowledged, AcksQuery, Acting};
pub use admin::AdminRequest;
pub use backoff::Backoff;
pub use client::{ANSWER_BYTES_MAX, Client, ClientConfig};
pub use error::ClientError;
pub use history::{EventsPage, EventsQuery};
pub use message::Message;
pub use problem::{ProblemDocument, Violation};
pub use publish::PublishAnswer;
pub use subscription::{Start, SubscribeOptions, Subscription};
