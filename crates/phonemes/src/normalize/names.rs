//! Titles and abbreviations: Dr. Patel, St. James St., Oak Ave., no. 5.

use super::place::{Place, Spoken};
use super::tables::{Tables, longest};
use crate::scan::{digit_at, goes_on, spaces};

/// `St. James` as "Saint James": a title stands before a capital letter.
pub(super) fn title(tables: &Tables, place: Place<'_>) -> Option<Spoken> {
    let length = place.rest.bytes().take_while(u8::is_ascii_alphabetic).take(5).count();
    let full = tables.titles.get(&place.rest[..length])?;
    let dot = usize::from(place.rest_after(length).starts_with('.'));
    let gap = spaces(place.rest_after(length + dot));
    let names_follow =
        gap > 0 && place.rest_after(length + dot + gap).starts_with(|next: char| next.is_ascii_uppercase());
    if !names_follow {
        return None;
    }
    Spoken::new(length + dot, full.as_str())
}

/// `Oak Ave.,` as "Oak Avenue,". The dot at the very end of the text is also the full stop, and stays one.
pub(super) fn abbreviation(tables: &Tables, place: Place<'_>) -> Option<Spoken> {
    let (written, full) = longest(&tables.abbreviations, place.rest)?;
    let rest = place.rest_after(written.len());
    let cut_short = if written.ends_with(['.', '/']) {
        rest.starts_with(|next: char| next.is_alphanumeric())
    } else {
        goes_on(rest)
    };
    // "No." and "no." are far more often the word than the numero sign: `numero` reads those.
    if cut_short || written == "no." {
        return None;
    }
    let stop = if written.ends_with('.') && rest.trim_start().is_empty() { "." } else { "" };
    Spoken::new(written.len(), format!("{full}{stop}"))
}

/// `no. 5` as "number 5", only before a number.
pub(super) fn numero(_: &Tables, place: Place<'_>) -> Option<Spoken> {
    let (written, spoken) = [("No.", "Number "), ("no.", "number "), ("Nos.", "Numbers ")]
        .into_iter()
        .find(|(written, _)| place.rest.starts_with(written))?;
    let taken = written.len() + spaces(place.rest_after(written.len()));
    digit_at(place.rest, taken).then(|| Spoken { taken, words: spoken.to_owned() })
}
