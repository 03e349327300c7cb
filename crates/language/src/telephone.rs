//! Telephone numbers out of speech: which digits belong together, and what they are.
//!
//! A number is kept as its digits, with a `+` before the code of a country when that was said. An extension stands behind an
//! `x`: `4155550142x12`.

mod correction;
mod found;
mod group;
mod run;
#[cfg(test)]
mod tests;

pub use self::correction::corrected;
pub use self::found::{Found, Kind, is_possible, is_whole};

use crate::data::english;
use crate::numbers::name_below_twenty;

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

/// The digits of a number as it is keyed: `*` begins again, `#` ends.
pub fn keyed(keys: &str) -> String {
    let row = keys.rsplit('*').next().unwrap_or_default().split('#').find(|row| !row.is_empty());
    row.unwrap_or_default().chars().filter(char::is_ascii_digit).collect()
}
