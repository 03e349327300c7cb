//! What the caller's voice and words mean for whose turn it is.

use std::time::Duration;

use redial_language::attention;

use super::Conversation;
use crate::action::Cue;
use crate::agent_turn::{AgentTurn, Then};
use crate::caller_turn::CallerTurn;
use crate::context::Context;
use crate::endpointer::Words;
use crate::floor::Holder;
use crate::ids::UtteranceId;
use crate::timer::Timer;

/// Echo is told of in pieces; for this long after one, what sounds is taken for more of it.
const ECHO_HOLD: Duration = Duration::from_millis(200);
/// Words that a guess must hold before it cuts the agent short.
const GUESSED_WORDS: usize = 2;
/// A "yes" this close before the end of a question answers it.
const ANSWER_MARGIN_BYTES: u64 = 12_000;

/// What words over the agent's are.
enum Interruption {
    /// A turn of their own.
    Claim,
    /// Something to be answered after the agent's turn.
    Later,
    /// Perhaps a word: kept, and no reason to stop.
    Aside,
    /// No words, or a sound of attention.
    None,
}

impl Conversation {
    pub(super) fn on_speech_started(&mut self, now: Duration, cx: &mut Context) {
        self.floor.ears.on_speech_started(now, cx);
        self.finish_if_played(now, cx);
        cx.cancel(&[Timer::Silence]);
        if let Holder::Agent(turn) = &self.floor.holder
            && !turn.is_interrupted()
        {
            let delay = if turn.is_thinking() { cx.settings.go_on_delay } else { cx.settings.barge_in_delay };
            cx.set(Timer::BargeIn, now + delay);
        }
    }

    /// The last mark of the agent's turn is late or lost, and the caller does not speak over it.
    pub(super) fn finish_if_played(&mut self, now: Duration, cx: &mut Context) {
        if self.floor.agent().is_some_and(|turn| turn.is_speaking() && turn.is_played(now)) {
            self.finish_agent_turn(now, cx);
        }
    }

    pub(super) fn on_transcript(&mut self, now: Duration, utterance: UtteranceId, words: Words, cx: &mut Context) {
        let heard = self.floor.ears.ours().and_then(|ears| ears.on_transcript(now, utterance, words, cx));
        if let Some(heard) = heard {
            self.on_caller_turn(now, heard, cx);
        } else {
            self.resume_over_noise(now, cx);
        }
    }

    /// A fan or a street, not a person.
    fn resume_over_noise(&mut self, now: Duration, cx: &mut Context) {
        if self.floor.agent().is_some_and(AgentTurn::is_interrupted) && self.floor.ears.is_noise() {
            self.resume(now, cx);
        }
    }

    /// What the recogniser makes of an utterance that goes on: whether to stop for it is clear before it ends.
    pub(super) fn on_partial(&mut self, now: Duration, utterance: UtteranceId, text: &str, cx: &mut Context) {
        let current = self.floor.ears.ours().is_some_and(|ears| ears.on_partial(utterance, text));
        if current && !self.cut_for_words(now, text, cx) {
            self.resume_over_noise(now, cx);
        }
    }

    /// Cuts the agent short for words that are not final, if they want an answer of their own. False: it goes on.
    pub(super) fn cut_for_words(&mut self, now: Duration, text: &str, cx: &mut Context) -> bool {
        let Some(turn) = self.floor.agent().filter(|turn| !turn.is_thinking() && !turn.is_last_words()) else {
            return false;
        };
        let echo = self.floor.ears.is_echo(now) && attention::repeat(text, &self.said(now, cx));
        let claims = attention::count(text) >= GUESSED_WORDS && !echo && self.claims_turn(turn, now, text, false);
        if claims {
            self.floor.cut_agent_turn(now, cx);
        }
        claims
    }

    /// The caller's telephone gives our own voice back: no reason to stop.
    pub(super) fn on_echo(&mut self, now: Duration, time: Duration, cx: &mut Context) {
        self.floor.ears.on_echo(time);
        let Holder::Agent(turn) = &self.floor.holder else { return };
        let later = now + ECHO_HOLD + cx.settings.barge_in_delay;
        if turn.is_speaking() && cx.timers.is_set(Timer::BargeIn) {
            cx.set(Timer::BargeIn, later);
        } else if turn.is_interrupted() && self.floor.ears.is_echo(now) {
            cx.set(Timer::BargeIn, later);
            self.resume(now, cx);
        }
    }

