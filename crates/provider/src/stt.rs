//! Speech to text: the trait. One implementation a vendor, in the folder of the same name.

use std::time::Duration;

use redial_call::{Endpointing, Frame, Load, UtteranceId};
use tokio::sync::mpsc;

use crate::ProviderError;

/// Recognises the caller's speech. One implementation a vendor, a scripted one for tests.
pub trait Stt: Send + Sync {
    /// Opens recognition for one call. Must be called on a tokio runtime; does not wait. Whoever cannot be reached ends the stream,
    /// which is opened again after a pause.
    fn open(&self, context: SttContext) -> SttStream;

    /// Who decides that the caller has finished.
    ///
    /// [`Endpointing::Ours`]: it hears utterances that we have cut, [`SttInput::Audio`], and answers when asked. [`Endpointing::Recogniser`]:
    /// it hears all of the line, [`SttInput::Line`], and tells turns by itself.
    fn endpointing(&self) -> Endpointing {
        Endpointing::Ours
    }

    /// How long a verdict on the voice ([`SttOutput::TurnEnd`]) is worth waiting for, once the words are there. Zero: none
    /// comes.
    fn verdict_wait(&self) -> Duration {
        Duration::ZERO
    }

    /// What it has room for beyond the calls that it serves. Asked for each new call and each eager recognition, so it
    /// must be cheap.
    fn load(&self) -> Load {
        Load::Ample
    }
}

/// What a recogniser knows for the whole of a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SttContext {
    /// What is spoken, as a BCP 47 tag.
    pub language: String,
}

impl Default for SttContext {
    fn default() -> Self {
        Self { language: "en".to_owned() }
    }
}

/// One call's recognition: audio in, transcripts out. Dropping it cancels what is running.
#[derive(Debug)]
pub struct SttStream {
    /// What to recognise. Bounded; its constructor's doc says how many ms it holds. The session drops
    /// (and counts) what does not fit.
    pub input: mpsc::Sender<SttInput>,
    /// What was recognised. Exactly one answer for each `Transcribe` that was not followed by a
    /// `Discard` of the same utterance.
    pub output: mpsc::Receiver<SttOutput>,
}

impl SttStream {
    /// The next transcript, for those who want nothing else: empty where nobody speaks. `None`: the recogniser has ended.
    ///
    /// # Errors
    /// When an utterance could not be recognised.
    ///
    /// # Cancel safety
    /// Dropped, it loses no transcript.
    pub async fn transcript(&mut self) -> Option<Result<(UtteranceId, String), ProviderError>> {
        loop {
            match self.output.recv().await? {
                SttOutput::Transcript { utterance, text } => return Some(Ok((utterance, text))),
                SttOutput::NoSpeech { utterance } => return Some(Ok((utterance, String::new()))),
                SttOutput::Failed { error, .. } => return Some(Err(error)),
                SttOutput::Partial { .. }
                | SttOutput::TurnEnd { .. }
                | SttOutput::TurnStarted
                | SttOutput::EagerEnd { .. }
                | SttOutput::TurnResumed
                | SttOutput::TurnEnded { .. } => (),
            }
        }
    }
}

/// What the session tells the recogniser.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SttInput {
    /// The next 20 ms of the line, silence too: of a recogniser that takes the turns, and then nothing else holds audio.
    Line(Frame),
    /// What helps to recognise what comes next. Ignored where it cannot be used.
    Context {
        /// What the agent said last.
        said: String,
        /// Words worth knowing, such as the caller's name.
        terms: Vec<String>,
    },
    /// The next 20 ms of an utterance; the first frames are the pre-roll from before speech was noticed.
    Audio(UtteranceId, Frame),
    /// Recognise all of the utterance so far; of a recogniser that takes the turns: end the turn now. May come again when the caller went on after a pause:
    /// the answer then covers the whole utterance. When the earlier one is not answered yet, both are answered with the words
    /// of the later one.
    Transcribe(UtteranceId),
    /// Recognise what there is of an utterance that goes on, if there is room: of less weight than any `Transcribe`, and
    /// need not be answered.
    Guess(UtteranceId),
    /// The utterance is over: forget its audio. A running recognition of it need not answer.
    Discard(UtteranceId),
}

/// What the recogniser answers.
#[derive(Debug)]
pub enum SttOutput {
    /// All the words of the utterance up to the `Transcribe` that asked. Empty: a voice, but no words.
    Transcript {
        /// Which utterance.
        utterance: UtteranceId,
        /// Plain text with punctuation as the model gives it.
        text: String,
    },
    /// The same answer for an utterance in which nobody speaks.
    NoSpeech {
        /// Which utterance.
        utterance: UtteranceId,
    },
    /// The words so far of an utterance that goes on; of a long one, those of its latest seconds.
    Partial {
        /// Which utterance.
        utterance: UtteranceId,
        /// Plain text; its first and last word may be half of one.
        text: String,
    },
    /// What the voice itself tells about the pause at the latest `Transcribe`. Comes before or after its transcript, or
    /// not at all.
    TurnEnd {
        /// Which utterance.
        utterance: UtteranceId,
        /// How likely the caller has finished, in percent.
        percent: u8,
    },
    /// A recogniser that takes the turns: the caller's turn has begun.
    TurnStarted,
    /// The turn has probably ended: an answer may be made, and not be heard. [`SttOutput::TurnResumed`] or [`SttOutput::TurnEnded`]
    /// follows.
    EagerEnd {
        /// All words of the turn so far.
        text: String,
    },
    /// It had not ended.
    TurnResumed,
    /// It has ended. The next one begins with [`SttOutput::TurnStarted`].
    TurnEnded {
        /// All words of the turn; empty: there were none.
        text: String,
    },
    /// This utterance could not be recognised; the stream goes on.
    Failed {
        /// Which utterance.
        utterance: UtteranceId,
        /// Why.
        error: ProviderError,
    },
}
