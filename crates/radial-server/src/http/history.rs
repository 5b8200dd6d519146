//! `GET /api/events`: pages of the log.

use std::sync::Arc;

use axum::extract::{RawQuery, State};
use axum::response::Response;
use bytes::BytesMut;
use http::{HeaderMap, HeaderValue, header};
use radial_hub::{HistoryPage, HistoryQuery};
use radial_protocol::{Code, Problem, cloudevents};

use super::credential::Caller;
use super::etag;
use super::negotiation::{self, Shape};
use super::parameters::{Parameters, invalid};
use super::refusal::Refusal;
use super::stream::since;
use super::turns::Turn;
use crate::app::App;

/// The events of a page unless the request says how many.
const LIMIT_DEFAULT: usize = 100;
/// The most events of a page.
const LIMIT_MAX: usize = 1_000;

pub(crate) async fn history(
    State(app): State<Arc<App>>,
    caller: Caller,
    query: RawQuery,
    headers: HeaderMap,
    turn: Turn,
) -> Result<Response, Refusal> {
    let mut parameters = Parameters::parse(&query)?;
    let channel: Vec<String> = parameters.all("channel");
    let mut selection = parameters.selection("*", app.limits.filters)?;
    if !channel.is_empty() {
        selection.channels = channel
            .iter()
            .map(|text| text.parse().map_err(|error| invalid(&format!("channel: {error}"))))
            .collect::<Result<_, Problem>>()?;
    }
    let query = HistoryQuery {
        selection,
        start: since(&mut parameters)?,
        until: parameters.time("until")?,
        limit: parameters.limit(LIMIT_DEFAULT, LIMIT_MAX)?,
        correlation_id: parameters.parsed("correlationId")?,
        user: parameters.parsed("userId")?,
        session: parameters.parsed("sessionId")?,
    };
    parameters.finish()?;
    let grants = caller.grants(None)?;
    let hub = Arc::clone(&app.hub);
    let page = tokio::task::spawn_blocking(move || hub.history(&grants, &query))
        .await
        .map_err(|_| Problem::new(Code::Internal, "the log cannot be read"))??;
    let mut response = match negotiation::wanted(&headers) {
        Shape::Page => answer(&headers, &page),
        Shape::CloudEvents => cloud_events(&headers, &page),
    };
    response.headers_mut().append(header::VARY, HeaderValue::from_static("accept"));
    Ok(turn.with(response))
}

/// A batch of `CloudEvents` is an array, so the rest of the page is in headers.
fn cloud_events(request: &HeaderMap, page: &HistoryPage) -> Response {
    let mut json = String::from("[");
    for (index, event) in page.events.iter().enumerate() {
        if index > 0 {
            json.push(',');
        }
        json.push_str(&cloudevents::json(event));
    }
    json.push(']');
    let mut response = etag::bytes_answer(request, json.into(), Some(page.cursor));
    let headers = response.headers_mut();
    if headers.contains_key(header::CONTENT_TYPE) {
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(negotiation::CLOUD_EVENTS));
    }
    let complete = if page.complete { "true" } else { "false" };
    headers.insert("radial-complete", HeaderValue::from_static(complete));
    if let Some(gap) = &page.gap {
        let gap = serde_json::to_string(gap).expect("a gap has string keys only");
        let gap = HeaderValue::from_str(&gap).expect("a gap has words and cursors only");
        headers.insert("radial-gap", gap);
    }
    response
}

/// The events are their delivered bytes, put together without parsing them again.
fn answer(request: &HeaderMap, page: &HistoryPage) -> Response {
    let mut json = BytesMut::from(&b"{\"events\":["[..]);
    for (index, event) in page.events.iter().enumerate() {
        if index > 0 {
            json.extend_from_slice(b",");
        }
        json.extend_from_slice(&event.json());
    }
    let rest = format!("],\"cursor\":\"{}\",\"complete\":{}", page.cursor, page.complete);
    json.extend_from_slice(rest.as_bytes());
    if let Some(gap) = &page.gap {
        let gap = serde_json::to_string(gap).expect("a gap has string keys only");
        json.extend_from_slice(format!(",\"gap\":{gap}").as_bytes());
    }
    json.extend_from_slice(b"}");
    etag::bytes_answer(request, json.freeze(), Some(page.cursor))
}
