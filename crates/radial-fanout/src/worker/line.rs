//! What a connection is written through: a socket of its own, as it is or encrypted.

use std::io::{ErrorKind, Write as _};

use bytes::Bytes;
use mio::net::TcpStream;

use crate::resident::{Outlet, Seal};

/// An open socket in a worker's hands.
pub(crate) struct Line {
    pub(crate) socket: TcpStream,
    seal: Option<Box<dyn Seal>>,
}

/// What became of a write.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Wrote {
    All,
    /// So many bytes.
    Part(usize),
    Gone,
}

/// What became of a write whose bytes are kept where the socket does not take them.
pub(crate) enum Left {
    /// Nothing is left.
    Nothing,
    /// This is, as it goes through the socket.
    Bytes(Bytes),
    Gone,
}

impl Line {
    /// The socket must not block.
    pub(crate) fn new(outlet: Outlet) -> Self {
        Self { socket: TcpStream::from_std(outlet.socket), seal: outlet.seal }
    }

    pub(crate) fn into_outlet(self) -> Outlet {
        Outlet { socket: self.socket.into(), seal: self.seal }
    }

    /// Writes as much as the socket takes of bytes that need nothing more done to them.
    pub(crate) fn write_ready(&mut self, bytes: &[u8]) -> Wrote {
        let mut written = 0;
        while let Some(rest) = bytes.get(written..).filter(|rest| !rest.is_empty()) {
            match self.socket.write(rest) {
                Ok(0) => return Wrote::Gone,
                Ok(len) => written += len,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Wrote::Part(written),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(_) => return Wrote::Gone,
            }
        }
        Wrote::All
    }

    /// Writes as much as the socket takes. `whole` is a copy of the bytes that others may share;
    /// what was encrypted is nobody else's.
    pub(crate) fn write(&mut self, bytes: &[u8], whole: impl FnOnce() -> Bytes) -> Left {
        let Some(seal) = &mut self.seal else {
            return match self.write_ready(bytes) {
                Wrote::All => Left::Nothing,
                Wrote::Part(written) => Left::Bytes(whole().slice(written..)),
                Wrote::Gone => Left::Gone,
            };
        };
        let mut sealed = Vec::new();
        if seal.seal(bytes, &mut sealed).is_err() {
            return Left::Gone;
        }
        match self.write_ready(&sealed) {
            Wrote::All => Left::Nothing,
            Wrote::Part(0) => Left::Bytes(sealed.into()),
            // The rest alone, in as much memory as it needs.
            Wrote::Part(written) => {
                Left::Bytes(Bytes::copy_from_slice(sealed.get(written..).unwrap_or_default()))
            }
            Wrote::Gone => Left::Gone,
        }
    }
}
