//! `GET /api/presence`: who is on channels, as far as it may be seen.

use std::sync::Arc;

use axum::extract::{RawQuery, State};
use axum::response::Response;
use http::HeaderMap;
use radial_hub::{PresenceQuery, Present};
use radial_protocol::ChannelName;
use serde::Serialize;

use super::credential::Caller;
use super::etag;
use super::parameters::Parameters;
use super::refusal::Refusal;
use crate::app::App;

/// The channels of a page unless the request says how many.
const LIMIT_DEFAULT: usize = 100;
/// The most channels of a page.
const LIMIT_MAX: usize = 1_000;

#[derive(Serialize)]
struct Page<'a> {
    channels: &'a [Present],
    /// Where the next page begins: pass it back.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<Next<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Next<'a> {
    after_channel: &'a ChannelName,
}

pub(crate) async fn list(
    State(app): State<Arc<App>>,
    caller: Caller,
    query: RawQuery,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    let mut parameters = Parameters::parse(&query)?;
    let limit = parameters.limit(LIMIT_DEFAULT, LIMIT_MAX)?;
    let after = parameters.parsed("afterChannel")?;
    let channels = parameters.channels(app.limits.filters)?;
    let (user, session) = (parameters.parsed("userId")?, parameters.parsed("sessionId")?);
    parameters.finish()?;
    let grants = caller.acting(user, session)?;
    let page = app.hub.who_is_there(&grants, &PresenceQuery { channels, after, limit })?;
    let last = page.channels.last().filter(|_| page.more);
    let next = last.map(|last| Next { after_channel: &last.channel });
    Ok(etag::answer(&headers, &Page { channels: &page.channels, next }, None))
}
