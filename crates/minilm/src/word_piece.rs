//! A sentence as pieces of words: BERT's way (uncased), greedy, the longest piece first.

use std::collections::HashMap;

use unicode_normalization::UnicodeNormalization as _;
use unicode_normalization::char::is_combining_mark;

/// Longer words are unknown as a whole, as in BERT's own tokenizer.
const MAX_WORD_CHARS: usize = 100;

/// The vocabulary.
pub(crate) struct WordPieces {
    ids: HashMap<String, i32>,
    start: i32,
    end: i32,
    unknown: i32,
}

impl WordPieces {
    /// Reads a vocabulary: one piece a line, its id the line's number. `None` if it lacks the marks of a sentence.
    pub(crate) fn read(vocabulary: &str) -> Option<Self> {
        let ids: HashMap<String, i32> =
            vocabulary.lines().zip(0..).map(|(piece, id)| (piece.trim_end().to_owned(), id)).collect();
        let of = |piece: &str| ids.get(piece).copied();
        Some(Self { start: of("[CLS]")?, end: of("[SEP]")?, unknown: of("[UNK]")?, ids })
    }

    /// The ids of a sentence's pieces between those of its start and its end, at most `max` in all.
    pub(crate) fn ids(&self, text: &str, max: usize) -> Vec<i32> {
        let mut ids = vec![self.start];
        for word in words(text) {
            self.add(&word, &mut ids);
            if ids.len() >= max {
                break;
            }
        }
        ids.truncate(max.saturating_sub(1));
        ids.push(self.end);
        ids
    }

    /// The longest pieces of a word, from its beginning; if one is unknown, so is the word.
    fn add(&self, word: &str, ids: &mut Vec<i32>) {
        let before = ids.len();
        if word.chars().count() > MAX_WORD_CHARS {
            ids.push(self.unknown);
            return;
        }
        let mut start = 0;
        while start < word.len() {
            let ends = word[start..].char_indices().map(|(at, c)| start + at + c.len_utf8()).rev();
            let found = ends.into_iter().find_map(|end| {
                let piece = &word[start..end];
                let id = if start == 0 { self.ids.get(piece) } else { self.ids.get(&format!("##{piece}")) };
                id.map(|id| (end, *id))
            });
            let Some((end, id)) = found else {
                ids.truncate(before);
                ids.push(self.unknown);
                return;
            };
            ids.push(id);
            start = end;
        }
    }
}

/// Lower case without accents, cut at white space; each mark and each Chinese character a word of its own.
fn words(text: &str) -> impl Iterator<Item = String> {
    let visible = text.chars().filter(|c| c.is_whitespace() || !is_hidden(*c));
    let plain: String = visible.flat_map(char::to_lowercase).nfd().filter(|c| !is_combining_mark(*c)).collect();
    let mut apart = String::with_capacity(plain.len());
    for c in plain.chars() {
        if is_apart(c) {
            apart.extend([' ', c, ' ']);
        } else {
            apart.push(c);
        }
    }
    apart.split_whitespace().map(str::to_owned).collect::<Vec<_>>().into_iter()
}

/// Control and format characters (Unicode's Cc and Cf, as far as texts have them), and what stands for a broken one.
fn is_hidden(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2064}' | '\u{feff}' | '\u{fffd}')
}

/// Marks, and the characters of Chinese (the blocks of BERT's tokenizer).
fn is_apart(c: char) -> bool {
    let mark = c.is_ascii_punctuation() || !(c.is_alphanumeric() || c.is_whitespace() || is_symbol(c));
    mark || matches!(c, '\u{3400}'..='\u{4dbf}' | '\u{4e00}'..='\u{9fff}' | '\u{f900}'..='\u{faff}' | '\u{20000}'..='\u{2ceaf}')
}

/// Signs that are no punctuation: currencies, arrows, mathematics, pictures.
fn is_symbol(c: char) -> bool {
    matches!(c, '\u{a2}'..='\u{a6}' | '\u{a8}' | '\u{a9}' | '\u{ac}' | '\u{ae}'..='\u{b1}' | '\u{b4}' | '\u{b8}' | '\u{d7}' | '\u{f7}'
        | '\u{20a0}'..='\u{20cf}' | '\u{2100}'..='\u{23ff}' | '\u{2500}'..='\u{27bf}' | '\u{1f000}'..='\u{1faff}')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn pieces() -> WordPieces {
        WordPieces::read(include_str!("../../../models/minilm/vocab.txt")).unwrap()
    }

    /// Made with the package `tokenizers` 0.22 of Python (`BertWordPieceTokenizer`, lower case) and this vocabulary.
    #[test]
    fn sentences_are_cut_as_the_net_learned_them() {
        let pieces = pieces();
        let reference: Vec<(String, Vec<i32>)> = serde_json::from_str(include_str!("reference_ids.json")).unwrap();
        assert!(reference.len() > 30);
        for (text, ids) in reference {
            assert_eq!(pieces.ids(&text, 128), ids, "{text}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_cut_and_no_longer_than_it_may_be(text in "\\PC{0,300}|[a-z]{0,400}") {
            let ids = pieces().ids(&text, 32);
            prop_assert!((2..=32).contains(&ids.len()));
        }
    }
}
