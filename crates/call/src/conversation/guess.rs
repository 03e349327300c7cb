//! A recogniser that takes the turns: answers on a guess, and what becomes of them.

use std::time::Duration;

use super::Conversation;
use crate::action::{Action, Cue};
use crate::agent_turn::AgentTurn;
use crate::caller_turn::CallerTurn;
use crate::context::Context;
use crate::floor::Holder;
use crate::timer::Timer;

impl Conversation {
    /// The recogniser hears a turn of the caller, which is reason enough to stop for it.
    pub(super) fn on_turn_started(&mut self, now: Duration, cx: &mut Context) {
        let Some(ears) = self.floor.ears.turns() else { return };
        ears.on_turn_started(now, cx);
        self.take_undecided(now, cx);
        self.finish_if_played(now, cx);
        cx.cancel(&[Timer::Silence, Timer::BargeIn]);
        self.barge_in(now, cx);
    }

    /// The caller has probably finished: an answer is made, of which nothing is heard before they surely have.
    pub(super) fn on_eager_end(&mut self, now: Duration, text: String, cx: &mut Context) {
        let Some(ears) = self.floor.ears.recogniser() else { return };
        let Some(heard) = ears.on_eager_end(now, text, cx) else { return };
        cx.cancel(&[Timer::Silence]);
        if heard.text.is_empty() || self.is_our_own(&heard, cx) {
            return;
        }
        self.cut_for_words(now, &heard.text, cx);
        if self.floor.agent().is_some_and(AgentTurn::is_guess) {
            self.floor.drop_agent_turn(now, cx); // it answers words that have changed
        }
        let Holder::Caller { unanswered } = self.floor.holder else { return };
        cx.transcript.draft_caller(&heard);
        let turn = cx.transcript.next_id();
        self.floor.holder = Holder::Agent(Box::new(AgentTurn::guess(turn, unanswered)));
        cx.act(Action::Think { turn, cue: Cue::Answer });
        cx.set(Timer::Reply, now + cx.settings.reply_wait);
    }

    /// The caller goes on: what was made of a guess is dropped.
    pub(super) fn on_turn_resumed(&mut self, now: Duration, cx: &mut Context) {
        let Some(ears) = self.floor.ears.recogniser() else { return };
        ears.on_turn_resumed(now, cx);
        if self.floor.agent().is_some_and(AgentTurn::is_guess) {
            self.floor.drop_agent_turn(now, cx);
        }
    }

    pub(super) fn on_turn_ended(&mut self, now: Duration, text: String, cx: &mut Context) {
        let heard = self.floor.ears.turns().and_then(|ears| ears.on_turn_ended(now, text, cx));
        if let Some(heard) = heard {
            self.on_caller_turn(now, heard, cx);
        }
    }

    /// The caller has finished. True when that was guessed: the answer that was made meanwhile may be heard. A wrong guess is
    /// dropped.
    pub(super) fn settle_guess(&mut self, now: Duration, heard: &CallerTurn, cx: &mut Context) -> bool {
        let Holder::Agent(turn) = &mut self.floor.holder else { return false };
        if !turn.is_guess() {
            return false;
        }
        if !cx.transcript.is_drafted(heard) {
            self.floor.drop_agent_turn(now, cx);
            return false;
        }
        turn.confirm();
        let awaited = turn.is_awaited();
        self.silence_prompts = 0;
        cx.keep_caller(heard);
        if awaited {
            self.cover_wait(now, cx);
        }
        self.advance_agent_turn(now, cx);
        true
    }
}
