//! `/openapi.json` and `/asyncapi.json`: what the hub says of itself. Nothing of a tenant is in it,
//! so no credential is asked for.

use std::sync::{Arc, OnceLock};

use axum::extract::State;
use axum::response::Response;
use bytes::Bytes;
use http::HeaderMap;
use serde_json::Value;

use super::etag;
use crate::app::App;
use crate::openapi::document;

/// The documents, each written when somebody first asks for it.
#[derive(Debug, Default)]
pub(crate) struct Documents {
    openapi: OnceLock<Bytes>,
    asyncapi: OnceLock<Bytes>,
}

pub(crate) async fn openapi(State(app): State<Arc<App>>, headers: HeaderMap) -> Response {
    let text = app.documents.openapi.get_or_init(|| written(&document(&app.limits)));
    etag::bytes_answer(&headers, text.clone(), None)
}

pub(crate) async fn asyncapi(State(app): State<Arc<App>>, headers: HeaderMap) -> Response {
    let write =
        || written(&radial_registry::asyncapi(app.hub.registry(), env!("CARGO_PKG_VERSION")));
    let text = app.documents.asyncapi.get_or_init(write);
    etag::bytes_answer(&headers, text.clone(), None)
}

fn written(document: &Value) -> Bytes {
    serde_json::to_vec(document).expect("a document has string keys only").into()
}
