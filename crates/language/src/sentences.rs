//! Cuts an answer that arrives in pieces into sentences, so that speech can begin with the first one.

use std::mem;

use crate::data::english;

/// A sentence without an end is cut here, at a comma or a space: about 15 s of speech at 14 characters a second,
/// more than anybody should wait for a first sound.
const MAX_CHARS: usize = 200;

/// Cuts text that arrives in any pieces into sentences; the cuts in the input change nothing in the output.
///
/// A sentence is complete when its end *and the next character* are there: "3." may become "3.5".
#[derive(Debug, Clone)]
pub struct Sentences {
    /// The unfinished sentence, without white space in front.
    open: String,
    /// Characters in `open`.
    chars: usize,
    /// A sentence without an end is cut here, in characters.
    longest: usize,
}

impl Default for Sentences {
    fn default() -> Self {
        Self { open: String::new(), chars: 0, longest: MAX_CHARS }
    }
}

impl Sentences {
    /// Takes the next piece; answers the sentences that it completes, in order, each trimmed and not empty.
    pub fn push(&mut self, delta: &str) -> Vec<String> {
        delta.chars().filter_map(|c| self.take(c)).collect()
    }

    /// The text is over: what is left of it, if anything.
    pub fn finish(&mut self) -> Option<String> {
        self.cut(self.open.len())
    }

    fn take(&mut self, c: char) -> Option<String> {
        if c == '\n' || c == '\r' {
            return self.finish();
        }
        if self.open.is_empty() && c.is_whitespace() {
            return None;
        }
        let done = if ends_sentence(&self.open, c) { self.cut(self.open.len()) } else { None };
        if !(self.open.is_empty() && c.is_whitespace()) {
            self.open.push(c);
            self.chars += 1;
        }
        done.or_else(|| if self.chars > self.longest { self.cut(cut_point(&self.open)) } else { None })
    }

    /// Takes the first `at` bytes as a sentence.
    fn cut(&mut self, at: usize) -> Option<String> {
        let rest = self.open[at..].trim_start().to_owned();
        self.chars = rest.chars().count();
        let mut sentence = mem::replace(&mut self.open, rest);
        sentence.truncate(at);
        let sentence = sentence.trim().to_owned();
        (!sentence.is_empty()).then_some(sentence)
    }
}

/// The sentences of a whole text.
pub fn split(text: &str) -> Vec<String> {
    split_within(text, MAX_CHARS)
}

/// The sentences of a whole text, where one without an end is cut after so many characters, at a comma or a space.
pub fn split_within(text: &str, longest: usize) -> Vec<String> {
    let mut cutter = Sentences { longest, ..Sentences::default() };
    let mut all = cutter.push(text);
    all.extend(cutter.finish());
    all
}

/// Whether `text` is a whole sentence, now that `next` comes.
fn ends_sentence(text: &str, next: char) -> bool {
    // "3 p.m. Please call": whether the stop ends a sentence shows in the character after the space.
    if text.ends_with(char::is_whitespace) {
        let before = text.trim_end();
        let word = word_before_stop(before);
        let hour = before.ends_with('.') && before.contains(' ') && english().sentences.halves_of_day.has(&word);
        // "No. 5" is a number, "No. Thanks." two sentences.
        let number = english().sentences.before_number.has(&word) && before.ends_with('.') && !next.is_numeric();
        return (hour && next.is_uppercase()) || number;
    }
    if !next.is_whitespace() {
        return false;
    }
    let bare = text.trim_end_matches(['"', '\'', '”', '’', ')', ']']);
    match bare.chars().next_back() {
        Some('!' | '?' | '…' | '。' | '！' | '？') => true,
        Some('.') => !stop_belongs_to_word(bare),
        _ => false,
    }
}

fn stop_belongs_to_word(text: &str) -> bool {
    if text.ends_with("..") {
        return false;
    }
    let word = word_before_stop(text);
    let alone = text.trim_end_matches('.').split_whitespace().count() == 1;
    let initial = word.chars().count() == 1 && word.chars().all(char::is_alphabetic) && word != "i";
    let list_number = alone && word.chars().all(|c| c.is_ascii_digit());
    let ends = &english().sentences;
    let known = ends.abbreviations.has(&word) || ends.halves_of_day.has(&word) || ends.before_number.has(&word);
    known || initial || list_number
}

