//! A hub that misbehaves as it is told: one script for each connection.
//!
//! For tests with `start_paused = true`. A script that is to go on later waits for its test's word.

#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;

/// The epoch of every cursor in these tests.
pub(crate) const EPOCH: &str = "AAAAAAAAAAA";

const STREAM_HEAD: &str =
    "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n";

/// One step of a connection's script; a script that is over closes the connection.
#[derive(Clone, Debug)]
pub(crate) enum Act {
    /// Sends this.
    Send(String),
    /// Waits for the test's word.
    Wait(Arc<Notify>),
    /// Sends nothing any more, but stays open.
    Hang,
}

/// A running hub.
pub(crate) struct Hub {
    /// Where it listens.
    pub(crate) url: String,
    heads: Arc<Mutex<Vec<String>>>,
    server: tokio::task::JoinHandle<()>,
}

impl Hub {
    /// Serves the scripts in the order of the connections, and then listens no more.
    pub(crate) async fn start(scripts: Vec<Vec<Act>>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let heads = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&heads);
        let server = tokio::spawn(async move {
            let mut connections = tokio::task::JoinSet::new();
            for script in scripts {
                let (stream, _) = listener.accept().await.unwrap();
                connections.spawn(play(stream, script, Arc::clone(&seen)));
            }
            drop(listener);
            while connections.join_next().await.is_some() {}
        });
        Self { url, heads, server }
    }

    /// The heads of the requests so far, in lower case.
    pub(crate) fn heads(&self) -> Vec<String> {
        self.heads.lock().unwrap().clone()
    }
}

impl Drop for Hub {
    fn drop(&mut self) {
        self.server.abort();
    }
}

async fn play(mut stream: TcpStream, script: Vec<Act>, heads: Arc<Mutex<Vec<String>>>) {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        match stream.read_u8().await {
            Ok(byte) => head.push(byte),
            Err(_) => return,
        }
    }
    heads.lock().unwrap().push(String::from_utf8(head).unwrap().to_lowercase());
    for act in script {
        match act {
            Act::Send(text) => {
                if stream.write_all(text.as_bytes()).await.is_err() {
                    return;
                }
            }
            Act::Wait(word) => word.notified().await,
            Act::Hang => {
                let _ = stream.read_u8().await;
            }
        }
    }
}

/// A stream with these frames; then the connection is closed.
pub(crate) fn stream(frames: &[String]) -> Vec<Act> {
    vec![Act::Send(format!("{STREAM_HEAD}{}", frames.concat()))]
}

/// An answer that is no stream.
pub(crate) fn answer(status: &str, headers: &str, body: &str) -> Vec<Act> {
    let length = body.len();
    vec![Act::Send(format!(
        "HTTP/1.1 {status}\r\nContent-Length: {length}\r\n{headers}Connection: close\r\n\r\n{body}"
    ))]
}

pub(crate) fn hello(offset: u64, heartbeat_ms: u64) -> String {
    format!(
        "id: {EPOCH}.{offset}\nevent: hello\ndata: {{\"connectionId\":\"c\",\"cursor\":\"{EPOCH}.{offset}\",\
         \"resumed\":{{\"from\":null,\"complete\":true}},\"filter\":{{\"channels\":[\"main\"],\"types\":[\"*\"]}},\
         \"heartbeatMs\":{heartbeat_ms},\"retryMs\":1000,\"maxAgeMs\":3600000,\"tokenExpiresInMs\":null,\"now\":1,\
         \"node\":\"n\",\"flags\":{{}},\"polling\":{{\"intervalMs\":1000}},\"protocol\":1}}\n\n"
    )
}

pub(crate) fn event(offset: u64) -> String {
    format!("id: {EPOCH}.{offset}\ndata: {{\"offset\":{offset}}}\n\n")
}

pub(crate) fn live(offset: u64) -> String {
    format!("event: live\ndata: {{\"cursor\":\"{EPOCH}.{offset}\",\"replayed\":0}}\n\n")
}

pub(crate) fn goodbye(reason: &str, retry_ms: u64) -> String {
    format!(
        "event: goodbye\ndata: {{\"reason\":\"{reason}\",\"retryMs\":{retry_ms},\"fallback\":\"reconnect\"}}\n\n"
    )
}
