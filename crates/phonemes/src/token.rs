//! Tokens: what the tagger tags, and the parts of them that the lexicon looks up.

/// A word, number or mark of punctuation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Token {
    pub(crate) text: String,
    /// Whether a space follows.
    pub(crate) space: bool,
}

impl Token {
    pub(crate) fn new(text: impl Into<String>) -> Self {
        Self { text: text.into(), space: false }
    }
}
