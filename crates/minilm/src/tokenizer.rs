//! Words to pieces of the net's vocabulary (WordPiece).

use std::collections::HashMap;

use crate::words::{Word, words};

/// How a piece that goes on with a word is marked in the vocabulary.
const GOES_ON: &str = "##";

/// The net's vocabulary.
pub(crate) struct Tokenizer {
    /// Pieces that begin a word, and those that go on with one, by their letters.
    beginnings: HashMap<Box<str>, i32>,
    endings: HashMap<Box<str>, i32>,
    /// `[CLS]`, before every text.
    start: i32,
    /// `[SEP]`, behind it.
    end: i32,
    /// `[UNK]`: a word that the pieces do not spell.
    unknown: i32,
}

impl Tokenizer {
    /// Takes the vocabulary: a piece a line, numbered from 0.
    pub(crate) fn new(vocabulary: &str) -> Result<Self, String> {
        let (mut beginnings, mut endings) = (HashMap::new(), HashMap::new());
        for (piece, id) in vocabulary.lines().zip(0..) {
            match piece.strip_prefix(GOES_ON) {
                // By itself it is two punctuation marks, which no word is.
                Some(ending) if !ending.is_empty() => endings.insert(ending.into(), id),
                _ => beginnings.insert(piece.into(), id),
            };
        }
        let special = |piece: &str| beginnings.get(piece).copied().ok_or_else(|| format!("it has no `{piece}`"));
        let (start, end, unknown) = (special("[CLS]")?, special("[SEP]")?, special("[UNK]")?);
        Ok(Self { beginnings, endings, start, end, unknown })
    }

    /// The pieces of a text, with the marks for its start and end. There are at most `limit` of them; the text's end is cut.
    pub(crate) fn ids(&self, text: &str, limit: usize) -> Vec<i32> {
        let mut ids = vec![self.start];
        // Not a word more is read than is needed: a text may be long.
        for word in words(text) {
            match word {
                Word::Known(word) => self.spell(&word, &mut ids),
                Word::TooLong => ids.push(self.unknown),
            }
            if ids.len() >= limit {
                break;
            }
        }
        ids.truncate(limit.saturating_sub(1));
        ids.push(self.end);
        ids
    }

    /// Adds the word's pieces: the longest that begins it, the longest that goes on from there, and so on. A word that cannot be spelt to
    /// its end is unknown as a whole.
    fn spell(&self, word: &str, ids: &mut Vec<i32>) {
        let before = ids.len();
        let mut pieces = &self.beginnings;
        let mut rest = word;
        while !rest.is_empty() {
            let ends = rest.char_indices().rev().map(|(at, letter)| at + letter.len_utf8());
            let longest = ends.into_iter().find_map(|end| Some((end, *pieces.get(&rest[..end])?)));
            let Some((end, id)) = longest else {
                ids.truncate(before);
                ids.push(self.unknown);
                return;
            };
            ids.push(id);
            rest = &rest[end..];
            pieces = &self.endings;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const VOCABULARY: &str = "[UNK]\n[CLS]\n[SEP]\nun\n##aff\n##able\n##a\naff\n,\n##";

    fn ids(text: &str) -> Vec<i32> {
        Tokenizer::new(VOCABULARY).unwrap().ids(text, 8)
    }

    #[test]
    fn the_longest_piece_is_taken_first() {
        assert_eq!(ids("unaffable, aff"), [1, 3, 4, 5, 8, 7, 2]);
        assert_eq!(ids("UNA"), [1, 3, 6, 2]);
    }

    #[test]
    fn a_word_that_cannot_be_spelt_is_unknown_as_a_whole() {
        assert_eq!(ids("unaffx ableaff un"), [1, 0, 0, 3, 2]);
        assert_eq!(ids(&"a".repeat(101)), [1, 0, 2]);
    }

    #[test]
    fn a_text_is_cut_at_the_limit() {
        assert_eq!(ids("un un un un un un"), [1, 3, 3, 3, 3, 3, 3, 2]);
        assert_eq!(ids("un un un un un unaffable"), [1, 3, 3, 3, 3, 3, 3, 2]);
        assert_eq!(ids(&"un ".repeat(100)), [1, 3, 3, 3, 3, 3, 3, 2]);
    }

    #[test]
    fn the_names_of_marks_are_ordinary_text() {
        assert_eq!(ids("[SEP]"), [1, 0, 0, 0, 2]);
    }

    #[test]
    fn a_file_without_the_marks_is_no_vocabulary() {
        assert!(Tokenizer::new("version https://git-lfs").err().unwrap().contains("[CLS]"));
    }
}
