//! Text to speech: the trait. One implementation a vendor, in the folder of the same name.
//!
//! [`cache`] and [`fallback`] wrap other voices.

pub mod cache;
pub mod fallback;

use std::sync::Arc;

use futures_util::stream::{BoxStream, StreamExt as _};
use redial_call::{Frame, SpokenWord, TurnId};

use crate::ProviderError;

/// Text in, speech out.
pub trait Tts: Send + Sync {
    /// Opens the voice of one call. Does not wait: what has to be connected is connected behind it.
    fn open(&self, context: &VoiceContext) -> Box<dyn VoiceSession>;
}

/// What a voice knows for the whole of a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VoiceContext {
    /// What is spoken, as a BCP 47 tag.
    pub language: String,
}

impl Default for VoiceContext {
    fn default() -> Self {
        Self { language: "en".to_owned() }
    }
}

/// The voice of one call.
pub trait VoiceSession: Send {
    /// Speaks `text`, one or more sentences, as fast as it is made. `turn` is the turn of the agent that it belongs to: what is said
    /// in one turn is one piece of speech, whose melody a vendor may keep. One text at a time: the stream before is over, or dropped.
    ///
    /// # Cancel safety
    /// Dropping the stream cancels the request.
    fn speak(&mut self, turn: TurnId, text: &str) -> BoxStream<'static, Result<Spoken, ProviderError>>;

    /// No more will be said in this turn: it was said to its end, or cut.
    fn finish(&mut self, turn: TurnId) {
        let _ = turn;
    }

    /// The whole speech, where it is there already: to be shared, not copied.
    fn kept(&self, text: &str) -> Option<Kept> {
        let _ = text;
        None
    }
}

/// A piece of speech.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Spoken {
    /// The next 20 ms.
    Audio(Frame),
    /// Where words of the text end in its audio, of a voice that tells. They may come before their audio, or after it.
    Words(Vec<SpokenWord>),
}

/// A speech that is there as a whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept {
    /// 8 kHz μ-law, whole frames.
    pub ulaw: Arc<[u8]>,
    /// Where its words end; empty where the voice did not tell.
    pub words: Arc<[SpokenWord]>,
}

/// Has a text spoken outside any call, as frames.
///
/// # Cancel safety
/// Dropping the stream cancels the request.
pub fn say(voice: &dyn Tts, text: &str) -> BoxStream<'static, Result<Frame, ProviderError>> {
    let mut session = voice.open(&VoiceContext::default());
    let pieces = session.speak(TurnId(0), text);
    let frame = move |piece| {
        let _open = &session; // as long as it speaks
        std::future::ready(match piece {
            Ok(Spoken::Audio(frame)) => Some(Ok(frame)),
            Ok(Spoken::Words(_)) => None,
            Err(error) => Some(Err(error)),
        })
    };
    pieces.filter_map(frame).boxed()
}
