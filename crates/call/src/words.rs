//! What a few words mean for whose turn it is. English; lists of whole utterances, not of keywords.

/// Sounds and words that say "I am listening" and claim no turn, alone or one after the other.
const BACKCHANNELS: &[&str] = &[
    "ah",
    "aha",
    "all right",
    "alright",
    "cool",
    "exactly",
    "fine",
    "good",
    "got it",
    "gotcha",
    "great",
    "hello",
    "hey",
    "hi",
    "hm",
    "hmm",
    "huh",
    "i see",
    "i understand",
    "indeed",
    "interesting",
    "makes sense",
    "mhm",
    "mm",
    "mm hmm",
    "mmm",
    "nice",
    "of course",
    "oh",
    "oh okay",
    "ok",
    "okay",
    "perfect",
    "right",
    "sounds good",
    "sure",
    "thank you",
    "thanks",
    "that's right",
    "true",
    "uh",
    "uh huh",
    "uh hum",
    "um",
    "understood",
    "very good",
    "wow",
    "yeah",
    "yep",
    "yes",
    "you",
    "yup",
];

/// Single words that want the agent to stop, and no sounds of attention.
const COMMANDS: &[&str] = &[
    "again", "agent", "back", "bye", "cancel", "enough", "goodbye", "help", "hold", "how", "next", "no", "nope",
    "operator", "pardon", "quit", "repeat", "skip", "sorry", "stop", "wait", "what", "when", "where", "who", "why",
    "wrong",
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

/// True for sounds of attention that should not stop the agent: "okay", "yeah, yeah", "oh, I see".
pub(crate) fn is_backchannel(text: &str) -> bool {
    let words = normalized(text);
    let words: Vec<&str> = words.split(' ').filter(|word| !word.is_empty()).collect();
    // Up to which words the row can be one of them.
    let mut reached = vec![false; words.len() + 1];
    reached[0] = true;
    for at in 0..words.len() {
        if !reached[at] {
            continue;
        }
        for known in BACKCHANNELS {
            let mut rest = words[at..].iter();
            if known.split(' ').all(|word| rest.next() == Some(&word)) {
                reached[words.len() - rest.len()] = true;
            }
        }
    }
    reached[words.len()]
}

/// True when one of the words wants the agent to stop.
pub(crate) fn has_command(text: &str) -> bool {
    normalized(text).split(' ').any(|word| COMMANDS.contains(&word))
}

/// How many words there are.
pub(crate) fn count(text: &str) -> usize {
    normalized(text).split(' ').filter(|word| !word.is_empty()).count()
}

/// True when the words were said just before by the other side, in the same order; one in four may have been misheard.
pub(crate) fn repeat(text: &str, said: &str) -> bool {
    let (words, said) = (normalized(text), normalized(said));
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
pub(crate) fn is_farewell(text: &str) -> bool {
    FAREWELLS.contains(&normalized(text).as_str())
}

/// The first words that fit into so many bytes, and the rest; a word that alone is longer is split.
pub(crate) fn split_within(text: &str, bytes: usize) -> (&str, &str) {
    if text.len() <= bytes {
        return (text, "");
    }
    let most = text.floor_char_boundary(bytes).max(text.chars().next().map_or(0, char::len_utf8));
    let at = text[..most].rfind(char::is_whitespace).filter(|at| *at > 0).unwrap_or(most);
    (text[..at].trim_end(), text[at..].trim_start())
}

/// Lower case, single spaces, no punctuation but the apostrophe and a hyphen between digits.
pub(crate) fn normalized(text: &str) -> String {
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
        for text in ["Mm-hmm.", "Okay.", "uh-huh", "Yeah", "I see.", "", " . ", "Right, right.", "Okay, yeah, I see."] {
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
    fn a_long_text_is_split_between_words_and_nothing_of_it_is_lost() {
        assert_eq!(split_within("one two", 7), ("one two", ""));
        assert_eq!(split_within("one two", 6), ("one", "two"));
        assert_eq!(split_within("ééé é", 5), ("éé", "é é"));
        assert_eq!(split_within("é", 1), ("é", ""));
        let long = "word ".repeat(3000);
        let (mut rest, mut words) = (long.as_str(), 0);
        while !rest.is_empty() {
            let (text, after) = split_within(rest, 4096);
            assert!(text.len() <= 4096);
            words += text.split_whitespace().count();
            rest = after;
        }
        assert_eq!(words, 3000);
    }

    #[test]
    fn a_goodbye_is_told_from_a_request() {
        assert!(is_farewell("Okay, bye!"));
        assert!(is_farewell("Good-bye."));
        assert!(!is_farewell("Before I say goodbye, one more thing"));
    }
}
