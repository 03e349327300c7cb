//! What happens to a call. Plain data: a call can be recorded, printed and replayed.

use serde::{Deserialize, Serialize};

use crate::acts::{Act, ToolCallId, ToolOutcome, ToolRequest};
use crate::caller_turn::VoiceQuality;
use crate::ids::{TurnId, UtteranceId};

/// Something that happened, as the shell tells it. Whatever could be malformed was parsed before.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case", deny_unknown_fields)]
pub enum Event {
    /// The carrier's `start` was accepted: audio may be sent from now on.
    Started,
    /// Memory has answered: this is what to greet the caller with.
    Greeting {
        /// One or more sentences.
        text: String,
        /// What is done by saying them, such as asking for consent.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        acts: Vec<Act>,
    },
    /// The caller's voice began.
    SpeechStarted,
    /// The caller's voice stopped.
    SpeechStopped {
        /// How much of a voice it was.
        #[serde(default, skip_serializing_if = "VoiceQuality::is_clear")]
        quality: VoiceQuality,
        /// It came late: it was said while the line stood still, and is no answer to what is said now.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        late: bool,
    },
    /// The words of an utterance up to the latest `Transcribe` answered; empty if there were none.
    Transcript {
        /// Which utterance.
        utterance: UtteranceId,
        /// Its words.
        text: String,
    },
    /// There was nobody's voice in the utterance up to the latest `Transcribe` answered.
    NoSpeech {
        /// Which utterance.
        utterance: UtteranceId,
    },
    /// The words so far of an utterance that goes on.
    Partial {
        /// Which utterance.
        utterance: UtteranceId,
        /// Its words; the last may be half a word.
        text: String,
    },
    /// What the voice tells about the pause at the latest `Transcribe`.
    TurnEnd {
        /// Which utterance.
        utterance: UtteranceId,
        /// How likely the caller has finished, in percent.
        percent: u8,
    },
    /// A recogniser or a model that takes the turns: the caller's turn has begun.
    TurnStarted,
    /// A model that takes the turns: the caller's turn has ended, and its words are to come.
    TurnCommitted {
        /// The model's number of the turn, by which its words are known.
        utterance: UtteranceId,
    },
    /// The words of a turn that has ended by [`Event::TurnCommitted`]. Told once; those of an unknown turn change nothing.
    CallerWords {
        /// Which turn.
        utterance: UtteranceId,
        /// All its words; empty: there were none, or they could not be recognised.
        text: String,
    },
    /// It has probably ended: an answer may be made, and not be heard.
    EagerEnd {
        /// All words of the turn so far.
        text: String,
    },
    /// It had not ended.
    TurnResumed,
    /// It has ended.
    TurnEnded {
        /// All words of the turn; empty: there were none.
        text: String,
    },
    /// A carrier of words tells what the caller says.
    Prompted {
        /// All words of the turn so far.
        text: String,
        /// They have finished.
        last: bool,
    },
    /// A carrier of words has stopped speaking for us, as the caller speaks.
    Interrupted {
        /// What of the agent's turn was heard.
        heard: String,
    },
    /// A carrier of words tells how far it is.
    WordsPlayed {
        /// What of the agent's turn has been heard so far.
        heard: String,
    },
    /// What sounded on the line of late was our own voice, given back by the caller's telephone.
    Echo {
        /// How much of it since this was last told.
        ms: u32,
    },
    /// How much the recogniser has to do.
    Load {
        /// From now on.
        load: Load,
    },
    /// The utterance could not be recognised.
    TranscriptionFailed {
        /// Which utterance.
        utterance: UtteranceId,
    },
    /// The answer, or its next piece: one sentence; of a model that speaks for itself, words in any cut, with their spaces.
    ReplyText {
        /// The agent's turn that asked for it.
        turn: TurnId,
        /// The sentence.
        text: String,
    },
    /// The answer is complete. Of a model that speaks for itself, all its audio was told before.
    ReplyDone {
        /// The agent's turn that asked for it.
        turn: TurnId,
        /// What follows once it has been heard.
        end: ReplyEnd,
    },
    /// The agent does something, behind the words that it has said so far. Acts of tools are noted by the call itself.
    ReplyAct {
        /// The agent's turn.
        turn: TurnId,
        /// What it does.
        act: Act,
    },
    /// The agent calls a tool.
    ToolCall {
        /// The agent's turn.
        turn: TurnId,
        /// What it wants.
        call: ToolRequest,
    },
    /// A tool has answered.
    ToolReturned {
        /// The call of [`Action::RunTool`](crate::Action::RunTool).
        call: ToolCallId,
        /// What came of it.
        outcome: ToolOutcome,
    },
    /// No answer, or no more of it, will come.
    ReplyFailed {
        /// The agent's turn that asked for it.
        turn: TurnId,
    },
    /// More audio of the sentence that was asked for is there, or, where none is being made, of what a model says for itself. The
    /// audio of a turn is told in its order: what a model answers while our own voice speaks in its turn is told after
    /// [`Event::SentenceDone`] or [`Event::SpeechFailed`].
    Synthesized {
        /// The agent's turn.
        turn: TurnId,
        /// Bytes of μ-law.
        size_bytes: u32,
    },
    /// When words of the sentence that was asked for end in its audio, of a voice that tells. Further ones are added to these. What a
    /// model says for itself from one `Think` to the end of that answer counts as one sentence.
    Words {
        /// The agent's turn.
        turn: TurnId,
        /// In their order.
        words: Vec<SpokenWord>,
    },
    /// All audio of the sentence is there.
    SentenceDone {
        /// The agent's turn.
        turn: TurnId,
    },
    /// The sentence, or the rest of it, cannot be spoken.
    SpeechFailed {
        /// The agent's turn.
        turn: TurnId,
    },
    /// The carrier echoed a mark.
    Marked {
        /// The mark's name as the carrier returned it.
        name: String,
    },
    /// This process stood still, and its clock with it; the carrier went on playing what it had.
    Stood {
        /// For how long.
        ms: u64,
    },
    /// The caller pressed a key.
    Dtmf {
        /// `0`-`9`, `*`, `#`, `A`-`D`.
        digit: char,
    },
    /// This process is about to stop: say goodbye and hang up.
    Drain,
    /// Another process takes the call over: end between two turns, without a word. The carrier then asks it what to do.
    HandOver,
    /// The call is over.
    Ended {
        /// Who said so.
        by: EndSignal,
    },
}

/// A word of a voice that tells where it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SpokenWord {
    /// As it stands in the sentence; one that does not is ignored.
    pub text: String,
    /// When it ends, in ms since the sentence's audio began.
    pub end_ms: u32,
}

/// What follows an answer that is complete.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReplyEnd {
    /// It is the caller's turn.
    Listen,
    /// Nothing: the agent said goodbye.
    HangUp,
    /// The rest of the answer, once its tools have returned. So it is after any call of a tool.
    Tools,
}

/// How much the recogniser has to do, over all calls. Ordered by how little it has room for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Load {
    /// It has room for guesses.
    #[default]
    Ample,
    /// It keeps up, without guesses.
    Tight,
    /// It falls behind: it is asked once a pause is long enough to be an end, not before.
    Full,
}

/// The signals that end a call. They come in any order, and any of them may be missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EndSignal {
    /// The carrier's `stop`.
    Stop,
    /// The media socket closed or broke, or no frame came for too long.
    SocketClosed,
    /// The status callback named a terminal state.
    Status,
    /// This process stops now.
    Shutdown,
}
