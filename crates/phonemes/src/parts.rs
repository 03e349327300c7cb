//! Tokens cut into parts, and parts that are written together joined into groups.
//!
//! `state-of-the-art` is seven tokens and one group; `X7K9` is one token and four parts. A group is first looked up as
//! a whole, then in shorter runs of its parts.

use crate::numeral;
use crate::token::Token;

/// A run of letters, digits or marks.
#[derive(Debug)]
pub(crate) struct Part<'a> {
    pub(crate) text: String,
    pub(crate) tag: &'a str,
    /// Whether a space follows.
    pub(crate) space: bool,
    /// Set once it is known how the part sounds; empty if it is silent.
    pub(crate) phonemes: Option<String>,
    /// Whether it begins a group.
    pub(crate) is_head: bool,
    /// The sign before it, if it is an amount of money.
    pub(crate) currency: Option<char>,
    /// Whether it is said apart from the part before.
    pub(crate) apart: bool,
    /// Whether it is looked up by itself only, because it stands for another word: the 2 of "B2B".
    pub(crate) stands_in: bool,
}

/// Parts that are written together.
pub(crate) type Group<'a> = Vec<Part<'a>>;

/// The tags of punctuation.
const PUNCTUATION_TAGS: [&str; 10] = [".", ",", "-LRB-", "-RRB-", "``", "\"\"", "''", ":", "#", "NFP"];
/// The punctuation that the voice knows.
const SPOKEN_PUNCTUATION: &str = ";:,.!?—…\"“”";

/// A longer group is read as several: looking up every run of its parts takes the square of their number. An address has
/// about twenty, a name that is spelled with dashes as many.
const MAX_PARTS: usize = 32;

/// Cuts, and joins what is written together. `tags` has one tag for each token.
pub(crate) fn groups<'a>(tokens: &[Token], tags: &[&'a str]) -> Vec<Group<'a>> {
    let mut groups: Vec<Group<'a>> = Vec::new();
    let mut open = false;
    let mut currency = None;
    for (at, (token, tag)) in tokens.iter().zip(tags).enumerate() {
        let texts = cut(&token.text);
        let last = texts.len().saturating_sub(1);
        for (index, text) in texts.iter().enumerate() {
            let mut part = Part {
                text: (*text).to_owned(),
                tag,
                space: index == last && token.space,
                phonemes: punctuation(text, tag),
                is_head: true,
                currency: None,
                apart: false,
                stands_in: is_two_for_to(&texts, index),
            };
            if *tag == "$" && part.phonemes.is_none() {
                if let Some(sign) = numeral::currency(text) {
                    currency = Some(sign);
                    part.phonemes = Some(String::new());
                } else if !text.chars().all(|letter| letter.is_ascii_alphabetic()) {
                    part.phonemes = Some(spoken_marks(text));
                }
            } else if part.phonemes.is_none() && currency.is_some() {
                if *tag != "CD" {
                    currency = None;
                } else if index == last && tags.get(at + 1) != Some(&"CD") {
                    part.currency = currency;
                }
            }
            if part.stands_in {
                part.text = "to".to_owned();
            }
            let space = part.space;
            let silent = part.phonemes.is_some();
            match groups.last_mut() {
                Some(group) if open && !silent && group.len() < MAX_PARTS => {
                    part.is_head = false;
                    group.push(part);
                }
                _ => groups.push(vec![part]),
            }
            open = !silent && !space;
        }
    }
    groups
}

/// What punctuation sounds like: itself, if the voice knows it, or silence.
fn punctuation(text: &str, tag: &str) -> Option<String> {
    if tag == ":" && matches!(text, "-" | "–") {
        return Some("—".to_owned());
    }
    let is_mark = !text.chars().all(|letter| letter.is_ascii_alphabetic());
    if !is_mark || !PUNCTUATION_TAGS.contains(&tag) {
        return None;
    }
    Some(match tag {
        "-LRB-" => "(".to_owned(),
        "-RRB-" => ")".to_owned(),
        "``" => "“".to_owned(),
        "\"\"" | "''" => "”".to_owned(),
        _ => spoken_marks(text),
    })
}

