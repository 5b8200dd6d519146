//! A stream on a socket of its own: a task drives it while there is something special to do, and
//! a worker has it while it only follows.

use std::sync::Arc;

use radial_fanout::{Ended, Resident, Returned, Tally, Why};
use radial_hub::Resting;
use radial_protocol::Offset;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::SseStream;
use super::encoding::{LAST_CHUNK, chunk, encoding};
use crate::parking::SLOW;
use crate::transport::life::Life;
use crate::transport::linger::linger;

impl AsRef<Life> for SseStream {
    fn as_ref(&self) -> &Life {
        &self.life
    }
}

impl SseStream {
    /// Drives the stream until it ends or rests; `head` goes out first.
    pub(crate) async fn serve(self: Box<Self>, socket: TcpStream, mut head: Vec<u8>) {
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

    async fn drive(mut self: Box<Self>, mut socket: TcpStream, mut out: Vec<u8>) {
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

    fn park(self: Box<Self>, socket: TcpStream, resting: Resting) {
        // A socket that cannot be taken from the runtime is closed with its stream.
        if let Ok(socket) = socket.into_std() {
            let encoding = encoding(self.form);
            Life::park(socket, encoding, resting, self);
        }
    }

    async fn go_on(self: Box<Self>, returned: Returned) {
        let Ok(mut socket) = TcpStream::from_std(returned.socket) else { return };
        let cut = self.life.cut();
        tokio::select! {
            () = async {
                // It must be read, or it comes back at once.
                if returned.why != Why::Readable || forget_what_came(&mut socket).await {
                    self.drive(socket, returned.unwritten.into()).await;
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
async fn write(socket: &mut TcpStream, mut bytes: &[u8]) -> Result<(), &'static str> {
    while !bytes.is_empty() {
        match timeout(SLOW, socket.write_buf(&mut bytes)).await {
            Ok(Ok(written)) if written > 0 => {}
            Ok(_) => return Err("client"),
            Err(_) => return Err("slow"),
        }
    }
    Ok(())
}

/// Resolves when the client has closed its side.
async fn closed(socket: &mut TcpStream) {
    while forget_what_came(socket).await {}
}

/// Waits for what the client sends, which means nothing on a stream, and forgets it; tells whether
/// the client is still there. Cancel safe.
///
/// Whoever sends without end keeps no thread to himself: a read gives way to other tasks now and
/// then.
async fn forget_what_came(socket: &mut TcpStream) -> bool {
    let read = socket.read(&mut [0; 1_024]).await;
    read.is_ok_and(|len| len > 0)
}
