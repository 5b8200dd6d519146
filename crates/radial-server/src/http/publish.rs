//! `POST /api/sse/events`: one event, a batch, or an atomic batch.

use std::net::IpAddr;
use std::sync::Arc;

use axum::Extension;
use axum::body::{Body, Bytes};
use axum::extract::{RawQuery, State};
use axum::response::Response;
use http::request::Parts;
use http::{HeaderMap, StatusCode};
use radial_hub::PublishResult;
use radial_protocol::grants::Grants;
use radial_protocol::problem::RateLimit;
use radial_protocol::{Code, Problem};
use serde::Serialize;

use super::answer::json_bytes;
use super::credential::Caller;
use super::guard::{Arrival, Asked, RequestId};
use super::incoming::{self, Incoming};
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
    let atomic = is_atomic(&query)?;
    let incoming = incoming::read(&app, &headers, body).await?;
    let publish = Publish {
        app: &app,
        caller: &caller,
        address: arrival.address,
        id: &id,
        headers: &headers,
        atomic,
    };
    Ok(publish.answer(incoming).await?.map(Body::from))
}

/// Answers a request that is there as a whole.
///
/// # Errors
/// Whatever a publish is refused for.
pub(super) async fn whole(
    app: &Arc<App>,
    parts: &Parts,
    body: Bytes,
    asked: &Asked,
) -> Result<http::Response<Bytes>, Problem> {
    let caller = Caller::of(app, parts, asked.arrival, asked.told.clone()).await?;
    let atomic = is_atomic(&RawQuery(parts.uri.query().map(str::to_owned)))?;
    let incoming = incoming::of_whole(app, &parts.headers, body)?;
    let publish = Publish {
        app,
        caller: &caller,
        address: asked.arrival.address,
        id: &asked.id,
        headers: &parts.headers,
        atomic,
    };
    publish.answer(incoming).await
}

fn is_atomic(query: &RawQuery) -> Result<bool, Problem> {
    let mut parameters = Parameters::parse(query)?;
    let atomic = parameters.flag("atomic")?;
    parameters.finish()?;
    Ok(atomic)
}

/// A publish whose body has been read.
struct Publish<'a> {
    app: &'a App,
    caller: &'a Caller,
    address: IpAddr,
    id: &'a RequestId,
    headers: &'a HeaderMap,
    atomic: bool,
}

impl Publish<'_> {
    async fn answer(self, incoming: Incoming) -> Result<http::Response<Bytes>, Problem> {
        let Incoming { mut requests, is_batch } = incoming;
        let hub = &self.app.hub;
        let trace = trace::inherit(self.headers, &mut requests);
        let named = requests.iter().flatten().find_map(|request| request.tenant.as_ref());
        let grants = self.caller.grants(named)?;
        tracing::debug!(
            request = self.id.0,
            tenant = %grants.tenant,
            events = requests.len(),
            trace = trace::logged(trace),
            "publish"
        );
        let limit = limit(self.app, &grants, self.address, requests.len())?;
        if !is_batch {
            return match hub.publish(&grants, requests).await?.pop() {
                Some(Ok(accepted)) => Ok(limited(StatusCode::CREATED, &accepted, limit)),
                Some(Err(problem)) => Err(problem),
                None => Err(Problem::new(Code::Internal, "the event was not answered")),
            };
        }
        if self.atomic {
            let accepted = hub.publish_atomic(&grants, requests).await?;
            return Ok(limited(StatusCode::CREATED, &accepted, limit));
        }
        let results = hub.publish(&grants, requests).await?;
        let items: Vec<_> = results.iter().map(Item::of).collect();
        Ok(limited(StatusCode::MULTI_STATUS, &items, limit))
    }
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

fn limited<T: Serialize>(
    status: StatusCode,
    value: &T,
    limit: Option<RateLimit>,
) -> http::Response<Bytes> {
    let mut response = json_bytes(status, value);
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
