//! Publish requests, encoded once; only the ids in them change.

use std::fmt::Write as _;
use std::ops::Range;

use crate::events;

/// What one request holds.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Shape {
    /// 1 is a single event, more are a batch.
    pub(crate) events: usize,
    pub(crate) event_type: &'static str,
    pub(crate) ids_given: bool,
}

/// A request as it goes over the socket.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    bytes: Vec<u8>,
    ids: Vec<Range<usize>>,
}

impl Request {
    /// Encodes a request of who shows this token.
    pub(crate) fn new(shape: Shape, token: &str) -> Self {
        let mut body = String::new();
        let mut ids = Vec::new();
        if shape.events > 1 {
            body.push('[');
        }
        for index in 0..shape.events {
            if index > 0 {
                body.push(',');
            }
            let _ = write!(body, r#"{{"eventType":"{}","#, shape.event_type);
            if shape.ids_given {
                body.push_str(r#""eventId":""#);
                let start = body.len();
                body.push_str(&events::id(0));
                ids.push(start..body.len());
                body.push_str(r#"","#);
            }
            let _ = write!(body, r#""eventData":{}}}"#, events::data());
        }
        if shape.events > 1 {
            body.push(']');
        }
        let head = format!(
            "POST /api/sse/events HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {token}\r\n\
             content-type: application/json\r\ncontent-length: {}\r\n\r\n",
            body.len()
        );
        let moved = |id: Range<usize>| id.start + head.len()..id.end + head.len();
        let ids = ids.into_iter().map(moved).collect();
        Self { bytes: (head + &body).into_bytes(), ids }
    }

    /// Gives every event an id that was not used before.
    pub(crate) fn renew(&mut self, next: &mut u64) {
        for place in &self.ids {
            if let Some(place) = self.bytes.get_mut(place.clone()) {
                write_id(place, *next);
            }
            *next += 1;
        }
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes
    }
}

/// The digits of [`events::id`], without an allocation.
fn write_id(place: &mut [u8], number: u64) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut rest = events::spread(number);
    for byte in place.iter_mut().rev().take(16) {
        *byte = DIGITS.get((rest & 15) as usize).copied().unwrap_or(b'0');
        rest >>= 4;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_batch_has_a_new_id_for_each_event() {
        let mut request =
            Request::new(Shape { events: 2, event_type: "activity:new", ids_given: true }, "t");
        let mut next = 7;
        request.renew(&mut next);
        assert_eq!(next, 9);
        let text = String::from_utf8(request.bytes().to_vec()).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        assert!(head.ends_with(&format!("content-length: {}", body.len())), "{head}");
        let body: serde_json::Value = serde_json::from_str(body).unwrap();
        assert_eq!(body[0]["eventId"], events::id(7));
        assert_eq!(body[1]["eventId"], events::id(8));
        assert_eq!(body[1]["eventData"].to_string().len(), 200);
    }
}
