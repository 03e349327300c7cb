//! `en/completeness.toml`: how unfinished turns end, and whole ones.

use serde::Deserialize;

use super::phrases::Phrases;

/// Words as they are said, contractions whole.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct CompletenessWords {
    /// Words that nobody ends on.
    pub(crate) open: Phrases,
    /// Beginnings that call for the rest.
    pub(crate) beginnings: Phrases,
    /// Words on which most go on, and some sentences end: "that is what it is about".
    pub(crate) mostly_open: Phrases,
    /// "Yes, it is." and "no I don't" are whole: answers of a few words that begin so.
    pub(crate) answers: Phrases,
    /// Answers that are whole by themselves, however they sound, like sounds of attention: the net was trained on sentences.
    pub(crate) whole: Phrases,
    /// Behind these, digits are the beginning of a telephone number.
    pub(crate) number_follows: Phrases,
    /// Letters that are not being spelled: "three p m".
    pub(crate) halves_of_day: Phrases,
}
