//! A WebSocket that only follows: a worker has its socket until its client says something, or it
//! is told something from outside.

use std::io::Write as _;
use std::sync::{Arc, LazyLock, OnceLock};

use radial_fanout::{Encoding, Ended, Resident, Returned, Spot, Tally, Why};
use radial_protocol::control::Control;
use radial_protocol::{Cursor, Event, Offset, TimeMs};
use radial_websocket::Deflate;
use tokio::time::Instant;

use super::connection::{Handshake, WebSocket, message_bytes_max};
use super::outgoing;
use super::session::Session;
use super::wire::Wire;
use crate::socket::Socket;
use crate::transport::life::{AtRest, Awake};

static PLAIN: LazyLock<Arc<dyn Encoding>> = LazyLock::new(|| Arc::new(Frames(None)));
/// By the bits of the window.
static DEFLATED: [OnceLock<Arc<dyn Encoding>>; WINDOWS] = [const { OnceLock::new() }; WINDOWS];
/// One more than the bits of the largest window.
const WINDOWS: usize = 16;

/// The encoding of a socket, shared by all that are alike.
fn encoding(agreed: Option<Deflate>) -> Arc<dyn Encoding> {
    let Some(deflate) = agreed else { return Arc::clone(&PLAIN) };
    let shared = DEFLATED.get(usize::from(deflate.server_window_bits));
    let new = || -> Arc<dyn Encoding> { Arc::new(Frames(agreed)) };
    shared.map_or_else(new, |shared| Arc::clone(shared.get_or_init(new)))
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
    pub(super) fn park(self: Box<Self>, spot: Spot) {
        let Self { session, wire, .. } = *self;
        // A socket that cannot be taken from the runtime is closed with its stream.
        if let Some(outlet) = wire.into_outlet()
            && let Some((life, handshake)) = session.at_rest()
        {
            let encoding = encoding(handshake.deflate);
            life.park((outlet, encoding), spot, handshake);
        }
    }
}

impl Resident for AtRest<Box<Handshake>> {
    fn moved_to(&self, place: Offset) {
        self.noted(place);
    }

    fn come_back(self: Box<Self>, returned: Returned) {
        let app = Arc::clone(self.app());
        let (awake, handshake) = self.wake(returned);
        let Awake { life, outlet, cut, unwritten, why } = awake;
        let (parking, most) = (Arc::clone(&app), message_bytes_max(&app));
        parking.parking.spawn(async move {
            let is_readable = why == Why::Readable;
            let Ok((socket, unwritten)) = Socket::back(outlet, unwritten, is_readable) else {
                return;
            };
            let (slow_after, left) = (app.stream.slow_after, (unwritten, is_readable));
            let wire = Wire::of(socket, handshake.deflate, most, slow_after, left);
            let session = Session::going_on(Arc::clone(&app), handshake, life);
            let (cut, bare_until) = (Some(cut), Instant::now());
            Box::new(WebSocket { app, session, wire, cut, bare_until }).serve().await;
        });
    }

    fn ended(self: Box<Self>, ended: Ended, tally: Tally) {
        self.ended_there(ended, tally);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_agreed_on_the_same_window_shares_an_encoding() {
        let of = |bits: Option<u8>| {
            encoding(bits.map(|server_window_bits| Deflate { server_window_bits }))
        };
        let all = [None, Some(9), Some(10), Some(15)];
        for (index, one) in all.into_iter().enumerate() {
            for (other_index, other) in all.into_iter().enumerate() {
                let is_shared = Arc::ptr_eq(&of(one), &of(other));
                assert_eq!(is_shared, index == other_index, "{one:?} {other:?}");
            }
        }
    }
}
