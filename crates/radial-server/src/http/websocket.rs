//! `GET /api/ws`: from a request to an open WebSocket (RFC 6455, section 4.2).

use std::sync::Arc;

use axum::Extension;
use axum::body::Body;
use axum::extract::{RawQuery, Request, State};
use axum::response::Response;
use http::{HeaderMap, HeaderValue, StatusCode, header};
use hyper::upgrade::OnUpgrade;
use radial_protocol::{Code, Problem};
use radial_websocket::{Deflate, accept_key};

use super::aliases::Preset;
use super::connection::OpenSocket;
use super::credential::MaybeCaller;
use super::guard::{Arrival, RequestId};
use super::parameters::Parameters;
use super::refusal::Refusal;
use super::takeover::MayTakeOver;
use crate::app::App;
use crate::connections::SocketCut;
use crate::transport::websocket::{Handshake, serve};

/// What a client that speaks this protocol asks for.
const SUBPROTOCOL: &str = "radial.v1";
const VERSION: &str = "13";

pub(crate) async fn open(
    State(app): State<Arc<App>>,
    caller: MaybeCaller,
    Extension(RequestId(request)): Extension<RequestId>,
    Extension(arrival): Extension<Arrival>,
    (socket, may): (Option<Extension<SocketCut>>, Option<Extension<MayTakeOver>>),
    (query, preset): (RawQuery, Option<Extension<Arc<Preset>>>),
    mut asked: Request,
) -> Result<Response, Refusal> {
    let mut parameters = Parameters::parse(&query)?;
    let client = parameters.parsed("clientId")?;
    parameters.ticket()?;
    parameters.finish()?;
    let headers = asked.headers();
    let proof = proof(headers)?;
    let subprotocol = subprotocol(headers)?;
    let deflate = Deflate::agree(&joined(headers, &header::SEC_WEBSOCKET_EXTENSIONS));
    app.hub.check_open()?;
    let permit = match &caller.0 {
        Some(caller) => caller.permit(arrival.address)?,
        None => None,
    };
    let Some(upgrade) = asked.extensions_mut().remove::<OnUpgrade>() else {
        return Err(not_upgraded("this connection cannot become a WebSocket"));
    };
    let cookies = caller.0.as_ref().and_then(|caller| caller.session_cookies(asked.headers()));
    let handshake = Handshake {
        caller: caller.0,
        cookies,
        address: arrival.address,
        permit,
        request,
        client,
        deflate,
        socket: socket.map(|Extension(socket)| socket),
        open: may.map(|_| OpenSocket::taken_over(&app)),
        preset: preset.map(|Extension(preset)| preset),
    };
    app.parking.tasks.spawn({
        let app = Arc::clone(&app);
        async move {
            match upgrade.await {
                Ok(upgraded) => serve(app, handshake, upgraded).await,
                // The client went away before it had the answer.
                Err(error) => tracing::debug!(%error, "a WebSocket was not opened"),
            }
        }
    });
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    let answer = response.headers_mut();
    answer.insert(header::CONNECTION, HeaderValue::from_static("upgrade"));
    answer.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
    insert(answer, header::SEC_WEBSOCKET_ACCEPT, &proof);
    if subprotocol {
        insert(answer, header::SEC_WEBSOCKET_PROTOCOL, SUBPROTOCOL);
    }
    if let Some(deflate) = deflate {
        insert(answer, header::SEC_WEBSOCKET_EXTENSIONS, &deflate.answer());
    }
    Ok(response)
}

/// What proves to the client that it speaks to a WebSocket server.
fn proof(headers: &HeaderMap) -> Result<String, Refusal> {
    if !names(headers, &header::CONNECTION, "upgrade")
        || !names(headers, &header::UPGRADE, "websocket")
    {
        return Err(not_upgraded("open it as a WebSocket: Upgrade: websocket is missing"));
    }
    if joined(headers, &header::SEC_WEBSOCKET_VERSION) != VERSION {
        return Err(not_upgraded("the version of the WebSocket protocol is 13"));
    }
    accept_key(&joined(headers, &header::SEC_WEBSOCKET_KEY))
        .ok_or_else(|| not_upgraded("Sec-WebSocket-Key is 16 bytes in base64"))
}

/// Whether the client asked for our subprotocol; one that asks for others only is refused.
fn subprotocol(headers: &HeaderMap) -> Result<bool, Refusal> {
    let offered = joined(headers, &header::SEC_WEBSOCKET_PROTOCOL);
    if offered.split(',').any(|name| name.trim() == SUBPROTOCOL) {
        return Ok(true);
    }
    if offered.trim().is_empty() {
        return Ok(false);
    }
    let detail = format!("the subprotocol is {SUBPROTOCOL}");
    Err(Refusal(Problem::new(Code::InvalidParameter, detail)))
}

/// All values of a header; those that are no text count as nothing.
fn joined(headers: &HeaderMap, name: &header::HeaderName) -> String {
    let values = headers.get_all(name).iter().filter_map(|value| value.to_str().ok());
    values.collect::<Vec<_>>().join(",")
}

fn names(headers: &HeaderMap, header: &header::HeaderName, token: &str) -> bool {
    joined(headers, header).split(',').any(|found| found.trim().eq_ignore_ascii_case(token))
}

fn not_upgraded(detail: &str) -> Refusal {
    Refusal(Problem::new(Code::UpgradeRequired, detail))
}

fn insert(headers: &mut HeaderMap, name: header::HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        headers.insert(name, value);
    }
}
