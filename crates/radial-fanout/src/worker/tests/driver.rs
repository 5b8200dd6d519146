//! The server's part: it has a connection while no worker does.

use std::io::Write as _;
use std::sync::mpsc::Receiver;

use super::*;
use crate::resident::{Outlet, Seal};
use crate::{Due, Found, Reader, Step};

/// Whoever has a connection while no worker has it, as the server would.
pub(super) struct Driver {
    pub(super) workers: Arc<Workers>,
    pub(super) log: Arc<Log>,
    pub(super) reader: Reader,
    pub(super) encoding: Arc<dyn Encoding>,
    pub(super) heard: (Sender<Heard>, Receiver<Heard>),
    pub(super) ringer: Arc<Mutex<Option<Ringer>>>,
    pub(super) uptime: Arc<dyn Fn() -> Duration + Send + Sync>,
}

impl Driver {
    /// Drives the connection until its client has gone.
    pub(super) fn run(mut self, mut socket: TcpStream, mut seal: Option<Box<dyn Seal>>) {
        loop {
            self.catch_up(&mut socket, &mut seal);
            let Some(spot) = self.reader.spot(&self.log.timeline) else { continue };
            socket.set_nonblocking(true).unwrap();
            let beat = (self.uptime)() + PATIENCE;
            let ringer = self.workers.park(Parked {
                outlet: Outlet::Socket { socket, seal },
                timeline: Arc::clone(&self.log.timeline),
                epoch: EPOCH,
                filter: self.reader.filter().clone(),
                spot,
                encoding: Arc::clone(&self.encoding),
                beat: (beat, PATIENCE),
                until: beat,
                resident: Box::new(Owner(self.heard.0.clone())),
            });
            self.workers.wake();
            *self.ringer.lock().unwrap() = ringer;
            match self.heard.1.recv_timeout(PATIENCE).unwrap() {
                Heard::Ended(ended) => return assert_eq!(ended, Ended::Gone),
                Heard::Returned(returned) => {
                    let (before, during) = (self.reader.tally(), returned.tally);
                    let tally = Tally {
                        delivered: before.delivered + during.delivered,
                        expired: before.expired + during.expired,
                    };
                    self.reader = Reader::going_on(returned.filter, returned.spot, tally);
                    let Outlet::Socket { socket: back, seal: with } = returned.outlet else {
                        panic!("it was a socket")
                    };
                    (socket, seal) = (back, with);
                    socket.set_nonblocking(false).unwrap();
                    if socket.write_all(&returned.unwritten).is_err() {
                        return;
                    }
                }
            }
        }
    }

    fn catch_up(&mut self, socket: &mut TcpStream, seal: &mut Option<Box<dyn Seal>>) {
        loop {
            let due = match self.reader.step(&self.log.timeline, TimeMs(0)) {
                Step::Wait => return,
                Step::Deliver(due) => due,
                Step::ReadLog(after) => {
                    let page = self.log.page(after);
                    let to = page.last().and_then(|event| event.offset()).unwrap_or(after);
                    self.reader.take_page(page.into_iter().map(Found::Event), to, TimeMs(0))
                }
            };
            let mut bytes = Vec::new();
            for due in &due {
                let Due::Event(event) = due else { panic!("{due:?}") };
                self.encoding.events(&[event], &mut bytes);
            }
            if let Some(seal) = seal {
                let plain = std::mem::take(&mut bytes);
                seal.seal(&plain, &mut bytes).unwrap();
            }
            if socket.write_all(&bytes).is_err() {
                return;
            }
        }
    }
}
