//! Parts of speech: an averaged perceptron over the word, its ending, its shape and its neighbours.
//!
//! The tag decides between two readings of a word (`read`, `live`, `record`) and those of the small words (`that`, `in`).

mod weights;

use std::fmt::Write as _;

use serde::Deserialize;

use crate::LoadError;
use crate::data::Folder;
use crate::hash::{QuickMap, QuickSet};
use crate::token::Token;
use weights::Weights;

/// Penn Treebank tags by the words' features.
pub(crate) struct Tagger {
    tags: Vec<String>,
    /// Words with only one tag.
    certain: QuickMap<String, u8>,
    /// Words that are features themselves; the others are seen by their shape.
    vocabulary: QuickSet<String>,
    weights: Weights,
}

/// `tagger.json.gz`.
#[derive(Deserialize)]
struct File {
    tags: Vec<String>,
    tagdict: QuickMap<String, String>,
    vocab: QuickSet<String>,
    weights: Weights,
}

impl Tagger {
    pub(crate) fn load(folder: &Folder<'_>) -> Result<Self, LoadError> {
        const NAME: &str = "tagger.json.gz";
        const KIND: &str = "tagger";
        let File { tags, tagdict, vocab, weights } = folder.json(NAME, KIND)?;
        let numbers: QuickMap<&str, u8> = tags.iter().map(String::as_str).zip(0..=u8::MAX).collect();
        let weights = weights.number(&numbers).map_err(|error| folder.malformed(NAME, KIND, error))?;
        let number = |tag: &str| {
            let unknown = || folder.malformed(NAME, KIND, format!("`{tag}` is not a tag"));
            numbers.get(tag).copied().ok_or_else(unknown)
        };
        let certain = tagdict.into_iter().map(|(word, tag)| Ok((word, number(&tag)?))).collect::<Result<_, _>>()?;
        Ok(Self { tags, certain, vocabulary: vocab, weights })
    }

    /// One tag for each token.
    pub(crate) fn tags<'a>(&'a self, tokens: &[Token]) -> Vec<&'a str> {
        let context = Context::of(tokens, &self.vocabulary);
        let mut tags: Vec<&str> = Vec::with_capacity(tokens.len());
        let mut scores = vec![0i32; self.tags.len()];
        let mut feature = String::new();
        for (at, token) in tokens.iter().enumerate() {
            let tag = match self.certain.get(&token.text) {
                Some(tag) => usize::from(*tag),
                None => {
                    let before = (
                        at.checked_sub(1).map_or("-START-", |before| tags[before]),
                        match at {
                            0 => "-START2-",
                            1 => "-START-",
                            _ => tags[at - 2],
                        },
                    );
                    scores.fill(0);
                    context.features(at, &token.text, before, &mut feature, |feature| {
                        self.weights.add(feature, &mut scores)
                    });
                    best(&scores)
                }
            };
            tags.push(self.tags.get(tag).map_or("NN", String::as_str));
        }
        tags
    }
}

/// The last of the best: of two tags with the same score, the one whose name sorts later.
fn best(scores: &[i32]) -> usize {
    (0..scores.len()).max_by_key(|tag| (scores[*tag], *tag)).unwrap_or(0)
}

/// The words of a sentence as their neighbours see them, with two marks at each end.
struct Context {
    words: Vec<String>,
}

impl Context {
    fn of(tokens: &[Token], vocabulary: &QuickSet<String>) -> Self {
        let mut words = vec!["-START2-".to_owned(), "-START-".to_owned()];
        words.extend(tokens.iter().map(|token| {
            let word = class(&token.text);
            if vocabulary.contains(&word) { word } else { format!("<{}>", shape(&token.text)) }
        }));
        words.extend(["-END-".to_owned(), "-END2-".to_owned()]);
        Self { words }
    }

    /// Calls `each` with every feature of the token at `at`; `feature` is the buffer that they are written into.
    fn features(
        &self,
        at: usize,
        text: &str,
        (tag1, tag2): (&str, &str),
        feature: &mut String,
        mut each: impl FnMut(&str),
    ) {
        let [before2, before, word, after, after2] = [0, 1, 2, 3, 4].map(|offset| self.words[at + offset].as_str());
        let first = text.chars().next().map_or(0, char::len_utf8);
        let shape = shape(text);
        let mut put = |name: &str, value: &str, more: &str| {
            feature.clear();
            // Writing into a string cannot fail.
            let _ = write!(feature, "{name}{value}{more}");
            each(feature);
        };
        put("b", "", "");
        put("s3=", last_three(text), "");
        put("p1=", &text[..first], "");
        put("w=", word, "");
        put("sh=", &shape, "");
        put(if at == 0 { "i0" } else { "i+" }, "", "");
        put("t-1=", tag1, "");
        put("t-2=", tag2, "");
        put("t-12=", tag1, &format!(",{tag2}"));
        put("w-1=", before, "");
        put("s3-1=", last_three(before), "");
        put("w-2=", before2, "");
        put("w+1=", after, "");
        put("s3+1=", last_three(after), "");
        put("w+2=", after2, "");
    }
}

/// The word in lower case, or the class that all of its kind share.
fn class(text: &str) -> String {
    if text.contains('-') && !text.starts_with('-') {
        "!HYPHEN".to_owned()
    } else if text.len() == 4 && text.bytes().all(|byte| byte.is_ascii_digit()) {
        "!YEAR".to_owned()
    } else if text.starts_with(|first: char| first.is_numeric() && !matches!(first, '¼' | '½' | '¾')) {
        "!DIGITS".to_owned()
    } else {
        text.to_lowercase()
    }
}

/// What a word looks like: `Xx` capitalised, `XX` in capitals, `d` digits; others by their first four characters.
fn shape(text: &str) -> String {
    if text.chars().all(char::is_numeric) {
        return "d".to_owned();
    }
    if text.chars().all(char::is_alphabetic) {
        let upper = text.chars().filter(|letter| letter.is_uppercase()).count();
        let cased = text.chars().filter(|letter| letter.is_uppercase() || letter.is_lowercase()).count();
        let length = text.chars().count();
        let capital = text.starts_with(char::is_uppercase);
        return match (upper, length) {
            (1, 1) => "X1",
            (upper, _) if upper == cased && upper > 0 => "XX",
            (0, _) if cased > 0 => "x",
            (1, _) if capital => "Xx",
            _ => "xX",
        }
        .to_owned();
    }
    text.chars()
        .take(4)
        .map(|character| match character {
            letter if letter.is_alphabetic() => 'x',
            digit if digit.is_numeric() => 'd',
            other => other,
        })
        .collect()
}

fn last_three(text: &str) -> &str {
    text.char_indices().rev().take(3).last().map_or("", |(at, _)| &text[at..])
}
