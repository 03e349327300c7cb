//! The caller's keys: rows of digits that are a turn of their own.

use std::time::Duration;

use super::Conversation;
use super::digits::Digits;
use crate::action::Cue;
use crate::context::Context;
use crate::floor::Holder;
use crate::timer::Timer;

/// The most keys in one row of digits.
const MAX_DIGITS: usize = 32;

impl Conversation {
    pub(super) fn on_dtmf(&mut self, now: Duration, digit: char, cx: &mut Context) {
        if self.hangs_up().is_some() {
            return; // too late
        }
        cx.cancel(&[Timer::Silence]);
        let digits = self.digits.get_or_insert_with(|| Digits::since(now));
        if digits.text.len() < MAX_DIGITS {
            digits.text.push(digit);
        }
        self.cut_for_keys(now, cx);
        if digit == '#' && matches!(self.floor.holder, Holder::Caller { .. }) {
            cx.cancel(&[Timer::Digits]);
            self.on_digits(now, cx);
        } else {
            cx.set(Timer::Digits, now + cx.settings.digits_delay);
        }
    }

    /// The row is complete.
    pub(super) fn on_digits(&mut self, now: Duration, cx: &mut Context) {
        if self.hangs_up().is_some() {
            self.keep_digits(now, cx); // not answered
            return;
        }
        if matches!(self.floor.holder, Holder::Greeting { .. }) {
            cx.set(Timer::Digits, now + cx.settings.digits_delay);
            return;
        }
        self.cut_for_keys(now, cx);
        self.floor.ears.set_continues(false);
        self.silence_prompts = 0;
        if self.keep_digits(now, cx) {
            self.think(now, Cue::Answer, cx);
        }
    }

    /// Keeps the keys so far. False: there are none.
    pub(crate) fn keep_digits(&mut self, now: Duration, cx: &mut Context) -> bool {
        let Some(digits) = self.digits.take() else { return false };
        let soon = cx.settings.digits_delay;
        cx.transcript.keep_digits(&digits.text, digits.since, now, soon, &mut cx.actions);
        true
    }

    /// Ends the agent's turn for a key. One of which nothing was heard is none: keys that go on would else leave one each.
    fn cut_for_keys(&mut self, now: Duration, cx: &mut Context) {
        match self.floor.agent() {
            Some(turn) if turn.is_thinking() || turn.is_unheard(now, &self.floor.marks) => {
                self.floor.drop_agent_turn(now, cx);
            }
            Some(_) => self.floor.cut_agent_turn(now, cx),
            None => (),
        }
    }
}
