//! Words that stand together as a name, and how much speaks for it.

use super::checked::checked;
use super::shape;
use super::word::{Kind, MAX_WORDS, Word};
use crate::data::english;
use crate::words::Words;

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
        checked(&self.parts.join(" "))
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
