//! A hub that has nothing to do does nothing.

use std::time::Duration;

use radial_testkit::wire::head;
use radial_testkit::{HubProcess, PATIENCE};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::program::binary;

/// What a client sends on its stream means nothing. It must be read all the same: a worker gives
/// whoever has something to be read to a task, and that would give it back at once.
#[tokio::test]
async fn what_clients_send_on_their_streams_keeps_nobody_busy() {
    let folder = tempfile::tempdir().unwrap();
    let hub = HubProcess::start(binary(), folder.path()).await.unwrap();
    let mut sockets = Vec::new();
    for _ in 0..8 {
        let mut socket = TcpStream::connect(hub.address()).await.unwrap();
        let request = head(hub.address(), "GET", "/api/sse/events", &[]) + "\r\n";
        socket.write_all(request.as_bytes()).await.unwrap();
        let mut bytes = Vec::new();
        while !bytes.ends_with(b"\n\n\r\n") || !bytes.windows(4).any(|four| four == b"live") {
            let read = timeout(PATIENCE, socket.read_buf(&mut bytes)).await;
            assert!(read.unwrap().unwrap() > 0);
        }
        socket.write_all(b"GET /healthz HTTP/1.1\r\nhost: localhost\r\n\r\n").await.unwrap();
        sockets.push(socket);
    }
    let before = hub.processor_time().unwrap();
    for socket in &mut sockets {
        let more = timeout(Duration::from_millis(200), socket.read_u8()).await;
        assert!(more.is_err(), "nothing is answered: {more:?}");
    }
    let used = hub.processor_time().unwrap().saturating_sub(before);
    assert!(used < Duration::from_millis(500), "{used:?} of 1.6 s");
}
