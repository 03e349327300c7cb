//! How a word is pronounced: the small words by their place, the others by the dictionary and the rules of endings.

pub(crate) mod endings;
mod small_words;
mod symbols;

use crate::LoadError;
use crate::data::Folder;
use crate::dictionary::{Dictionary, Found};
use crate::stress::{self, PRIMARY, Stress};

/// What is known of the words that follow: English is joined to what comes next.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Ahead {
    /// Whether the next sound is a vowel; `None` before a pause and at the end.
    pub(crate) vowel: Option<bool>,
    /// Whether the next word is "to".
    pub(crate) to: bool,
}

/// A word as it stands in a sentence.
#[derive(Clone, Copy)]
pub(crate) struct Word<'a> {
    pub(crate) text: &'a str,
    pub(crate) tag: &'a str,
    pub(crate) stress: Stress,
    pub(crate) ahead: Ahead,
}

impl<'a> Word<'a> {
    /// Other text in the same place.
    fn with_text(self, text: &'a str) -> Self {
        Self { text, ..self }
    }

    /// A word of its own, not part of the sentence: "dollars" in `$5`.
    pub(crate) fn alone(text: &'a str) -> Self {
        Self { text, tag: "", stress: Stress::Own, ahead: Ahead::default() }
    }
}

/// The pronouncing dictionary: a checked one, and a larger one that was made by machine.
pub(crate) struct Lexicon {
    checked: Dictionary,
    large: Dictionary,
}

impl Lexicon {
    pub(crate) fn load(folder: &Folder<'_>) -> Result<Self, LoadError> {
        const KIND: &str = "pronouncing dictionary";
        Ok(Self {
            checked: folder.json("lexicon_us_gold.json.gz", KIND)?,
            large: folder.json("lexicon_us_silver.json.gz", KIND)?,
        })
    }

    /// The phonemes of the word as it is written, if a dictionary or a rule knows it.
    pub(crate) fn word(&self, word: Word<'_>) -> Option<String> {
        if let Some(phonemes) = self.small_word(word) {
            return Some(phonemes);
        }
        let lower = word.text.to_lowercase();
        let word = if self.is_only_capitalised(word, &lower) { word.with_text(&lower) } else { word };

        if self.knows(word.text) {
            return self.look_up(word);
        }
        // The possessive of a plural sounds like the plural.
        if let Some(plural) = word.text.strip_suffix('\'') {
            let singular = plural.strip_suffix('s').map(|singular| format!("{singular}'s"));
            if let Some(possessive) = singular.filter(|possessive| self.knows(possessive)) {
                return self.look_up(word.with_text(&possessive));
            }
            if self.knows(plural) {
                return self.look_up(word.with_text(plural));
            }
        }
        self.with_ending(word)
    }

    /// The letters' names: "F", "B", "I".
    pub(crate) fn letters(&self, text: &str) -> Option<String> {
        let mut names = String::new();
        for letter in text.chars().filter(|letter| letter.is_alphabetic()) {
            let capital = letter.to_uppercase().to_string();
            let Found::One(name) = self.checked.get(&capital)? else { return None };
            names.push_str(name);
        }
        (!names.is_empty()).then(|| stress::of_letters(&names))
    }

    /// What the dictionaries have for the word, or its letters.
    fn look_up(&self, word: Word<'_>) -> Option<String> {
        let lower;
        let mut text = word.text;
        let mut is_initialism = false;
        if is_upper(text) && !self.checked.contains(text) {
            lower = text.to_lowercase();
            text = &lower;
            is_initialism = word.tag == "NNP";
        }
        let found = self.checked.get(text).or_else(|| if is_initialism { None } else { self.large.get(text) });
        let phonemes = found.and_then(|found| variant(found, word));
        match phonemes {
            Some(phonemes) if !is_initialism || phonemes.contains(PRIMARY) => Some(word.stress.of(phonemes)),
            other => self.letters(text).or_else(|| other.map(|phonemes| word.stress.of(phonemes))),
        }
    }

    /// Whether `look_up` will find something.
    fn knows(&self, text: &str) -> bool {
        if self.in_dictionaries(text) || symbols::is_symbol(text) {
            return true;
        }
        if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_alphabetic()) {
            return false;
        }
        // The rest is in capitals, which is an initialism at worst. A single letter is one too.
        is_upper(&text[1..])
    }

    fn in_dictionaries(&self, text: &str) -> bool {
        self.checked.contains(text) || self.large.contains(text)
    }

    /// Whether the word is one of the dictionaries' but for its capitals: "HELLO", "Baked".
    fn is_only_capitalised(&self, word: Word<'_>, lower: &str) -> bool {
        let text = word.text;
        let letters = text.chars().filter(|character| *character != '\'');
        let length = text.chars().count();
        length > 1
            && letters.clone().next().is_some()
            && letters.clone().all(char::is_alphabetic)
            && text != lower
            && (word.tag != "NNP" || length > 7)
            && !self.in_dictionaries(text)
            && (is_upper(text) || is_lower(text.chars().skip(1)))
            && (self.in_dictionaries(lower) || self.with_ending(word.with_text(lower)).is_some())
    }
}

/// The reading for the word's part of speech.
fn variant<'a>(found: Found<'a>, word: Word<'_>) -> Option<&'a str> {
    let variants = match found {
        Found::One(phonemes) => return Some(phonemes),
        Found::Several(variants) => variants,
    };
    let of = |tag: &str| variants.iter().find(|(name, _)| name == tag).map(|(_, phonemes)| phonemes.as_deref());
    let at_pause = word.ahead.vowel.is_none().then(|| of("None")).flatten();
    at_pause.or_else(|| of(word.tag)).or_else(|| of(group(word.tag))).or_else(|| of("DEFAULT")).flatten()
}

/// The part of speech that a tag belongs to, by the dictionary's names.
pub(crate) fn group(tag: &str) -> &str {
    match tag.get(..2) {
        Some("VB") => "VERB",
        Some("NN") => "NOUN",
        Some("RB") => "ADV",
        Some("JJ") => "ADJ",
        _ => tag,
    }
}

fn is_upper(text: &str) -> bool {
    !text.chars().any(char::is_lowercase)
}

fn is_lower(mut text: impl Iterator<Item = char>) -> bool {
    !text.any(char::is_uppercase)
}
