//! What one word is by the lists: a given name, a family name, a word of everyday language.

use super::shape::{self, title};
use crate::data::english;

/// A name has at most this many words, a title not counted.
pub(super) const MAX_WORDS: usize = 4;

/// What one word of a name is by the lists.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Kind {
    pub(super) title: bool,
    pub(super) given: bool,
    pub(super) family: bool,
    pub(super) word: Word,
    pub(super) capital: bool,
}

/// What else a name is in everyday language.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Word {
    /// Nothing.
    No,
    /// A word that a capital turns into a name: "Bill".
    Small,
    /// A word that is always written with a capital: "April", "Christian".
    Capital,
}

impl Kind {
    pub(super) fn of(raw: &str) -> Self {
        let names = &english().names;
        let lower = shape::folded(raw);
        // "Smith-Jones": each half counts.
        let halves: Vec<String> = lower.split('-').map(|half| half.replace('\'', "")).collect();
        let all = |is: &dyn Fn(&str) -> bool| halves.iter().all(|half| is(half));
        let word = halves.iter().map(|half| ordinary(half)).find(|word| *word != Word::No).unwrap_or(Word::No);
        Self {
            title: title(raw).is_some(),
            given: all(&|half| names.given.has(half)),
            family: all(&|half| names.family.has(half) || (halves.len() > 1 && names.given.has(half))),
            word,
            capital: raw.starts_with(char::is_uppercase),
        }
    }

    pub(super) fn is_listed(self) -> bool {
        self.given || self.family
    }

    /// A name, and nothing else in everyday language.
    pub(super) fn is_plain(self) -> bool {
        self.is_listed() && self.word == Word::No
    }
}

/// Whether `lower` is a word of everyday language, also with one of the common endings.
fn ordinary(lower: &str) -> Word {
    let words = &english().names.words;
    let found = |word: &str| {
        words.get(word).map(|line| if line.starts_with(char::is_uppercase) { Word::Capital } else { Word::Small })
    };
    if let Some(word) = found(lower) {
        return word;
    }
    let names = &english().names;
    if names.given.has(lower) || names.family.has(lower) {
        return Word::No;
    }
    let lists = &english().name;
    let long = |stem: &&str| stem.chars().count() >= 3;
    let cut = lists.endings.iter().filter_map(|ending| lower.strip_suffix(ending).filter(long)).find_map(|stem| {
        // "planned": the last letter is doubled.
        let last = stem.chars().next_back().unwrap_or_default();
        let single = stem.strip_suffix(last).filter(|single| single.ends_with(last));
        found(stem).or_else(|| found(single?))
    });
    let changed = || {
        lists.changed_endings.iter().find_map(|(ending, instead)| {
            let stem = lower.strip_suffix(ending.as_str()).filter(long)?;
            found(&format!("{stem}{instead}"))
        })
    };
    cut.or_else(changed).unwrap_or(Word::No)
}

/// Whether `raw` is no name by any list, but a word: "tables", "administrator".
pub(super) fn is_only_word(raw: &str) -> bool {
    let kind = Kind::of(raw);
    !kind.title && !kind.is_listed() && kind.word != Word::No
}
