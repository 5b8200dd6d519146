//! A stream on a socket of its own: a task drives it while there is something special to do, and
//! a worker has it while it only follows.

use std::sync::Arc;

use radial_fanout::{Ended, Resident, Returned, Tally, Why};
use radial_hub::Resting;
use radial_protocol::Offset;
use tokio::io::AsyncWriteExt as _;
use tokio::time::timeout;

use super::SseStream;
use super::encoding::{LAST_CHUNK, chunk, encoding};
use crate::parking::SLOW;
use crate::socket::Socket;
use crate::transport::life::Life;
use crate::transport::linger::linger;

impl AsRef<Life> for SseStream {
    fn as_ref(&self) -> &Life {
        &self.life
    }
}

impl SseStream {
    /// Drives the stream until it ends or rests; `head` goes out first.
    pub(crate) async fn serve(self: Box<Self>, socket: Socket, mut head: Vec<u8>) {
        let cut = self.life.cut();
        tokio::select! {
            () = async {
                let mut stream = self;
                chunk(&stream.take_first(), &mut head);
                stream.drive(socket, head).await;
            } => {}
            () = cut => {}
        }
    }

    async fn drive(mut self: Box<Self>, mut socket: Socket, mut out: Vec<u8>) {
        loop {
            chunk(&self.due_now(), &mut out);
            if self.life.has_ended() {
                out.extend_from_slice(LAST_CHUNK);
            }
            if let Err(reason) = write(&mut socket, &out).await {
                return self.life.ended(reason);
            }
            out.clear();
            if self.life.has_ended() {
                // It is no longer open, whether or not the client has seen that.
                drop(self);
                return linger(socket).await;
            }
            if self.adding.is_none()
                && let Some(resting) = self.life.rests()
            {
                return self.park(socket, resting);
            }
            let due = tokio::select! {
                due = self.next() => due,
                () = closed(&mut socket) => return,
            };
            chunk(&due.unwrap_or_default(), &mut out);
        }
    }

    fn park(self: Box<Self>, socket: Socket, resting: Resting) {
        // A socket that cannot be taken from the runtime is closed with its stream.
        if let Ok(outlet) = socket.into_outlet() {
            let encoding = encoding(self.form);
            Life::park(outlet, encoding, resting, self);
        }
    }

    async fn go_on(self: Box<Self>, returned: Returned) {
        let is_readable = returned.why == Why::Readable;
        let back = Socket::back(returned.outlet, returned.unwritten, is_readable);
        let Ok((mut socket, unwritten)) = back else { return };
        let cut = self.life.cut();
        tokio::select! {
            () = async {
                // It must be read, or it comes back at once.
                if !is_readable || socket.forget_what_is_there().await {
                    self.drive(socket, unwritten.into()).await;
                }
            } => {}
            () = cut => {}
        }
    }
}

impl Resident for SseStream {
    fn moved_to(&self, place: Offset) {
        self.life.moved_to(place);
    }

    fn come_back(mut self: Box<Self>, returned: Returned) {
        self.life.come_back(&returned);
        let app = Arc::clone(self.life.app());
        app.parking.spawn(self.go_on(returned));
    }

    fn ended(mut self: Box<Self>, ended: Ended, tally: Tally) {
        self.life.ended_there(ended, tally);
    }
}

/// Writes everything, or says why the stream ends.
async fn write(socket: &mut Socket, mut bytes: &[u8]) -> Result<(), &'static str> {
    while !bytes.is_empty() {
        match timeout(SLOW, socket.write_buf(&mut bytes)).await {
            Ok(Ok(written)) if written > 0 => {}
            Ok(_) => return Err("client"),
            Err(_) => return Err("slow"),
        }
    }
    match timeout(SLOW, socket.flush()).await {
        Ok(Ok(())) => Ok(()),
        Ok(Err(_)) => Err("client"),
        Err(_) => Err("slow"),
    }
}

/// Resolves when the client has closed its side.
async fn closed(socket: &mut Socket) {
    while socket.forget_what_comes().await {}
}
