//! How many sockets there are, while a stream goes from one hand to the next.

use radial_testkit::credentials::token;
use radial_testkit::wire::{head, parse_all};
use radial_testkit::{PATIENCE, TestServer};
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;

const TYPES: &str = r#"
[types."notice.given"]
persistence = "durable"
ack = true
[types."notice.given".versions.1.schema]
"#;

/// Asks for the metrics again and again on one connection, which counts too.
struct Scraper {
    socket: TcpStream,
    request: String,
}

impl Scraper {
    async fn connect(hub: &TestServer) -> Self {
        let socket = TcpStream::connect(hub.address()).await.unwrap();
        let bearer = format!("Bearer {}", token(&json!({"radial": {"operator": "hub"}})));
        let headers = [("authorization", &*bearer)];
        let request = head(hub.address(), "GET", "/metrics", &headers) + "\r\n";
        Self { socket, request }
    }

    async fn metric(&mut self, name: &str) -> u64 {
        self.socket.write_all(self.request.as_bytes()).await.unwrap();
        let mut bytes = Vec::new();
        let answer = loop {
            let read = timeout(PATIENCE, self.socket.read_buf(&mut bytes)).await.unwrap();
            assert!(read.unwrap() > 0, "the hub closed the connection");
            if let Ok(mut answers) = parse_all(&bytes)
                && let Some(answer) = answers.pop()
            {
                break String::from_utf8(answer.body).unwrap();
            }
        };
        let found = answer.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        found.unwrap_or_else(|| panic!("no {name}: {answer}")).parse().unwrap()
    }

    async fn until(&mut self, name: &str, value: u64) {
        let work = async { while self.metric(name).await != value {} };
        timeout(PATIENCE, work).await.unwrap_or_else(|_| panic!("{name} is not {value} in time"));
    }
}

/// A disk that takes its time keeps the stream of a new session waiting, because what that owes is
/// stored first.
#[tokio::test]
async fn a_stream_that_waits_to_be_opened_is_one_socket() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("t.toml"), TYPES).unwrap();
    let registry = folder.path().display().to_string();
    let hub = TestServer::serve(&[("hub.registry", &registry)]).await.unwrap();
    let mut scraper = Scraper::connect(&hub).await;
    assert_eq!(scraper.metric("radial_sockets").await, 1);
    hub.disk().hold_syncs(true);
    let mut stream = TcpStream::connect(hub.address()).await.unwrap();
    let bearer = format!("Bearer {}", token(&json!({"sub": "u", "sid": "s"})));
    let headers = [("authorization", &*bearer)];
    let request = head(hub.address(), "GET", "/api/sse/events", &headers) + "\r\n";
    stream.write_all(request.as_bytes()).await.unwrap();
    scraper.until("radial_ack_sessions", 1).await;
    let (sockets, streams) =
        (scraper.metric("radial_sockets").await, scraper.metric("radial_connections").await);
    hub.disk().hold_syncs(false);
    assert_eq!((sockets, streams), (2, 0), "while it waits");
    scraper.until("radial_connections", 1).await;
    scraper.until("radial_sockets", 2).await;
    drop(stream);
    scraper.until("radial_connections", 0).await;
    scraper.until("radial_sockets", 1).await;
}
