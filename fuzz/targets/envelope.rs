//! Publish requests: no body makes the parser panic, and what it takes keeps the promises of its
//! type: data that is compact JSON within the limits, and a batch whose items parse alone.

#![no_main]

use libfuzzer_sys::fuzz_target;
use radial_protocol::envelope::{Body, PublishRequest, parse_publish};
use radial_protocol::json;
use radial_protocol::limits::Limits;
use serde_json::value::RawValue;

fuzz_target!(|body: &[u8]| {
    // Small enough for the fuzzer to reach every limit.
    let limits =
        Limits { event_bytes: 512, batch_events: 4, nesting: 8, audience: 4, ..Limits::default() };
    if let Ok(request) = parse_publish(body, &limits) {
        check(&request, &limits);
    }
    if let Ok(Body::Batch(items)) = Body::split(body, &limits) {
        assert!((1..=limits.batch_events).contains(&items.len()), "a batch within its limit");
        for item in items {
            let alone = parse_publish(item.get().as_bytes(), &limits);
            match PublishRequest::parse(item, &limits) {
                Ok(request) => assert_eq!(alone.as_ref().ok(), Some(&request), "the same alone"),
                Err(_) => assert!(alone.is_err(), "refused in the batch, accepted alone"),
            }
        }
    }
});

fn check(request: &PublishRequest, limits: &Limits) {
    assert!(request.data.len() <= limits.event_bytes, "data within its limit");
    let raw: Result<&RawValue, _> = serde_json::from_str(&request.data);
    assert!(raw.is_ok(), "data is JSON: {:?}", request.data);
    let again = json::compact(&request.data, limits.nesting);
    assert_eq!(again.as_ref(), Ok(&request.data), "compact data stays as it is");
}