fn word_before_stop(text: &str) -> String {
    let word = text.split_whitespace().next_back().unwrap_or_default();
    word.trim_end_matches('.').trim_start_matches(|c: char| !c.is_alphanumeric()).to_lowercase()
}

/// Where to cut a sentence that is too long, in bytes: behind the last comma, else before the last space, else where
/// it is.
fn cut_point(text: &str) -> usize {
    // A cut in the first third would leave a scrap and the same problem.
    let third = text.len() / 3;
    let pause = text
        .rmatch_indices([',', ';', ':', '–', '—'])
        .map(|(at, mark)| at + mark.len())
        .find(|&at| at > third && text[at..].starts_with(char::is_whitespace));
    let space = || text.rmatch_indices(char::is_whitespace).map(|(at, _)| at).find(|&at| at > third);
    pause.or_else(space).unwrap_or(text.len())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_sentence_comes_out_as_soon_as_its_end_is_certain() {
        let mut cutter = Sentences::default();
        assert_eq!(cutter.push("Hello"), Vec::<String>::new());
        assert_eq!(cutter.push(" there."), Vec::<String>::new());
        assert_eq!(cutter.push(" How"), ["Hello there."]);
        assert_eq!(cutter.push(" are you? I"), ["How are you?"]);
        assert_eq!(cutter.finish().as_deref(), Some("I"));
        assert_eq!(cutter.finish(), None);
    }

    #[test]
    fn stops_inside_words_and_numbers_do_not_cut() {
        for whole in [
            "Dr. Lee sees you at 3.5 hours.",
            "We open at 9 a.m. on weekdays.",
            "It is order No. 5 of today.",
            "Ask for J. Parker, e.g. by name.",
            "1. Call us.",
        ] {
            assert_eq!(split(whole), [whole]);
        }
    }

    #[test]
    fn stops_that_end_a_sentence_cut() {
        assert_eq!(split("We close at 3 p.m. Please call."), ["We close at 3 p.m.", "Please call."]);
        assert_eq!(split("No. Thanks."), ["No.", "Thanks."]);
        assert_eq!(split("Wait... What?! \"Yes.\" Fine"), ["Wait...", "What?!", "\"Yes.\"", "Fine"]);
        assert_eq!(split("One\nTwo\r\n\nThree"), ["One", "Two", "Three"]);
        assert_eq!(split("So do I. Bye."), ["So do I.", "Bye."]);
    }

    #[test]
    fn an_endless_sentence_is_cut_at_a_comma_or_a_space() {
        let endless = "and then he said, well, ".repeat(30);
        let cut = split(&endless);
        assert!(cut.len() > 2);
        assert!(cut.iter().all(|part| part.chars().count() <= MAX_CHARS), "{cut:?}");
        assert!(cut[..cut.len() - 1].iter().all(|part| part.ends_with(',')), "{cut:?}");
        assert!(split(&"x".repeat(1000)).len() >= 4);
    }

    fn without_space(text: &str) -> String {
        text.split_whitespace().collect()
    }

    proptest! {
        #[test]
        fn nothing_is_lost_and_the_pieces_do_not_matter(text in "[A-Za-z0-9 .,?!\n\u{e9}\u{4e2d}\"]{0,600}|\\PC{0,300}", piece in 1_usize..9) {
            let whole = split(&text);
            prop_assert_eq!(without_space(&whole.concat()), without_space(&text));
            prop_assert!(whole.iter().all(|s| !s.is_empty() && s.trim() == s && s.chars().count() <= MAX_CHARS + 1));
            let chars: Vec<char> = text.chars().collect();
            let mut cutter = Sentences::default();
            let mut pieces: Vec<String> =
                chars.chunks(piece).flat_map(|chunk| cutter.push(&chunk.iter().collect::<String>())).collect();
            pieces.extend(cutter.finish());
            prop_assert_eq!(pieces, whole);
        }
    }
}
