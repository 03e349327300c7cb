//! `en/talk.toml`: what callers say beside what they were asked.

use serde::Deserialize;

use super::phrases::Phrases;

/// What the state of a conversation is read from.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TalkWords {
    /// What is said beside a name and is no message: where somebody lives or comes from.
    pub beside_name: Phrases,
}
