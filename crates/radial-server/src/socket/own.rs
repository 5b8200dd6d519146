//! A socket of a connection's own: as it is, or under TLS.

use std::future::poll_fn;
use std::io::{self, ErrorKind, Read as _};
use std::mem::MaybeUninit;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::{Buf as _, Bytes};
use radial_fanout::Seal;
use rustls::ServerConfig;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, ReadBuf};
use tokio::net::TcpStream;

use super::session::{Session, Standing};

/// What one read takes from a socket under TLS: half of the largest record.
const READ_BYTES: usize = 8 * 1024;
/// What one read skips at most.
const SKIP_BYTES: usize = 4 * 1024;
/// What is encrypted at once, and held while the socket takes nothing: the largest record.
const WRITE_BYTES: usize = 16 * 1024;
/// What is read at most of a socket that comes back from a worker, before others have their turn.
const BACK_BYTES_MAX: usize = 64 * 1024;

/// An open socket.
pub(super) struct Own {
    stream: TcpStream,
    session: Option<Box<Session>>,
}

impl Own {
    pub(super) fn plain(stream: TcpStream) -> Self {
        Self { stream, session: None }
    }

    /// Shakes hands. Not cancel safe: the connection is of no use then.
    ///
    /// # Errors
    /// The other side has gone, or speaks no TLS.
    pub(super) async fn accept(stream: TcpStream, config: Arc<ServerConfig>) -> io::Result<Self> {
        let mut session = Box::new(Session::new(config)?);
        let mut bytes = vec![0; READ_BYTES];
        let mut socket = Self { stream, session: None };
        loop {
            let len = socket.stream.read(&mut bytes).await?;
            if len == 0 {
                return Err(ErrorKind::UnexpectedEof.into());
            }
            let standing = session.take(bytes.get(..len).unwrap_or_default());
            // Its words about what was wrong go out too.
            socket.stream.write_all(session.leaving()).await?;
            session.leaving().clear();
            if standing? != Standing::Handshaking {
                break;
            }
        }
        session.shrink();
        socket.session = Some(session);
        Ok(socket)
    }

    /// Whether the handshake ended in HTTP/2.
    pub(super) fn speaks_http2(&self) -> bool {
        self.session.as_ref().is_some_and(|session| session.speaks_http2())
    }

    /// Whether something has arrived that can be read without the system.
    pub(super) fn has_arrived(&mut self) -> bool {
        let Some(session) = &mut self.session else { return false };
        // What is wrong with it is told to whoever reads next.
        let _ = session.take(&[]);
        !session.arrived().is_empty() || session.is_ended()
    }

    /// Whether something is encrypted already that the system has not taken.
    pub(super) fn is_leaving(&mut self) -> bool {
        self.session.as_mut().is_some_and(|session| !session.leaving().is_empty())
    }

    /// Whether what goes through it is encrypted.
    pub(super) fn is_encrypted(&self) -> bool {
        self.session.is_some()
    }

    /// Takes out what has been looked at already, and leaves the rest where it is.
    ///
    /// # Errors
    /// The other side has gone.
    pub(super) async fn skip(&mut self, mut len: usize) -> io::Result<()> {
        while len > 0 {
            // On the stack of the moment: a task has no room for it.
            let read = poll_fn(|context| {
                let mut bytes = [MaybeUninit::uninit(); SKIP_BYTES];
                let mut bytes = ReadBuf::uninit(&mut bytes);
                let mut bytes = bytes.take(len);
                ready!(Pin::new(&mut self.stream).poll_read(context, &mut bytes))?;
                Poll::Ready(io::Result::Ok(bytes.filled().len()))
            });
            match read.await? {
                0 => return Err(ErrorKind::UnexpectedEof.into()),
                read => len -= read,
            }
        }
        Ok(())
    }

    /// Forgets what has arrived under TLS; tells whether the other side sends more.
    pub(super) fn forget_arrived(&mut self) -> Option<bool> {
        let session = self.session.as_mut()?;
        session.arrived().clear();
        Some(!session.is_ended())
    }

    /// Gives it to a worker. What has arrived and was not read is lost.
    ///
    /// # Errors
    /// It cannot be taken from the runtime, or the other side has gone.
    pub(super) fn into_parts(self) -> io::Result<(std::net::TcpStream, Option<Box<dyn Seal>>)> {
        let Self { stream, mut session } = self;
        if let Some(session) = &mut session {
            session.take(&[])?;
            session.arrived().clear();
            if session.is_ended() {
                return Err(ErrorKind::UnexpectedEof.into());
            }
            session.shrink();
        }
        let seal = session.map(|session| session as Box<dyn Seal>);
        Ok((stream.into_std()?, seal))
    }

