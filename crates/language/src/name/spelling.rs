//! Names that are spelled: "J-E-N", "J as in Juliet, E, double N, Y".

use super::checked::checked;
use super::shape;
use crate::data::english;
use crate::numbers;
use crate::words::Words;

/// Fewer single letters are too easily "a" and "I".
const LETTERS: usize = 3;

/// The names that are spelled, in lower case and in order.
pub(super) fn spelled(words: &Words) -> Vec<String> {
    let mut all = Vec::new();
    let mut run = String::new();
    let mut at = 0;
    while let Some(word) = words.at(at) {
        let times = numbers::times(word).unwrap_or(1);
        let behind_times = at + usize::from(times > 1);
        if let Some((letters, end)) = piece_at(words, at) {
            // "J-O-N" is whole by itself.
            all.extend([std::mem::take(&mut run), letters]);
            at = end;
        } else if let Some(letter) = words.at(behind_times).and_then(single_letter) {
            run.extend(std::iter::repeat_n(letter, times));
            at = after_example(words, behind_times + 1, letter);
        } else {
            if !english().name.capital.has(word) {
                all.push(std::mem::take(&mut run));
            }
            at += 1;
        }
    }
    all.push(run);
    all.retain(|run| run.chars().count() >= LETTERS);
    all
}

/// Whether a spelling begins at the word `at`.
pub(super) fn starts(words: &Words, at: usize) -> bool {
    piece_at(words, at).is_some()
}

fn single_letter(word: &str) -> Option<char> {
    let mut letters = word.chars();
    letters.next().filter(|letter| letter.is_alphabetic() && letters.next().is_none())
}

/// The letters of one piece, "J-E-N" or "J.E.N", that begins at the word `at`, and the word behind it.
fn piece_at(words: &Words, at: usize) -> Option<(String, usize)> {
    let token = words.token_at(at)?;
    let raw = &words.tokens()[token].raw;
    shape::is_spelling(raw).then(|| {
        let letters = raw.to_lowercase().chars().filter(|c| c.is_alphabetic()).collect();
        (letters, words.word_at(token + 1).unwrap_or(words.len()))
    })
}

/// The index behind "as in Juliet" at `at`, whose word begins with the letter.
fn after_example(words: &Words, at: usize, letter: char) -> usize {
    let examples = english().name.spelled_as.iter().filter_map(|lead| words.follows(at, lead));
    let fits =
        |end: &usize| words.at(*end).is_some_and(|word| word.starts_with(letter) && single_letter(word).is_none());
    examples.filter(fits).max().map_or(at, |end| end + 1)
}

/// `name`, with what is spelled in the same breath in the place of what sounds like it, or behind it.
pub(super) fn mend(name: &str, words: &Words) -> String {
    spelled(words).iter().fold(name.to_owned(), |name, letters| {
        // "Jennifer, J-E-N-…": the rest is still to come, or went under.
        let begun = name.split(' ').any(|part| shape::folded(part).starts_with(letters.as_str()));
        if begun {
            return name;
        }
        let behind = || if name.contains(' ') { None } else { checked(&format!("{name} {letters}")) };
        in_place(&name, letters).or_else(behind).unwrap_or(name)
    })
}

/// `name` with what is spelled in the place of what sounds like it; `None` when nothing is spelled.
pub(super) fn mended(name: &str, words: &Words) -> Option<String> {
    let letters = spelled(words);
    let first = letters.first()?;
    let mended = in_place(name, first).or_else(|| checked(first));
    letters[1..].iter().fold(mended, |name, letters| {
        let name = name?;
        in_place(&name, letters).or_else(|| checked(&format!("{name} {letters}")))
    })
}

/// The name that is spelled and not said.
pub(super) fn alone(words: &Words) -> Option<String> {
    let letters = spelled(words);
    (!letters.is_empty()).then(|| checked(&letters.join(" "))).flatten()
}

/// `name` with `new` for the part of it that a recogniser could have taken for `new`.
pub(super) fn in_place(name: &str, new: &str) -> Option<String> {
    let parts: Vec<&str> = name.split(' ').collect();
    let titled = usize::from(shape::title(parts[0]).is_some());
    let (_, best) = (titled..parts.len())
        .filter_map(|at| Some((likeness(parts[at], new)?, at)))
        .max_by_key(|(score, at)| (*score, usize::MAX - at))?;
    let joined: Vec<&str> = parts.iter().enumerate().map(|(at, part)| if at == best { new } else { part }).collect();
    checked(&joined.join(" "))
}

/// How many letters both begin and end with; `None` unless it is the first letter or the last three.
fn likeness(a: &str, b: &str) -> Option<usize> {
    let (a, b) = (shape::folded(a), shape::folded(b));
    let same = a.chars().zip(b.chars()).take_while(|(a, b)| a == b).count();
    let ending = a.chars().rev().zip(b.chars().rev()).take_while(|(a, b)| a == b).count();
    // "Don" for "Ron": two thirds of a short name.
    let alike = same > 0 || ending >= 3 || (ending >= 2 && a.chars().count().max(b.chars().count()) <= 3);
    alike.then_some(same + ending)
}
