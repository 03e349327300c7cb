//! What carriers send when they do not say who calls.

/// What carriers write instead of a number. Only names need the list: as a number, any word is refused anyway.
pub(super) const WORDS: [&str; 9] =
    ["anonymous", "restricted", "unknown", "private", "blocked", "withheld", "unavailable", "payphone", "none"];

/// The same words spelled on a keypad, which some carriers send as if they were numbers. They parse as numbers
/// of Lesotho, China, Uganda and Russia.
pub(super) const KEYPAD: [&str; 5] = [
    "266696687",   // ANONYMOUS
    "86282452253", // UNAVAILABLE
    "8656696",     // UNKNOWN
    "2562533",     // BLOCKED
    "7378742833",  // RESTRICTED
];

/// True for a word, in lower case, that stands for nobody.
pub(super) fn is_word(word: &str) -> bool {
    word == "+" || WORDS.contains(&word) || is_keypad_word(word.strip_prefix('+').unwrap_or(word))
}

/// What carriers put before such digits, as if they were a number.
const PREFIXES: [&str; 6] = ["", "1", "00", "001", "011", "0111"];

/// True for digits that spell such a word.
pub(super) fn is_keypad_word(digits: &str) -> bool {
    PREFIXES.iter().any(|prefix| digits.strip_prefix(prefix).is_some_and(|rest| KEYPAD.contains(&rest)))
}
