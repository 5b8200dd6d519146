//! The next request in what was read: whole, not yet, or not one that belongs here.

use std::ops::Range;

use axum::body::Bytes;
use bytes::BytesMut;
use http::header::{CONNECTION, CONTENT_LENGTH, EXPECT, TRANSFER_ENCODING, UPGRADE};
use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Uri};

use super::BEGINNING;

/// The most headers that are read here.
const HEADERS_MAX: usize = 32;
/// The largest head that is read here.
const HEAD_BYTES_MAX: usize = 16 * 1024;
/// The largest body that is read here, which is before anybody asks who sends it.
const BODY_BYTES_MAX: usize = 64 * 1024;

/// What stands at the beginning of a buffer.
pub(super) enum Next {
    /// A whole request, which has been taken out.
    Whole(Box<Whole>),
    /// Perhaps the beginning of one, of which so many bytes are missing at least.
    Partial(usize),
    /// Something for the library.
    Foreign,
}

/// A whole request.
pub(super) struct Whole {
    pub(super) parts: Parts,
    pub(super) body: Bytes,
    /// Whether the client wants no answer after its answer.
    pub(super) is_last: bool,
}

/// What is used again for each request of a connection.
#[derive(Default)]
pub(super) struct Spare {
    headers: HeaderMap,
    /// The headers of a request, and where in its head their values stand.
    places: Vec<(HeaderName, Range<usize>)>,
}

impl Spare {
    /// Takes back the headers of a request that has been answered.
    pub(super) fn give_back(&mut self, mut headers: HeaderMap) {
        headers.clear();
        self.headers = headers;
    }
}

/// Takes the next request out, if it is there as a whole.
pub(super) fn next(read: &mut BytesMut, spare: &mut Spare) -> Next {
    if read.iter().zip(BEGINNING).any(|(byte, expected)| byte != expected) {
        return Next::Foreign;
    }
    let mut headers = [httparse::EMPTY_HEADER; HEADERS_MAX];
    let mut request = httparse::Request::new(&mut headers);
    let head_len = match request.parse(read) {
        Ok(httparse::Status::Complete(len)) if len <= HEAD_BYTES_MAX => len,
        Ok(httparse::Status::Partial) if read.len() < HEAD_BYTES_MAX => return Next::Partial(1),
        _ => return Next::Foreign,
    };
    let Some(plain) = Plain::of(&request, read, &mut spare.places) else { return Next::Foreign };
    let missing = (head_len + plain.body_len).saturating_sub(read.len());
    if missing > 0 {
        return Next::Partial(missing);
    }
    let head = read.split_to(head_len).freeze();
    let body = read.split_to(plain.body_len).freeze();
    let is_last = plain.is_last;
    Next::Whole(Box::new(Whole { parts: plain.parts(&head, spare), body, is_last }))
}

/// A request that belongs here.
struct Plain {
    uri: Uri,
    body_len: usize,
    is_last: bool,
}

impl Plain {
    /// `None`: the library knows more about such a one.
    fn of(
        request: &httparse::Request<'_, '_>,
        read: &[u8],
        places: &mut Vec<(HeaderName, Range<usize>)>,
    ) -> Option<Self> {
        if request.method != Some("POST") || request.version != Some(1) {
            return None;
        }
        let target = request.path?;
        let uri = match target.as_bytes().get(BEGINNING.len() - "POST ".len()..)? {
            [] => Uri::from_static("/api/sse/events"),
            [b'?', ..] => target.parse().ok()?,
            _ => return None,
        };
        places.clear();
        let (mut length, mut is_last) = (None, false);
        for header in &*request.headers {
            let name = HeaderName::from_bytes(header.name.as_bytes()).ok()?;
            if name == CONTENT_LENGTH {
                let digits = std::str::from_utf8(header.value).ok()?;
                let is_number = digits.bytes().all(|byte| byte.is_ascii_digit());
                // A second one would be a dispute about where the request ends.
                let first = length.replace(digits.parse().ok().filter(|_| is_number)?);
                first.is_none().then_some(())?;
            }
            if name == CONNECTION {
                is_last |= header.value.eq_ignore_ascii_case(b"close");
                (is_last || header.value.eq_ignore_ascii_case(b"keep-alive")).then_some(())?;
            }
            if [TRANSFER_ENCODING, EXPECT, UPGRADE].contains(&name) {
                return None;
            }
            let start = header.value.as_ptr().addr().checked_sub(read.as_ptr().addr())?;
            places.push((name, start..start + header.value.len()));
        }
        let body_len = length.filter(|length| *length <= BODY_BYTES_MAX)?;
        Some(Self { uri, body_len, is_last })
    }

