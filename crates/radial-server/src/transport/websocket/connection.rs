//! The life of one WebSocket: what comes in and what goes out, until one side ends it.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use http::HeaderValue;
use hyper::upgrade::Upgraded;
use radial_fanout::Spot;
use radial_hub::Frame;
use radial_protocol::Problem;
use radial_protocol::control::{Control, Fallback, GoodbyeReason};
use radial_protocol::names::Id;
use radial_websocket::{CloseCode, Deflate, Message, Violation};
use tokio::time::{Instant, sleep_until};

use super::operation;
use super::outgoing::{self, application, close_code};
use super::session::{Outcome, Session};
use super::wire::{Broken, Wire};
use crate::app::App;
use crate::connections::{Order, SocketCut};
use crate::http::aliases::Preset;
use crate::http::connection::OpenSocket;
use crate::http::credential::Caller;
use crate::rates::Permit;
use crate::transport::life::{self, Due, socket_cut};

/// How long a socket may be open without a credential (protocol §5).
const BARE: Duration = Duration::from_secs(5);
/// Room for the rest of an operation around the largest body.
const OPERATION_BYTES: usize = 4 * 1024;

/// What is known of a socket when it opens.
pub(crate) struct Handshake {
    /// Who it is, if the request said so.
    pub(crate) caller: Option<Caller>,
    /// The client's address.
    pub(crate) address: IpAddr,
    /// Names the request in the log.
    pub(crate) request: String,
    /// The client's own name for this page load.
    pub(crate) client: Option<Id>,
    /// What was agreed about compression.
    pub(crate) deflate: Option<Deflate>,
    /// Ends the socket from outside.
    pub(crate) socket: Option<SocketCut>,
    /// Its place among the connections that its client may have, once it is known who that is.
    pub(crate) permit: Option<Permit>,
    /// The cookies of an application's session, if they opened it.
    pub(crate) cookies: Option<Vec<HeaderValue>>,
    /// What there is on its path, if that is an alias.
    pub(crate) preset: Option<Arc<Preset>>,
    /// Counts the socket while it is open.
    #[expect(dead_code, reason = "it is held")]
    pub(crate) open: Option<OpenSocket>,
}

/// How it ended.
enum End {
    /// The client has gone, or takes nothing.
    Broken(Broken),
    /// The client said goodbye.
    ByClient(CloseCode),
    /// The client broke the protocol.
    Violation(Violation),
    /// The hub says goodbye.
    Goodbye(GoodbyeReason),
    /// The hub ends it with a code and a reason.
    Closed(CloseCode, String),
}

/// An open WebSocket.
pub(super) struct WebSocket {
    pub(super) app: Arc<App>,
    pub(super) session: Session,
    pub(super) wire: Wire,
    pub(super) cut: Option<SocketCut>,
    /// Until when it may be without a credential.
    pub(super) bare_until: Instant,
}

/// The largest message that a client may send.
pub(super) fn message_bytes_max(app: &App) -> usize {
    app.limits.body_bytes + OPERATION_BYTES
}

/// Serves a WebSocket until it ends or rests.
pub(crate) async fn serve(app: Arc<App>, handshake: Handshake, upgraded: Upgraded) {
    let (most, slow_after) = (message_bytes_max(&app), app.stream.slow_after);
    let wire = Wire::new(upgraded, handshake.deflate, most, slow_after);
    let cut = handshake.socket.clone();
    let session = Session::new(Arc::clone(&app), Box::new(handshake));
    let bare_until = Instant::now() + BARE;
    Box::new(WebSocket { app, session, wire, cut, bare_until }).serve().await;
}

impl WebSocket {
    /// Serves it until it ends, or rests and is given to a worker.
    pub(super) async fn serve(self: Box<Self>) {
        let was_cut = socket_cut(Arc::clone(&self.app), self.cut.clone());
        tokio::select! {
            () = self.live() => {}
            () = was_cut => {}
        }
    }

    async fn live(mut self: Box<Self>) {
        let end = match run(&self.app, &mut self.session, &mut self.wire, self.bare_until).await {
            Ok(spot) => return self.park(spot),
            Err(end) => end,
        };
        let Self { mut session, mut wire, .. } = *self;
        let (reason, code, text) = tell(&mut session, &mut wire, end);
        if let Some(life) = session.stream() {
            life.ended(reason);
        }
        // It is no longer open, whether or not the client has seen that.
        drop(session);
        if let Some(code) = code {
            wire.close(code, &text).await;
        }
    }
}

