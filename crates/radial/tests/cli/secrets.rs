//! `radial serve` with every kind of credential: who is let in, and that no secret is written down
//! anywhere.

use std::fmt::Write as _;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Stdio;

use radial_testkit::credentials::api_key;
use radial_testkit::wire::request;
use radial_testkit::{Application, PATIENCE};
use serde_json::json;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, BufReader};
use tokio::process::{Child, Command};

use crate::program::binary;

const SECRET: &str = "s3cr3t-0123456789-abcdefghijklmnop-qrstuvwxyz";

/// A running `radial serve`, whose standard error is kept.
struct Serve {
    child: Child,
    address: SocketAddr,
}

impl Serve {
    async fn start(folder: &Path, config: &str) -> Self {
        let file = folder.join("radial.toml");
        std::fs::write(&file, config).unwrap();
        let mut child = Command::new(binary())
            .args(["serve", "--listen", "127.0.0.1:0", "--config"])
            .arg(&file)
            .env("APP_SECRET", SECRET)
            .current_dir(folder)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let first = tokio::time::timeout(PATIENCE, lines.next_line()).await.unwrap().unwrap();
        let address = first.unwrap().replace("listening on http://", "").parse().unwrap();
        Self { child, address }
    }

    /// Stops it and returns what it wrote to standard error.
    async fn stop(mut self) -> String {
        let id = self.child.id().unwrap().to_string();
        let sent = Command::new("kill").args(["-TERM", &id]).status().await.unwrap();
        assert!(sent.success());
        let mut log = String::new();
        self.child.stderr.take().unwrap().read_to_string(&mut log).await.unwrap();
        assert!(self.child.wait().await.unwrap().success());
        log
    }
}

/// The standard output of a command that succeeds.
async fn output(arguments: &[&str], folder: &Path) -> String {
    let mut command = Command::new(binary());
    let command = command.args(arguments).env("APP_SECRET", SECRET).current_dir(folder);
    let output = command.output().await.unwrap();
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{arguments:?}: {errors}");
    String::from_utf8(output.stdout).unwrap()
}

fn config(application: &Application, key: &serde_json::Value) -> String {
    format!(
        r#"
[server]
log_level = "debug"
[auth]
query_tokens = true
[[auth.issuers]]
name = "app"
secret_env = "APP_SECRET"
tenants = ["dev"]
[[auth.keys]]
id = {id}
hash = {hash}
tenants = ["dev"]
publish = ["*"]
scrape = true
[[auth.forward]]
name = "pages"
url = "{url}"
tenants = ["dev"]
"#,
        id = key["id"],
        hash = key["hash"],
        url = application.url("/session"),
    )
}

#[tokio::test]
async fn no_secret_is_written_down_anywhere() {
    let folder = tempfile::tempdir().unwrap();
    let application = Application::start().await.unwrap();
    application.answers("/session", 200, r#"{"user":{"id":"u1"}}"#);
    let (key, record) = api_key(7, &json!({}));
    let config = config(&application, &record);
    let hub = Serve::start(folder.path(), &config).await;
    let flags = ["token", "--secret-env", "APP_SECRET", "--user", "u1", "--publish", "*"];
    let token = output(&flags, folder.path()).await.trim().to_owned();
    let bad = format!("{}x", &token[..token.len() - 1]);
    let bad_key = format!("{}0", &key[..key.len() - 1]);
    let cookie = "session=c00kie-that-opens-doors";
    let mut answers = String::new();
    for (bearer, status) in
        [(token.as_str(), 201), (key.as_str(), 201), (bad.as_str(), 401), (bad_key.as_str(), 401)]
    {
        let authorization = format!("Bearer {bearer}");
        let headers =
            [("authorization", authorization.as_str()), ("content-type", "application/json")];
        let body = br#"{"eventType":"test:event","eventData":{}}"#;
        let answer = request(hub.address, "POST", "/api/sse/events", &headers, body).await.unwrap();
        assert_eq!(answer.status, status);
        let _ = write!(answers, "{answer:?} {}", String::from_utf8_lossy(&answer.body));
    }
    let token_cookie = format!("radial_token={token}");
    let in_url = format!("/api/registry?access_token={token}");
    let bad_in_url = format!("/api/registry?access_token={bad}");
    let nonsense = format!("/api/registry/x?access_token={token}&nonsense={SECRET}");
    let as_ticket = format!("/api/sse/events?ticket={token}");
    for (path, cookie, status) in [
        ("/api/registry", cookie, 200),
        ("/api/registry", token_cookie.as_str(), 200),
        (in_url.as_str(), "", 200),
        (bad_in_url.as_str(), "", 401),
        (nonsense.as_str(), "", 404),
        (as_ticket.as_str(), "", 401),
    ] {
        let answer = request(hub.address, "GET", path, &[("cookie", cookie)], b"").await.unwrap();
        assert_eq!(answer.status, status, "{path}");
        let _ = write!(answers, "{answer:?} {}", String::from_utf8_lossy(&answer.body));
    }
    let authorization = format!("Bearer {key}");
    let scraped =
        request(hub.address, "GET", "/metrics", &[("authorization", &authorization)], b"").await;
    let metrics = String::from_utf8(scraped.unwrap().body).unwrap();
    let log = hub.stop().await;
    let printed =
        output(&["serve", "--config", "radial.toml", "--print-config"], folder.path()).await;
    assert!(log.contains("refused") && metrics.contains("radial_ready"), "{log}");
    assert!(printed.contains("secret_env = \"APP_SECRET\""), "{printed}");
    let signature = token.rsplit('.').next().unwrap();
    let secret_part = key.rsplit('_').next().unwrap();
    for secret in
        [SECRET, signature, &signature[..20], secret_part, &bad[bad.len() - 20..], "c00kie"]
    {
        for (place, text) in [
            ("the log", &log),
            ("metrics", &metrics),
            ("the config", &printed),
            ("answers", &answers),
        ] {
            assert!(!text.contains(secret), "{secret} is in {place}:\n{text}");
        }
    }
}

#[tokio::test]
async fn a_token_of_the_command_is_one_that_the_hub_takes() {
    let folder = tempfile::tempdir().unwrap();
    let application = Application::start().await.unwrap();
    let (_, record) = api_key(7, &json!({}));
    let hub = Serve::start(folder.path(), &config(&application, &record)).await;
    let url = format!("http://{}", hub.address);
    let flags = ["token", "--secret-env", "APP_SECRET", "--user", "u1", "--publish", "test:*"];
    let token = output(&flags, folder.path()).await.trim().to_owned();
    let publish = ["publish", "--url", &url, "--token", &token, "--type", "test:event"];
    let publish = [&publish[..], &["--data", r#"{"n":1}"#]].concat();
    output(&publish, folder.path()).await;
    let refused = Command::new(binary()).args(["events", "--url", &url]).output().await.unwrap();
    let error = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(!refused.status.success() && error.contains("credential"), "{error}");
    hub.stop().await;
}

#[tokio::test]
async fn a_hub_without_any_credential_says_how_to_add_one() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("radial.toml"), "").unwrap();
    let mut command = Command::new(binary());
    let command = command.args(["serve", "--config", "radial.toml"]).current_dir(folder.path());
    let refused = command.output().await.unwrap();
    let error = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert_eq!(refused.status.code(), Some(2), "{error}");
    assert!(error.contains("[[auth.issuers]]") && error.contains("docs/operations.md"), "{error}");
}
