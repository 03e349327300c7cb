//! Which of a caller's words may be stored: neither secrets nor instructions, and no digit of a card.

use redial_call::{Role, Turn, Via};
use redial_language::data::english;
use redial_language::printable::printable;
use redial_language::words::Words;
use redial_language::{clean, numbers, sentences};

/// A secret said digit by digit is looked for over turns with at least so many digits each.
const DIGITS_OF_A_PIECE: usize = 3;

/// For each turn, the words of it that may be stored; empty for those of which nothing may be.
pub(super) fn kept_words(turns: &[Turn]) -> Vec<String> {
    let in_pieces = digits_in_pieces(turns);
    let mut asked_for_secret = false;
    turns
        .iter()
        .enumerate()
        .map(|(at, turn)| match (turn.role, turn.via) {
            (Role::Agent, _) => {
                // Our side asked for it, so the whole answer may be it.
                asked_for_secret = clean::mentions_secret(&Words::of(&turn.text));
                String::new()
            }
            (Role::Caller, Via::Keypad) => String::new(),
            (Role::Caller, Via::Voice) if asked_for_secret => String::new(),
            (Role::Caller, Via::Voice) => kept(&turn.text, in_pieces.contains(&at)),
        })
        .collect()
}

/// The sentences of `text` that are neither secret nor instructions; with `card`, none that has digits.
pub(super) fn kept(text: &str, card: bool) -> String {
    let text = printable(text);
    // A card number is often read with pauses that look like sentences.
    let card = card || clean::holds_card_number(&numbers::digit_runs(&Words::of(&text)).concat());
    let mut kept: Vec<String> = Vec::new();
    let mut dropped = false;
    for sentence in sentences::split(&text) {
        let words = Words::of(&sentence);
        // "My password is a long one. It's hunter two."
        let goes_on = dropped && words.starts_with_any(&english().memory.secret_goes_on);
        dropped = goes_on
            || clean::is_secret(&words, &sentence)
            || clean::is_instruction(&words, &sentence)
            || (card && !numbers::digit_runs(&words).is_empty());
        if !dropped && !words.is_empty() {
            kept.push(sentence);
        }
    }
    kept.join(" ")
}

/// The caller's turns that together read out a card number, a few digits at a time.
fn digits_in_pieces(turns: &[Turn]) -> Vec<usize> {
    let mut found = Vec::new();
    let mut run: (String, Vec<usize>) = Default::default();
    for (at, turn) in turns.iter().enumerate().filter(|(_, turn)| turn.role == Role::Caller) {
        let digits = numbers::digit_runs(&Words::of(&turn.text)).concat();
        if digits.len() < DIGITS_OF_A_PIECE {
            run = Default::default();
            continue;
        }
        run.0.push_str(&digits);
        run.1.push(at);
        if clean::holds_card_number(&run.0) {
            found.extend(&run.1);
        }
    }
    found
}
