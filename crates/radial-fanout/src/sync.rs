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
pub(crate) use modelled::{Poll, Registry, Waker, catch};
#[cfg(modelled)]
pub(crate) use shuttle::{
    sync::{Mutex, RwLock, atomic},
    thread,
};

/// Does this, and tells if it panics; the panic has been reported by then.
#[cfg(not(modelled))]
pub(crate) fn catch<T>(work: impl FnOnce() -> T) -> std::thread::Result<T> {
    std::panic::catch_unwind(std::panic::AssertUnwindSafe(work))
}
