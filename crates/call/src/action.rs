//! What a call wants done. Plain data; the shell performs it without waiting.

use serde::{Deserialize, Serialize};

use crate::acts::ToolCallId;
use crate::ids::{TurnId, UtteranceId};
use crate::turn::Turn;

/// Something to do, in the order in which it is polled.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "action", rename_all = "snake_case")]
pub enum Action {
    /// Hand the pre-roll and the frames from now on to the recogniser, as this utterance.
    Listen {
        /// Which utterance.
        utterance: UtteranceId,
    },
    /// Recognise the utterance so far. Who takes the turns is asked so at the end of a call: what they hear has ended, whatever they
    /// call it.
    Transcribe {
        /// Which utterance.
        utterance: UtteranceId,
    },
    /// Guess at the words of an utterance that goes on, if there is room.
    Guess {
        /// Which utterance.
        utterance: UtteranceId,
    },
    /// Forget the utterance's audio.
    Discard {
        /// Which utterance.
        utterance: UtteranceId,
    },
    /// Ask the agent for an answer to the transcript so far.
    Think {
        /// The agent's turn that the answer will be.
        turn: TurnId,
        /// Why an answer is wanted.
        cue: Cue,
    },
    /// Drop the answer that is being made.
    CancelReply {
        /// The agent's turn.
        turn: TurnId,
    },
    /// Tell a model that speaks for itself how much of its turn was heard; the rest was not said. Comes when a turn ends before it was
    /// heard to its end, after [`Action::CancelReply`] where the answer was still being made.
    Truncate {
        /// The agent's turn.
        turn: TurnId,
        /// Ms of the model's own audio in this turn, without what our voice said in it. Never more than was received; 0: none.
        heard_ms: u64,
    },
    /// Run a tool. With the session's id, the call is the key under which it happens once.
    RunTool {
        /// Which call.
        call: ToolCallId,
        /// The tool's name.
        name: String,
        /// A JSON object.
        arguments: String,
    },
    /// Drop a tool that only looks.
    CancelTool {
        /// Which call.
        call: ToolCallId,
    },
    /// Synthesise a sentence and append its audio to the turn's.
    Speak {
        /// The agent's turn.
        turn: TurnId,
        /// What to say.
        text: String,
    },
    /// The same with something that is no answer, while that is late.
    Fill {
        /// The agent's turn.
        turn: TurnId,
        /// What to say; `None`: a soft tone.
        text: Option<String>,
    },
    /// Have a carrier of words say this next.
    Say {
        /// The agent's turn.
        turn: TurnId,
        /// What to say.
        text: String,
    },
    /// Drop the turn's audio and stop its synthesis.
    CancelSpeech {
        /// The agent's turn.
        turn: TurnId,
    },
    /// Send a piece of the turn's audio to the carrier.
    Play {
        /// The agent's turn.
        turn: TurnId,
        /// Where the piece begins in the turn's audio, in bytes of μ-law.
        offset_bytes: u64,
        /// Its length in bytes of μ-law.
        size_bytes: u64,
    },
    /// Send a mark after the audio so far.
    Mark {
        /// Its name, unique in the call.
        name: String,
    },
    /// Make the carrier drop the audio that it has not played.
    Clear,
    /// A turn is complete, or more complete than when it was last told: keep it.
    TurnDone(Turn),
    /// End the call at the carrier.
    HangUp,
    /// The call is over; nothing follows.
    End {
        /// Why it ended.
        reason: EndReason,
    },
}

/// Why an answer is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Cue {
    /// The caller said something: the last turn.
    Answer,
    /// The caller said something that could not be recognised; the last turn's text is empty.
    Unclear,
    /// The tools of the same turn have returned: it goes on. [`Call::history`](crate::Call::history) ends with it.
    Tools,
}

/// Why a call ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EndReason {
    /// The carrier said `stop`, or reported the call as over: the caller hung up.
    CallerHungUp,
    /// The socket went away without a word.
    Disconnected,
    /// The agent said goodbye.
    AgentHungUp,
    /// Nobody answered "are you still there?".
    Silence,
    /// The call reached its longest duration.
    MaxDuration,
    /// This process stopped.
    Shutdown,
    /// Another process takes the call over.
    HandedOver,
}

impl EndReason {
    /// The name that logs and documents use.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::CallerHungUp => "caller_hung_up",
            Self::Disconnected => "disconnected",
            Self::AgentHungUp => "agent_hung_up",
            Self::Silence => "silence",
            Self::MaxDuration => "max_duration",
            Self::Shutdown => "shutdown",
            Self::HandedOver => "handed_over",
        }
    }
}
