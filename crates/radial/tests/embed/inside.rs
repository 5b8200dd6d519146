//! The example, over real HTTP and from inside.

use radial::server::Start;
use radial::{Delivery, Radial};
use radial_testkit::websocket::WebSocket;
use radial_testkit::{PATIENCE, Stream};
use serde_json::{Value, json};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tokio::sync::oneshot;
use tokio::time::timeout;

use crate::example::application;
use crate::served::{Served, acme, hub};

const ADA: (&str, &str) = ("x-user", "ada");

fn note(text: &str) -> Value {
    json!({"eventType": "activity:new", "eventData": {"id": "n", "description": text}})
}

/// Sends what a listener is given to whoever waits for it.
fn listener() -> (impl FnMut(Delivery) + Send + 'static, UnboundedReceiver<Delivery>) {
    let (sender, receiver) = unbounded_channel();
    (move |delivery| drop(sender.send(delivery)), receiver)
}

async fn text(receiver: &mut UnboundedReceiver<Delivery>) -> String {
    match timeout(PATIENCE, receiver.recv()).await.unwrap().unwrap() {
        Delivery::Event(event) => description(&serde_json::from_slice(&event.json()).unwrap()),
        other => panic!("{other:?} is no event"),
    }
}

fn description(event: &Value) -> String {
    event["eventData"]["description"].as_str().unwrap().to_owned()
}

/// Waits until so many listen: a hub notices a closed socket a moment later.
async fn until_listening(hub: &Radial, count: usize) {
    let reached = async {
        while hub.subscriber_count(&acme()) != count {
            tokio::task::yield_now().await;
        }
    };
    timeout(PATIENCE, reached).await.unwrap();
}

#[tokio::test]
async fn the_application_emits_and_every_transport_below_its_own_path_delivers() {
    let folder = tempfile::tempdir().unwrap();
    let hub = hub(&folder).await;
    let (stop, stopped) = oneshot::channel::<()>();
    let leaving = hub.clone();
    let stop_of_server = async move {
        let _ = stopped.await;
        leaving.drain();
    };
    let served = Served::until(application(&hub), stop_of_server).await;

    let path = "/realtime/api/sse/events";
    let mut stream = Stream::open(served.address, path, &[ADA]).await.unwrap();
    stream.until(|frame| frame.is_control("live")).await.unwrap();
    let path = "/realtime/api/ws";
    let mut socket = WebSocket::open(served.address, path, &[ADA]).await.unwrap().unwrap();
    socket.send(&json!({"op": "subscribe", "id": 1})).await.unwrap();
    while socket.json().await.unwrap()["op"] != "live" {}
    let (callback, mut inside) = listener();
    let listening = hub.subscribe(&acme(), callback).await.unwrap();
    assert_eq!(served.get("/listeners", &[]).await.body, b"3");

    // From the application, and from a client over HTTP with the application's own authentication.
    assert_eq!(served.post("/notes", &[ADA], "from the application").await.status, 200);
    let bob = [("x-user", "bob"), ("content-type", "application/json")];
    let events = "/realtime/api/sse/events";
    let answer = served.post(events, &bob, &note("from bob").to_string()).await;
    assert_eq!(answer.status, 201);
    for expected in ["from the application", "from bob"] {
        let event = &stream.events(1).await.unwrap()[0];
        assert_eq!((description(event).as_str(), &event["tenantId"]), (expected, &json!("acme")));
        assert_eq!(description(&socket.json().await.unwrap()), expected);
        assert_eq!(text(&mut inside).await, expected);
    }
    let polled = served.get("/realtime/api/poll?cursor=earliest", &[ADA]).await.json().unwrap();
    assert_eq!(polled["events"].as_array().unwrap().len(), 2);
    assert_eq!(polled["events"][1]["userId"], "bob", "who publishes is what the application says");

    drop((listening, socket));
    until_listening(&hub, 1).await;
    stop.send(()).unwrap();
    let rest = stream.until(|frame| frame.is_control("goodbye")).await.unwrap();
    assert_eq!(rest.last().unwrap().json().unwrap()["reason"], "drain");
    drop(stream);
    served.ended().await;
    hub.stop().await;
    hub.stop().await;
    let refused = hub.emit(&acme(), &note("too late")).await.unwrap_err();
    assert_eq!(refused.code.as_str(), "draining");
}

#[tokio::test]
async fn a_listener_inside_goes_on_from_a_cursor_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let first = hub(&folder).await;
    let kept = first.emit(&acme(), &note("one")).await.unwrap().cursor.unwrap();
    let mut two = note("two");
    two["eventId"] = json!("n-2");
    first.emit(&acme(), &two).await.unwrap();
    first.stop().await;
    drop(first);

    let second = hub(&folder).await;
    assert!(second.emit(&acme(), &two).await.unwrap().duplicate, "the log is the same");
    let selection = radial::protocol::filter::Selection {
        channels: vec![radial::Pattern::All],
        types: vec!["activity:*".parse().unwrap()],
    };
    let (callback, mut inside) = listener();
    let listening = second.subscribe_to(&acme(), selection, Start::After(kept), callback).await;
    second.emit(&acme(), &note("three")).await.unwrap();
    assert_eq!(text(&mut inside).await, "two");
    assert_eq!(text(&mut inside).await, "three");
    assert_eq!(second.subscriber_count(&acme()), 1);
    drop(listening);
    until_listening(&second, 0).await;
    second.stop().await;
}

#[tokio::test]
async fn a_listener_inside_is_told_of_what_cannot_be_given() {
    let folder = tempfile::tempdir().unwrap();
    let hub = hub(&folder).await;
    hub.emit(&acme(), &note("one")).await.unwrap();
    let everything = radial::protocol::filter::Selection {
        channels: vec![radial::Pattern::All],
        types: vec![radial::Pattern::All],
    };
    let elsewhere = Start::After("AAAAAAAAAAA.1".parse().unwrap());
    let (callback, mut inside) = listener();
    let _listening = hub.subscribe_to(&acme(), everything, elsewhere, callback).await.unwrap();
    let told = timeout(PATIENCE, inside.recv()).await.unwrap().unwrap();
    let reason = radial::protocol::control::GapReason::Epoch;
    assert!(matches!(&told, Delivery::Gap(gap) if gap.reason == reason), "{told:?}");
    hub.stop().await;
}

#[tokio::test]
async fn what_is_emitted_is_checked_like_what_is_published() {
    let folder = tempfile::tempdir().unwrap();
    let hub = hub(&folder).await;
    let unknown = json!({"eventType": "no.such", "eventData": {}});
    let bad = json!({"eventType": "activity:new", "eventData": {"id": 7}});
    let refused = [
        (acme(), unknown, "unknown-event-type"),
        (acme(), bad, "schema-violation"),
        (acme(), json!([]), "invalid-envelope"),
        (radial::TenantId::new("globex").unwrap(), note("x"), "forbidden"),
    ];
    for (tenant, event, code) in refused {
        assert_eq!(hub.emit(&tenant, &event).await.unwrap_err().code.as_str(), code);
    }
    let stranger = radial::TenantId::new("globex").unwrap();
    assert!(hub.subscribe(&stranger, drop).await.is_err());
    assert_eq!(hub.subscriber_count(&stranger), 0);
    hub.stop().await;
}
