//! Roman numerals after the words that take one: Chapter IV, King Henry VIII.

use super::place::{Place, Spoken};
use super::tables::Tables;
use crate::number_words::ordinal;
use crate::scan::{before_is_word, goes_on};

/// `Chapter IV` as "Chapter 4", `Henry VIII` as "Henry the eighth".
pub(super) fn numeral(tables: &Tables, place: Place<'_>) -> Option<Spoken> {
    let length = place.rest.bytes().take_while(|byte| b"IVXLC".contains(byte)).take(16).count();
    let written = &place.rest[..length];
    // A lone C or L is a letter: "Class C".
    if length == 0 || goes_on(place.rest_after(length)) || matches!(written, "C" | "L") {
        return None;
    }
    let before = place.before.strip_suffix(' ')?;
    let follows = |words: &[String]| {
        words.iter().any(|word| before.strip_suffix(word.as_str()).is_some_and(|head| !before_is_word(head)))
    };
    let number = value(written)?;
    if follows(&tables.roman_ordinal) {
        Spoken::new(length, format!("the {}", ordinal(number)))
    } else if follows(&tables.roman_cardinal) {
        Spoken::new(length, number.to_string())
    } else {
        None
    }
}

/// The number, if it is written in the usual way (`IV`, not `IIII`).
fn value(written: &str) -> Option<u64> {
    const STEPS: [(&str, u64); 9] =
        [("C", 100), ("XC", 90), ("L", 50), ("XL", 40), ("X", 10), ("IX", 9), ("V", 5), ("IV", 4), ("I", 1)];
    let mut rest = written;
    let mut number = 0;
    for (step, worth) in STEPS {
        let most = if matches!(step, "C" | "X" | "I") { 3 } else { 1 };
        for _ in 0..most {
            if let Some(shorter) = rest.strip_prefix(step) {
                rest = shorter;
                number += worth;
            }
        }
    }
    rest.is_empty().then_some(number)
}

#[cfg(test)]
mod tests {
    use super::value;

    #[test]
    fn only_numerals_in_the_usual_form_are_numbers() {
        assert_eq!(value("XIV"), Some(14));
        assert_eq!(value("LVIII"), Some(58));
        assert_eq!(value("IIII"), None);
        assert_eq!(value("VX"), None);
        assert_eq!(value("IC"), None);
    }
}
