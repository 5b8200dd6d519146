//! How a credential is carried: headers, cookies, parameters.

use std::net::IpAddr;

use http::request::Parts;
use http::{HeaderMap, HeaderValue, Method, header};
use radial_auth::{Refused, key};
use radial_protocol::{Code, Problem};

use crate::app::App;
use crate::auth::{Shown, Unknown};
use crate::http::guard::Arrival;
use crate::http::origin::OriginVerdict;

/// One and the same for every bad credential: what is wrong with it is for its owner's log.
const UNAUTHORIZED: &str =
    "show a valid credential: Authorization: Bearer, with a token or an API key";
const NO_ANSWER: &str = "the application that knows the session does not answer";
/// The parameter that carries a ticket.
pub(crate) const TICKET: &str = "ticket";
/// The parameter that carries a token, where that is switched on.
pub(crate) const QUERY_TOKEN: &str = "access_token";
/// The paths that a ticket opens.
const STREAMS: &[&str] = &["/api/sse/events", "/api/ws"];

/// What the request shows, unless too much that was bad came from its address lately.
pub(super) async fn judged(
    app: &App,
    parts: &Parts,
    Arrival { address, origin, .. }: Arrival,
) -> Result<Shown, Problem> {
    app.rates.authentication(address, app.hub.runtime().uptime())?;
    let is_sent_on_purpose = parts.headers.contains_key(header::AUTHORIZATION);
    judge(app, shown(app, parts, origin).await, address, is_sent_on_purpose)
}

/// The same for a token or API key that came otherwise than with a request.
pub(super) async fn judged_token(
    app: &App,
    token: &str,
    address: IpAddr,
) -> Result<Shown, Problem> {
    app.rates.authentication(address, app.hub.runtime().uptime())?;
    judge(app, app.auth.bearer(token, &app.hub).await, address, true)
}

fn judge(
    app: &App,
    shown: Result<Shown, Unknown>,
    address: IpAddr,
    is_sent_on_purpose: bool,
) -> Result<Shown, Problem> {
    shown.map_err(|unknown| {
        let is_bad = matches!(unknown, Unknown::Refused(refused) if is_guess(refused));
        if is_bad && is_sent_on_purpose {
            app.rates.authentication_failed(address, app.hub.runtime().uptime());
        }
        no_more(unknown)
    })
}

/// The answer where nobody knows who it is.
pub(super) fn no_more(unknown: Unknown) -> Problem {
    match unknown {
        Unknown::Refused(refused) => unauthorized(refused),
        Unknown::NoAnswer => Problem::new(Code::Overloaded, NO_ANSWER),
    }
}

/// Whether the request shows anything at all, good or bad.
pub(super) fn is_there(app: &App, parts: &Parts) -> bool {
    let origin = parts.extensions.get::<Arrival>().map(|arrival| arrival.origin);
    parts.headers.contains_key(header::AUTHORIZATION)
        || (is_stream(app, parts) && parameter(parts, TICKET).is_some())
        || parameter(parts, QUERY_TOKEN).is_some()
        || (origin.is_some_and(|origin| cookies_count(parts, origin))
            && app.auth.reads_cookies()
            && parts.headers.contains_key(header::COOKIE))
}

/// Whether a credential might be one of many guesses. One that was good once is none: browsers
/// that wake up with it must not lock out the others behind their address.
fn is_guess(refused: Refused) -> bool {
    match refused {
        Refused::Malformed | Refused::WrongAlgorithm | Refused::WrongSignature => true,
        // The key may be a new one that the hub has not fetched yet.
        Refused::UnknownKey
        | Refused::Expired
        | Refused::NotYet
        | Refused::WrongIssuer
        | Refused::BadClaims
        | Refused::BeyondAuthority
        | Refused::Revoked => false,
    }
}

