//! An application beside the hub, for tests: it answers what the test says, and remembers what it
//! was asked.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::Result;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// A web server on a free loopback port.
pub struct Application {
    address: SocketAddr,
    state: Arc<Mutex<State>>,
    running: JoinHandle<()>,
}

#[derive(Default)]
struct State {
    answers: HashMap<String, (u16, String)>,
    asked: Vec<String>,
}

impl Application {
    /// Starts it; it answers 404 to everything.
    pub async fn start() -> Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let address = listener.local_addr()?;
        let state = Arc::new(Mutex::new(State::default()));
        let shared = Arc::clone(&state);
        let running = tokio::spawn(async move {
            while let Ok((socket, _)) = listener.accept().await {
                tokio::spawn(answer(socket, Arc::clone(&shared)));
            }
        });
        Ok(Self { address, state, running })
    }

    /// From now on it answers this to this path.
    pub fn answers(&self, path: &str, status: u16, body: &str) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.answers.insert(path.to_owned(), (status, body.to_owned()));
    }

    /// The heads of the requests so far.
    pub fn asked(&self) -> Vec<String> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).asked.clone()
    }

    /// The address of a path.
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }
}

impl Drop for Application {
    fn drop(&mut self) {
        self.running.abort();
    }
}

/// Answers one request, which has no body.
async fn answer(mut socket: TcpStream, state: Arc<Mutex<State>>) {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        if !matches!(socket.read_buf(&mut head).await, Ok(1..)) {
            return;
        }
    }
    let head = String::from_utf8_lossy(&head).into_owned();
    let path = head.split(' ').nth(1).unwrap_or_default().to_owned();
    let (status, body) = {
        let mut state = state.lock().unwrap_or_else(PoisonError::into_inner);
        state.asked.push(head);
        state.answers.get(&path).cloned().unwrap_or((404, String::new()))
    };
    let length = body.len();
    let text = format!(
        "HTTP/1.1 {status} x\r\ncontent-length: {length}\r\ncontent-type: application/json\r\n\r\n{body}"
    );
    let _ = socket.write_all(text.as_bytes()).await;
}
