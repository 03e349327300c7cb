//! The sound of an agent's turn: when it is made and sent, how much of it was heard, and what of the turn is kept.

use std::time::Duration;

use crate::action::Action;
use crate::audio::{bytes_in, duration_of};
use crate::context::Context;
use crate::event::SpokenWord;
use crate::playout::{Marks, Next, Playhead};
use crate::script::{Piece, Split};
use crate::settings::Medium;
use crate::timer::Timer;
use crate::transcript::whole_ms;
use crate::turn::{Role, Turn, Via};

use super::{AgentTurn, Answer, Playback, Progress, Stage};

/// Where the audio of a turn that ends had come to, in bytes.
#[derive(Debug, Clone, Copy)]
struct Reached {
    heard: u64,
    sent: u64,
}

impl Reached {
    const END: Self = Self { heard: u64::MAX, sent: u64::MAX };
}

impl AgentTurn {
    pub(crate) fn on_words(&mut self, words: &[SpokenWord]) {
        self.script.on_words(words);
    }

    pub(crate) fn on_sentence_done(&mut self) {
        self.script.on_sentence_done();
    }

    /// All audio there will be is there.
    fn is_synthesised(&self) -> bool {
        self.answer == Answer::Complete && self.script.is_made()
    }

    /// Moves the turn on: asks for synthesis, sends what may be sent, notices that all was heard. A turn that is `held_back` does
    /// not begin to sound.
    pub(crate) fn advance(&mut self, now: Duration, held_back: bool, marks: &mut Marks, cx: &mut Context) -> Progress {
        let text = cx.settings.medium == Medium::Text;
        // A carrier of words speaks them at once.
        if !(text && (self.is_guess() || held_back)) {
            self.synthesise(cx);
        }
        if self.is_guess() {
            return Progress::GoesOn;
        }
        let (available, complete) = (self.script.available(), self.is_synthesised());
        if complete && available == 0 {
            return Progress::Over;
        }
        if self.is_thinking() && available > 0 && !held_back {
            self.stage = Stage::Speaking(Playback { since: now, playhead: Playhead::default() });
        }
        let Stage::Speaking(Playback { playhead, .. }) = &mut self.stage else { return Progress::GoesOn };
        if text {
            playhead.hand_over(now, available);
        }
        let turn = self.id;
        while let Some(piece) = playhead.take(now, turn, available, complete, marks, &cx.settings) {
            cx.act(Action::Play { turn, offset_bytes: piece.offset_bytes, size_bytes: piece.size_bytes });
            if let Some(name) = piece.mark {
                cx.act(Action::Mark { name });
            }
        }
        match playhead.next(available, complete, marks, &cx.settings) {
            Next::Heard(at) if at <= now => return Progress::Over,
            Next::Heard(at) | Next::Send(at) => cx.set(Timer::Playout, at),
            Next::Audio => cx.cancel(&[Timer::Playout]),
        }
        Progress::GoesOn
    }

    /// Asks for the next sentence once the audio so far is nearly sent.
    fn synthesise(&mut self, cx: &mut Context) {
        let ahead = self.script.available().saturating_sub(self.sent_most());
        if ahead > bytes_in(cx.settings.synthesis_lead) {
            return;
        }
        let turn = self.id;
        if cx.settings.medium == Medium::Text {
            while let Some(text) = self.script.say_next() {
                cx.act(Action::Say { turn, text });
            }
            return;
        }
        match self.script.next_piece() {
            Some(Piece::Words(text)) => cx.act(Action::Speak { turn, text }),
            Some(Piece::Filler(text)) => cx.act(Action::Fill { turn, text: Some(text) }),
            Some(Piece::Tone) => cx.act(Action::Fill { turn, text: None }),
            None => (),
        }
    }

    /// The carrier tells what was heard of it.
    pub(crate) fn on_words_heard(&mut self, now: Duration, heard: &str) {
        let bytes = self.script.end_of_words(heard.split_whitespace().count());
        if let Stage::Speaking(playback) | Stage::Interrupted(playback) = &mut self.stage {
            playback.playhead.set_heard(now, bytes);
        }
    }

    // What was heard

    pub(super) const fn playback(&self) -> Option<&Playback> {
        match &self.stage {
            Stage::Thinking | Stage::Guessing { .. } => None,
            Stage::Speaking(playback) | Stage::Interrupted(playback) => Some(playback),
        }
    }

    fn sent_most(&self) -> u64 {
        self.playback().map_or(0, |playback| playback.playhead.sent_most())
    }

    pub(crate) fn on_mark(&mut self, now: Duration, name: &str, marks: &mut Marks) {
        if let Stage::Speaking(playback) | Stage::Interrupted(playback) = &mut self.stage {
            playback.playhead.on_mark(now, name, marks);
        }
    }

    /// The clock stood still for so long, and the carrier played on.
    pub(crate) fn on_stood(&mut self, now: Duration, time: Duration) {
        if let Stage::Speaking(playback) | Stage::Interrupted(playback) = &mut self.stage {
            playback.playhead.stood(now, time);
        }
    }

    /// All of it has been played by the clock, whatever the marks say.
    pub(crate) fn is_played(&self, now: Duration) -> bool {
        self.is_synthesised() && self.playback().is_some_and(|playback| playback.playhead.is_over(now))
    }

