//! How many pages are made at once for one connection of HTTP/2.
//!
//! A page is there as a whole before its first byte goes out, and can be megabytes. Whoever asks for
//! many on one connection and reads none waits for his turn before the next is read from the log.
//! Nothing else on the connection waits.

use std::convert::Infallible;
use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::response::Response;
use http::request::Parts;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Pages that are made or sent at once.
const PAGES_MAX: usize = 4;

/// Left in the extensions of every request of a connection on which they are taken.
#[derive(Clone, Debug)]
pub(super) struct Turns(Arc<Semaphore>);

impl Turns {
    pub(super) fn new() -> Self {
        Self(Arc::new(Semaphore::new(PAGES_MAX)))
    }
}

/// The leave to make a page. It is waited for, and lasts until the page has been sent.
#[derive(Clone, Debug)]
pub(super) struct Turn {
    _permit: Option<Arc<OwnedSemaphorePermit>>,
}

impl Turn {
    /// Leaves it with the answer, for whoever sends that.
    pub(super) fn with(self, mut response: Response) -> Response {
        response.extensions_mut().insert(self);
        response
    }

    /// The one that an answer is sent in.
    pub(super) fn of(response: &mut Response) -> Option<Self> {
        response.extensions_mut().remove()
    }
}

impl<S: Sync> FromRequestParts<S> for Turn {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        let permit = match parts.extensions.get::<Turns>() {
            // It is never closed.
            Some(Turns(turns)) => Arc::clone(turns).acquire_owned().await.ok(),
            None => None,
        };
        Ok(Self { _permit: permit.map(Arc::new) })
    }
}
