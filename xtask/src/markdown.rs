//! The little of Markdown that the checks read: tables under a heading, and links.

/// A relative link and the line it stands on, counted from 1.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Link {
    pub(crate) line: usize,
    pub(crate) target: String,
}

/// The body rows of the first table under a heading such as `## Allowed imports`, cell by cell,
/// with backticks taken off. `None` when there is no such heading, or no table before the next one.
pub(crate) fn table_under(text: &str, heading: &str) -> Option<Vec<Vec<String>>> {
    let mut lines = text.lines().skip_while(|line| line.trim_end() != heading).skip(1);
    let first = lines.find(|line| is_row(line) || line.starts_with('#'))?;
    if !is_row(first) {
        return None;
    }
    let body = lines.take_while(|line| is_row(line)).map(cells);
    Some(body.filter(|cells| !is_rule(cells)).collect())
}

/// The words of a cell such as `` `axum`, `hyper` ``.
pub(crate) fn list(cell: &str) -> Vec<String> {
    let words = cell.split(',').map(str::trim).filter(|word| !word.is_empty());
    words.map(str::to_owned).collect()
}

/// Every link to a file of the repository: inline links and reference definitions outside code.
pub(crate) fn relative_links(text: &str) -> Vec<Link> {
    let mut links = Vec::new();
    for (line, text) in prose(text) {
        for (_, rest) in text.match_indices("](").map(|(at, mark)| text.split_at(at + mark.len())) {
            let target = rest.split(')').next().unwrap_or_default();
            push_relative(&mut links, line, target);
        }
        if text.starts_with('[')
            && let Some((_, target)) = text.split_once("]: ")
        {
            push_relative(&mut links, line, target);
        }
    }
    links
}

fn push_relative(links: &mut Vec<Link>, line: usize, target: &str) {
    let target = target.split_whitespace().next().unwrap_or_default();
    let target = target.trim_start_matches('<').trim_end_matches('>');
    let path = target.split(['#', '?']).next().unwrap_or_default();
    let elsewhere = target.contains("://") || target.starts_with("mailto:");
    if !path.is_empty() && !elsewhere {
        links.push(Link { line, target: path.to_owned() });
    }
}

/// The lines outside fenced code, numbered from 1, with inline code blanked out.
fn prose(text: &str) -> impl Iterator<Item = (usize, String)> {
    let mut fenced = false;
    text.lines().zip(1..).filter_map(move |(text, line)| {
        let fence = text.trim_start().starts_with("```");
        fenced ^= fence;
        (!fenced && !fence).then(|| (line, without_code(text)))
    })
}

fn without_code(line: &str) -> String {
    line.split('`').step_by(2).collect()
}

fn is_row(line: &str) -> bool {
    line.trim_start().starts_with('|')
}

fn cells(line: &str) -> Vec<String> {
    let inner = line.trim().trim_start_matches('|').trim_end_matches('|');
    inner.split('|').map(|cell| cell.replace('`', "").trim().to_owned()).collect()
}

fn is_rule(cells: &[String]) -> bool {
    cells.iter().all(|cell| cell.chars().all(|c| matches!(c, '-' | ':')))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_is_read_under_its_own_heading() {
        let text = "# T\n\n## One\n\nwords\n\n\
            | a | b |\n|---|:-:|\n| `x` | y, `z` |\n\n\
            ## Two\n\n## Three\n| h |\n|-|\n";
        let rows = table_under(text, "## One").unwrap();
        assert_eq!(rows, [["x", "y, z"]]);
        assert_eq!(list(&rows[0][1]), ["y", "z"]);
        assert_eq!(table_under(text, "## Two"), None);
        assert_eq!(table_under(text, "## Three"), Some(vec![]));
        assert_eq!(table_under(text, "## Four"), None);
    }

    #[track_caller]
    fn check_links(text: &str, expected: &[(usize, &str)]) {
        let links = relative_links(text);
        let found: Vec<_> = links.iter().map(|l| (l.line, l.target.as_str())).collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn links_to_files_are_found_with_their_lines() {
        check_links(
            "a [b](c.md), [d](e/f.md#g \"h\")\n![i](j.png)",
            &[(1, "c.md"), (1, "e/f.md"), (2, "j.png")],
        );
        check_links("[a]: ../b.md\n", &[(1, "../b.md")]);
    }

    #[test]
    fn links_elsewhere_and_code_are_left_alone() {
        check_links("[a](https://example.com) [b](#c) [d](mailto:e@example.com)", &[]);
        check_links("`[a](b.md)`\n```\n[c](d.md)\n```\n[e](f.md)", &[(5, "f.md")]);
    }
}
