//! Reading lines: on a thread of its own, within a bound of memory.

use std::io::{self, BufRead, BufReader, Read};

use radial_client::ProblemDocument;
use tokio::sync::mpsc;

use super::batch::BODY_BYTES_MAX;
use super::line::{self, Line};
use super::refusal;

/// The longest line: with brackets around it, it fills a body.
const LINE_BYTES_MAX: usize = BODY_BYTES_MAX - 64;

/// Lines that are read ahead of what is being sent.
const AHEAD: usize = 2_000;

/// What comes from the reader.
#[derive(Debug)]
pub(super) enum Input {
    /// A line that can be sent.
    Line(Line),
    /// A line that cannot, by its number.
    Refused(u64, Box<ProblemDocument>),
    /// The input cannot be read any further.
    Broken(io::Error),
}

/// Reads a source to its end.
///
/// The thread is left alone at the end of the command: nothing can interrupt a read from a
/// terminal, and the process is about to end.
pub(super) fn read(source: Box<dyn Read + Send>) -> mpsc::Receiver<Input> {
    let (sender, receiver) = mpsc::channel(AHEAD);
    std::thread::spawn(move || {
        let mut lines = Lines::new(BufReader::with_capacity(64 * 1024, source));
        while let Some(input) = lines.next() {
            if sender.blocking_send(input).is_err() {
                return;
            }
        }
    });
    receiver
}

struct Lines<R> {
    source: R,
    number: u64,
    end: u64,
    ended: bool,
}

impl<R: BufRead> Lines<R> {
    fn new(source: R) -> Self {
        Self { source, number: 0, end: 0, ended: false }
    }

    /// The next line that is not blank.
    fn next(&mut self) -> Option<Input> {
        while !self.ended {
            let mut bytes = Vec::new();
            let is_whole = match self.read_line(&mut bytes) {
                Ok(is_whole) => is_whole,
                Err(error) => {
                    self.ended = true;
                    return Some(Input::Broken(error));
                }
            };
            if !is_whole {
                let detail = format!("the line has more than {LINE_BYTES_MAX} bytes");
                return Some(Input::Refused(self.number, refusal("body-too-large", detail)));
            }
            match line::prepare(&bytes, line::random_id) {
                None => {}
                Some(Ok(json)) => {
                    return Some(Input::Line(Line { number: self.number, end: self.end, json }));
                }
                Some(Err(problem)) => return Some(Input::Refused(self.number, problem)),
            }
        }
        None
    }

    /// Reads up to the next line feed; returns whether the line fits. Of one that does not, the
    /// rest is read and thrown away.
    fn read_line(&mut self, line: &mut Vec<u8>) -> io::Result<bool> {
        self.number += 1;
        let mut is_whole = true;
        loop {
            let piece = match self.source.fill_buf() {
                Ok(piece) => piece,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            };
            let Some(piece) = piece.split_inclusive(|byte| *byte == b'\n').next() else {
                self.ended = true;
                return Ok(is_whole);
            };
            let ends = piece.ends_with(b"\n");
            is_whole = is_whole && line.len() + piece.len() <= LINE_BYTES_MAX;
            if is_whole {
                line.extend_from_slice(piece);
            }
            let taken = piece.len();
            self.source.consume(taken);
            self.end += taken as u64;
            if ends {
                return Ok(is_whole);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_all(text: &[u8], buffer: usize) -> Vec<String> {
        let mut lines = Lines::new(BufReader::with_capacity(buffer, text));
        std::iter::from_fn(|| lines.next())
            .map(|input| match input {
                Input::Line(line) => format!("{} to {}: {}", line.number, line.end, line.json),
                Input::Refused(number, problem) => format!("{number}: {}", problem.code),
                Input::Broken(error) => error.to_string(),
            })
            .collect()
    }

    #[test]
    fn lines_are_numbered_and_blank_ones_left_out() {
        let text =
            b"{\"eventId\":\"a\"}\n\n  \r\nnope\n{\"eventId\":\"b\"}\r\n\n{\"eventId\":\"c\"}";
        for buffer in [1, 7, 4096] {
            assert_eq!(
                read_all(text, buffer),
                [
                    r#"1 to 16: {"eventId":"a"}"#,
                    "4: malformed-json",
                    r#"5 to 43: {"eventId":"b"}"#,
                    r#"7 to 59: {"eventId":"c"}"#,
                ]
            );
        }
        assert!(read_all(b"", 16).is_empty());
    }

    #[test]
    fn a_line_over_the_limit_is_refused_and_the_next_one_read() {
        let long = format!("\"{}\"\n42\n", "x".repeat(LINE_BYTES_MAX));
        assert_eq!(read_all(long.as_bytes(), 4096), ["1: body-too-large", "2 to 3145670: 42"]);
    }
}