/// Runs it until it rests; how it ended, if it has.
async fn run(
    app: &App,
    session: &mut Session,
    wire: &mut Wire,
    bare_until: Instant,
) -> Result<Spot, End> {
    loop {
        handle_messages(session, wire).await?;
        if let Some(life) = session.stream() {
            life.due_now().iter().for_each(|frame| put(wire, frame));
        }
        wire.flush().await.map_err(End::Broken)?;
        if wire.rests()
            && let Some(spot) = session.rests()
        {
            return Ok(spot);
        }
        let is_known = session.is_known();
        let (stream, acks) = session.parts();
        let due = async {
            match stream {
                Some(life) => life.due().await,
                None => std::future::pending().await,
            }
        };
        // In no order: however much is due, what the client says is heard too.
        let due = tokio::select! {
            () = app.drain.cancelled() => return Err(End::Goodbye(GoodbyeReason::Drain)),
            () = sleep_until(bare_until), if !is_known => {
                let text = "no credential came in time".to_owned();
                return Err(End::Closed(application(4501), text));
            }
            due = due => due,
            answered = acks.next() => {
                let text = session.acknowledged(answered);
                wire.put_text(text.as_bytes());
                continue;
            }
            read = wire.read() => match read {
                Ok(()) => continue,
                Err(broken) => return Err(End::Broken(broken)),
            },
        };
        match due {
            Due::Frames(Ok(frames)) => frames.iter().for_each(|frame| put(wire, frame)),
            Due::Frames(Err(problem)) => return Err(failed(&problem)),
            Due::Control(control) => wire.put_text(outgoing::control(&control).as_bytes()),
            Due::Order(Order::Close(reason)) => return Err(End::Goodbye(reason)),
            Due::Order(order) => {
                if let Some(text) = session.obey(order) {
                    wire.put_text(text.as_bytes());
                }
            }
        }
    }
}

/// Deals with everything that has arrived whole.
async fn handle_messages(session: &mut Session, wire: &mut Wire) -> Result<(), End> {
    while let Some(message) = wire.message().map_err(End::Violation)? {
        match message {
            Message::Text(text) => match operation::parse(&text) {
                Ok(asked) => {
                    if let Outcome::Unauthorized(problem) = session.operate(asked, wire).await {
                        return Err(End::Closed(application(4501), problem.detail));
                    }
                }
                Err(misunderstood) => {
                    let operation::Misunderstood { id, problem } = *misunderstood;
                    wire.put_text(session.refused(id.as_ref(), &problem).as_bytes());
                }
            },
            Message::Binary(_) => {
                let text = "operations are JSON in messages of text".to_owned();
                return Err(End::Closed(CloseCode::UNSUPPORTED, text));
            }
            Message::Ping(payload) => wire.put_pong(&payload),
            Message::Pong(_) => {}
            Message::Close(reason) => {
                let code = reason.map_or(CloseCode::NORMAL, |reason| reason.code);
                return Err(End::ByClient(code));
            }
        }
        // An answer goes out before the next operation is done: whoever does not read its answers
        // does not get more done.
        wire.flush().await.map_err(End::Broken)?;
    }
    Ok(())
}

fn put(wire: &mut Wire, frame: &Frame) {
    match frame {
        Frame::Event(event) => wire.put_event(event),
        Frame::Control(control) => wire.put_text(outgoing::control(control).as_bytes()),
    }
}

fn failed(problem: &Problem) -> End {
    tracing::error!(%problem, "stream ended");
    End::Closed(CloseCode::INTERNAL, "the hub failed".to_owned())
}

/// What the log says of the end, and the close frame, if there is anybody to send it to.
fn tell(
    session: &mut Session,
    wire: &mut Wire,
    end: End,
) -> (life::End, Option<CloseCode>, String) {
    match end {
        End::Broken(Broken::Gone) => (life::End::Client, None, String::new()),
        End::Broken(Broken::Slow) => (life::End::Slow, None, String::new()),
        End::ByClient(code) => (life::End::Client, Some(code), String::new()),
        End::Violation(violation) => {
            (life::End::Violation, Some(violation.close_code()), violation.to_string())
        }
        End::Closed(code, text) => (life::End::Refused, Some(code), text),
        End::Goodbye(reason) => {
            if let Some(life) = session.stream() {
                let (retry_ms, fallback) = (life.retry_ms, Fallback::after(reason));
                let goodbye = Control::Goodbye { reason, retry_ms, fallback };
                wire.put_text(outgoing::control(&goodbye).as_bytes());
            }
            (life::End::Goodbye(reason), Some(close_code(reason)), reason.as_str().to_owned())
        }
    }
}