    /// Takes it back from a worker; `is_readable` if that has found something to read.
    ///
    /// Under TLS what is there is read at once, since it need not be anything for whoever reads
    /// next. What its worker could not write goes out before everything else; if that is not for
    /// TLS, it comes back to be written.
    ///
    /// # Errors
    /// The runtime does not take it, or the other side has gone.
    pub(super) fn back(
        mut socket: std::net::TcpStream,
        seal: Option<Box<dyn Seal>>,
        unwritten: Bytes,
        is_readable: bool,
    ) -> io::Result<(Self, Bytes)> {
        let Some(seal) = seal else {
            return Ok((Self::plain(TcpStream::from_std(socket)?), unwritten));
        };
        let seal: Box<dyn std::any::Any> = seal;
        let mut session: Box<Session> = seal.downcast().expect("no other seal is parked");
        session.leaving().extend_from_slice(&unwritten);
        if is_readable {
            take_in(&mut socket, &mut session)?;
        }
        Ok((Self { stream: TcpStream::from_std(socket)?, session: Some(session) }, Bytes::new()))
    }
}

/// Reads what is there, but for whoever sends without end.
fn take_in(socket: &mut std::net::TcpStream, session: &mut Session) -> io::Result<()> {
    let (mut bytes, mut read) = ([0; READ_BYTES], 0);
    while read < BACK_BYTES_MAX {
        match socket.read(&mut bytes) {
            // Whoever reads next gets what came before, and then hears of the end.
            Ok(0) => break,
            Ok(len) => {
                session.take(bytes.get(..len).unwrap_or_default())?;
                read += len;
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => break,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(_) if !session.arrived().is_empty() => break,
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Writes what is encrypted already.
fn poll_leave(
    stream: &mut TcpStream,
    session: &mut Session,
    cx: &mut Context<'_>,
) -> Poll<io::Result<()>> {
    while !session.leaving().is_empty() {
        let written = ready!(Pin::new(&mut *stream).poll_write(cx, session.leaving()))?;
        if written == 0 {
            return Poll::Ready(Err(ErrorKind::WriteZero.into()));
        }
        session.leaving().advance(written);
    }
    session.shrink();
    Poll::Ready(Ok(()))
}

impl AsyncRead for Own {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let Self { stream, session } = self.get_mut();
        let Some(session) = session else { return Pin::new(stream).poll_read(cx, buf) };
        session.take(&[])?;
        loop {
            let arrived = session.arrived();
            if !arrived.is_empty() {
                let len = arrived.len().min(buf.remaining());
                buf.put_slice(&arrived.split_to(len));
                session.shrink();
                return Poll::Ready(Ok(()));
            }
            if session.is_ended() {
                return Poll::Ready(Ok(()));
            }
            let mut bytes = [MaybeUninit::uninit(); READ_BYTES];
            let mut read = ReadBuf::uninit(&mut bytes);
            ready!(Pin::new(&mut *stream).poll_read(cx, &mut read))?;
            if read.filled().is_empty() {
                return Poll::Ready(Err(ErrorKind::UnexpectedEof.into()));
            }
            let taken = session.take(read.filled());
            // An answer of TLS itself, if there is any. A full socket takes it later.
            let _ = poll_leave(stream, session, cx)?;
            taken?;
        }
    }
}

impl AsyncWrite for Own {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let Self { stream, session } = self.get_mut();
        let Some(session) = session else { return Pin::new(stream).poll_write(cx, bytes) };
        ready!(poll_leave(stream, session, cx))?;
        let some = bytes.get(..bytes.len().min(WRITE_BYTES)).unwrap_or_default();
        session.send(some)?;
        // They are taken, whether or not the socket takes them now.
        let _ = poll_leave(stream, session, cx)?;
        Poll::Ready(Ok(some.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let Self { stream, session } = self.get_mut();
        if let Some(session) = session {
            ready!(poll_leave(stream, session, cx))?;
        }
        Pin::new(stream).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let Self { stream, session } = self.get_mut();
        if let Some(session) = session {
            session.say_goodbye();
            ready!(poll_leave(stream, session, cx))?;
        }
        Pin::new(stream).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        if this.session.is_none() {
            return Pin::new(&mut this.stream).poll_write_vectored(cx, bufs);
        }
        let first = bufs.iter().find(|buf| !buf.is_empty()).map_or(&[][..], |buf| buf);
        Pin::new(this).poll_write(cx, first)
    }

    fn is_write_vectored(&self) -> bool {
        self.session.is_none()
    }
}
