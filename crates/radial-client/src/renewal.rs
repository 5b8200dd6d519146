//! A newer credential for a stream that is open (protocol, "Renewing a credential").

use bytes::Bytes;
use http::Method;
use serde_json::{Map, Value};

use crate::client::Client;
use crate::error::ClientError;
use crate::subscription::SubscribeOptions;

/// Gives an open connection the client's credential of now.
pub(crate) async fn renew(
    client: &Client,
    connection_id: &str,
    options: &SubscribeOptions,
) -> Result<(), ClientError> {
    let members = [
        ("connectionId", Some(connection_id)),
        ("userId", options.user_id.as_deref()),
        ("sessionId", options.session_id.as_deref()),
    ];
    let members = members.into_iter().filter_map(|(name, value)| Some((name, value?)));
    let body: Map<String, Value> =
        members.map(|(name, value)| (name.to_owned(), Value::from(value))).collect();
    let body = Bytes::from(Value::Object(body).to_string());
    client.ask(Method::POST, "/api/auth/renew", Some(body)).await.map(drop)
}
