//! Operating a hub from the command line, also one that is killed and one that is stopped.

use std::process::Stdio;

use radial_testkit::{HubProcess, PATIENCE};
use serde_json::Value;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::Command;

use crate::program::binary;

/// Runs `radial` to its end: its status and what it printed.
async fn radial(arguments: &[&str]) -> (Option<i32>, String, String) {
    let output = Command::new(binary()).args(arguments).output().await.unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (output.status.code(), text(output.stdout), text(output.stderr))
}

/// The same for a command that succeeds and prints JSON.
async fn json(arguments: &[&str]) -> Value {
    let mut all = arguments.to_vec();
    all.push("--json");
    let (status, out, err) = radial(&all).await;
    assert_eq!(status, Some(0), "{arguments:?}: {err}");
    serde_json::from_str(&out).unwrap()
}

#[tokio::test]
async fn what_operators_did_survives_a_kill() {
    let data = tempfile::tempdir().unwrap();
    let mut hub = HubProcess::start(binary(), data.path()).await.unwrap();
    let url = hub.url();
    let at = ["--url", url.as_str()];
    let run = |arguments: &[&'static str]| [arguments, &at[..]].concat();
    let answer = json(&run(&["admin", "revoke", "--user", "ada", "--reason", "left"])).await;
    assert_eq!((&answer["userId"], &answer["persisted"]), (&"ada".into(), &true.into()));
    json(&run(&["admin", "revoke", "--token-id", "t-1"])).await;
    json(&run(&["admin", "revoke", "--session", "s-1"])).await;
    let made = json(&run(&["keys", "create", "--name", "ci", "--publish", "card.*"])).await;
    let id = made["record"]["id"].as_str().unwrap();
    assert!(made["key"].as_str().unwrap().starts_with(&format!("rk_{id}_")));
    json(&run(&["admin", "disable", "--reason", "a drill"])).await;

    hub.kill().await.unwrap();
    hub.start_again().await.unwrap();
    let status = json(&run(&["admin", "status"])).await;
    assert_eq!(
        (&status["disabled"], &status["tenants"][0]["revocations"]),
        (&true.into(), &3.into())
    );
    assert_eq!(status["switch"]["reason"], "a drill");
    let list = json(&run(&["keys", "list"])).await;
    assert_eq!((&list["total"], &list["keys"][0]["id"]), (&1.into(), &id.into()));
    assert_eq!(json(&run(&["admin", "enable"])).await["disabled"], false);
    assert_eq!(json(&run(&["admin", "connections"])).await["total"], 0);

    let rotated = json(&[&["keys", "rotate", id, "--grace", "1h"], &at[..]].concat()).await;
    assert_ne!(rotated["key"], made["key"]);
    json(&[&["keys", "revoke", id], &at[..]].concat()).await;
    let (status, _, err) = radial(&[&["keys", "revoke", id], &at[..]].concat()).await;
    assert_eq!(status, Some(1), "{err}");
    assert!(err.contains("not-found"), "{err}");
    let (_, out, _) = radial(&run(&["admin", "status"])).await;
    assert!(out.contains("disabled: false\n") && out.contains("tenants[0].tenant: dev\n"), "{out}");
}

#[tokio::test]
async fn the_first_key_is_made_in_the_folder_of_a_hub_that_is_stopped() {
    let data = tempfile::tempdir().unwrap();
    let folder = data.path().to_str().unwrap();
    let create = [
        "keys",
        "create",
        "--name",
        "root",
        "--tenants",
        "*",
        "--operator",
        "hub",
        "--data",
        folder,
    ];
    let (status, _, err) = radial(&create).await;
    assert_eq!(status, Some(2), "no hub was ever here: {err}");
    let mut hub = HubProcess::start(binary(), data.path()).await.unwrap();
    let (status, _, err) = radial(&create).await;
    assert_eq!(status, Some(1), "the hub runs: {err}");
    assert!(err.contains("in use"), "{err}");
    hub.terminate().await.unwrap();
    let made = json(&create).await;
    hub.start_again().await.unwrap();
    let list = json(&["keys", "list", "--url", &hub.url()]).await;
    assert_eq!(list["keys"][0]["id"], made["record"]["id"]);
    assert_eq!(list["keys"][0]["operator"], "hub");
    // The key is all that `radial serve` needs.
    hub.terminate().await.unwrap();
    let config = tempfile::NamedTempFile::new().unwrap();
    let mut serve = Command::new(binary())
        .args(["serve", "--listen", "127.0.0.1:0", "--data", folder, "--config"])
        .arg(config.path())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(serve.stdout.take().unwrap()).lines();
    let first = tokio::time::timeout(PATIENCE, lines.next_line()).await.unwrap().unwrap().unwrap();
    let url = first.strip_prefix("listening on ").unwrap();
    let token = made["key"].as_str().unwrap();
    let status = json(&["admin", "status", "--url", url, "--token", token]).await;
    assert_eq!(status["disabled"], false);
}

#[tokio::test]
async fn wrong_usage_is_told_from_failure() {
    for arguments in [
        &["admin", "revoke"][..],
        &["admin", "revoke", "--user", "u", "--all"],
        &["keys", "rotate", "no/id"],
        &["keys", "create"],
        &["admin", "status", "--url", "http://127.0.0.1:1"],
    ] {
        let (status, _, err) = radial(arguments).await;
        assert_eq!(status, Some(2), "{arguments:?}: {err}");
    }
}
