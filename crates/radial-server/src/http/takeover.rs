//! A stream that leaves the HTTP library once its request has been answered.
//!
//! The library holds several kilobytes for each connection, and copies what goes through it. A
//! stream of HTTP/1.1 needs neither: the answer's head is written here, and the
//! socket goes to whoever the answer names. Everything before that, and every other connection,
//! stays with the library.

use std::fmt::Write as _;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use axum::response::Response;
use http::{HeaderMap, HeaderValue, StatusCode, header};

use crate::socket::Socket;

/// Whoever gets a socket, and is given what goes out on it first.
pub(super) type Begin = Box<dyn FnOnce(Socket, Head) -> Ended + Send>;
/// The bytes of the head of an answer; none where that has gone out already.
pub(crate) type Head = Vec<u8>;
type Ended = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Left in a request's extensions where its socket can be taken over.
#[derive(Clone, Copy, Debug)]
pub(crate) struct MayTakeOver;

/// Left in an answer's extensions: whoever gets the socket, and the head that is to be written.
#[derive(Clone)]
pub(crate) struct Takeover(Arc<Mutex<Option<Begin>>>);

impl Takeover {
    /// `begin` gets the socket and the bytes of the head, which it writes first.
    pub(crate) fn new<F>(begin: impl FnOnce(Socket, Head) -> F + Send + 'static) -> Self
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let begin: Begin = Box::new(move |socket, head| Box::pin(begin(socket, head)));
        Self(Arc::new(Mutex::new(Some(begin))))
    }

    /// Whoever an answer asks its socket for, if it does.
    pub(super) fn begin_of(response: &mut Response) -> Option<Begin> {
        let Takeover(begin) = response.extensions_mut().remove()?;
        begin.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// The same, with the head of an answer of HTTP/1.1.
    pub(super) fn of(response: &mut Response) -> Option<Asked> {
        Self::begin_of(response).map(|begin| (begin, head(response)))
    }
}

/// Whoever gets the socket, and what is written to it first.
type Asked = (Begin, Head);

/// Where the service of a connection leaves what it wants to do with its socket.
#[derive(Clone)]
pub(crate) struct Slot(Arc<Mutex<Left>>);

struct Left {
    asked: Option<Asked>,
    answered: Option<Response>,
}

impl Slot {
    /// With the answer to the first request, if there is one already.
    pub(crate) fn answered(answered: Option<Response>) -> Self {
        Self(Arc::new(Mutex::new(Left { asked: None, answered })))
    }

    /// That answer, once.
    pub(crate) fn first_answer(&self) -> Option<Response> {
        self.left().answered.take()
    }

    /// Keeps what an answer asks for; tells whether it asks for its socket.
    pub(crate) fn keep(&self, response: &mut Response) -> bool {
        let asked = Takeover::of(response);
        let is_asked = asked.is_some();
        self.left().asked = asked;
        is_asked
    }

    pub(crate) fn is_full(&self) -> bool {
        self.left().asked.is_some()
    }

    /// Gives the socket to whom it is due.
    pub(crate) fn begin(&self, socket: Socket) -> Option<Ended> {
        let asked = self.left().asked.take();
        asked.map(|(begin, head)| begin(socket, head))
    }

    fn left(&self) -> MutexGuard<'_, Left> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The head of an answer whose body comes in chunks and ends with its connection.
fn head(response: &Response) -> Head {
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

/// When an answer is made, as it says it.
pub(super) fn date() -> HeaderValue {
    HeaderValue::from_str(&httpdate::fmt_http_date(now())).expect("a date is ASCII")
}

#[expect(clippy::disallowed_methods, reason = "an answer says when it was made")]
fn now() -> SystemTime {
    SystemTime::now()
}
