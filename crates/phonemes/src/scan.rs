//! Small readers shared by the rules: how far a number, a space or a word reaches from the start of a text.

/// The ASCII digits at the start, at most `limit` of them, and no more than that in a row.
pub(crate) fn digits(text: &str, limit: usize) -> Option<&str> {
    let length = text.bytes().take_while(u8::is_ascii_digit).take(limit + 1).count();
    (1..=limit).contains(&length).then(|| &text[..length])
}

/// Exactly `count` ASCII digits at the start.
pub(crate) fn digits_exactly(text: &str, count: usize) -> Option<&str> {
    digits(text, count).filter(|digits| digits.len() == count)
}

/// A number at the start: digits with commas inside, and a decimal fraction. Its length in bytes.
pub(crate) fn decimal(text: &str) -> Option<usize> {
    let bytes = text.as_bytes();
    let is_digit = |at: usize| bytes.get(at).is_some_and(u8::is_ascii_digit);
    if !is_digit(0) {
        return None;
    }
    let mut at = 1;
    while is_digit(at) || (bytes.get(at) == Some(&b',') && is_digit(at + 1)) {
        at += 1;
    }
    if bytes.get(at) == Some(&b'.') && is_digit(at + 1) {
        at += 1;
        while is_digit(at) {
            at += 1;
        }
    }
    Some(at)
}

/// How many bytes of spaces stand at the start.
pub(crate) fn spaces(text: &str) -> usize {
    text.len() - text.trim_start_matches(' ').len()
}

/// Whether an ASCII digit stands at byte `at`.
pub(crate) fn digit_at(text: &str, at: usize) -> bool {
    text.as_bytes().get(at).is_some_and(u8::is_ascii_digit)
}

/// Whether the text before ends in the middle of a word or number.
pub(crate) fn before_is_word(before: &str) -> bool {
    before.chars().next_back().is_some_and(is_word)
}

/// Whether the text goes on with a letter or digit.
pub(crate) fn goes_on(text: &str) -> bool {
    text.chars().next().is_some_and(is_word)
}

fn is_word(character: char) -> bool {
    character.is_alphanumeric() || character == '_'
}
