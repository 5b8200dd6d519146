//! Answers that a client may have already: an `ETag` of their bytes, and 304 where it fits.

use axum::body::Body;
use axum::response::Response;
use http::{HeaderMap, HeaderValue, StatusCode, header};
use radial_protocol::Cursor;
use serde::Serialize;
use xxhash_rust::xxh3::xxh3_128;

/// Answers with JSON, or with 304 if the request names its `ETag`.
///
/// The cursor that it is true at goes into `Radial-Cursor`, in a 304 too: the same state may be
/// true at a later place.
pub(crate) fn answer<T: Serialize>(
    request: &HeaderMap,
    value: &T,
    cursor: Option<Cursor>,
) -> Response {
    let bytes = serde_json::to_vec(value).expect("answers have string keys only");
    bytes_answer(request, bytes.into(), cursor)
}

/// The same for JSON that is written already.
pub(crate) fn bytes_answer(
    request: &HeaderMap,
    bytes: bytes::Bytes,
    cursor: Option<Cursor>,
) -> Response {
    let etag = format!("\"{:032x}\"", xxh3_128(&bytes));
    let known = names(request, &etag);
    let mut response = Response::new(if known { Body::empty() } else { Body::from(bytes) });
    if known {
        *response.status_mut() = StatusCode::NOT_MODIFIED;
    }
    let headers = response.headers_mut();
    if !known {
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    }
    // Stored, but asked about each time: it is as private as the credential.
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("private, no-cache"));
    if let Ok(value) = HeaderValue::from_str(&etag) {
        headers.insert(header::ETAG, value);
    }
    if let Some(value) = cursor.and_then(|cursor| HeaderValue::from_str(&cursor.to_string()).ok()) {
        headers.insert("radial-cursor", value);
    }
    response
}

/// Whether `If-None-Match` names this tag (RFC 9110, section 13.1.2: weakly compared).
fn names(request: &HeaderMap, etag: &str) -> bool {
    request
        .get_all(header::IF_NONE_MATCH)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(|tag| tag.trim().trim_start_matches("W/"))
        .any(|tag| tag == etag || tag == "*")
}
