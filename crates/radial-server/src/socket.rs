//! What a connection is written through: a socket of its own, as it is or under TLS, or its share
//! of one, as a stream of HTTP/2.
//!
//! It can be given to a worker, which writes to it on its own, and comes back from there.

mod own;
mod session;
mod shared;

use std::any::Any;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use radial_fanout::{Outlet, Share};
use rustls::ServerConfig;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

use self::own::Own;
pub(crate) use self::shared::Shared;

/// An open socket, or a share of one.
pub(crate) struct Socket(Kind);

enum Kind {
    Own(Own),
    Shared(Shared),
}

impl Socket {
    pub(crate) fn plain(stream: TcpStream) -> Self {
        Self(Kind::Own(Own::plain(stream)))
    }

    /// Shakes hands. Not cancel safe: the connection is of no use then.
    ///
    /// # Errors
    /// The other side has gone, or speaks no TLS.
    pub(crate) async fn accept(stream: TcpStream, config: Arc<ServerConfig>) -> io::Result<Self> {
        Ok(Self(Kind::Own(Own::accept(stream, config).await?)))
    }

    pub(crate) fn shared(share: Shared) -> Self {
        Self(Kind::Shared(share))
    }

    /// Whether it is one of several streams on a socket.
    pub(crate) fn is_shared(&self) -> bool {
        matches!(self.0, Kind::Shared(_))
    }

    /// Whether the handshake ended in HTTP/2.
    pub(crate) fn speaks_http2(&self) -> bool {
        matches!(&self.0, Kind::Own(own) if own.speaks_http2())
    }

    /// Whether it has a TLS of its own.
    pub(crate) fn is_encrypted(&self) -> bool {
        matches!(&self.0, Kind::Own(own) if own.is_encrypted())
    }

    /// Whether something has arrived that can be read without the system.
    pub(crate) fn has_arrived(&mut self) -> bool {
        match &mut self.0 {
            Kind::Own(own) => own.has_arrived(),
            Kind::Shared(_) => false,
        }
    }

    /// Whether something is encrypted already that the system has not taken.
    pub(crate) fn is_leaving(&mut self) -> bool {
        match &mut self.0 {
            Kind::Own(own) => own.is_leaving(),
            Kind::Shared(_) => false,
        }
    }

    /// Takes out what has been looked at already, and leaves the rest where it is.
    ///
    /// # Errors
    /// The other side has gone.
    pub(crate) async fn skip(&mut self, len: usize) -> io::Result<()> {
        match &mut self.0 {
            Kind::Own(own) => own.skip(len).await,
            Kind::Shared(_) => Ok(()),
        }
    }

    /// Waits for what comes, which means nothing, and forgets it; tells whether the other side is
    /// still there. Cancel safe.
    ///
    /// Whoever sends without end keeps no thread to himself: a read gives way to other tasks now and
    /// then.
    pub(crate) async fn forget_what_comes(&mut self) -> bool {
        let read = self.read(&mut [0; 1_024]).await;
        read.is_ok_and(|len| len > 0)
    }

    /// The same for a socket that has just come back with something to read. Under TLS that need
    /// not be anything for this side, so that nothing is waited for.
    pub(crate) async fn forget_what_is_there(&mut self) -> bool {
        if let Kind::Own(own) = &mut self.0
            && let Some(is_there) = own.forget_arrived()
        {
            return is_there;
        }
        self.forget_what_comes().await
    }

    /// Gives it to a worker. What has arrived and was not read is lost.
    ///
    /// # Errors
    /// It cannot be taken from the runtime, or the other side has gone.
    pub(crate) fn into_outlet(self) -> io::Result<Outlet> {
        match self.0 {
            Kind::Own(own) => {
                let (socket, seal) = own.into_parts()?;
                Ok(Outlet::Socket { socket, seal })
            }
            Kind::Shared(share) => Ok(Outlet::Share(Box::new(share))),
        }
    }

    /// Takes it back from a worker; `is_readable` if that has found something to read.
    ///
    /// Under TLS what is there is read at once, since it need not be anything for whoever reads
    /// next. What its worker could not write goes out before everything else; if that is not for
    /// TLS, it comes back to be written.
    ///
    /// # Errors
    /// The runtime does not take it, or the other side has gone.
    pub(crate) fn back(
        outlet: Outlet,
        unwritten: Bytes,
        is_readable: bool,
    ) -> io::Result<(Self, Bytes)> {
        match outlet {
            Outlet::Socket { socket, seal } => {
                let (own, unwritten) = Own::back(socket, seal, unwritten, is_readable)?;
                Ok((Self(Kind::Own(own)), unwritten))
            }
            Outlet::Share(share) => Ok((Self::shared(taken_back(share)), unwritten)),
        }
    }
}

fn taken_back(share: Box<dyn Share>) -> Shared {
    let share: Box<dyn Any> = share;
    *share.downcast().expect("no other share is parked")
}

impl AsyncRead for Socket {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match &mut self.get_mut().0 {
            Kind::Own(own) => Pin::new(own).poll_read(cx, buf),
            Kind::Shared(share) => Pin::new(share).poll_read(cx, buf),
        }
    }
}

impl AsyncWrite for Socket {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        match &mut self.get_mut().0 {
            Kind::Own(own) => Pin::new(own).poll_write(cx, bytes),
            Kind::Shared(share) => Pin::new(share).poll_write(cx, bytes),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.get_mut().0 {
            Kind::Own(own) => Pin::new(own).poll_flush(cx),
            Kind::Shared(share) => Pin::new(share).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.get_mut().0 {
            Kind::Own(own) => Pin::new(own).poll_shutdown(cx),
            Kind::Shared(share) => Pin::new(share).poll_shutdown(cx),
        }
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match &mut self.get_mut().0 {
            Kind::Own(own) => Pin::new(own).poll_write_vectored(cx, bufs),
            Kind::Shared(share) => Pin::new(share).poll_write_vectored(cx, bufs),
        }
    }

    fn is_write_vectored(&self) -> bool {
        matches!(&self.0, Kind::Own(own) if own.is_write_vectored())
    }
}
