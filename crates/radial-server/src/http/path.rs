//! Parts of a path, refused like everything else when they cannot be read.

use axum::extract::{FromRequestParts, Path};
use http::request::Parts;
use radial_protocol::{Code, Problem};
use serde::de::DeserializeOwned;

use super::refusal::Refusal;

/// What stands in the path at the places that the route names.
pub(crate) struct PathPart<T>(pub(crate) T);

impl<S: Send + Sync, T: DeserializeOwned + Send> FromRequestParts<S> for PathPart<T> {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Refusal> {
        match Path::from_request_parts(parts, state).await {
            Ok(Path(part)) => Ok(Self(part)),
            // Nothing has a name that is not UTF-8.
            Err(_) => Err(Problem::new(Code::NotFound, "the path is not UTF-8").into()),
        }
    }
}
