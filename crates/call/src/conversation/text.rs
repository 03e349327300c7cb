//! A carrier that carries words: it listens and speaks for us, and tells what was heard.

use std::time::Duration;

use crate::agent_turn::Then;
use crate::context::Context;
use crate::floor::Holder;
use crate::timer::Timer;

use super::Conversation;

impl Conversation {
    /// The caller is saying something. Whether it interrupts us is the carrier's to say.
    pub(super) fn on_prompt_begun(&mut self, now: Duration, cx: &mut Context) {
        if let Some(ears) = self.floor.ears.recogniser() {
            ears.on_turn_started(now, cx);
            cx.cancel(&[Timer::Silence]);
        }
    }

    /// The carrier has stopped: the agent's turn ends where it says.
    pub(super) fn on_interrupted(&mut self, now: Duration, heard: &str, cx: &mut Context) {
        let Holder::Agent(turn) = &mut self.floor.holder else { return };
        turn.on_words_heard(now, heard);
        let last_words = turn.is_last_words().then_some(turn.then());
        self.floor.cut_off(now, cx);
        match last_words {
            Some(Then::HangUp(reason)) => self.hang_up(now, reason, cx),
            Some(Then::Listen | Then::Answer) | None => self.await_caller(now, cx),
        }
    }

    pub(super) fn on_words_played(&mut self, now: Duration, heard: &str, cx: &mut Context) {
        if let Holder::Agent(turn) = &mut self.floor.holder {
            turn.on_words_heard(now, heard);
        }
        self.advance_agent_turn(now, cx);
    }
}
