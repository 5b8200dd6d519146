//! The end of a socket that is the hub's own.

use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::socket::Socket;

/// How long the other side may take to see that a connection has ended.
const LINGER: Duration = Duration::from_secs(1);

/// Ends a connection so that what was written last arrives: a socket that is closed while it
/// holds bytes that nobody read resets its connection.
pub(crate) async fn linger(mut socket: Socket) {
    let goodbye = async {
        socket.shutdown().await?;
        if socket.is_shared() {
            return Ok(());
        }
        // A read gives way now and then, or whoever sends without end would outrun the time.
        while socket.read(&mut [0; 1_024]).await? > 0 {}
        Ok(())
    };
    let _: Result<std::io::Result<()>, _> = tokio::time::timeout(LINGER, goodbye).await;
}
