//! What a connection is written through: a socket of its own, as it is or encrypted, or its share
//! of one.

use std::io::{ErrorKind, Write as _};

use bytes::Bytes;
use mio::net::TcpStream;
use mio::{Interest, Token};

use super::hands::Leave;
use super::sharing::{Caller, Sharing};
use crate::resident::{Ended, Outlet, Seal, Why};
use crate::sync::Registry;

/// An open outlet in a worker's hands.
pub(crate) enum Line {
    Socket(TcpStream, Option<Box<dyn Seal>>),
    /// Elsewhere, so that a socket takes no room for it.
    Share(Box<Sharing>),
}

/// What became of a write.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Wrote {
    All,
    /// So many bytes.
    Part(usize),
    Gone,
}

/// What became of a write whose bytes are kept where there is no room for them.
pub(crate) enum Left {
    /// Nothing is left.
    Nothing,
    /// This is, as it goes out.
    Bytes(Bytes),
    Gone,
}

impl Line {
    /// `caller` is for a share.
    pub(crate) fn new(outlet: Outlet, caller: Caller) -> Self {
        match outlet {
            Outlet::Socket { socket, seal } => Self::Socket(TcpStream::from_std(socket), seal),
            Outlet::Share(share) => Self::Share(Box::new(Sharing::new(share, caller))),
        }
    }

    /// Nothing of a share that has failed.
    pub(crate) fn into_outlet(self) -> Option<Outlet> {
        match self {
            Self::Socket(socket, seal) => Some(Outlet::Socket { socket: socket.into(), seal }),
            Self::Share(share) => share.into_share().map(Outlet::Share),
        }
    }

    /// Begins to notice what happens to it: a socket by this token, a share by a command. Tells how
    /// it leaves if that cannot be.
    pub(crate) fn watch(&mut self, registry: &Registry, token: Token) -> Option<Leave> {
        match self {
            Self::Socket(socket, _) => {
                let interest = Interest::READABLE | Interest::WRITABLE;
                let watched = registry.register(socket, token, interest);
                watched.err().map(|_| Leave::Back(Why::Rung))
            }
            // Whoever parked it would find nothing wrong with it, and park it again.
            Self::Share(share) => (!share.watch()).then_some(Leave::Ended(Ended::Gone)),
        }
    }

    /// Notices nothing more.
    pub(crate) fn forget(&mut self, registry: &Registry) {
        match self {
            Self::Socket(socket, _) => {
                let _ = registry.deregister(socket);
            }
            Self::Share(share) => share.forget(),
        }
    }

    /// What its socket has for the hub, if that makes it leave.
    pub(crate) fn what_came(&self) -> Option<Leave> {
        let Self::Socket(socket, _) = self else { return None };
        match socket.peek(&mut [0]) {
            Ok(0) => Some(Leave::Ended(Ended::Gone)),
            Ok(_) => Some(Leave::Back(Why::Readable)),
            Err(error) if error.kind() == ErrorKind::WouldBlock => None,
            Err(_) => Some(Leave::Ended(Ended::Gone)),
        }
    }

    /// Writes as much as there is room for of bytes that need nothing more done to them.
    pub(crate) fn write_ready(&mut self, bytes: &Bytes) -> Wrote {
        match self {
            Self::Socket(socket, _) => write(socket, bytes),
            Self::Share(share) => share.write(bytes),
        }
    }

    /// Writes as much as there is room for. `whole` is a copy of the bytes that others may share;
    /// what was encrypted is nobody else's.
    pub(crate) fn write(&mut self, bytes: &[u8], whole: impl FnOnce() -> Bytes) -> Left {
        let (socket, seal) = match self {
            Self::Socket(socket, Some(seal)) => (socket, seal),
            Self::Socket(socket, None) => {
                return match write(socket, bytes) {
                    Wrote::All => Left::Nothing,
                    Wrote::Part(written) => Left::Bytes(whole().slice(written..)),
                    Wrote::Gone => Left::Gone,
                };
            }
            Self::Share(share) => {
                let whole = whole();
                return match share.write(&whole) {
                    Wrote::All => Left::Nothing,
                    Wrote::Part(written) => Left::Bytes(whole.slice(written..)),
                    Wrote::Gone => Left::Gone,
                };
            }
        };
        let mut sealed = Vec::new();
        if seal.seal(bytes, &mut sealed).is_err() {
            return Left::Gone;
        }
        match write(socket, &sealed) {
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

fn write(socket: &mut TcpStream, bytes: &[u8]) -> Wrote {
    let mut written = 0;
    while let Some(rest) = bytes.get(written..).filter(|rest| !rest.is_empty()) {
        match socket.write(rest) {
            Ok(0) => return Wrote::Gone,
            Ok(len) => written += len,
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Wrote::Part(written),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(_) => return Wrote::Gone,
        }
    }
    Wrote::All
}
