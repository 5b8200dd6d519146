//! Subscriptions against a hub that misbehaves, on a clock that jumps.

#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod support;

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use futures_core::Stream as _;
use radial_client::{
    Client, ClientConfig, ClientError, Message, Start, SubscribeOptions, Subscription,
};
use support::{Act, EPOCH, Hub, answer, event, goodbye, hello, live, stream};
use tokio::sync::Notify;
use tokio::time::Instant;

fn subscribe(hub: &Hub, options: SubscribeOptions) -> Subscription {
    Client::new(ClientConfig::at(&hub.url)).unwrap().subscribe(options)
}

/// A short word for a message, so that a whole run can be compared at once.
fn word(message: Option<Result<Message, ClientError>>) -> String {
    match message {
        None => "end".to_owned(),
        Some(Err(error)) => format!("error: {error}"),
        Some(Ok(Message::Event { json, .. })) => json,
        Some(Ok(Message::Hello(hello))) => format!("hello {}", hello.cursor.offset),
        Some(Ok(Message::Live { .. })) => "live".to_owned(),
        Some(Ok(Message::Gap(gap))) => format!("gap to {}", gap.to.offset),
        Some(Ok(Message::Goodbye { reason, .. })) => format!("goodbye {}", reason.as_str()),
        Some(Ok(Message::Disconnected { .. })) => "disconnected".to_owned(),
        Some(Ok(other)) => format!("{other:?}"),
    }
}