    /// It ends in a question, of which the caller has heard all but so many bytes.
    pub(crate) fn has_nearly_asked(&self, now: Duration, bytes: u64, marks: &Marks) -> bool {
        let heard = self.playback().map_or(0, |playback| playback.playhead.heard(now, marks));
        let left = self.script.available().saturating_sub(heard);
        self.script.asks() && self.is_synthesised() && left <= bytes
    }

    /// No word of it was heard.
    pub(crate) fn is_unheard(&self, now: Duration, marks: &Marks) -> bool {
        let heard = self.playback().map_or(0, |playback| playback.playhead.heard_frames(now, marks));
        self.script.split(heard, heard).heard.is_empty()
    }

    /// Stops playback until it is clear what the caller says.
    pub(crate) fn interrupt(&mut self, now: Duration, marks: &mut Marks, cx: &mut Context) {
        if self.is_speaking() {
            cx.act(Action::Clear);
            cx.cancel(&[Timer::Playout]);
            self.stand_still(now, marks);
        }
    }

    fn stand_still(&mut self, now: Duration, marks: &mut Marks) {
        self.stage = match std::mem::take(&mut self.stage) {
            Stage::Speaking(mut playback) | Stage::Interrupted(mut playback) => {
                playback.playhead.clear(now, marks);
                Stage::Interrupted(playback)
            }
            other @ (Stage::Thinking | Stage::Guessing { .. }) => other,
        };
    }

    /// The interruption was none: it goes on where it stopped.
    pub(crate) fn resume(&mut self) {
        self.stage = match std::mem::take(&mut self.stage) {
            Stage::Interrupted(playback) => Stage::Speaking(playback),
            other @ (Stage::Thinking | Stage::Guessing { .. } | Stage::Speaking(_)) => other,
        };
    }

    // The end

    /// It was heard to its end.
    pub(crate) fn finish(mut self, now: Duration, marks: &mut Marks, cx: &mut Context) -> Turn {
        cancel_timers(cx);
        self.tools.stop(cx);
        if let Some(playback) = self.playback() {
            playback.playhead.give_up_marks(marks);
        }
        self.to_turn(now, Reached::END)
    }

    /// It ends where the caller's ear is now; the rest is not said. None: there was no sound of it.
    pub(crate) fn cut(self, now: Duration, marks: &mut Marks, cx: &mut Context) -> Option<Turn> {
        if self.is_speaking() {
            cx.act(Action::Clear);
        }
        self.cut_off(now, marks, cx)
    }

    /// The same on a line that is gone.
    pub(crate) fn cut_off(mut self, now: Duration, marks: &mut Marks, cx: &mut Context) -> Option<Turn> {
        self.stand_still(now, marks);
        if self.is_thinking() {
            marks.clear();
        }
        let reached = self.reached(now, marks);
        self.cancel(reached.heard, cx);
        let is_turn = self.playback().is_some() || self.has_begun_effect();
        is_turn.then(|| self.to_turn(now, reached))
    }

    /// It ends as if it had not been. Returns it all the same if it has changed the world.
    pub(crate) fn drop_unheard(mut self, now: Duration, marks: &mut Marks, cx: &mut Context) -> Option<Turn> {
        if self.is_speaking() {
            cx.act(Action::Clear);
        }
        self.stand_still(now, marks);
        self.cancel(0, cx);
        self.has_begun_effect().then(|| self.to_turn(now, self.reached(now, marks)))
    }

    fn reached(&self, now: Duration, marks: &Marks) -> Reached {
        let place = |playback: &Playback| (playback.playhead.heard(now, marks), playback.playhead.sent_most());
        let (heard, sent) = self.playback().map(place).unwrap_or_default();
        Reached { heard, sent }
    }

    /// The turn as it would be kept if it ended now.
    pub(crate) fn so_far(&self, now: Duration, marks: &Marks) -> Turn {
        self.to_turn(now, self.reached(now, marks))
    }

    /// Stops all that makes more of it; so many bytes of it count as heard.
    fn cancel(&mut self, heard: u64, cx: &mut Context) {
        cancel_timers(cx);
        let turn = self.id;
        if self.takes_more() {
            cx.act(Action::CancelReply { turn });
        }
        // What a model is still making may hold more than was told.
        if let Some(answered) = self.script.answered(heard).filter(|own| self.takes_more() || own.heard < own.made) {
            cx.act(Action::Truncate { turn, heard_ms: whole_ms(duration_of(answered.heard)) });
        }
        cx.act(Action::CancelSpeech { turn });
        self.tools.stop(cx);
    }

    /// When it began: a turn that was told before keeps its time, by which it is known again.
    pub(super) fn since(&self) -> Option<Duration> {
        self.effect_since.or(self.playback().map(|playback| playback.since))
    }

    /// What is kept of the turn: the one rule of what was heard.
    fn to_turn(&self, now: Duration, reached: Reached) -> Turn {
        let Split { heard, cut, never_sent, mut acts } = self.script.split(reached.heard, reached.sent);
        acts.extend_from_slice(self.tools.acts());
        Turn {
            id: self.id,
            role: Role::Agent,
            via: Via::Voice,
            text: heard,
            cut,
            never_sent,
            acts,
            start_ms: whole_ms(self.since().unwrap_or(now)),
            end_ms: whole_ms(now),
        }
    }
}

fn cancel_timers(cx: &mut Context) {
    cx.cancel(&[Timer::Playout, Timer::BargeIn, Timer::Filler, Timer::Reply]);
}
