//! A number that was said, what it is, and whether it is whole.

use crate::clean;

/// The digits of a telephone number: the shortest local one, and the longest of all (ITU-T E.164).
const DIGITS: std::ops::RangeInclusive<usize> = 7..=15;

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

/// Whether `digits` are a whole number by their count: a local one of 7, a national one of 10 (11 behind 1 or 0), or 8 to 15
/// behind a `+`. A caller who stops before that has not finished.
pub fn is_whole(digits: &str) -> bool {
    let digits = digits.split('x').next().unwrap_or_default();
    digits.len() == 7 || is_complete(digits)
}

/// Whole, and more than a local number.
pub(super) fn is_complete(digits: &str) -> bool {
    match digits.strip_prefix('+') {
        Some(digits) => INTERNATIONAL.contains(&digits.len()),
        None => digits.len() == 10 || (digits.len() == 11 && digits.starts_with(['0', '1'])),
    }
}

/// Whether `digits` can be a telephone number at all, and are no payment card.
pub fn is_possible(digits: &str) -> bool {
    let digits = digits.trim_start_matches('+');
    DIGITS.contains(&digits.len()) && !clean::holds_card_number(digits)
}
