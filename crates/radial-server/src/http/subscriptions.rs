//! `POST /api/sse/subscriptions`: another filter for an event stream that is open, so that a new
//! component or tab restarts no stream.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::{RawQuery, State};
use axum::response::Response;
use http::{HeaderMap, StatusCode};
use radial_protocol::control::GrantedFilter;
use radial_protocol::filter::Selection;
use radial_protocol::names::{SessionId, UserId};
use radial_protocol::{Code, Problem};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use tokio_util::sync::CancellationToken;

use super::answer::json;
use super::beside::{self, own_connection};
use super::credential::Caller;
use super::parameters::{Parameters, invalid};
use super::refusal::Refusal;
use super::stream::start_of;
use crate::app::App;
use crate::connections::{Change, Transport};

/// How long the stream may take to come to its changes before who asked is answered without.
const PATIENCE: Duration = Duration::from_secs(2);

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Wish {
    #[serde(rename = "connectionId")]
    connection: String,
    #[serde(default)]
    add: OneOrMore,
    #[serde(default)]
    remove: OneOrMore,
    /// For whom, where the credential may act for others.
    #[serde(rename = "userId")]
    user: Option<UserId>,
    #[serde(rename = "sessionId")]
    session: Option<SessionId>,
}

/// One subscription, or a list of them.
#[derive(Deserialize)]
#[serde(untagged)]
enum OneOrMore {
    One(Map<String, Value>),
    More(Vec<Map<String, Value>>),
}

#[derive(Serialize)]
struct Changed {
    /// The union of what the connection asks for now, as it is granted.
    filter: GrantedFilter,
}

pub(crate) async fn change(
    State(app): State<Arc<App>>,
    caller: Caller,
    query: RawQuery,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Refusal> {
    let request = (query, headers, body);
    let whom = |wish: &mut Wish| (wish.user.take(), wish.session.take());
    let (wish, grants) = beside::read(&app, &caller, request, whom).await?;
    let connection = own_connection(&app, &wish.connection, &grants)?;
    let most = app.limits.filters;
    let mut changes = Vec::new();
    for members in wish.remove.all() {
        let mut parameters = Parameters::of_members(members)?;
        let selection = parameters.selection("main", most)?;
        parameters.finish()?;
        changes.push(Change::Remove(selection));
    }
    for members in wish.add.all() {
        let mut parameters = Parameters::of_members(members)?;
        let selection = parameters.selection("main", most)?;
        let start = start_of(&mut parameters, None)?;
        parameters.finish()?;
        changes.push(Change::Add(selection, start));
    }
    let held = connection.grants();
    let wanted = after(connection.wanted().to_vec(), &changes)?;
    let count = |selection: &Selection| selection.channels.len() + selection.types.len();
    if wanted.iter().map(count).sum::<usize>() > most {
        let detail = format!("a connection has at most {most} channels and types together");
        return Err(invalid(&detail).into());
    }
    let filter = app.hub.subscriber_filter(&wanted, &held)?;
    let done = CancellationToken::new();
    changes.push(Change::Done(done.clone()));
    if connection.transport != Transport::Sse || !connection.change(changes, wanted) {
        let detail = "the connection is no event stream, is closing, or has changes to make first";
        return Err(Problem::new(Code::NotFound, detail).into());
    }
    let filter = GrantedFilter { channels: filter.channels(), types: filter.types() };
    // A stream whose client does not read is not waited for: it changes when it gets there.
    let in_effect = tokio::time::timeout(PATIENCE, done.cancelled()).await.is_ok();
    let status = if in_effect { StatusCode::OK } else { StatusCode::ACCEPTED };
    Ok(json(status, &Changed { filter }))
}

/// What a connection asks for when the changes have been made.
fn after(mut wanted: Vec<Selection>, changes: &[Change]) -> Result<Vec<Selection>, Problem> {
    for change in changes {
        match change {
            Change::Add(selection, _) if wanted.contains(selection) => {}
            Change::Add(selection, _) => wanted.push(selection.clone()),
            Change::Remove(selection) => {
                let before = wanted.len();
                wanted.retain(|wanted| wanted != selection);
                if wanted.len() == before {
                    return Err(invalid("there is no subscription with these channels and types"));
                }
            }
            Change::Done(_) => {}
        }
    }
    Ok(wanted)
}

impl Default for OneOrMore {
    fn default() -> Self {
        Self::More(Vec::new())
    }
}

impl OneOrMore {
    fn all(self) -> Vec<Map<String, Value>> {
        match self {
            Self::One(one) => vec![one],
            Self::More(more) => more,
        }
    }
}
