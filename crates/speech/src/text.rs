//! What of a text can be said, and in which pieces.

use redial_language::sentences;

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
/// They are the language's ([`sentences`](mod@redial_language::sentences)). One that goes on in lower case was cut at an
/// abbreviation, and is said as a whole.
pub(super) fn sentences(text: &str) -> Vec<String> {
    let mut said: Vec<String> = Vec::new();
    for line in text.lines() {
        // A word that long is no word; what is cut off of it could not be understood anyway.
        let words = line.split_whitespace().map(|word| &word[..word.floor_char_boundary(LONGEST_CHARS)]);
        let line = words.collect::<Vec<_>>().join(" ");
        let mut pieces: Vec<String> = Vec::new();
        for piece in sentences::split_within(&line, LONGEST_CHARS) {
            match pieces.last_mut().filter(|before| goes_on(before, &piece)) {
                Some(before) => *before = format!("{before} {piece}"),
                None => pieces.push(piece),
            }
        }
        said.extend(pieces.into_iter().filter(|piece| piece.contains(char::is_alphanumeric)));
    }
    said
}

/// Whether `piece` belongs to the sentence before it.
fn goes_on(before: &str, piece: &str) -> bool {
    let stopped = before.trim_end_matches(['"', '\'', ')', ']']).ends_with('.');
    stopped && piece.starts_with(char::is_lowercase) && before.len() + piece.len() < LONGEST_CHARS
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