/// What the request shows. The first that is there counts, and no other: a bearer, a ticket, a
/// token in the URL, a cookie that holds a token, and then whatever the application knows the
/// cookies by.
async fn shown(app: &App, parts: &Parts, origin: OriginVerdict) -> Result<Shown, Unknown> {
    let mut authorizations = parts.headers.get_all(header::AUTHORIZATION).iter();
    match (authorizations.next(), authorizations.next()) {
        (Some(value), None) if !is_for_application(app, value) => {
            let bearer = value.to_str().ok().and_then(bearer).ok_or(Refused::Malformed)?;
            return app.auth.bearer(bearer, &app.hub).await;
        }
        (Some(_), Some(_)) => return Err(Refused::Malformed.into()),
        (Some(_), None) => return app.auth.application(head_for_application(parts, origin)).await,
        (None, _) => {}
    }
    if is_stream(app, parts)
        && let Some(ticket) = parameter(parts, TICKET)
    {
        return app.auth.ticket(ticket, &app.hub);
    }
    if app.auth.asks_application() {
        return app.auth.application(head_for_application(parts, origin)).await;
    }
    if let Some(token) = parameter(parts, QUERY_TOKEN) {
        if !app.auth.query_tokens {
            return Err(Refused::Malformed.into());
        }
        return app.auth.token(token, &app.hub).await;
    }
    if !cookies_count(parts, origin) {
        return Err(Refused::Malformed.into());
    }
    if let Some(token) = cookie(app, &parts.headers)? {
        return app.auth.token(token, &app.hub).await;
    }
    let cookies: Vec<_> = parts.headers.get_all(header::COOKIE).iter().cloned().collect();
    if cookies.is_empty() {
        return Err(Refused::Malformed.into());
    }
    app.auth.cookies(&cookies, &app.hub).await
}

/// Whether the application around the hub is asked about this `Authorization`: the hub knows its
/// own API keys.
fn is_for_application(app: &App, value: &HeaderValue) -> bool {
    let key = value.to_str().ok().and_then(bearer).filter(|text| text.starts_with(key::PREFIX));
    app.auth.asks_application() && key.is_none()
}

/// What the application is shown of a request: no cookies that a page of another site made the
/// browser send.
fn head_for_application(parts: &Parts, origin: OriginVerdict) -> Parts {
    let mut parts = parts.clone();
    if !cookies_count(&parts, origin) {
        parts.headers.remove(header::COOKIE);
    }
    parts
}

/// A ticket opens a stream, and nothing else.
fn is_stream(app: &App, parts: &Parts) -> bool {
    let path = parts.uri.path();
    let is_alias = || app.aliases.iter().any(|alias| alias.path == path);
    parts.method == Method::GET && (STREAMS.contains(&path) || is_alias())
}

/// A parameter of the URL. Tokens and tickets have no character that would be escaped.
fn parameter<'a>(parts: &'a Parts, name: &str) -> Option<&'a str> {
    let pairs = parts.uri.query()?.split('&').filter_map(|pair| pair.split_once('='));
    pairs.filter(|(found, _)| *found == name).map(|(_, value)| value).next()
}

/// Whether a browser sent its cookies for its user: not because a page of another site asked for
/// it (protocol §6).
fn cookies_count(parts: &Parts, origin: OriginVerdict) -> bool {
    let is_handshake = parts.headers.contains_key(header::UPGRADE);
    let is_safe = matches!(parts.method, Method::GET | Method::HEAD) && !is_handshake;
    match origin {
        OriginVerdict::Own | OriginVerdict::Allowed => true,
        OriginVerdict::Absent => is_safe,
        OriginVerdict::Foreign => false,
    }
}

/// The token in the cookie. Two cookies of its name are refused: a neighbouring site can set one.
fn cookie<'a>(app: &App, headers: &'a HeaderMap) -> Result<Option<&'a str>, Refused> {
    let Some(name) = &app.auth.cookie else { return Ok(None) };
    let values = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
    let pairs = values.flat_map(|value| value.split(';')).filter_map(|pair| pair.split_once('='));
    let mut found = pairs.filter(|(found, _)| found.trim() == name).map(|(_, value)| value.trim());
    match (found.next(), found.next()) {
        (Some(_), Some(_)) => Err(Refused::Malformed),
        (found, _) => Ok(found),
    }
}

/// The credential in `Bearer …`; the scheme is written in any case (RFC 9110, section 11.1).
fn bearer(value: &str) -> Option<&str> {
    let (scheme, credential) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| credential.trim_start_matches(' '))
}

/// The answer to every credential that does not count; the reason goes to the log alone.
pub(super) fn unauthorized(refused: Refused) -> Problem {
    tracing::debug!(reason = %refused, "the credential does not count");
    Problem::new(Code::Unauthorized, UNAUTHORIZED)
}
