//! From digits and separators to a complete number.

use std::fmt::Write as _;
use std::str::FromStr as _;

use phonenumber::metadata::DATABASE;
use phonenumber::{Metadata, Mode, country};

use super::address::{E164, MAX_DIGITS, MIN_DIGITS};
use super::{plan, withheld};

/// The shortest number that is taken for a complete one although it has no `+`: country code and number. Shorter ones
/// look like what is dialled within a town.
const MIN_BARE_DIGITS: usize = 10;

/// International prefixes that carriers write whatever is dialled in the region: the ITU's, and North America's.
const ABROAD: [&str; 2] = ["00", "011"];

/// A number that was read as one of the region's.
struct Home {
    number: E164,
    /// With the trunk prefix, where numbers are written with one.
    is_in_full: bool,
}

/// Loads the number metadata (0.1 to 0.25 s, measured), which the first number that is not of North America, or without
/// `+`, would otherwise wait for. Call it at start, off the async threads.
pub fn warm_up() {
    // The result does not matter; a parse also compiles the patterns that every number goes through.
    drop(normalise("415 555 2671", "US"));
    plan::warm_up();
}

/// The visual separators of RFC 3966, and the space and slash that people write.
pub(super) fn is_separator(byte: u8) -> bool {
    matches!(byte, b' ' | b'-' | b'.' | b'(' | b')' | b'/')
}

/// Brings digits and separators to the complete number that they spell; the line may have another one
/// ([`plan::line`]).
pub(super) fn normalise(text: &str, region: &str) -> Option<E164> {
    if !text.bytes().all(|b| b.is_ascii_digit() || is_separator(b) || b == b'+') {
        return None;
    }
    let digits = digits_of(text);
    if digits.len() < MIN_DIGITS || withheld::is_keypad_word(&digits) {
        return None;
    }
    match text.trim_start_matches([' ', '(']).rfind('+') {
        Some(0) if text.contains("(0)") => bracketed(&digits, &digits_of(&text.replacen("(0)", "", 1))),
        Some(0) => E164::from_digits(&digits).or_else(|| after_prefix(&digits)),
        Some(_) => None,
        None => dialled(&digits, region),
    }
}

fn digits_of(text: &str) -> String {
    text.chars().filter(char::is_ascii_digit).collect()
}

/// A trunk digit in brackets, as in +44 (0)20, stays in some countries and goes in others.
fn bracketed(with: &str, without: &str) -> Option<E164> {
    let either = if plan::has_trunk_zero(without) { [without, with] } else { [with, without] };
    let found = either.iter().find(|digits| plan::is_valid(digits));
    E164::from_digits(found.or_else(|| either.iter().find(|digits| plan::has_form(digits)))?)
}

/// Reads a number as it is dialled in `region`, abroad or at home, or as a complete one whose plus is missing.
fn dialled(digits: &str, region: &str) -> Option<E164> {
    let region = region.to_ascii_uppercase();
    let metadata = DATABASE.by_id(region.as_str())?; // the library panics on a country that it has no metadata for
    if let Some(prefix) = metadata.international_prefix().and_then(|prefix| prefix.find(digits))
        && prefix.start() == 0
    {
        // Not left to the library, which takes the trunk prefix of `region` off the numbers of other countries, too.
        return behind_prefix(digits, prefix.end());
    }
    match (at_home(digits, &region, metadata), abroad(digits)) {
        (Some(Home { number, is_in_full: true }), _) => Some(number),
        (Some(Home { number, .. }), Some(abroad)) => either(number, abroad),
        (home, abroad) => home.map(|home| home.number).or(abroad),
    }
}

/// The number behind an international prefix of so many digits. Where that names a network as well, as Brazil's 00 55 does,
/// it may be the first digits of a number that was dialled without one.
fn behind_prefix(digits: &str, prefix: usize) -> Option<E164> {
    let rest = &digits[prefix..];
    let shorter = ABROAD.iter().filter(|plain| plain.len() < prefix).find_map(|plain| digits.strip_prefix(plain));
    match shorter.filter(|number| plan::is_valid(number)) {
        Some(number) if plan::is_valid(rest) => (number == rest).then(|| E164::from_digits(number))?, // two people
        Some(number) => E164::from_digits(number),
        None => E164::from_digits(rest),
    }
}

/// Decides between a number of the region without its trunk prefix and a complete one without its plus.
fn either(home: E164, abroad: E164) -> Option<E164> {
    let lines = (plan::line(&home), plan::line(&abroad));
    if lines.0 == lines.1 {
        return Some(home);
    }
    // Within one country the complete number is written as it should be but for the plus, and the other one is not.
    if plan::country_code(home.digits()) == plan::country_code(abroad.digits()) {
        return Some(abroad);
    }
    match (plan::is_valid(lines.0.digits()), plan::is_valid(lines.1.digits())) {
        (true, false) => Some(home),
        (false, true) => Some(abroad),
        _ => None, // two people
    }
}

fn abroad(digits: &str) -> Option<E164> {
    if digits.len() >= MIN_BARE_DIGITS && plan::has_form(digits) {
        return E164::from_digits(digits);
    }
    // A number without its plus, in a form that it had before or with a trunk prefix.
    let bare = E164::from_digits(digits).filter(|_| digits.len() >= MIN_BARE_DIGITS);
    bare.filter(|number| plan::has_form(plan::line(number).digits())).or_else(|| after_prefix(digits))
}

/// Reads a complete number behind an international prefix.
fn after_prefix(digits: &str) -> Option<E164> {
    ABROAD.iter().filter_map(|prefix| digits.strip_prefix(prefix)).find_map(|rest| {
        let number = E164::from_digits(rest)?;
        plan::has_form(plan::line(&number).digits()).then_some(number)
    })
}

fn at_home(digits: &str, region: &str, metadata: &Metadata) -> Option<Home> {
    let prefix = metadata.national_prefix();
    library(digits, country::Id::from_str(region).ok()?, prefix).or_else(|| {
        // What the library does not know any more.
        let number = E164::from_digits(&format!("{}{digits}", metadata.country_code()))?;
        let line = plan::line(&number);
        let is_in_full = prefix.is_some_and(|prefix| digits.starts_with(prefix));
        (line != number && plan::has_form(line.digits())).then_some(Home { number, is_in_full })
    })
}

/// Asks the library, and believes it when the number has the form of its country's numbers.
fn library(digits: &str, region: country::Id, prefix: Option<&str>) -> Option<Home> {
    let number = phonenumber::parse(Some(region), digits).ok()?;

    // Not `to_string`, which panics on the error that the library answers for an unknown country code.
    let mut e164 = String::with_capacity(1 + MAX_DIGITS);
    write!(e164, "{}", number.format().mode(Mode::E164)).ok()?;
    let e164 = E164::parse(&e164).filter(|e164| plan::has_form(e164.digits()))?;

    let mut national = String::new();
    write!(national, "{}", number.format().mode(Mode::National)).ok()?;
    let is_in_full = prefix.is_none_or(|prefix| {
        digits == digits_of(&national) || digits.strip_prefix(prefix) == Some(&number.national().to_string())
    });
    Some(Home { number: e164, is_in_full })
}
