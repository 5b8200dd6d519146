//! The document holds together, and says something of every route.

use std::collections::BTreeSet;

use radial_protocol::limits::Limits;
use serde_json::Value;

use super::{describe, document};
use crate::http::routes::{Access, ROUTES};

fn check(value: &Value, document: &Value) {
    match value {
        Value::Object(members) => {
            if let Some(target) = members.get("$ref").and_then(Value::as_str) {
                let pointer = target.strip_prefix('#').expect("it stays in the document");
                assert!(document.pointer(pointer).is_some(), "{target} leads nowhere");
            }
            members.values().for_each(|value| check(value, document));
        }
        Value::Array(items) => items.iter().for_each(|item| check(item, document)),
        _ => {}
    }
}

#[test]
fn every_route_is_described() {
    let limits = Limits::default();
    for route in ROUTES.iter().filter(|route| route.access != Access::Developer) {
        let (method, path) = (&route.method, route.path);
        assert!(
            describe::operation(route, &limits).is_some(),
            "{method} {path} has no description"
        );
    }
}

#[test]
fn every_reference_leads_somewhere_and_no_name_is_given_twice() {
    let document = document(&Limits::default());
    check(&document, &document);
    let mut ids = BTreeSet::new();
    for (path, operations) in document["paths"].as_object().unwrap() {
        for (method, operation) in operations.as_object().unwrap() {
            let id = operation["operationId"].as_str().unwrap();
            assert!(ids.insert(id), "{method} {path} is called {id}, as another is");
            let named = |place: &str| {
                let all = operation["parameters"].as_array().into_iter().flatten();
                all.filter(|each| each["in"] == place)
                    .map(|each| each["name"].as_str().unwrap())
                    .collect::<Vec<_>>()
            };
            let in_path: Vec<&str> = path.split(['{', '}']).skip(1).step_by(2).collect();
            assert_eq!(named("path"), in_path, "{method} {path}");
            let mut distinct = named("query");
            distinct.sort_unstable();
            distinct.dedup();
            assert_eq!(distinct.len(), named("query").len(), "{method} {path}");
        }
    }
}
