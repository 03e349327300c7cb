//! What a caller says to a number that was read back.

use super::found::{Kind, is_complete, is_possible};
use super::group::{Piece, pieces, said_before, says};
use super::run;
use crate::data::{Phrases, english};

/// The digits of an area code, and of what follows it in a number of ten.
const AREA_DIGITS: usize = 3;

/// The last group of a number.
const LINE_DIGITS: usize = 4;

/// The number after a correction of `old`; `None` where nothing certain results, or the same.
///
/// A whole number replaces it (one of seven digits what stands behind the area code); of fewer digits it must be said, or be
/// certain by their count, which ones they replace.
pub fn corrected(old: &str, text: &str) -> Option<String> {
    let (number, extension) = old.split_once('x').map_or((old, None), |(number, extension)| (number, Some(extension)));
    let said = pieces(text);
    let new = whole(number, &said)
        .or_else(|| by_position(number, &said))
        .or_else(|| instead(number, &said))
        .or_else(|| by_count(number, &said))?;
    let new = match extension {
        Some(extension) if !new.contains('x') => format!("{new}x{extension}"),
        Some(_) | None => new,
    };
    let digits = new.split('x').next().unwrap_or_default();
    (new != old && is_possible(digits)).then_some(new)
}

/// A whole number in `text` that is not denied.
fn whole(old: &str, said: &[Piece]) -> Option<String> {
    let denied = denied(said);
    let found = run::all(said, true)
        .into_iter()
        .map(|(found, _)| found)
        .find(|found| found.kind == Kind::Telephone && denied.is_none_or(|denied| !found.digits.starts_with(denied)))?;
    let local = found.digits.len() == 7 && is_complete(old);
    if local {
        return Some(format!("{}{}", old.get(..old.len() - 7)?, found.written()));
    }
    Some(found.written())
}

/// What is said of certain digits: "the last four are 0143", "the area code is 510", "it ends in 43".
pub(super) fn by_position(old: &str, said: &[Piece]) -> Option<String> {
    let lists = &english().telephone;
    (0..said.len()).find_map(|at| {
        let next = |phrases: &'static Phrases| says(said, at, phrases.iter());
        if let Some(after) = next(&lists.area) {
            let digits = target(said, after)?;
            return (digits.len() == AREA_DIGITS).then(|| with_area(old, &digits)).flatten();
        }
        if let Some(after) = next(&lists.last) {
            let digits = counted(said, after)?;
            return put(old, old.len().checked_sub(digits.len())?, &digits);
        }
        let ordinal = match said.get(at) {
            Some(Piece::Word(word)) => lists.ordinals.position(word),
            _ => None,
        };
        if let (Some(place), Some(after)) = (ordinal, says(said, at + 1, lists.digits.iter().take(1))) {
            let digits = counted(said, after - 1).filter(|digits| digits.len() == 1)?;
            return put(old, place + usize::from(old.starts_with('+')), &digits);
        }
        if let Some(after) = next(&lists.first) {
            let digits = counted(said, after)?;
            return put(old, usize::from(old.starts_with('+')), &digits);
        }
        if let Some(after) = next(&lists.middle) {
            let digits = counted(said, after).filter(|digits| digits.len() == 3)?;
            return put(old, old.len().checked_sub(7)?, &digits);
        }
        let Piece::Group(group) = said.get(at)? else { return None };
        if said_before(said, at, lists.denies.iter()) {
            return None;
        }
        says(said, at + 1, lists.at_the_end.iter())?;
        put(old, old.len().checked_sub(group.digits.len())?, &group.digits)
    })
}

/// The digits behind "the last" at `at`, when they are as many as is said there.
fn counted(said: &[Piece], at: usize) -> Option<String> {
    let lists = &english().telephone;
    let mut at = at;
    let mut count = None;
    let noun = |at: usize| says(said, at, lists.digits.iter());
    let linked = |at: usize| says(said, at, lists.links.iter());
    // "Last four are", "last 4 digits": how many, and not one of them.
    if let Some(Piece::Group(group)) = said.get(at)
        && let Ok(number @ 1..=10) = group.digits.parse::<usize>()
        && (noun(at + 1).is_some() || linked(at + 1).is_some())
    {
        count = Some(number);
        at += 1;
    }
    if says(said, at, lists.digits.iter().take(1)).is_some() {
        count = count.or(Some(1));
    }
    at = noun(at).unwrap_or(at);
    let digits = target(said, at)?;
    count.is_none_or(|count| count == digits.len()).then_some(digits)
}

