//! What every request goes through: a request id, its client's address, the check of `Host` and
//! `Origin`, and the log line of a refusal.
//!
//! While no credential is asked for, the hub serves this machine's own pages and programs only. A
//! page from elsewhere could reach a loopback port through the browser of the person in front of
//! it; it cannot choose the `Host` and `Origin` that the browser sends (protocol §6).

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::{Arc, OnceLock};

use axum::body::{Body, Bytes};
use axum::extract::{ConnectInfo, Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use http::{Extensions, HeaderMap, HeaderValue, Method, Uri, header};
use radial_protocol::trace::TraceParent;
use radial_protocol::{Code, Problem, TenantId};

use super::cors;
use super::origin::{OriginVerdict, is_loopback};
use super::proxies::Peer;
use super::refusal::{self, REQUEST_ID, Refusal};
use super::trace;
use crate::app::App;

/// The address of a client that nobody knows the address of.
const UNKNOWN_PEER: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), 0);

/// Names one request in its answer and in the log.
#[derive(Clone, Debug)]
pub(crate) struct RequestId(pub(crate) String);

/// Says whose a request is that came through somebody else's server. Where that does not know
/// (`ConnectInfo` is not there), the address is the unspecified one, and no limit counts by it.
pub(crate) async fn name_peer(
    State(https): State<bool>,
    mut request: Request,
    next: Next,
) -> Response {
    let known = request.extensions().get::<ConnectInfo<SocketAddr>>();
    let address = known.map_or(UNKNOWN_PEER, |ConnectInfo(address)| *address);
    request.extensions_mut().insert(Peer { address, tls: https });
    next.run(request).await
}

/// What is known of a request before anybody has asked who it is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Arrival {
    /// The client's address, as its connection or the trusted proxies say it.
    pub(crate) address: IpAddr,
    /// Whether it came by `https`, to the hub or to a trusted proxy.
    pub(crate) https: bool,
    /// The site that it comes from.
    pub(crate) origin: OriginVerdict,
}

/// What is found out about a request on its way, for the log line of a refusal.
#[derive(Clone, Debug, Default)]
pub(crate) struct Told(Arc<OnceLock<TenantId>>);

impl Told {
    /// The request is one of this tenant.
    pub(crate) fn tenant(&self, tenant: &TenantId) {
        let _ = self.0.set(tenant.clone());
    }
}

pub(crate) async fn guard(
    State(app): State<Arc<App>>,
    mut request: Request,
    next: Next,
) -> Response {
    name_host(&mut request);
    let peer = request.extensions().get::<Peer>().copied();
    let peer = peer.expect("whoever accepts a connection says whose it is");
    let arrival = Arrival::of(&app, peer, request.headers());
    let asked = Asked::of(&app, request.method(), request.uri(), request.headers(), arrival);
    request.extensions_mut().insert(asked.id.clone());
    asked.mark(request.extensions_mut());
    let mut response = match check(&app, request.headers()) {
        Err(problem) => Refusal(problem).into_response(),
        Ok(()) => match cors::preflight(request.method(), request.headers()) {
            Some(answer) => answer,
            None => next.run(request).await,
        },
    };
    if let Some(problem) = refusal::pending(&mut response) {
        response = asked.refusal(&app, &problem).map(Body::from);
    }
    asked.finish(&app, response.headers_mut());
    response
}

/// HTTP/2 names the host in the target; what looks at `Host` need not know that.
fn name_host(request: &mut Request) {
    if !request.headers().contains_key(header::HOST)
        && let Some(authority) = request.uri().authority()
        && let Ok(host) = HeaderValue::from_str(authority.as_str())
    {
        request.headers_mut().insert(header::HOST, host);
    }
}

impl Arrival {
    /// The `Host` header must be there for its own pages to be known.
    pub(super) fn of(app: &App, peer: Peer, headers: &HeaderMap) -> Self {
        let client = app.web.proxies.client(peer, headers);
        Self {
            address: client.address,
            https: client.https,
            origin: app.web.origins.verdict(headers, client.https),
        }
    }
}

/// What is told of a request after it has been given away.
pub(super) struct Asked {
    pub(super) id: RequestId,
    pub(super) arrival: Arrival,
    pub(super) told: Told,
    method: Method,
    uri: Uri,
    origin: Option<HeaderValue>,
    trace: Option<TraceParent>,
}

impl Asked {
    pub(super) fn of(
        app: &App,
        method: &Method,
        uri: &Uri,
        headers: &HeaderMap,
        arrival: Arrival,
    ) -> Self {
        Self {
            id: RequestId(format!("{:016x}", app.hub.runtime().random())),
            arrival,
            told: Told::default(),
            method: method.clone(),
            uri: uri.clone(),
            origin: headers.get(header::ORIGIN).cloned(),
            trace: trace::traceparent(headers),
        }
    }

    /// Leaves with the request what is read where its credential is.
    fn mark(&self, extensions: &mut Extensions) {
        extensions.insert(self.told.clone());
        extensions.insert(self.arrival);
    }

    /// The document of a refusal, which is counted and logged.
    fn refusal(&self, app: &App, problem: &Problem) -> http::Response<Bytes> {
        self.log(app, problem);
        refusal::answer(problem, &self.id.0)
    }

    /// The answer that goes out, for what came of the request.
    pub(super) fn answer(
        &self,
        app: &App,
        result: Result<http::Response<Bytes>, Problem>,
    ) -> http::Response<Bytes> {
        let mut response = result.unwrap_or_else(|problem| self.refusal(app, &problem));
        self.finish(app, response.headers_mut());
        response
    }

    /// Adds what stands in every answer.
    fn finish(&self, app: &App, headers: &mut HeaderMap) {
        let allowed = self.arrival.origin == OriginVerdict::Allowed;
        let origin = self.origin.as_ref().filter(|_| allowed);
        let is_listed = origin.is_some_and(|origin| app.web.origins.lists(origin));
        cors::admit(origin, is_listed, headers);
        if let Ok(value) = HeaderValue::from_str(&self.id.0) {
            headers.insert(REQUEST_ID, value);
        }
        headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        if let Some(hsts) = app.web.hsts.as_ref().filter(|_| self.arrival.https) {
            headers.insert(header::STRICT_TRANSPORT_SECURITY, hsts.clone());
        }
    }

    fn log(&self, app: &App, problem: &Problem) {
        app.hub.stats().refuse_request(problem.code);
        let path: String = self.uri.path().chars().take(128).collect();
        tracing::info!(
            request = self.id.0,
            address = %self.arrival.address,
            tenant = self.told.0.get().map_or("-", TenantId::as_str),
            method = %self.method,
            path = %path.escape_default(),
            trace = trace::logged(self.trace),
            code = problem.code.as_str(),
            status = problem.code.status(),
            "refused"
        );
    }
}

/// While no credential is asked for, only this machine is served.
pub(super) fn check(app: &App, headers: &HeaderMap) -> Result<(), Problem> {
    if !app.web.loopback_only {
        return Ok(());
    }
    let refuse = |what: &str| {
        let detail = format!(
            "{what}: without credentials the hub serves localhost, *.localhost, 127.0.0.0/8 and [::1] only"
        );
        Err(Problem::new(Code::OriginForbidden, detail))
    };
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok());
    if !host.is_some_and(is_loopback) {
        return refuse("the Host header is missing or names another machine");
    }
    let mut origins = headers.get_all(header::ORIGIN).iter();
    if !origins.all(|origin| app.web.origins.admits(origin)) {
        return refuse("the Origin header names another site");
    }
    Ok(())
}
