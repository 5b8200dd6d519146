//! A repository's history as publish requests: the real one where it is at hand, else one of the
//! same shape.

use std::fmt::Write as _;

use serde_json::{Value, json};

/// NDJSON, and each line's `eventId` in order.
pub(crate) fn history() -> (String, Vec<String>) {
    let real = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/data/ripgrep-history.jsonl");
    let text = std::fs::read_to_string(real).unwrap_or_else(|_| made_up());
    let ids = text
        .lines()
        .map(|line| {
            serde_json::from_str::<Value>(line).unwrap()["eventId"].as_str().unwrap().to_owned()
        })
        .collect();
    (text, ids)
}

fn made_up() -> String {
    let mut rng = fastrand::Rng::with_seed(1);
    let mut text = String::new();
    for n in 0..7_000 {
        let (event_type, data) = match n % 4 {
            0 => ("activity:new", json!({"id": format!("a{n}"), "description": "changed"})),
            1 => ("card.created", json!({"cardId": format!("c{n}"), "zone": "src"})),
            _ => (
                "card.moved",
                json!({"cardId": format!("c{}", rng.u32(..500) * 4 + 1), "zone": "tests"}),
            ),
        };
        let event = json!({"eventType": event_type, "eventData": data,
            "channel": "board:history", "eventId": format!("e-{n}")});
        writeln!(text, "{event}").unwrap();
    }
    text
}
