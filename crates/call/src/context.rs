//! What every part of a call works with: settings, deadlines, actions, turns.

use std::collections::VecDeque;
use std::time::Duration;

use crate::action::Action;
use crate::acts::{ToolCallId, ToolOutcome};
use crate::caller_turn::CallerTurn;
use crate::ids::TurnId;
use crate::settings::Settings;
use crate::timer::{Timer, Timers};
use crate::transcript::Transcript;
use crate::turn::Turn;

/// Lent to whichever part of the call is at work; it outlives all phases.
#[derive(Debug)]
pub(crate) struct Context {
    pub(crate) settings: Settings,
    pub(crate) timers: Timers,
    pub(crate) actions: VecDeque<Action>,
    pub(crate) transcript: Transcript,
}

impl Context {
    pub(crate) fn new(settings: Settings, transcript: Transcript) -> Self {
        Self { settings, timers: Timers::default(), actions: VecDeque::new(), transcript }
    }

    pub(crate) fn act(&mut self, action: Action) {
        self.actions.push_back(action);
    }

    /// A turn is over, or more complete than it was.
    pub(crate) fn keep(&mut self, turn: Turn) {
        self.transcript.keep(turn, &mut self.actions);
    }

    /// The agent's turn is over, and is one or has left no trace.
    pub(crate) fn keep_if(&mut self, turn: Option<Turn>) {
        match turn {
            Some(turn) => self.keep(turn),
            None => self.transcript.drop_drafts(),
        }
    }

    pub(crate) fn keep_caller(&mut self, heard: &CallerTurn) {
        self.transcript.keep_caller(heard, &mut self.actions);
    }

    /// Keeps a turn of the caller whose words are to come.
    pub(crate) fn keep_wordless(&mut self, heard: &CallerTurn) -> TurnId {
        self.transcript.keep_wordless(heard, &mut self.actions)
    }

    /// The words of such a turn have come.
    pub(crate) fn tell_words(&mut self, turn: TurnId, text: &str) {
        self.transcript.tell_words(turn, text, &mut self.actions);
    }

    /// Notes what a tool has answered whose turn is over.
    pub(crate) fn note_late(&mut self, call: ToolCallId, outcome: ToolOutcome) {
        if let Some(turn) = self.transcript.note_outcome(call, outcome) {
            self.actions.push_back(Action::TurnDone(turn.clone()));
        }
    }

    /// Sets a deadline, or moves it.
    pub(crate) fn set(&mut self, timer: Timer, at: Duration) {
        self.timers.set(timer, at);
    }

    pub(crate) fn cancel(&mut self, timers: &[Timer]) {
        for timer in timers {
            self.timers.cancel(*timer);
        }
    }
}
