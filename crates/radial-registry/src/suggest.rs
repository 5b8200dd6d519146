//! The nearest of several known words, for messages about a word that is not known.

use crate::problem::shorten_to;

/// Words longer than this are not compared.
const COMPARED_CHARS_MAX: usize = 64;

/// The known word that was probably meant, if any comes near.
pub(crate) fn nearest<'k>(word: &str, known: impl IntoIterator<Item = &'k str>) -> Option<&'k str> {
    let word = shorten_to(word, COMPARED_CHARS_MAX).to_lowercase();
    known
        .into_iter()
        .map(|candidate| (strsim::damerau_levenshtein(&word, &candidate.to_lowercase()), candidate))
        .filter(|(distance, candidate)| *distance <= candidate.len().max(word.len()).div_ceil(2))
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// What to write instead: the nearest word, or all of them where none comes near.
pub(crate) fn hint(word: &str, known: &[&str]) -> String {
    match nearest(word, known.iter().copied()) {
        Some(near) => format!("Did you mean \"{near}\"?"),
        None => format!("Known are {}.", known.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_word_is_named() {
        let known = ["coalesceKey", "persistence", "ttl"];
        for (word, expected) in [
            ("coalesce_key", Some("coalesceKey")),
            ("CoalesceKey", Some("coalesceKey")),
            ("persistance", Some("persistence")),
            ("tll", Some("ttl")),
            ("zzzzzzzz", None),
        ] {
            assert_eq!(nearest(word, known), expected, "{word}");
        }
        assert_eq!(hint("zzzzzzzz", &known), "Known are coalesceKey, persistence, ttl.");
    }
}
