//! Words that are not in the dictionary, but whose stem is: -s, -ed, -ing.

use super::{Lexicon, Word};
use crate::stress::Stress;

/// After these, an American `t` before a vowel is a tap (`ɾ`).
const TAPPING: &str = "AIOWYiuæɑəɛɪɹʊʌ";

impl Lexicon {
    /// The stem's phonemes with the ending's.
    pub(super) fn with_ending(&self, word: Word<'_>) -> Option<String> {
        let text = word.text;
        if let Some(stem) = self.stem_of_s(text) {
            return self.look_up(word.with_text(&stem)).map(|stem| with_s(&stem));
        }
        if let Some(stem) = self.stem_of_ed(text) {
            return self.look_up(word.with_text(&stem)).map(|stem| with_ed(&stem));
        }
        let stem = self.stem_of_ing(text)?;
        let stress = if word.stress == Stress::Own { Stress::Raised } else { word.stress };
        self.look_up(Word { stress, ..word }.with_text(&stem)).map(|stem| with_ing(&stem))
    }

    fn stem_of_s(&self, text: &str) -> Option<String> {
        let without = text.strip_suffix('s').filter(|_| text.len() >= 3)?;
        if !text.ends_with("ss") && self.knows(without) {
            return Some(without.to_owned());
        }
        let two_off = text.strip_suffix("'s").or_else(|| {
            let long = text.len() > 4 && !text.ends_with("ies");
            text.strip_suffix("es").filter(|_| long)
        });
        if let Some(stem) = two_off.filter(|stem| self.knows(stem)) {
            return Some(stem.to_owned());
        }
        let with_y = format!("{}y", text.strip_suffix("ies").filter(|_| text.len() > 4)?);
        self.knows(&with_y).then_some(with_y)
    }

    fn stem_of_ed(&self, text: &str) -> Option<String> {
        let without = text.strip_suffix('d').filter(|_| text.len() >= 4)?;
        if !text.ends_with("dd") && self.knows(without) {
            return Some(without.to_owned());
        }
        let stem = text.strip_suffix("ed").filter(|_| text.len() > 4 && !text.ends_with("eed"))?;
        self.knows(stem).then(|| stem.to_owned())
    }

    fn stem_of_ing(&self, text: &str) -> Option<String> {
        let stem = text.strip_suffix("ing").filter(|_| text.len() >= 5)?;
        if text.len() > 5 && self.knows(stem) {
            return Some(stem.to_owned());
        }
        let with_e = format!("{stem}e");
        if self.knows(&with_e) {
            return Some(with_e);
        }
        // "running", "picnicking"
        let mut last = stem.chars().rev();
        let (last, before) = (last.next()?, last.next()?);
        let doubled = (last == before && "bcdgklmnprstvxz".contains(last)) || stem.ends_with("ck");
        let single = stem.get(..stem.len() - last.len_utf8())?;
        (text.len() > 5 && doubled && self.knows(single)).then(|| single.to_owned())
    }
}

/// The stem with a plural or possessive -s.
pub(crate) fn with_s(stem: &str) -> String {
    let ending = match stem.chars().next_back() {
        Some('p' | 't' | 'k' | 'f' | 'θ') => "s",
        Some('s' | 'z' | 'ʃ' | 'ʒ' | 'ʧ' | 'ʤ') => "ᵻz",
        _ => "z",
    };
    format!("{stem}{ending}")
}

/// The stem with the -ed of the past.
pub(crate) fn with_ed(stem: &str) -> String {
    match stem.chars().next_back() {
        Some('p' | 'k' | 'f' | 'θ' | 'ʃ' | 's' | 'ʧ') => format!("{stem}t"),
        Some('d') => format!("{stem}ᵻd"),
        Some('t') => format!("{}ᵻd", tapped(stem)),
        _ => format!("{stem}d"),
    }
}

/// The stem with -ing.
pub(crate) fn with_ing(stem: &str) -> String {
    format!("{}ɪŋ", tapped(stem))
}

/// The stem with its last `t` as a tap, where an American says it so.
fn tapped(stem: &str) -> String {
    match stem.strip_suffix('t') {
        Some(head) if head.ends_with(|last| TAPPING.contains(last)) => format!("{head}ɾ"),
        _ => stem.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_ending_sounds_like_what_it_follows() {
        assert_eq!(with_s("kˈæt"), "kˈæts");
        assert_eq!(with_s("dˈɔɡ"), "dˈɔɡz");
        assert_eq!(with_s("bˈɔs"), "bˈɔsᵻz");
        assert_eq!(with_ed("bˈAk"), "bˈAkt");
        assert_eq!(with_ed("wˈɑnt"), "wˈɑntᵻd");
        assert_eq!(with_ed("vˈOt"), "vˈOɾᵻd");
        assert_eq!(with_ing("ɡˈɛt"), "ɡˈɛɾɪŋ");
    }
}
