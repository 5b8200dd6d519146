//! Following the log: one stream after another, each resuming where the former was cut.

mod connection;
mod options;

use std::pin::{Pin, pin};
use std::task::{Context, Poll};
use std::time::Duration;

use futures_core::Stream;
use http::{HeaderName, HeaderValue, Method, StatusCode, header};
use hyper::body::Incoming;
use radial_protocol::control::GoodbyeReason;
use tokio::time::Sleep;

pub use options::{Start, SubscribeOptions};

use crate::backoff::{Backoff, jittered};
use crate::client::{Client, refusal};
use crate::error::ClientError;
use crate::message::Message;
use crate::place::Place;
use crate::renewal;
use crate::sse::Item;
use connection::Connection;

/// A stream of messages that outlives its connections.
///
/// After a cut it waits (see [`Backoff`]), comes back with the last id that it saw, and leaves
/// out what it has given before: each event of an epoch is given once and in order. A connection
/// without a byte for 2.5 heartbeats counts as cut.
///
/// Refusals that the same request would meet again (4xx but 408 and 429) end it, and so does a
/// goodbye that says that the credential is of no more use or that another client took its place.
#[derive(Debug)]
pub struct Subscription {
    client: Client,
    options: SubscribeOptions,
    place: Place,
    backoff: Backoff,
    random: fastrand::Rng,
    /// The open connection as the hub calls it.
    connection_id: Option<String>,
    state: State,
}

type Connecting = Pin<Box<dyn Future<Output = Result<Incoming, ClientError>> + Send>>;

enum State {
    Idle,
    Connecting(Connecting),
    Open(Box<Connection>),
    Waiting(Pin<Box<Sleep>>),
    Ended,
}

impl Subscription {
    pub(crate) fn new(client: Client, options: SubscribeOptions) -> Self {
        let place = match &options.start {
            Start::Cursor(cursor) => Place::at(cursor),
            Start::Live | Start::Earliest | Start::Since(_) => Place::default(),
        };
        Self {
            client,
            options,
            place,
            backoff: Backoff::new(),
            random: fastrand::Rng::new(),
            connection_id: None,
            state: State::Idle,
        }
    }

    /// The id to resume from, if the stream has named one: the place of the last message given.
    pub fn last_id(&self) -> Option<&str> {
        self.place.last_id()
    }

    /// Goes on with this credential: shows it from the next request on, as
    /// [`Client::set_token`] does, and gives it to the connection that is open.
    ///
    /// To be called after [`Message::Token`], or before. It may be of the same user and session
    /// only, where the credential names any.
    ///
    /// # Errors
    /// As every call. A connection that ended meanwhile is no error: the next one shows the new
    /// credential.
    pub async fn renew(&mut self, token: &str) -> Result<(), ClientError> {
        self.client.set_token(token)?;
        let (State::Open(_), Some(id)) = (&self.state, &self.connection_id) else { return Ok(()) };
        match renewal::renew(&self.client, id, &self.options).await {
            Err(ClientError::Refused(problem)) if problem.status == 404 => Ok(()),
            renewed => renewed,
        }
    }

    /// The next message; an error is the last one before the end, and `None` the end.
    ///
    /// # Cancel safety
    /// Everything that is under way is kept in the subscription: a future that is dropped loses
    /// nothing, and the next call goes on from there.
    pub async fn next(&mut self) -> Option<Result<Message, ClientError>> {
        loop {
            let step = match &mut self.state {
                State::Ended => return None,
                State::Idle => {
                    self.connect();
                    continue;
                }
                State::Waiting(wait) => {
                    wait.as_mut().await;
                    self.connect();
                    continue;
                }
                State::Connecting(connecting) => match connecting.as_mut().await {
                    Ok(body) => {
                        self.state = State::Open(Box::new(Connection::new(body)));
                        continue;
                    }
                    Err(error) => Err(error),
                },
                State::Open(connection) => connection.next().await,
            };
            match step {
                Ok(item) => {
                    if let Some(message) = self.take(item) {
                        return Some(Ok(message));
                    }
                }
                Err(error) => return Some(self.cut(error)),
            }
        }
    }

    fn connect(&mut self) {
        let client = self.client.clone();
        let path = self.options.path(self.place.last_id().is_none());
        let last_id = self.place.last_id().map(str::to_owned);
        self.state = State::Connecting(Box::pin(open(client, path, last_id)));
    }

