//! `en/talk.toml`: what callers answer to what they were asked.

use serde::Deserialize;

use super::phrases::Phrases;

/// What the state of a conversation is read from.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TalkWords {
    /// How a yes begins that decides something: "yeah, hi, I'd like to …" agrees to nothing.
    pub clear_yes: Phrases,
    /// The caller does not want to give a name.
    pub name_refused: Phrases,
    /// What makes no agreement of a yes.
    pub negation: Phrases,
    /// What is said beside a name and is no message: where somebody lives or comes from.
    pub beside_name: Phrases,
    /// The caller asks what the name is for.
    pub asks_why: Phrases,
    /// What a wish to be called back is about follows.
    pub subject_follows: Phrases,
}
