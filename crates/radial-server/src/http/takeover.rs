//! A stream that leaves the HTTP library once its request has been answered.
//!
//! The library holds several kilobytes for each connection, and copies what goes through it. A
//! stream of HTTP/1.1 needs neither: the answer's head is written here, and the
//! socket goes to whoever the answer names. Everything before that, and every other connection,
//! stays with the library.

use std::fmt::Write as _;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use axum::response::Response;
use http::{HeaderMap, StatusCode, header};

use crate::socket::Socket;

type Begin = Box<dyn FnOnce(Socket, Vec<u8>) -> Ended + Send>;
type Ended = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Left in a request's extensions where its socket can be taken over.
#[derive(Clone, Copy, Debug)]
pub(crate) struct MayTakeOver;

/// Left in an answer's extensions: whoever gets the socket, and the head that is to be written.
#[derive(Clone)]
pub(crate) struct Takeover(Arc<Mutex<Option<Begin>>>);

impl Takeover {
    /// `begin` gets the socket and the bytes of the head, which it writes first.
    pub(crate) fn new<F>(begin: impl FnOnce(Socket, Vec<u8>) -> F + Send + 'static) -> Self
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let begin: Begin = Box::new(move |socket, head| Box::pin(begin(socket, head)));
        Self(Arc::new(Mutex::new(Some(begin))))
    }
}

/// Where the service of a connection leaves what it wants to do with its socket.
#[derive(Clone, Default)]
pub(crate) struct Slot(Arc<Mutex<Option<Asked>>>);

/// Whoever gets the socket, and what is written to it first.
type Asked = (Begin, Vec<u8>);

impl Slot {
    /// Keeps what an answer asks for; tells whether it asks for its socket.
    pub(crate) fn keep(&self, response: &mut Response) -> bool {
        let Some(Takeover(begin)) = response.extensions_mut().remove() else { return false };
        let begin = begin.lock().unwrap_or_else(PoisonError::into_inner).take();
        let taken = begin.map(|begin| (begin, head(response)));
        let is_asked = taken.is_some();
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = taken;
        is_asked
    }

    pub(crate) fn is_full(&self) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).is_some()
    }

    /// Gives the socket to whom it is due.
    pub(crate) fn begin(&self, socket: Socket) -> Option<Ended> {
        let taken = self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
        taken.map(|(begin, head)| begin(socket, head))
    }
}

/// The head of an answer whose body comes in chunks and ends with its connection.
fn head(response: &Response) -> Vec<u8> {
    debug_assert_eq!(response.status(), StatusCode::OK);
    let mut head = String::with_capacity(512);
    // Writing to a String cannot fail.
    let _ = write!(head, "HTTP/1.1 200 OK\r\ndate: {}\r\n", httpdate::fmt_http_date(now()));
    let mut head = head.into_bytes();
    write_headers(response.headers(), &mut head);
    head.extend_from_slice(b"transfer-encoding: chunked\r\nconnection: close\r\n\r\n");
    head
}

fn write_headers(headers: &HeaderMap, head: &mut Vec<u8>) {
    for (name, value) in headers {
        if name != header::CONTENT_LENGTH {
            head.extend_from_slice(name.as_str().as_bytes());
            head.extend_from_slice(b": ");
            head.extend_from_slice(value.as_bytes());
            head.extend_from_slice(b"\r\n");
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "an answer says when it was made")]
fn now() -> SystemTime {
    SystemTime::now()
}