/// The digits that follow `at` behind words like "is", the groups joined. What is denied is left out.
fn target(said: &[Piece], at: usize) -> Option<String> {
    let lists = &english().telephone;
    let mut digits = String::new();
    let mut denied = false;
    for piece in said.get(at..)? {
        match piece {
            Piece::Group(_) if denied => denied = false,
            Piece::Group(group) => digits.push_str(&group.digits),
            Piece::Word(word) if lists.denies.has(word) => denied = true,
            Piece::Word(word) if !lists.links.has(word) => break,
            Piece::Word(_) | Piece::Pause => (),
        }
    }
    (!digits.is_empty()).then_some(digits)
}

/// The digits that are said to be wrong: "not 0142".
fn denied(said: &[Piece]) -> Option<&str> {
    let denies = english().telephone.denies.iter();
    (0..said.len()).find_map(|at| match said.get(says(said, at, denies.clone())?)? {
        Piece::Group(group) => Some(group.digits.as_str()),
        Piece::Pause | Piece::Word(_) => None,
    })
}

/// "Not 0142, 0143", "0143 instead of 0142": those digits, where they stand but once.
fn instead(old: &str, said: &[Piece]) -> Option<String> {
    let wrong = denied(said)?;
    let mut others = said.iter().filter_map(|piece| match piece {
        Piece::Group(group) if group.digits != wrong => Some(group.digits.as_str()),
        Piece::Group(_) | Piece::Word(_) | Piece::Pause => None,
    });
    let right = others.next().filter(|right| right.len() == wrong.len())?;
    if others.next().is_some() {
        return None;
    }
    let mut places = (0..old.len()).filter(|&at| old.get(at..).is_some_and(|rest| rest.starts_with(wrong)));
    let place = places.next()?;
    // The end is meant when it is one of several.
    match places.next() {
        None => put(old, place, right),
        Some(_) if old.ends_with(wrong) => put(old, old.len() - wrong.len(), right),
        Some(_) => None,
    }
}

/// Digits that are certain by their count, when nothing else is said: "no, it's 0143".
fn by_count(old: &str, said: &[Piece]) -> Option<String> {
    let lists = &english().telephone;
    let only = said.iter().all(|piece| match piece {
        Piece::Word(word) => lists.around_correction.has(word),
        Piece::Group(group) => group.mark.is_none(),
        Piece::Pause => true,
    });
    let digits: String = said
        .iter()
        .filter_map(|piece| if let Piece::Group(group) = piece { Some(group.digits.as_str()) } else { None })
        .collect();
    if !only || denied(said).is_some() {
        return None;
    }
    match digits.len() {
        LINE_DIGITS..7 => put(old, old.len().checked_sub(digits.len())?, &digits),
        AREA_DIGITS => nearest(old, &digits),
        _ => None,
    }
}

/// `old` with three digits for those of its groups of three that differ least, when only one does.
fn nearest(old: &str, digits: &str) -> Option<String> {
    let line = old.len().checked_sub(LINE_DIGITS)?;
    let places = [line.checked_sub(AREA_DIGITS), line.checked_sub(2 * AREA_DIGITS)].into_iter().flatten();
    let mut by_distance: Vec<(usize, usize)> = places
        .filter_map(|place| {
            Some((old.get(place..)?.chars().zip(digits.chars()).filter(|(old, new)| old != new).count(), place))
        })
        .collect();
    by_distance.sort_unstable();
    match by_distance.as_slice() {
        [(_, place)] => put(old, *place, digits),
        [(least, place), (next, _)] if least < next && *least > 0 => put(old, *place, digits),
        _ => None,
    }
}

/// `old` with another area code, or with one where it had none.
fn with_area(old: &str, area: &str) -> Option<String> {
    match old.len() {
        7 => Some(format!("{area}{old}")),
        _ => put(old, old.len().checked_sub(7 + AREA_DIGITS)?, area),
    }
}

/// `old` with `digits` from `place` on.
fn put(old: &str, place: usize, digits: &str) -> Option<String> {
    let after = old.get(place + digits.len()..)?;
    Some(format!("{}{digits}{after}", old.get(..place)?))
}
