//! Two numbers with a dash or a slash between them: 3-5, 10–15, 1/2, 24/7.

use super::date::month_and_day;
use super::place::{Place, Spoken};
use super::tables::Tables;
use super::unit;
use crate::scan::{digits, goes_on, spaces};

/// `3-5` as "3 to ", leaving the second number to the other rules. A score or code before a full stop is left alone.
pub(super) fn dash(tables: &Tables, place: Place<'_>) -> Option<Spoken> {
    if place.before.ends_with(['-', '.', '/', ':', ',']) {
        return None;
    }
    let first = grouped(place.rest)?;
    let mut at = first + spaces(place.rest_after(first));
    let dash = place.rest_after(at).chars().next().filter(|dash| matches!(dash, '-' | '–'))?;
    at += dash.len_utf8();
    at += spaces(place.rest_after(at));
    let second = grouped(place.rest_after(at))?;
    let rest = place.rest_after(at + second);
    if (goes_on(rest) && !unit::begins(tables, rest)) || rest.starts_with(['-', '.', '%', ':']) {
        return None;
    }
    Spoken::new(at, format!("{} to ", &place.rest[..first]))
}

/// `1/2` as "one half", `3/4` as "3 quarters", `9/11` as a date, `24/7` as "24 slash 7".
pub(super) fn slash(_: &Tables, place: Place<'_>) -> Option<Spoken> {
    if place.before.ends_with(['/', '.', '-', ',']) {
        return None;
    }
    let first = digits(place.rest, 2)?;
    let second = digits(place.rest_after(first.len()).strip_prefix('/')?, 2)?;
    let taken = first.len() + 1 + second.len();
    let rest = place.rest_after(taken);
    if goes_on(rest) || rest.starts_with(['/', '.']) {
        return None;
    }
    let (over, under): (u64, u64) = (first.parse().ok()?, second.parse().ok()?);
    let words = match fraction(over, under) {
        Some(words) => words,
        None => month_and_day(over, under).unwrap_or_else(|| format!("{first} slash {second}")),
    };
    Spoken::new(taken, words)
}

fn fraction(over: u64, under: u64) -> Option<String> {
    const PARTS: [&str; 9] = ["half", "third", "quarter", "fifth", "sixth", "seventh", "eighth", "ninth", "tenth"];
    if over == 0 || over >= under {
        return None;
    }
    let part = PARTS.get(usize::try_from(under).ok()?.checked_sub(2)?)?;
    Some(match over {
        1 if under == 2 => "one half".to_owned(),
        1 => format!("1 {part}"),
        over => format!("{over} {part}s"),
    })
}

/// Up to four digits, or groups of three with commas.
fn grouped(text: &str) -> Option<usize> {
    let mut length = digits(text, 4)?.len();
    while let Some(rest) = text[length..].strip_prefix(',') {
        let Some(group) = digits(rest, 3).filter(|group| group.len() == 3) else { break };
        length += 1 + group.len();
    }
    Some(length)
}
