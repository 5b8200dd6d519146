//! The command line and the Rust client speak TLS, and only to whom they were told to trust.

use std::path::Path;
use std::process::Output;

use radial_testkit::tls::TestCertificate;
use radial_testkit::{HubProcess, PATIENCE};
use serde_json::{Value, json};
use tokio::process::Command;
use tokio::time::timeout;

use crate::program::{Lines, binary};

async fn run(arguments: &[&str], ca: &Path) -> Output {
    let mut command = Command::new(binary());
    command.args(arguments).env("RADIAL_CA", ca);
    timeout(PATIENCE, command.output()).await.unwrap().unwrap()
}

#[tokio::test]
async fn publish_events_and_tail_go_over_tls_with_an_authority_of_ones_own() {
    let folder = tempfile::tempdir().unwrap();
    let certificate = TestCertificate::new("localhost").unwrap();
    let (ca, key) = certificate.write(folder.path(), "hub").unwrap();
    let list = json!([{"certificate": ca, "key_file": key}]).to_string();
    let environment = [("RADIAL__SERVER__CERTIFICATES", list.as_str())];
    let mut hub =
        HubProcess::start_with(binary(), &folder.path().join("data"), &environment).await.unwrap();
    let url = format!("https://localhost:{}", hub.address().port());

    let ca_text = ca.display().to_string();
    let mut tail = Lines::of(&["tail", "--json", "--url", &url, "--ca", &ca_text]);
    let event = r#"{"id": "a", "description": "over TLS"}"#;
    let publish = ["publish", "--url", &url, "--type", "activity:new", "--data", event];
    // The tail may connect a moment later: it is published until it is there.
    let mut lines = Vec::new();
    while lines.is_empty() {
        let output = run(&publish, &ca).await;
        assert!(output.status.success(), "{output:?}");
        let one = tail.at_least(1);
        lines = timeout(std::time::Duration::from_millis(500), one).await.unwrap_or_default();
    }
    let json: Value = serde_json::from_str(&lines[0]).unwrap();
    assert_eq!(json["eventData"]["description"], "over TLS");
    let output = run(&["events", "--json", "--url", &url], &ca).await;
    assert!(String::from_utf8_lossy(&output.stdout).contains("over TLS"), "{output:?}");
    tail.kill().await;

    // Another authority: nothing is sent, and the message says what to do. A tail does not try for
    // ever what cannot become better.
    let other = TestCertificate::new("localhost").unwrap();
    let (other, _) = other.write(folder.path(), "other").unwrap();
    for arguments in [&publish[..], &["tail", "--url", &url]] {
        let output = run(arguments, &other).await;
        assert_eq!(output.status.code(), Some(2), "{output:?}");
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(said.contains("certificate is not trusted") && said.contains("--ca"), "{said}");
    }
    let by_address = format!("https://{}", hub.address());
    let output = run(&["events", "--url", &by_address], &ca).await;
    assert_eq!(output.status.code(), Some(2), "the certificate is for another name: {output:?}");
    assert!(hub.terminate().await.unwrap().success());
}
