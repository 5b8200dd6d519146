//! What a session owes, and when it comes again.

use std::sync::Arc;
use std::time::Duration;

use radial_hub::{AckState, Acknowledged, Start};
use radial_protocol::Pattern;
use radial_protocol::filter::Selection;
use radial_protocol::grants::Grants;
use serde_json::json;

use super::support::{Test, all, ids, read_to_live, tenant, user};

#[tokio::test]
async fn what_is_not_acknowledged_comes_again_at_growing_intervals_until_it_is() {
    let test = Test::new();
    let anna = user("anna");
    let mut connection = test.open(&anna, "main", Start::Now).await;
    test.publish("a").await;
    test.publish_with("b", json!({"eventType": "talk.said"})).await;
    let mut times = Vec::new();
    for second in 0..1_000 {
        for again in test.again(&mut connection) {
            times.push((second, again));
        }
        test.time.pass(Duration::from_secs(1));
    }
    let expected = [(30, 2), (90, 3), (210, 4), (450, 5), (930, 6)];
    assert_eq!(times, expected.map(|(second, attempt)| (second, format!("a x {attempt}"))));
    assert_eq!(test.ack(&anna, &["a"]).await, all(&["a"]));
    assert_eq!(test.ack(&anna, &["a"]).await, all(&["a"]), "again is the same");
    test.time.pass(Duration::from_hours(2));
    assert_eq!(test.again(&mut connection), [""; 0]);
}

#[tokio::test]
async fn a_debt_from_before_its_place_comes_as_soon_as_the_session_is_back_and_a_later_one_does_not()
 {
    let test = Test::new();
    let anna = user("anna");
    test.publish("before").await;
    let mut connection = test.open(&anna, "main", Start::Now).await;
    test.publish("a").await;
    let place = read_to_live(&mut connection.0).await;
    test.publish("b").await;
    test.ack(&anna, &["nothing"]).await;
    drop(connection);
    let mut connection = test.open(&anna, "main", Start::After(place)).await;
    assert_eq!(test.again(&mut connection), ["a x 2"], "b comes by itself, before was never owed");
    test.time.pass(Duration::from_secs(30));
    assert_eq!(test.again(&mut connection), ["b x 2"]);
}

#[tokio::test]
async fn a_session_of_several_connections_gets_it_once_and_only_where_it_is_asked_for() {
    let test = Test::new();
    let anna = user("anna");
    let mut main = test.open(&anna, "main", Start::Now).await;
    let mut board = test.open(&anna, "board:1", Start::Now).await;
    let mut newer = test.open(&anna, "main,board:1", Start::Now).await;
    test.publish("a").await;
    test.publish_with("b", json!({"channel": "board:1"})).await;
    test.time.pass(Duration::from_secs(30));
    assert_eq!(test.again(&mut newer), ["a x 2", "b x 2"]);
    assert_eq!((test.again(&mut main), test.again(&mut board)), (vec![], vec![]));
    drop(newer);
    // One more that begins now: what the others have got already is not due at once.
    let mut late = test.open(&anna, "main,board:1", Start::Now).await;
    assert_eq!(test.again(&mut late), [""; 0]);
    drop(late);
    test.time.pass(Duration::from_mins(1));
    assert_eq!(test.again(&mut main), ["a x 3"]);
    assert_eq!(test.again(&mut board), ["b x 3"]);
    test.ack(&anna, &["a", "b"]).await;
    test.time.pass(Duration::from_hours(1));
    assert_eq!((test.again(&mut main), test.again(&mut board)), (vec![], vec![]));
}

#[tokio::test]
async fn sessions_owe_by_themselves_and_who_is_nobody_owes_nothing() {
    let test = Test::new();
    let (anna, bert) = (user("anna"), user("bert"));
    let mut first = test.open(&anna, "main", Start::Now).await;
    let mut second = test.open(&bert, "main", Start::Now).await;
    let mut nobody = test.open(&Grants::everything(tenant()), "main", Start::Now).await;
    test.publish("a").await;
    test.publish_with("b", json!({"audience": {"users": ["bert"]}})).await;
    test.publish_with("c", json!({"eventType": "secret.told"})).await;
    assert_eq!(
        test.ack(&anna, &["a", "b", "c", "d"]).await,
        Acknowledged { acknowledged: ids(&["a"]), not_owed: ids(&["b", "c", "d"]) }
    );
    let nobodys = test.ack(&Grants::everything(tenant()), &["a"]).await;
    assert_eq!(nobodys.not_owed, ids(&["a"]));
    assert_eq!(test.ack(&user("carl"), &["a"]).await.not_owed, ids(&["a"]), "was never there");
    test.time.pass(Duration::from_secs(30));
    assert_eq!(test.again(&mut second), ["a x 2", "b x 2"]);
    assert_eq!((test.again(&mut first), test.again(&mut nobody)), (vec![], vec![]));
    let (acknowledged, owed) = (AckState::Acknowledged, AckState::Owed);
    assert_eq!(test.standing("a"), [("anna".into(), acknowledged), ("bert".into(), owed)]);
    assert_eq!(test.standing("b"), [("bert".into(), owed)]);
    assert_eq!(test.standing("c"), []);
}

#[tokio::test]
async fn a_redelivery_shows_nothing_that_the_filter_and_grants_of_now_hide() {
    let test = Test::new();
    let mut chief = user("anna");
    Arc::make_mut(&mut chief.rights).roles = vec![radial_protocol::Name::new("chief").unwrap()];
    let mut connection = test.open(&chief, "main,board:1", Start::Now).await;
    test.publish_with("secret", json!({"eventType": "secret.told"})).await;
    test.publish_with("b", json!({"channel": "board:1"})).await;
    test.publish("a").await;
    test.time.pass(Duration::from_secs(30));
    // What was given to the connection already is looked at once more when it goes out.
    while test.hub.keep_acks() {}
    assert_eq!(connection.1.lock().unwrap().len(), 3);
    connection.0.renew(Arc::new(user("anna"))).unwrap();
    let board =
        Selection { channels: vec![Pattern::new("board:2").unwrap()], types: vec![Pattern::All] };
    let both = connection.0.wanted()[0].clone();
    connection.0.add(board).unwrap();
    connection.0.remove(&both).unwrap();
    assert_eq!(test.again(&mut connection), [""; 0]);
    test.time.pass(Duration::from_hours(1));
    assert_eq!(test.again(&mut connection), [""; 0]);
    connection.0.add(both).unwrap();
    test.time.pass(Duration::from_hours(1));
    assert_eq!(test.again(&mut connection).len(), 2, "a and b, but not the secret");
}

#[tokio::test]
async fn the_time_to_live_ends_it() {
    let test = Test::new();
    let anna = user("anna");
    let mut connection = test.open(&anna, "main", Start::Now).await;
    test.publish_with("a", json!({"ttlMs": 40_000})).await;
    test.time.pass(Duration::from_secs(30));
    assert_eq!(test.again(&mut connection), ["a x 2"]);
    test.time.pass(Duration::from_secs(70));
    assert_eq!(test.again(&mut connection), [""; 0]);
    assert_eq!(test.standing("a"), [("anna".into(), AckState::Ended)]);
    let tallies = test.hub.ack_tallies();
    assert!(tallies.given_up.contains(&("expired", 1)), "{tallies:?}");
    drop(connection);
    let mut connection = test.open(&anna, "main", Start::Now).await;
    assert_eq!(test.again(&mut connection), [""; 0]);
}
