//! What threads meet at in this crate: locks, atomics, threads, and the wait of a worker.
//!
//! Nothing else here names them, so that `radial-model` can compile the same code with locks that
//! a scheduler of its own controls, and try how the threads may meet.

#[cfg(modelled)]
mod modelled;

#[cfg(not(modelled))]
pub(crate) use mio::{Poll, Registry, Waker};
#[cfg(not(modelled))]
pub(crate) use std::{
    sync::{Mutex, RwLock, atomic},
    thread,
};

#[cfg(modelled)]
pub(crate) use modelled::{Poll, Registry, Waker};
#[cfg(modelled)]
pub(crate) use shuttle::{
    sync::{Mutex, RwLock, atomic},
    thread,
};
