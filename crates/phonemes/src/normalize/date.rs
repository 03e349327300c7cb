//! Dates: 10/12/2026 (month first, as in the US), 2026-10-12, Jan. 5th, 4 July.

use redial_language::days;

use super::place::{Place, Spoken};
use super::tables::Tables;
use crate::number_words::ordinal;
use crate::scan::{digits, digits_exactly, goes_on, spaces};

/// Two-digit years up to this one are in this century.
const LAST_SHORT_YEAR: u64 = 39;

/// `10/12/2026` as "October twelfth, 2026", and `2026-10-12` the same.
pub(super) fn numeric(_: &Tables, place: Place<'_>) -> Option<Spoken> {
    if place.before.ends_with(['/', '-', '.', ',']) {
        return None;
    }
    month_first(place.rest).or_else(|| year_first(place.rest))
}

/// `10/12` as "October twelfth".
pub(super) fn month_and_day(month: u64, day: u64) -> Option<String> {
    let name = days::month_name(usize::try_from(month).ok()?)?;
    (1..=31).contains(&day).then(|| format!("{name} {}", ordinal(day)))
}

/// `Jan. 5th` as "January fifth".
pub(super) fn month_then_day(tables: &Tables, place: Place<'_>) -> Option<Spoken> {
    let (month, mut taken) = tables.month(place.rest)?;
    taken += usize::from(place.rest_after(taken).starts_with('.'));
    let gap = spaces(place.rest_after(taken));
    if gap == 0 {
        return None;
    }
    taken += gap;
    let day = digits(place.rest_after(taken), 2)?;
    taken += day.len();
    let day: u64 = day.parse().ok().filter(|day| (1..=31).contains(day))?;
    taken += ordinal_ending(place.rest_after(taken));
    let rest = place.rest_after(taken);
    let time_or_share = rest.starts_with([':', '%']) || (rest.starts_with('.') && digits(&rest[1..], 9).is_some());
    if goes_on(rest) || time_or_share {
        return None;
    }
    Spoken::new(taken, format!("{month} {}", ordinal(day)))
}

/// `4 July` as "the fourth of July".
pub(super) fn day_then_month(tables: &Tables, place: Place<'_>) -> Option<Spoken> {
    if place.before.ends_with(['/', '-', '.', ',', ':', '$']) {
        return None;
    }
    let day = digits(place.rest, 2)?;
    let gap = spaces(place.rest_after(day.len()));
    if gap == 0 {
        return None;
    }
    let mut taken = day.len() + gap;
    let day: u64 = day.parse().ok().filter(|day| (1..=31).contains(day))?;
    let (month, length) = tables.month(place.rest_after(taken))?;
    taken += length;
    if goes_on(place.rest_after(taken)) {
        return None;
    }
    // The dot of an abbreviation goes with it, a full stop stays.
    if length <= 4 && month.len() > length && place.rest_after(taken).starts_with(". ") {
        taken += 1;
    }
    let article = if place.before.ends_with("the ") || place.before.ends_with("The ") { "" } else { "the " };
    Spoken::new(taken, format!("{article}{} of {month}", ordinal(day)))
}

fn month_first(text: &str) -> Option<Spoken> {
    let first = digits(text, 2)?;
    let second = digits(text.get(first.len()..)?.strip_prefix('/')?, 2)?;
    let before_year = first.len() + second.len() + 2;
    let year = digits(text.get(before_year - 1..)?.strip_prefix('/')?, 4).filter(|year| matches!(year.len(), 2 | 4))?;
    let taken = before_year + year.len();
    if goes_on(&text[taken..]) {
        return None;
    }
    let (first, second): (u64, u64) = (first.parse().ok()?, second.parse().ok()?);
    let date = month_and_day(first, second).or_else(|| month_and_day(second, first))?;
    let year = match (year.len(), year.parse::<u64>().ok()?) {
        (2, short) if short <= LAST_SHORT_YEAR => 2000 + short,
        (2, short) => 1900 + short,
        (_, year) => year,
    };
    Spoken::new(taken, format!("{date}, {year}"))
}

fn year_first(text: &str) -> Option<Spoken> {
    let year = digits_exactly(text, 4)?;
    let month = digits_exactly(text[4..].strip_prefix('-')?, 2)?;
    let day = digits_exactly(text[7..].strip_prefix('-')?, 2)?;
    if goes_on(&text[10..]) {
        return None;
    }
    let date = month_and_day(month.parse().ok()?, day.parse().ok()?)?;
    Spoken::new(10, format!("{date}, {year}"))
}

/// The length of `st`, `nd`, `rd` or `th`.
fn ordinal_ending(text: &str) -> usize {
    let found = ["st", "nd", "rd", "th"].iter().any(|ending| text.starts_with(ending));
    if found && !goes_on(&text[2..]) { 2 } else { 0 }
}
