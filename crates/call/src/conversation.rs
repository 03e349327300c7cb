//! The conversation: what is said next, who is answered, what an interruption means, silence, and the last words.

mod caller;
mod digits;
mod guess;
mod keys;
mod model;
mod text;
mod tools;

use std::time::Duration;

use self::digits::Digits;
use crate::action::{Action, Cue, EndReason};
use crate::acts::Act;
use crate::agent_turn::{AgentTurn, Progress, Purpose, Then};
use crate::caller_turn::VoiceQuality;
use crate::context::Context;
use crate::endpointer::Words;
use crate::event::{Event, Load, ReplyEnd};
use crate::floor::{Floor, Holder};
use crate::ids::TurnId;
use crate::settings::{DeadAir, Medium};
use crate::timer::Timer;

/// The soft tone is heard this often while an answer is late.
const TONE_INTERVAL: Duration = Duration::from_millis(2000);

/// A call from the carrier's `start` until it is over for one side.
#[derive(Debug)]
pub(crate) struct Conversation {
    pub(crate) floor: Floor,
    digits: Option<Digits>,
    /// How often the caller was asked into a silence since they last said something.
    silence_prompts: u32,
    /// Another process takes the call over as soon as nobody speaks.
    handing_over: bool,
}

impl Conversation {
    /// The carrier has started the stream; `then` follows the greeting.
    pub(crate) fn start(
        now: Duration,
        load: Load,
        greeting: Option<(String, Vec<Act>)>,
        then: Then,
        cx: &mut Context,
    ) -> Self {
        let floor = Floor::new(&cx.settings, load, then);
        let mut started = Self { floor, digits: None, silence_prompts: 0, handing_over: false };
        // Counted from the call's beginning, also if it goes on here; there is always time for a goodbye.
        let limit = cx.settings.max_duration.max(now + cx.settings.goodbye_limit);
        cx.set(Timer::MaxDuration, limit);
        match greeting {
            Some((text, acts)) => started.greet(now, &text, acts, cx),
            None => cx.set(Timer::Greeting, now + cx.settings.greeting_wait),
        }
        started
    }

    /// Why the call is being ended by us, if it is.
    pub(crate) fn hangs_up(&self) -> Option<EndReason> {
        match &self.floor.holder {
            Holder::HungUp(reason) => Some(*reason),
            Holder::Agent(turn) => match turn.purpose() {
                Purpose::LastWords(reason) => Some(reason),
                Purpose::Greeting(_) | Purpose::Reply(_) | Purpose::Prompt(_) => None,
            },
            Holder::Greeting { .. } | Holder::Caller { .. } => None,
        }
    }

    /// Why the carrier was told to end the call, if it was.
    pub(crate) const fn hung_up(&self) -> Option<EndReason> {
        match &self.floor.holder {
            Holder::HungUp(reason) => Some(*reason),
            Holder::Greeting { .. } | Holder::Caller { .. } | Holder::Agent(_) => None,
        }
    }

    /// The call may go to another process now: no word of either side is torn.
    pub(crate) fn may_hand_over(&self, now: Duration) -> bool {
        self.handing_over && self.floor.is_between_turns(now) && self.digits.is_none()
    }

