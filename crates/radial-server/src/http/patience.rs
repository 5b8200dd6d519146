//! How long a socket of HTTP/1.1 may take nothing of an answer.
//!
//! A timer is made only once the socket is full, and forgotten with the next byte that it takes. So
//! whoever reads pays nothing for it, and a connection that has nothing to say is never ended by it.

use std::future::{Future as _, poll_fn};
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::AsyncWrite;
use tokio::time::{Sleep, sleep};

/// The patience with one socket.
pub(super) struct Patience {
    slow_after: Duration,
    /// Until when a socket that is full may take nothing more.
    until: Option<Pin<Box<Sleep>>>,
}

impl Patience {
    pub(super) fn new(slow_after: Duration) -> Self {
        Self { slow_after, until: None }
    }

    /// What became of a write, a flush or a shutdown: an error, `TimedOut`, where the socket has
    /// made them wait for too long.
    pub(super) fn bound<T>(
        &mut self,
        cx: &mut Context<'_>,
        polled: Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        if polled.is_ready() {
            self.until = None;
            return polled;
        }
        let until = self.until.get_or_insert_with(|| Box::pin(sleep(self.slow_after)));
        ready!(until.as_mut().poll(cx));
        let error = io::Error::new(io::ErrorKind::TimedOut, "its client takes nothing");
        Poll::Ready(Err(error))
    }

    /// Writes all of it.
    ///
    /// # Errors
    /// The other side has gone, or has taken nothing for too long.
    pub(super) async fn write_all(
        &mut self,
        socket: &mut (impl AsyncWrite + Unpin),
        mut bytes: &[u8],
    ) -> io::Result<()> {
        while !bytes.is_empty() {
            let written = poll_fn(|cx| {
                let polled = Pin::new(&mut *socket).poll_write(cx, bytes);
                self.bound(cx, polled)
            });
            match written.await? {
                0 => return Err(io::ErrorKind::WriteZero.into()),
                written => bytes = bytes.get(written..).unwrap_or_default(),
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, duplex};
    use tokio::time::Instant;

    use super::*;

    const SLOW_AFTER: Duration = Duration::from_secs(10);

    /// Each byte that is taken begins the time anew, and none is left out.
    #[tokio::test(start_paused = true)]
    async fn only_who_takes_nothing_for_so_long_is_ended() {
        let (mut near, mut far) = duplex(1);
        let mut patience = Patience::new(SLOW_AFTER);
        let writing = patience.write_all(&mut near, b"12345");
        let reading = async {
            let mut taken = Vec::new();
            for _ in 0..3 {
                tokio::time::advance(SLOW_AFTER * 9 / 10).await;
                taken.push(far.read_u8().await.unwrap());
            }
            (Instant::now(), taken)
        };
        let (written, (last, taken)) = tokio::join!(writing, reading);
        assert_eq!(taken, b"123");
        assert_eq!(written.unwrap_err().kind(), io::ErrorKind::TimedOut);
        assert_eq!(last.elapsed(), SLOW_AFTER);
    }

    /// A socket that has taken all has as long as it likes.
    #[tokio::test(start_paused = true)]
    async fn nobody_is_ended_while_there_is_nothing_to_take() {
        let (mut near, mut far) = duplex(1);
        let mut patience = Patience::new(SLOW_AFTER);
        for _ in 0..2 {
            let mut taken = [0; 2];
            let (written, read) =
                tokio::join!(patience.write_all(&mut near, b"12"), far.read_exact(&mut taken));
            written.and(read.map(drop)).unwrap();
            tokio::time::advance(SLOW_AFTER * 2).await;
        }
    }
}
