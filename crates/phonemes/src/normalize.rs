//! Written English to the words that a reader says: times, dates, units, money, abbreviations, symbols.
//!
//! One scan from left to right. At each place the rules are asked in a fixed order; the first that knows what stands
//! there says how it is read and how much of the text that was. A rule looks a bounded way ahead, so the scan is linear.
//! Plain numbers (`42`, `1984`, `$42.50`, `21st`) are left as they are: `numeral` reads those.

mod clock;
mod date;
mod link;
mod money;
mod names;
mod place;
mod range;
mod roman;
mod symbol;
mod tables;
mod telephone;
mod unit;

use self::place::{Place, Spoken};
pub(crate) use self::tables::Tables;
use crate::scan::{self, before_is_word};

type Rule = fn(&Tables, Place<'_>) -> Option<Spoken>;

/// Asked where a number begins. The order matters where two could match: `10/12` is a date before it is a fraction.
const NUMBER_RULES: [Rule; 7] =
    [clock::time, date::numeric, date::day_then_month, telephone::number, range::dash, range::slash, unit::quantity];

/// Asked where a word begins.
const WORD_RULES: [Rule; 6] =
    [date::month_then_day, names::title, names::abbreviation, names::numero, roman::numeral, money::prefixed];

/// Asked at anything else.
const SYMBOL_RULES: [Rule; 5] = [telephone::number, money::prefixed, money::magnitude, symbol::sign, symbol::replaced];

/// Rewrites `text` so that what is left are words, plain numbers and punctuation, with single spaces.
pub(crate) fn normalize(tables: &Tables, text: &str) -> String {
    let text: String = link::without_targets(text).chars().map(plain).collect();
    let mut spoken = String::with_capacity(text.len() + text.len() / 4);
    let mut at = 0;
    while let Some(next) = text[at..].chars().next() {
        let place = Place { before: &text[..at], rest: &text[at..] };
        if let Some(reading) = read(tables, place, next) {
            spoken.push_str(&reading.words);
            at += reading.taken;
        } else {
            spoken.push(next);
            at += next.len_utf8();
        }
    }
    tidy(&spoken)
}

fn read(tables: &Tables, place: Place<'_>, next: char) -> Option<Spoken> {
    let rules: &[Rule] = if next.is_ascii_digit() {
        // In the middle of a number or a code, nothing begins.
        if before_is_word(place.before) {
            return None;
        }
        &NUMBER_RULES
    } else if next.is_alphabetic() && next != 'µ' {
        if before_is_word(place.before) {
            return None;
        }
        &WORD_RULES
    } else {
        &SYMBOL_RULES
    };
    rules.iter().find_map(|rule| rule(tables, place)).filter(|spoken| spoken.taken > 0)
}

/// Apostrophes become the typewriter's; control characters become spaces.
fn plain(character: char) -> char {
    match character {
        '’' => '\'',
        control if control.is_control() => ' ',
        other => other,
    }
}

/// Single spaces, none at the ends, none before a comma or a full stop.
fn tidy(text: &str) -> String {
    let mut tidied = String::with_capacity(text.len());
    for word in text.split_whitespace() {
        let joins = word.starts_with([',', ';', ':', '!', '?']) || (word.starts_with('.') && !scan::digit_at(word, 1));
        if !tidied.is_empty() && !joins {
            tidied.push(' ');
        }
        tidied.push_str(word);
    }
    tidied
}
