//! Numbers in words: digits that are read out, and the names of small numbers.

use crate::data::english;
use crate::words::Words;

/// The digit that `word` names: "four" is 4. "Oh" is none: see [`is_oh`].
pub fn digit(word: &str) -> Option<u8> {
    below_twenty(word).filter(|number| *number < 10)
}

/// The name of a number below twenty.
pub fn name_below_twenty(number: usize) -> Option<&'static str> {
    english().numbers.below_twenty.get(number)
}

/// The name of twenty, thirty … ninety, by the number of tens.
pub fn name_of_tens(tens: usize) -> Option<&'static str> {
    english().numbers.tens.get(tens.checked_sub(2)?)
}

/// The name of a hundred.
pub fn name_of_hundred() -> &'static str {
    &english().numbers.hundred
}

/// The name of a power of a thousand, up to a thousand to the sixth; a thousand to the zeroth has none.
pub fn name_of_thousands(power: usize) -> Option<&'static str> {
    english().numbers.thousands.get(power.checked_sub(1)?)
}

/// The number below twenty that `word` names.
pub fn below_twenty(word: &str) -> Option<u8> {
    u8::try_from(english().numbers.below_twenty.position(word)?).ok()
}

/// The tens that `word` names: "forty" is 40.
pub fn tens(word: &str) -> Option<u8> {
    u8::try_from((english().numbers.tens.position(word)? + 2) * 10).ok()
}

/// Whether `word` stands for zero among digits, and for hardly a number alone: "oh".
pub fn is_oh(word: &str) -> bool {
    english().numbers.ohs.has(word)
}

/// How often the digit behind `word` counts: twice behind "double".
pub fn times(word: &str) -> Option<usize> {
    let lists = &english().numbers;
    match word {
        word if lists.twice.has(word) => Some(2),
        word if lists.thrice.has(word) => Some(3),
        _ => None,
    }
}

/// Whether `word` is a part of a number in words: "seven", "twenty", "hundred", "thousand".
pub fn is_number_word(word: &str) -> bool {
    let lists = &english().numbers;
    // Nobody reads out a number with millions; "million" is a figure of speech.
    lists.below_twenty.has(word)
        || lists.tens.has(word)
        || lists.hundred == word
        || lists.thousands.get(0) == Some(word)
}

/// Every unbroken run of digits, written or spoken: "four one double one" is `4111`.
pub fn digit_runs(words: &Words) -> Vec<String> {
    let mut runs = vec![String::new()];
    let mut repeated = 1;
    for word in words.iter() {
        let run = runs.last_mut().expect("starts with one and only grows");
        if let Some(times) = times(word) {
            repeated = times;
            continue;
        }
        if let Some(digit) = digit(word) {
            run.push_str(&digit.to_string().repeat(repeated));
        } else if is_oh(word) && !run.is_empty() {
            run.push_str(&"0".repeat(repeated));
        } else if word.bytes().all(|b| b.is_ascii_digit()) {
            run.push_str(&word.repeat(repeated));
        } else if !run.is_empty() {
            runs.push(String::new());
        }
        repeated = 1;
    }
    runs.retain(|run| !run.is_empty());
    runs
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_are_read_in_words_and_figures_and_a_zero_may_be_an_oh() {
        let runs = |text| digit_runs(&Words::of(text));
        assert_eq!(runs("four one double one, then 23 oh triple five"), ["4111", "230555"]);
        assert_eq!(runs("oh, I see one"), ["1"]);
        assert_eq!(digit("oh"), None);
        assert_eq!((digit("nine"), digit("ten"), below_twenty("nineteen")), (Some(9), None, Some(19)));
    }

    #[test]
    fn numbers_have_names() {
        assert_eq!(
            (name_below_twenty(0), name_below_twenty(19), name_below_twenty(20)),
            (Some("zero"), Some("nineteen"), None)
        );
        assert_eq!((name_of_tens(1), name_of_tens(2), name_of_tens(9)), (None, Some("twenty"), Some("ninety")));
        assert_eq!((name_of_thousands(0), name_of_thousands(1)), (None, Some("thousand")));
        assert!(is_number_word("hundred") && !is_number_word("million") && !is_number_word("oh"));
    }
}
