//! The listening half of a call, by one of three drivers: our own endpointing, or a recogniser or a speech-to-speech model that takes
//! the turns.

use std::time::Duration;

use crate::caller_turn::{CallerTurn, VoiceQuality};
use crate::context::Context;
use crate::endpointer::{Endpointer, Words};
use crate::event::Load;
use crate::ids::UtteranceId;
use crate::model_listener::ModelListener;
use crate::settings::Endpointing;
use crate::turn_listener::TurnListener;

/// Who decides that the caller has finished. What belongs to another driver changes nothing.
#[derive(Debug)]
pub(crate) enum Ears {
    Ours(Endpointer),
    Recogniser(TurnListener),
    Model(ModelListener),
}

impl Ears {
    pub(crate) fn new(endpointing: Endpointing, load: Load) -> Self {
        match endpointing {
            Endpointing::Ours => Self::Ours(Endpointer::new(load)),
            Endpointing::Recogniser => Self::Recogniser(TurnListener::default()),
            Endpointing::Model => Self::Model(ModelListener::default()),
        }
    }

    /// True while the caller's voice sounds.
    pub(crate) fn is_voiced(&self) -> bool {
        match self {
            Self::Ours(ears) => ears.is_voiced(),
            Self::Recogniser(ears) => ears.is_voiced(),
            Self::Model(ears) => ears.turns.is_voiced(),
        }
    }

    /// True when nothing has been said that was not reported.
    pub(crate) const fn is_quiet(&self) -> bool {
        match self {
            Self::Ours(ears) => ears.is_quiet(),
            Self::Recogniser(ears) => ears.is_quiet(),
            Self::Model(ears) => ears.is_quiet(),
        }
    }

    /// Words of turns that have ended are to come, and worth waiting for.
    pub(crate) fn awaits_words(&self, now: Duration) -> bool {
        match self {
            Self::Ours(_) | Self::Recogniser(_) => false, // a turn ends with its words
            Self::Model(ears) => ears.awaits_words(now),
        }
    }

    /// True when voice goes on in which the recogniser has found no word so far.
    pub(crate) fn is_noise(&self) -> bool {
        match self {
            Self::Ours(ears) => ears.is_noise(),
            Self::Recogniser(_) | Self::Model(_) => false, // it says so by ending the turn
        }
    }

    /// True when at least half of the voice was our own, come back.
    pub(crate) fn is_echo(&self, now: Duration) -> bool {
        match self {
            Self::Ours(ears) => ears.is_echo(now),
            Self::Recogniser(ears) => ears.is_echo(now),
            Self::Model(ears) => ears.turns.is_echo(now),
        }
    }

    pub(crate) fn on_echo(&mut self, time: Duration) {
        match self {
            Self::Ours(ears) => ears.on_echo(time),
            Self::Recogniser(ears) => ears.on_echo(time),
            Self::Model(ears) => ears.turns.on_echo(time),
        }
    }

    /// What is being said goes on with the turn before, or does not.
    pub(crate) fn set_continues(&mut self, continues: bool) {
        match self {
            Self::Ours(ears) => ears.set_continues(continues),
            Self::Recogniser(ears) => ears.set_continues(continues),
            Self::Model(_) => (), // the words before may come after those that go on: each turn has its own
        }
    }

    pub(crate) fn on_speech_started(&mut self, now: Duration, cx: &mut Context) {
        match self {
            Self::Ours(ears) => ears.on_speech_started(now, cx),
            Self::Recogniser(ears) => ears.on_speech_started(now, cx),
            Self::Model(ears) => ears.turns.on_speech_started(now, cx),
        }
    }

    pub(crate) fn on_speech_stopped(&mut self, now: Duration, quality: VoiceQuality, late: bool, cx: &mut Context) {
        match self {
            Self::Ours(ears) => ears.on_speech_stopped(now, quality, late, cx),
            Self::Recogniser(ears) => ears.on_speech_stopped(now, quality, late, cx),
            Self::Model(ears) => ears.turns.on_speech_stopped(now, quality, late, cx),
        }
    }

    pub(crate) fn on_endpoint(&mut self, now: Duration, cx: &mut Context) -> Option<CallerTurn> {
        match self {
            Self::Ours(ears) => ears.on_endpoint(now, cx),
            Self::Recogniser(ears) => ears.on_endpoint(cx),
            Self::Model(ears) => ears.turns.on_endpoint(cx),
        }
    }

    /// The call is over: asks for the words that were not recognised yet. True when some are still to come.
    pub(crate) fn on_call_over(&mut self, now: Duration, cx: &mut Context) -> bool {
        match self {
            Self::Ours(ears) => ears.on_call_over(now, cx),
            Self::Recogniser(ears) => ears.on_call_over(now, cx),
            Self::Model(ears) => ears.turns.on_call_over(now, cx) | ears.awaits_words(now),
        }
    }

    /// Ends the caller's turn, if there is one, with the words that are known.
    pub(crate) fn finish(&mut self, cx: &mut Context) -> Option<CallerTurn> {
        match self {
            Self::Ours(ears) => ears.finish(cx),
            Self::Recogniser(ears) => ears.finish(cx),
            Self::Model(ears) => ears.turns.finish(cx),
        }
    }

    /// Our own endpointing, if that decides.
    pub(crate) const fn ours(&mut self) -> Option<&mut Endpointer> {
        match self {
            Self::Ours(ears) => Some(ears),
            Self::Recogniser(_) | Self::Model(_) => None,
        }
    }

    /// What the recogniser tells of turns, if that decides.
    pub(crate) const fn recogniser(&mut self) -> Option<&mut TurnListener> {
        match self {
            Self::Ours(_) | Self::Model(_) => None,
            Self::Recogniser(ears) => Some(ears),
        }
    }

    /// The same of a model.
    pub(crate) const fn model(&mut self) -> Option<&mut ModelListener> {
        match self {
            Self::Ours(_) | Self::Recogniser(_) => None,
            Self::Model(ears) => Some(ears),
        }
    }

    /// What either of the two tells of turns.
    pub(crate) const fn turns(&mut self) -> Option<&mut TurnListener> {
        match self {
            Self::Ours(_) => None,
            Self::Recogniser(ears) => Some(ears),
            Self::Model(ears) => Some(&mut ears.turns),
        }
    }

    /// Notes a transcript while the call is ending. True when all words are there.
    pub(crate) fn on_last_transcript(&mut self, utterance: UtteranceId, words: Words) -> bool {
        self.ours().is_some_and(|ears| ears.on_last_transcript(utterance, words))
    }
}
