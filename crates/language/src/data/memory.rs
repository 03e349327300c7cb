//! `en/memory.toml`: what a call leaves in memory, in words.

use serde::Deserialize;

use super::phrases::Phrases;
use super::template::Template;

/// The words of episodes, and of what is told of them.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MemoryWords {
    /// How a sentence begins that asks for something to be done later.
    pub todo_begins: Phrases,
    /// What makes such a sentence, wherever it stands.
    pub todo: Phrases,
    /// How a sentence begins that goes on about the secret before it: "My password is a long one. It's hunter two."
    pub secret_goes_on: Phrases,
    /// An episode: the first `{request}`.
    pub asked: Template,
    /// Behind it, the last `{words}`.
    pub last_words: Template,
    /// An episode of which no words may be kept.
    pub nothing_kept: String,
    /// What a model is told about the data, as a part of it: whoever reads the one reads the other.
    pub notes_rule: String,
}
