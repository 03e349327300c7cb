//! What a caller says to a name that was read back.

use super::checked::checked;
use super::phrase::{Expected, Phrase};
use super::shape::title;
use super::{Named, Part, bare, introduced, introduced_when_asked, paused_at, spelling};
use crate::data::english;
use crate::words::Words;

/// The name after a correction of `old`; `None` when no other name results.
///
/// "No, it's Jenny" makes Jennifer Parker Jenny Parker, "no, Ana" makes her Ana, "the last name is Barker" makes her Jennifer
/// Barker.
pub fn corrected(old: &str, text: &str) -> Option<String> {
    let words = Words::of(text);
    let new = match Named::of(&words) {
        Some(Named { own: Some(own), .. }) => match (own.whole, own.first, own.last) {
            (Some(whole), ..) => combined(old, &whole),
            (None, Some(first), Some(last)) => first.with(last).name(),
            (None, Some(first), None) => replaced(old, &first, Part::First),
            (None, None, Some(last)) => replaced(old, &last, Part::Last),
            (None, None, None) => None,
        },
        Some(_) => return None,
        None => introduced(&words)
            .or_else(|| denied(&words))
            .or_else(|| introduced_when_asked(&words))
            .or_else(|| (0..words.len()).find_map(|at| after_denial(&words, at)))
            .or_else(|| at_the_end(&words))
            .and_then(|phrase| combined(old, &phrase)),
    };
    let new = match new {
        Some(new) => spelling::mend(&new, &words),
        None => spelling::mended(old, &words)?,
    };
    (!new.eq_ignore_ascii_case(old)).then_some(new)
}

/// "Not Parker, Barker", "it's Barker, not Parker": the one that is not denied.
fn denied(words: &Words) -> Option<Phrase> {
    let lists = &english().name;
    let at = (0..words.len()).find(|&at| words.at(at).is_some_and(|word| lists.denies.has(word)))?;
    let wrong = Phrase::at(words, at + 1, Expected::Name)?;
    introduced_when_asked(words)
        .filter(|phrase| phrase.start < at)
        .or_else(|| bare(words, wrong.end))
        .or_else(|| introduced_when_asked(words).filter(|phrase| phrase.start >= wrong.end))
        .or_else(|| {
            (0..at).find_map(|before| Phrase::at(words, before, Expected::Name).filter(|phrase| phrase.end <= at))
        })
}

/// The name behind "no" or "actually" at `at`, or as the first words.
fn after_denial(words: &Words, at: usize) -> Option<Phrase> {
    let corrects = words.at(at).is_some_and(|word| english().name.corrects.has(word));
    if corrects {
        bare(words, at + 1)
    } else if at == 0 {
        bare(words, 0)
    } else {
        None
    }
}

/// "Close. Kylie Bennett.": all of the last clause, unless somebody else is spoken of.
fn at_the_end(words: &Words) -> Option<Phrase> {
    if words.any(&english().name.relations) {
        return None;
    }
    let start = (1..words.len()).rev().find(|&at| paused_at(words, at - 1))?;
    Phrase::at(words, start, Expected::Name)
        .filter(|phrase| phrase.end == words.len() && (phrase.is_plain() || phrase.is_full()))
}

/// `old` with `new` for its first or last name.
fn replaced(old: &str, new: &Phrase, part: Part) -> Option<String> {
    let new = new.name()?;
    let mut parts: Vec<&str> = old.split(' ').collect();
    let titled = usize::from(title(parts[0]).is_some());
    match part {
        Part::First if parts.len() > titled + 1 || titled == 0 => parts[titled] = &new,
        Part::First => parts.insert(titled, &new),
        Part::Last if parts.len() > 1 => *parts.last_mut().expect("it has more than one") = &new,
        Part::Last | Part::Whole => parts.push(&new),
    }
    checked(&parts.join(" "))
}

/// `old` with `new` for the part that it sounds like, or for all of it.
fn combined(old: &str, new: &Phrase) -> Option<String> {
    let name = new.name()?;
    if name.contains(' ') || !old.contains(' ') {
        return Some(name);
    }
    match spelling::in_place(old, &name) {
        Some(joined) => Some(joined),
        None if new.is_family() => replaced(old, new, Part::Last),
        None => Some(name),
    }
}
