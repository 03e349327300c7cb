//! One call's voice, and the audio of the agent's turn, which is kept until the turn is over.

use std::future::pending;

use futures_util::stream::BoxStream;
use futures_util::{FutureExt as _, StreamExt as _};
use redial_call::{Frame, TurnId};
use redial_provider::ProviderError;
use redial_provider::tts::{Spoken, VoiceSession};

use super::turn_audio::TurnAudio;

/// Pieces of speech read in one turn of the loop, so that a burst does not delay the socket.
const MAX_PIECES_A_TURN: usize = 100;
/// The longest audio of a turn: ten minutes, 4.8 MB. Whoever speaks on is stopped.
const MAX_TURN_BYTES: usize = 8000 * 600;

/// One call's voice, and the turn that it is speaking.
pub(super) struct Voice {
    pub(super) session: Box<dyn VoiceSession>,
    pub(super) turn: Option<Turn>,
}

/// The audio of the agent's turn.
pub(super) struct Turn {
    pub(super) id: TurnId,
    pub(super) audio: TurnAudio,
    /// How many bytes of it were sent.
    pub(super) sent: usize,
    pub(super) speech: Option<BoxStream<'static, Result<Spoken, ProviderError>>>,
    /// Where what fills the wait for the answer ends, in bytes: it comes before all else.
    pub(super) filler_until: usize,
    /// What is being made fills the wait.
    pub(super) fills: bool,
}

/// What follows the pieces that a voice gave.
pub(super) enum After {
    More,
    Done,
    Failed(ProviderError),
}

impl Voice {
    pub(super) const fn new(session: Box<dyn VoiceSession>) -> Self {
        Self { session, turn: None }
    }

    /// The audio of this turn; that of another one is over.
    pub(super) fn turn(&mut self, id: TurnId) -> &mut Turn {
        if let Some(other) = self.turn.take_if(|turn| turn.id != id) {
            self.session.finish(other.id);
        }
        self.turn.get_or_insert_with(|| Turn {
            id,
            audio: TurnAudio::default(),
            sent: 0,
            speech: None,
            filler_until: 0,
            fills: false,
        })
    }

    /// The turn is over: its audio is not needed any more.
    pub(super) fn finish(&mut self, id: TurnId) {
        if self.turn.take_if(|turn| turn.id == id).is_some() {
            self.session.finish(id);
        }
    }

    /// Adds what somebody else has said in this turn. Returns how many bytes.
    pub(super) fn append(&mut self, id: TurnId, frames: &[Frame]) -> u32 {
        let audio = &mut self.turn(id).audio;
        let before = audio.size_bytes();
        for frame in frames {
            audio.push(frame.as_bytes());
        }
        u32::try_from(audio.size_bytes() - before).unwrap_or(u32::MAX)
    }

    /// The turn has more audio than any may have.
    pub(super) fn is_full(&self) -> bool {
        self.turn.as_ref().is_some_and(|turn| turn.audio.size_bytes() > MAX_TURN_BYTES)
    }

    /// A sentence is being spoken.
    pub(super) fn is_speaking(&self) -> bool {
        self.turn.as_ref().is_some_and(|turn| turn.speech.is_some())
    }

    /// Nothing follows what was sent, for now.
    pub(super) fn is_sent(&self) -> bool {
        self.turn.as_ref().is_none_or(|turn| turn.speech.is_none() && turn.sent == turn.audio.size_bytes())
    }

    /// The pieces that are there, at least one unless the speech is over.
    ///
    /// # Cancel safety
    /// Dropped, it loses nothing.
    pub(super) async fn next(&mut self) -> (Vec<Spoken>, After) {
        let Some(speech) = self.turn.as_mut().and_then(|turn| turn.speech.as_mut()) else { return pending().await };
        let mut next = speech.next().await;
        let mut pieces = Vec::new();
        loop {
            match next {
                Some(Ok(piece)) => pieces.push(piece),
                Some(Err(error)) => return (pieces, After::Failed(error)),
                None => return (pieces, After::Done),
            }
            if pieces.len() == MAX_PIECES_A_TURN {
                return (pieces, After::More);
            }
            match speech.next().now_or_never() {
                Some(more) => next = more,
                None => return (pieces, After::More),
            }
        }
    }
}
