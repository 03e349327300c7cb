//! Whether a caller who pauses has finished: the words so far, and what the recogniser makes of the voice.
//!
//! Neither is enough. The net that listens to the voice takes half of all hesitations for an end (measured over telephone
//! speech), so words that call for more overrule it; words that look complete wait longer when the voice does not sound so.

use crate::data::english;
use crate::{attention, numbers};

/// An answer that is whole for its first word has at most so many words: "yes, it is", "no I don't".
const LONGEST_ANSWER: usize = 4;
/// At this figure the voice alone speaks for an end, in percent.
const LIKELY: u8 = 50;
/// At this figure the voice speaks against words on which most go on, in percent.
const SURE: u8 = 90;
/// What is this short has told little of how it goes on, in words, and the voice is no help there.
const BRIEF: usize = 3;
/// The digits of a local telephone number; with the area code ten, with the country's 1 eleven.
const LOCAL_DIGITS: usize = 7;
const WHOLE_NUMBERS: std::ops::RangeInclusive<usize> = 10..=15;

/// How a pause looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Completeness {
    /// The caller has finished.
    Complete,
    /// The same, of few words.
    Brief,
    /// The words look whole and the voice does not, or the other way round.
    Unsure,
    /// The caller will go on.
    Open,
}

/// Judges a pause. `percent`: how likely the voice has ended, if that is known.
pub fn judge(text: &str, percent: Option<u8>) -> Completeness {
    let text = text.trim_end();
    let lists = &english().completeness;
    let words = attention::said_words(text);
    let first = words.split(' ').next().unwrap_or_default();
    let last = words.rsplit(' ').next().unwrap_or_default();
    let count = attention::count(text);
    if !lists.open.has(last) && (lists.whole.has(&words) || attention::is_backchannel(text)) {
        return Completeness::Complete;
    }
    let trails_off = text.ends_with("...") || text.ends_with('…') || text.ends_with(',') || text.ends_with('-');
    let begins = lists.beginnings.iter().any(|beginning| words.ends_with(beginning));
    if trails_off || begins || lists.open.has(last) || is_short_number(&words) {
        return Completeness::Open;
    }
    // "What is this about?" is a question and whole.
    let answer = lists.answers.has(first) && (2..=LONGEST_ANSWER).contains(&count);
    if lists.mostly_open.has(last) && !text.ends_with('?') && !answer {
        let sure = percent.is_some_and(|percent| percent >= SURE);
        return if sure { Completeness::Unsure } else { Completeness::Open };
    }
    if percent.is_some_and(|percent| percent < LIKELY) || is_spelling(&words) || is_reading_out(&words) {
        return Completeness::Unsure;
    }
    if count <= BRIEF && !answer { Completeness::Brief } else { Completeness::Complete }
}

/// A telephone number that has begun: a row of digits at the end, after "number" or alone, that is no whole one.
fn is_short_number(words: &str) -> bool {
    let mut digits = 0;
    let mut others = 0;
    for word in words.rsplit(' ') {
        match digit_count(word) {
            0 => others += 1,
            count if others == 0 => digits += count,
            _ => (),
        }
    }
    let said_what = english().completeness.number_follows.iter().any(|lead| words.contains(lead));
    let alone = others == 0 && digits > 2;
    digits > 0 && (said_what || alone) && digits != LOCAL_DIGITS && !WHOLE_NUMBERS.contains(&digits)
}

/// Numbers are being read out: two or more at the end, or nothing else.
fn is_reading_out(words: &str) -> bool {
    let numbers = words.rsplit(' ').take_while(|word| is_number(word)).count();
    let digits: usize = words.rsplit(' ').map_while(|word| Some(digit_count(word)).filter(|count| *count > 0)).sum();
    let whole = digits == LOCAL_DIGITS || WHOLE_NUMBERS.contains(&digits);
    !whole && numbers > 0 && (numbers > 1 || !words.contains(' '))
}

