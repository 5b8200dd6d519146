//! What a worker is given, and what it gives back: an open socket with a place and a filter.
//!
//! Whoever has nothing special to do for a connection parks it with a worker, which writes to it
//! what is due at the head. As soon as there is something that a worker knows nothing about, the
//! connection goes back to whoever parked it.

use std::any::Any;
use std::fmt;
use std::io;
use std::net::TcpStream;
use std::sync::Arc;
use std::task::Waker;
use std::time::Duration;

use bytes::Bytes;
use radial_protocol::filter::Filter;
use radial_protocol::{Cursor, Epoch, Event, Offset, TimeMs};

use crate::timeline::Timeline;

/// How a transport writes what is due. All connections that share one share the bytes as well.
pub trait Encoding: Send + Sync {
    /// Appends these events, as they go out in one write.
    fn events(&self, events: &[&Arc<Event>], out: &mut Vec<u8>);
    /// Appends a sign of life of a connection whose place is `cursor`.
    fn heartbeat(&self, now: TimeMs, cursor: Cursor, out: &mut Vec<u8>);
}

/// A reader's place in a timeline.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Spot {
    /// The position of the next entry that it has not had.
    pub(crate) position: u64,
    /// Everything in the log up to here it has had, or by policy never will have.
    pub(crate) place: Offset,
}

/// What a connection is written through.
#[derive(Debug)]
pub enum Outlet {
    /// A socket of its own.
    Socket {
        /// It must not block.
        socket: TcpStream,
        /// What is done to its bytes before they go through the socket, if anything is.
        seal: Option<Box<dyn Seal>>,
    },
    /// Its share of a socket that somebody else reads and writes.
    Share(Box<dyn Share>),
}

/// Encrypts what goes through a socket. Whoever parks a connection gets it back as what it was.
pub trait Seal: Any + Send {
    /// Appends these bytes as they go through the socket, all of them and in this order.
    ///
    /// # Errors
    /// Nothing more can be sent.
    fn seal(&mut self, bytes: &[u8], out: &mut Vec<u8>) -> io::Result<()>;
}

impl fmt::Debug for dyn Seal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Seal")
    }
}

/// One of several streams on a socket. Whoever parks a connection gets it back as what it was.
pub trait Share: Any + Send {
    /// Takes as many of these bytes from the front as there is room for, and tells how many. It
    /// never waits, and keeps what it takes until it has gone out.
    ///
    /// # Errors
    /// The stream has ended.
    fn write(&mut self, bytes: &Bytes) -> io::Result<usize>;

    /// Has this waker woken once when there may be more room, or the stream may have ended; tells
    /// whether it has not.
    fn watch(&mut self, waker: &Waker) -> bool;
}

impl fmt::Debug for dyn Share {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Share")
    }
}

/// A connection for a worker. Times are uptimes of the worker's own clock.
pub struct Parked {
    /// What it is written through.
    pub outlet: Outlet,
    /// What it reads.
    pub timeline: Arc<Timeline>,
    /// The history that the timeline's places belong to.
    pub epoch: Epoch,
    /// What is due to it.
    pub filter: Filter,
    /// Where it is.
    pub spot: Spot,
    /// How it is written.
    pub encoding: Arc<dyn Encoding>,
    /// When the next sign of life is due if nothing else happens, and how often then.
    pub beat: (Duration, Duration),
    /// When it comes back in any case.
    pub until: Duration,
    /// Whoever takes it back.
    pub resident: Box<dyn Resident>,
}

/// Why a connection comes back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    /// Its bell was rung, or all were called back.
    Rung,
    /// The client has sent something.
    Readable,
    /// There is more to read than a worker reads at once, or it stands in the log only.
    Behind,
    /// Its time has come.
    Time,
}

/// How a connection ended in a worker's hands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// The client has gone.
    Gone,
    /// The client took nothing for too long.
    Slow,
    /// The worker has failed.
    Failed,
}

/// A connection that comes back, with all that it was parked with.
pub struct Returned {
    /// What it is written through.
    pub outlet: Outlet,
    /// What it reads.
    pub timeline: Arc<Timeline>,
    /// The history that the timeline's places belong to.
    pub epoch: Epoch,
    /// What is due to it.
    pub filter: Filter,
    /// What must be written to its socket before anything else, sealed already if it is sealed.
    pub unwritten: Bytes,
    /// Where it is, once that is written.
    pub spot: Spot,
    /// How many events it was given, and how many were kept back as expired.
    pub tally: crate::Tally,
    /// When its next sign of life is due.
    pub beat: Duration,
    /// When it was to come back in any case.
    pub until: Duration,
    /// Why it comes back.
    pub why: Why,
}

/// Whoever parked a connection. All of it is called on the worker's thread and must not block.
pub trait Resident: Send {
    /// Notes how far the connection has come. Called now and then.
    fn moved_to(&self, place: Offset);
    /// Takes it back.
    fn come_back(self: Box<Self>, returned: Returned);
    /// It has ended; its socket is closed already.
    fn ended(self: Box<Self>, ended: Ended, tally: crate::Tally);
}
