//! Times of day: 9:30, 17:45, 2:00 pm.

use super::place::{Place, Spoken};
use super::tables::Tables;
use crate::number_words::cardinal;
use crate::scan::{digits, digits_exactly, goes_on, spaces};

/// `9:30 am` as "nine thirty A.M.", `3:05` as "three oh five", `12:00` as "twelve o'clock".
pub(super) fn time(_: &Tables, place: Place<'_>) -> Option<Spoken> {
    if place.before.ends_with([':', '.']) {
        return None;
    }
    let (hour, mut taken) = number(place.rest, 2).filter(|(hour, _)| *hour <= 24)?;
    let minute = part(place.rest_after(taken))?;
    taken += 3;
    let second = part(place.rest_after(taken));
    taken += if second.is_some() { 3 } else { 0 };
    if goes_on(place.rest_after(taken)) && half_of_day(place.rest_after(taken)).is_none() {
        return None;
    }

    let mut words = cardinal(hour);
    let half = half_of_day(place.rest_after(taken));
    match minute {
        0 if half.is_none() && second.is_none() => words.push_str(" o'clock"),
        0 => (),
        1..=9 => words.push_str(&format!(" oh {}", cardinal(minute))),
        _ => words.push_str(&format!(" {}", cardinal(minute))),
    }
    if let Some(second) = second {
        words.push_str(&format!(" and {} seconds", cardinal(second)));
    }
    if let Some((half, length)) = half {
        words.push_str(half);
        taken += length;
    }
    Spoken::new(taken, words)
}

/// `am`, `p.m.`, with the spaces before it.
fn half_of_day(text: &str) -> Option<(&'static str, usize)> {
    let spaces = spaces(text);
    let word = &text[spaces..];
    let mut bytes = word.bytes();
    let spoken = match bytes.next()? {
        b'a' | b'A' => " A.M.",
        b'p' | b'P' => " P.M.",
        _ => return None,
    };
    let mut length = 1;
    length += usize::from(word[length..].starts_with('.'));
    if !word[length..].starts_with(['m', 'M']) {
        return None;
    }
    length += 1;
    if goes_on(&word[length..]) {
        return None;
    }
    length += usize::from(word[length..].starts_with('.'));
    Some((spoken, spaces + length))
}

/// `:45`.
fn part(text: &str) -> Option<u64> {
    let (number, _) = digits_exactly(text.strip_prefix(':')?, 2).map(|digits| (digits.parse().ok(), digits))?;
    number.filter(|number| *number < 60)
}

fn number(text: &str, limit: usize) -> Option<(u64, usize)> {
    let digits = digits(text, limit)?;
    Some((digits.parse().ok()?, digits.len()))
}
