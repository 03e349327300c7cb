//! `en/numbers.toml`: numbers in words.

use serde::Deserialize;

use super::phrases::Phrases;

/// The words of numbers.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct NumberWords {
    /// Zero to nineteen, in order.
    pub(crate) below_twenty: Phrases,
    /// Twenty, thirty … ninety, in order.
    pub(crate) tens: Phrases,
    /// A hundred.
    pub(crate) hundred: String,
    /// A thousand and its powers, in order.
    pub(crate) thousands: Phrases,
    /// Other words for zero in a row of digits, and hardly a number alone.
    pub(crate) ohs: Phrases,
    /// What doubles the next digit.
    pub(crate) twice: Phrases,
    /// What triples it.
    pub(crate) thrice: Phrases,
}
