//! Telephone numbers, digit by digit: 555-0142, 312-555-0168, (415) 555-2671, 1-800-555-0199, +1 415 555 0132.

use super::place::{Place, Spoken};
use super::tables::Tables;
use crate::scan::{digits_exactly, goes_on};

/// The groups with single spaces between digits and a comma, which is a short pause, between groups.
pub(super) fn number(_: &Tables, place: Place<'_>) -> Option<Spoken> {
    if place.before.ends_with(['-', '.', '/', ':', ',', '$']) {
        return None;
    }
    let (country, mut at) = country(place.rest);
    let area = area(place.rest_after(at));
    at += area.map_or(0, |(_, taken)| taken);
    // Without an area code, seven digits with a dash; a space alone does not make a telephone number.
    let exchange = digits_exactly(place.rest_after(at), 3)?;
    let dash =
        place.rest_after(at + 3).starts_with('-') || (area.is_some() && place.rest_after(at + 3).starts_with(' '));
    let line = digits_exactly(place.rest_after(at + 4), 4).filter(|_| dash)?;
    at += 8;
    let rest = place.rest_after(at);
    let longer = goes_on(rest) || rest.starts_with('-') || (rest.starts_with('.') && goes_on(&rest[1..]));
    if longer || (country.is_some() && area.is_none()) {
        return None;
    }

    let mut groups: Vec<String> = country.map(str::to_owned).into_iter().collect();
    groups.extend([area.map(|(digits, _)| digits), Some(exchange), Some(line)].into_iter().flatten().map(spaced));
    Spoken::new(at, groups.join(", "))
}

/// `1-`, `1 `, `+1 `: how it is read, and its length with what separates it.
fn country(text: &str) -> (Option<&'static str>, usize) {
    let forms = [("+1-", "plus 1"), ("+1 ", "plus 1"), ("1-", "1"), ("1 ", "1")];
    forms
        .into_iter()
        .find_map(|(written, spoken)| text.starts_with(written).then_some((Some(spoken), written.len())))
        .unwrap_or((None, 0))
}

/// `415-`, `415 `, `(415) `, if another three digits follow.
fn area(text: &str) -> Option<(&str, usize)> {
    let (digits, taken) = match text.strip_prefix('(') {
        Some(inside) => {
            let digits = digits_exactly(inside, 3)?;
            let after = inside[3..].strip_prefix(')')?;
            (digits, 5 + usize::from(after.starts_with([' ', '-'])))
        }
        None => {
            let digits = digits_exactly(text, 3)?;
            text[3..].starts_with(['-', ' ']).then_some((digits, 4))?
        }
    };
    digits_exactly(&text[taken..], 3).map(|_| (digits, taken))
}

fn spaced(digits: &str) -> String {
    let mut spaced = String::with_capacity(digits.len() * 2);
    for digit in digits.chars() {
        if !spaced.is_empty() {
            spaced.push(' ');
        }
        spaced.push(digit);
    }
    spaced
}
