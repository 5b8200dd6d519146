//! What every request goes through: a request id, the check of `Host` and `Origin`, and the log
//! line of a refusal.
//!
//! While no credential is asked for, the hub serves this machine's own pages and programs only. A
//! page from elsewhere could reach a loopback port through the browser of the person in front of
//! it; it cannot choose the `Host` and `Origin` that the browser sends (protocol §6).

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use http::{HeaderMap, HeaderValue, Method, Uri, header};
use radial_protocol::{Code, Problem};

use super::refusal::{self, REQUEST_ID, Refusal};
use super::{cors, credential};
use crate::app::App;

/// Names one request in its answer and in the log.
#[derive(Clone, Debug)]
pub(crate) struct RequestId(pub(crate) String);

pub(crate) async fn guard(
    State(app): State<Arc<App>>,
    mut request: Request,
    next: Next,
) -> Response {
    let asked = Asked::of(&app, &request);
    request.extensions_mut().insert(asked.id.clone());
    let mut response = match check(request.uri(), request.headers()) {
        Err(problem) => Refusal(problem).into_response(),
        Ok(()) => match cors::preflight(request.method(), request.headers()) {
            Some(answer) => answer,
            None => next.run(request).await,
        },
    };
    let mut origin = asked.origin.as_ref();
    if let Some(problem) = refusal::pending(&mut response) {
        asked.log(&app, &problem);
        response = refusal::answer(&problem, &asked.id.0);
        origin = origin.filter(|_| problem.code != Code::OriginForbidden);
    }
    cors::admit(origin, &mut response);
    let headers = response.headers_mut();
    if let Ok(value) = HeaderValue::from_str(&asked.id.0) {
        headers.insert(REQUEST_ID, value);
    }
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}

/// What is told of a request after it has been given away.
struct Asked {
    id: RequestId,
    tenant: String,
    method: Method,
    path: String,
    origin: Option<HeaderValue>,
}

impl Asked {
    fn of(app: &App, request: &Request) -> Self {
        let tenant = credential::grants(app, request.headers(), None)
            .map_or_else(|_| "-".to_owned(), |grants| grants.tenant.to_string());
        Self {
            id: RequestId(format!("{:016x}", app.hub.runtime().random())),
            tenant,
            method: request.method().clone(),
            path: request.uri().path().chars().take(128).collect(),
            origin: request.headers().get(header::ORIGIN).cloned(),
        }
    }

    fn log(&self, app: &App, problem: &Problem) {
        app.hub.stats().refuse_request(problem.code);
        tracing::info!(
            request = self.id.0,
            tenant = self.tenant,
            method = %self.method,
            path = %self.path.escape_default(),
            code = problem.code.as_str(),
            status = problem.code.status(),
            "refused"
        );
    }
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
