//! What a worker works with while it walks.

use std::time::Duration;

use radial_protocol::TimeMs;

use super::seat::Seat;
use super::seats::Seats;
use crate::Tally;
use crate::resident::{Ended, Why};

/// How a connection leaves.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Leave {
    Back(Why),
    Ended(Ended),
}

/// Buffers are used again and again: a delivery allocates nothing.
pub(crate) struct Hands<'a> {
    pub(crate) seats: &'a mut Seats<Seat>,
    /// Who leaves when the walk is over.
    pub(crate) leaving: &'a mut Vec<(usize, Leave)>,
    /// What all of a class get.
    pub(crate) bytes: &'a mut Vec<u8>,
    /// What one connection alone gets.
    pub(crate) own_bytes: &'a mut Vec<u8>,
    pub(crate) counted: Tally,
    pub(crate) now: TimeMs,
    pub(crate) uptime: Duration,
}
