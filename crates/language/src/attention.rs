//! What a few words mean for whose turn it is. English; lists of whole utterances, not of keywords.

use crate::data::english;
use crate::words::Words;

/// True for sounds of attention that should not stop the agent: "okay", "yeah, yeah", "oh, I see".
pub fn is_backchannel(text: &str) -> bool {
    let words = said_words(text);
    let words: Vec<&str> = words.split(' ').filter(|word| !word.is_empty()).collect();
    // Up to which words the row can be one of them.
    let mut reached = vec![false; words.len() + 1];
    reached[0] = true;
    for at in 0..words.len() {
        if !reached[at] {
            continue;
        }
        for known in english().attention.backchannels.iter() {
            let mut rest = words[at..].iter();
            if known.split(' ').all(|word| rest.next() == Some(&word)) {
                reached[words.len() - rest.len()] = true;
            }
        }
    }
    reached[words.len()]
}

/// True when one of the words wants the agent to stop.
pub fn has_command(text: &str) -> bool {
    said_words(text).split(' ').any(|word| english().attention.commands.has(word))
}

/// How many words there are.
pub fn count(text: &str) -> usize {
    said_words(text).split(' ').filter(|word| !word.is_empty()).count()
}

/// True when the words were said just before by the other side, in the same order; one in four may have been misheard.
pub fn repeat(text: &str, said: &str) -> bool {
    let (words, said) = (said_words(text), said_words(said));
    let mut rest = said.split(' ');
    let (mut found, mut all) = (0, 0);
    for word in words.split(' ').filter(|word| !word.is_empty()) {
        all += 1;
        let mut ahead = rest.clone();
        if ahead.any(|other| other == word) {
            found += 1;
            rest = ahead;
        }
    }
    found * 4 >= all * 3
}

/// True for a goodbye.
pub fn is_farewell(text: &str) -> bool {
    english().attention.farewells.has(&said_words(text))
}

/// The words as they were said, with single spaces between.
pub(crate) fn said_words(text: &str) -> String {
    Words::of_all(text).as_said().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attention_is_not_a_turn() {
        for text in [
            "Mm-hmm.",
            "Okay.",
            "uh-huh",
            "Yeah",
            "I see.",
            "",
            " . ",
            "Right, right.",
            "Okay, yeah, I see.",
            "That’s right.",
        ] {
            assert!(is_backchannel(text), "{text:?}");
        }
        for text in ["Wait, listen.", "No.", "Okay, but on Friday.", "Stop.", "I see a problem.", "Yeah, no."] {
            assert!(!is_backchannel(text), "{text:?}");
        }
    }

    #[test]
    fn words_that_were_just_said_are_known_again() {
        let said = "Welcome back, Ana. Is this about Friday's visit?";
        for text in ["Welcome back, Anna. Is this about", "Friday's visit", "is this about Fridays visit", ""] {
            assert!(repeat(text, said), "{text:?}");
        }
        for text in ["Yes, it is about Friday", "visit Friday", "No, wait, stop"] {
            assert!(!repeat(text, said), "{text:?}");
        }
    }

    #[test]
    fn a_goodbye_is_told_from_a_request() {
        assert!(is_farewell("Okay, bye!"));
        assert!(is_farewell("Good-bye."));
        assert!(!is_farewell("Before I say goodbye, one more thing"));
    }
}
