//! A client that reads a sealed connection, and stops when it is told to.

use std::io::{self, BufRead as _, BufReader, Read};
use std::net::TcpStream;
use std::sync::{Arc, Condvar, Mutex};
use std::thread::{self, JoinHandle};

use crate::resident::Seal;

/// A gate that a reading client waits at while it is closed.
#[derive(Default)]
pub(super) struct Gate(Mutex<bool>, Condvar);

impl Gate {
    pub(super) fn set(&self, closed: bool) {
        *self.0.lock().unwrap() = closed;
        self.1.notify_all();
    }

    fn pass(&self) {
        let closed = self.0.lock().unwrap();
        drop(self.1.wait_while(closed, |closed| *closed).unwrap());
    }
}

/// Adds to each byte how many came before it: one that is lost, doubled, in the wrong place or not
/// sealed makes all that follow unreadable.
#[derive(Default)]
pub(super) struct Counting(u8);

impl Seal for Counting {
    fn seal(&mut self, bytes: &[u8], out: &mut Vec<u8>) -> io::Result<()> {
        for byte in bytes {
            out.push(byte.wrapping_add(self.0));
            self.0 = self.0.wrapping_add(1);
        }
        Ok(())
    }
}

/// What a client reads, without its seal if it has one.
pub(super) struct Opened(pub(super) TcpStream, pub(super) Option<Counting>);

impl Read for Opened {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let len = self.0.read(buf)?;
        if let Some(Counting(count)) = &mut self.1 {
            for byte in &mut buf[..len] {
                *byte = byte.wrapping_sub(*count);
                *count = count.wrapping_add(1);
            }
        }
        Ok(len)
    }
}

/// Reads ids until the last one has come.
pub(super) fn read_until(client: Opened, last: String, gate: Arc<Gate>) -> JoinHandle<Vec<String>> {
    thread::spawn(move || {
        let mut seen = Vec::new();
        for line in BufReader::new(client).lines() {
            gate.pass();
            let line = line.expect("the rest comes in time");
            seen.push(line.split(' ').next().unwrap_or_default().to_owned());
            if seen.last() == Some(&last) {
                break;
            }
        }
        seen
    })
}