fn spoken_marks(text: &str) -> String {
    text.chars().filter(|mark| SPOKEN_PUNCTUATION.contains(*mark)).collect()
}

/// "B2B": a 2 between letters is "to".
fn is_two_for_to(texts: &[&str], index: usize) -> bool {
    let is_letter = |character: Option<char>| character.is_some_and(char::is_alphabetic);
    texts[index] == "2"
        && index > 0
        && is_letter(texts[index - 1].chars().next_back())
        && is_letter(texts.get(index + 1).and_then(|next| next.chars().next()))
}

/// Cuts between letters, digits and marks, and before a capital inside a word: `McDonald` → `Mc`, `Donald`.
fn cut(text: &str) -> Vec<&str> {
    let mut parts = Vec::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let at_start = rest.len() == text.len();
        let length = if is_apostrophe(first) && at_start {
            run(rest, is_apostrophe)
        } else if let Some(number) = number(rest, at_start) {
            number
        } else if matches!(first, '-' | '_') {
            run(rest, |mark| matches!(mark, '-' | '_'))
        } else if is_apostrophe(first) {
            run(rest, is_apostrophe)
        } else if first.is_alphabetic() {
            letters(rest)
        } else {
            first.len_utf8()
        };
        let (part, after) = rest.split_at(length);
        parts.push(part);
        rest = after;
    }
    parts
}

/// Digits with single commas and dots between, with the minus sign if it is the first thing in the token.
fn number(text: &str, at_start: bool) -> Option<usize> {
    let bytes = text.as_bytes();
    let mut at = usize::from(at_start && bytes.first() == Some(&b'-'));
    let sign = at;
    loop {
        let is_digit = |at: usize| bytes.get(at).is_some_and(u8::is_ascii_digit);
        if is_digit(at) {
            at += 1;
        } else if matches!(bytes.get(at), Some(b',' | b'.')) && is_digit(at + 1) {
            at += 2;
        } else {
            break;
        }
    }
    (at > sign).then_some(at)
}

/// The length of a word: letters, with single apostrophes between two, up to a capital that begins a new one.
fn letters(text: &str) -> usize {
    let mut characters = text.char_indices().peekable();
    let mut previous: Option<char> = None;
    while let Some((at, character)) = characters.next() {
        let next = characters.peek().map(|(_, next)| *next);
        if character.is_alphabetic() {
            let new_word = character.is_uppercase()
                && previous.is_some_and(|previous| {
                    previous.is_lowercase() || (previous.is_uppercase() && next.is_some_and(char::is_lowercase))
                });
            if new_word {
                return at;
            }
        } else if !(is_apostrophe(character) && next.is_some_and(char::is_alphabetic)) {
            return at;
        }
        previous = Some(character);
    }
    text.len()
}

fn run(text: &str, belongs: fn(char) -> bool) -> usize {
    text.find(|character| !belongs(character)).unwrap_or(text.len())
}

pub(crate) fn is_apostrophe(character: char) -> bool {
    matches!(character, '\'' | '‘' | '’')
}

#[cfg(test)]
mod tests {
    use super::cut;

    #[test]
    fn a_token_is_cut_where_its_kind_of_character_changes() {
        assert_eq!(cut("X7K9"), ["X", "7", "K", "9"]);
        assert_eq!(cut("-5"), ["-5"]);
        assert_eq!(cut("1,234.50"), ["1,234.50"]);
        assert_eq!(cut("AB-1234"), ["AB", "-", "1234"]);
        assert_eq!(cut("12:30"), ["12", ":", "30"]);
    }

    #[test]
    fn a_capital_inside_a_word_begins_another() {
        assert_eq!(cut("McDonald"), ["Mc", "Donald"]);
        assert_eq!(cut("iPhone"), ["i", "Phone"]);
        assert_eq!(cut("PDFViewer"), ["PDF", "Viewer"]);
        assert_eq!(cut("ABC"), ["ABC"]);
    }
}