    /// Keeps the books over an item of the stream, and makes a message of it.
    fn take(&mut self, item: Item) -> Option<Message> {
        let (event, data, id) = match item {
            Item::Retry(first) => {
                self.backoff.set_first(first);
                return None;
            }
            Item::Id(id) => {
                self.place.remember(&id);
                return None;
            }
            Item::Frame { event, data, id } => (event, data, id),
        };
        if let Some(id) = &id {
            self.place.remember(id);
            if event == "gap"
                && let Ok(to) = id.parse()
            {
                self.place.go_on_from(to);
            }
        }
        let message = Message::read(event, data, id.as_deref());
        match &message {
            Message::Event { cursor: Some(cursor), .. } if !self.place.give(*cursor) => {
                return None;
            }
            Message::Hello(hello) => {
                if let State::Open(connection) = &mut self.state {
                    connection.expect_heartbeats(Duration::from_millis(hello.heartbeat_ms));
                }
                self.connection_id = Some(hello.connection_id.clone());
            }
            Message::Live { .. } => self.backoff.reset(),
            Message::Goodbye { reason, retry_ms, .. } => {
                self.leave(*reason, Duration::from_millis(*retry_ms));
            }
            _ => {}
        }
        Some(message)
    }

    /// Closes the connection that the hub is about to close.
    fn leave(&mut self, reason: GoodbyeReason, retry: Duration) {
        let is_final = matches!(
            reason,
            GoodbyeReason::Revoked | GoodbyeReason::Expired | GoodbyeReason::Replaced
        );
        if is_final || !self.options.reconnect {
            self.state = State::Ended;
            return;
        }
        self.forgive();
        let again = self.backoff.next_wait(None, &mut self.random);
        // The hub's wait spreads its clients; ours grows where goodbyes are all that comes.
        let wait = match self.backoff.failures() {
            1 => jittered(retry.min(Duration::from_secs(30)), &mut self.random),
            _ => again,
        };
        self.state = State::Waiting(Box::pin(tokio::time::sleep(wait)));
    }

    /// The connection failed, or none could be made: waits for the next, or ends.
    fn cut(&mut self, cause: ClientError) -> Result<Message, ClientError> {
        if !self.options.reconnect || !cause.is_temporary() {
            self.state = State::Ended;
            return Err(cause);
        }
        self.forgive();
        let retry_in = self.backoff.next_wait(cause.retry_after(), &mut self.random);
        self.state = State::Waiting(Box::pin(tokio::time::sleep(retry_in)));
        Ok(Message::Disconnected { cause, retry_in })
    }

    /// Forgets former failures if the connection that just ended had lasted.
    fn forgive(&mut self) {
        if let State::Open(connection) = &self.state
            && connection.has_lasted()
        {
            self.backoff.reset();
        }
    }
}

impl Stream for Subscription {
    type Item = Result<Message, ClientError>;

    /// As [`Subscription::next`]. A future for each poll loses nothing: what is under way, and who
    /// is to be woken, is kept in the subscription and not in the future.
    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        pin!(self.get_mut().next()).poll(context)
    }
}

impl std::fmt::Debug for State {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Idle => "Idle",
            Self::Connecting(_) => "Connecting",
            Self::Open(_) => "Open",
            Self::Waiting(_) => "Waiting",
            Self::Ended => "Ended",
        })
    }
}

/// Opens a stream.
async fn open(
    client: Client,
    path: String,
    last_id: Option<String>,
) -> Result<Incoming, ClientError> {
    let mut headers = vec![
        (header::ACCEPT, HeaderValue::from_static("text/event-stream")),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
    ];
    if let Some(id) = last_id {
        let value = HeaderValue::from_str(&id).map_err(|_| {
            ClientError::Protocol(format!("the id {id:?} of the stream fits into no header"))
        })?;
        headers.push((HeaderName::from_static("last-event-id"), value));
    }
    let response = client.send(Method::GET, &path, &headers, None).await?;
    if !response.status().is_success() {
        return Err(refusal(response).await);
    }
    let media = response.headers().get(header::CONTENT_TYPE);
    let media = media.and_then(|value| value.to_str().ok()).unwrap_or_default();
    let is_stream = media.split(';').next().unwrap_or_default().trim() == "text/event-stream";
    if response.status() == StatusCode::OK && is_stream {
        Ok(response.into_body())
    } else {
        let status = response.status();
        Err(ClientError::Protocol(format!("the answer is no event stream ({status}, {media:?})")))
    }
}
