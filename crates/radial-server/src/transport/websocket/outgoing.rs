//! What the hub says on a WebSocket, as whole frames.

use bytes::Bytes;
use radial_protocol::control::{Control, GoodbyeReason};
use radial_protocol::{Event, Problem};
use radial_websocket::{CloseCode, Deflate, Opcode, deflate, deflate_within, frame};
use serde::Serialize;

use super::operation::OperationId;
use crate::transport::packing::{PACKED_BYTES_MIN, packed};

/// A message of text, compressed where that was agreed and pays.
pub(super) fn text(json: &[u8], agreed: Option<Deflate>) -> Bytes {
    match agreed {
        Some(agreed) if json.len() >= PACKED_BYTES_MIN => {
            let packed = if agreed.has_full_window() {
                deflate(json)
            } else {
                deflate_within(json, agreed.server_window_bits)
            };
            frame(Opcode::Text, true, &packed)
        }
        _ => frame(Opcode::Text, false, json),
    }
}

/// An event. It is compressed once, whatever the number of connections, wherever their window is
/// the full one.
pub(super) fn event(event: &Event, agreed: Option<Deflate>) -> Bytes {
    let shared = agreed.filter(|agreed| agreed.has_full_window()).and_then(|_| packed(event));
    match shared {
        Some(packed) => frame(Opcode::Text, true, packed),
        None => text(event.json_bytes(), agreed),
    }
}

/// A control event: its members, after its name as `op`.
pub(super) fn control(control: &Control) -> String {
    with_op(control.name(), &control.json())
}

/// The answer to an operation that was done.
pub(super) fn done<T: Serialize>(id: Option<&OperationId>, result: Option<&T>) -> String {
    #[derive(Serialize)]
    struct Done<'a, T> {
        #[serde(skip_serializing_if = "Option::is_none")]
        id: Option<&'a OperationId>,
        #[serde(skip_serializing_if = "Option::is_none")]
        result: Option<&'a T>,
    }
    json("ok", &Done { id, result })
}

/// A page of the earlier events of an addition.
pub(super) fn replay(page: &str) -> String {
    with_op("replay", page)
}

/// The answer to a ping.
pub(super) fn pong(id: Option<&OperationId>) -> String {
    #[derive(Serialize)]
    struct Pong<'a> {
        #[serde(skip_serializing_if = "Option::is_none")]
        id: Option<&'a OperationId>,
    }
    json("pong", &Pong { id })
}

/// The answer to an operation that was refused: the members of the problem document. Its
/// `requestId` is the socket's.
pub(super) fn refused(id: Option<&OperationId>, problem: &Problem, request: &str) -> String {
    #[derive(Serialize)]
    struct Refused<'a> {
        #[serde(skip_serializing_if = "Option::is_none")]
        id: Option<&'a OperationId>,
        #[serde(flatten)]
        problem: radial_protocol::problem::Document<'a>,
    }
    json("error", &Refused { id, problem: problem.document(Some(request)) })
}

/// The code that tells the client what to do after a goodbye (protocol §5).
pub(super) fn close_code(reason: GoodbyeReason) -> CloseCode {
    let code = match reason {
        GoodbyeReason::Drain => 4000,
        GoodbyeReason::Slow => 4001,
        GoodbyeReason::Age => 4002,
        GoodbyeReason::Disabled => 4053,
        GoodbyeReason::Expired => 4501,
        GoodbyeReason::Revoked => 4504,
        GoodbyeReason::Replaced => 4509,
    };
    application(code)
}

/// A code of the protocol's own.
pub(super) fn application(code: u16) -> CloseCode {
    CloseCode::of_application(code).expect("the protocol's codes are from 4000 to 4999")
}

fn json<T: Serialize>(op: &str, members: &T) -> String {
    let members = serde_json::to_string(members).expect("answers have string keys only");
    with_op(op, &members)
}

/// Puts `op` before the members of an object.
fn with_op(op: &str, object: &str) -> String {
    match object.strip_prefix('{') {
        Some("}") | None => format!("{{\"op\":\"{op}\"}}"),
        Some(members) => format!("{{\"op\":\"{op}\",{members}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use radial_protocol::Code;

    #[test]
    fn answers_are_objects_with_op() {
        let id = OperationId::Number(3);
        assert_eq!(done::<()>(None, None), r#"{"op":"ok"}"#);
        assert_eq!(done(Some(&id), Some(&[1])), r#"{"op":"ok","id":3,"result":[1]}"#);
        assert_eq!(pong(Some(&id)), r#"{"op":"pong","id":3}"#);
        let refused = refused(Some(&id), &Problem::new(Code::Forbidden, "no"), "r");
        let refused: serde_json::Value = serde_json::from_str(&refused).unwrap();
        assert_eq!((&refused["op"], &refused["id"]), (&"error".into(), &3.into()));
        assert_eq!((&refused["code"], &refused["status"]), (&"forbidden".into(), &403.into()));
    }

    #[test]
    fn only_what_is_long_is_compressed_and_only_where_it_was_agreed() {
        let agreed = Deflate::agree("permessage-deflate");
        let long = vec![b'x'; PACKED_BYTES_MIN];
        assert!(text(&long, agreed).len() < 50);
        assert!(text(&long, None).len() > PACKED_BYTES_MIN);
        assert!(text(&long[1..], agreed).len() > PACKED_BYTES_MIN - 1);
    }
}
