//! `en/name.toml`: how callers say their names, and what is no name.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::phrases::Phrases;

/// The words around names.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct NameWords {
    /// What comes before a name and hardly before anything else.
    pub(crate) strong: Phrases,
    /// What comes before a name and before much else ("I'm late").
    pub(crate) weak: Phrases,
    /// The same, in the answer to a question for the name only.
    pub(crate) weak_when_asked: Phrases,
    /// What follows a name behind weak words: "I'm Ana calling about…".
    pub(crate) announced: Phrases,
    /// What follows a name that comes first: "Ana speaking".
    pub(crate) speaking: Phrases,
    /// What a correction begins with: "no, Jenny".
    pub(crate) corrects: Phrases,
    /// What comes before the wrong name: "not Jennifer, Jenny".
    pub(crate) denies: Phrases,
    /// Sounds before a name.
    pub(crate) hesitations: Phrases,
    /// Said around a name, and no part of it.
    pub(crate) fillers: Phrases,
    /// Common words that follow "I'm", "this is", "call me" or answer a question, and are no names. Roles are here too: a caller
    /// may not be addressed as an authority. Days, months and the numbers up to ten are none either.
    pub(crate) not_names: Phrases,
    /// Titles, as they are written.
    pub(crate) titles: BTreeMap<String, String>,
}
