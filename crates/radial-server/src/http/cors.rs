//! Cross-origin requests: pages of other origins on this machine may use the hub (protocol §5, §6).
//!
//! The guard has refused every origin that is not this machine's by the time this is asked, so
//! that naming the origin back is no reflection of a stranger's. Credentials are never allowed.

use axum::body::Body;
use axum::response::Response;
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};

/// How long a browser may remember the answer to a preflight.
const MAX_AGE_SECONDS: &str = "600";
/// What a page may send.
const METHODS: &str = "GET, HEAD, POST";
/// With which headers.
const REQUEST_HEADERS: &str =
    "authorization, content-encoding, content-type, if-none-match, last-event-id, radial-tenant";
/// Which headers of an answer a page may read.
const ANSWER_HEADERS: &str = "etag, radial-cursor, retry-after, x-request-id";

/// The answer to a preflight, if this request is one.
pub(crate) fn preflight(method: &Method, request: &HeaderMap) -> Option<Response> {
    let asks = method == Method::OPTIONS
        && request.contains_key(header::ORIGIN)
        && request.contains_key(header::ACCESS_CONTROL_REQUEST_METHOD);
    asks.then(|| {
        let mut response = Response::new(Body::empty());
        *response.status_mut() = StatusCode::NO_CONTENT;
        let headers = response.headers_mut();
        let allow = |text| HeaderValue::from_static(text);
        headers.insert(header::ACCESS_CONTROL_ALLOW_METHODS, allow(METHODS));
        headers.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, allow(REQUEST_HEADERS));
        headers.insert(header::ACCESS_CONTROL_MAX_AGE, allow(MAX_AGE_SECONDS));
        response
    })
}

/// Lets the page that asked read the answer.
pub(crate) fn admit(origin: Option<&HeaderValue>, response: &mut Response) {
    let headers = response.headers_mut();
    headers.append(header::VARY, HeaderValue::from_static("origin"));
    if let Some(origin) = origin {
        headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
        headers.insert(
            header::ACCESS_CONTROL_EXPOSE_HEADERS,
            HeaderValue::from_static(ANSWER_HEADERS),
        );
    }
}
