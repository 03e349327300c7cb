//! A speech-to-speech model takes the turns: what a turn means whose words are not there yet.

use std::time::Duration;

use super::Conversation;
use crate::action::Cue;
use crate::agent_turn::Purpose;
use crate::context::Context;
use crate::floor::Holder;
use crate::ids::UtteranceId;
use crate::model_listener::Committed;

impl Conversation {
    /// The caller has finished. Who speaks while nobody else does is answered at once; over the agent's turn, the words decide.
    pub(super) fn on_turn_committed(&mut self, now: Duration, utterance: UtteranceId, cx: &mut Context) {
        self.finish_if_played(now, cx);
        let Some(committed) = self.floor.ears.model().and_then(|ears| ears.on_committed(now, utterance, cx)) else {
            return;
        };
        self.take_undecided(now, cx);
        match &self.floor.holder {
            Holder::Caller { .. } => self.answer_wordless(now, committed, cx),
            Holder::Agent(turn)
                if turn.is_thinking() && matches!(turn.purpose(), Purpose::Reply(_) | Purpose::Prompt(_)) =>
            {
                self.floor.drop_agent_turn(now, cx);
                self.answer_wordless(now, committed, cx);
            }
            Holder::Agent(_) | Holder::Greeting { .. } | Holder::HungUp(_) => {
                if let Some(ears) = self.floor.ears.model() {
                    ears.await_meaning(now, committed, cx);
                }
                self.barge_in(now, cx);
            }
        }
    }

    /// What the caller said in a turn that was committed.
    pub(super) fn on_caller_words(&mut self, now: Duration, utterance: UtteranceId, text: &str, cx: &mut Context) {
        let heard = self.floor.ears.model().and_then(|ears| ears.on_words(now, utterance, text, cx));
        if let Some(heard) = heard {
            self.on_caller_turn(now, heard, cx);
        }
    }

    /// [`Timer::Words`](crate::timer::Timer::Words) fired: somebody spoke, whatever they said.
    pub(super) fn on_words_overdue(&mut self, now: Duration, cx: &mut Context) {
        let overdue = self.floor.ears.model().and_then(|ears| ears.on_words_overdue(now, cx));
        let Some(committed) = overdue else { return };
        self.claim(now, committed, cx);
        if matches!(self.floor.holder, Holder::Caller { .. }) {
            self.silence_prompts = 0;
            self.think(now, Cue::Answer, cx);
        }
    }

    /// Who speaks again before it is known what they said before wants the floor.
    pub(super) fn take_undecided(&mut self, now: Duration, cx: &mut Context) {
        let undecided = self.floor.ears.model().and_then(|ears| ears.take_undecided());
        let Some(committed) = undecided else { return };
        self.claim(now, committed, cx);
        if let Holder::Caller { unanswered } = &mut self.floor.holder {
            *unanswered = true;
        }
    }

    /// Ends the agent's turn, if it can be ended, for one of the caller that is kept without words.
    fn claim(&mut self, now: Duration, committed: Committed, cx: &mut Context) {
        match &mut self.floor.holder {
            Holder::Agent(turn) if turn.is_last_words() => (),
            // It comes all the same.
            Holder::Agent(turn) if turn.is_thinking() && matches!(turn.purpose(), Purpose::Greeting(_)) => {
                turn.owe_answer();
            }
            Holder::Agent(turn) if turn.is_thinking() => self.floor.drop_agent_turn(now, cx),
            Holder::Agent(_) => self.floor.cut_agent_turn(now, cx),
            Holder::Caller { .. } | Holder::Greeting { .. } | Holder::HungUp(_) => (),
        }
        if let Some(ears) = self.floor.ears.model() {
            ears.keep(now, committed, cx);
        }
    }

    fn answer_wordless(&mut self, now: Duration, committed: Committed, cx: &mut Context) {
        self.silence_prompts = 0;
        if let Some(ears) = self.floor.ears.model() {
            ears.keep(now, committed, cx);
        }
        self.think(now, Cue::Answer, cx);
    }
}
