//! Endpointing by a recogniser that hears all of the line and tells itself when the caller's turn begins and ends.
//!
//! Our voice activity still tells at once that there is a voice. What the recogniser says of the turn decides; where it says
//! nothing, a deadline does.

use std::time::Duration;

use crate::action::Action;
use crate::caller_turn::{CallerTurn, Voice, VoiceQuality};
use crate::context::Context;
use crate::ids::UtteranceId;
use crate::timer::Timer;

/// The listening half of a call whose recogniser takes the turns.
#[derive(Debug, Default)]
pub(crate) struct TurnListener {
    turns: u32,
    turn: Option<InProgress>,
}

#[derive(Debug)]
struct InProgress {
    id: UtteranceId,
    voice: Voice,
    told: Told,
    /// The turn before it had seemed complete, and goes on in it.
    continues: bool,
}

/// What the recogniser has said of the turn.
#[derive(Debug)]
enum Told {
    /// Nothing: only our voice activity takes it for one.
    Nothing,
    Started,
    /// It has probably ended, with these words.
    Ended(String),
}

impl TurnListener {
    pub(crate) fn is_voiced(&self) -> bool {
        self.turn.as_ref().is_some_and(|turn| turn.voice.is_sounding())
    }

    pub(crate) const fn is_quiet(&self) -> bool {
        self.turn.is_none()
    }

    pub(crate) fn is_echo(&self, now: Duration) -> bool {
        self.turn.as_ref().is_some_and(|turn| turn.voice.is_echo(now))
    }

    pub(crate) fn on_echo(&mut self, time: Duration) {
        if let Some(turn) = &mut self.turn {
            turn.voice.echo(time);
        }
    }

    pub(crate) fn set_continues(&mut self, continues: bool) {
        if let Some(turn) = &mut self.turn {
            turn.continues = continues;
        }
    }

    fn begin(&mut self, voice: Voice, told: Told) {
        self.turns += 1;
        self.turn = Some(InProgress { id: UtteranceId(self.turns), voice, told, continues: false });
    }

    pub(crate) fn on_speech_started(&mut self, now: Duration, cx: &mut Context) {
        match &mut self.turn {
            Some(turn) => turn.voice.start(now),
            None => self.begin(Voice::new(now), Told::Nothing),
        }
        cx.cancel(&[Timer::Endpoint]);
    }

    pub(crate) fn on_speech_stopped(&mut self, now: Duration, quality: VoiceQuality, late: bool, cx: &mut Context) {
        let Some(turn) = self.turn.as_mut().filter(|turn| turn.voice.is_sounding()) else { return };
        turn.voice.stop(now, quality, late);
        let wait = match turn.told {
            Told::Nothing => cx.settings.unsure_endpoint_delay,
            Told::Started | Told::Ended(_) => cx.settings.transcript_wait,
        };
        cx.set(Timer::Endpoint, now + wait);
    }

    /// The recogniser says something of the turn; it may hear a voice that we do not.
    fn tell(&mut self, now: Duration, told: Told, cx: &mut Context) {
        let wait = match told {
            Told::Nothing | Told::Started => cx.settings.max_utterance,
            Told::Ended(_) => cx.settings.transcript_wait,
        };
        match &mut self.turn {
            Some(turn) => turn.told = told,
            None => self.begin(Voice::silent(now), told),
        }
        if !self.is_voiced() {
            cx.set(Timer::Endpoint, now + wait);
        }
    }

    pub(crate) fn on_turn_started(&mut self, now: Duration, cx: &mut Context) {
        self.tell(now, Told::Started, cx);
    }

    /// The turn has probably ended. Returns it as it would be.
    pub(crate) fn on_eager_end(&mut self, now: Duration, text: String, cx: &mut Context) -> Option<CallerTurn> {
        self.tell(now, Told::Ended(text), cx);
        self.turn.as_ref().map(InProgress::heard)
    }

    /// It has not. What was said of an end counts no more.
    pub(crate) fn on_turn_resumed(&mut self, now: Duration, cx: &mut Context) {
        self.tell(now, Told::Started, cx);
    }

    pub(crate) fn on_turn_ended(&mut self, now: Duration, text: String, cx: &mut Context) -> Option<CallerTurn> {
        self.tell(now, Told::Ended(text), cx);
        if let Some(turn) = &mut self.turn {
            turn.voice.stop(now, VoiceQuality::Clear, false); // our voice activity notices later, or takes a fan for a voice
        }
        self.finish(cx)
    }

    /// [`Timer::Endpoint`] fired: the recogniser has not said what became of the turn.
    pub(crate) fn on_endpoint(&mut self, cx: &mut Context) -> Option<CallerTurn> {
        if self.is_voiced() { None } else { self.finish(cx) }
    }

    /// The call is over: asks for what was not recognised yet. True when words are still to come.
    pub(crate) fn on_call_over(&mut self, now: Duration, cx: &mut Context) -> bool {
        cx.cancel(&[Timer::Endpoint]);
        let Some(turn) = &mut self.turn else { return false };
        turn.voice.stop(now, VoiceQuality::Clear, false);
        let awaited = !matches!(turn.told, Told::Ended(_));
        if awaited {
            cx.act(Action::Transcribe { utterance: turn.id });
        }
        awaited
    }

    /// Ends the turn, if there is one, with the words that are known.
    pub(crate) fn finish(&mut self, cx: &mut Context) -> Option<CallerTurn> {
        cx.cancel(&[Timer::Endpoint]);
        self.turn.take().map(|turn| turn.heard())
    }
}

impl InProgress {
    fn heard(&self) -> CallerTurn {
        let heard = |text| CallerTurn { continues: self.continues, ..CallerTurn::spoken(text, &self.voice) };
        match &self.told {
            Told::Nothing => CallerTurn { voiced: Duration::ZERO, ..heard(String::new()) }, // nobody's voice
            Told::Started => CallerTurn { failed: true, ..heard(String::new()) },
            Told::Ended(text) => heard(text.trim().to_owned()),
        }
    }
}