    pub(crate) fn handle(&mut self, now: Duration, event: Event, cx: &mut Context) {
        match event {
            Event::Greeting { text, acts } => self.greet(now, &text, acts, cx),

            Event::SpeechStarted => self.on_speech_started(now, cx),
            Event::SpeechStopped { quality, late } => self.on_speech_stopped(now, quality, late, cx),
            Event::Transcript { utterance, text } => self.on_transcript(now, utterance, Words::Text(text), cx),
            Event::NoSpeech { utterance } => self.on_transcript(now, utterance, Words::Noise, cx),
            Event::TranscriptionFailed { utterance } => self.on_transcript(now, utterance, Words::Failed, cx),
            Event::Partial { utterance, text } => self.on_partial(now, utterance, &text, cx),
            Event::TurnEnd { utterance, percent } => {
                if let Some(ears) = self.floor.ears.ours() {
                    ears.on_turn_end(now, utterance, percent, cx);
                }
            }
            Event::TurnStarted => self.on_turn_started(now, cx),
            Event::TurnCommitted { utterance } => self.on_turn_committed(now, utterance, cx),
            Event::CallerWords { utterance, text } => self.on_caller_words(now, utterance, &text, cx),
            Event::EagerEnd { text } => self.on_eager_end(now, text, cx),
            Event::Prompted { .. } | Event::Interrupted { .. } | Event::WordsPlayed { .. }
                if cx.settings.medium != Medium::Text => {} // the carrier does not carry words
            Event::Prompted { text, last: true } => self.on_turn_ended(now, text, cx),
            Event::Prompted { last: false, .. } => self.on_prompt_begun(now, cx),
            Event::Interrupted { heard } => self.on_interrupted(now, &heard, cx),
            Event::WordsPlayed { heard } => self.on_words_played(now, &heard, cx),
            Event::TurnResumed => self.on_turn_resumed(now, cx),
            Event::TurnEnded { text } => self.on_turn_ended(now, text, cx),
            Event::Echo { ms } => self.on_echo(now, Duration::from_millis(ms.into()), cx),
            Event::Load { load } => {
                if let Some(ears) = self.floor.ears.ours() {
                    ears.on_load(load);
                }
            }
            Event::Dtmf { digit } => self.on_dtmf(now, digit, cx),

            Event::ReplyText { turn, text } => self.on_reply_text(now, turn, &text, cx),
            Event::ReplyDone { turn, end } => self.on_reply_done(now, turn, end, cx),
            Event::ReplyAct { turn, act } => self.on_reply_act(turn, act),
            Event::ToolCall { turn, call } => self.on_tool_call(now, turn, call, cx),
            Event::ToolReturned { call, outcome } => self.on_tool_returned(now, call, outcome, cx),
            Event::ReplyFailed { turn } => self.on_reply_failed(now, turn, cx),
            Event::Synthesized { turn, size_bytes } => {
                self.on_audio(now, turn, size_bytes, cx);
            }
            Event::Words { turn, words } => {
                if let Some(agent) = self.floor.agent_of(turn) {
                    agent.on_words(&words);
                }
            }
            Event::SentenceDone { turn } | Event::SpeechFailed { turn } => {
                self.change_agent_turn(now, turn, cx, AgentTurn::on_sentence_done);
            }
            Event::Marked { name } => {
                if let Holder::Agent(turn) = &mut self.floor.holder {
                    turn.on_mark(now, &name, &mut self.floor.marks);
                }
                self.advance_agent_turn(now, cx);
            }
            Event::Stood { ms } => {
                if let Holder::Agent(turn) = &mut self.floor.holder {
                    turn.on_stood(now, Duration::from_millis(ms));
                }
                self.advance_agent_turn(now, cx);
            }

            Event::Drain => self.say_last_words(now, EndReason::Shutdown, cx),
            Event::HandOver => self.handing_over = self.hangs_up().is_none(),
            Event::Started | Event::Ended { .. } => (), // said twice; the call's own
        }
    }

    pub(crate) fn fire(&mut self, now: Duration, timer: Timer, cx: &mut Context) {
        match timer {
            Timer::Greeting => {
                let text = cx.settings.prompts.greeting.clone();
                self.greet(now, &text, Vec::new(), cx);
            }
            Timer::Pause => {
                if let Some(ears) = self.floor.ears.ours() {
                    ears.on_pause(cx);
                }
            }
            Timer::Endpoint => {
                if let Some(heard) = self.floor.ears.on_endpoint(now, cx) {
                    self.on_caller_turn(now, heard, cx);
                }
            }
            Timer::Utterance => {
                if let Some(ears) = self.floor.ears.ours() {
                    ears.on_long_utterance(now, cx);
                }
            }
            Timer::BargeIn => self.barge_in(now, cx),
            Timer::Playout => self.advance_agent_turn(now, cx),
            Timer::Guess => {
                if let Some(ears) = self.floor.ears.ours() {
                    ears.on_guess_due(now, cx);
                }
            }
            Timer::Filler => self.fill(now, cx),
            Timer::Reply => {
                if let Some(turn) = self.floor.agent().map(AgentTurn::id) {
                    cx.act(Action::CancelReply { turn });
                    self.on_reply_failed(now, turn, cx);
                }
            }
            Timer::Silence => self.on_silence(now, cx),
            Timer::Digits => self.on_digits(now, cx),
            Timer::MaxDuration => self.say_last_words(now, EndReason::MaxDuration, cx),
            Timer::HangUp => {
                // The last words took too long.
                if let Some(reason) = self.hangs_up() {
                    self.floor.cut_agent_turn(now, cx);
                    self.hang_up(now, reason, cx);
                }
            }
            Timer::Tool => self.on_tools_due(now, cx),
            Timer::Words => self.on_words_overdue(now, cx),
            Timer::LastWords => (), // set when there is no conversation any more
        }
    }

    // What the agent says

