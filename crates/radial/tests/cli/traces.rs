//! What the log of the hub says of a request's trace.

use std::process::Stdio;

use radial_testkit::PATIENCE;
use radial_testkit::wire::request;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, BufReader};
use tokio::process::Command;

use crate::program::binary;

#[tokio::test]
async fn publishes_and_refusals_are_logged_with_their_trace() {
    let folder = tempfile::tempdir().unwrap();
    let mut hub = Command::new(binary())
        .args(["dev", "--listen", "127.0.0.1:0", "--data"])
        .arg(folder.path())
        .env("RADIAL__SERVER__LOG_LEVEL", "debug")
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(hub.stdout.take().unwrap()).lines();
    let first = tokio::time::timeout(PATIENCE, lines.next_line()).await.unwrap().unwrap();
    let address = first.unwrap().replace("listening on http://", "").parse().unwrap();
    let trace =
        |last: &str| format!("00-0af7651916cd43dd8448eb211c80319c-b7ad6b716920333{last}-01");
    for (event_type, trace, status) in
        [("test:event", trace("1"), 201), ("no.such", trace("2"), 422)]
    {
        let headers = [("content-type", "application/json"), ("traceparent", trace.as_str())];
        let body = format!(r#"{{"eventType":"{event_type}","eventData":{{}}}}"#);
        let answer = request(address, "POST", "/api/sse/events", &headers, body.as_bytes()).await;
        assert_eq!(answer.unwrap().status, status);
    }
    let id = hub.id().unwrap().to_string();
    assert!(Command::new("kill").args(["-TERM", &id]).status().await.unwrap().success());
    let mut log = String::new();
    hub.stderr.take().unwrap().read_to_string(&mut log).await.unwrap();
    for (message, trace) in [("publish", trace("1")), ("refused", trace("2"))] {
        let named = log.lines().any(|line| line.contains(message) && line.contains(&trace));
        assert!(named, "{message} {trace}: {log}");
    }
}
