//! `en/telephone.toml`: how numbers are said, and what they are.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::phrases::Phrases;

/// The words around numbers.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct TelephoneWords {
    /// Between the groups of one number.
    pub(crate) joins: Phrases,
    /// Before the first three digits.
    pub(crate) area: Phrases,
    /// Before an extension.
    pub(crate) extension: Phrases,
    /// Before the code of a country.
    pub(crate) plus: String,
    /// Between hundreds and the rest.
    pub(crate) and: String,
    /// A digit that also stands for a thing: "the new one".
    pub(crate) one: String,
    /// What comes before it then.
    pub(crate) one_of: Phrases,
    /// What makes a place in a row of a number in figures: "5th".
    pub(crate) ordinal_endings: Phrases,
    /// Between what was said wrong and what replaces it.
    pub(crate) corrects: Phrases,
    /// What a telephone number follows.
    pub(crate) telephone: Phrases,
    /// A number of any kind: which one shows in the word before it.
    pub(crate) number: String,
    /// What numbers of other things follow: "order".
    pub(crate) reference: Phrases,
    /// Between such a word and the number.
    pub(crate) label_links: Phrases,
    /// Between a number and such a word behind it.
    pub(crate) is_my: Phrases,
    /// What the number of a place follows: "apartment".
    pub(crate) places: Phrases,
    /// What a postcode follows.
    pub(crate) postcodes: Phrases,
    /// What follows the number of a house, at most two words behind it.
    pub(crate) streets: Phrases,
    /// What follows a time.
    pub(crate) hours: Phrases,
    /// What a short number follows that is a time.
    pub(crate) before_hours: Phrases,
    /// What follows a price.
    pub(crate) money: Phrases,
    /// Signs before or behind a price.
    pub(crate) signs: Phrases,
    /// What is counted.
    pub(crate) units: Phrases,
    /// Which digits are corrected: the last ones.
    pub(crate) last: Phrases,
    /// The first ones.
    pub(crate) first: Phrases,
    /// Those in the middle.
    pub(crate) middle: Phrases,
    /// Said behind digits: they are the last ones.
    pub(crate) at_the_end: Phrases,
    /// What one or more digits are called; the first of them is one digit.
    pub(crate) digits: Phrases,
    /// Between "the last digit" and the digit.
    pub(crate) links: Phrases,
    /// The places of digits, in order.
    pub(crate) ordinals: Phrases,
    /// Before digits that are wrong.
    pub(crate) denies: Phrases,
    /// Words around digits that correct others, and say nothing else.
    pub(crate) around_correction: Phrases,
    /// Words that recognisers write for digits, and the digits.
    pub(crate) heard_as: BTreeMap<String, String>,
}