    fn greet(&mut self, now: Duration, text: &str, acts: Vec<Act>, cx: &mut Context) {
        let Holder::Greeting { then } = self.floor.holder else { return }; // the caller was greeted already
        cx.cancel(&[Timer::Greeting]);
        let turn = AgentTurn::words(cx.transcript.next_id(), Purpose::Greeting(then), text).doing(acts);
        self.give_to_agent(turn, cx);
        self.advance_agent_turn(now, cx);
        if self.floor.ears.is_voiced() {
            cx.set(Timer::BargeIn, now + cx.settings.go_on_delay);
        }
    }

    /// Says something that needs no agent.
    fn say(&mut self, now: Duration, purpose: Purpose, text: &str, cx: &mut Context) {
        let turn = AgentTurn::words(cx.transcript.next_id(), purpose, text);
        self.give_to_agent(turn, cx);
        self.advance_agent_turn(now, cx);
    }

    /// Asks the agent for an answer.
    fn think(&mut self, now: Duration, cue: Cue, cx: &mut Context) {
        let turn = cx.transcript.next_id();
        self.give_to_agent(AgentTurn::reply(turn, self.floor.voice()), cx);
        cx.act(Action::Think { turn, cue });
        cx.set(Timer::Filler, now + cx.settings.filler_delay);
        cx.set(Timer::Reply, now + cx.settings.reply_wait);
    }

    fn give_to_agent(&mut self, turn: AgentTurn, cx: &mut Context) {
        cx.cancel(&[Timer::Silence]);
        self.floor.holder = Holder::Agent(Box::new(turn));
    }

    fn on_reply_text(&mut self, now: Duration, turn: TurnId, text: &str, cx: &mut Context) {
        let Some(agent) = self.floor.agent_of(turn) else { return };
        if agent.is_overlong_with(text) {
            cx.act(Action::CancelReply { turn });
            self.on_reply_failed(now, turn, cx);
        } else if agent.on_reply_text(text) {
            cx.cancel(&[Timer::Filler]);
            cx.set(Timer::Reply, now + cx.settings.reply_wait);
            self.advance_agent_turn(now, cx);
        }
    }

    fn on_audio(&mut self, now: Duration, turn: TurnId, size_bytes: u32, cx: &mut Context) {
        let Some(agent) = self.floor.agent_of(turn) else { return };
        if agent.on_audio(size_bytes) {
            cx.cancel(&[Timer::Filler]);
            cx.set(Timer::Reply, now + cx.settings.reply_wait);
        }
        self.advance_agent_turn(now, cx);
    }

    fn on_reply_done(&mut self, now: Duration, turn: TurnId, end: ReplyEnd, cx: &mut Context) {
        let Some(agent) = self.floor.agent_of(turn) else { return };
        // What tools return is always told to the agent, whatever it had meant to do next.
        if agent.wait_for_tools() {
            cx.cancel(&[Timer::Reply]);
            self.cover_wait(now, cx);
        } else {
            agent.on_reply_done(&cx.settings.prompts.trouble, end == ReplyEnd::HangUp);
            cx.cancel(&[Timer::Filler, Timer::Reply]);
        }
        self.advance_agent_turn(now, cx);
    }

    fn on_reply_failed(&mut self, now: Duration, turn: TurnId, cx: &mut Context) {
        let Some(agent) = self.floor.agent_of(turn) else { return };
        agent.on_reply_failed(&cx.settings.prompts.trouble);
        cx.cancel(&[Timer::Filler, Timer::Reply]);
        self.advance_agent_turn(now, cx);
    }

    /// The answer is late.
    fn fill(&mut self, now: Duration, cx: &mut Context) {
        let Holder::Agent(turn) = &mut self.floor.holder else { return };
        if !turn.is_awaited() {
            return;
        }
        if turn.has_more_to_hear(now) {
            cx.set(Timer::Filler, now + cx.settings.filler_delay);
            return;
        }
        match cx.settings.dead_air {
            DeadAir::Words => turn.fill(Some(&cx.settings.prompts.filler)),
            DeadAir::Tone => {
                turn.fill(None);
                cx.set(Timer::Filler, now + TONE_INTERVAL);
            }
            DeadAir::Silence => (),
        }
        self.advance_agent_turn(now, cx);
    }

    fn change_agent_turn(
        &mut self,
        now: Duration,
        turn: TurnId,
        cx: &mut Context,
        change: impl FnOnce(&mut AgentTurn),
    ) {
        if let Some(agent) = self.floor.agent_of(turn) {
            change(agent);
            self.advance_agent_turn(now, cx);
        }
    }

