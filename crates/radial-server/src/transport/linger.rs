//! The end of a plain socket.

use std::time::Duration;

use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;

/// How long the other side may take to see that a connection has ended.
const LINGER: Duration = Duration::from_secs(1);

/// Ends a connection so that what was written last arrives: a socket that is closed while it
/// holds bytes that nobody read resets its connection.
pub(super) async fn linger(mut socket: TcpStream) {
    let goodbye = async {
        socket.shutdown().await?;
        let mut buffer = [0; 1_024];
        loop {
            socket.readable().await?;
            match socket.try_read(&mut buffer) {
                Ok(0) => return Ok(()),
                Ok(_) => {}
                Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {}
                Err(error) => return Err(error),
            }
        }
    };
    let _: Result<std::io::Result<()>, _> = tokio::time::timeout(LINGER, goodbye).await;
}
