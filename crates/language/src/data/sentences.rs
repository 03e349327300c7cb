//! `en/sentences.toml`: full stops that end no sentence.

use serde::Deserialize;

use super::phrases::Phrases;

/// What stands before a full stop, in lower case.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct SentenceEnds {
    /// A full stop behind one of these ends no sentence.
    pub(crate) abbreviations: Phrases,
    /// A full stop behind one of these ends a sentence if a capital follows: "at 3 p.m. Please call".
    pub(crate) halves_of_day: Phrases,
    /// A full stop behind one of these ends no sentence if a digit follows: "No. 5".
    pub(crate) before_number: Phrases,
}
