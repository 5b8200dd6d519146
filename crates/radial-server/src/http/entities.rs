//! `GET /api/entities/{type}` and `…/{id}`: current state, with the place that it is true at.

use std::sync::Arc;

use axum::extract::{RawQuery, State};
use axum::response::Response;
use http::HeaderMap;
use radial_hub::{EntityPage, EntityQuery};
use radial_protocol::names::{Id, NameError};
use radial_protocol::{ChannelName, Code, Name, Problem};
use serde::Serialize;
use serde_json::value::RawValue;

use super::credential::Caller;
use super::etag;
use super::parameters::{Parameters, invalid};
use super::path::PathPart;
use super::refusal::Refusal;
use super::turns::Turn;
use crate::app::App;

/// The entities of a page unless the request says how many.
const LIMIT_DEFAULT: usize = 1_000;
/// The most entities of a page.
const LIMIT_MAX: usize = 10_000;

/// An entity as it goes over the wire.
#[derive(Serialize)]
struct Wire<'a> {
    channel: &'a ChannelName,
    id: &'a Id,
    version: u64,
    state: &'a RawValue,
}

#[derive(Serialize)]
struct WirePage<'a> {
    entities: Vec<Wire<'a>>,
    /// Where the next page begins: pass both back as `afterChannel` and `afterId`.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<Next<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Next<'a> {
    after_channel: &'a ChannelName,
    after_id: &'a Id,
}

pub(crate) async fn list(
    State(app): State<Arc<App>>,
    caller: Caller,
    PathPart(entity_type): PathPart<String>,
    query: RawQuery,
    headers: HeaderMap,
    turn: Turn,
) -> Result<Response, Refusal> {
    let mut parameters = Parameters::parse(&query)?;
    let limit = parameters.limit(LIMIT_DEFAULT, LIMIT_MAX)?;
    let after = match (parameters.parsed("afterChannel")?, parameters.parsed("afterId")?) {
        (Some(channel), Some(id)) => Some((channel, id)),
        (None, None) => None,
        _ => return Err(invalid("afterChannel and afterId go together").into()),
    };
    let page = read(&app, &caller, parameters, &entity_type, None, after, limit).await?;
    let last = page.entities.last().filter(|_| page.more);
    let next = last.map(|last| Next { after_channel: &last.channel, after_id: &last.entity.id });
    let states = states(&page);
    let entities = page
        .entities
        .iter()
        .zip(&states)
        .map(|(entity, state)| Wire {
            channel: &entity.channel,
            id: &entity.entity.id,
            version: entity.version,
            state,
        })
        .collect();
    Ok(turn.with(etag::answer(&headers, &WirePage { entities, next }, Some(page.cursor))))
}

pub(crate) async fn show(
    State(app): State<Arc<App>>,
    caller: Caller,
    PathPart((entity_type, id)): PathPart<(String, String)>,
    query: RawQuery,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    let parameters = Parameters::parse(&query)?;
    let id = Id::new(&id).map_err(|error| invalid(&format!("the entity's id {error}")))?;
    let page = read(&app, &caller, parameters, &entity_type, Some(id), None, 2).await?;
    let states = states(&page);
    match (&page.entities[..], &states[..]) {
        ([], _) => {
            Err(Problem::new(Code::NotFound, "there is no such entity in the channel").into())
        }
        ([entity], [state]) => {
            let (channel, id) = (&entity.channel, &entity.entity.id);
            let wire = Wire { channel, id, version: entity.version, state };
            Ok(etag::answer(&headers, &wire, Some(page.cursor)))
        }
        _ => Err(invalid("several channels have such an entity; name one with channel").into()),
    }
}

async fn read(
    app: &Arc<App>,
    caller: &Caller,
    mut parameters: Parameters,
    entity_type: &str,
    id: Option<Id>,
    after: Option<(ChannelName, Id)>,
    limit: usize,
) -> Result<EntityPage, Refusal> {
    let name = |error: NameError| invalid(&format!("the entity type {error}"));
    let entity_type = Name::new(entity_type).map_err(name)?;
    let channels = parameters.channels(app.limits.filters)?;
    let (user, session) = (parameters.parsed("userId")?, parameters.parsed("sessionId")?);
    parameters.finish()?;
    let grants = caller.acting(user, session)?;
    let query = EntityQuery { channels, entity_type, id, after, limit };
    let hub = Arc::clone(&app.hub);
    let page = tokio::task::spawn_blocking(move || hub.entities(&grants, &query))
        .await
        .map_err(|_| Problem::new(Code::Internal, "the entities cannot be read"))??;
    Ok(page)
}

/// The states as raw JSON; a page has no tombstones.
fn states(page: &EntityPage) -> Vec<Box<RawValue>> {
    page.entities
        .iter()
        .map(|entity| {
            let state = entity.state.clone().unwrap_or_else(|| "null".to_owned());
            RawValue::from_string(state).expect("the state of an entity is JSON")
        })
        .collect()
}
