//! The little of Markdown that the documents use: fenced blocks, headings, tables, code spans.

use std::path::{Path, PathBuf};

/// A fenced block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Block {
    /// The line of the opening fence, counted from 1.
    pub(crate) line: usize,
    /// What stands after the fence.
    pub(crate) language: String,
    /// The text, with a line break after each line.
    pub(crate) text: String,
}

/// The root of the repository.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// A document by its path from the root.
pub(crate) fn read(path: &str) -> String {
    std::fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// The fenced blocks in order.
pub(crate) fn blocks(text: &str) -> Vec<Block> {
    let mut blocks = Vec::new();
    let mut open: Option<Block> = None;
    for (line, number) in text.lines().zip(1..) {
        match (line.strip_prefix("```"), open.take()) {
            (Some(_), Some(block)) => blocks.push(block),
            (Some(language), None) => {
                let language = language.trim().to_owned();
                open = Some(Block { line: number, language, text: String::new() });
            }
            (None, Some(mut block)) => {
                block.text.push_str(line);
                block.text.push('\n');
                open = Some(block);
            }
            (None, None) => {}
        }
    }
    assert_eq!(open, None, "a fence is not closed");
    blocks
}

/// The lines under a heading, up to the next one of the same or a higher level.
pub(crate) fn section<'a>(text: &'a str, heading: &str) -> Vec<&'a str> {
    let level = |line: &str| line.find(|c| c != '#').unwrap_or(line.len());
    let own = level(heading);
    let mut lines = text.lines().skip_while(|line| *line != heading);
    assert!(lines.next().is_some(), "no heading {heading:?}");
    lines.take_while(|line| !line.starts_with('#') || level(line) > own).collect()
}

/// The body rows of the tables among some lines, cell by cell.
pub(crate) fn rows<'a>(lines: &[&'a str]) -> Vec<Vec<&'a str>> {
    let is_row = |line: &str| line.starts_with('|');
    let is_rule = |line: &str| line.chars().all(|c| matches!(c, '|' | '-' | ':' | ' '));
    let mut rows = Vec::new();
    for (index, line) in lines.iter().enumerate() {
        let heads = lines.get(index + 1).is_some_and(|next| is_row(next) && is_rule(next));
        if is_row(line) && !is_rule(line) && !heads {
            let inner = line.trim_start_matches("| ").trim_end_matches(" |");
            rows.push(inner.split(" | ").map(str::trim).collect());
        }
    }
    rows
}

/// What stands between backticks.
pub(crate) fn code_spans(text: &str) -> Vec<&str> {
    text.split('`').skip(1).step_by(2).collect()
}
