//! The program, and its commands as child processes.

use std::path::Path;
use std::process::Stdio;

use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::process::{Child, Command};
use tokio::sync::watch;
use tokio::time::timeout;

use radial_testkit::PATIENCE;

/// The program under test.
pub(crate) fn binary() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_radial"))
}

/// A command that writes lines, which are collected as they come.
pub(crate) struct Lines {
    child: Child,
    lines: watch::Receiver<Vec<String>>,
}

impl Lines {
    /// Starts `radial` with these arguments.
    pub(crate) fn of(arguments: &[&str]) -> Self {
        let mut child = Command::new(binary())
            .args(arguments)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let mut stdout = BufReader::new(child.stdout.take().unwrap()).lines();
        let (sender, lines) = watch::channel(Vec::new());
        tokio::spawn(async move {
            while let Ok(Some(line)) = stdout.next_line().await {
                sender.send_modify(|lines| lines.push(line));
            }
        });
        Self { child, lines }
    }

    /// Waits until so many lines have come, and returns all that have.
    pub(crate) async fn at_least(&mut self, count: usize) -> Vec<String> {
        let seen = self.lines.clone();
        match timeout(3 * PATIENCE, self.lines.wait_for(|lines| lines.len() >= count)).await {
            Ok(lines) => lines.unwrap().clone(),
            Err(late) => panic!("{} of {count} lines came: {late}", seen.borrow().len()),
        }
    }

    /// Kills the command and returns every line that came.
    pub(crate) async fn kill(mut self) -> Vec<String> {
        self.child.kill().await.unwrap();
        self.lines.borrow().clone()
    }
}

/// Starts `radial publish -` and gives it this text; the text may end before it is all read.
pub(crate) fn publisher(url: &str, text: String, arguments: &[&str]) -> Child {
    let mut child = Command::new(binary())
        .args(["publish", "-", "--url", url])
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    tokio::spawn(async move {
        // A publisher that is killed reads no more.
        let _ = stdin.write_all(text.as_bytes()).await;
    });
    child
}
