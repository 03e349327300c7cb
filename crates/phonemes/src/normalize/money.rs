//! Money that is not read as "dollars and cents": $3.2 million, ¥500, USD 5.

use super::place::{Place, Spoken};
use super::tables::{Tables, longest};
use crate::scan::{before_is_word, decimal, goes_on, spaces};

const MAGNITUDES: [(&str, &str); 11] = [
    ("hundred", "hundred"),
    ("thousand", "thousand"),
    ("million", "million"),
    ("billion", "billion"),
    ("trillion", "trillion"),
    ("k", "thousand"),
    ("K", "thousand"),
    ("m", "million"),
    ("M", "million"),
    ("b", "billion"),
    ("B", "billion"),
];

/// The currencies whose plain amounts are read with their smaller coin by `numeral`.
const WITH_COINS: [&str; 3] = ["$", "£", "€"];

/// `$3.2 million` as "3.2 million dollars".
pub(super) fn magnitude(tables: &Tables, place: Place<'_>) -> Option<Spoken> {
    let sign = WITH_COINS.into_iter().find(|sign| place.rest.starts_with(sign))?;
    let (_, plural) = tables.currency.get(sign)?;
    let number = decimal(place.rest_after(sign.len()))?;
    let after = place.rest_after(sign.len() + number);
    let (magnitude, length) = read_magnitude(after)?;
    let amount = &place.rest[sign.len()..sign.len() + number];
    Spoken::new(sign.len() + number + length, format!("{amount} {magnitude} {plural}"))
}

/// `¥500` as "500 yen", `USD 5` as "5 dollars".
pub(super) fn prefixed(tables: &Tables, place: Place<'_>) -> Option<Spoken> {
    let (sign, (singular, plural)) = longest(&tables.currency, place.rest)?;
    if WITH_COINS.contains(&sign) || sign == "¢" || before_is_word(place.before) {
        return None;
    }
    let mut taken = sign.len();
    taken += usize::from(sign == "Rs" && place.rest_after(taken).starts_with('.'));
    taken += spaces(place.rest_after(taken));
    let length = decimal(place.rest_after(taken))?;
    let amount = &place.rest[taken..taken + length];
    taken += length;
    if let Some((magnitude, length)) = read_magnitude(place.rest_after(taken)) {
        return Spoken::new(taken + length, format!("{amount} {magnitude} {plural}"));
    }
    let name = if amount == "1" { singular } else { plural };
    Spoken::new(taken, format!("{amount} {name}"))
}

fn read_magnitude(text: &str) -> Option<(&'static str, usize)> {
    let gap = spaces(text);
    let word = &text[gap..];
    MAGNITUDES
        .into_iter()
        .find(|(written, _)| word.strip_prefix(written).is_some_and(|rest| !goes_on(rest)))
        .map(|(written, spoken)| (spoken, gap + written.len()))
}
