//! The hub's side of one TLS connection, without its socket: bytes in, bytes out.
//!
//! It has no buffer that it does not need. The TLS library's own connection keeps one for what it
//! reads, for as long as it lives; here everything that is empty is given back, so that an idle
//! connection holds its keys and little more.

use std::io;
use std::sync::Arc;

use bytes::{Buf as _, BytesMut};
use radial_fanout::Seal;
use rustls::ServerConfig;
use rustls::server::UnbufferedServerConnection;
use rustls::unbuffered::{
    ConnectionState, EncodeError, EncryptError, InsufficientSizeError, UnbufferedStatus,
};

/// What may wait for the rest of its record, or of a message of the handshake: as much as the TLS
/// library itself takes.
const INCOMING_BYTES_MAX: usize = 64 * 1024;

/// One TLS connection.
pub(crate) struct Session {
    connection: UnbufferedServerConnection,
    /// What came and is not a whole record yet.
    incoming: BytesMut,
    /// What came, decrypted, and nobody has taken yet.
    arrived: BytesMut,
    /// What is to go through the socket.
    leaving: BytesMut,
    /// The other side sends nothing more.
    is_ended: bool,
    /// This side has said that it sends nothing more.
    has_said_goodbye: bool,
}

/// How far a connection has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    /// The handshake needs more bytes.
    Handshaking,
    /// Both sides may send what they like.
    Open,
    /// Both sides have said goodbye.
    Closed,
}

/// What goes out once the connection is open.
#[derive(Clone, Copy)]
enum Sending<'a> {
    Nothing,
    Bytes(&'a [u8]),
    Goodbye,
}

impl Session {
    /// # Errors
    /// The configuration cannot be used.
    pub(super) fn new(config: Arc<ServerConfig>) -> io::Result<Self> {
        let connection = UnbufferedServerConnection::new(config).map_err(io::Error::other)?;
        Ok(Self {
            connection,
            incoming: BytesMut::new(),
            arrived: BytesMut::new(),
            leaving: BytesMut::new(),
            is_ended: false,
            has_said_goodbye: false,
        })
    }

    /// Whether the handshake ended in HTTP/2.
    pub(super) fn speaks_http2(&self) -> bool {
        self.connection.alpn_protocol() == Some(b"h2")
    }

    /// Takes bytes from the socket, and does what can be done with them.
    ///
    /// # Errors
    /// `InvalidData`: what came is no TLS. What is due to be told of it is left to be sent.
    pub(super) fn take(&mut self, bytes: &[u8]) -> io::Result<Standing> {
        self.incoming.extend_from_slice(bytes);
        let standing = self.advance(Sending::Nothing)?;
        if self.incoming.len() > INCOMING_BYTES_MAX {
            return Err(invalid("a message is too long"));
        }
        Ok(standing)
    }

