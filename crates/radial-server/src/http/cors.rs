//! Cross-origin requests: which pages of other origins may read what the hub answers.
//!
//! An origin is named back only if it is on the list of the configuration, or, where no credential
//! is asked for, if it is of this machine; never because it asked. Only with a listed one may the
//! browser send cookies. A page that is not admitted gets no permission; that is all, since what
//! it may do is decided by its credential.

use axum::body::Body;
use axum::response::Response;
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};

/// How long a browser may remember the answer to a preflight.
const MAX_AGE_SECONDS: &str = "600";
/// What a page may send.
const METHODS: &str = "GET, HEAD, POST, DELETE";
/// What the answer to a preflight depends on, besides the origin.
const PREFLIGHT_VARY: &str = "access-control-request-method, access-control-request-headers";
/// With which headers.
const REQUEST_HEADERS: &str = "authorization, content-encoding, content-type, if-none-match, last-event-id, radial-tenant, \
     traceparent";
/// Which headers of an answer a page may read.
const ANSWER_HEADERS: &str = "etag, radial-complete, radial-cursor, radial-gap, ratelimit, ratelimit-policy, retry-after, x-request-id";

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
        headers.insert(header::VARY, allow(PREFLIGHT_VARY));
        response
    })
}

/// Lets the page of this origin read the answer, if there is one that may; `credentials` says
/// whether it may be an answer to the user's cookies.
pub(crate) fn admit(origin: Option<&HeaderValue>, credentials: bool, headers: &mut HeaderMap) {
    headers.append(header::VARY, HeaderValue::from_static("origin"));
    let Some(origin) = origin else {
        // Without the origin's name these would say how to ask for nothing.
        headers.remove(header::ACCESS_CONTROL_ALLOW_METHODS);
        headers.remove(header::ACCESS_CONTROL_ALLOW_HEADERS);
        headers.remove(header::ACCESS_CONTROL_MAX_AGE);
        return;
    };
    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
    headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static(ANSWER_HEADERS));
    if credentials {
        headers.insert(header::ACCESS_CONTROL_ALLOW_CREDENTIALS, HeaderValue::from_static("true"));
    }
}
