//! A stream on a socket of its own: a task drives it while there is something special to do, and
//! a worker has it while it only follows.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use radial_fanout::{Ended, Resident, Returned, Spot, Tally, Why};
use radial_protocol::Offset;
use tokio::io::AsyncWriteExt as _;
use tokio::time::timeout;

use super::encoding::{Framing, encoding};
use super::{Form, SseStream};
use crate::connections::SocketCut;
use crate::socket::Socket;
use crate::transport::life::{AtRest, Awake, End, socket_cut};
use crate::transport::linger::linger;

impl SseStream {
    /// Drives the stream until it ends or rests; `head` goes out first, and `cut` ends it.
    pub(crate) async fn serve(
        mut self: Box<Self>,
        socket: Socket,
        mut head: Vec<u8>,
        cut: Option<SocketCut>,
    ) {
        framing(&socket).put(&self.take_first(), &mut head);
        let was_cut = socket_cut(Arc::clone(self.life.app()), cut);
        tokio::select! {
            () = self.drive(socket, head) => {}
            () = was_cut => {}
        }
    }

    async fn drive(mut self: Box<Self>, mut socket: Socket, mut out: Vec<u8>) {
        let (framing, slow_after) = (framing(&socket), self.life.app().stream.slow_after);
        loop {
            framing.put(&self.due_now(), &mut out);
            if self.life.has_ended() {
                framing.end(&mut out);
            }
            if let Err(reason) = write(&mut socket, &out, slow_after).await {
                return self.life.ended(reason);
            }
            out.clear();
            if self.life.has_ended() {
                // It is no longer open, whether or not the client has seen that.
                drop(self);
                return linger(socket).await;
            }
            if self.adding.is_none()
                && let Some(spot) = self.life.rests()
            {
                return self.park(socket, spot);
            }
            let due = tokio::select! {
                due = self.next() => due,
                () = closed(&mut socket) => return,
            };
            framing.put(&due.unwrap_or_default(), &mut out);
        }
    }

    fn park(self: Box<Self>, socket: Socket, spot: Spot) {
        let framing = framing(&socket);
        // A socket that cannot be taken from the runtime is closed with its stream.
        if let Ok(outlet) = socket.into_outlet() {
            let Self { life, form, .. } = *self;
            life.park((outlet, encoding(form, framing)), spot, form);
        }
    }
}

impl Resident for AtRest<Form> {
    fn moved_to(&self, place: Offset) {
        self.noted(place);
    }

    fn come_back(self: Box<Self>, returned: Returned) {
        let app = Arc::clone(self.app());
        let (awake, form) = self.wake(returned);
        let Awake { life, outlet, cut, unwritten, why } = awake;
        let stream = Box::new(SseStream { life, form, first: Bytes::new(), adding: None });
        let was_cut = socket_cut(Arc::clone(&app), Some(cut));
        app.parking.spawn(async move {
            let is_readable = why == Why::Readable;
            let Ok((mut socket, unwritten)) = Socket::back(outlet, unwritten, is_readable) else {
                return;
            };
            tokio::select! {
                () = async {
                    // It must be read, or it comes back at once.
                    if !is_readable || socket.forget_what_is_there().await {
                        stream.drive(socket, unwritten.into()).await;
                    }
                } => {}
                () = was_cut => {}
            }
        });
    }

    fn ended(self: Box<Self>, ended: Ended, tally: Tally) {
        self.ended_there(ended, tally);
    }
}

/// HTTP/2 has frames of its own.
fn framing(socket: &Socket) -> Framing {
    if socket.is_shared() { Framing::Bare } else { Framing::Chunks }
}

/// Writes everything, or says why the stream ends.
async fn write(socket: &mut Socket, mut bytes: &[u8], slow_after: Duration) -> Result<(), End> {
    while !bytes.is_empty() {
        match timeout(slow_after, socket.write_buf(&mut bytes)).await {
            Ok(Ok(written)) if written > 0 => {}
            Ok(_) => return Err(End::Client),
            Err(_) => return Err(End::Slow),
        }
    }
    match timeout(slow_after, socket.flush()).await {
        Ok(Ok(())) => Ok(()),
        Ok(Err(_)) => Err(End::Client),
        Err(_) => Err(End::Slow),
    }
}

/// Resolves when the client has closed its side.
async fn closed(socket: &mut Socket) {
    while socket.forget_what_comes().await {}
}