    /// Puts bytes among what is to go through the socket.
    ///
    /// # Errors
    /// Nothing more can be sent.
    pub(super) fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        match self.advance(Sending::Bytes(bytes))? {
            Standing::Open if !self.has_said_goodbye => Ok(()),
            _ => Err(io::ErrorKind::BrokenPipe.into()),
        }
    }

    /// Puts there that nothing more comes (RFC 8446, section 6.1).
    pub(super) fn say_goodbye(&mut self) {
        if !self.has_said_goodbye {
            // Whoever does not understand the other side need not be polite to it.
            let _ = self.advance(Sending::Goodbye);
            self.has_said_goodbye = true;
        }
    }

    /// What has arrived.
    pub(super) fn arrived(&mut self) -> &mut BytesMut {
        &mut self.arrived
    }

    /// What is to go through the socket.
    pub(super) fn leaving(&mut self) -> &mut BytesMut {
        &mut self.leaving
    }

    /// Whether the other side sends nothing more.
    pub(super) fn is_ended(&self) -> bool {
        self.is_ended
    }

    /// Gives back what is empty.
    pub(super) fn shrink(&mut self) {
        for buffer in [&mut self.incoming, &mut self.arrived, &mut self.leaving] {
            if buffer.is_empty() {
                *buffer = BytesMut::new();
            }
        }
    }

    fn advance(&mut self, sending: Sending<'_>) -> io::Result<Standing> {
        loop {
            let UnbufferedStatus { mut discard, state } =
                self.connection.process_tls_records(&mut self.incoming);
            let standing = match state {
                Ok(ConnectionState::ReadTraffic(mut traffic)) => {
                    while let Some(record) = traffic.next_record() {
                        let record = record.map_err(invalid)?;
                        discard += record.discard;
                        self.arrived.extend_from_slice(record.payload);
                    }
                    None
                }
                Ok(ConnectionState::EncodeTlsData(mut message)) => {
                    put(&mut self.leaving, |out| message.encode(out).map_err(Full::from))?;
                    None
                }
                Ok(ConnectionState::TransmitTlsData(message)) => {
                    // It is in order before everything that follows.
                    message.done();
                    None
                }
                Ok(ConnectionState::PeerClosed) => {
                    self.is_ended = true;
                    None
                }
                Ok(ConnectionState::WriteTraffic(mut traffic)) => {
                    let leaving = &mut self.leaving;
                    match sending {
                        Sending::Nothing => {}
                        Sending::Bytes(bytes) => {
                            put(leaving, |out| traffic.encrypt(bytes, out).map_err(Full::from))?;
                        }
                        Sending::Goodbye => {
                            put(leaving, |out| {
                                traffic.queue_close_notify(out).map_err(Full::from)
                            })?;
                        }
                    }
                    Some(Standing::Open)
                }
                Ok(ConnectionState::BlockedHandshake) => Some(Standing::Handshaking),
                Ok(ConnectionState::Closed) => {
                    self.is_ended = true;
                    Some(Standing::Closed)
                }
                // Nobody has been allowed to send early.
                Ok(_) => return Err(invalid("a state that cannot be")),
                Err(error) => {
                    self.incoming.advance(discard);
                    self.take_alert();
                    return Err(invalid(error));
                }
            };
            self.incoming.advance(discard);
            if let Some(standing) = standing {
                self.shrink();
                return Ok(standing);
            }
        }
    }

    /// What the other side is told of its mistake is left to be sent.
    fn take_alert(&mut self) {
        self.is_ended = true;
        while let UnbufferedStatus {
            state: Ok(ConnectionState::EncodeTlsData(mut alert)), ..
        } = self.connection.process_tls_records(&mut [])
        {
            if put(&mut self.leaving, |out| alert.encode(out).map_err(Full::from)).is_err() {
                return;
            }
        }
    }
}

impl Seal for Session {
    fn seal(&mut self, bytes: &[u8], out: &mut Vec<u8>) -> io::Result<()> {
        let sent = self.send(bytes);
        out.append(&mut std::mem::take(&mut self.leaving).into());
        sent
    }
}

/// Why something was not put there.
enum Full {
    /// So many bytes are needed.
    Needs(usize),
    /// It never will be.
    Never,
}

impl From<EncodeError> for Full {
    fn from(error: EncodeError) -> Self {
        match error {
            EncodeError::InsufficientSize(InsufficientSizeError { required_size }) => {
                Self::Needs(required_size)
            }
            EncodeError::AlreadyEncoded => Self::Never,
        }
    }
}

impl From<EncryptError> for Full {
    fn from(error: EncryptError) -> Self {
        match error {
            EncryptError::InsufficientSize(InsufficientSizeError { required_size }) => {
                Self::Needs(required_size)
            }
            EncryptError::EncryptExhausted => Self::Never,
        }
    }
}

/// Appends what `write` writes, in as much room as it says that it needs.
fn put(
    out: &mut BytesMut,
    mut write: impl FnMut(&mut [u8]) -> Result<usize, Full>,
) -> io::Result<()> {
    let before = out.len();
    let mut room = 0;
    loop {
        out.resize(before + room, 0);
        let written = write(out.get_mut(before..).unwrap_or_default());
        match written {
            Ok(written) => {
                out.truncate(before + written);
                return Ok(());
            }
            Err(Full::Needs(needed)) if needed > room => room = needed,
            Err(_) => {
                out.truncate(before);
                return Err(io::ErrorKind::BrokenPipe.into());
            }
        }
    }
}

fn invalid(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, error)
}
