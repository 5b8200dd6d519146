//! Reading the log by pages (`GET /api/events`, protocol §2).

use http::Method;
use radial_protocol::Cursor;
use radial_protocol::control::Gap;
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::client::Client;
use crate::error::ClientError;
use crate::query::Query;

/// What is asked of the log; everything that is left out does not restrict.
#[derive(Clone, Debug, Default)]
pub struct EventsQuery {
    /// Channel names and patterns.
    pub channels: Vec<String>,
    /// Event type patterns.
    pub types: Vec<String>,
    /// Where to begin: a time in milliseconds, a cursor, or nothing for the oldest event.
    pub since: Option<String>,
    /// Only events received before this time, in milliseconds.
    pub until: Option<u64>,
    /// The most events in one page; the hub has its own limit too.
    pub limit: Option<usize>,
    /// Only events of this correlation.
    pub correlation_id: Option<String>,
    /// Only events of this user.
    pub user_id: Option<String>,
    /// Only events of this session.
    pub session_id: Option<String>,
}

/// A page of the log.
#[derive(Debug, Deserialize)]
pub struct EventsPage {
    /// The delivered JSON of each event, in log order.
    pub events: Vec<Box<RawValue>>,
    /// Where the next page begins: its `since`.
    pub cursor: Cursor,
    /// Whether nothing that matches can follow yet.
    pub complete: bool,
    /// The first stretch that could not be read.
    #[serde(default)]
    pub gap: Option<Gap>,
}

impl EventsQuery {
    fn path(&self) -> String {
        let mut query = Query::default();
        for channel in &self.channels {
            query.add("channel", channel);
        }
        query.add_list("types", &self.types);
        query.add_some("since", self.since.as_deref());
        query.add_some("until", self.until.map(|ms| ms.to_string()).as_deref());
        query.add_some("limit", self.limit.map(|limit| limit.to_string()).as_deref());
        query.add_some("correlationId", self.correlation_id.as_deref());
        query.add_some("userId", self.user_id.as_deref());
        query.add_some("sessionId", self.session_id.as_deref());
        format!("/api/events{}", query.as_str())
    }
}

impl Client {
    /// Reads one page of the log.
    ///
    /// # Cancel safety
    /// Nothing is lost when the future is dropped.
    pub async fn events(&self, query: &EventsQuery) -> Result<EventsPage, ClientError> {
        let (_, answer) = self.ask(Method::GET, &query.path(), None).await?;
        serde_json::from_slice(&answer).map_err(|error| {
            ClientError::Protocol(format!("the page of events cannot be read: {error}"))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_query_names_what_is_asked_and_nothing_else() {
        assert_eq!(EventsQuery::default().path(), "/api/events");
        let query = EventsQuery {
            channels: vec!["board:1".into(), "chat:*".into()],
            types: vec!["card.*".into(), "activity:new".into()],
            since: Some("AAAAAAAAAAA.3".into()),
            until: Some(9),
            limit: Some(10),
            ..EventsQuery::default()
        };
        assert_eq!(
            query.path(),
            "/api/events?channel=board:1&channel=chat:*&types=card.*,activity:new&since=AAAAAAAAAAA.3&until=9&limit=10"
        );
    }

    #[test]
    fn the_text_of_events_is_kept() {
        let answer = r#"{"events":[{"n": 1.0},{}],"cursor":"AAAAAAAAAAA.3","complete":true}"#;
        let page: EventsPage = serde_json::from_str(answer).unwrap();
        assert_eq!(page.events[0].get(), r#"{"n": 1.0}"#);
        assert!(page.complete && page.gap.is_none());
    }
}
