//! The call: what it promises, its phases from the carrier's `start` to the end, and the last words.

use std::time::Duration;

use crate::action::{Action, EndReason};
use crate::acts::Act;
use crate::acts::ToolOutcome;
use crate::agent_turn::{AgentTurn, Then};
use crate::caller_turn::CallerTurn;
use crate::context::Context;
use crate::conversation::Conversation;
use crate::ears::Ears;
use crate::endpointer::Words;
use crate::event::{EndSignal, Event, Load};
use crate::ids::TurnId;
use crate::settings::Settings;
use crate::timer::Timer;
use crate::transcript::Transcript;
use crate::turn::Turn;

/// One phone call, from `start` to its end.
///
/// # Contract
/// - `now` is the time since the call began, in whole ms, and never goes back.
/// - After each [`Call::handle`] and [`Call::handle_timeout`] drain [`Call::poll_action`] to `None`, then read
///   [`Call::poll_timeout`] and call `handle_timeout` when that time has come. Being late or early, or calling it
///   without need, changes nothing: a deadline always acts as of the moment it was due.
/// - So the sequence of (time, event) decides everything: fed again, it gives the same actions.
/// - Results carry the turn or utterance they belong to; those of a cancelled one change nothing.
/// - After [`Action::End`] nothing follows.
#[derive(Debug)]
pub struct Call {
    cx: Context,
    phase: Phase,
}

#[derive(Debug)]
enum Phase {
    /// The carrier has not started the stream.
    Waiting {
        /// What memory answered before the carrier's `start`.
        greeting: Option<(String, Vec<Act>)>,
        load: Load,
    },
    Live(Box<Conversation>),
    /// The call is over but for the transcript of the last words.
    Ending {
        reason: EndReason,
        ears: Box<Ears>,
    },
    Ended,
}

impl Call {
    /// A call that the carrier is about to start.
    pub fn new(settings: Settings) -> Self {
        Self::of(settings, Transcript::default())
    }

    /// A call that goes on after its stream broke. `turns`: what was said before, with times of the same call. What came of tools
    /// that ran then is unknown, unless it was noted; they do not run again in answer to the same words.
    pub fn resumed(settings: Settings, turns: Vec<Turn>) -> Self {
        let mut call = Self::of(settings, Transcript::resumed(turns));
        for tool in call.cx.transcript.open_calls() {
            call.cx.note_late(tool, ToolOutcome::Unknown);
        }
        call
    }

    fn of(settings: Settings, transcript: Transcript) -> Self {
        let phase = Phase::Waiting { greeting: None, load: Load::default() };
        Self { cx: Context::new(settings, transcript), phase }
    }

    /// The turns so far, oldest first, in the order in which they ended.
    pub fn turns(&self) -> &[Turn] {
        self.cx.transcript.turns()
    }

    /// What the agent is shown: the turns so far, and its own in progress where it goes on from its tools.
    pub fn history(&self) -> Vec<Turn> {
        self.cx.transcript.history()
    }

    /// The agent's turn in progress. What is told of it by [`Action::TurnDone`] is not all of it.
    pub fn agent_turn(&self) -> Option<TurnId> {
        match &self.phase {
            Phase::Live(conversation) => conversation.floor.agent().map(AgentTurn::id),
            Phase::Waiting { .. } | Phase::Ending { .. } | Phase::Ended => None,
        }
    }

    /// True after [`Action::End`].
    pub const fn is_ended(&self) -> bool {
        matches!(self.phase, Phase::Ended)
    }

    /// The next thing to do.
    pub fn poll_action(&mut self) -> Option<Action> {
        self.cx.actions.pop_front()
    }

    /// When [`Call::handle_timeout`] is due, as time since the call began.
    pub fn poll_timeout(&self) -> Option<Duration> {
        self.cx.timers.next()
    }

    /// Lets every deadline up to `now` pass.
    pub fn handle_timeout(&mut self, now: Duration) {
        while let Some((timer, due)) = self.cx.timers.take_due(now) {
            self.fire(due, timer);
            self.hand_over_if_quiet(due);
        }
    }

