//! Answers in JSON that nobody may keep.

use axum::body::{Body, Bytes};
use axum::response::Response;
use http::{HeaderValue, StatusCode, header};
use serde::Serialize;

/// Writes an answer.
pub(crate) fn json<T: Serialize>(status: StatusCode, value: &T) -> Response {
    json_bytes(status, value).map(Body::from)
}

/// Writes an answer, for whoever wants to see its bytes.
pub(crate) fn json_bytes<T: Serialize>(status: StatusCode, value: &T) -> http::Response<Bytes> {
    let bytes = serde_json::to_vec(value).expect("answers have string keys only");
    let mut response = http::Response::new(Bytes::from(bytes));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
