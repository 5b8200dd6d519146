//! The bare round trip: a byte to another core and back, over loopback, with nothing around it, or
//! with nothing but a bare fsync before the answer.
//!
//! On an idle machine it is mostly the time that two sleeping cores take to wake up. No hub can
//! answer faster.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};

use anyhow::Context as _;

use crate::Settings;
use crate::bare::Bare;
use crate::figures::Latencies;
use crate::machine::{self, HUB_CORE};

/// A connection to a thread that sends everything back.
#[derive(Debug)]
pub(crate) struct Echo {
    socket: TcpStream,
}

impl Echo {
    /// Starts the thread, on the hub's core. It ends when the connection is closed.
    ///
    /// With a file, each byte is answered after a write and a fsync.
    pub(crate) fn start(settings: &Settings, mut file: Option<Bare>) -> anyhow::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").context("no port can be had")?;
        let socket = TcpStream::connect(listener.local_addr()?)?;
        socket.set_nodelay(true)?;
        let (mut other, _) = listener.accept()?;
        other.set_nodelay(true)?;
        let pinned = settings.pinned;
        std::thread::spawn(move || -> anyhow::Result<()> {
            if pinned {
                machine::pin(HUB_CORE)?;
            }
            let mut byte = [0];
            while other.read(&mut byte)? > 0 {
                if let Some(file) = &mut file {
                    file.write()?;
                }
                other.write_all(&byte)?;
            }
            Ok(())
        });
        Ok(Self { socket })
    }

    /// Sends a byte and waits for it, so many times.
    pub(crate) fn ask_many(&mut self, times: usize) -> anyhow::Result<Latencies> {
        let mut latencies = Latencies::default();
        for _ in 0..times {
            latencies.time(|| self.ask())?;
        }
        Ok(latencies)
    }

    fn ask(&mut self) -> anyhow::Result<()> {
        self.socket.write_all(&[1])?;
        self.socket.read_exact(&mut [0]).context("the echo is gone")
    }
}