    fn advance_agent_turn(&mut self, now: Duration, cx: &mut Context) {
        self.advance_tools(now, cx);
        let voiced = self.floor.ears.is_voiced();
        let Holder::Agent(turn) = &mut self.floor.holder else { return };
        // An answer that is ready while the caller speaks waits until it is clear whether they go on.
        let held_back = voiced && turn.is_reply();
        if turn.advance(now, held_back, &mut self.floor.marks, cx) == Progress::Over {
            self.finish_agent_turn(now, cx);
        }
    }

    fn finish_agent_turn(&mut self, now: Duration, cx: &mut Context) {
        match self.floor.finish_agent_turn(now, cx) {
            Some(Then::HangUp(reason)) => self.hang_up(now, reason, cx),
            // After the word of repair comes the answer that the caller is waiting for, if they do not speak again.
            Some(Then::Answer) if self.floor.ears.is_quiet() && !self.handing_over => {
                self.think(now, Cue::Answer, cx);
            }
            Some(Then::Answer | Then::Listen) => self.await_caller(now, cx),
            None => (), // the floor was not the agent's
        }
    }

    // Interruptions

    /// The caller has spoken over the agent for long enough.
    fn barge_in(&mut self, now: Duration, cx: &mut Context) {
        let Holder::Agent(turn) = &mut self.floor.holder else { return };
        match turn.purpose() {
            Purpose::LastWords(_) => (),
            Purpose::Greeting(_) if turn.is_thinking() => (), // it comes all the same
            Purpose::Greeting(_) | Purpose::Reply(_) | Purpose::Prompt(_) if !turn.is_thinking() => {
                turn.interrupt(now, &mut self.floor.marks, cx);
            }
            Purpose::Greeting(_) | Purpose::Reply(_) | Purpose::Prompt(_) => self.caller_goes_on(now, cx),
        }
    }

    /// The caller had not finished: what they say now belongs to what they said before.
    fn caller_goes_on(&mut self, now: Duration, cx: &mut Context) {
        let replying = self.floor.agent().is_some_and(|turn| turn.is_reply() && !turn.is_guess());
        self.floor.drop_agent_turn(now, cx);
        self.floor.ears.set_continues(replying && cx.transcript.ends_with_caller());
        if replying {
            self.floor.holder = Holder::Caller { unanswered: true };
        }
    }

    /// The interruption was none: the agent goes on where it stopped.
    fn resume(&mut self, now: Duration, cx: &mut Context) {
        let Holder::Agent(turn) = &mut self.floor.holder else { return };
        if turn.is_interrupted() {
            turn.resume();
            self.advance_agent_turn(now, cx);
        }
    }

    // Silence and the last words

    /// The floor is the caller's, and nothing is being said.
    fn await_caller(&mut self, now: Duration, cx: &mut Context) {
        if self.floor.ears.is_quiet() && self.digits.is_none() {
            cx.set(Timer::Silence, now + cx.settings.silence_delay);
        }
    }

    fn on_silence(&mut self, now: Duration, cx: &mut Context) {
        if !matches!(self.floor.holder, Holder::Caller { .. }) {
            return;
        }
        self.silence_prompts += 1;
        let (purpose, text) = if self.silence_prompts == 1 {
            (Purpose::Prompt(Then::Listen), cx.settings.prompts.still_there.clone())
        } else {
            (Purpose::Prompt(Then::HangUp(EndReason::Silence)), cx.settings.prompts.silence_goodbye.clone())
        };
        self.say(now, purpose, &text, cx);
    }

    /// Says the last words of a call that ends whatever the caller says.
    fn say_last_words(&mut self, now: Duration, reason: EndReason, cx: &mut Context) {
        if self.hangs_up().is_some() {
            return;
        }
        let prompts = &cx.settings.prompts;
        let text = if reason == EndReason::MaxDuration { prompts.time_is_up.clone() } else { prompts.drain.clone() };
        self.handing_over = false;
        cx.cancel(&[Timer::Greeting]);
        self.floor.cut_agent_turn(now, cx);
        cx.set(Timer::HangUp, now + cx.settings.goodbye_limit);
        self.say(now, Purpose::LastWords(reason), &text, cx);
    }

    fn hang_up(&mut self, now: Duration, reason: EndReason, cx: &mut Context) {
        self.floor.holder = Holder::HungUp(reason);
        cx.cancel(&[Timer::MaxDuration]);
        cx.set(Timer::HangUp, now + cx.settings.hang_up_wait);
        cx.act(Action::HangUp);
    }

    fn on_speech_stopped(&mut self, now: Duration, quality: VoiceQuality, late: bool, cx: &mut Context) {
        self.floor.ears.on_speech_stopped(now, quality, late, cx);
        cx.cancel(&[Timer::BargeIn]);
        self.advance_agent_turn(now, cx); // an answer may have waited for the voice to stop
    }
}
