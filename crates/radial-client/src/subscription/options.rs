//! What a subscription asks for.

use crate::query::Query;

/// Where a subscription begins.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Start {
    /// With what comes from now on.
    #[default]
    Live,
    /// With the oldest event that is kept.
    Earliest,
    /// After this cursor.
    Cursor(String),
    /// With the first event received at this time or later, in milliseconds.
    Since(u64),
}

/// What to follow, and how.
#[derive(Clone, Debug)]
pub struct SubscribeOptions {
    /// Channel names and patterns; empty: the hub's default, `main`.
    pub channels: Vec<String>,
    /// Event type patterns; empty: all.
    pub types: Vec<String>,
    /// Where to begin. After the first cut, the last id counts instead.
    pub start: Start,
    /// Whether to come back after a cut. Default true.
    pub reconnect: bool,
    /// Names this client: a newer connection of the same name and session replaces the older.
    pub client_id: Option<String>,
    /// Whom to act for, where the credential allows it.
    pub user_id: Option<String>,
    /// The session to act for, where the credential allows it.
    pub session_id: Option<String>,
}

impl Default for SubscribeOptions {
    fn default() -> Self {
        Self {
            channels: Vec::new(),
            types: Vec::new(),
            start: Start::Live,
            reconnect: true,
            client_id: None,
            user_id: None,
            session_id: None,
        }
    }
}

impl SubscribeOptions {
    /// The path of the stream; `with_start` as long as there is no last id.
    pub(super) fn path(&self, with_start: bool) -> String {
        let mut query = Query::default();
        query.add_list("channels", &self.channels);
        query.add_list("types", &self.types);
        match &self.start {
            _ if !with_start => {}
            Start::Live => {}
            Start::Earliest => query.add("cursor", "earliest"),
            Start::Cursor(cursor) => query.add("cursor", cursor),
            Start::Since(ms) => query.add("since", &ms.to_string()),
        }
        query.add_some("clientId", self.client_id.as_deref());
        query.add_some("userId", self.user_id.as_deref());
        query.add_some("sessionId", self.session_id.as_deref());
        format!("/api/sse/events{}", query.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_start_is_asked_for_until_there_is_an_id() {
        for (start, path) in [
            (Start::Live, "/api/sse/events?channels=board:*"),
            (Start::Earliest, "/api/sse/events?channels=board:*&cursor=earliest"),
            (Start::Cursor("a.1".into()), "/api/sse/events?channels=board:*&cursor=a.1"),
            (Start::Since(7), "/api/sse/events?channels=board:*&since=7"),
        ] {
            let channels = vec!["board:*".to_owned()];
            let options = SubscribeOptions { channels, start, ..SubscribeOptions::default() };
            assert_eq!(options.path(true), path);
            assert_eq!(options.path(false), "/api/sse/events?channels=board:*");
        }
    }
}
