//! More is published than the disk can take: who is let in, who is not, and in what order it all
//! stands afterwards.

use radial_testkit::{PATIENCE, TestServer};
use serde_json::{Value, json};

const PRIORITIES: [&str; 4] = ["low", "normal", "high", "critical"];

async fn metric(hub: &TestServer, name: &str) -> u64 {
    let text = String::from_utf8(hub.get("/metrics").await.unwrap().body).unwrap();
    let line = text.lines().find(|line| line.starts_with(&format!("{name} ")));
    line.unwrap().rsplit(' ').next().unwrap().parse().unwrap()
}

async fn wait_until_waiting(hub: &TestServer, events: u64) {
    let waiting = async { while metric(hub, "radial_waiting_events").await != events {} };
    tokio::time::timeout(PATIENCE, waiting).await.unwrap();
}

fn event(priority: &str) -> Value {
    json!({"eventType": format!("work.{priority}"), "eventData": {}})
}

#[tokio::test]
async fn while_the_disk_is_slow_low_priorities_are_refused_first_and_critical_ones_last() {
    let folder = tempfile::tempdir().unwrap();
    let work = |priority: &str| {
        let policy = json!({"persistence": "durable", "priority": priority,
            "versions": {"1": {"schema": {}}}});
        (format!("work.{priority}"), policy)
    };
    let types: serde_json::Map<String, Value> = PRIORITIES.map(work).into_iter().collect();
    let document = json!({ "types": types }).to_string();
    std::fs::write(folder.path().join("types.json"), document).unwrap();
    let registry = folder.path().to_str().unwrap();
    let settings = [("hub.registry", registry), ("log.waiting_events", "100")];
    let hub = TestServer::with(&settings).await.unwrap();

    hub.disk().hold_syncs(true);
    let (mut answers, mut waiting) = (Vec::new(), 0);
    for (priority, batch) in [("critical", 50), ("normal", 25), ("high", 15), ("critical", 10)] {
        let events = json!(vec![event(priority); batch]);
        let (address, body) = (hub.address(), events.to_string());
        answers.push(tokio::spawn(async move {
            let headers = [("content-type", "application/json")];
            let path = "/api/sse/events";
            radial_testkit::wire::request(address, "POST", path, &headers, body.as_bytes()).await
        }));
        waiting += batch;
        wait_until_waiting(&hub, waiting as u64).await;
        let refused = match waiting {
            50 => 1,
            75 => 2,
            90 => 3,
            _ => 4,
        };
        for priority in PRIORITIES.into_iter().take(refused) {
            let answer = hub.publish(&event(priority)).await.unwrap();
            assert_eq!(answer.status, 503, "{priority} at {waiting}");
            assert_eq!(answer.header("retry-after"), Some("1"));
            assert_eq!(answer.json().unwrap()["code"], "overloaded");
        }
        // In a batch each event is decided by itself.
        if waiting == 50 {
            let batch = json!([event("low"), event("low")]);
            let items = hub.publish(&batch).await.unwrap().json().unwrap();
            assert_eq!(
                (&items[0]["code"], &items[1]["code"]),
                (&json!("overloaded"), &json!("overloaded"))
            );
        }
        // Readers do not wait for the disk.
        assert_eq!(hub.get("/api/events").await.unwrap().status, 200);
    }
    hub.disk().hold_syncs(false);
    let mut offsets = Vec::new();
    for answer in answers {
        let answer = answer.await.unwrap().unwrap();
        assert_eq!(answer.status, 207);
        let items = answer.json().unwrap();
        offsets
            .extend(items.as_array().unwrap().iter().map(|item| item["offset"].as_u64().unwrap()));
    }
    // The log has the order in which they came, whatever their priorities.
    assert_eq!(offsets, (1..=100).collect::<Vec<u64>>());
    wait_until_waiting(&hub, 0).await;
    assert_eq!(hub.publish(&event("low")).await.unwrap().status, 201);
    for (priority, refused) in [("low", 6), ("normal", 3), ("high", 2), ("critical", 1)] {
        let name = format!("radial_overloaded_events_total{{priority=\"{priority}\"}}");
        assert_eq!(metric(&hub, &name).await, refused, "{priority}");
    }
    assert_eq!(metric(&hub, "radial_refused_events_total{code=\"overloaded\"}").await, 12);
}
