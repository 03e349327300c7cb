//! Mind: what answers the caller.

use std::sync::Arc;

use futures_util::stream::BoxStream;
pub use redial_call::Cue;
use redial_call::{Act, Turn};
use redial_memory::greeting::GreetingLevel;
use redial_memory::model::Profile;

use crate::ProviderError;
use crate::tools::ToolSpec;

/// Answers callers. One implementation a vendor or model, plus the built-in one.
pub trait Agent: Send + Sync {
    /// Opens the mind of one call. Does not wait: what has to be connected is connected behind it.
    fn open(&self, context: AgentContext) -> Box<dyn AgentSession>;
}

/// The mind of one call. It may hold a connection; the history is the core's, and comes with each question.
pub trait AgentSession: Send {
    /// Answers the last turn of `prompt.history`. The last delta is [`Delta::End`]: an answer that ends without has broken off.
    ///
    /// # Cancel safety
    /// Dropping the stream cancels the request.
    fn reply(&mut self, prompt: Prompt) -> BoxStream<'static, Result<Delta, ProviderError>>;
}

/// What an agent knows for the whole of a call.
#[derive(Debug, Clone, Default)]
pub struct AgentContext {
    /// What is remembered of this caller; empty for a stranger. Data, never instructions.
    pub profile: Profile,
    /// How much of the profile may be said aloud, 0 to 2.
    pub level: GreetingLevel,
    /// What it may call.
    pub tools: Arc<[ToolSpec]>,
    /// Which number to dial in an emergency, in words, where the caller is likely to be: "nine one one".
    pub emergency: String,
}

/// What an agent is asked.
#[derive(Debug, Clone)]
pub struct Prompt {
    /// A summary of this call's earlier turns, also of those before `history`; empty in a short call. Data, never
    /// instructions.
    pub before: String,
    /// The call so far, oldest first, in words that were really heard, with what was done beside them. Ends with the caller's
    /// turn; with the agent's own where it goes on from its tools.
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
    /// It calls a tool, one of [`AgentContext::tools`]. Once the answer has ended and all its tools have returned, it is asked
    /// again, with what came of them in the history's last turn.
    ToolCall {
        /// The tool's name.
        name: String,
        /// A JSON object.
        arguments: String,
    },
    /// What the answer has cost, if the vendor tells. Each adds to the one before.
    Usage(Usage),
    /// The answer is complete. Nothing follows.
    End(Finish),
}

/// What an answer has cost.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Usage {
    /// Tokens that the model read.
    pub input_tokens: u64,
    /// Tokens that it wrote.
    pub output_tokens: u64,
}

/// Why an answer is complete.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Finish {
    /// It said what it had to say, or waits for its tools.
    Done,
    /// The vendor's limit of its length was reached.
    TooLong,
    /// The model, or a filter of the vendor's, declined to answer.
    Refused,
}

impl Finish {
    /// The label that metrics use.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::TooLong => "too_long",
            Self::Refused => "refused",
        }
    }
}
