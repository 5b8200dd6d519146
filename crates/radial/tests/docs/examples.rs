//! Every example of a document runs, in order, against one hub of its own.
//!
//! A `sh` block holds commands. The block after it may say what its one curl command answers: an
//! `http` block the whole answer, a `json` block the body of a success, a `text` block the first
//! frames of a stream. `$CURSOR` is the cursor of the last answer that had one. A `websocket` block is
//! a whole [conversation](crate::conversation).

use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use radial_testkit::{Stream, TestServer, wire};

use crate::command::{Request, commands, words};
use crate::conversation;
use crate::expected::{Expected, check_body, check_frame};
use crate::markdown::{Block, blocks, read};

/// A document's hub, and what its last answer said.
struct Example {
    hub: TestServer,
    cursor: String,
}

async fn check(path: &str) {
    let blocks = blocks(&read(path));
    let mut example = Example { hub: TestServer::start().await.unwrap(), cursor: String::new() };
    let mut count = 0;
    for (index, block) in blocks.iter().enumerate().filter(|(_, block)| runs(block)) {
        let answer = blocks.get(index + 1).filter(|next| !runs(next));
        let run = match block.language.as_str() {
            "websocket" => conversation::hold(&block.text, example.hub.address()).await,
            _ => example.run(block, answer).await,
        };
        match run {
            Ok(commands) => count += commands,
            Err(error) => panic!("{path}:{}: {error:#}", block.line),
        }
    }
    assert!(count > 0, "{path} has no example");
}

/// Whether a block is an example, and not what one answers.
fn runs(block: &Block) -> bool {
    matches!(block.language.as_str(), "sh" | "websocket")
}

impl Example {
    /// Runs the commands of a block and returns how many there were.
    async fn run(&mut self, block: &Block, answer: Option<&Block>) -> Result<usize> {
        let commands = commands(&block.text);
        for command in &commands {
            let words = words(command, &self.cursor)?;
            match words[0].as_str() {
                "curl" => {
                    let request = Request::of_curl(&words[1..])?;
                    let answer = answer.filter(|_| commands.len() == 1);
                    self.send(&request, answer).await.with_context(|| command.clone())?;
                }
                "printf" => self.pipe(command).await?,
                _ => crate::references::check_command(&words)?,
            }
        }
        Ok(commands.len())
    }

    async fn send(&mut self, request: &Request, answer: Option<&Block>) -> Result<()> {
        let headers: Vec<(&str, &str)> =
            request.headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        if request.streams {
            let stream = Stream::open(self.hub.address(), &request.path, &headers).await?;
            ensure!(stream.status == 200, "the stream is refused with {}", stream.status);
            return match answer.filter(|answer| answer.language == "text") {
                Some(answer) => self.read(stream, &answer.text).await,
                None => Ok(()),
            };
        }
        let body = request.body.as_bytes();
        let (address, method) = (self.hub.address(), &request.method);
        let found = wire::request(address, method, &request.path, &headers, body).await?;
        let text = String::from_utf8(found.body.clone())?;
        let expected = match answer {
            Some(block) if block.language == "http" => Expected::of_http(&block.text)?,
            Some(block) if block.language == "json" => {
                Expected { status: None, headers: Vec::new(), body: block.text.clone() }
            }
            _ => Expected { status: None, headers: Vec::new(), body: "…".to_owned() },
        };
        let fits = expected.status.map_or(found.status < 300, |status| found.status == status);
        ensure!(fits, "the status is {}: {text}", found.status);
        for (name, value) in &expected.headers {
            let found = found.header(name).with_context(|| format!("no header {name}"))?;
            ensure!(value == "…" || value == found, "{name} is {found:?}");
        }
        check_body(&expected.body, &text)?;
        if let Ok(json) = found.json()
            && let Some(cursor) = json["cursor"].as_str()
        {
            cursor.clone_into(&mut self.cursor);
        }
        Ok(())
    }

    /// Runs a pipe into the `radial` binary, with the hub where the binary looks for it.
    async fn pipe(&self, command: &str) -> Result<()> {
        let binary = Path::new(env!("CARGO_BIN_EXE_radial"));
        let folder = binary.parent().context("the binary is in a folder")?;
        let mut shell = Command::new("sh");
        shell.args(["-c", command]).env("RADIAL_URL", format!("http://{}", self.hub.address()));
        shell.env("PATH", format!("{}:/usr/bin:/bin", folder.display()));
        // The hub runs in this process, and must not wait for the shell.
        let output = tokio::task::spawn_blocking(move || shell.output()).await??;
        ensure!(output.status.success(), "{command}: {output:?}");
        Ok(())
    }

    async fn read(&mut self, mut stream: Stream, expected: &str) -> Result<()> {
        for expected in expected.split("\n\n").filter(|frame| !frame.trim().is_empty()) {
            let found = stream.frame().await?;
            check_frame(expected, &found).with_context(|| format!("{found:?}"))?;
            if let Some(id) = found.id {
                self.cursor = id;
            }
        }
        Ok(())
    }
}

#[tokio::test]
async fn the_examples_of_the_protocol_are_true() {
    check("docs/protocol.md").await;
}

#[tokio::test]
async fn the_examples_of_the_transports_are_true() {
    check("docs/transports.md").await;
}

#[tokio::test]
async fn the_examples_of_the_readme_are_true() {
    check("README.md").await;
}

#[tokio::test]
async fn the_examples_of_the_operations_are_true() {
    check("docs/operations.md").await;
}
