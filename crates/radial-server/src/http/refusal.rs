//! Refusals: the one place where a problem becomes an HTTP answer.

use axum::body::{Body, Bytes};
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use radial_protocol::problem::RateLimit;
use radial_protocol::{Code, Problem};

/// The header that carries the request id, in every answer and in the log.
pub(crate) const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// What the limits are, and what is left of them.
const RATE_LIMIT_POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");
const RATE_LIMIT: HeaderName = HeaderName::from_static("ratelimit");

/// A problem on its way out of a handler. The guard writes the document, since it knows the
/// request id, and logs it.
pub(crate) struct Refusal(pub(crate) Problem);

impl From<Problem> for Refusal {
    fn from(problem: Problem) -> Self {
        Self(problem)
    }
}

/// Left in the answer's extensions for the guard.
#[derive(Clone)]
struct Pending(Problem);

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let mut response = Response::new(Body::empty());
        response.extensions_mut().insert(Pending(self.0));
        response
    }
}

/// Takes the problem out of an answer that is a refusal.
pub(crate) fn pending(response: &mut Response) -> Option<Problem> {
    response.extensions_mut().remove::<Pending>().map(|Pending(problem)| problem)
}

/// Writes the problem document.
pub(crate) fn answer(problem: &Problem, request_id: &str) -> http::Response<Bytes> {
    let document = serde_json::to_vec(&problem.document(Some(request_id)))
        .expect("a problem has string keys only");
    let mut response = http::Response::new(Bytes::from(document));
    *response.status_mut() = StatusCode::from_u16(problem.code.status())
        .expect("every code has a status between 400 and 599");
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if problem.code == Code::Unauthorized {
        headers
            .insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"radial\""));
    }
    let limit = problem.rate_limit.as_deref();
    let seconds = limit.map(wait_seconds).or_else(|| retry_after_seconds(problem.code));
    if let Some(seconds) = seconds {
        headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    }
    if let Some(limit) = limit {
        tell_limit(limit, headers);
    }
    if problem.code == Code::UpgradeRequired {
        headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
        headers.insert(header::SEC_WEBSOCKET_VERSION, HeaderValue::from_static("13"));
    }
    if problem.code == Code::BodyTimeout {
        // The rest of the body may still come, and is not read.
        headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    response
}

/// Tells a limit in the fields of draft-ietf-httpapi-ratelimit-headers.
pub(crate) fn tell_limit(limit: &RateLimit, headers: &mut HeaderMap) {
    let RateLimit { policy, quota, window_seconds, remaining, .. } = limit;
    let window = match window_seconds {
        0 => String::new(),
        seconds => format!(";w={seconds}"),
    };
    let wait = wait_seconds(limit);
    for (name, value) in [
        (RATE_LIMIT_POLICY, format!("\"{policy}\";q={quota}{window}")),
        (RATE_LIMIT, format!("\"{policy}\";r={remaining};t={wait}")),
    ] {
        headers.insert(name, HeaderValue::from_str(&value).expect("names and numbers are ASCII"));
    }
}

fn wait_seconds(limit: &RateLimit) -> u64 {
    limit.wait_ms.div_ceil(1_000)
}

/// How long a client should wait before it asks again, for those refusals that pass.
fn retry_after_seconds(code: Code) -> Option<u64> {
    match code {
        Code::HubDisabled | Code::LogUnavailable | Code::DiskFull => Some(30),
        Code::Overloaded | Code::Draining | Code::RateLimited => Some(1),
        _ => None,
    }
}
