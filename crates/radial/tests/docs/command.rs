//! Command lines as the documents show them: words as a shell splits them, and the little of curl
//! that the examples use.

use anyhow::{Context as _, Result, bail, ensure};

/// Where the examples say the hub is.
const HUB: &str = "http://127.0.0.1:7070";

/// A request that a curl command makes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Request {
    /// The method.
    pub(crate) method: String,
    /// Path and query.
    pub(crate) path: String,
    /// The headers that the command gives, and what curl adds to a body.
    pub(crate) headers: Vec<(String, String)>,
    /// The body.
    pub(crate) body: String,
    /// `-N`: the answer is a stream.
    pub(crate) streams: bool,
}

/// The commands of a block: one a line, unless the line ends in a backslash or inside quotes.
/// Comments are left out.
pub(crate) fn commands(block: &str) -> Vec<String> {
    let mut commands = Vec::new();
    let mut command = String::new();
    let mut quote = None;
    for c in block.replace("\\\n", " ").chars() {
        match (c, quote) {
            ('\'' | '"', None) => quote = Some(c),
            (c, Some(open)) if c == open => quote = None,
            ('\n', None) => {
                commands.push(std::mem::take(&mut command));
                continue;
            }
            _ => {}
        }
        command.push(c);
    }
    commands.push(command);
    let commands = commands.iter().map(|command| command.trim());
    let commands = commands.filter(|command| !command.is_empty() && !command.starts_with('#'));
    commands.map(str::to_owned).collect()
}

/// Splits a command into words; `$CURSOR` is put in wherever a shell would.
pub(crate) fn words(command: &str, cursor: &str) -> Result<Vec<String>> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut quote = None;
    let mut rest = command;
    while let Some(c) = rest.chars().next() {
        rest = &rest[c.len_utf8()..];
        match (c, quote) {
            ('\'' | '"', None) => {
                quote = Some(c);
                word.get_or_insert_default();
            }
            (c, Some(open)) if c == open => quote = None,
            (c, None) if c.is_whitespace() => words.extend(word.take()),
            ('$', None | Some('"')) => {
                rest = rest.strip_prefix("CURSOR").context("only $CURSOR is known")?;
                ensure!(!cursor.is_empty(), "no answer before {command:?} has a cursor");
                word.get_or_insert_default().push_str(cursor);
            }
            (c, _) => word.get_or_insert_default().push(c),
        }
    }
    ensure!(quote.is_none(), "a quote is not closed in {command:?}");
    words.extend(word);
    Ok(words)
}

impl Request {
    /// Reads the words after `curl`.
    pub(crate) fn of_curl(words: &[String]) -> Result<Self> {
        let mut request = Self {
            method: "GET".to_owned(),
            path: String::new(),
            headers: Vec::new(),
            body: String::new(),
            streams: false,
        };
        let mut words = words.iter();
        while let Some(word) = words.next() {
            let mut argument = || words.next().with_context(|| format!("{word} needs a word"));
            match word.as_str() {
                "-s" | "-i" => {}
                "-N" => request.streams = true,
                "-X" => request.method.clone_from(argument()?),
                "-H" => {
                    let header = argument()?;
                    let (name, value) = header.split_once(':').context("a header has a colon")?;
                    request.headers.push((name.to_lowercase(), value.trim().to_owned()));
                }
                "-d" => {
                    request.body.clone_from(argument()?);
                    "POST".clone_into(&mut request.method);
                }
                address => {
                    let path = address.strip_prefix(HUB);
                    let Some(path) = path.filter(|_| request.path.is_empty()) else {
                        bail!("the examples use no {address:?}");
                    };
                    path.clone_into(&mut request.path);
                }
            }
        }
        ensure!(!request.path.is_empty(), "the command has no address");
        let names_type = request.headers.iter().any(|(name, _)| name == "content-type");
        if !request.body.is_empty() && !names_type {
            let form = "application/x-www-form-urlencoded";
            request.headers.push(("content-type".to_owned(), form.to_owned()));
        }
        Ok(request)
    }
}

#[test]
fn a_command_is_split_as_a_shell_would() {
    let block = "# first\ncurl -s \\\n  -H 'a: b c' \"http://127.0.0.1:7070/x?cursor=$CURSOR\"\n";
    let commands = commands(block);
    assert_eq!(commands.len(), 1);
    let words = words(&commands[0], "E.1").unwrap();
    assert_eq!(words, ["curl", "-s", "-H", "a: b c", "http://127.0.0.1:7070/x?cursor=E.1"]);
    let request = Request::of_curl(&words[1..]).unwrap();
    assert_eq!((request.method.as_str(), request.path.as_str()), ("GET", "/x?cursor=E.1"));
    assert_eq!(request.headers, [("a".to_owned(), "b c".to_owned())]);
}

#[test]
fn data_is_posted_as_a_form_unless_the_command_says_otherwise() {
    let words = words("curl -d '{\"a\":1}' http://127.0.0.1:7070/", "").unwrap();
    let request = Request::of_curl(&words[1..]).unwrap();
    assert_eq!((request.method.as_str(), request.body.as_str()), ("POST", "{\"a\":1}"));
    assert_eq!(request.headers[0].1, "application/x-www-form-urlencoded");
}
