//! A list of words and phrases.

use serde::Deserialize;

/// Words and phrases, each once, in the order of the file: where several fit, the first one is taken.
///
/// Most are looked for in [`Words`](crate::words::Words) and stand as it writes them: lower case, no punctuation, "that is" for
/// "that's".
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub struct Phrases(Vec<String>);

impl Phrases {
    /// The phrases, in order.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = &str> + Clone {
        self.0.iter().map(String::as_str)
    }

    /// Whether `phrase` is one of them.
    pub fn has(&self, phrase: &str) -> bool {
        self.0.iter().any(|own| own == phrase)
    }

    /// Where `phrase` stands among them.
    pub fn position(&self, phrase: &str) -> Option<usize> {
        self.0.iter().position(|own| own == phrase)
    }

    /// The phrase at `at`, if there are so many.
    pub fn get(&self, at: usize) -> Option<&str> {
        self.0.get(at).map(String::as_str)
    }
}
