//! Streams as a browser sees them.

use radial_testkit::TestServer;
use serde_json::json;

#[tokio::test]
async fn a_stream_says_hello_replays_goes_live_and_follows() {
    let hub = TestServer::start().await.unwrap();
    let event = json!({"eventType": "user.updated", "eventData": {"userId": "ada"}});
    let first = hub.publish(&event).await.unwrap();
    assert_eq!(first.status, 201);
    let mut stream = hub.stream("?cursor=earliest").await.unwrap();
    assert_eq!(stream.status, 200);
    let frames = stream.until(|frame| frame.is_control("live")).await.unwrap();
    assert!(frames[0].retry.is_some());
    assert!(frames[1].is_control("hello"));
    assert_eq!(frames[2].json().unwrap()["eventType"], "user.updated");
    assert_eq!(frames[2].id.as_deref(), first.json().unwrap()["cursor"].as_str());
    assert_eq!(frames[3].json().unwrap()["replayed"], 1);
    hub.publish(&event).await.unwrap();
    let second = stream.frame().await.unwrap();
    assert_eq!(second.json().unwrap()["offset"], 2);
}
