//! A WebSocket that only follows: a worker has its socket until its client says something, or it
//! is told something from outside.

use std::io::Write as _;
use std::sync::{Arc, LazyLock};

use radial_fanout::{Encoding, Ended, Resident, Returned, Tally, Why};
use radial_hub::Resting;
use radial_protocol::control::Control;
use radial_protocol::{Cursor, Event, Offset, TimeMs};
use radial_websocket::Deflate;

use super::connection::WebSocket;
use super::outgoing;
use crate::socket::Socket;
use crate::transport::life::Life;

static PLAIN: LazyLock<Arc<dyn Encoding>> = LazyLock::new(|| Arc::new(Frames(None)));
static DEFLATED: LazyLock<Arc<dyn Encoding>> =
    LazyLock::new(|| Arc::new(Frames(Deflate::agree("permessage-deflate"))));

/// The encoding of a socket, shared by all that are alike.
fn encoding(agreed: Option<Deflate>) -> Arc<dyn Encoding> {
    match agreed {
        None => Arc::clone(&PLAIN),
        Some(deflate) if deflate.has_full_window() => Arc::clone(&DEFLATED),
        // Nobody else need have agreed on the same.
        agreed => Arc::new(Frames(agreed)),
    }
}

/// Events and signs of life as messages of text.
struct Frames(Option<Deflate>);

impl Encoding for Frames {
    fn events(&self, events: &[&Arc<Event>], out: &mut Vec<u8>) {
        for event in events {
            // Writing to a Vec cannot fail.
            let _ = out.write_all(&outgoing::event(event, self.0));
        }
    }

    fn heartbeat(&self, now: TimeMs, cursor: Cursor, out: &mut Vec<u8>) {
        let text = outgoing::control(&Control::Heartbeat { now, cursor });
        let _ = out.write_all(&outgoing::text(text.as_bytes(), self.0));
    }
}

impl WebSocket {
    /// Gives it to a worker.
    pub(super) fn park(mut self: Box<Self>, resting: Resting) {
        // A socket that cannot be taken from the runtime is closed with its stream.
        if let Some(outlet) = self.wire.give_away() {
            let encoding = encoding(self.wire.deflate());
            Life::park(outlet, encoding, resting, self);
        }
    }
}

impl AsRef<Life> for WebSocket {
    fn as_ref(&self) -> &Life {
        self.session.life().expect("only what has a stream is parked")
    }
}

impl Resident for WebSocket {
    fn moved_to(&self, place: Offset) {
        self.as_ref().moved_to(place);
    }

    fn come_back(mut self: Box<Self>, returned: Returned) {
        let Some(life) = self.session.stream() else { return };
        life.come_back(&returned);
        let app = Arc::clone(life.app());
        app.parking.spawn(async move {
            let is_readable = returned.why == Why::Readable;
            let back = Socket::back(returned.outlet, returned.unwritten, is_readable);
            let Ok((socket, unwritten)) = back else { return };
            self.wire.take_back(socket, unwritten, is_readable);
            self.serve().await;
        });
    }

    fn ended(mut self: Box<Self>, ended: Ended, tally: Tally) {
        if let Some(life) = self.session.stream() {
            life.ended_there(ended, tally);
        }
    }
}