async fn check(subscription: &mut Subscription, expected: &[&str]) {
    for (index, expected) in expected.iter().enumerate() {
        assert_eq!(&word(subscription.next().await), expected, "message {index}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_cut_inside_a_frame_loses_and_doubles_nothing() {
    let cut = format!("id: {EPOCH}.3\ndata: {{\"off");
    let hub = Hub::start(vec![
        stream(&[hello(0, 30_000), event(1), event(2), cut]),
        stream(&[hello(2, 30_000), event(1), event(2), event(3), live(3), event(4)]),
    ])
    .await;
    let options = SubscribeOptions {
        channels: vec!["main".into()],
        start: Start::Earliest,
        ..SubscribeOptions::default()
    };
    let mut subscription = subscribe(&hub, options);
    check(
        &mut subscription,
        &[
            "hello 0",
            r#"{"offset":1}"#,
            r#"{"offset":2}"#,
            "disconnected",
            "hello 2",
            r#"{"offset":3}"#,
            "live",
            r#"{"offset":4}"#,
            "disconnected",
        ],
    )
    .await;
    let heads = hub.heads();
    assert!(
        heads[0].starts_with("get /api/sse/events?channels=main&cursor=earliest "),
        "{heads:?}"
    );
    assert!(!heads[0].contains("last-event-id"));
    assert!(heads[1].starts_with("get /api/sse/events?channels=main "), "{heads:?}");
    assert!(heads[1].contains(&format!("last-event-id: {EPOCH}.2\r\n").to_lowercase()));
}

#[tokio::test(start_paused = true)]
async fn a_refusal_for_now_is_waited_out_as_long_as_it_asks() {
    let problem = r#"{"code":"draining","status":503,"title":"t","detail":"d"}"#;
    let hub = Hub::start(vec![
        answer("503 Service Unavailable", "Retry-After: 20\r\n", problem),
        answer("429 Too Many Requests", "Retry-After: 40\r\n", "slow down"),
        stream(&[hello(0, 30_000)]),
    ])
    .await;
    let mut subscription = subscribe(&hub, SubscribeOptions::default());
    for (asked, text) in [(20, "draining: d"), (40, "HTTP 429 Too Many Requests: slow down")] {
        let Some(Ok(Message::Disconnected { cause, retry_in })) = subscription.next().await else {
            panic!("not disconnected");
        };
        let asked = Duration::from_secs(asked);
        assert!((asked..=asked * 5 / 4).contains(&retry_in), "{retry_in:?}");
        assert_eq!(cause.to_string(), text);
    }
    let before = Instant::now();
    check(&mut subscription, &["hello 0"]).await;
    assert!(before.elapsed() >= Duration::from_secs(40));
}

#[tokio::test(start_paused = true)]
async fn a_refusal_for_good_ends_it() {
    for (status, code) in
        [("401 Unauthorized", "unauthorized"), ("400 Bad Request", "invalid-cursor")]
    {
        let problem = format!(r#"{{"code":"{code}","detail":"d"}}"#);
        let hub = Hub::start(vec![answer(status, "", &problem)]).await;
        let mut subscription = subscribe(&hub, SubscribeOptions::default());
        check(&mut subscription, &[&format!("error: {code}: d"), "end", "end"]).await;
    }
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_is_no_stream_ends_it() {
    let hub = Hub::start(vec![answer("200 OK", "Content-Type: text/html\r\n", "<html>")]).await;
    let mut subscription = subscribe(&hub, SubscribeOptions::default());
    let message = subscription.next().await;
    assert!(matches!(message, Some(Err(ClientError::Protocol(_)))), "{message:?}");
    assert_eq!(word(subscription.next().await), "end");
}

#[tokio::test(start_paused = true)]
async fn silence_counts_as_a_cut() {
    let mut with_hello = stream(&[hello(0, 1_000)]);
    let go_on = Arc::new(Notify::new());
    with_hello.push(Act::Wait(Arc::clone(&go_on)));
    with_hello.push(Act::Send(": still here\n\n".into()));
    with_hello.push(Act::Hang);
    let mut without_hello = stream(&[]);
    without_hello.push(Act::Hang);
    let hub = Hub::start(vec![with_hello, without_hello]).await;
    let mut subscription = subscribe(&hub, SubscribeOptions::default());
    check(&mut subscription, &["hello 0"]).await;
    let before = Instant::now();
    // A next that nobody waits for to the end: the client listens meanwhile.
    let silent = tokio::time::timeout(Duration::from_secs(2), subscription.next()).await;
    assert!(silent.is_err(), "{silent:?}");
    go_on.notify_one();
    check(&mut subscription, &["disconnected"]).await;
    // Two seconds until the comment, and two and a half heartbeats after it.
    assert_eq!(before.elapsed().as_millis() / 100, 45);
    let before = Instant::now();
    check(&mut subscription, &["disconnected"]).await;
    assert!(before.elapsed() >= Duration::from_secs(75));
}

#[tokio::test(start_paused = true)]
async fn a_goodbye_is_followed() {
    let hub = Hub::start(vec![
        stream(&[hello(0, 30_000), live(0), goodbye("drain", 2_000), event(9)]),
        stream(&[hello(0, 30_000), event(1), goodbye("replaced", 0)]),
    ])
    .await;
    let mut subscription = subscribe(&hub, SubscribeOptions::default());
    check(&mut subscription, &["hello 0", "live", "goodbye drain"]).await;
    let before = Instant::now();
    check(&mut subscription, &["hello 0"]).await;
    assert!(before.elapsed() <= Duration::from_millis(2_001));
    check(&mut subscription, &[r#"{"offset":1}"#, "goodbye replaced", "end"]).await;
}

#[tokio::test(start_paused = true)]
async fn the_waits_grow_until_a_connection_proves_itself() {
    let retry = "retry: 2750\n\n".to_owned();
    let mut scripts = vec![stream(&[retry, hello(0, 30_000)])];
    scripts.extend((0..6).map(|_| Vec::new()));
    scripts.push(stream(&[hello(0, 30_000), live(0)]));
    scripts.push(stream(&[hello(0, 30_000)]));
    let hub = Hub::start(scripts).await;
    let mut subscription = subscribe(&hub, SubscribeOptions::default());
    let mut waits = Vec::new();
    for _ in 0..30 {
        match subscription.next().await {
            Some(Ok(Message::Disconnected { retry_in, .. })) => waits.push(retry_in),
            Some(Ok(Message::Hello(_) | Message::Live { .. })) => {}
            other => panic!("{other:?}"),
        }
        if waits.len() == 8 {
            break;
        }
    }
    let first = Duration::from_millis(2_750);
    assert_eq!(waits[0], first);
    for (wait, most) in waits[1..7].iter().zip([1, 2, 4, 8, 16, 30]) {
        assert!(*wait <= Duration::from_secs(most), "{waits:?}");
    }
    assert_eq!(waits[7], first, "the connection that went live begins anew");
}

#[tokio::test(start_paused = true)]
async fn without_reconnect_a_cut_is_the_end() {
    let hub = Hub::start(vec![stream(&[hello(0, 30_000), event(1)])]).await;
    let options = SubscribeOptions { reconnect: false, ..SubscribeOptions::default() };
    let mut subscription = subscribe(&hub, options);
    let cut = "error: the hub closed the stream: the stream ended";
    check(&mut subscription, &["hello 0", r#"{"offset":1}"#, cut, "end"]).await;
}

#[tokio::test(start_paused = true)]
async fn a_hub_that_is_not_there_is_a_network_error_before_anything_was_sent() {
    let hub = Hub::start(Vec::new()).await;
    tokio::task::yield_now().await;
    let mut subscription = subscribe(&hub, SubscribeOptions::default());
    let message = subscription.next().await;
    assert!(
        matches!(
            message,
            Some(Ok(Message::Disconnected {
                cause: ClientError::Network { maybe_sent: false, .. },
                ..
            }))
        ),
        "{message:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_gap_that_leads_back_is_believed() {
    let gap = format!(
        "id: {EPOCH}.3\nevent: gap\ndata: {{\"reason\":\"ahead\",\"scope\":\"all\",\"from\":\"{EPOCH}.9\",\"to\":\"{EPOCH}.3\"}}\n\n"
    );
    let hub = Hub::start(vec![
        stream(&[hello(0, 30_000), event(9)]),
        stream(&[hello(3, 30_000), gap, event(4)]),
    ])
    .await;
    let mut subscription = subscribe(&hub, SubscribeOptions::default());
    let expected =
        ["hello 0", r#"{"offset":9}"#, "disconnected", "hello 3", "gap to 3", r#"{"offset":4}"#];
    check(&mut subscription, &expected).await;
}

#[tokio::test(start_paused = true)]
async fn dropping_a_next_loses_nothing() {
    let mut script = stream(&[hello(0, 30_000)]);
    let text: String = (1..=20).map(event).collect();
    let go_on = Arc::new(Notify::new());
    for piece in text.as_bytes().chunks(7) {
        script.push(Act::Wait(Arc::clone(&go_on)));
        script.push(Act::Send(String::from_utf8(piece.to_vec()).unwrap()));
    }
    script.push(Act::Hang);
    let hub = Hub::start(vec![script]).await;
    let mut subscription = subscribe(&hub, SubscribeOptions::default());
    let (mut words, mut dropped) = (Vec::new(), 0);
    while words.len() < 21 {
        if let Ok(message) =
            tokio::time::timeout(Duration::from_millis(1), subscription.next()).await
        {
            words.push(word(message));
        } else {
            dropped += 1;
            // There is nothing more to come until the next piece.
            go_on.notify_one();
        }
    }
    let expected: Vec<String> = (1..=20).map(|offset| format!("{{\"offset\":{offset}}}")).collect();
    assert_eq!(words[1..], expected);
    assert!(dropped > 100, "{dropped}");
}

#[tokio::test(start_paused = true)]
async fn a_frame_without_end_is_refused_and_not_asked_for_again() {
    let mut script = stream(&[hello(0, 30_000), event(1), "data: ".into()]);
    script.extend((0..9).map(|_| Act::Send("x".repeat(1024 * 1024))));
    let hub = Hub::start(vec![script]).await;
    let mut subscription = subscribe(&hub, SubscribeOptions::default());
    check(&mut subscription, &["hello 0", r#"{"offset":1}"#]).await;
    assert!(matches!(subscription.next().await, Some(Err(ClientError::Protocol(_)))));
}

#[tokio::test(start_paused = true)]
async fn a_subscription_is_a_stream_that_loses_nothing_between_polls() {
    let frames = [hello(0, 30_000), live(0), event(1)];
    let go_on = Arc::new(Notify::new());
    let late = vec![Act::Wait(Arc::clone(&go_on)), Act::Send(event(2))];
    let first = stream(&frames).into_iter().chain(late).collect();
    let hub = Hub::start(vec![first, stream(&[hello(2, 30_000), live(2), event(3)])]).await;
    let mut subscription = subscribe(&hub, SubscribeOptions::default());
    let expected = ["hello 0", "live", "{\"offset\":1}", "{\"offset\":2}", "disconnected"];
    for (index, expected) in
        expected.iter().chain(&["hello 2", "live", "{\"offset\":3}"]).enumerate()
    {
        if index == 3 {
            let mut poll =
                |context: &mut Context<'_>| Pin::new(&mut subscription).poll_next(context);
            assert!(poll_fn(|context| Poll::Ready(poll(context).is_pending())).await);
            go_on.notify_one();
        }
        let message = poll_fn(|context| Pin::new(&mut subscription).poll_next(context)).await;
        assert_eq!(&word(message), expected);
    }
}
