//! A transcript as groups of digits and the words between them.

use crate::data::english;
use crate::printable::printable;
use crate::words::Words;
use crate::{days, numbers};

/// More than this of one turn is not read.
const MAX_CHARS: usize = 2000;

/// A piece of what was said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Piece {
    /// Digits that were said in one breath.
    Group(Group),
    /// Any other word, as [`Words`] has it.
    Word(String),
    /// Punctuation.
    Pause,
}

/// Digits that were said in one breath.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Group {
    pub(super) digits: String,
    /// What its own writing shows it to be.
    pub(super) mark: Option<Mark>,
    /// Behind a plus.
    pub(super) plus: bool,
}

/// What the writing of a number shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mark {
    /// "$5"
    Price,
    /// "3:30"
    Clock,
    /// "5th", "7/7"
    Date,
    /// "3.5"
    Fraction,
}

/// A word, a row of figures, or a pause, before words of numbers are read.
enum Lexeme {
    Word(String),
    Figures(Group),
    Pause,
}

/// What was said, in order.
pub(super) fn pieces(text: &str) -> Vec<Piece> {
    let lexemes = lexemes(text);
    let mut pieces: Vec<Piece> = Vec::new();
    let mut at = 0;
    while at < lexemes.len() {
        if let Some((group, end)) = group_at(&lexemes, at).filter(|(_, end)| !stands_for_a_thing(&lexemes, at, *end)) {
            pieces.push(Piece::Group(group));
            at = end;
            continue;
        }
        pieces.push(match &lexemes[at] {
            Lexeme::Word(word) => Piece::Word(word.clone()),
            Lexeme::Figures(group) => Piece::Group(group.clone()),
            Lexeme::Pause => Piece::Pause,
        });
        at += 1;
    }
    pieces
}

fn lexemes(text: &str) -> Vec<Lexeme> {
    let text: String = text.chars().take(MAX_CHARS).collect();
    let mut lexemes = Vec::new();
    for piece in printable(&text).split_whitespace() {
        if piece.bytes().any(|b| b.is_ascii_digit()) {
            figures(piece, &mut lexemes);
        } else {
            lexemes.extend(Words::of(piece).iter().map(|word| Lexeme::Word(word.to_owned())));
        }
        if piece.ends_with(|c: char| !c.is_alphanumeric() && !matches!(c, '\'' | '’' | '-' | ')' | '%' | '#' | '+')) {
            lexemes.push(Lexeme::Pause);
        }
    }
    lexemes
}

/// What a piece with figures in it holds: "(415)", "555-0142,", "3:30pm", "x12", "$1,200".
fn figures(piece: &str, lexemes: &mut Vec<Lexeme>) {
    let signs = &english().telephone.signs;
    let priced = piece.chars().any(|c| signs.has(c.encode_utf8(&mut [0; 4])));
    let chars: Vec<char> = piece.chars().collect();
    let digit = |at: usize| chars.get(at).is_some_and(char::is_ascii_digit);
    let points = (1..chars.len()).filter(|&at| chars[at] == '.' && digit(at - 1) && digit(at + 1)).count();
    let mut at = 0;
    while at < chars.len() {
        let start = at;
        if digit(at) {
            let mut group = Group { plus: at > 0 && chars[at - 1] == '+', ..Group::default() };
            while at < chars.len() {
                let thousands = chars[at] == ',' && at - start <= 3 && (1..=3).all(|i| digit(at + i)) && !digit(at + 4);
                match chars[at] {
                    c if c.is_ascii_digit() => group.digits.push(c),
                    ',' if thousands => (),
                    '.' if digit(at + 1) && points == 1 => group.mark = Some(Mark::Fraction),
                    ':' if digit(at + 1) => group.mark = Some(Mark::Clock),
                    '/' if digit(at + 1) => group.mark = Some(Mark::Date),
                    _ => break,
                }
                at += 1;
            }
            if priced {
                group.mark = Some(Mark::Price);
            }
            lexemes.push(Lexeme::Figures(group));
        } else if chars[at].is_alphabetic() {
            while chars.get(at).is_some_and(|c| c.is_alphabetic() || matches!(c, '\'' | '.')) {
                at += 1;
            }
            let word: String = chars[start..at].iter().filter(|c| **c != '.').flat_map(|c| c.to_lowercase()).collect();
            match lexemes.last_mut() {
                // "5th"
                Some(Lexeme::Figures(group)) if start > 0 && digit(start - 1) && is_ordinal_ending(&word) => {
                    group.mark = Some(Mark::Date);
                }
                _ => lexemes.push(Lexeme::Word(word)),
            }
        } else {
            at += 1;
        }
    }
}

fn is_ordinal_ending(word: &str) -> bool {
    english().telephone.ordinal_endings.has(word)
}

/// The digits that are said from `at` on without a pause, and the index behind them.
fn group_at(lexemes: &[Lexeme], at: usize) -> Option<(Group, usize)> {
    let mut group = Group::default();
    let mut end = at;
    if let Some(Lexeme::Word(word)) = lexemes.get(at)
        && *word == english().telephone.plus
    {
        group.plus = true;
        end += 1;
    }
    loop {
        if let Some(Lexeme::Figures(figures)) = lexemes.get(end) {
            // A price, a time or a date is never a part of another number.
            if figures.mark.is_some() || (figures.plus && !group.digits.is_empty()) {
                break;
            }
            group.plus |= figures.plus;
            group.digits.push_str(&figures.digits);
            end += 1;
        } else if let Some((digits, next)) = said_at(lexemes, end, !group.digits.is_empty()) {
            group.digits.push_str(&digits);
            end = next;
        } else if let Some(digit) = misheard_at(lexemes, end).filter(|_| group.digits.len() >= 2) {
            group.digits.push_str(digit);
            end += 1;
        } else {
            break;
        }
    }
    (!group.digits.is_empty()).then_some((group, end))
}