    /// What the agent says, or has said so shortly before that its echo may still come.
    fn said(&self, now: Duration, cx: &Context) -> String {
        let mut said = cx.transcript.said_lately(now);
        if let Some(turn) = self.floor.agent() {
            said.push(' ');
            said.push_str(&turn.text());
        }
        said
    }

    /// The caller has finished saying something.
    pub(super) fn on_caller_turn(&mut self, now: Duration, mut heard: CallerTurn, cx: &mut Context) {
        if self.settle_guess(now, &heard, cx) {
            return;
        }
        if self.is_our_own(&heard, cx) {
            heard.text.clear();
            heard.voiced = Duration::ZERO;
        }
        match &self.floor.holder {
            Holder::Caller { unanswered } => self.on_words(now, *unanswered, &heard, cx),
            Holder::Agent(turn) if turn.is_last_words() => keep_words(&heard, cx),
            Holder::Agent(turn) if turn.is_thinking() => {
                if !heard.text.is_empty() {
                    // A short word after the turn seemed complete.
                    self.floor.drop_agent_turn(now, cx);
                    self.take_turn(now, &heard, cx);
                }
            }
            Holder::Agent(turn) => {
                let meaning = self.meaning(turn, now, &heard);
                self.on_interruption(now, meaning, &heard, cx);
            }
            Holder::Greeting { .. } | Holder::HungUp(_) => keep_words(&heard, cx),
        }
    }

    /// They are our own words, come back.
    pub(super) fn is_our_own(&self, heard: &CallerTurn, cx: &Context) -> bool {
        // What came late was not heard beside what we said meanwhile: then the words alone must tell.
        (heard.is_mostly_echo() || heard.late) && attention::repeat(&heard.text, &self.said(heard.start, cx))
    }

    /// The caller has finished, and has the floor.
    fn on_words(&mut self, now: Duration, unanswered: bool, heard: &CallerTurn, cx: &mut Context) {
        if !heard.text.is_empty() {
            self.take_turn(now, heard, cx);
        } else if unanswered {
            self.think(now, Cue::Answer, cx); // it was a noise: what they said before had been all
        } else if heard.failed || (heard.voiced >= cx.settings.min_unclear && heard.quality.is_clear()) {
            cx.keep_caller(heard);
            self.think(now, Cue::Unclear, cx);
        } else {
            self.await_caller(now, cx);
        }
    }

    fn on_interruption(&mut self, now: Duration, meaning: Interruption, heard: &CallerTurn, cx: &mut Context) {
        match meaning {
            Interruption::Claim => {
                self.floor.cut_agent_turn(now, cx);
                self.take_turn(now, heard, cx);
            }
            Interruption::Later => {
                cx.keep_caller(heard);
                if let Holder::Agent(turn) = &mut self.floor.holder {
                    turn.owe_answer();
                }
                self.resume(now, cx);
            }
            Interruption::Aside => {
                cx.keep_caller(heard); // nothing that is said is lost
                self.resume(now, cx);
            }
            Interruption::None => self.resume(now, cx),
        }
    }

    fn meaning(&self, turn: &AgentTurn, now: Duration, heard: &CallerTurn) -> Interruption {
        let attention = attention::is_backchannel(&heard.text);
        if heard.is_hum() || heard.text.is_empty() {
            Interruption::None
        } else if heard.late && !attention {
            // Not said over what we say now, so that it does not cut us short.
            Interruption::Later
        } else if self.claims_turn(turn, now, &heard.text, heard.is_aside()) {
            Interruption::Claim
        } else if attention || heard.is_mostly_echo() {
            Interruption::None
        } else {
            Interruption::Aside
        }
    }

    /// True when words spoken over the agent want an answer of their own.
    fn claims_turn(&self, turn: &AgentTurn, now: Duration, text: &str, aside: bool) -> bool {
        let answers = turn.has_nearly_asked(now, ANSWER_MARGIN_BYTES, &self.floor.marks);
        let hangs_up = matches!(turn.then(), Then::HangUp(_));
        let polite = attention::is_backchannel(text) || (hangs_up && attention::is_farewell(text));
        answers || !(polite || aside)
    }

    fn take_turn(&mut self, now: Duration, heard: &CallerTurn, cx: &mut Context) {
        self.silence_prompts = 0;
        cx.keep_caller(heard);
        self.think(now, Cue::Answer, cx);
    }
}

/// Words that are not answered any more, or not yet.
fn keep_words(heard: &CallerTurn, cx: &mut Context) {
    if !heard.text.is_empty() {
        cx.keep_caller(heard);
    }
}
