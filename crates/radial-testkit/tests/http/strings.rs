//! Strings that would break a frame, a line of a log or a page if somebody let them.
//!
//! Each goes into each field, once with escapes and once as it is. What is accepted must come out
//! of a stranger's stream as exactly one frame with an equal value.

use std::fmt::Write as _;

use radial_testkit::Frame;
use radial_testkit::wire::request;
use serde_json::{Value, json};

use crate::watched::{Watched, assert_problem};

const HOSTILE: [&str; 14] = [
    "a\r\nb",
    "\n\ndata: forged\n\n",
    "\r",
    "a\0b",
    "a\u{2028}b\u{2029}",
    "a\u{85}b",
    "\u{7f}\u{1b}[31m",
    "\u{feff}a",
    "a\tb",
    "</script><!-- \" ' \\ -->",
    "\u{202e}desrever",
    "😀\u{fffd}\u{10ffff}",
    " ",
    "$hub/../%00",
];

/// The pointers to every string of an envelope.
const FIELDS: [&str; 13] = [
    "/eventType",
    "/eventId",
    "/version",
    "/sessionId",
    "/userId",
    "/channel",
    "/correlationId",
    "/causationId",
    "/audience/users/0",
    "/audience/sessions/0",
    "/audience/roles/0",
    "/eventData/userId",
    "/eventData/deep/0/x",
];

fn envelope() -> Value {
    json!({
        "eventType": "user.updated", "eventData": {"userId": "u", "deep": [{"x": "x"}]},
        "eventId": "e", "version": "1", "sessionId": "s", "userId": "u", "channel": "main",
        "correlationId": "c", "causationId": "d",
        "audience": {"users": ["u"], "sessions": ["s"], "roles": ["r"]},
    })
}

/// JSON with every character beyond ASCII as an escape.
fn escaped(value: &Value) -> String {
    let mut text = String::new();
    let mut units = [0; 2];
    for c in value.to_string().chars() {
        if c.is_ascii() {
            text.push(c);
        } else {
            for unit in c.encode_utf16(&mut units) {
                let _ = write!(text, "\\u{unit:04x}");
            }
        }
    }
    text
}

#[tokio::test]
async fn a_hostile_string_in_any_field_is_refused_or_comes_out_as_one_frame() {
    let mut watched = Watched::start(&[]).await;
    let (mut accepted, mut refused) = (0, 0);
    for (field_no, field) in FIELDS.into_iter().enumerate() {
        for (string_no, hostile) in HOSTILE.into_iter().enumerate() {
            let mut event = envelope();
            event["eventId"] = json!(format!("e-{field_no}-{string_no}"));
            *event.pointer_mut(field).unwrap() = json!(hostile);
            for (form, body) in [("as it is", event.to_string()), ("escaped", escaped(&event))] {
                let what = format!("{hostile:?} in {field}, {form}");
                let headers = [("content-type", "application/json")];
                let address = watched.hub.address();
                let path = "/api/sse/events";
                let answer = request(address, "POST", path, &headers, body.as_bytes()).await;
                let answer = answer.unwrap();
                if answer.status != 201 {
                    let code = answer.json().unwrap()["code"].as_str().unwrap().to_owned();
                    assert_problem(&what, &answer, answer.status, &code);
                    assert!((400..500).contains(&answer.status), "{what}");
                    refused += 1;
                    continue;
                }
                // The other form of the same id is the same event.
                if answer.json().unwrap()["duplicate"] == true {
                    assert_eq!(form, "escaped", "{what}");
                    continue;
                }
                accepted += 1;
                let delivered = watched.next_event(&what).await;
                for pointer in FIELDS.into_iter().filter(|pointer| !pointer.contains("audience")) {
                    assert_eq!(delivered.pointer(pointer), event.pointer(pointer), "{what}");
                }
            }
        }
        watched.assert_unharmed(field).await;
    }
    watched.assert_nothing_lost().await;
    assert!(accepted > 30 && refused > 100, "{accepted} accepted, {refused} refused");
}

#[tokio::test]
async fn hostile_keys_of_the_data_come_out_as_they_went_in() {
    let mut watched = Watched::start(&[]).await;
    for hostile in HOSTILE {
        let mut event = json!({"eventType": "user.updated", "eventData": {"userId": "u"}});
        event["eventData"][hostile] = json!({hostile: [hostile]});
        let answer = watched.hub.publish(&event).await.unwrap();
        assert_eq!(answer.status, 201, "{hostile:?}");
        let delivered = watched.next_event(hostile).await;
        assert_eq!(delivered["eventData"], event["eventData"], "{hostile:?}");
    }
    watched.assert_unharmed("hostile keys").await;
}

#[tokio::test]
async fn data_is_delivered_byte_for_byte_apart_from_white_space() {
    let mut watched = Watched::start(&[]).await;
    let data =
        r#"{"z":1.10,"userId":"u","a":-0,"big":12345678901234567890123,"e":1E+2,"u":"\u00e9\/é"}"#;
    let body = format!("{{ \"eventType\":\"user.updated\",\n\"eventData\" : {data} }}");
    let headers = [("content-type", "application/json")];
    let address = watched.hub.address();
    let path = "/api/sse/events";
    let answer = request(address, "POST", path, &headers, body.as_bytes()).await.unwrap();
    assert_eq!(answer.status, 201);
    watched.next_event(data).await;
    let mut stream = watched.hub.stream("?cursor=earliest").await.unwrap();
    let frames = stream.until(Frame::is_event).await.unwrap();
    let text = frames.last().unwrap().data.clone().unwrap();
    assert!(text.contains(&format!("\"eventData\":{data},")), "{text}");
}
