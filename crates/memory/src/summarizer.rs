//! Summarisers that understand more than rules do: what they are asked, and what they may answer.
//!
//! The rules of [`super::summary`] have always run before, and what they made is stored. A summariser may then do better,
//! in its own time; when it fails, nothing is missing.

pub mod draft;
pub mod prompt;

use std::time::Duration;

use async_trait::async_trait;

use super::model::SessionDoc;

/// Facts that an answer may propose. So many of one call that it is more are made up.
pub const MAX_PROPOSED_FACTS: usize = 30;

/// Reads a finished call and says what to remember of it.
#[async_trait]
pub trait Summarizer: Send + Sync {
    /// Summarises one call. Takes seconds: for a background job, never for a call's path.
    ///
    /// # Errors
    /// When there is nothing to summarise, or no usable answer. Nothing of an unusable answer may be stored.
    ///
    /// # Cancel safety
    /// Dropped, it has changed nothing.
    async fn summarize(&self, request: &SummaryRequest) -> Result<Draft, SummaryError>;
}

/// A finished call, and what was known before it.
#[derive(Debug, Clone)]
pub struct SummaryRequest {
    /// The profile's summary before this call; empty for a stranger.
    pub previous_summary: String,
    /// The call.
    pub session: SessionDoc,
}

/// What a summariser proposes to remember. Bounds and characters are checked; whether a fact is true to the call is not.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Draft {
    /// All calls so far, at most [`super::summary::MAX_SUMMARY_CHARS`] characters, whole sentences. May be empty.
    pub summary: String,
    /// At most [`MAX_PROPOSED_FACTS`].
    pub facts: Vec<FactDraft>,
    /// What is still to be done, at most [`super::summary::MAX_OPEN`] items of [`super::summary::MAX_OPEN_CHARS`] characters.
    pub open: Vec<String>,
    /// What the call was about, in words that may be said aloud.
    pub topic: Option<String>,
}

/// One fact as it was proposed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FactDraft {
    /// What it is about, `appointment.pref_time`: lower-case letters, digits, dots and underscores.
    pub key: String,
    /// The fact, at most [`MAX_TEXT_CHARS`](super::facts::MAX_TEXT_CHARS) characters.
    pub text: String,
    /// The caller's turns that it rests on, at least one. All are spoken turns of the caller in this very call.
    pub turns: Vec<u32>,
    /// The caller said so; otherwise it was worked out.
    pub stated: bool,
}

/// Why there is no draft, told apart by what the caller does next. None holds anything that was said.
#[derive(Debug, thiserror::Error)]
pub enum SummaryError {
    /// The caller said nothing that may be sent: there is nothing to do.
    #[error("the call has no words that may be summarised")]
    NoEvidence,
    /// Try again later.
    #[error("the summariser is not reachable: {what}")]
    Unavailable {
        /// What happened.
        what: String,
        /// How long the server asks to wait.
        retry_after: Option<Duration>,
        /// The error behind it.
        #[source]
        source: Option<Box<dyn std::error::Error + Send + Sync>>,
    },
    /// An operator must act: key, model or address is wrong.
    #[error(
        "the summariser's server answered {status} ({code}): check OPENAI_API_KEY, OPENAI_MODEL and OPENAI_BASE_URL"
    )]
    Rejected {
        /// The HTTP status.
        status: u16,
        /// The server's own name for what is wrong, `model_not_found`.
        code: String,
    },
    /// The model will not summarise this call; do not ask again.
    #[error("the model declined to summarise the call")]
    Refused,
    /// There was an answer, and it is thrown away.
    #[error("the summariser's answer cannot be used: {0}")]
    Unusable(#[from] Flaw),
}

/// What is wrong with an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Flaw {
    /// Longer than any summary could be.
    #[error("it is longer than {max_bytes} bytes")]
    TooLarge {
        /// What is read of an answer.
        max_bytes: usize,
    },
    /// It says that it is something else than JSON, or is.
    #[error("it is not JSON")]
    NotJson,
    /// JSON of another shape than was asked for.
    #[error("it is JSON of another shape than was asked for")]
    WrongShape,
    /// The model reached its limit before the end.
    #[error("the model stopped before the end")]
    CutOff,
    /// So many facts of one call are made up.
    #[error("it has {count} facts, more than {MAX_PROPOSED_FACTS}")]
    TooManyFacts {
        /// How many.
        count: usize,
    },
}
