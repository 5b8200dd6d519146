//! `GET /api/sse/events`: from a request to an open stream.

use std::sync::Arc;

use axum::Extension;
use axum::body::Body;
use axum::extract::{RawQuery, Request, State};
use axum::response::Response;
use http::{HeaderMap, HeaderValue, Method, Version, header};
use radial_hub::{Start, SubscribeRequest};
use radial_protocol::{Code, Problem};

use super::aliases::{self, Preset};
use super::connection::OpenSocket;
use super::credential::Caller;
use super::guard::{Arrival, RequestId};
use super::parameters::{Parameters, invalid};
use super::refusal::Refusal;
use super::takeover::{MayTakeOver, Takeover};
use crate::app::App;
use crate::connections::{SocketCut, Transport};
use crate::transport::life::Opening;
use crate::transport::sse::{Form, SseStream, accepts_gzip};

pub(crate) async fn stream(
    State(app): State<Arc<App>>,
    caller: Caller,
    Extension(RequestId(request)): Extension<RequestId>,
    Extension(arrival): Extension<Arrival>,
    query: RawQuery,
    asked: Request,
) -> Result<Response, Refusal> {
    let (headers, extensions) = (asked.headers(), asked.extensions());
    let mut parameters = Parameters::parse(&query)?;
    let preset = extensions.get::<Arc<Preset>>().map(|preset| &**preset);
    let selection = aliases::selection(&mut parameters, preset, app.limits.filters)?;
    let start = start(&mut parameters, headers)?;
    let named = parameters.flag("named")?;
    let client = parameters.parsed("clientId")?;
    let snapshot = parameters.names("snapshot", app.limits.filters)?;
    let (user, session) = (parameters.parsed("userId")?, parameters.parsed("sessionId")?);
    parameters.ticket()?;
    parameters.finish()?;
    let grants = caller.acting(user, session)?;
    let takes_over = extensions.get::<MayTakeOver>().is_some()
        && asked.version() >= Version::HTTP_11
        && asked.method() != Method::HEAD;
    let mut opening = Opening {
        transport: Transport::Sse,
        client,
        address: arrival.address,
        request,
        socket: extensions.get::<SocketCut>().cloned(),
        cookies: caller.session_cookies(headers),
        permit: app.rates.open(&grants, arrival.address)?,
        open: None,
    };
    let cut = opening.socket.clone();
    let form = Form { named, gzip: app.stream.gzip && accepts_gzip(headers) };
    let mut response = Response::new(Body::empty());
    let request = SubscribeRequest { selection, start, snapshot };
    let subscription = app.hub.subscribe(grants, request).await?;
    // Not before: while it waits, the connection counts the socket. Streams of HTTP/2 share it, and
    // it counts it then too.
    let has_socket = takes_over && asked.version() == Version::HTTP_11;
    opening.open = has_socket.then(|| OpenSocket::taken_over(&app));
    if asked.method() != Method::HEAD {
        let stream = SseStream::open(&app, subscription, opening, form);
        if takes_over {
            let takeover = Takeover::new(|socket, head| Box::new(stream).serve(socket, head, cut));
            response.extensions_mut().insert(takeover);
        } else {
            *response.body_mut() = stream.into_body();
        }
    }
    let answer = response.headers_mut();
    answer.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
    answer.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store, no-transform"));
    if app.stream.gzip {
        answer.append(header::VARY, HeaderValue::from_static("accept-encoding"));
    }
    if form.gzip {
        answer.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    }
    // Asks proxies of the nginx family not to hold frames back.
    answer.insert("x-accel-buffering", HeaderValue::from_static("no"));
    Ok(response)
}

/// Where the stream begins: `Last-Event-ID` wins over `cursor`, which wins over `since`.
///
/// The parameter `lastEventId` stands for the header: what cannot send one adds it to a URL that
/// still has its first `cursor`.
///
/// A header that is no cursor cannot be refused: `EventSource` would never come back. Its stream
/// begins at the head, with a `gap` that says so.
pub(super) fn start(parameters: &mut Parameters, headers: &HeaderMap) -> Result<Start, Problem> {
    // Bytes that are no text are no cursor either.
    let header = headers.get("last-event-id").map(|value| value.to_str().unwrap_or("?"));
    start_of(parameters, header)
}

/// The same where there may be no header.
pub(crate) fn start_of(
    parameters: &mut Parameters,
    header: Option<&str>,
) -> Result<Start, Problem> {
    let cursor = parameters.start_of("cursor")?;
    let parameter = parameters.one("lastEventId")?;
    let since = parameters.time("since")?;
    let mut last_event_ids = [header, parameter.as_deref()].into_iter().flatten();
    if let Some(text) = last_event_ids.find(|text| !text.is_empty()) {
        return Ok(text.parse().map_or(Start::Unknown, Start::After));
    }
    match (cursor, since) {
        (Some(start), _) => Ok(start),
        (None, Some(at)) => Ok(Start::Since(at)),
        (None, None) => Ok(Start::Now),
    }
}

/// A place for those who read pages of the log; `since` may be a time or a cursor.
pub(super) fn since(parameters: &mut Parameters) -> Result<Start, Problem> {
    let Some(text) = parameters.one("since")?.filter(|text| !text.is_empty()) else {
        return Ok(Start::Earliest);
    };
    if text == "earliest" {
        return Ok(Start::Earliest);
    }
    if let Ok(ms) = text.parse() {
        return Ok(Start::Since(radial_protocol::TimeMs(ms)));
    }
    let cursor = text.parse().map_err(|error: radial_protocol::cursor::CursorError| {
        if text.bytes().all(|byte| byte.is_ascii_digit()) {
            invalid("since is a time in milliseconds, or a cursor")
        } else {
            Problem::new(Code::InvalidCursor, format!("since {error}"))
        }
    })?;
    Ok(Start::After(cursor))
}
