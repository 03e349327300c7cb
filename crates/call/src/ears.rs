//! The listening half of a call, by either of two drivers: our own endpointing, or a recogniser that takes the turns.

use std::time::Duration;

use crate::caller_turn::{CallerTurn, VoiceQuality};
use crate::context::Context;
use crate::endpointer::{Endpointer, Words};
use crate::event::Load;
use crate::ids::UtteranceId;
use crate::settings::Endpointing;
use crate::turn_listener::TurnListener;

/// Who decides that the caller has finished. What belongs to the other driver changes nothing.
#[derive(Debug)]
pub(crate) enum Ears {
    Ours(Endpointer),
    Recogniser(TurnListener),
}

impl Ears {
    pub(crate) fn new(endpointing: Endpointing, load: Load) -> Self {
        match endpointing {
            Endpointing::Ours => Self::Ours(Endpointer::new(load)),
            Endpointing::Recogniser => Self::Recogniser(TurnListener::default()),
        }
    }

    /// True while the caller's voice sounds.
    pub(crate) fn is_voiced(&self) -> bool {
        match self {
            Self::Ours(ears) => ears.is_voiced(),
            Self::Recogniser(ears) => ears.is_voiced(),
        }
    }

    /// True when nothing has been said that was not reported.
    pub(crate) const fn is_quiet(&self) -> bool {
        match self {
            Self::Ours(ears) => ears.is_quiet(),
            Self::Recogniser(ears) => ears.is_quiet(),
        }
    }

    /// True when voice goes on in which the recogniser has found no word so far.
    pub(crate) fn is_noise(&self) -> bool {
        match self {
            Self::Ours(ears) => ears.is_noise(),
            Self::Recogniser(_) => false, // it says so by ending the turn
        }
    }

    /// True when at least half of the voice was our own, come back.
    pub(crate) fn is_echo(&self, now: Duration) -> bool {
        match self {
            Self::Ours(ears) => ears.is_echo(now),
            Self::Recogniser(ears) => ears.is_echo(now),
        }
    }

    pub(crate) fn on_echo(&mut self, time: Duration) {
        match self {
            Self::Ours(ears) => ears.on_echo(time),
            Self::Recogniser(ears) => ears.on_echo(time),
        }
    }

    /// What is being said goes on with the turn before, or does not.
    pub(crate) fn set_continues(&mut self, continues: bool) {
        match self {
            Self::Ours(ears) => ears.set_continues(continues),
            Self::Recogniser(ears) => ears.set_continues(continues),
        }
    }

    pub(crate) fn on_speech_started(&mut self, now: Duration, cx: &mut Context) {
        match self {
            Self::Ours(ears) => ears.on_speech_started(now, cx),
            Self::Recogniser(ears) => ears.on_speech_started(now, cx),
        }
    }

    pub(crate) fn on_speech_stopped(&mut self, now: Duration, quality: VoiceQuality, late: bool, cx: &mut Context) {
        match self {
            Self::Ours(ears) => ears.on_speech_stopped(now, quality, late, cx),
            Self::Recogniser(ears) => ears.on_speech_stopped(now, quality, late, cx),
        }
    }

    pub(crate) fn on_endpoint(&mut self, now: Duration, cx: &mut Context) -> Option<CallerTurn> {
        match self {
            Self::Ours(ears) => ears.on_endpoint(now, cx),
            Self::Recogniser(ears) => ears.on_endpoint(cx),
        }
    }

    /// The call is over: asks for the words that were not recognised yet. True when some are still to come.
    pub(crate) fn on_call_over(&mut self, now: Duration, cx: &mut Context) -> bool {
        match self {
            Self::Ours(ears) => ears.on_call_over(now, cx),
            Self::Recogniser(ears) => ears.on_call_over(now, cx),
        }
    }

    /// Ends the caller's turn, if there is one, with the words that are known.
    pub(crate) fn finish(&mut self, cx: &mut Context) -> Option<CallerTurn> {
        match self {
            Self::Ours(ears) => ears.finish(cx),
            Self::Recogniser(ears) => ears.finish(cx),
        }
    }

    /// Our own endpointing, if that decides.
    pub(crate) const fn ours(&mut self) -> Option<&mut Endpointer> {
        match self {
            Self::Ours(ears) => Some(ears),
            Self::Recogniser(_) => None,
        }
    }

    /// What the recogniser tells of turns, if that decides.
    pub(crate) const fn recogniser(&mut self) -> Option<&mut TurnListener> {
        match self {
            Self::Ours(_) => None,
            Self::Recogniser(ears) => Some(ears),
        }
    }

    /// Notes a transcript while the call is ending. True when all words are there.
    pub(crate) fn on_last_transcript(&mut self, utterance: UtteranceId, words: Words) -> bool {
        self.ours().is_some_and(|ears| ears.on_last_transcript(utterance, words))
    }
}
