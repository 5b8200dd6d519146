//! Standard output: lines, written in blocks, until nobody reads them.

use std::fs::File;
use std::io::Write as _;
use std::os::fd::AsFd as _;
use std::os::unix::fs::FileTypeExt as _;

use tokio::io::Interest;
use tokio::net::unix::pipe;

use crate::failure::Failure;

/// Lines are held back until there are so many bytes of them, or [`Output::flush`].
const BLOCK_BYTES: usize = 64 * 1024;

/// Standard output of a command that prints many lines.
#[derive(Debug, Default)]
pub(crate) struct Output {
    block: Vec<u8>,
}

impl Output {
    /// Nothing written yet.
    pub(crate) fn new() -> Self {
        Self::default()
    }

    /// Adds a line.
    pub(crate) fn line(&mut self, text: &str) -> Result<(), Failure> {
        self.block.extend_from_slice(text.as_bytes());
        self.block.push(b'\n');
        if self.block.len() >= BLOCK_BYTES { self.flush() } else { Ok(()) }
    }

    /// Whether there is nothing to flush.
    pub(crate) fn is_flushed(&self) -> bool {
        self.block.is_empty()
    }

    /// Writes what was held back.
    pub(crate) fn flush(&mut self) -> Result<(), Failure> {
        let block = std::mem::take(&mut self.block);
        let mut stdout = std::io::stdout().lock();
        stdout.write_all(&block)?;
        stdout.flush()?;
        Ok(())
    }
}

/// Prints a text as it is.
pub(crate) fn print(text: &str) -> Result<(), Failure> {
    let mut stdout = std::io::stdout().lock();
    stdout.write_all(text.as_bytes())?;
    stdout.flush()?;
    Ok(())
}

/// Waits until the other end of the pipe that standard output is has been closed; where it is no
/// pipe, for ever.
///
/// Without this, `radial tail | head -1` would hang until the next event tells it.
pub(crate) async fn reader_gone() {
    if let Some(pipe) = stdout_pipe() {
        let _ = pipe.ready(Interest::ERROR).await;
    } else {
        std::future::pending::<()>().await;
    }
}

fn stdout_pipe() -> Option<pipe::Sender> {
    let copy = File::from(std::io::stdout().as_fd().try_clone_to_owned().ok()?);
    let is_pipe = copy.metadata().ok()?.file_type().is_fifo();
    // Unchecked, because the checked form makes the pipe non-blocking for all who share it; here
    // nothing is ever written through it.
    is_pipe.then(|| pipe::Sender::from_file_unchecked(copy).ok()).flatten()
}
