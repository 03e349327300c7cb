//! A transcript as normalised words, so that "That's all." and "thats all" are the same thing.

use crate::data::{Phrases, english};
use crate::printable::printable;

/// More than this of one turn is not read: nobody says 2000 characters in a turn, and peers' text has no other limit.
const MAX_CHARS: usize = 2000;

/// The words of one transcript: lower case, no punctuation, contractions taken apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Words {
    words: Vec<String>,
    /// For each word, which token it was written in.
    origin: Vec<usize>,
    tokens: Vec<Token>,
}

/// One piece of the transcript as it was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Token {
    /// Without the punctuation around it.
    pub raw: String,
    /// Punctuation follows: the speaker paused here.
    pub pause: bool,
}

impl Words {
    /// The words of `text`; of a text beyond any turn's length, those of its first 2000 characters.
    pub fn of(text: &str) -> Self {
        Self::of_all(&text.chars().take(MAX_CHARS).collect::<String>())
    }

    /// The words of a text whose length is limited elsewhere.
    pub(crate) fn of_all(text: &str) -> Self {
        let mut all = Self { words: Vec::new(), origin: Vec::new(), tokens: Vec::new() };
        for piece in printable(text).replace(['’', 'ʼ', '`', '´', '‘'], "'").split_whitespace() {
            all.add(piece);
        }
        all
    }

    fn add(&mut self, piece: &str) {
        let raw = piece.trim_matches(|c: char| !c.is_alphanumeric());
        if raw.is_empty() {
            if let Some(last) = self.tokens.last_mut() {
                last.pause = true;
            }
            return;
        }
        let pause = piece.ends_with(|c: char| !c.is_alphanumeric() && !matches!(c, '\'' | '-'));
        self.tokens.push(Token { raw: raw.to_owned(), pause });
        let origin = self.tokens.len() - 1;
        for part in parts(raw) {
            for word in spelled_out(&part.concat()) {
                self.words.push(word);
                self.origin.push(origin);
            }
        }
    }

    /// The words, in order.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.words.iter().map(String::as_str)
    }

    /// How many words there are.
    pub fn len(&self) -> usize {
        self.words.len()
    }

    /// True when nothing was said.
    pub fn is_empty(&self) -> bool {
        self.words.is_empty()
    }

    /// The word at `at`, if there are so many.
    pub fn at(&self, at: usize) -> Option<&str> {
        self.words.get(at).map(String::as_str)
    }

    /// Whether `word` is one of them.
    pub fn has(&self, word: &str) -> bool {
        self.words.iter().any(|own| own == word)
    }

    /// Whether one of `words` is one of them.
    pub fn any(&self, words: &Phrases) -> bool {
        self.words.iter().any(|own| words.has(own))
    }

    /// Whether every word is one of `words` (true of no words).
    pub fn all_in(&self, words: &Phrases) -> bool {
        self.words.iter().all(|own| words.has(own))
    }

    /// How many words are none of `words`.
    pub fn besides(&self, words: &Phrases) -> usize {
        self.words.iter().filter(|own| !words.has(own)).count()
    }

    /// Whether the words of `phrase` (as they stand here: "that is all") follow each other.
    pub fn says(&self, phrase: &str) -> bool {
        self.after(phrase).is_some()
    }

    /// Whether one of `phrases` is said, see [`Words::says`].
    pub fn says_any(&self, phrases: &Phrases) -> bool {
        phrases.iter().any(|phrase| self.says(phrase))
    }

    /// Whether the first words are one of `phrases`.
    pub fn starts_with_any(&self, phrases: &Phrases) -> bool {
        phrases.iter().any(|phrase| self.follows(0, phrase).is_some())
    }

    /// The index of the word after the first place where `phrase` is said.
    pub fn after(&self, phrase: &str) -> Option<usize> {
        let (first, rest) = phrase.split_once(' ').unwrap_or((phrase, ""));
        // Hundreds of phrases are looked for in each turn, and most begin with a word that is not there.
        let starts = self.words.iter().enumerate().filter(|(_, word)| *word == first);
        starts.map(|(at, _)| at + 1).find_map(|next| self.follows(next, rest))
    }

    /// The index of the word after `phrase`, when it is said at `at`.
    pub fn follows(&self, at: usize, phrase: &str) -> Option<usize> {
        let mut end = at;
        for word in phrase.split(' ').filter(|word| !word.is_empty()) {
            if self.words.get(end)? != word {
                return None;
            }
            end += 1;
        }
        Some(end)
    }

    /// The words as they were said, in order: "that's" is one, and each letter of "p.m." is.
    pub fn as_said(&self) -> impl Iterator<Item = String> {
        let pieces = self.tokens.iter().flat_map(|token| parts(&token.raw)).flatten();
        pieces.map(|piece| piece.trim_matches('\'').to_owned()).filter(|piece| !piece.is_empty())
    }

    /// The transcript as it was written, piece by piece.
    pub fn tokens(&self) -> &[Token] {
        &self.tokens
    }

    /// The token that begins with the word at `word`; `None` in the middle of a token or past the end.
    pub fn token_at(&self, word: usize) -> Option<usize> {
        let token = *self.origin.get(word)?;
        (word == 0 || self.origin[word - 1] != token).then_some(token)
    }

    /// The first word of the token `token`.
    pub fn word_at(&self, token: usize) -> Option<usize> {
        self.origin.iter().position(|&origin| origin == token)
    }
}

