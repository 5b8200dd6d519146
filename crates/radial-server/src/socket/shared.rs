//! A connection's share of a socket: a stream of HTTP/2. Whoever has the socket reads and writes it.
//!
//! It takes no more bytes than its client lets it send, and than may wait for the socket.

use std::future::poll_fn;
use std::io::{self, ErrorKind};
use std::pin::Pin;
use std::task::{Context, Poll, Waker, ready};

use bytes::Bytes;
use h2::{Reason, SendStream};
use radial_fanout::Share;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// The hub's side of a stream. Dropping it before its end tells the client that it was cut.
pub(crate) struct Shared {
    stream: SendStream<Bytes>,
    has_ended: bool,
}

impl Shared {
    pub(crate) fn new(stream: SendStream<Bytes>) -> Self {
        Self { stream, has_ended: false }
    }

    /// Waits for room, and sends as much of these bytes from the front as there is room for; tells
    /// how many. Cancel safe.
    ///
    /// # Errors
    /// The stream has ended.
    pub(crate) async fn send(&mut self, bytes: &Bytes) -> io::Result<usize> {
        let room = poll_fn(|cx| self.poll_room(cx, bytes.len())).await?;
        self.put(bytes.slice(..room), false)?;
        Ok(room)
    }

    /// Says that nothing more comes.
    pub(crate) fn end(&mut self) {
        if !self.has_ended {
            self.has_ended = true;
            // Whoever has gone need not know.
            let _ = self.put(Bytes::new(), true);
        }
    }

    /// Says that what came is not all.
    pub(crate) fn cut(&mut self) {
        self.stream.send_reset(Reason::INTERNAL_ERROR);
    }

    /// Resolves when the client has ended it, or the socket has gone. Cancel safe.
    pub(crate) async fn gone(&mut self) {
        let _ = poll_fn(|cx| self.stream.poll_reset(cx)).await;
    }

    fn put(&mut self, bytes: Bytes, is_last: bool) -> io::Result<()> {
        self.stream.send_data(bytes, is_last).map_err(io::Error::other)
    }

    fn poll_room(&mut self, cx: &mut Context<'_>, wanted: usize) -> Poll<io::Result<usize>> {
        self.stream.reserve_capacity(wanted);
        loop {
            let room = self.stream.capacity().min(wanted);
            if room > 0 || wanted == 0 {
                return Poll::Ready(Ok(room));
            }
            match ready!(self.stream.poll_capacity(cx)) {
                Some(Ok(_)) => {}
                Some(Err(error)) => return Poll::Ready(Err(io::Error::other(error))),
                None => return Poll::Ready(Err(ErrorKind::BrokenPipe.into())),
            }
        }
    }
}

impl Share for Shared {
    fn write(&mut self, bytes: &Bytes) -> io::Result<usize> {
        self.stream.reserve_capacity(bytes.len());
        let room = self.stream.capacity().min(bytes.len());
        if room > 0 {
            self.put(bytes.slice(..room), false)?;
        }
        Ok(room)
    }

    fn watch(&mut self, waker: &Waker) -> bool {
        self.stream.poll_reset(&mut Context::from_waker(waker)).is_pending()
    }
}

/// Nothing comes on it but its end.
impl AsyncRead for Shared {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        _: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let reset = ready!(self.get_mut().stream.poll_reset(cx));
        Poll::Ready(reset.map(|_| ()).map_err(io::Error::other))
    }
}

impl AsyncWrite for Shared {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let room = ready!(this.poll_room(cx, bytes.len()))?;
        this.put(Bytes::copy_from_slice(bytes.get(..room).unwrap_or_default()), false)?;
        Poll::Ready(Ok(room))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.get_mut().end();
        Poll::Ready(Ok(()))
    }
}
