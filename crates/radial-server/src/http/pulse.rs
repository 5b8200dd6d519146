//! A socket that tells whether anybody is at its other end.
//!
//! What is written says nothing: the system takes it for a client that went long ago. A sign of the
//! client is what it sends, and room that it makes in a socket that was full.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::socket::Socket;

/// What is known of a client by its socket alone.
#[derive(Debug, Default)]
pub(super) struct Pulse {
    signs: AtomicU64,
    is_stuck: AtomicBool,
}

impl Pulse {
    /// How many signs of it there were.
    pub(super) fn signs(&self) -> u64 {
        self.signs.load(Ordering::Relaxed)
    }

    /// Whether something waits for room in the socket.
    pub(super) fn is_stuck(&self) -> bool {
        self.is_stuck.load(Ordering::Relaxed)
    }

    fn note(&self) {
        self.signs.fetch_add(1, Ordering::Relaxed);
    }

    /// Passes on what came of writing.
    fn written<T>(&self, result: Poll<T>) -> Poll<T> {
        if self.is_stuck.swap(result.is_pending(), Ordering::Relaxed) && result.is_ready() {
            self.note();
        }
        result
    }
}

/// A socket, and what it tells.
pub(super) struct Watched {
    socket: Socket,
    pulse: Arc<Pulse>,
}

impl Watched {
    pub(super) fn new(socket: Socket) -> (Self, Arc<Pulse>) {
        let pulse = Arc::new(Pulse::default());
        (Self { socket, pulse: Arc::clone(&pulse) }, pulse)
    }
}

impl AsyncRead for Watched {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let read = ready!(Pin::new(&mut this.socket).poll_read(cx, buf));
        this.pulse.note();
        Poll::Ready(read)
    }
}

impl AsyncWrite for Watched {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        this.pulse.written(Pin::new(&mut this.socket).poll_write(cx, bytes))
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        this.pulse.written(Pin::new(&mut this.socket).poll_flush(cx))
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().socket).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        this.pulse.written(Pin::new(&mut this.socket).poll_write_vectored(cx, bufs))
    }

    fn is_write_vectored(&self) -> bool {
        self.socket.is_write_vectored()
    }
}
