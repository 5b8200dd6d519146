//! Bytes of one WebSocket: frames that wait to be written, and messages that have arrived.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use radial_fanout::Outlet;
use radial_protocol::Event;
use radial_websocket::{CloseCode, Decoder, Deflate, Message, Opcode, close_frame, frame};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};

use super::outgoing;
use crate::http::lent::Lent;
use crate::socket::Socket;

/// What one read takes at most.
const READ_BYTES: usize = 4 * 1024;
/// How long the other side may take to say goodbye too.
const CLOSING: Duration = Duration::from_secs(1);

/// Why nothing more can be written or read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Broken {
    /// The other side has gone.
    Gone,
    /// It takes nothing.
    Slow,
}

/// What the bytes go through.
enum Io {
    /// A socket of the hub's own, which a worker may have.
    Own(Socket),
    /// Anything else.
    Other(Box<dyn Both>),
}

trait Both: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Both for T {}

/// The socket and what is on its way through it.
pub(super) struct Wire {
    io: Io,
    deflate: Option<Deflate>,
    decoder: Decoder,
    arrived: BytesMut,
    leaving: Vec<Bytes>,
    /// The socket has something that has not been read.
    is_readable: bool,
    /// How long it may take nothing.
    slow_after: Duration,
}

impl Wire {
    pub(super) fn new(
        io: Upgraded,
        deflate: Option<Deflate>,
        message_bytes_max: usize,
        slow_after: Duration,
    ) -> Self {
        let (io, arrived) = match io.downcast::<TokioIo<Lent>>() {
            Ok(parts) => {
                let socket = parts.io.into_inner().into_inner();
                (Io::Own(socket), BytesMut::from(parts.read_buf))
            }
            Err(other) => (Io::Other(Box::new(TokioIo::new(other))), BytesMut::new()),
        };
        let decoder = Decoder::new(message_bytes_max, deflate.is_some());
        Self { io, deflate, decoder, arrived, leaving: Vec::new(), is_readable: false, slow_after }
    }

    /// The wire of a socket that somebody else had; what he could not write goes first.
    pub(super) fn of(
        socket: Socket,
        deflate: Option<Deflate>,
        message_bytes_max: usize,
        slow_after: Duration,
        (unwritten, is_readable): (Bytes, bool),
    ) -> Self {
        let leaving = if unwritten.is_empty() { Vec::new() } else { vec![unwritten] };
        let decoder = Decoder::new(message_bytes_max, deflate.is_some());
        // Under TLS what was there has been read, and need not be anything for this side.
        let is_readable = is_readable && !socket.is_encrypted();
        let (io, arrived) = (Io::Own(socket), BytesMut::new());
        Self { io, deflate, decoder, arrived, leaving, is_readable, slow_after }
    }

    /// Whether it is a socket of the hub's own with nothing on its way.
    pub(super) fn rests(&mut self) -> bool {
        let has_nothing = self.leaving.is_empty()
            && !self.has_more_leaving()
            && self.arrived.is_empty()
            && !self.is_readable;
        match &mut self.io {
            Io::Own(socket) => has_nothing && self.decoder.is_idle() && !socket.has_arrived(),
            Io::Other(_) => false,
        }
    }

    /// Whether the socket itself has something to write that it was given already.
    fn has_more_leaving(&mut self) -> bool {
        match &mut self.io {
            Io::Own(socket) => socket.is_leaving(),
            Io::Other(_) => false,
        }
    }

    /// Its way to a worker, if the socket is the hub's own.
    pub(super) fn into_outlet(self) -> Option<Outlet> {
        match self.io {
            Io::Own(socket) => socket.into_outlet().ok(),
            Io::Other(_) => None,
        }
    }

    /// The next message that has arrived whole.
    ///
    /// # Errors
    /// What the client did; its connection is to be closed.
    pub(super) fn message(&mut self) -> Result<Option<Message>, radial_websocket::Violation> {
        let message = self.decoder.next(&mut self.arrived)?;
        if message.is_none() && self.arrived.is_empty() && self.decoder.is_idle() {
            // An idle connection holds no buffer.
            self.arrived = BytesMut::new();
        }
        Ok(message)
    }

    /// Waits for bytes. Cancel safe.
    pub(super) async fn read(&mut self) -> Result<(), Broken> {
        self.arrived.reserve(READ_BYTES);
        let read = match &mut self.io {
            Io::Own(socket) => socket.read_buf(&mut self.arrived).await,
            Io::Other(io) => io.read_buf(&mut self.arrived).await,
        };
        self.is_readable = false;
        match read {
            Ok(0) | Err(_) => Err(Broken::Gone),
            Ok(_) => Ok(()),
        }
    }

