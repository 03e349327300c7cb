//! Words that stand together as a name, and how much speaks for it.

use super::shape::{self, title};
use crate::data::english;
use crate::words::Words;

/// A name has at most this many words, a title not counted.
pub(super) const MAX_WORDS: usize = 4;

/// How sure it must be that a name stands here and no other word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Expected {
    /// Anything may: "this is …".
    Perhaps,
    /// Only a name does: "my name is …", and what answers the question for it.
    Name,
}

/// A row of words that can be a name.
#[derive(Debug, Clone)]
pub(super) struct Phrase {
    /// As they were written, a title first.
    pub(super) parts: Vec<String>,
    /// The index of the first word.
    pub(super) start: usize,
    /// The index of the word behind it.
    pub(super) end: usize,
    /// A pause follows.
    pub(super) paused: bool,
    kinds: Vec<Kind>,
}

/// What one word of a name is by the lists.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Kind {
    title: bool,
    given: bool,
    family: bool,
    word: Word,
    capital: bool,
}

/// What else a name is in everyday language.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Word {
    /// Nothing.
    No,
    /// A word that a capital turns into a name: "Bill".
    Small,
    /// A word that is always written with a capital: "April", "Christian".
    Capital,
}

impl Kind {
    fn of(raw: &str) -> Self {
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

    fn is_listed(self) -> bool {
        self.given || self.family
    }

    /// A name, and nothing else in everyday language.
    fn is_plain(self) -> bool {
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

/// Whether capitals mean anything: a transcript without any says nothing by its letters.
pub(super) fn is_cased(words: &Words) -> bool {
    words.tokens().iter().any(|token| token.raw.starts_with(char::is_uppercase))
}

impl Phrase {
    /// The longest name that starts at the word `start`, behind sounds of hesitation.
    pub(super) fn at(words: &Words, start: usize, expected: Expected) -> Option<Self> {
        let lists = &english().name;
        let start = start + words.iter().skip(start).take_while(|word| lists.hesitations.has(word)).count();
        let first = words.token_at(start)?;
        let cased = is_cased(words);
        let mut phrase = Self { parts: Vec::new(), start, end: start, paused: false, kinds: Vec::new() };
        for token in &words.tokens()[first..] {
            let kind = Kind::of(&token.raw);
            let opens = phrase.kinds.iter().all(|kind| kind.title);
            if !phrase.takes(&token.raw, kind, opens, cased, expected) {
                break;
            }
            phrase.parts.push(token.raw.clone());
            phrase.kinds.push(kind);
            // "Dr. Lee", "Robert J. Fields": the full stop belongs to the word.
            let abbreviated = (opens && kind.title) || shape::is_initial(&token.raw);
            if token.pause && !abbreviated {
                phrase.paused = true;
                break;
            }
        }
        let whole = phrase.parts.len();
        while phrase.parts.last().is_some_and(|part| shape::is_particle(part) || shape::is_initial(part)) {
            phrase.parts.pop();
            phrase.kinds.pop();
        }
        phrase.paused &= whole == phrase.parts.len();
        phrase.end = words.word_at(first + phrase.parts.len()).unwrap_or(words.len());
        let named = phrase.kinds.iter().filter(|kind| !kind.title).count();
        (1..=MAX_WORDS).contains(&named).then_some(phrase)
    }

    fn takes(&self, raw: &str, kind: Kind, opens: bool, cased: bool, expected: Expected) -> bool {
        if self.parts.is_empty() && kind.title {
            return true;
        }
        if !shape::is_name_shaped(raw) {
            return false;
        }
        if !opens && (shape::is_particle(raw) || shape::is_initial(raw)) {
            return true;
        }
        let written = kind.capital || !cased;
        match (kind.word, kind.is_listed()) {
            (Word::No, true) => true,
            // An unknown word goes on as a name does; it begins one where one is due.
            (Word::No, false) => {
                let letters = raw.chars().filter(|c| c.is_alphabetic()).count();
                letters >= 2 && written && (expected == Expected::Name || kind.capital || !opens)
            }
            (Word::Small | Word::Capital, true) if cased => kind.capital,
            (Word::Small | Word::Capital, true) => opens || kind.family,
            (Word::Small | Word::Capital, false) => false,
        }
    }

    /// The name as it is kept.
    pub(super) fn name(&self) -> Option<String> {
        shape::checked(&self.parts.join(" "))
    }

    /// First and last name, said apart.
    pub(super) fn with(mut self, last: Self) -> Self {
        self.parts.extend(last.parts);
        self.kinds.extend(last.kinds);
        self.end = last.end;
        self.paused = last.paused;
        self
    }

    /// Whether this says `shorter` again, and more.
    pub(super) fn extends(&self, shorter: &Self) -> bool {
        self.parts.len() > shorter.parts.len() && shorter.parts.iter().all(|part| self.parts.contains(part))
    }

    /// How many words it has besides a title.
    pub(super) fn len(&self) -> usize {
        self.kinds.iter().filter(|kind| !kind.title).count()
    }

    fn head(&self) -> Kind {
        self.kinds.iter().copied().find(|kind| !kind.title).expect("a phrase has a word besides its title")
    }

    /// Behind a title, or a given name that is hardly anything else.
    pub(super) fn is_plain(&self) -> bool {
        self.kinds[0].title || (self.head().given && self.head().word == Word::No)
    }

    /// A given name and more by the lists, and one of them at least is nothing else.
    pub(super) fn is_full(&self) -> bool {
        self.len() >= 2
            && self.head().given
            && self.kinds[1..].iter().any(|kind| kind.is_listed())
            && self.kinds.iter().any(|kind| kind.is_plain())
    }

    /// The first word is a given name.
    pub(super) fn is_given(&self) -> bool {
        self.head().given
    }

    /// One word, and a family name only.
    pub(super) fn is_family(&self) -> bool {
        self.len() == 1 && self.head().family && !self.head().given
    }

    /// A family name that means nothing else.
    pub(super) fn is_plain_family(&self) -> bool {
        self.is_family() && self.head().is_plain() && self.head().capital
    }

    /// Its first word means something with a small letter only: "Bill", not "April"; the writing shows which it is.
    pub(super) fn is_told_by_capital(&self) -> bool {
        self.head().given && self.head().word == Word::Small && self.head().capital
    }

    /// No list knows its first word.
    pub(super) fn is_unknown(&self) -> bool {
        !self.head().is_listed()
    }

    /// Every word means something else as well.
    pub(super) fn is_words(&self) -> bool {
        self.kinds.iter().all(|kind| !kind.title && kind.word != Word::No)
    }
}

/// Whether `raw` is no name by any list, but a word: "tables", "administrator".
pub(super) fn is_only_word(raw: &str) -> bool {
    let kind = Kind::of(raw);
    !kind.title && !kind.is_listed() && kind.word != Word::No
}
