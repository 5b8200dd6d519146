//! `POST /api/sse/events`: one event, a batch, or an atomic batch.

use std::net::IpAddr;
use std::sync::Arc;

use axum::Extension;
use axum::body::Body;
use axum::extract::{RawQuery, State};
use axum::response::Response;
use http::{HeaderMap, StatusCode};
use radial_hub::PublishResult;
use radial_protocol::grants::Grants;
use radial_protocol::problem::RateLimit;
use radial_protocol::{Code, Problem};
use serde::Serialize;

use super::answer::json;
use super::credential::Caller;
use super::guard::{Arrival, RequestId};
use super::incoming::{self, Incoming, Requests};
use super::parameters::Parameters;
use super::refusal::{Refusal, tell_limit};
use super::trace;
use crate::app::App;

pub(crate) async fn publish(
    State(app): State<Arc<App>>,
    caller: Caller,
    (Extension(arrival), Extension(id)): (Extension<Arrival>, Extension<RequestId>),
    query: RawQuery,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Refusal> {
    let mut parameters = Parameters::parse(&query)?;
    let atomic = parameters.flag("atomic")?;
    parameters.finish()?;
    let Incoming { mut requests, is_batch } = incoming::read(&app, &headers, body).await?;
    let trace = trace::inherit(&headers, &mut requests);
    let named = requests.iter().flatten().find_map(|request| request.tenant.as_ref());
    let grants = caller.grants(named)?;
    tracing::debug!(
        request = id.0,
        tenant = %grants.tenant,
        events = requests.len(),
        trace = trace::logged(trace),
        "publish"
    );
    let limit = limit(&app, &grants, arrival.address, requests.len())?;
    if !is_batch {
        return one(&app, &grants, requests, limit).await;
    }
    if atomic {
        let accepted = app.hub.publish_atomic(&grants, requests).await?;
        return Ok(limited(StatusCode::CREATED, &accepted, limit));
    }
    let results = app.hub.publish(&grants, requests).await?;
    let items: Vec<_> = results.iter().map(Item::of).collect();
    Ok(limited(StatusCode::MULTI_STATUS, &items, limit))
}

/// Takes a publish of so many events out of its publisher's rates.
pub(crate) fn limit(
    app: &App,
    grants: &Grants,
    address: IpAddr,
    events: usize,
) -> Result<Option<RateLimit>, Problem> {
    app.rates.publish(grants, address, events, app.hub.runtime().uptime())
}

async fn one(
    app: &App,
    grants: &Arc<Grants>,
    requests: Requests,
    limit: Option<RateLimit>,
) -> Result<Response, Refusal> {
    let result = app.hub.publish(grants, requests).await?.pop();
    match result {
        Some(Ok(accepted)) => Ok(limited(StatusCode::CREATED, &accepted, limit)),
        Some(Err(problem)) => Err(Refusal(problem)),
        None => Err(Refusal(Problem::new(Code::Internal, "the event was not answered"))),
    }
}

fn limited<T: Serialize>(status: StatusCode, value: &T, limit: Option<RateLimit>) -> Response {
    let mut response = json(status, value);
    if let Some(limit) = limit {
        tell_limit(&limit, response.headers_mut());
    }
    response
}

/// One event's answer in a batch.
#[derive(Serialize)]
#[serde(untagged)]
pub(crate) enum Item<'a> {
    Accepted(&'a radial_protocol::answer::Accepted),
    Refused(radial_protocol::problem::Document<'a>),
}

impl<'a> Item<'a> {
    pub(crate) fn of(result: &'a PublishResult) -> Self {
        match result {
            Ok(accepted) => Self::Accepted(accepted),
            Err(problem) => Self::Refused(problem.document(None)),
        }
    }
}
