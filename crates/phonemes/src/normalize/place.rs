//! What a rule sees, and what it answers.

/// What a rule sees: the text on both sides of the place that it is asked about.
#[derive(Clone, Copy)]
pub(super) struct Place<'a> {
    /// Everything before.
    pub(super) before: &'a str,
    /// Everything from here on; not empty.
    pub(super) rest: &'a str,
}

/// How the beginning of `rest` is read.
pub(super) struct Spoken {
    /// How many bytes of `rest` it stands for.
    pub(super) taken: usize,
    pub(super) words: String,
}

impl Spoken {
    pub(super) fn new(taken: usize, words: impl Into<String>) -> Option<Self> {
        Some(Self { taken, words: words.into() })
    }
}

impl<'a> Place<'a> {
    /// The place `bytes` further on.
    pub(super) fn rest_after(self, bytes: usize) -> &'a str {
        self.rest.get(bytes..).unwrap_or("")
    }

    /// The character right before.
    pub(super) fn previous(self) -> Option<char> {
        self.before.chars().next_back()
    }
}
