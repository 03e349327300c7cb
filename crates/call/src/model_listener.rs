//! Endpointing by a speech-to-speech model: it hears all of the line and takes the turns, and their words come after their ends.

use std::collections::VecDeque;
use std::time::Duration;

use crate::caller_turn::CallerTurn;
use crate::context::Context;
use crate::ids::{TurnId, UtteranceId};
use crate::timer::Timer;
use crate::turn_listener::TurnListener;

/// The most turns whose words are awaited; of the oldest they are not awaited any more.
const MAX_LATE: usize = 32;

/// The listening half of a call with such a model.
#[derive(Debug, Default)]
pub(crate) struct ModelListener {
    pub(crate) turns: TurnListener,
    /// What it means depends on its words.
    undecided: Option<Committed>,
    /// Turns that are kept, and have no words so far.
    late: VecDeque<Late>,
}

/// A turn of the caller that has ended and has no words so far.
#[derive(Debug)]
pub(crate) struct Committed {
    utterance: UtteranceId,
    heard: CallerTurn,
    /// Until when its words are waited for.
    due: Duration,
}

#[derive(Debug)]
struct Late {
    utterance: UtteranceId,
    turn: TurnId,
    /// Until when its words are waited for; they are taken later as well.
    due: Duration,
}

impl ModelListener {
    /// True when the caller says nothing, and all that they said is known or kept.
    pub(crate) const fn is_quiet(&self) -> bool {
        self.turns.is_quiet() && self.undecided.is_none()
    }

    /// Words are to come which are worth waiting for.
    pub(crate) fn awaits_words(&self, now: Duration) -> bool {
        self.undecided.is_some() || self.late.iter().any(|late| late.due > now)
    }

    /// The caller has finished. None: that was said before.
    pub(crate) fn on_committed(
        &mut self,
        now: Duration,
        utterance: UtteranceId,
        cx: &mut Context,
    ) -> Option<Committed> {
        let undecided = self.undecided.as_ref().map(|committed| committed.utterance);
        if undecided.into_iter().chain(self.late.iter().map(|late| late.utterance)).any(|known| known == utterance) {
            return None;
        }
        let heard = self.turns.on_turn_ended(now, String::new(), cx)?;
        Some(Committed { utterance, heard, due: now + cx.settings.transcript_wait })
    }

    /// Waits for the words to know what is meant.
    pub(crate) fn await_meaning(&mut self, now: Duration, committed: Committed, cx: &mut Context) {
        self.undecided = Some(committed);
        self.set_timer(now, cx);
    }

    /// Keeps it as a turn of the call; its words are added when they come.
    pub(crate) fn keep(&mut self, now: Duration, committed: Committed, cx: &mut Context) {
        let Committed { utterance, heard, due } = committed;
        let turn = cx.keep_wordless(&heard);
        if self.late.len() == MAX_LATE {
            self.late.pop_front();
        }
        self.late.push_back(Late { utterance, turn, due });
        self.set_timer(now, cx);
    }

    /// Takes what waits to be understood.
    pub(crate) fn take_undecided(&mut self) -> Option<Committed> {
        self.undecided.take()
    }

    /// [`Timer::Words`] fired. Returns what was to be understood by its words, which do not come any more.
    pub(crate) fn on_words_overdue(&mut self, now: Duration, cx: &mut Context) -> Option<Committed> {
        let overdue = self.undecided.take_if(|committed| committed.due <= now);
        self.set_timer(now, cx);
        overdue
    }

    /// The caller, who has hung up, had finished: its words are all that is missing.
    pub(crate) fn on_last_committed(&mut self, now: Duration, utterance: UtteranceId, cx: &mut Context) {
        let Some(committed) = self.on_committed(now, utterance, cx) else { return };
        if let Some(before) = self.undecided.replace(committed) {
            self.keep(now, before, cx);
        }
    }

    /// The words of a turn are there. Returns it if it waited to be understood.
    pub(crate) fn on_words(
        &mut self,
        now: Duration,
        utterance: UtteranceId,
        text: &str,
        cx: &mut Context,
    ) -> Option<CallerTurn> {
        let understood = self.undecided.take_if(|committed| committed.utterance == utterance);
        if let Some(place) = self.late.iter().position(|late| late.utterance == utterance)
            && let Some(late) = self.late.remove(place)
        {
            cx.tell_words(late.turn, text);
        }
        self.set_timer(now, cx);
        understood.map(|committed| CallerTurn { text: text.trim().to_owned(), ..committed.heard })
    }

    fn set_timer(&self, now: Duration, cx: &mut Context) {
        let late = self.late.iter().map(|late| late.due).filter(|due| *due > now);
        match late.chain(self.undecided.as_ref().map(|committed| committed.due)).min() {
            Some(due) => cx.set(Timer::Words, due),
            None => cx.cancel(&[Timer::Words]),
        }
    }
}
