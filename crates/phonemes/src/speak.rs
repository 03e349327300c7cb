//! From groups of parts to the phoneme string: right to left, because a word sounds by what comes after it.

use crate::lexicon::{Ahead, Lexicon, Word};
use crate::numeral::Numeral;
use crate::oov::Speller;
use crate::parts::{Group, Part, is_apostrophe};
use crate::stress::{self, PRIMARY, Stress, is_vowel};

const CONSONANTS: &str = "bdfhjklmnpstvwzðŋɡɹɾʃʒʤʧθ";
/// Where a speaker pauses.
const PAUSES: &str = ";:,.!?—…";
/// Marks inside a group that are not said.
const SILENT: &str = "',-._‘’/";

/// The longest word of the dictionaries has 45 letters.
const MAX_RUN_BYTES: usize = 64;

/// What a word is looked up in.
pub(crate) struct Speaker<'a> {
    pub(crate) lexicon: &'a Lexicon,
    pub(crate) speller: &'a Speller,
}

impl Speaker<'_> {
    /// The phonemes of the groups, one after the other, with the spaces between them.
    pub(crate) fn speak(&self, mut groups: Vec<Group<'_>>) -> String {
        let mut ahead = Ahead::default();
        for group in groups.iter_mut().rev() {
            ahead = self.sound(group, ahead);
        }
        let mut spoken = String::new();
        for group in &groups {
            let start = spoken.len();
            for part in group {
                let phonemes = part.phonemes.as_deref().unwrap_or("");
                let joined = spoken.len() == start || spoken.ends_with(' ');
                if part.apart && !joined && !phonemes.is_empty() {
                    spoken.push(' ');
                }
                spoken.push_str(phonemes);
            }
            if group.last().is_some_and(|part| part.space) {
                spoken.push(' ');
            }
        }
        // The voice writes the tap as T, and has no glottal stop.
        spoken.trim().replace('ɾ', "T").replace('ʔ', "t")
    }

    /// Gives each part of a group its phonemes; returns what the word before will see ahead.
    fn sound(&self, group: &mut Group<'_>, mut ahead: Ahead) -> Ahead {
        if let [part] = group.as_slice()
            && let Some(phonemes) = &part.phonemes
        {
            return after(ahead, phonemes, part);
        }
        let ahead_of_group = ahead;
        // The parts before `end` are still to be read. Each time, the longest run that ends there is taken.
        let mut end = group.len();
        while end > 0 {
            let run = (0..end).find_map(|start| Some((start, self.look_up(&group[start..end], ahead)?)));
            if let Some((start, phonemes)) = run {
                let whole = joined(&group[start..end]);
                ahead = after(ahead, &phonemes, &whole);
                for part in &mut group[start..end] {
                    part.phonemes = Some(String::new());
                }
                group[start].phonemes = Some(phonemes);
                end = start;
            } else if group.len() > 1 && group[end - 1].text.chars().all(|mark| SILENT.contains(mark)) {
                group[end - 1].phonemes = Some(String::new());
                end -= 1;
            } else {
                return self.spell(group, ahead_of_group);
            }
        }
        settle(group);
        ahead
    }

    /// Gives a group with an unknown part its phonemes: a name is spelled as a whole; in an address or a code, known parts
    /// are read and the others spelled, each apart from the next.
    fn spell(&self, group: &mut Group<'_>, mut ahead: Ahead) -> Ahead {
        let whole = joined(group);
        if whole.text.chars().all(|character| character.is_alphabetic() || is_apostrophe(character)) {
            let phonemes = self.speller.phonemes(&whole.text);
            ahead = after(ahead, &phonemes, &whole);
            for part in group.iter_mut() {
                part.phonemes = Some(String::new());
            }
            group[0].phonemes = Some(phonemes);
            return ahead;
        }
        let mut end = group.len();
        while end > 0 {
            let run = (0..end).find_map(|start| Some((start, self.look_up(&group[start..end], ahead)?)));
            let (start, phonemes) = run.unwrap_or_else(|| (end - 1, self.spell_part(&group[end - 1].text)));
            ahead = after(ahead, &phonemes, &joined(&group[start..end]));
            for part in &mut group[start..end] {
                part.phonemes = Some(String::new());
                part.apart = true;
            }
            group[start].phonemes = Some(phonemes);
            end = start;
        }
        ahead
    }

    fn spell_part(&self, text: &str) -> String {
        let letters = match text {
            "/" => self.lexicon.word(Word::alone("slash")),
            // Nobody can say "www" or "pdf" but by its letters.
            text if !text.to_lowercase().contains(['a', 'e', 'i', 'o', 'u', 'y']) => self.lexicon.letters(text),
            _ => None,
        };
        letters.unwrap_or_else(|| self.speller.phonemes(text))
    }

    fn look_up(&self, parts: &[Part<'_>], ahead: Ahead) -> Option<String> {
        let too_long = parts.iter().map(|part| part.text.len()).sum::<usize>() > MAX_RUN_BYTES;
        if parts.len() > 1 && (too_long || parts.iter().any(|part| part.stands_in)) {
            return None;
        }
        let whole = joined(parts);
        let text = whole.text.replace(['‘', '’'], "'");
        let stress = if text == text.to_lowercase() {
            Stress::Own
        } else if text == text.to_uppercase() {
            Stress::Full
        } else {
            Stress::Raised
        };
        let word = Word { text: &text, tag: whole.tag, stress, ahead };
        let numeral = Numeral { text: &text, currency: whole.currency, is_head: whole.is_head };
        self.lexicon.word(word).or_else(|| numeral.phonemes(self.lexicon))
    }
}

