//! What of a text can be said, and in which pieces.

/// Longer sentences are cut between words, so that the first audio is soon there however a text is punctuated.
const LONGEST_CHARS: usize = 300;

/// The text in plain ASCII: typographic signs and accented letters by their plain forms, all else that cannot be said left out.
pub(super) fn sayable(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    for char in text.chars() {
        match char {
            // Marks of Markdown, which models write although they are asked not to.
            '*' | '_' | '`' | '#' | '~' | '|' | '<' | '>' | '\\' | '^' => plain.push(' '),
            ' '..='~' => plain.push(char),
            '\n' => plain.push('\n'),
            '’' | '‘' => plain.push('\''),
            '“' | '”' | '«' | '»' => plain.push('"'),
            '–' | '—' => plain.push_str(", "),
            '…' => plain.push_str("... "),
            '€' => plain.push_str(" euros "),
            '£' => plain.push_str(" pounds "),
            '°' => plain.push_str(" degrees "),
            'ß' => plain.push_str("ss"),
            'æ' | 'Æ' => plain.push_str("ae"),
            'œ' | 'Œ' => plain.push_str("oe"),
            _ => plain.push(unaccented(char).unwrap_or(' ')),
        }
    }
    plain
}

/// The letter without its accent, for the letters of Western Europe.
fn unaccented(letter: char) -> Option<char> {
    const FORMS: [(&str, char); 15] = [
        ("àáâãäåā", 'a'),
        ("çćč", 'c'),
        ("đð", 'd'),
        ("èéêëēęě", 'e'),
        ("ğ", 'g'),
        ("ìíîïīı", 'i'),
        ("ł", 'l'),
        ("ñńň", 'n'),
        ("òóôõöøōő", 'o'),
        ("řŕ", 'r'),
        ("śšş", 's'),
        ("ţťț", 't'),
        ("ùúûüūůű", 'u'),
        ("ýÿ", 'y'),
        ("źżž", 'z'),
    ];
    let lower = letter.to_lowercase().next()?;
    let (_, plain) = FORMS.iter().find(|(forms, _)| forms.contains(lower))?;
    Some(if letter.is_uppercase() { plain.to_ascii_uppercase() } else { *plain })
}

/// The sentences of a text in plain ASCII, those that have something to say.
///
/// A point that no space follows, as in "3.50", ends none; neither does one after a single letter or a title.
pub(super) fn sentences(text: &str) -> Vec<String> {
    let mut sentences = Vec::new();
    let mut words: Vec<&str> = Vec::new();
    let mut chars = 0;
    for line in text.lines() {
        for word in line.split_whitespace() {
            if chars + word.len() > LONGEST_CHARS {
                close(&mut words, &mut sentences);
                chars = 0;
            }
            // A word that long is no word; what is cut off of it could not be understood anyway.
            words.push(word.get(..LONGEST_CHARS).unwrap_or(word));
            chars += word.len() + 1;
            if ends_sentence(word) {
                close(&mut words, &mut sentences);
                chars = 0;
            }
        }
        close(&mut words, &mut sentences);
        chars = 0;
    }
    sentences
}

fn close(words: &mut Vec<&str>, sentences: &mut Vec<String>) {
    if words.iter().any(|word| word.contains(|char: char| char.is_ascii_alphanumeric())) {
        sentences.push(words.join(" "));
    }
    words.clear();
}

fn ends_sentence(word: &str) -> bool {
    const TITLES: [&str; 6] = ["Mr.", "Mrs.", "Ms.", "Dr.", "St.", "No."];
    let word = word.trim_end_matches(['"', '\'', ')', ']']);
    let initial = word.len() == 2 && word.starts_with(|char: char| char.is_ascii_uppercase());
    word.ends_with(['!', '?']) || (word.ends_with('.') && !initial && !TITLES.contains(&word))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn signs_and_accents_become_plain() {
        assert_eq!(sayable("“Zoë’s café” — 20°"), "\"Zoe's cafe\" ,  20 degrees ");
        assert_eq!(sayable("Ünal *is* 👋 in"), "Unal  is    in");
    }

    #[test]
    fn texts_are_cut_at_their_sentences() {
        let text = "Dr. J. Parker is in. That is $3.50! \"Really?\" Yes\n- one\n- two";
        let expected = ["Dr. J. Parker is in.", "That is $3.50!", "\"Really?\"", "Yes", "- one", "- two"];
        assert_eq!(sentences(text), expected);
        assert_eq!(sentences(" ... !? \n -- "), [""; 0]);
    }

    #[test]
    fn a_text_without_points_is_cut_between_words() {
        let text = "word ".repeat(200);
        let cut = sentences(&text);
        assert!(cut.len() >= 3 && cut.iter().all(|sentence| sentence.len() <= LONGEST_CHARS));
        assert_eq!(cut.join(" "), text.trim_end());
        assert_eq!(sentences(&"x".repeat(5000)), ["x".repeat(LONGEST_CHARS)]);
    }

    proptest! {
        #[test]
        fn any_text_gives_short_sentences_in_ascii(text in any::<String>()) {
            for sentence in sentences(&sayable(&text)) {
                prop_assert!(sentence.is_ascii());
                prop_assert!(sentence.len() <= 2 * LONGEST_CHARS);
            }
        }
    }
}
