//! How urgent work is.

/// How urgent a job is; the most urgent comes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Priority {
    /// A caller waits for it: the words of an utterance, or our own voice.
    Final,
    /// Shortens a wait: the verdict on a pause. All threads but one may be busy with these, as they cannot be broken off.
    Turn,
    /// Nice to have: words while the caller still speaks. Taken only by a thread that idles, and broken off
    /// (`Worker::is_cancelled`) when something more urgent waits.
    Partial,
}

impl Priority {
    pub(super) const ALL: [Self; 3] = [Self::Final, Self::Turn, Self::Partial];

    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Final => "final",
            Self::Turn => "turn",
            Self::Partial => "partial",
        }
    }
}