/// Cuts a token where it holds several words: "J-E-N", "and/or"; joins "p.m" and "1,200". A word is a row of pieces, more than
/// one where they are said one by one.
fn parts(raw: &str) -> Vec<Vec<String>> {
    let chars: Vec<char> = raw.chars().flat_map(char::to_lowercase).collect();
    let mut parts = vec![vec![String::new()]];
    for (i, &c) in chars.iter().enumerate() {
        let before = i.checked_sub(1).and_then(|i| chars.get(i));
        let next = chars.get(i + 1);
        let between = |is: fn(char) -> bool| before.zip(next).is_some_and(|(&a, &b)| is(a) && is(b));
        let part = parts.last_mut().expect("starts with one and only grows");
        let piece = part.last_mut().expect("starts with one and only grows");
        match c {
            '.' if between(char::is_alphabetic) => part.push(String::new()),
            ',' if between(char::is_numeric) => (),
            '.' if between(char::is_numeric) => piece.push(c),
            '\'' => piece.push(c),
            c if c.is_alphanumeric() => piece.push(c),
            _ => parts.push(vec![String::new()]),
        }
    }
    parts.retain(|part| part.iter().any(|piece| !piece.is_empty()));
    parts
}

/// Whether `word`, in lower case, is two words in one: "we'll", or somebody's.
pub(crate) fn is_contraction(word: &str) -> bool {
    word.ends_with("'s") || english().words.contractions.keys().any(|end| word.ends_with(end.as_str()))
}

fn spelled_out(part: &str) -> Vec<String> {
    let lists = &english().words;
    if let Some(words) = lists.spellings.get(part) {
        return words.split(' ').map(str::to_owned).collect();
    }
    for (suffix, word) in &lists.contractions {
        if let Some(stem) = part.strip_suffix(suffix.as_str())
            && !stem.is_empty()
        {
            return vec![stem.to_owned(), word.clone()];
        }
    }
    match part.strip_suffix("'s") {
        Some(stem) if lists.is_before.has(stem) => vec![stem.to_owned(), "is".to_owned()],
        Some(stem) => vec![stem.to_owned()],
        None => vec![part.trim_matches('\'').to_owned()],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn joined(text: &str) -> String {
        Words::of(text).iter().collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn punctuation_case_and_contractions_do_not_matter() {
        assert_eq!(joined("No, thank you, that's all."), "no thank you that is all");
        assert_eq!(joined("thats ALL"), "that is all");
        assert_eq!(joined("I can’t, I'd rather not, don't"), "i can not i would rather not do not");
        assert_eq!(joined("Friday's visit"), "friday visit");
        assert_eq!(joined("At 3 p.m., 5550-142, 1,200 or 3.5"), "at 3 pm 5550 142 1200 or 3.5");
        assert_eq!(joined("J-E-N"), "j e n");
    }

    #[test]
    fn what_was_said_keeps_its_contractions() {
        let said = |text| Words::of(text).as_said().collect::<Vec<_>>().join(" ");
        assert_eq!(said("That’s it, at 3 p.m. - uh-huh, J-E-N, 1,200!"), "that's it at 3 p m uh huh j e n 1200");
    }

    #[test]
    fn a_phrase_is_found_as_whole_words_only() {
        let words = Words::of("That is allowed");
        assert!(!words.says("that is all"));
        assert!(words.says("that is"));
    }

    #[test]
    fn nothing_and_noise_have_no_words() {
        assert!(Words::of("").is_empty());
        assert!(Words::of(" -- ?! \u{200b}").is_empty());
    }

    #[test]
    fn the_writing_is_kept_beside_the_words() {
        let words = Words::of("It's O'Neil, thanks");
        assert_eq!(words.token_at(1), None, "`is` is the second half of `It's`");
        assert_eq!(words.token_at(2), Some(1));
        assert_eq!(words.tokens()[1], Token { raw: "O'Neil".into(), pause: true });
    }
}
