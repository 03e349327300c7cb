//! Speech to text: the trait. One implementation a vendor, in the folder of the same name.

pub mod moonshine;

use redial_call::{Frame, UtteranceId};
use tokio::sync::mpsc;

use super::ProviderError;

/// Recognises the caller's speech. One implementation a vendor, a scripted one for tests.
pub trait Stt: Send + Sync {
    /// Opens recognition for one call. Must be called on a tokio runtime.
    fn open(&self) -> SttStream;
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

/// What the session tells the recogniser.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SttInput {
    /// The next 20 ms of an utterance; the first frames are the pre-roll from before speech was noticed.
    Audio(UtteranceId, Frame),
    /// Recognise all of the utterance so far. May come again when the caller went on after a pause:
    /// the answer then covers the whole utterance.
    Transcribe(UtteranceId),
    /// The utterance is over: forget its audio. A running recognition of it need not answer.
    Discard(UtteranceId),
}

/// What the recogniser answers.
#[derive(Debug)]
pub enum SttOutput {
    /// All the words of the utterance up to the `Transcribe` that asked. Empty: no words in it.
    Transcript {
        /// Which utterance.
        utterance: UtteranceId,
        /// Plain text with punctuation as the model gives it.
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
