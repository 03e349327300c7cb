//! Numbers with a unit: 5 km, 20°C, 50¢.

use super::place::{Place, Spoken};
use super::tables::{Tables, longest};
use crate::scan::{decimal, goes_on, spaces};

/// `5 km` as "5 kilometers", `1 lb` as "1 pound", `20°C` as "20 degrees Celsius".
pub(super) fn quantity(tables: &Tables, place: Place<'_>) -> Option<Spoken> {
    let length = decimal(place.rest)?;
    let amount = &place.rest[..length];
    let taken = length + spaces(place.rest_after(length));
    let one = amount.parse::<f64>().is_ok_and(|amount| amount == 1.0);
    if let Some(after) = place.rest_after(taken).strip_prefix('°') {
        return degrees(amount, one, taken + '°'.len_utf8(), after);
    }
    let (written, (singular, plural)) = if place.rest_after(taken).starts_with('¢') {
        tables.currency.get_key_value("¢").map(|(sign, names)| (sign.as_str(), names))?
    } else {
        whole(tables, place.rest_after(taken))?
    };
    let name = if one { singular } else { plural };
    Spoken::new(taken + written.len(), format!("{amount} {name}"))
}

/// Whether the text starts with a unit.
pub(super) fn begins(tables: &Tables, text: &str) -> bool {
    whole(tables, text).is_some()
}

/// The unit at the start, with its names.
fn whole<'a>(tables: &'a Tables, text: &str) -> Option<(&'a str, &'a (String, String))> {
    longest(&tables.units, text).filter(|(written, _)| !goes_on(&text[written.len()..]))
}

fn degrees(amount: &str, one: bool, taken: usize, after: &str) -> Option<Spoken> {
    let degrees = if one { "degree" } else { "degrees" };
    let gap = spaces(after);
    let scale = match after[gap..].chars().next() {
        Some('C') => "Celsius",
        Some('F') => "Fahrenheit",
        _ => return Spoken::new(taken, format!("{amount} {degrees} ")),
    };
    if goes_on(&after[gap + 1..]) {
        return Spoken::new(taken, format!("{amount} {degrees} "));
    }
    Spoken::new(taken + gap + 1, format!("{amount} {degrees} {scale}"))
}
