//! Text to words: what BERT's uncased models read of a text.
//!
//! As the `BertNormalizer` and `BertPreTokenizer` of Hugging Face's `tokenizers` do it, on which the net was trained.

use unicode_normalization::UnicodeNormalization;
use unicode_properties::{GeneralCategory, GeneralCategoryGroup, UnicodeGeneralCategory};

/// The longest word that is looked up, in characters. Nothing of a longer one is known.
const LONGEST: usize = 100;

/// A word, or a punctuation mark by itself.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Word {
    /// In lower case and without accents; never empty.
    Known(String),
    /// Longer than any word.
    TooLong,
}

/// The words of a text, one after another as they are asked for.
pub(crate) fn words(text: &str) -> impl Iterator<Item = Word> {
    let mut letters = letters(text).peekable();
    std::iter::from_fn(move || {
        while letters.next_if(|letter| letter.is_whitespace()).is_some() {}
        let first = letters.next()?;
        let mut word = String::from(first);
        let mut length = 1;
        if is_punctuation(first) {
            return Some(Word::Known(word));
        }
        while let Some(letter) = letters.next_if(|&letter| !letter.is_whitespace() && !is_punctuation(letter)) {
            length += 1;
            if length <= LONGEST {
                word.push(letter);
            }
        }
        Some(if length <= LONGEST { Word::Known(word) } else { Word::TooLong })
    })
}

/// Cleaned, Chinese characters apart, accents stripped, lower case.
fn letters(text: &str) -> impl Iterator<Item = char> {
    text.chars()
        .filter(|&letter| is_text(letter))
        .flat_map(|letter| {
            let space = is_chinese(letter).then_some(' ');
            space.into_iter().chain([letter]).chain(space)
        })
        .nfd()
        .filter(|letter| letter.general_category() != GeneralCategory::NonspacingMark)
        .flat_map(char::to_lowercase)
}

/// Neither a control or format character, nor the sign for what could not be decoded.
fn is_text(letter: char) -> bool {
    let is_control = matches!(
        letter.general_category(),
        GeneralCategory::Control | GeneralCategory::Format | GeneralCategory::PrivateUse | GeneralCategory::Surrogate
    );
    matches!(letter, '\t' | '\n' | '\r') || (!is_control && letter != char::REPLACEMENT_CHARACTER)
}

/// What Unicode calls punctuation, and all of ASCII that is neither letter, digit, space nor control.
fn is_punctuation(letter: char) -> bool {
    letter.is_ascii_punctuation() || letter.general_category_group() == GeneralCategoryGroup::Punctuation
}

/// Whether the character is of the blocks "CJK Unified Ideographs" with its extensions and "CJK Compatibility Ideographs", which are
/// words by themselves. Hiragana, katakana and hangul are not among them.
fn is_chinese(letter: char) -> bool {
    matches!(
        letter,
        '\u{4e00}'..='\u{9fff}'
            | '\u{3400}'..='\u{4dbf}'
            | '\u{20000}'..='\u{2a6df}'
            | '\u{2a700}'..='\u{2b73f}'
            | '\u{2b740}'..='\u{2b81f}'
            | '\u{2b820}'..='\u{2ceaf}'
            | '\u{f900}'..='\u{faff}'
            | '\u{2f800}'..='\u{2fa1f}'
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Vec<String> {
        let word = |word| match word {
            Word::Known(word) => word,
            Word::TooLong => "too long".to_owned(),
        };
        words(text).map(word).collect()
    }

    #[test]
    fn case_accents_and_spaces_go_and_punctuation_stands_alone() {
        assert_eq!(read(" Héllo,\tJOSÉ's  café\u{a0}no.5 "), ["hello", ",", "jose", "'", "s", "cafe", "no", ".", "5"]);
        assert_eq!(read("cafe\u{301} e\u{301}\u{323}"), ["cafe", "e"]);
        assert_eq!(read("«Ça va»… İzmir"), ["«", "ca", "va", "»", "…", "izmir"]);
    }

    #[test]
    fn chinese_characters_are_words_and_kana_are_not() {
        assert_eq!(read("電話ください"), ["電", "話", "くたさい"]);
    }

    #[test]
    fn what_is_no_text_is_not_there() {
        assert_eq!(read("a\u{0}b\u{fffd}c\u{200d}d\u{ad}e\u{7}"), ["abcde"]);
        assert!(read("").is_empty());
        assert!(read(" \n\u{301}\u{200b}").is_empty());
    }

    #[test]
    fn a_word_of_more_than_a_hundred_characters_is_too_long() {
        assert_eq!(read(&"é".repeat(100)), ["e".repeat(100)]);
        assert_eq!(read(&format!("a {} b", "é".repeat(101))), ["a", "too long", "b"]);
    }
}
