//! `en/words.toml`: how transcripts are spelled, so that all spellings of a word are one.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::phrases::Phrases;

/// What a recogniser writes in more than one way.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Spelling {
    /// Words before `'s` where it stands for "is"; elsewhere it is a possessive.
    pub(crate) is_before: Phrases,
    /// Contractions that a recogniser writes without the apostrophe, and words with two spellings.
    pub(crate) spellings: BTreeMap<String, String>,
    /// What follows an apostrophe, and the word that it stands for.
    pub(crate) contractions: BTreeMap<String, String>,
}
