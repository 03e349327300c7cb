//! `en/attention.toml`: what a few words mean for whose turn it is: whole utterances, not keywords.

use serde::Deserialize;

use super::phrases::Phrases;

/// Utterances as they are said, contractions whole.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct AttentionWords {
    /// Sounds and words that say "I am listening" and claim no turn, alone or one after the other.
    pub(crate) backchannels: Phrases,
    /// Single words that want the agent to stop, and no sounds of attention.
    pub(crate) commands: Phrases,
    /// Words that end a call and ask for nothing.
    pub(crate) farewells: Phrases,
}
