//! Answers as they go over the socket.

use std::time::{Duration, UNIX_EPOCH};

use axum::body::Bytes;
use http::Response;
use radial_protocol::TimeMs;

/// Writes answers into a buffer that is used again.
pub(super) struct Writer {
    out: Vec<u8>,
    /// The second of which `date` is.
    second: u64,
    date: String,
}

impl Writer {
    pub(super) fn new() -> Self {
        Self { out: Vec::new(), second: u64::MAX, date: String::new() }
    }

    /// The bytes of an answer that is given now.
    pub(super) fn write(&mut self, answer: &Response<Bytes>, now: TimeMs, is_last: bool) -> &[u8] {
        let second = now.0 / 1_000;
        if self.second != second {
            self.second = second;
            self.date = httpdate::fmt_http_date(UNIX_EPOCH + Duration::from_secs(second));
        }
        let (status, out) = (answer.status(), &mut self.out);
        out.clear();
        out.extend_from_slice(b"HTTP/1.1 ");
        out.extend_from_slice(status.as_str().as_bytes());
        out.push(b' ');
        out.extend_from_slice(status.canonical_reason().unwrap_or_default().as_bytes());
        out.extend_from_slice(b"\r\n");
        for (name, value) in answer.headers() {
            field(out, name.as_str(), value.as_bytes());
        }
        if is_last {
            field(out, "connection", b"close");
        }
        let length = http::HeaderValue::from(answer.body().len());
        field(out, "content-length", length.as_bytes());
        field(out, "date", self.date.as_bytes());
        out.extend_from_slice(b"\r\n");
        out.extend_from_slice(answer.body());
        out
    }
}

fn field(out: &mut Vec<u8>, name: &str, value: &[u8]) {
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(b": ");
    out.extend_from_slice(value);
    out.extend_from_slice(b"\r\n");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_written_whole_and_the_next_one_alone() {
        let mut answer = Response::new(Bytes::from_static(b"{}"));
        *answer.status_mut() = http::StatusCode::CREATED;
        answer.headers_mut().insert("x-a", http::HeaderValue::from_static("1"));
        let mut writer = Writer::new();
        for (now, is_last, expected) in [
            (784_111_777_999, false, "date: Sun, 06 Nov 1994 08:49:37 GMT\r\n"),
            (784_111_778_000, true, "date: Sun, 06 Nov 1994 08:49:38 GMT\r\n"),
        ] {
            let close = if is_last { "connection: close\r\n" } else { "" };
            assert_eq!(
                std::str::from_utf8(writer.write(&answer, TimeMs(now), is_last)).unwrap(),
                format!(
                    "HTTP/1.1 201 Created\r\nx-a: 1\r\n{close}content-length: 2\r\n{expected}\r\n{{}}"
                )
            );
        }
    }
}
