//! Lists in documents name everything that the code has, and nothing else.

use std::collections::BTreeSet;

use radial_protocol::Code;
use radial_server::ROUTES;
use radial_testkit::TestServer;
use serde_json::json;

use crate::markdown::{code_spans, read, rows, section};

#[test]
fn the_protocol_lists_every_problem_code_with_its_status() {
    let text = read("docs/protocol.md");
    let found: Vec<(String, u16)> = rows(&section(&text, "### Codes"))
        .iter()
        .map(|row| (row[0].trim_matches('`').to_owned(), row[1].parse().unwrap()))
        .collect();
    let known: Vec<(String, u16)> =
        Code::ALL.iter().map(|code| (code.as_str().to_owned(), code.status())).collect();
    assert_eq!(found, known);
}

#[test]
fn the_protocol_lists_every_route() {
    let text = read("docs/protocol.md");
    let surface = section(&text, "## HTTP surface").join("\n");
    let named = code_spans(&surface);
    // The files of the demo board are not part of the protocol.
    for route in ROUTES.iter().filter(|route| !route.path.starts_with("/board/")) {
        let path = route.path.replace("{entity_type}", "{type}");
        let path = path.replace("{event_type}", "{eventType}");
        let row = format!("{} {path}", route.method);
        assert!(named.contains(&row.as_str()), "{row} is not in the table");
    }
}

#[tokio::test]
async fn the_protocol_lists_every_metric() {
    let hub = TestServer::start().await.unwrap();
    // A counter with a label is there once it has counted something.
    assert_eq!(hub.publish(&json!({"eventType": "no.such"})).await.unwrap().status, 400);
    assert_eq!(
        hub.publish(&json!({"eventType": "no.such", "eventData": 1})).await.unwrap().status,
        422
    );
    let metrics = hub.get("/metrics").await.unwrap();
    let metrics = String::from_utf8(metrics.body).unwrap();
    let there: BTreeSet<&str> = metrics
        .lines()
        .filter(|line| !line.starts_with('#'))
        .filter_map(|line| line.split(['{', ' ']).next())
        .collect();
    let text = read("docs/protocol.md");
    let section = section(&text, "## Metrics");
    let named: BTreeSet<&str> = rows(&section).iter().flat_map(|row| code_spans(row[0])).collect();
    assert_eq!(named, there);
}

#[test]
fn the_protocol_lists_the_built_in_event_types_with_their_persistence() {
    let registry = radial_registry::Registry::builtin();
    let known: BTreeSet<(String, String)> = registry
        .iter()
        .map(|event_type| {
            let class = serde_json::to_value(event_type.policy.persistence).unwrap();
            (event_type.name.to_string(), class.as_str().unwrap().to_owned())
        })
        .collect();
    let text = read("docs/protocol.md");
    let mut named = BTreeSet::new();
    for row in rows(&section(&text, "### Built-in event types")) {
        for name in code_spans(row[0]) {
            named.insert((name.to_owned(), row[1].to_owned()));
        }
    }
    assert_eq!(named, known);
}