    fn parts(self, head: &Bytes, spare: &mut Spare) -> Parts {
        let mut request = Request::new(());
        *request.method_mut() = Method::POST;
        *request.uri_mut() = self.uri;
        let headers = request.headers_mut();
        *headers = std::mem::take(&mut spare.headers);
        headers.reserve(spare.places.len());
        for (name, value) in spare.places.drain(..) {
            let value = HeaderValue::from_maybe_shared(head.slice(value));
            headers.append(name, value.expect("the parser lets no other bytes through"));
        }
        request.into_parts().0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: &str = "POST /api/sse/events HTTP/1.1\r\nhost: h\r\n";

    fn request(more: &str, body: &str) -> String {
        format!("{HEAD}{more}content-length: {}\r\n\r\n{body}", body.len())
    }

    #[test]
    fn a_request_is_taken_out_however_it_comes() {
        let whole = request("x-a: 1\r\nX-A:  2 \r\n", "{}") + "POST /api";
        let end = whole.len() - "POST /api".len();
        for len in 0..end {
            let mut read = BytesMut::from(&whole.as_bytes()[..len]);
            let before = read.clone();
            let Next::Partial(missing) = next(&mut read, &mut Spare::default()) else {
                panic!("{len}")
            };
            assert!((1..=end - len).contains(&missing), "{len}: {missing}");
            assert_eq!(read, before, "what is not whole stays");
        }
        let mut read = BytesMut::from(whole.as_bytes());
        let Next::Whole(whole) = next(&mut read, &mut Spare::default()) else {
            panic!("it is whole")
        };
        let Whole { parts, body, is_last } = *whole;
        assert!(!is_last);
        assert_eq!((parts.method, parts.uri.path()), (Method::POST, "/api/sse/events"));
        let values: Vec<_> = parts.headers.get_all("x-a").iter().collect();
        assert_eq!(values, ["1", "2"]);
        assert_eq!(&body[..], b"{}");
        assert_eq!(&read[..], b"POST /api");
    }

    #[test]
    fn what_the_library_knows_more_about_is_left_to_it() {
        let foreign = [
            "GET /api/sse/events HTTP/1.1\r\n\r\n".to_owned(),
            "PRI * HTTP/2.0".to_owned(),
            "POST /api/sse/eventsx HTTP/1.1\r\nhost: h\r\ncontent-length: 0\r\n\r\n".to_owned(),
            "POST /api/sse/events HTTP/1.0\r\nhost: h\r\ncontent-length: 0\r\n\r\n".to_owned(),
            format!("{HEAD}\r\n"),
            format!("{HEAD}transfer-encoding: chunked\r\n\r\n"),
            request("content-length: 2\r\n", "{}"),
            request("Expect: 100-continue\r\n", "{}"),
            request("connection: upgrade, close\r\n", "{}"),
            request("upgrade: h2c\r\n", "{}"),
            request("x\u{0}: 1\r\n", "{}"),
            request("x: \u{1}\r\n", "{}"),
            format!("{HEAD}content-length: +2\r\n\r\n{{}}"),
            format!("{HEAD}content-length: 1048577\r\n\r\n"),
            format!("{HEAD}x: {}\r\n", "x".repeat(HEAD_BYTES_MAX)),
            request(&"x: 1\r\n".repeat(HEADERS_MAX), "{}"),
        ];
        for text in foreign {
            let mut read = BytesMut::from(text.as_bytes());
            assert!(matches!(next(&mut read, &mut Spare::default()), Next::Foreign), "{text}");
            assert_eq!(read, text.as_bytes(), "nothing is taken from it");
        }
        for (connection, expected) in [("Keep-Alive", false), ("Close", true)] {
            let text = request(&format!("connection: {connection}\r\n"), "{}");
            let Next::Whole(whole) =
                next(&mut BytesMut::from(text.as_bytes()), &mut Spare::default())
            else {
                panic!("{text}")
            };
            assert_eq!(whole.is_last, expected, "{text}");
        }
        let query = request("", "{}").replace("events ", "events?atomic=true ");
        let Next::Whole(whole) = next(&mut BytesMut::from(query.as_bytes()), &mut Spare::default())
        else {
            panic!("{query}")
        };
        assert_eq!(whole.parts.uri.query(), Some("atomic=true"));
    }
}
