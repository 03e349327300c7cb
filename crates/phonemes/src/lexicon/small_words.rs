//! The words whose sound depends on their neighbours (a, the, to, in).

use super::symbols::{ADDRESS_SYMBOLS, SYMBOLS};
use super::{Lexicon, Word, group};
use crate::dictionary::Found;
use crate::stress::Stress;

impl Lexicon {
    /// The phonemes of a word that this file has a rule for.
    pub(super) fn small_word(&self, word: Word<'_>) -> Option<String> {
        if let Some(spoken) = read_as(word, &SYMBOLS) {
            return self.look_up(Word { tag: "", stress: Stress::Own, ..word }.with_text(spoken));
        }
        if word.tag == "ADD"
            && let Some(spoken) = read_as(word, &ADDRESS_SYMBOLS)
        {
            return self.look_up(Word { tag: "", stress: Stress::Lowered, ..word }.with_text(spoken));
        }
        if is_dotted(word.text) {
            return self.letters(word.text);
        }
        let before_vowel = word.ahead.vowel;
        match word.text {
            "a" | "A" if word.tag == "DT" => Some("ɐ".to_owned()),
            "a" | "A" => Some("ˈA".to_owned()),
            "am" | "Am" | "AM" if word.tag.starts_with("NN") => self.letters(word.text),
            "am" if before_vowel.is_some() => Some("ɐm".to_owned()),
            "am" | "Am" | "AM" => self.default_of("am"),
            "AN" if word.tag.starts_with("NN") => self.letters(word.text),
            "an" | "An" | "AN" => Some("ɐn".to_owned()),
            "I" if word.tag == "PRP" => Some("ˌI".to_owned()),
            "by" | "By" | "BY" if group(word.tag) == "ADV" => Some("bˈI".to_owned()),
            "to" | "To" => self.to(before_vowel),
            "TO" if matches!(word.tag, "TO" | "IN") => self.to(before_vowel),
            "in" | "In" => Some(particle(word)),
            "IN" if word.tag != "NNP" => Some(particle(word)),
            "the" | "The" => Some(article(before_vowel)),
            "THE" if word.tag == "DT" => Some(article(before_vowel)),
            "used" | "Used" | "USED" => self.used(word),
            versus if word.tag == "IN" && is_versus(versus) => self.look_up(word.with_text("versus")),
            _ => None,
        }
    }

    fn to(&self, before_vowel: Option<bool>) -> Option<String> {
        match before_vowel {
            None => self.default_of("to"),
            Some(false) => Some("tə".to_owned()),
            Some(true) => Some("tʊ".to_owned()),
        }
    }

    /// "We used to play" sounds different from "it was used".
    fn used(&self, word: Word<'_>) -> Option<String> {
        let habit = matches!(word.tag, "VBD" | "JJ") && word.ahead.to;
        let Some(Found::Several(variants)) = self.checked.get("used") else { return None };
        let tag = if habit { "VBD" } else { "DEFAULT" };
        variants.iter().find(|(name, _)| name == tag)?.1.clone()
    }

    fn default_of(&self, text: &str) -> Option<String> {
        match self.checked.get(text)? {
            Found::One(phonemes) => Some(phonemes.to_owned()),
            Found::Several(variants) => variants.iter().find(|(name, _)| name == "DEFAULT")?.1.clone(),
        }
    }
}

fn read_as(word: Word<'_>, table: &[(&'static str, &'static str)]) -> Option<&'static str> {
    table.iter().find(|(sign, _)| *sign == word.text).map(|(_, spoken)| *spoken)
}

/// "in" is stressed where it is not a preposition, and at the end.
fn particle(word: Word<'_>) -> String {
    let stressed = word.ahead.vowel.is_none() || word.tag != "IN";
    if stressed { "ˈɪn" } else { "ɪn" }.to_owned()
}

fn article(before_vowel: Option<bool>) -> String {
    if before_vowel == Some(true) { "ði" } else { "ðə" }.to_owned()
}

/// "U.S.", "Ph.D.": letters with dots between, no more than two together.
fn is_dotted(text: &str) -> bool {
    text.trim_matches('.').contains('.')
        && text.chars().all(|character| character == '.' || character.is_alphabetic())
        && text.split('.').all(|part| part.chars().count() < 3)
}

fn is_versus(text: &str) -> bool {
    text.trim_end_matches('.').eq_ignore_ascii_case("vs")
}
