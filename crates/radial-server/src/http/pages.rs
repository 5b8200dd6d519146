//! The demo board of `radial dev`: files of `web/board`, inside the binary.

use axum::response::{IntoResponse as _, Response};
use http::{HeaderValue, header};
use radial_protocol::{Code, Problem};

use super::path::PathPart;
use super::refusal::Refusal;

/// No script, style, image or connection from anywhere else; no page may frame this one.
const CONTENT_SECURITY_POLICY: &str =
    "default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'";

macro_rules! assets {
    ($($name:literal),* $(,)?) => {
        /// Every file that the page loads, by its name under `/board/`.
        const ASSETS: &[(&str, &str)] =
            &[$(($name, include_str!(concat!("../../../../web/board/", $name))),)*];
    };
}

assets!(
    "board.css",
    "board.js",
    "cards.css",
    "cards.js",
    "drag.js",
    "feed.css",
    "feed.js",
    "hub.js",
    "icon.svg",
    "notices.js",
    "outbox.js",
    "terminal.js",
    "theme.css",
    "view.js",
    "words.js",
);

pub(crate) async fn index() -> Response {
    page("text/html; charset=utf-8", include_str!("../../../../web/board/index.html"))
}

pub(crate) async fn asset(PathPart(file): PathPart<String>) -> Result<Response, Refusal> {
    let found = ASSETS.iter().find(|(name, _)| *name == file);
    match found {
        Some((name, text)) => Ok(page(content_type(name), text)),
        None => Err(Problem::new(Code::NotFound, "the board has no such file").into()),
    }
}

fn content_type(name: &str) -> &'static str {
    match name.rsplit('.').next() {
        Some("css") => "text/css; charset=utf-8",
        Some("js") => "text/javascript; charset=utf-8",
        Some("svg") => "image/svg+xml",
        _ => "text/plain; charset=utf-8",
    }
}

fn page(content_type: &'static str, text: &'static str) -> Response {
    let mut response = text.into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    headers
        .insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(CONTENT_SECURITY_POLICY));
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    // Says to older browsers what frame-ancestors says.
    headers.insert(header::X_FRAME_OPTIONS, HeaderValue::from_static("DENY"));
    headers.insert("cross-origin-opener-policy", HeaderValue::from_static("same-origin"));
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_file_of_the_board_is_in_the_binary() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../web/board");
        let mut files: Vec<String> = std::fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .filter(|name| [".css", ".js", ".svg"].iter().any(|ending| name.ends_with(ending)))
            .collect();
        files.sort();
        let embedded: Vec<&str> = ASSETS.iter().map(|(name, _)| *name).collect();
        assert_eq!(files, embedded);
    }
}