/// Letters are being spelled: "J E N", but not "three p m".
fn is_spelling(words: &str) -> bool {
    let ends_with = |half: &str| words.strip_suffix(half).is_some_and(|before| before.ends_with(' '));
    if english().completeness.halves_of_day.iter().any(ends_with) {
        return false;
    }
    let mut letters = words.rsplit(' ').take_while(|word| word.len() == 1 && !word.bytes().all(|b| b.is_ascii_digit()));
    letters.nth(1).is_some()
}

fn is_number(word: &str) -> bool {
    digit_count(word) > 0 || numbers::is_number_word(word) || numbers::times(word).is_some()
}

/// How many digits `word` is.
fn digit_count(word: &str) -> usize {
    // "O" alone is a letter that is spelled.
    if numbers::digit(word).is_some() || (numbers::is_oh(word) && word.len() > 1) {
        1
    } else if word.bytes().all(|b| b.is_ascii_digit() || b == b'.') {
        // A telephone number may be written with points: "415.555.2671".
        word.bytes().filter(u8::is_ascii_digit).count()
    } else {
        0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unfinished_words_call_for_more() {
        for text in [
            "My number is",
            "My phone number is 555",
            "my number is five five five oh one",
            "five five five",
            "My number is 415-555-26",
            "My number is 415.555.26",
            "I would like to change my appointment to, um,",
            "I would like to",
            "And then I...",
            "so what I wanted to ask is,",
            "Can you tell me?",
            "Let me think.",
            "So",
        ] {
            assert_eq!(judge(text, None), Completeness::Open, "{text:?}");
            assert_eq!(judge(text, Some(60)), Completeness::Open, "{text:?}");
        }
    }

    #[test]
    fn whole_sentences_are_complete() {
        for text in [
            "My phone number is 555-0142.",
            "My number is 415 555 2671",
            "My number is 415.555.2671",
            "What time do you close?",
            "What is this about?",
            "It is about order number 7831",
            "My name is Jennifer Parker.",
            "Yes, it is.",
            "No, I don't.",
            "There will be six of us at five.",
            "Can you move it to Tuesday at three p M..",
            "I'd like to order 1,200 of them, that is 1,200.",
            "",
        ] {
            assert_eq!(judge(text, None), Completeness::Complete, "{text:?}");
            assert_eq!(judge(text, Some(97)), Completeness::Complete, "{text:?}");
        }
    }

    #[test]
    fn a_voice_that_has_not_ended_waits_longer_but_not_after_a_plain_yes() {
        assert_eq!(judge("I want to change my appointment", Some(12)), Completeness::Unsure);
        assert_eq!(judge("Yes.", Some(12)), Completeness::Complete);
        assert_eq!(judge("That's all.", Some(3)), Completeness::Complete);
        assert_eq!(judge("Mm-hmm.", Some(3)), Completeness::Complete);
        assert_eq!(judge("Um.", Some(97)), Completeness::Open);
        assert_eq!(judge("J E N", Some(97)), Completeness::Unsure);
    }

    #[test]
    fn a_voice_that_has_ended_shortens_the_wait_for_words_that_may_end_a_sentence() {
        assert_eq!(judge("It is not what I was looking for.", Some(97)), Completeness::Unsure);
        assert_eq!(judge("It is not what I was looking for.", Some(60)), Completeness::Open);
    }

    #[test]
    fn numbers_that_are_read_out_are_waited_for() {
        for text in ["Thirty.", "The address is twelve forty five.", "My lumber is four one five.", "twenty-one"] {
            assert_eq!(judge(text, Some(99)), Completeness::Unsure, "{text:?}");
        }
        assert_eq!(judge("It is four one five, five five five, two six seven one", Some(99)), Completeness::Complete);
    }

    #[test]
    fn few_words_wait_a_little() {
        for text in ["Go forward.", "The addresses.", "Jennifer Parker", "Next Tuesday."] {
            assert_eq!(judge(text, Some(99)), Completeness::Brief, "{text:?}");
        }
        assert_eq!(judge("Was not.", Some(86)), Completeness::Open);
    }
}
