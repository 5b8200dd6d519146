//! What every request goes through: a request id, the check of `Host` and `Origin`, and the log
//! line of a refusal.
//!
//! While no credential is asked for, the hub serves this machine's own pages and programs only. A
//! page from elsewhere could reach a loopback port through the browser of the person in front of
//! it; it cannot choose the `Host` and `Origin` that the browser sends (protocol §6).

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::Response;
use http::{HeaderMap, HeaderValue, Uri, header};
use radial_protocol::{Code, Problem};

use super::credential;
use super::refusal::{self, REQUEST_ID};
use crate::app::App;

/// Names one request in its answer and in the log.
#[derive(Clone, Debug)]
pub(crate) struct RequestId(pub(crate) String);

pub(crate) async fn guard(
    State(app): State<Arc<App>>,
    mut request: Request,
    next: Next,
) -> Response {
    let request_id = format!("{:016x}", app.hub.runtime().random());
    request.extensions_mut().insert(RequestId(request_id.clone()));
    let tenant = credential::grants(&app, request.headers(), None)
        .map_or_else(|_| "-".to_owned(), |grants| grants.tenant.to_string());
    let method = request.method().clone();
    let path = request.uri().path().to_owned();
    let mut response = match check(request.uri(), request.headers()) {
        Ok(()) => next.run(request).await,
        Err(problem) => {
            refusal::answer(&log(&app, problem, &request_id, &tenant, &method, &path), &request_id)
        }
    };
    if let Some(problem) = refusal::pending(&mut response) {
        response =
            refusal::answer(&log(&app, problem, &request_id, &tenant, &method, &path), &request_id);
    }
    if let Ok(value) = HeaderValue::from_str(&request_id) {
        response.headers_mut().insert(REQUEST_ID, value);
    }
    let headers = response.headers_mut();
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}

fn log(
    app: &App,
    problem: Problem,
    request_id: &str,
    tenant: &str,
    method: &http::Method,
    path: &str,
) -> Problem {
    app.hub.stats().refuse_request(problem.code);
    tracing::info!(
        request = request_id,
        tenant,
        method = %method,
        path = %path.chars().take(128).collect::<String>().escape_default(),
        code = problem.code.as_str(),
        status = problem.code.status(),
        "refused"
    );
    problem
}

fn check(uri: &Uri, headers: &HeaderMap) -> Result<(), Problem> {
    let refuse = |what: &str| {
        let detail = format!(
            "{what}: without credentials the hub serves localhost, *.localhost, 127.0.0.0/8 and [::1] only"
        );
        Err(Problem::new(Code::OriginForbidden, detail))
    };
    let host = match headers.get(header::HOST) {
        Some(host) => host.to_str().ok().map(str::to_owned),
        None => uri.authority().map(ToString::to_string),
    };
    if !host.as_deref().is_some_and(is_loopback) {
        return refuse("the Host header is missing or names another machine");
    }
    let mut origins = headers.get_all(header::ORIGIN).iter();
    if !origins.all(|origin| origin.to_str().is_ok_and(is_loopback_origin)) {
        return refuse("the Origin header names another site");
    }
    Ok(())
}

/// `http://localhost:3000` and its like; `null` never.
fn is_loopback_origin(origin: &str) -> bool {
    let authority = origin.strip_prefix("http://").or_else(|| origin.strip_prefix("https://"));
    authority.is_some_and(is_loopback)
}

/// A host, with any port, that is this machine.
fn is_loopback(authority: &str) -> bool {
    let host = match authority.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or_default(),
        None => authority.split(':').next().unwrap_or_default(),
    };
    let host = host.to_ascii_lowercase();
    host == "localhost"
        || host.ends_with(".localhost")
        || host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_this_machine_is_this_machine() {
        for host in [
            "localhost",
            "LOCALHOST:7070",
            "app.localhost:1",
            "127.0.0.1:7070",
            "127.8.9.1",
            "[::1]:7070",
            "[::1]",
        ] {
            assert!(is_loopback(host), "{host}");
        }
        for host in [
            "",
            "example.org",
            "localhost.example.org",
            "127.0.0.1.example.org",
            "10.0.0.1",
            "[::2]",
            "xlocalhost",
            "0.0.0.0",
        ] {
            assert!(!is_loopback(host), "{host}");
        }
        assert!(is_loopback_origin("http://localhost:3000"));
        for origin in ["null", "file://", "http://evil.example", "localhost", "ftp://localhost"] {
            assert!(!is_loopback_origin(origin), "{origin}");
        }
    }
}
