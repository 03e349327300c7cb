//! Stress marks in a phoneme string: ˈ before the vowel of the main syllable, ˌ before that of a lesser one.

pub(crate) const PRIMARY: char = 'ˈ';
pub(crate) const SECONDARY: char = 'ˌ';

const VOWELS: &str = "AIOQWYaiuæɑɒɔəɛɜɪʊʌᵻ";
const DIPHTHONGS_AND_AFFRICATES: &str = "AIOQWYʤʧ";

/// How a word's own stress changes with its place in the sentence and the way it is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stress {
    /// As the lexicon has it.
    Own,
    /// None at all: "point" in a decimal.
    Removed,
    /// The primary stress becomes the secondary one: part of a compound.
    Lowered,
    /// A word without stress gets the secondary one: it is written with a capital.
    Raised,
    /// The word has a primary stress: it is written in capitals.
    Full,
}

impl Stress {
    /// The phonemes with this stress.
    pub(crate) fn of(self, phonemes: &str) -> String {
        let primary = phonemes.contains(PRIMARY);
        let secondary = phonemes.contains(SECONDARY);
        match self {
            Self::Removed => phonemes.replace([PRIMARY, SECONDARY], ""),
            Self::Lowered if primary => lower(phonemes),
            Self::Raised if !primary && !secondary => mark(phonemes, SECONDARY),
            Self::Full if !primary && secondary => phonemes.replace(SECONDARY, "ˈ"),
            Self::Full if !primary => mark(phonemes, PRIMARY),
            Self::Own | Self::Lowered | Self::Raised | Self::Full => phonemes.to_owned(),
        }
    }
}

/// The names of letters one after the other, with the main stress on the last: "FBI".
pub(crate) fn of_letters(letters: &str) -> String {
    let mut lowered = if letters.contains(PRIMARY) { lower(letters) } else { Stress::Raised.of(letters) };
    if let Some(last) = lowered.rfind(SECONDARY) {
        lowered.replace_range(last..last + SECONDARY.len_utf8(), "ˈ");
    }
    lowered
}

/// How heavy the word sounds: its phonemes, long ones counted twice.
pub(crate) fn weight(phonemes: &str) -> usize {
    phonemes.chars().map(|phoneme| if DIPHTHONGS_AND_AFFRICATES.contains(phoneme) { 2 } else { 1 }).sum()
}

pub(crate) fn is_vowel(phoneme: char) -> bool {
    VOWELS.contains(phoneme)
}

fn lower(phonemes: &str) -> String {
    phonemes.chars().filter(|mark| *mark != SECONDARY).map(|c| if c == PRIMARY { SECONDARY } else { c }).collect()
}

/// Puts the mark before the first vowel; a word without vowels has none.
fn mark(phonemes: &str, mark: char) -> String {
    let mut marked = phonemes.to_owned();
    if let Some(vowel) = phonemes.find(is_vowel) {
        marked.insert(vowel, mark);
    }
    marked
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_stands_right_before_the_vowel() {
        assert_eq!(Stress::Raised.of("ðɛɹ"), "ðˌɛɹ");
        assert_eq!(Stress::Full.of("ðɪs"), "ðˈɪs");
        assert_eq!(Stress::Full.of("hmm"), "hmm");
    }

    #[test]
    fn lowering_keeps_one_mark_for_the_main_syllable() {
        assert_eq!(Stress::Lowered.of("ˌæftəɹnˈun"), "æftəɹnˌun");
        assert_eq!(Stress::Lowered.of("ðɪs"), "ðɪs");
    }

    #[test]
    fn an_initialism_is_stressed_on_its_last_letter() {
        assert_eq!(of_letters("ˈɛfbˈiˈI"), "ˌɛfbˌiˈI");
    }
}
