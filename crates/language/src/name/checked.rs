//! Whether a text is a name as this module makes them.

use super::shape::{is_name_shaped, is_particle, title, title_case};
use super::word::{MAX_WORDS, is_only_word};
use crate::clean;
use crate::words::Words;

/// A name has at most this many characters.
const MAX_CHARS: usize = 40;

/// `say` when it is a name as this module makes them, title-cased again; what a store or a model gives is checked so.
///
/// One word of it at most is a mere word of everyday language, and not the only one: "Bobby Tables", but no "Administrator" and
/// no orders.
pub fn checked(say: &str) -> Option<String> {
    let parts: Vec<&str> = say.split_whitespace().collect();
    let titled = parts.first().is_some_and(|part| title(part).is_some());
    let named = parts.get(usize::from(titled)..).unwrap_or_default();
    let words = named.iter().filter(|part| is_only_word(part) && !is_particle(part)).count();
    let order = clean::is_instruction(&Words::of(say), say);
    (words <= 1 && words < named.len() && !order).then(|| written(&parts)).flatten()
}

/// `parts` as a name is kept, when all are shaped like one.
fn written(parts: &[&str]) -> Option<String> {
    let titles = usize::from(parts.first().is_some_and(|part| title(part).is_some()));
    let fits = (1..=MAX_WORDS).contains(&(parts.len() - titles))
        && parts.iter().map(|part| part.chars().count() + 1).sum::<usize>() <= MAX_CHARS + 1
        && parts[titles..].iter().any(|part| part.chars().filter(|c| c.is_alphabetic()).count() >= 2)
        && parts[titles..].iter().all(|part| is_name_shaped(part));
    let cased = parts.iter().enumerate().map(|(at, part)| title_case(part, at));
    fits.then(|| cased.collect::<Vec<_>>().join(" "))
}
