//! Signs: #4, +5, 50¢, =, ™.

use super::place::{Place, Spoken};
use super::tables::Tables;
use crate::scan::{before_is_word, digit_at, goes_on};

/// `#4` as "number 4", `+5` as "plus 5", and `=`, `<`, `>`, `~` between two words.
pub(super) fn sign(tables: &Tables, place: Place<'_>) -> Option<Spoken> {
    match place.rest.chars().next()? {
        '#' if digit_at(place.rest, 1) => Spoken::new(1, " number "),
        '+' if digit_at(place.rest, 1) && !before_is_word(place.before) => Spoken::new(1, "plus "),
        between @ ('=' | '<' | '>' | '~') => {
            let joins = before_is_word(place.before.trim_end_matches(' '))
                && goes_on(place.rest_after(1).trim_start_matches(' '))
                && (between != '~' || place.previous() == Some(' '));
            let word = tables.symbols.get(&between).filter(|_| joins)?;
            Spoken::new(1, format!(" {word} "))
        }
        _ => None,
    }
}

/// The signs that are read the same everywhere, and those that are not read at all.
pub(super) fn replaced(tables: &Tables, place: Place<'_>) -> Option<Spoken> {
    let sign = place.rest.chars().next()?;
    let word = tables.symbols.get(&sign)?;
    match sign {
        // Only between words, which `sign` looks after.
        '=' | '<' | '>' | '~' => None,
        '™' | '®' => Spoken::new(sign.len_utf8(), ""),
        '|' => Spoken::new(1, ", "),
        _ => Spoken::new(sign.len_utf8(), format!(" {} ", word.trim())),
    }
}
