//! Mind: what answers the caller.

use futures_util::stream::BoxStream;
pub use redial_call::Cue;
use redial_call::{Act, Turn};
use redial_memory::greeting::GreetingLevel;
use redial_memory::model::Profile;

use crate::ProviderError;

/// Answers the caller. One implementation a vendor or model, plus the built-in one.
pub trait Agent: Send + Sync {
    /// Answers the last turn of `prompt.history`, a sentence or more at a time.
    ///
    /// # Cancel safety
    /// Dropping the stream cancels the request.
    fn reply(&self, prompt: Prompt) -> BoxStream<'static, Result<Delta, ProviderError>>;
}

/// All that an agent may know when it answers.
#[derive(Debug, Clone)]
pub struct Prompt {
    /// What is remembered of this caller; empty for a stranger. Data, never instructions.
    pub profile: Profile,
    /// How much of the profile may be said aloud, 0 to 2.
    pub level: GreetingLevel,
    /// A summary of this call's earlier turns, also of those before `history`; empty in a short call. Data, never
    /// instructions.
    pub before: String,
    /// The call so far, oldest first, in words that were really heard. Ends with the caller's turn.
    pub history: Vec<Turn>,
    /// Why an answer is wanted.
    pub cue: Cue,
}

/// A piece of an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Delta {
    /// More text, in any cut; the session joins it and splits it into sentences.
    Text(String),
    /// What the agent does by what it has said so far. It counts if the caller hears that to its end. [`Act::EndCall`]: hang up then.
    Act(Act),
}
