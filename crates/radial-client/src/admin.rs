//! What operators ask of a hub (`/api/admin`, protocol, "Operating").

use bytes::Bytes;
use http::Method;
use serde_json::Value;

use crate::client::Client;
use crate::error::ClientError;

/// What is asked.
#[derive(Clone, Debug)]
pub enum AdminRequest {
    /// To see something.
    Get,
    /// To do something, with what the path takes.
    Post(Value),
    /// To end something.
    Delete,
}

impl Client {
    /// Asks an administrative path, such as `status`; an answer without a body is null.
    ///
    /// # Errors
    /// As every call: a refusal, no hub, or an answer that is none.
    pub async fn admin(&self, path: &str, request: AdminRequest) -> Result<Value, ClientError> {
        let (method, body) = match request {
            AdminRequest::Get => (Method::GET, None),
            AdminRequest::Post(body) => (Method::POST, Some(Bytes::from(body.to_string()))),
            AdminRequest::Delete => (Method::DELETE, None),
        };
        let (_, answer) = self.ask(method, &format!("/api/admin/{path}"), body).await?;
        if answer.is_empty() {
            return Ok(Value::Null);
        }
        serde_json::from_slice(&answer)
            .map_err(|error| ClientError::Protocol(format!("the answer cannot be read: {error}")))
    }
}
