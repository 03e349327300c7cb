//! Telephone numbers out of speech: which digits belong together, and what they are.
//!
//! A number is kept as its digits, with a `+` before the code of a country when that was said. An extension stands behind an
//! `x`: `4155550142x12`.

mod correction;
mod group;
mod run;
#[cfg(test)]
mod tests;

pub use self::correction::corrected;

use crate::clean;
use crate::data::english;
use crate::numbers::name_below_twenty;

/// The digits of a telephone number: the shortest local one, and the longest of all (ITU-T E.164).
pub(crate) const DIGITS: std::ops::RangeInclusive<usize> = 7..=15;

/// The digits of a number behind `+`, with the code of its country.
const INTERNATIONAL: std::ops::RangeInclusive<usize> = 8..=15;

/// A number that was said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// Its digits, a `+` before them when it was said.
    pub digits: String,
    /// The digits behind "extension".
    pub extension: Option<String>,
    /// What it is.
    pub kind: Kind,
}

impl Found {
    /// The number as it is kept: digits, and an extension behind an `x`.
    pub fn written(&self) -> String {
        match &self.extension {
            Some(extension) => format!("{}x{extension}", self.digits),
            None => self.digits.clone(),
        }
    }
}

/// What a number is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Somebody can be called on it.
    Telephone,
    /// An order, an account, a flight, a payment card: something that a business counts.
    Reference,
    /// A time of day.
    Time,
    /// A day, month or year.
    Date,
    /// An amount of money.
    Price,
    /// A house, an apartment, a postcode.
    Address,
    /// Anything else.
    Other,
}

/// The numbers in `text`, in order. With `asked`, a telephone number was asked for, and any 7 to 15 digits are one unless
/// something else is said of them.
pub fn numbers(text: &str, asked: bool) -> Vec<Found> {
    let pieces = group::pieces(text);
    let mut found = run::all(&pieces, asked);
    let mut telephones = found.iter_mut().filter(|(found, _)| found.kind == Kind::Telephone);
    // "… 0142, no, the last digit is three": mended in the same breath.
    if let (Some((number, end)), None) = (telephones.next(), telephones.next())
        && let Some(mended) = correction::by_position(&number.digits, &pieces[*end..])
    {
        number.digits = mended;
    }
    found.into_iter().map(|(found, _)| found).collect()
}

/// Whether `digits` are a whole number by their count: a local one of 7, a national one of 10 (11 behind 1 or 0), or 8 to 15
/// behind a `+`. A caller who stops before that has not finished.
pub fn is_whole(digits: &str) -> bool {
    let digits = digits.split('x').next().unwrap_or_default();
    digits.len() == 7 || is_complete(digits)
}

/// Whole, and more than a local number.
fn is_complete(digits: &str) -> bool {
    match digits.strip_prefix('+') {
        Some(digits) => INTERNATIONAL.contains(&digits.len()),
        None => digits.len() == 10 || (digits.len() == 11 && digits.starts_with(['0', '1'])),
    }
}

/// Whether `digits` can be a telephone number at all, and are no payment card.
fn is_possible(digits: &str) -> bool {
    let digits = digits.trim_start_matches('+');
    DIGITS.contains(&digits.len()) && !clean::holds_card_number(digits)
}

/// A number for the voice: its digits by their names, in groups of three and four with a pause between, and "extension" before
/// one.
pub fn spoken(digits: &str) -> String {
    let lists = &english().telephone;
    let (number, extension) = digits.split_once('x').unwrap_or((digits, ""));
    let digits: String = number.chars().filter(char::is_ascii_digit).collect();
    // The 1 of North America stands by itself.
    let (code, mut rest) = digits.split_at(usize::from(digits.len() == 11 && digits.starts_with('1')));
    let mut groups = if code.is_empty() { Vec::new() } else { vec![names(code)] };
    while !rest.is_empty() {
        let (group, after) = rest.split_at(if rest.len() <= 4 { rest.len() } else { 3 });
        groups.push(names(group));
        rest = after;
    }
    if let Some(first) = groups.first_mut().filter(|_| number.starts_with('+')) {
        *first = format!("{} {first}", lists.plus);
    }
    if !extension.is_empty() {
        groups.push(format!("{} {}", lists.extension.get(0).unwrap_or_default(), names(extension)));
    }
    groups.join(", ")
}

/// The names of digits, one by one.
fn names(digits: &str) -> String {
    let names = digits.chars().filter_map(|c| name_below_twenty(c.to_digit(10)? as usize));
    names.collect::<Vec<_>>().join(" ")
}

/// A number as it is keyed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Keyed {
    /// The digits since the last `*`.
    pub digits: String,
    /// `#` was pressed: nothing more comes.
    pub finished: bool,
}

/// What `keys` say so far: `*` begins again, `#` ends.
pub fn keyed(keys: &str) -> Keyed {
    let (keys, finished) = keys.split_once('#').map_or((keys, false), |(keys, _)| (keys, true));
    let last = keys.rsplit('*').next().unwrap_or_default();
    Keyed { digits: last.chars().filter(char::is_ascii_digit).collect(), finished }
}