    /// Puts a message of text behind what waits to be written.
    pub(super) fn put_text(&mut self, json: &[u8]) {
        self.leaving.push(outgoing::text(json, self.deflate));
    }

    /// Puts an event there.
    pub(super) fn put_event(&mut self, event: &Event) {
        self.leaving.push(outgoing::event(event, self.deflate));
    }

    /// Puts a pong there.
    pub(super) fn put_pong(&mut self, payload: &[u8]) {
        self.leaving.push(frame(Opcode::Pong, false, payload));
    }

    /// Writes everything that waits. Not cancel safe: a frame may have gone out in part.
    pub(super) async fn flush(&mut self) -> Result<(), Broken> {
        if self.leaving.is_empty() && !self.has_more_leaving() {
            return Ok(());
        }
        let bytes = match &mut self.leaving[..] {
            [] => Bytes::new(),
            [one] => std::mem::take(one),
            many => Bytes::from(many.concat()),
        };
        self.leaving.clear();
        let mut rest = bytes;
        while !rest.is_empty() {
            let write = async {
                match &mut self.io {
                    Io::Own(socket) => socket.write_buf(&mut rest).await,
                    Io::Other(io) => io.write_buf(&mut rest).await,
                }
            };
            match tokio::time::timeout(self.slow_after, write).await {
                Ok(Ok(written)) if written > 0 => {}
                Ok(_) => return Err(Broken::Gone),
                Err(_) => return Err(Broken::Slow),
            }
        }
        let flush = async {
            match &mut self.io {
                Io::Own(socket) => socket.flush().await,
                Io::Other(io) => io.flush().await,
            }
        };
        match tokio::time::timeout(self.slow_after, flush).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) => Err(Broken::Gone),
            Err(_) => Err(Broken::Slow),
        }
    }

    /// Says why the connection ends, and waits a little for the other side to agree (RFC 6455,
    /// section 7.1.1).
    pub(super) async fn close(mut self, code: CloseCode, text: &str) {
        self.leaving.push(close_frame(code, text));
        let goodbye = async {
            self.flush().await?;
            // Whatever was on its way is read and forgotten, so that no reset overtakes the frame.
            loop {
                self.arrived.clear();
                self.read().await?;
            }
        };
        let _: Result<Result<(), Broken>, _> = tokio::time::timeout(CLOSING, goodbye).await;
        let end = async {
            match &mut self.io {
                Io::Own(socket) => socket.shutdown().await,
                Io::Other(io) => io.shutdown().await,
            }
        };
        // Under TLS that has something to say, which whoever takes nothing does not hear.
        let _: Result<std::io::Result<()>, _> = tokio::time::timeout(CLOSING, end).await;
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use rustls::pki_types::{PrivatePkcs8KeyDer, ServerName};
    use rustls::{ClientConfig, RootCertStore, ServerConfig};
    use tokio::net::{TcpListener, TcpStream};
    use tokio_rustls::TlsConnector;
    use tokio_rustls::client::TlsStream;

    use super::*;

    /// Both ends of a connection under TLS.
    async fn encrypted() -> (Socket, TlsStream<TcpStream>) {
        let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
        let (certificate, key) = (made.cert.der().clone(), made.signing_key.serialize_der());
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let mut roots = RootCertStore::empty();
        roots.add(certificate.clone()).unwrap();
        let client = ClientConfig::builder_with_provider(Arc::clone(&provider));
        let client = client.with_safe_default_protocol_versions().unwrap();
        let client = client.with_root_certificates(roots).with_no_client_auth();
        let server = ServerConfig::builder_with_provider(provider);
        let server = server.with_safe_default_protocol_versions().unwrap().with_no_client_auth();
        let key = PrivatePkcs8KeyDer::from(key).into();
        let server = server.with_single_cert(vec![certificate], key).unwrap();

        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let stream = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let (accepted, _) = listener.accept().await.unwrap();
        let host = ServerName::try_from("localhost").unwrap();
        let connecting = TlsConnector::from(Arc::new(client)).connect(host, stream);
        let (socket, client) = tokio::join!(Socket::accept(accepted, Arc::new(server)), connecting);
        (socket.unwrap(), client.unwrap())
    }

    /// Under TLS there is a farewell to be written, which it does not take either.
    #[tokio::test]
    async fn the_end_does_not_wait_for_who_takes_nothing() {
        let (socket, _client) = encrypted().await;
        let never = Duration::from_hours(1);
        // More than the system holds for both sides.
        let unwritten = Bytes::from(vec![0; 64 * 1024 * 1024]);
        let wire = Wire::of(socket, None, 1_024, never, (unwritten, false));
        let end = wire.close(CloseCode::NORMAL, "");
        tokio::time::timeout(CLOSING * 10, end).await.expect("it ends");
    }
}
