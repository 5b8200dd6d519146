//! Acknowledgements: saying that events were handled, and asking who has said so.

use bytes::Bytes;
use http::Method;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::client::Client;
use crate::error::ClientError;
use crate::query::Query;

/// What acknowledgements came to.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Acknowledged {
    /// These come no more.
    pub acknowledged: Vec<String>,
    /// These are not the session's to acknowledge: nothing was done.
    pub not_owed: Vec<String>,
}

/// For whom, where the credential may act for others.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Acting {
    /// The user.
    pub user_id: Option<String>,
    /// The session.
    pub session_id: Option<String>,
}

/// Which sessions are asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AcksQuery {
    /// Only those in this state: `acknowledged`, `owed`, `ended` or `unknown`.
    pub state: Option<String>,
    /// Only those after this one.
    pub after: Acting,
    /// At most so many.
    pub limit: Option<usize>,
}

impl Client {
    /// Acknowledges events, 1 to 1,000 of them. Resolves once that is on stable storage. Saying it
    /// again is no harm.
    ///
    /// # Errors
    /// As every call. After an error the events may come again, and it may be said again.
    pub async fn acknowledge(
        &self,
        event_ids: &[String],
        acting: &Acting,
    ) -> Result<Acknowledged, ClientError> {
        let mut body = json!({"eventIds": event_ids});
        let named = [("userId", &acting.user_id), ("sessionId", &acting.session_id)];
        if let Value::Object(members) = &mut body {
            let named = named.into_iter().filter_map(|(name, id)| Some((name, id.as_ref()?)));
            members.extend(named.map(|(name, id)| (name.to_owned(), json!(id))));
        }
        let body = Bytes::from(body.to_string());
        let (_, answer) = self.ask(Method::POST, "/api/sse/acks", Some(body)).await?;
        serde_json::from_slice(&answer).map_err(|error| unreadable(&error))
    }

    /// Who has acknowledged an event, and who has not: for operators.
    ///
    /// # Errors
    /// As every call.
    pub async fn acks_of(&self, event_id: &str, query: &AcksQuery) -> Result<Value, ClientError> {
        let mut text = Query::default();
        text.add("eventId", event_id);
        text.add_some("state", query.state.as_deref());
        text.add_some("afterUserId", query.after.user_id.as_deref());
        text.add_some("afterSessionId", query.after.session_id.as_deref());
        text.add_some("limit", query.limit.map(|limit| limit.to_string()).as_deref());
        let path = format!("/api/admin/acks{}", text.as_str());
        let (_, answer) = self.ask(Method::GET, &path, None).await?;
        serde_json::from_slice(&answer).map_err(|error| unreadable(&error))
    }
}

fn unreadable(error: &serde_json::Error) -> ClientError {
    ClientError::Protocol(format!("the answer cannot be read: {error}"))
}
