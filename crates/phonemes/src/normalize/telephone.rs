//! Telephone numbers, digit by digit: 555-0142, 312-555-0168, (415) 555-2671, 1-800-555-0199.

use super::{Place, Spoken, Tables};
use crate::scan::{digits_exactly, goes_on};

/// The groups with single spaces between digits and a comma, which is a short pause, between groups.
pub(super) fn number(_: &Tables, place: Place<'_>) -> Option<Spoken> {
    if place.before.ends_with(['-', '.', '/', ':', ',', '$']) {
        return None;
    }
    let mut groups = Vec::with_capacity(4);
    let mut at = 0;
    for size in [3, 3, 4] {
        let Some(group) = digits_exactly(place.rest_after(at), size) else { continue };
        at += group.len();
        groups.push(group);
        if size < 4 {
            if !place.rest_after(at).starts_with('-') {
                return None;
            }
            at += 1;
        }
    }
    let complete = groups.len() >= 2 && groups.last().is_some_and(|group| group.len() == 4);
    let rest = place.rest_after(at);
    if !complete || goes_on(rest) || rest.starts_with('-') || (rest.starts_with('.') && goes_on(&rest[1..])) {
        return None;
    }
    Spoken::new(at, groups.into_iter().map(spaced).collect::<Vec<_>>().join(", "))
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
