//! The floor: a bare epoll server on one thread, with which the hub is compared.
//!
//! It accepts SSE streams and writes what is published to each of them, one write per delivery, or
//! everything of some milliseconds in one. It asks for no credential, checks nothing, keeps no log,
//! takes no lock and allocates nothing per delivery. No hub can deliver with less work on sockets
//! of their own.

mod connection;
mod ring;

use std::io::Write as _;
use std::net::TcpListener;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use rustix::net::sockopt::set_socket_reuseaddr;
use rustix::process::{Signal, set_parent_process_death_signal};

use self::connection::{Asked, Connection};
use self::ring::Ring;
use super::stamp::DATA_LEN;
use crate::epoll::Epoll;
use crate::machine;

/// The name of the listening socket; connections have the number of their slot.
const LISTENER: usize = usize::MAX >> 1;
/// As many connections may wait to be accepted.
const BACKLOG: i32 = 4_096;

/// Serves until this process is killed, or the one that started it ends.
pub(crate) fn serve(coalesce: Duration) -> anyhow::Result<()> {
    set_parent_process_death_signal(Some(Signal::KILL))?;
    machine::open_many_files()?;
    let listener = listen()?;
    listener.set_nonblocking(true)?;
    println!("listening on http://{}", listener.local_addr()?);
    std::io::stdout().flush()?;
    let epoll = Epoll::new()?;
    epoll.add(&listener, LISTENER)?;
    let coalesce = Some(coalesce).filter(|window| !window.is_zero());
    let ring = Ring::new(coalesce.is_none());
    Floor { listener, epoll, slots: Vec::new(), free: Vec::new(), ring, coalesce, due: None }.run()
}

fn listen() -> anyhow::Result<TcpListener> {
    use rustix::net::{AddressFamily, SocketAddrV4, SocketType, bind, listen, socket};
    let socket = socket(AddressFamily::INET, SocketType::STREAM, None)?;
    set_socket_reuseaddr(&socket, true)?;
    bind(&socket, &SocketAddrV4::new(std::net::Ipv4Addr::LOCALHOST, 0))?;
    listen(&socket, BACKLOG)?;
    Ok(TcpListener::from(socket))
}

struct Floor {
    listener: TcpListener,
    epoll: Epoll,
    slots: Vec<Option<Connection>>,
    free: Vec<usize>,
    ring: Ring,
    coalesce: Option<Duration>,
    /// When what has come is written, while something waits.
    due: Option<Instant>,
}

impl Floor {
    fn run(mut self) -> anyhow::Result<()> {
        let mut names = Vec::new();
        let mut buffer = vec![0; 256 * 1024];
        loop {
            self.epoll.wait_until(&mut names, self.due)?;
            for name in &names {
                if *name == LISTENER {
                    self.accept()?;
                } else {
                    self.go_on(*name, &mut buffer);
                }
            }
            if self.due.is_some_and(|due| due <= crate::clock::now()) {
                self.due = None;
                self.deliver();
            }
        }
    }

    fn accept(&mut self) -> anyhow::Result<()> {
        loop {
            let socket = match self.listener.accept() {
                Ok((socket, _)) => socket,
                Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(error).context("no connection can be accepted"),
            };
            socket.set_nonblocking(true)?;
            socket.set_nodelay(true)?;
            let slot = self.free.pop().unwrap_or(self.slots.len());
            self.epoll.add(&socket, slot)?;
            let connection = Some(Connection::new(socket));
            match self.slots.get_mut(slot) {
                Some(place) => *place = connection,
                None => self.slots.push(connection),
            }
        }
    }

    fn go_on(&mut self, slot: usize, buffer: &mut [u8]) {
        let Some(place) = self.slots.get_mut(slot) else { return };
        let Some(connection) = place else { return };
        let mut published = false;
        let ring = &mut self.ring;
        let asked = connection.go_on(buffer, ring.head(), &mut |body| {
            for data in body.chunks_exact(DATA_LEN) {
                ring.push(data);
                published = true;
            }
        });
        let goes_on = match asked {
            Ok(Asked::Nothing) => connection.deliver(ring).is_ok(),
            Ok(Asked::End) | Err(_) => false,
        };
        if !goes_on {
            *place = None;
            self.free.push(slot);
        }
        if published {
            match self.coalesce {
                Some(window) => {
                    self.due.get_or_insert_with(|| crate::clock::now() + window);
                }
                None => self.deliver(),
            }
        }
    }

    /// Writes to every stream what it has not got, as far as its socket takes it.
    fn deliver(&mut self) {
        for (slot, place) in self.slots.iter_mut().enumerate() {
            if place.as_mut().is_some_and(|connection| connection.deliver(&self.ring).is_err()) {
                *place = None;
                self.free.push(slot);
            }
        }
    }
}
