//! Whether a caller who pauses has finished: the words so far, and what the recogniser makes of the voice.
//!
//! Neither is enough. The net that listens to the voice takes half of all hesitations for an end (measured over telephone
//! speech), so words that call for more overrule it; words that look complete wait longer when the voice does not sound so.

use crate::words;

/// Words that nobody ends on.
const OPEN: &[&str] = &[
    "a", "an", "and", "because", "between", "but", "er", "erm", "every", "he", "he's", "i", "i'd", "i'll", "i'm",
    "i've", "if", "into", "its", "like", "my", "of", "or", "our", "she", "she's", "than", "the", "their", "they",
    "they're", "to", "uh", "um", "until", "very", "we", "we're", "when", "where", "whether", "which", "whose", "your",
];

/// Beginnings that call for the rest.
const BEGINNINGS: &[&str] = &[
    "calling about",
    "going to",
    "i guess",
    "i mean",
    "i think",
    "let me see",
    "let me think",
    "tell me",
    "the thing is",
    "wanted to ask",
    "wanted to know",
    "was wondering",
    "you know",
];

/// Words on which most go on, and some sentences end: "that is what it is about".
const MOSTLY_OPEN: &[&str] = &[
    "about", "after", "am", "are", "at", "be", "been", "before", "by", "can", "could", "did", "do", "does", "during",
    "for", "from", "had", "has", "have", "his", "how", "in", "is", "it's", "need", "not", "on", "should", "since",
    "so", "some", "that", "that's", "these", "this", "those", "want", "was", "well", "were", "what", "who", "why",
    "will", "with", "without", "would",
];

/// "Yes, it is." and "no I don't" are whole: answers of so many words that begin so.
const ANSWERS: &[&str] = &["no", "nope", "okay", "sure", "yeah", "yep", "yes"];
const LONGEST_ANSWER: usize = 4;

/// Answers that are whole by themselves, however they sound, like sounds of attention: the net was trained on sentences.
const WHOLE: &[&str] = &[
    "bye",
    "correct",
    "exactly",
    "goodbye",
    "hang on",
    "hello",
    "hi",
    "hold on",
    "no",
    "no thank you",
    "no thanks",
    "nope",
    "okay",
    "ok",
    "please",
    "sorry",
    "stop",
    "sure",
    "thank you",
    "thanks",
    "that's right",
    "that's all",
    "wait",
    "what",
    "yeah",
    "yep",
    "yes",
    "yes please",
];

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
pub(crate) enum Completeness {
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
pub(crate) fn judge(text: &str, percent: Option<u8>) -> Completeness {
    let text = text.trim_end();
    let words = words::normalized(text);
    let first = words.split(' ').next().unwrap_or_default();
    let last = words.rsplit(' ').next().unwrap_or_default();
    let count = words::count(text);
    if !OPEN.contains(&last) && (WHOLE.contains(&words.as_str()) || words::is_backchannel(text)) {
        return Completeness::Complete;
    }
    let trails_off = text.ends_with("...") || text.ends_with('…') || text.ends_with(',') || text.ends_with('-');
    let begins = BEGINNINGS.iter().any(|beginning| words.ends_with(beginning));
    if trails_off || begins || OPEN.contains(&last) || is_short_number(&words) {
        return Completeness::Open;
    }
    // "What is this about?" is a question and whole.
    let answer = ANSWERS.contains(&first) && (2..=LONGEST_ANSWER).contains(&count);
    if MOSTLY_OPEN.contains(&last) && !text.ends_with('?') && !answer {
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
    let said_what = words.contains("number is") || words.contains("number's") || words.contains("call me");
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
    if words.ends_with(" a m") || words.ends_with(" p m") {
        return false;
    }
    let mut letters = words.rsplit(' ').take_while(|word| word.len() == 1 && !word.bytes().all(|b| b.is_ascii_digit()));
    letters.nth(1).is_some()
}

fn is_number(word: &str) -> bool {
    const NUMBERS: &[&str] = &[
        "ten",
        "eleven",
        "twelve",
        "thirteen",
        "fourteen",
        "fifteen",
        "sixteen",
        "seventeen",
        "eighteen",
        "nineteen",
        "twenty",
        "thirty",
        "forty",
        "fifty",
        "sixty",
        "seventy",
        "eighty",
        "ninety",
        "hundred",
        "thousand",
        "double",
        "triple",
    ];
    digit_count(word) > 0 || word.split('-').all(|part| NUMBERS.contains(&part) || digit_count(part) > 0)
}

fn digit_count(word: &str) -> usize {
    const DIGITS: &[&str] = &["zero", "oh", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"];
    if DIGITS.contains(&word) {
        1
    } else if !word.is_empty() && word.bytes().all(|b| b.is_ascii_digit() || b == b'-') {
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
            "What time do you close?",
            "What is this about?",
            "It is about order number 7831",
            "My name is Jennifer Parker.",
            "Yes, it is.",
            "No, I don't.",
            "There will be six of us at five.",
            "Can you move it to Tuesday at three p M..",
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
