//! `en/names/*.txt`: given and family names, and ordinary words. Where they come from stands beside them.

use std::cmp::Ordering;

/// The lists that names are known by.
#[derive(Debug)]
pub(crate) struct Names {
    /// First names.
    pub(crate) given: Sorted,
    /// Last names.
    pub(crate) family: Sorted,
    /// Words of everyday language, names among them. What is always written with a capital stands here with one.
    pub(crate) words: Sorted,
}

/// Lines in the order of their lower-case letters.
#[derive(Debug)]
pub(crate) struct Sorted(Vec<&'static str>);

impl Sorted {
    pub(crate) fn of(text: &'static str) -> Self {
        Self(text.lines().collect())
    }

    /// The line that is `lower`, as it is written.
    pub(crate) fn get(&self, lower: &str) -> Option<&'static str> {
        self.0.binary_search_by(|line| compare(line, lower)).ok().map(|at| self.0[at])
    }

    pub(crate) fn has(&self, lower: &str) -> bool {
        self.get(lower).is_some()
    }
}

fn compare(line: &str, lower: &str) -> Ordering {
    line.bytes().map(|b| b.to_ascii_lowercase()).cmp(lower.bytes())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::english;

    #[test]
    fn the_lists_are_in_order_and_can_be_searched() {
        let names = &english().names;
        for (list, least) in [(&names.given, 8_000), (&names.family, 18_000), (&names.words, 18_000)] {
            assert!(list.0.len() >= least);
            for pair in list.0.windows(2) {
                assert_eq!(compare(pair[0], &pair[1].to_lowercase()), Ordering::Less, "{pair:?}");
            }
        }
        assert_eq!(
            (names.words.get("may"), names.words.get("bill"), names.given.get("zzz")),
            (Some("May"), Some("bill"), None)
        );
    }
}
