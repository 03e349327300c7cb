//! Speech to speech: the trait. A model that hears the line, takes the turns and answers in its own voice.

use redial_call::{Cue, Frame, ReplyEnd, Role, SpokenWord, ToolCallId, ToolOutcome, Turn, TurnId, UtteranceId};
use tokio::sync::mpsc;

use crate::ProviderError;
use crate::agent::AgentContext;

/// Mind, ears and voice of a call in one. One implementation a vendor, a scripted one for tests.
///
/// # Contract
/// - The model hears all of the line and tells the caller's turns; it answers when it is asked to ([`RealtimeInput::Respond`]). One that
///   answers unasked has its answer held back by its adapter until the next question, and forgotten when the caller's next turn begins
///   first.
/// - What belongs to an answer carries the turn that asked for it, and comes between the question and [`RealtimeOutput::Done`] or
///   [`RealtimeOutput::Failed`]. One answer is made at a time.
/// - Ids are ours: the adapter knows which of the vendor's items they are.
pub trait Realtime: Send + Sync {
    /// Opens the model for one call. Must be called on a tokio runtime.
    fn open(&self, context: RealtimeContext) -> RealtimeStream;
}

/// What a model may know when its call begins. Data, never instructions.
#[derive(Debug, Clone, Default)]
pub struct RealtimeContext {
    /// The language that is spoken, as BCP 47 writes it (`en`).
    pub language: String,
    /// Who calls, and what it may call.
    pub agent: AgentContext,
    /// A summary of the call's turns before `history`; empty in a short call.
    pub before: String,
    /// What was said before, oldest first, in words that were really heard: of a call that goes on, or whose model is a new one.
    pub history: Vec<Turn>,
}

/// One call with a model. Dropping it ends its tasks and closes its connection.
#[derive(Debug)]
pub struct RealtimeStream {
    /// What the model is told. Bounded; [`INPUT`] says how much it holds. The session drops (and counts) audio that does not fit; a
    /// model that has no room for anything else does not keep up, and is closed.
    pub input: mpsc::Sender<RealtimeInput>,
    /// What the model tells. Bounded by [`OUTPUT`]: an adapter waits for room here, and reads its input meanwhile. Its end: the model is
    /// gone, and the session opens another.
    pub output: mpsc::Receiver<RealtimeOutput>,
}

/// How many inputs an adapter holds: 1.28 s of frames.
pub const INPUT: usize = 64;
/// How many outputs an adapter holds: 1.28 s of frames. More of an answer waits in the adapter.
pub const OUTPUT: usize = 64;

/// What the session tells a model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RealtimeInput {
    /// The next 20 ms of the line, of silence too.
    Audio(Frame),
    /// The caller has hung up: what they were saying has ended.
    Commit,
    /// Answer.
    Respond {
        /// The agent's turn that the answer will be; the same again for [`Cue::Tools`].
        turn: TurnId,
        /// Why an answer is wanted. For [`Cue::Tools`], all outcomes were told before.
        cue: Cue,
    },
    /// Something that the model did not hear, or that our own voice said and the caller heard: it belongs to the talk, and wants no answer.
    Said {
        /// Who said it.
        role: Role,
        /// The words, or the keys.
        text: String,
    },
    /// What came of a tool. A call that was not made on this stream was made on the one before: then it belongs to the talk, in words.
    ToolReturned {
        /// The call: its index counts the [`RealtimeOutput::ToolCall`]s of the turn, from 0 on.
        call: ToolCallId,
        /// The tool's name.
        name: String,
        /// What came of it.
        outcome: ToolOutcome,
    },
    /// Stop answering: no more of this turn is told than already was.
    Cancel {
        /// The agent's turn.
        turn: TurnId,
    },
    /// Only so much of the model's audio in this turn was heard; the rest was not said.
    Truncate {
        /// The agent's turn.
        turn: TurnId,
        /// In ms, over all the turn's answers. Never more than was told; 0: none.
        heard_ms: u64,
    },
}

/// What a model tells.
#[derive(Debug)]
pub enum RealtimeOutput {
    /// The caller has begun to speak.
    TurnStarted,
    /// The caller has finished; the words follow.
    TurnCommitted {
        /// Counts the caller's turns in this stream, from 1 on.
        utterance: UtteranceId,
    },
    /// What they said. Once for each turn that was committed, in any order.
    CallerWords {
        /// Which turn.
        utterance: UtteranceId,
        /// All its words; empty: none, or they could not be recognised.
        text: String,
    },
    /// More words of the answer, in any cut, with their spaces; usually ahead of its audio. Never empty.
    Text {
        /// The turn that asked.
        turn: TurnId,
        /// The words.
        text: String,
    },
    /// The next 20 ms of the answer, as fast as they are made.
    Audio {
        /// The turn that asked.
        turn: TurnId,
        /// The sound.
        frame: Frame,
    },
    /// When words of the answer end, of a model that tells.
    Words {
        /// The turn that asked.
        turn: TurnId,
        /// In their order, with times since this answer's audio began.
        words: Vec<SpokenWord>,
    },
    /// The model calls a tool. What running it means is known to who described it.
    ToolCall {
        /// The turn that asked.
        turn: TurnId,
        /// The tool's name.
        name: String,
        /// A JSON object.
        arguments: String,
    },
    /// The answer is complete.
    Done {
        /// The turn that asked.
        turn: TurnId,
        /// What follows it.
        end: ReplyEnd,
    },
    /// No answer, or no more of it, will come; the stream goes on.
    Failed {
        /// The turn that asked.
        turn: TurnId,
        /// Why.
        error: ProviderError,
    },
}

impl RealtimeOutput {
    /// The agent's turn that it belongs to, if it does to one.
    pub const fn turn(&self) -> Option<TurnId> {
        match self {
            Self::Text { turn, .. }
            | Self::Audio { turn, .. }
            | Self::Words { turn, .. }
            | Self::ToolCall { turn, .. }
            | Self::Done { turn, .. }
            | Self::Failed { turn, .. } => Some(*turn),
            Self::TurnStarted | Self::TurnCommitted { .. } | Self::CallerWords { .. } => None,
        }
    }
}