/// "The new one", from `at` to `end`.
fn stands_for_a_thing(lexemes: &[Lexeme], at: usize, end: usize) -> bool {
    let lists = &english().telephone;
    let word = |at: usize| if let Some(Lexeme::Word(word)) = lexemes.get(at) { word.as_str() } else { "" };
    end == at + 1 && word(at) == lists.one && at.checked_sub(1).is_some_and(|before| lists.one_of.has(word(before)))
}

/// The digit that a recogniser took for another word, between digits: "four to one".
fn misheard_at(lexemes: &[Lexeme], at: usize) -> Option<&'static str> {
    let Lexeme::Word(word) = lexemes.get(at)? else { return None };
    let digit = english().telephone.heard_as.get(word)?;
    let goes_on = match lexemes.get(at + 1)? {
        Lexeme::Word(next) => numbers::digit(next).is_some() || english().telephone.heard_as.contains_key(next),
        Lexeme::Figures(figures) => figures.mark.is_none(),
        Lexeme::Pause => false,
    };
    goes_on.then_some(digit.as_str())
}

/// The digits of one number in words at `at`, "double five", "twenty three", "eight hundred", and the index behind them.
fn said_at(lexemes: &[Lexeme], at: usize, goes_on: bool) -> Option<(String, usize)> {
    let word = |at: usize| match lexemes.get(at) {
        Some(Lexeme::Word(word)) => word.as_str(),
        _ => "",
    };
    let single = |at: usize| match lexemes.get(at) {
        Some(Lexeme::Figures(group)) if group.digits.len() == 1 && group.mark.is_none() => {
            group.digits.bytes().next().map(|b| b - b'0')
        }
        Some(Lexeme::Word(word)) if numbers::is_oh(word) => Some(0),
        Some(Lexeme::Word(word)) => numbers::digit(word),
        _ => None,
    };
    if let Some(times) = numbers::times(word(at)) {
        return single(at + 1).map(|digit| (digit.to_string().repeat(times), at + 2));
    }
    if numbers::is_oh(word(at)) {
        // "Oh, I see": a zero stands among digits.
        let begins =
            single(at + 1).is_some() || numbers::is_number_word(word(at + 1)) || numbers::times(word(at + 1)).is_some();
        return (goes_on || begins).then(|| ("0".to_owned(), at + 1));
    }
    let (number, next) = match (numbers::below_twenty(word(at)), numbers::tens(word(at))) {
        (Some(number), _) => (number, at + 1),
        (None, Some(tens)) => match numbers::digit(word(at + 1)).filter(|digit| *digit > 0) {
            Some(digit) => (tens + digit, at + 2),
            None => (tens, at + 1),
        },
        (None, None) => return None,
    };
    if number > 0 && word(next) == numbers::name_of_hundred() {
        // "Two hundred (and) six": one number when nothing goes on behind it, as in "eight hundred five five five".
        let and = usize::from(english().telephone.and == word(next + 1));
        let rest = small_at(&word, next + 1 + and).filter(|(_, end)| and > 0 || single(*end).is_none());
        return Some(match rest {
            Some((rest, end)) => ((u32::from(number) * 100 + u32::from(rest)).to_string(), end),
            None => (format!("{number}00"), next + 1),
        });
    }
    if number > 0 && numbers::name_of_thousands(1) == Some(word(next)) {
        return Some((format!("{number}000"), next + 1));
    }
    Some((number.to_string(), next))
}

/// A number below a hundred in words, and the index behind it.
fn small_at<'a>(word: &impl Fn(usize) -> &'a str, at: usize) -> Option<(u8, usize)> {
    match (numbers::below_twenty(word(at)), numbers::tens(word(at))) {
        (Some(number), _) => Some((number, at + 1)),
        (None, Some(tens)) => match numbers::digit(word(at + 1)) {
            Some(digit) => Some((tens + digit, at + 2)),
            None => Some((tens, at + 1)),
        },
        (None, None) => None,
    }
}

/// Whether `word` names a month.
pub(super) fn is_month(word: &str) -> bool {
    days::month(word).is_some()
}

/// The words of `pieces` that follow `at` say one of `phrases`: the index behind the longest.
pub(super) fn says<'a>(pieces: &[Piece], at: usize, phrases: impl Iterator<Item = &'a str>) -> Option<usize> {
    let follows = |phrase: &str| {
        phrase
            .split(' ')
            .enumerate()
            .all(|(i, word)| matches!(pieces.get(at + i), Some(Piece::Word(said)) if said == word))
    };
    phrases.filter(|phrase| follows(phrase)).map(|phrase| at + phrase.split(' ').count()).max()
}

/// The words before `at` say one of `phrases`, up to it.
pub(super) fn said_before<'a>(pieces: &[Piece], at: usize, mut phrases: impl Iterator<Item = &'a str>) -> bool {
    phrases.any(|phrase| {
        let count = phrase.split(' ').count();
        at.checked_sub(count).is_some_and(|start| says(pieces, start, std::iter::once(phrase)) == Some(at))
    })
}
