//! What a session asks for beside its stream, in requests of their own: how they are read, for whom
//! they are, and which open connection they name.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::RawQuery;
use http::HeaderMap;
use radial_protocol::grants::Grants;
use radial_protocol::names::{SessionId, UserId};
use radial_protocol::{Code, Problem};
use serde::de::DeserializeOwned;

use super::body;
use super::credential::{Caller, is_of_same};
use super::parameters::Parameters;
use super::refusal::Refusal;
use crate::app::App;
use crate::connections::{Connection, ConnectionId};

/// For whom a request is, where the credential may act for others.
pub(super) type Whom = (Option<UserId>, Option<SessionId>);

/// Reads a request that has all in its body. `whom` takes out of it for whom it is.
///
/// # Errors
/// Those of its parts, in this order: a query, the body, what is in it, acting for others.
pub(super) async fn read<T: DeserializeOwned>(
    app: &App,
    caller: &Caller,
    (query, headers, body): (RawQuery, HeaderMap, Body),
    whom: impl FnOnce(&mut T) -> Whom,
) -> Result<(T, Arc<Grants>), Refusal> {
    Parameters::parse(&query)?.finish()?;
    let bytes = body::read_json(app, &headers, body).await?;
    let mut wish: T = body::parse(&bytes)?;
    let (user, session) = whom(&mut wish);
    let grants = caller.acting(user, session)?;
    Ok((wish, grants))
}

/// An open connection of the credential's own session.
///
/// # Errors
/// `not-found`.
pub(super) fn own_connection(
    app: &App,
    id: &str,
    grants: &Grants,
) -> Result<Arc<Connection>, Problem> {
    let connection = id.parse::<ConnectionId>().ok().and_then(|id| app.table.get(id));
    let own = connection.filter(|connection| is_of_same(&connection.grants(), grants));
    own.ok_or_else(no_connection)
}

/// Of a stranger's stream, one that has ended and one that never was, the same is said.
pub(super) fn no_connection() -> Problem {
    Problem::new(Code::NotFound, "the credential's session has no such open connection")
}
