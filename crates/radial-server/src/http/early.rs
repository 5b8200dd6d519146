//! The request of an event stream, read before the HTTP library sees it.
//!
//! Most connections carry one such request and become a stream. What the library makes for them to
//! take it apart again is a good part of what connecting costs. Only a request that is plain in
//! every respect is read here, and its bytes stay in the socket: the library reads whatever is not,
//! and answers it.

use axum::body::Body;
use http::{HeaderName, HeaderValue, Method, Request, Version, header};

/// What is looked at. A head that is longer, or not yet whole, is for the library.
pub(super) const BYTES_MAX: usize = 4 * 1024;
const HEADERS_MAX: usize = 32;

/// A request that was read, and the length of its head.
pub(super) struct Early {
    pub(super) request: Request<Body>,
    pub(super) len: usize,
}

/// The request that these bytes begin with, if it asks for one of the paths that `is_stream` knows.
pub(super) fn read(bytes: &[u8], is_stream: impl FnOnce(&str) -> bool) -> Option<Early> {
    if !bytes.starts_with(b"GET /") {
        return None;
    }
    let mut headers = [httparse::EMPTY_HEADER; HEADERS_MAX];
    let mut parsed = httparse::Request::new(&mut headers);
    let Ok(httparse::Status::Complete(len)) = parsed.parse(bytes) else { return None };
    if parsed.version != Some(1) {
        return None;
    }
    let mut request = Request::new(Body::empty());
    *request.method_mut() = Method::GET;
    *request.version_mut() = Version::HTTP_11;
    *request.uri_mut() = parsed.path?.parse().ok()?;
    if !is_stream(request.uri().path()) {
        return None;
    }
    let found = request.headers_mut();
    found.reserve(parsed.headers.len());
    for one in &*parsed.headers {
        let name = HeaderName::from_bytes(one.name.as_bytes()).ok()?;
        if !is_plain(&name, one.value) {
            return None;
        }
        found.append(name, HeaderValue::from_bytes(one.value).ok()?);
    }
    Some(Early { request, len })
}

/// Whether a header asks for nothing that the library would have to do.
fn is_plain(name: &HeaderName, value: &[u8]) -> bool {
    match *name {
        header::CONTENT_LENGTH
        | header::TRANSFER_ENCODING
        | header::EXPECT
        | header::UPGRADE
        | header::TE
        | header::TRAILER => false,
        header::CONNECTION => value.eq_ignore_ascii_case(b"keep-alive"),
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str) -> Option<Early> {
        read(text.as_bytes(), |path| path == "/stream")
    }

    #[test]
    fn a_plain_request_is_read_as_it_is() {
        let text = "GET /stream?channel=a%20b HTTP/1.1\r\nHost: hub\r\nAccept: text/event-stream\r\n\
                    Cookie: a=1\r\ncookie: b=2\r\nConnection: Keep-Alive\r\n\r\n";
        let Early { request, len } = found(&format!("{text}more")).unwrap();
        assert_eq!(len, text.len());
        assert_eq!((request.method(), request.version()), (&Method::GET, Version::HTTP_11));
        assert_eq!(request.uri(), "/stream?channel=a%20b");
        assert_eq!(request.headers()["host"], "hub");
        let cookies: Vec<_> = request.headers().get_all("cookie").iter().collect();
        assert_eq!(cookies, ["a=1", "b=2"]);
    }

    #[test]
    fn whatever_is_not_plain_is_left_to_the_library() {
        let line = "GET /stream HTTP/1.1\r\n";
        let unread = [
            "POST /stream HTTP/1.1\r\n\r\n".to_owned(),
            "HEAD /stream HTTP/1.1\r\n\r\n".to_owned(),
            "GET /other HTTP/1.1\r\n\r\n".to_owned(),
            "GET /stream HTTP/1.0\r\n\r\n".to_owned(),
            "GET http://hub/stream HTTP/1.1\r\n\r\n".to_owned(),
            "GET /stream HTTP/1.1\r\nHost: hub\r\n".to_owned(),
            "GET /stream HTTP/1.1\r\nHo st: hub\r\n\r\n".to_owned(),
            format!("{line}Content-Length: 0\r\n\r\n"),
            format!("{line}Transfer-Encoding: chunked\r\n\r\n"),
            format!("{line}Expect: 100-continue\r\n\r\n"),
            format!("{line}Upgrade: websocket\r\n\r\n"),
            format!("{line}Connection: close\r\n\r\n"),
            format!("{line}Connection: keep-alive, te\r\n\r\n"),
            format!("{line}{}\r\n", "a: b\r\n".repeat(HEADERS_MAX + 1)),
        ];
        for text in unread {
            assert!(found(&text).is_none(), "{text}");
        }
    }
}
