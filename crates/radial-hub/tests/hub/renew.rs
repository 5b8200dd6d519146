//! A newer credential for a stream that is open: nothing is lost or doubled, and the grants held at
//! that moment decide.

use std::sync::Arc;

use radial_hub::{Frame, Start, SubscribeRequest, Subscription};
use radial_protocol::grants::{Credential, CredentialKind, Grants};
use radial_protocol::{Code, Pattern, TenantId, TimeMs};
use serde_json::json;

use crate::support::{TestHub, request, selection};

const EVENTS: usize = 2_700;

fn granted(test: &TestHub, channels: &[&str]) -> Arc<Grants> {
    let mut grants = (*test.grants).clone();
    let rights = Arc::make_mut(&mut grants.rights);
    rights.channels = channels.iter().map(|text| Pattern::new(text).unwrap()).collect();
    Arc::new(grants)
}

async fn subscribe(test: &TestHub, grants: Arc<Grants>, channels: &[&str]) -> Subscription {
    let request = SubscribeRequest {
        selection: selection(channels),
        start: Start::Earliest,
        snapshot: Vec::new(),
    };
    test.hub.subscribe(grants, request).await.unwrap()
}

async fn publish(test: &TestHub, count: usize) {
    for n in 0..count {
        let channel = if n % 3 == 0 { "b" } else { "a" };
        let event = json!({
            "eventType": "user.updated", "eventData": {"userId": "u"}, "channel": channel,
        });
        test.hub.publish(&test.grants, vec![request(&event)]).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stream_that_is_renewed_all_the_time_loses_and_doubles_nothing() {
    let seed = fastrand::u64(..);
    println!("seed {seed}");
    let mut random = fastrand::Rng::with_seed(seed);
    // A small timeline: the renewals meet the replay, the timeline and the seam between them.
    let test = Arc::new(TestHub::with_timeline(20));
    publish(&test, EVENTS / 3).await;
    let publisher = Arc::clone(&test);
    let publishing = tokio::spawn(async move { publish(&publisher, EVENTS - EVENTS / 3).await });
    let (wide, narrow) = (granted(&test, &["a", "b"]), granted(&test, &["a"]));
    let mut subscription = subscribe(&test, Arc::clone(&wide), &["*"]).await;
    let (mut may_see_b, mut seen_of_a, mut seen_of_b, mut renewals) = (true, 0, 0, 0);
    let (mut newest, expected) = (0, EVENTS / 3 * 2);
    while seen_of_a < expected {
        if random.u8(..4) == 0 {
            may_see_b = random.bool();
            let grants = if may_see_b { &wide } else { &narrow };
            subscription.renew(Arc::clone(grants)).unwrap();
            renewals += 1;
        }
        for frame in subscription.next().await.unwrap() {
            let Frame::Event(event) = frame else { continue };
            let offset = event.offset().unwrap().get();
            assert!(offset > newest, "{offset} came after {newest}");
            newest = offset;
            if event.head.channel.as_str() == "a" {
                seen_of_a += 1;
            } else {
                assert!(may_see_b, "an event outside the grants of that moment");
                seen_of_b += 1;
            }
        }
    }
    publishing.await.unwrap();
    println!("{renewals} renewals, {seen_of_b} events of b");
    assert!(renewals > 10 && seen_of_b > 0);
}

#[tokio::test]
async fn a_renewal_that_would_narrow_what_was_named_is_refused_and_changes_nothing() {
    let test = TestHub::new();
    let mut subscription = subscribe(&test, granted(&test, &["a", "b"]), &["a", "b"]).await;
    let refused = subscription.renew(granted(&test, &["a"])).unwrap_err();
    assert_eq!(refused.code, Code::Forbidden);
    let mut other = (*test.grants).clone();
    other.tenant = TenantId::new("globex").unwrap();
    assert_eq!(subscription.renew(Arc::new(other)).unwrap_err().code, Code::Forbidden);
    let mut expired = (*test.grants).clone();
    expired.credential = Credential {
        kind: CredentialKind::Token,
        expires: Some(TimeMs(1_000)),
        ..Credential::LOCAL
    };
    assert_eq!(subscription.renew(Arc::new(expired)).unwrap_err().code, Code::Unauthorized);
    publish(&test, 4).await;
    let mut seen = 0;
    while seen < 4 {
        let frames = subscription.next().await.unwrap();
        seen += frames.iter().filter(|frame| matches!(frame, Frame::Event(_))).count();
    }
}
