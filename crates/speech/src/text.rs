//! What of a text can be said, and in which pieces.

/// Longer sentences are cut between words, so that the first audio is soon there however a text is punctuated.
const LONGEST_CHARS: usize = 300;

/// Marks of Markdown.
const MARKS: [char; 10] = ['*', '_', '`', '#', '~', '|', '<', '>', '\\', '^'];

/// The text without the marks of Markdown, which models write although they are asked not to.
#[cfg_attr(not(feature = "hibari"), allow(dead_code, reason = "only hibari needs it"))]
pub(super) fn unmarked(text: &str) -> String {
    let mut chars = text.chars().peekable();
    let mut plain = String::with_capacity(text.len());
    while let Some(char) = chars.next() {
        // "#1" is a number; "# Hours" is a heading.
        let numbers = char == '#' && chars.peek().is_some_and(char::is_ascii_digit);
        plain.push(if MARKS.contains(&char) && !numbers { ' ' } else { char });
    }
    plain
}

/// The text in plain ASCII: typographic signs and accented letters by their plain forms, all else that cannot be said left out.
pub(super) fn sayable(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    for char in text.chars() {
        match char {
            mark if MARKS.contains(&mark) => plain.push(' '),
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

/// The sentences of a text, those that have something to say.
///
/// A point that no space follows, as in "3.50", ends none; neither does one after a single letter or a title, or before a word in lower case
/// ("at 9 a.m. on Monday").
pub(super) fn sentences(text: &str) -> Vec<String> {
    let mut sentences = Vec::new();
    let mut words: Vec<&str> = Vec::new();
    let mut chars = 0;
    for line in text.lines() {
        let mut line = line.split_whitespace().peekable();
        while let Some(word) = line.next() {
            if chars + word.len() > LONGEST_CHARS {
                close(&mut words, &mut sentences);
                chars = 0;
            }
            // A word that long is no word; what is cut off of it could not be understood anyway.
            words.push(&word[..word.floor_char_boundary(LONGEST_CHARS)]);
            chars += word.len() + 1;
            if ends_sentence(word, line.peek().copied()) {
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
    if words.iter().any(|word| word.contains(char::is_alphanumeric)) {
        sentences.push(words.join(" "));
    }
    words.clear();
}

fn ends_sentence(word: &str, next: Option<&str>) -> bool {
    const TITLES: [&str; 6] = ["Mr.", "Mrs.", "Ms.", "Dr.", "St.", "No."];
    let word = word.trim_end_matches(['"', '\'', ')', ']']);
    let initial = word.len() == 2 && word.starts_with(|char: char| char.is_ascii_uppercase());
    let goes_on = next.is_some_and(|next| next.starts_with(char::is_lowercase));
    word.ends_with(['!', '?']) || (word.ends_with('.') && !initial && !goes_on && !TITLES.contains(&word))
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
    fn marks_of_markdown_are_left_out_and_numbers_stay() {
        assert_eq!(unmarked("# Hours\n**9 – 5**, room #12, `now` 👋"), "  Hours\n  9 – 5  , room #12,  now  👋");
    }

    #[test]
    fn texts_are_cut_at_their_sentences() {
        let text = "Dr. J. Parker is in. That is $3.50! \"Really?\" Yes\n- one\n- two";
        let expected = ["Dr. J. Parker is in.", "That is $3.50!", "\"Really?\"", "Yes", "- one", "- two"];
        assert_eq!(sentences(text), expected);
        assert_eq!(
            sentences("Come at 9 a.m. on Monday. We close at 5 p.m. Call us."),
            ["Come at 9 a.m. on Monday.", "We close at 5 p.m.", "Call us."]
        );
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
        fn any_text_without_marks_gives_short_sentences(text in any::<String>()) {
            for sentence in sentences(&unmarked(&text)) {
                prop_assert!(sentence.chars().count() <= 2 * LONGEST_CHARS);
            }
        }

        #[test]
        fn any_text_gives_short_sentences_in_ascii(text in any::<String>()) {
            for sentence in sentences(&sayable(&text)) {
                prop_assert!(sentence.is_ascii());
                prop_assert!(sentence.len() <= 2 * LONGEST_CHARS);
            }
        }
    }
}