/// The parts as one.
fn joined<'a>(parts: &[Part<'a>]) -> Part<'a> {
    let weight = |part: &Part<'_>| -> usize {
        part.text.chars().map(|character| if character.is_uppercase() { 2 } else { 1 }).sum()
    };
    let mut tag = "";
    let mut heaviest = 0;
    for part in parts {
        if weight(part) > heaviest {
            heaviest = weight(part);
            tag = part.tag;
        }
    }
    Part {
        text: parts.iter().map(|part| part.text.as_str()).collect(),
        tag,
        space: parts.last().is_some_and(|part| part.space),
        phonemes: None,
        is_head: parts.first().is_some_and(|part| part.is_head),
        currency: parts.iter().find_map(|part| part.currency),
        apart: false,
        stands_in: false,
    }
}

/// What the word before these phonemes has ahead of it.
fn after(ahead: Ahead, phonemes: &str, part: &Part<'_>) -> Ahead {
    let sound = phonemes.chars().find(|c| is_vowel(*c) || CONSONANTS.contains(*c) || PAUSES.contains(*c));
    Ahead {
        vowel: match sound {
            Some(pause) if PAUSES.contains(pause) => None,
            Some(sound) => Some(is_vowel(sound)),
            None => ahead.vowel,
        },
        to: matches!(part.text.as_str(), "to" | "To") || (part.text == "TO" && matches!(part.tag, "TO" | "IN")),
    }
}

/// Decides how the parts of a group are said together: apart, or as one word with one main stress.
fn settle(group: &mut Group<'_>) {
    let text = joined(group).text;
    let kind = |character: char| if character.is_alphabetic() { 0 } else { 1 + u8::from(!character.is_ascii_digit()) };
    let mut kinds = text.chars().filter(|mark| !SILENT.contains(*mark)).map(kind);
    let first = kinds.next();
    let has_code = group.iter().any(|part| part.text.len() >= 4 && part.text.bytes().all(|byte| byte.is_ascii_digit()));
    let apart = text.contains('/') || has_code || kinds.any(|kind| Some(kind) != first);
    for part in group.iter_mut().skip(1) {
        part.apart = apart;
    }
    if apart {
        return;
    }

    let spoken = |part: &Part<'_>| part.phonemes.clone().filter(|phonemes| !phonemes.is_empty());
    let mut by_weight: Vec<(bool, usize, usize)> = group
        .iter()
        .enumerate()
        .filter_map(|(at, part)| spoken(part).map(|p| (p.contains(PRIMARY), stress::weight(&p), at)))
        .collect();
    // "T-Mobile": the letter carries the stress.
    let lowered: Vec<usize> = if by_weight.len() == 2 && group[by_weight[0].2].text.chars().count() == 1 {
        vec![by_weight[1].2]
    } else {
        let stressed = by_weight.iter().filter(|(primary, ..)| *primary).count();
        if by_weight.len() < 2 || stressed <= by_weight.len().div_ceil(2) {
            return;
        }
        by_weight.sort_unstable();
        by_weight.iter().take(by_weight.len() / 2).map(|(.., at)| *at).collect()
    };
    for at in lowered {
        group[at].phonemes = spoken(&group[at]).map(|phonemes| Stress::Lowered.of(&phonemes));
    }
}