    /// Takes one event.
    pub fn handle(&mut self, now: Duration, event: Event) {
        self.handle_timeout(now);
        match (&mut self.phase, event) {
            (Phase::Waiting { .. } | Phase::Live(_), Event::Ended { by }) => self.end(now, by),
            (Phase::Waiting { greeting, load }, Event::Started) => {
                let then = if self.cx.transcript.awaits_answer() { Then::Answer } else { Then::Listen };
                let started = Conversation::start(now, *load, greeting.take(), then, &mut self.cx);
                self.phase = Phase::Live(Box::new(started));
            }
            (Phase::Waiting { greeting, .. }, Event::Greeting { text, acts }) => *greeting = Some((text, acts)),
            (Phase::Waiting { load: known, .. }, Event::Load { load }) => *known = load,
            (Phase::Waiting { .. }, _) => (), // nothing is said before `start`
            (Phase::Live(conversation), event) => conversation.handle(now, event, &mut self.cx),
            (Phase::Ending { reason, ears }, event) => {
                let reason = *reason;
                let (utterance, words) = match event {
                    Event::TurnEnded { text } => {
                        let heard = ears.turns().and_then(|ears| ears.on_turn_ended(now, text, &mut self.cx));
                        if let Some(heard) = heard {
                            self.on_last_words(now, &heard);
                        }
                        return;
                    }
                    Event::TurnCommitted { utterance } => {
                        if let Some(ears) = ears.model() {
                            ears.on_last_committed(now, utterance, &mut self.cx);
                        }
                        return;
                    }
                    Event::CallerWords { utterance, text } => {
                        let Some(ears) = ears.model() else { return };
                        let heard = ears.on_words(now, utterance, &text, &mut self.cx);
                        let heard = heard.unwrap_or_else(|| CallerTurn::silent(String::new(), now, now));
                        self.on_last_words(now, &heard);
                        return;
                    }
                    Event::Transcript { utterance, text } => (utterance, Words::Text(text)),
                    Event::NoSpeech { utterance } => (utterance, Words::Noise),
                    Event::TranscriptionFailed { utterance } => (utterance, Words::Failed),
                    Event::ToolReturned { call, outcome } => return self.cx.note_late(call, outcome),
                    _ => return, // nobody is there to hear it
                };
                if ears.on_last_transcript(utterance, words) {
                    self.finish(now, reason);
                }
            }
            (Phase::Ended, _) => (), // the carrier may still be sending
        }
        self.hand_over_if_quiet(now);
        self.handle_timeout(now); // what the event made due at once
    }

    fn fire(&mut self, now: Duration, timer: Timer) {
        match &mut self.phase {
            Phase::Live(conversation) => match (timer, conversation.hung_up()) {
                (Timer::HangUp, Some(reason)) => self.finish(now, reason), // the carrier does not end it
                _ => conversation.fire(now, timer, &mut self.cx),
            },
            Phase::Ending { reason, .. } if timer == Timer::LastWords => {
                let reason = *reason;
                self.finish(now, reason);
            }
            Phase::Ending { .. } => self.finish_if_told(now), // some words are not waited for any longer
            Phase::Waiting { .. } | Phase::Ended => (),       // no deadline is set
        }
    }

    /// Words of a caller who has hung up have come; the call is over when those were the last.
    fn on_last_words(&mut self, now: Duration, heard: &CallerTurn) {
        if !heard.text.is_empty() {
            self.cx.keep_caller(heard);
        }
        self.finish_if_told(now);
    }

    fn finish_if_told(&mut self, now: Duration) {
        if let Phase::Ending { reason, ears } = &self.phase
            && ears.is_quiet()
            && !ears.awaits_words(now)
        {
            self.finish(now, *reason);
        }
    }

    fn hand_over_if_quiet(&mut self, now: Duration) {
        if let Phase::Live(conversation) = &self.phase
            && conversation.may_hand_over(now)
        {
            self.finish(now, EndReason::HandedOver);
        }
    }

    /// The line is gone; the caller's last words may still be recognised.
    fn end(&mut self, now: Duration, by: EndSignal) {
        let mut reason = match by {
            EndSignal::Stop | EndSignal::Status => EndReason::CallerHungUp,
            EndSignal::SocketClosed => EndReason::Disconnected,
            EndSignal::Shutdown => EndReason::Shutdown,
        };
        if let Phase::Live(conversation) = &mut self.phase {
            reason = conversation.hangs_up().unwrap_or(reason);
            conversation.floor.cut_off(now, &mut self.cx);
            self.cx.timers.cancel_all();
            conversation.keep_digits(now, &mut self.cx);
            if conversation.floor.ears.on_call_over(now, &mut self.cx) {
                self.cx.set(Timer::LastWords, now + self.cx.settings.transcript_wait);
                if let Phase::Live(conversation) = std::mem::replace(&mut self.phase, Phase::Ended) {
                    self.phase = Phase::Ending { reason, ears: Box::new(conversation.floor.ears) };
                }
                return;
            }
        }
        self.finish(now, reason);
    }

    fn finish(&mut self, now: Duration, reason: EndReason) {
        let heard = match &mut self.phase {
            Phase::Live(conversation) => {
                conversation.floor.cut_off(now, &mut self.cx);
                conversation.floor.ears.finish(&mut self.cx)
            }
            Phase::Ending { ears, .. } => ears.finish(&mut self.cx),
            Phase::Waiting { .. } | Phase::Ended => None,
        };
        self.finish_with(reason, heard);
    }

    /// The call is over: the one way to the end. `heard`: what the caller was saying.
    fn finish_with(&mut self, reason: EndReason, heard: Option<CallerTurn>) {
        if let Some(heard) = heard.filter(|heard| !heard.text.is_empty()) {
            self.cx.keep_caller(&heard);
        }
        self.cx.timers.cancel_all();
        self.phase = Phase::Ended;
        self.cx.act(Action::End { reason });
    }
}
