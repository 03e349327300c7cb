//! `en/topic.toml`: what callers of a small business call about.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::phrases::Phrases;

/// The words that make a topic.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct TopicWords {
    /// What callers call about, the telling ones first: "the repair of my car" is a repair.
    pub(crate) nouns: Phrases,
    /// Those that happen on a day.
    pub(crate) dated: Phrases,
    /// The caller has no such thing, or it is somebody else's.
    pub(crate) denied: Phrases,
    /// Whose thing it is: a day behind *my* thing may be the one that it is moved to.
    pub(crate) owning: Phrases,
    /// Where the word is there and the thing is not, by the word.
    pub(crate) idioms: BTreeMap<String, Phrases>,
}
