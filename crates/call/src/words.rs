//! What a few words mean for whose turn it is. English; lists of whole utterances, not of keywords.

/// Sounds and words that say "I am listening" and claim no turn.
const BACKCHANNELS: &[&str] = &[
    "ah",
    "aha",
    "alright",
    "all right",
    "cool",
    "fine",
    "good",
    "got it",
    "great",
    "hello",
    "hey",
    "hi",
    "hm",
    "hmm",
    "huh",
    "i see",
    "mhm",
    "mm",
    "mm hmm",
    "mmm",
    "oh",
    "oh okay",
    "ok",
    "okay",
    "perfect",
    "right",
    "sure",
    "thanks",
    "thank you",
    "uh",
    "uh huh",
    "uh hum",
    "um",
    "yeah",
    "yep",
    "yes",
    "you",
];

/// Words that end a call and ask for nothing.
const FAREWELLS: &[&str] = &[
    "bye",
    "bye bye",
    "goodbye",
    "good bye",
    "have a good day",
    "have a nice day",
    "okay bye",
    "see you",
    "take care",
    "thank you bye",
    "thanks bye",
    "you too",
    "thank you goodbye",
    "thank you very much",
    "thanks a lot",
];

/// Last words after which people go on.
const OPEN_ENDINGS: &[&str] = &[
    "a", "about", "an", "and", "are", "at", "because", "but", "by", "er", "for", "from", "i", "i'm", "if", "in", "is",
    "it's", "like", "my", "of", "on", "or", "so", "that", "the", "to", "uh", "um", "until", "was", "well", "with",
    "would",
];

/// True for a sound of attention that should not stop the agent.
pub(crate) fn is_backchannel(text: &str) -> bool {
    let words = normalized(text);
    words.is_empty() || BACKCHANNELS.contains(&words.as_str())
}

/// True for a goodbye.
pub(crate) fn is_farewell(text: &str) -> bool {
    FAREWELLS.contains(&normalized(text).as_str())
}

/// True when the words so far call for more: "my number is five five", "and um".
pub(crate) fn is_open(text: &str) -> bool {
    let text = text.trim_end();
    if text.ends_with("...") || text.ends_with('…') || text.ends_with(',') || text.ends_with('-') {
        return true;
    }
    let words = normalized(text);
    let Some(last) = words.split(' ').next_back() else { return false };
    OPEN_ENDINGS.contains(&last) || is_short_number(&words)
}

/// A telephone number that has begun but has fewer than the seven digits of a local one.
fn is_short_number(words: &str) -> bool {
    let digits: usize = words.split(' ').map(digit_count).sum();
    let ends_in_digit = words.split(' ').next_back().is_some_and(|word| digit_count(word) > 0);
    ends_in_digit && digits < 7 && (words.contains("number is") || words.contains("number's"))
}

fn digit_count(word: &str) -> usize {
    const DIGITS: &[&str] = &["zero", "oh", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"];
    if DIGITS.contains(&word) {
        1
    } else if word.bytes().all(|b| b.is_ascii_digit() || b == b'-') {
        word.bytes().filter(u8::is_ascii_digit).count()
    } else {
        0
    }
}

/// Lower case, single spaces, no punctuation but the apostrophe and a hyphen between digits.
fn normalized(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for word in text.split(|c: char| c.is_whitespace() || matches!(c, '.' | ',' | '!' | '?' | ';' | ':' | '…')) {
        let digits = word.bytes().any(|b| b.is_ascii_digit());
        let parts = word.split(|c: char| c == '-' && !digits);
        for part in parts {
            let part = part.trim_matches(|c: char| !c.is_alphanumeric());
            if !part.is_empty() {
                if !out.is_empty() {
                    out.push(' ');
                }
                out.extend(part.chars().flat_map(char::to_lowercase));
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attention_is_not_a_turn() {
        for text in ["Mm-hmm.", "Okay.", "uh-huh", "Yeah", "I see.", "", " . "] {
            assert!(is_backchannel(text), "{text:?}");
        }
        for text in ["Wait, listen.", "No.", "Okay, but on Friday.", "Stop."] {
            assert!(!is_backchannel(text), "{text:?}");
        }
    }

    #[test]
    fn unfinished_words_call_for_more() {
        for text in [
            "My number is",
            "My phone number is 555",
            "my number is five five five oh one",
            "I would like to change my appointment to, um,",
            "And then I...",
        ] {
            assert!(is_open(text), "{text:?}");
        }
        for text in [
            "My phone number is 555-0142.",
            "What time do you close?",
            "Order number 7831",
            "My name is Jennifer Parker.",
            "",
        ] {
            assert!(!is_open(text), "{text:?}");
        }
    }

    #[test]
    fn a_goodbye_is_told_from_a_request() {
        assert!(is_farewell("Okay, bye!"));
        assert!(is_farewell("Good-bye."));
        assert!(!is_farewell("Before I say goodbye, one more thing"));
    }
}
