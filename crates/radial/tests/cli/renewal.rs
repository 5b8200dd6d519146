//! The Rust client goes on with a newer credential, on the connection that is open.

use radial::client::{Client, ClientConfig, Message, SubscribeOptions, Subscription};
use radial_testkit::credentials::{now_ms, now_seconds, token};
use radial_testkit::{PATIENCE, TestServer};
use serde_json::json;
use tokio::time::timeout;

async fn next(subscription: &mut Subscription) -> Message {
    timeout(PATIENCE, subscription.next()).await.unwrap().unwrap().unwrap()
}

#[tokio::test]
async fn a_subscription_that_is_renewed_outlives_its_first_credential() {
    let settings = [("stream.heartbeat", "200ms")];
    let hub = TestServer::serve(&settings).await.unwrap();
    let claims = |seconds| {
        let grants = json!({"publish": ["*"], "subscribe": ["*"], "channels": ["*"]});
        token(&json!({"sub": "ada", "sid": "s", "exp": now_seconds() + seconds, "radial": grants}))
    };
    let short_ms = now_ms() + 3_000;
    let config = ClientConfig {
        token: Some(claims(3)),
        ..ClientConfig::at(format!("http://{}", hub.address()))
    };
    let client = Client::new(config).unwrap();
    let mut subscription = client.subscribe(SubscribeOptions::default());
    assert!(matches!(next(&mut subscription).await, Message::Hello(_)));
    while !matches!(next(&mut subscription).await, Message::Token { .. }) {}
    subscription.renew(&claims(600)).await.unwrap();
    // The first one is over by more than the second that the hub has to notice.
    loop {
        match next(&mut subscription).await {
            Message::Heartbeat { now, .. } if now.0 > short_ms + 1_500 => break,
            Message::Heartbeat { .. } | Message::Live { .. } | Message::Token { .. } => {}
            other => panic!("{other:?} on a connection that was renewed"),
        }
    }
    // All else that the client asks is asked with the newer one too.
    let event = json!({"eventType": "activity:new", "eventData": {"id": "a", "description": "b"}});
    client.publish_raw(event.to_string().into(), false).await.unwrap();
    while !matches!(next(&mut subscription).await, Message::Event { .. }) {}
}
