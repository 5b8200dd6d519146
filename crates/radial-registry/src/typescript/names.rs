//! Names of exported types: one for each thing, never one twice.

use std::collections::HashSet;

/// Names that the output uses otherwise, or that would hide one of TypeScript's own.
const TAKEN: [&str; 3] = ["EventTypes", "Record", "Array"];

pub(super) struct Names {
    taken: HashSet<String>,
}

impl Names {
    pub(super) fn new() -> Self {
        Self { taken: TAKEN.map(str::to_owned).into() }
    }

    /// `card.moved` becomes `CardMoved`, or `CardMoved2` if that is there already.
    pub(super) fn fresh(&mut self, text: &str) -> String {
        let mut base = pascal(text);
        if base.starts_with(|c: char| c.is_ascii_digit()) || base.is_empty() {
            base.insert(0, 'T');
        }
        let mut name = base.clone();
        let mut number = 2;
        while !self.taken.insert(name.clone()) {
            name = format!("{base}{number}");
            number += 1;
        }
        name
    }
}

fn pascal(text: &str) -> String {
    let words = text.split(|c: char| !c.is_ascii_alphanumeric());
    words
        .map(|word| {
            let mut chars = word.chars();
            let first = chars.next().map(|c| c.to_ascii_uppercase());
            first.into_iter().chain(chars).collect::<String>()
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_name_is_given_twice() {
        let mut names = Names::new();
        let mut check = |text: &str, expected: &str| assert_eq!(names.fresh(text), expected);
        check("card.moved", "CardMoved");
        check("card:moved", "CardMoved2");
        check("card.moved2", "CardMoved22");
        check("card.moved", "CardMoved3");
        check("2fa.enabled", "T2faEnabled");
        check("event.types", "EventTypes2");
        check("ui.themeChanged", "UiThemeChanged");
        check("-.-", "T");
    }
}
