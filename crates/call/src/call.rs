//! The call: whose turn it is, what is said next, what was heard, and when it is over.

use std::collections::VecDeque;
use std::time::Duration;

use redial_language::attention;

use crate::action::{Action, Cue, EndReason};
use crate::audio::{FRAME_BYTES, bytes_in};
use crate::ear::{Ear, Heard, Words};
use crate::event::{EndSignal, Event};
use crate::ids::{TurnId, UtteranceId};
use crate::playout::{Next, Playout};
use crate::saying::{Piece, Purpose, Saying};
use crate::settings::{DeadAir, Settings};
use crate::text;
use crate::timer::{Timer, Timers};
use crate::turn::{Role, Turn, Via};

/// The most keys in one row of digits.
const MAX_DIGITS: usize = 32;
/// The most keys in a turn that was joined from several rows.
const MAX_JOINED_DIGITS: usize = 256;
/// The longest turn of a caller, in bytes; what is longer goes on in the next turn.
const MAX_TURN_BYTES: usize = 4096;
/// Echo is told of in pieces; for this long after one, what sounds is taken for more of it.
const ECHO_HOLD: Duration = Duration::from_millis(200);
/// Our own words come back this late at most: the line's way there and back, and the recogniser's pre-roll.
const ECHO_LAG: Duration = Duration::from_millis(1500);
/// Words that a guess must hold before it cuts the agent short.
const GUESSED_WORDS: usize = 2;
/// The soft tone is heard this often while an answer is late.
const TONE_INTERVAL: Duration = Duration::from_millis(2000);
/// A "yes" this close before the end of a question answers it.
const ANSWER_MARGIN_BYTES: u64 = 12_000;

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
    settings: Settings,
    phase: Phase,
    timers: Timers,
    actions: VecDeque<Action>,
    turns: Vec<Turn>,
    turns_named: u32,
    ear: Ear,
    playout: Playout,
    /// The agent's turn in progress, from the question for an answer until it is heard, cut or dropped.
    saying: Option<Saying>,
    /// What memory answered before the carrier's `start`.
    greeting: Option<String>,
    digits: String,
    digits_since: Duration,
    /// How often the caller was asked into a silence.
    rung: u32,
    /// The caller went on after their turn had been taken for complete: more words belong to it.
    reopened: bool,
    /// The last words are being said; no interruption counts any more.
    closing: bool,
    /// Why we hung up.
    hung_up: Option<EndReason>,
    /// The stream broke after the caller's words and before an answer to them.
    owes_answer: bool,
    /// Another process takes the call over as soon as nobody speaks.
    handing_over: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// The carrier has not started the stream.
    Waiting,
    /// Memory has not said whom to greet.
    Greeting,
    /// The floor is the caller's.
    Listening,
    /// The agent's turn has begun, without a sound so far.
    Thinking,
    /// The agent's audio plays.
    Speaking,
    /// The caller speaks over the agent; playback stands still until it is clear what they say.
    Interrupted,
    /// The carrier was told to end the call.
    HangingUp,
    /// The call is over but for the transcript of the last words.
    Ending(EndReason),
    Ended,
}

impl Call {
    /// A call that the carrier is about to start.
    pub fn new(settings: Settings) -> Self {
        Self {
            settings,
            phase: Phase::Waiting,
            timers: Timers::default(),
            actions: VecDeque::new(),
            turns: Vec::new(),
            turns_named: 0,
            ear: Ear::default(),
            playout: Playout::new(),
            saying: None,
            greeting: None,
            digits: String::new(),
            digits_since: Duration::ZERO,
            rung: 0,
            reopened: false,
            closing: false,
            hung_up: None,
            owes_answer: false,
            handing_over: false,
        }
    }

    /// The turns so far, oldest first, in the order in which they ended.
    pub fn turns(&self) -> &[Turn] {
        &self.turns
    }

    /// True after [`Action::End`].
    pub fn is_ended(&self) -> bool {
        self.phase == Phase::Ended
    }

    /// The next thing to do.
    pub fn poll_action(&mut self) -> Option<Action> {
        self.actions.pop_front()
    }

    /// When [`Call::handle_timeout`] is due, as time since the call began.
    pub fn poll_timeout(&self) -> Option<Duration> {
        self.timers.next()
    }

    /// Lets every deadline up to `now` pass.
    pub fn handle_timeout(&mut self, now: Duration) {
        while let Some((timer, due)) = self.timers.take_due(now) {
            self.fire(due, timer);
        }
    }

    /// Takes one event.
    pub fn handle(&mut self, now: Duration, event: Event) {
        self.handle_timeout(now);
        match (self.phase, event) {
            (Phase::Ended, _) => (), // the carrier may still be sending
            (Phase::Ending(_), Event::Transcript { utterance, text }) => {
                self.on_last_words(now, utterance, Words::Text(text));
            }
            (Phase::Ending(_), Event::NoSpeech { utterance }) => self.on_last_words(now, utterance, Words::Noise),
            (Phase::Ending(_), Event::TranscriptionFailed { utterance }) => {
                self.on_last_words(now, utterance, Words::Failed);
            }
            (Phase::Ending(_), _) => (), // nobody is there to hear it
            (_, Event::Ended { by }) => self.end(now, by),

            (Phase::Waiting, Event::Resumed { turns }) => self.on_resumed(turns),
            (_, Event::Resumed { .. }) => (), // too late: there are new turns already
            (Phase::Waiting, Event::Started) => self.on_started(now),
            (Phase::Waiting, Event::Greeting { text }) => self.greeting = Some(text),
            (Phase::Waiting, Event::Load { load }) => self.ear.on_load(load),
            (Phase::Waiting, _) => (), // nothing is said before `start`
            (Phase::Greeting, Event::Greeting { text }) => self.greet(now, text),
            (_, Event::Greeting { .. }) => (), // too late: the caller was greeted without it
            (_, Event::Started) => (),         // said twice

            (_, Event::SpeechStarted) => self.on_speech_started(now),
            (_, Event::Murmur) => self.ear.on_murmur(),
            (_, Event::Late) => self.ear.on_late(),
            (_, Event::SpeechStopped) => self.on_speech_stopped(now),
            (_, Event::Transcript { utterance, text }) => self.on_transcript(now, utterance, Words::Text(text)),
            (_, Event::NoSpeech { utterance }) => self.on_transcript(now, utterance, Words::Noise),
            (_, Event::TranscriptionFailed { utterance }) => self.on_transcript(now, utterance, Words::Failed),
            (_, Event::Partial { utterance, text }) => self.on_partial(now, utterance, &text),
            (_, Event::TurnEnd { utterance, percent }) => {
                self.ear.on_turn_end(now, utterance, percent, &self.settings, &mut self.timers);
            }
            (_, Event::Echo { ms }) => self.on_echo(now, ms),
            (_, Event::Load { load }) => self.ear.on_load(load),

            (_, Event::ReplyText { turn, text }) => self.on_reply_text(now, turn, text),
            (_, Event::ReplyDone { turn, hang_up }) => self.on_reply_done(now, turn, hang_up),
            (_, Event::ReplyFailed { turn }) => self.on_reply_failed(now, turn),
            (_, Event::Synthesized { turn, size_bytes }) => {
                if let Some(saying) = self.saying_of(turn) {
                    saying.on_audio(u64::from(size_bytes));
                    self.pump(now);
                }
            }
            (_, Event::SentenceDone { turn } | Event::SpeechFailed { turn }) => {
                if let Some(saying) = self.saying_of(turn) {
                    saying.on_sentence_done();
                    self.pump(now);
                }
            }
            (_, Event::Marked { name }) => {
                self.playout.on_mark(now, &name);
                self.pump(now);
            }
            (_, Event::Stood { ms }) => {
                self.playout.stood(now, Duration::from_millis(ms));
                self.pump(now);
            }
            (Phase::HangingUp, Event::Dtmf { .. } | Event::Drain | Event::HandOver) => (), // too late
            (_, Event::Dtmf { digit }) => self.on_dtmf(now, digit),
            (_, Event::Drain) => {
                let text = self.settings.prompts.drain.clone();
                self.close(now, text, EndReason::Shutdown);
            }
            (_, Event::HandOver) => {
                self.handing_over = !self.closing;
                self.hand_over_if_quiet(now);
            }
        }
    }

    fn fire(&mut self, now: Duration, timer: Timer) {
        match timer {
            Timer::Greeting => {
                let text = self.settings.prompts.greeting.clone();
                self.greet(now, text);
            }
            Timer::Pause => self.ear.on_pause(&mut self.actions),
            Timer::Endpoint => {
                let heard = self.ear.on_endpoint(&self.settings, &mut self.timers, now, &mut self.actions);
                if let Some(heard) = heard {
                    self.on_heard(now, heard);
                }
            }
            Timer::Utterance => {
                self.ear.on_long_utterance(now, &self.settings, &mut self.timers, &mut self.actions);
            }
            Timer::BargeIn => self.barge_in(now),
            Timer::Playout => self.pump(now),
            Timer::Guess => self.ear.on_guess_due(now, &self.settings, &mut self.timers, &mut self.actions),
            Timer::Filler => self.fill(now),
            Timer::Reply => {
                if let Some(turn) = self.saying.as_ref().map(|saying| saying.turn) {
                    self.actions.push_back(Action::CancelReply { turn });
                    self.on_reply_failed(now, turn);
                }
            }
            Timer::Silence => self.on_silence(now),
            Timer::Digits => self.on_digits(now),
            Timer::MaxDuration => {
                let text = self.settings.prompts.time_is_up.clone();
                self.close(now, text, EndReason::MaxDuration);
            }
            Timer::HangUp => match (self.phase, self.hung_up) {
                (Phase::HangingUp, reason) => self.finish(now, reason.unwrap_or(EndReason::AgentHungUp)),
                (_, reason) => {
                    // The last words took too long.
                    self.cut(now, true);
                    self.hang_up(now, reason.unwrap_or(EndReason::AgentHungUp));
                }
            },
            Timer::LastWords => {
                if let Phase::Ending(reason) = self.phase {
                    self.finish(now, reason);
                }
            }
        }
    }

    fn on_resumed(&mut self, turns: Vec<Turn>) {
        self.turns_named = turns.iter().map(|turn| turn.id.0).max().unwrap_or(0);
        let last = turns.iter().max_by_key(|turn| (turn.end_ms, turn.id.0));
        self.owes_answer = last.is_some_and(|turn| turn.role == Role::Caller && !turn.text.is_empty());
        self.turns = turns;
    }

    fn on_started(&mut self, now: Duration) {
        // Counted from the call's beginning, also if it goes on here; there is always time for a goodbye.
        let limit = self.settings.max_duration.max(now + self.settings.goodbye_limit);
        self.timers.set(Timer::MaxDuration, limit);
        if let Some(text) = self.greeting.take() {
            self.greet(now, text);
        } else {
            self.phase = Phase::Greeting;
            self.timers.set(Timer::Greeting, now + self.settings.greeting_wait);
        }
    }

    fn greet(&mut self, now: Duration, text: String) {
        self.timers.cancel(Timer::Greeting);
        self.say(now, text, Purpose::Greeting, None);
        if self.ear.is_voiced() {
            self.timers.set(Timer::BargeIn, now + self.settings.go_on_delay);
        }
    }

    // The caller's voice

    fn on_speech_started(&mut self, now: Duration) {
        self.ear.on_speech_started(now, &self.settings, &mut self.timers, &mut self.actions);
        let over = self.saying.as_ref().is_some_and(|saying| saying.is_synthesised() && self.playout.is_over(now));
        if self.phase == Phase::Speaking && over {
            self.finish_turn(now); // its last mark is late or lost; they do not speak over it
        }
        self.timers.cancel(Timer::Silence);
        let delay = match self.phase {
            Phase::Speaking => self.settings.barge_in_delay,
            Phase::Thinking => self.settings.go_on_delay,
            _ => return,
        };
        self.timers.set(Timer::BargeIn, now + delay);
    }

    fn on_speech_stopped(&mut self, now: Duration) {
        self.ear.on_speech_stopped(now, &self.settings, &mut self.timers);
        self.timers.cancel(Timer::BargeIn);
        self.pump(now); // an answer may have waited for the voice to stop
    }

    fn on_transcript(&mut self, now: Duration, utterance: UtteranceId, words: Words) {
        let heard = self.ear.on_transcript(now, utterance, words, &self.settings, &mut self.timers, &mut self.actions);
        if let Some(heard) = heard {
            self.on_heard(now, heard);
        } else if self.phase == Phase::Interrupted && self.ear.is_noise() {
            self.resume(now); // a fan or a street, not a person
        }
    }

    /// What the recogniser makes of an utterance that goes on: whether to stop for it is clear before it ends.
    fn on_partial(&mut self, now: Duration, utterance: UtteranceId, text: &str) {
        let current = self.ear.on_partial(utterance, text);
        let speaking = matches!(self.phase, Phase::Speaking | Phase::Interrupted);
        if !current || !speaking || self.closing {
            return;
        }
        let echo = self.ear.is_echo(now) && attention::repeat(text, &self.said(now));
        if attention::count(text) >= GUESSED_WORDS && !echo && self.claims_turn(now, text, false) {
            self.cut(now, true);
            self.phase = Phase::Listening;
        } else if self.phase == Phase::Interrupted && self.ear.is_noise() {
            self.resume(now);
        }
    }

    /// The caller's telephone gives our own voice back: no reason to stop.
    fn on_echo(&mut self, now: Duration, ms: u32) {
        self.ear.on_echo(Duration::from_millis(ms.into()));
        let later = now + ECHO_HOLD + self.settings.barge_in_delay;
        match self.phase {
            Phase::Speaking if self.timers.is_set(Timer::BargeIn) => self.timers.set(Timer::BargeIn, later),
            Phase::Interrupted if self.ear.is_echo(now) => {
                self.timers.set(Timer::BargeIn, later);
                self.resume(now);
            }
            _ => (),
        }
    }

    /// What the agent says, or has said so shortly before that its echo may still come.
    fn said(&self, now: Duration) -> String {
        let before = self.turns.iter().rev().find(|turn| turn.role == Role::Agent);
        let before = before.filter(|turn| Duration::from_millis(turn.end_ms) + ECHO_LAG >= now);
        let mut said = before.map(|turn| format!("{} {}", turn.text, turn.cut)).unwrap_or_default();
        if let Some(saying) = &self.saying {
            said.push(' ');
            said.push_str(&saying.text());
        }
        said
    }

    /// The caller has finished saying something.
    fn on_heard(&mut self, now: Duration, mut heard: Heard) {
        // What came late was not heard beside what we said meanwhile: then the words alone must tell.
        if (heard.is_mostly_echo() || heard.late) && attention::repeat(&heard.text, &self.said(heard.start)) {
            heard.text.clear(); // our own words
            heard.voiced = Duration::ZERO;
        }
        let has_words = !heard.text.is_empty();
        match self.phase {
            _ if self.closing && has_words => self.record_caller(&heard, Via::Voice), // kept, but not answered
            Phase::Listening if has_words => self.take_turn(now, heard),
            Phase::Listening if self.reopened => {
                self.reopened = false; // it was a noise: the turn had been complete
                self.think(now, Cue::Answer);
            }
            Phase::Listening if heard.failed || (heard.voiced >= self.settings.min_unclear && !heard.murmur) => {
                self.record_caller(&heard, Via::Voice);
                self.think(now, Cue::Unclear);
            }
            Phase::Listening => self.listen(now),
            Phase::Thinking if has_words => {
                // A short word after the turn seemed complete.
                self.drop_reply();
                self.take_turn(now, heard);
            }
            Phase::Speaking | Phase::Interrupted if heard.is_hum() => self.resume(now),
            Phase::Speaking | Phase::Interrupted
                if has_words && heard.late && !attention::is_backchannel(&heard.text) =>
            {
                // Not said over what we say now, so that it does not cut us short; it is answered after it.
                self.record_caller(&heard, Via::Voice);
                self.owes_answer = true;
                self.resume(now);
            }
            Phase::Speaking | Phase::Interrupted
                if has_words && self.claims_turn(now, &heard.text, heard.is_aside()) =>
            {
                self.cut(now, true);
                self.phase = Phase::Listening;
                self.take_turn(now, heard);
            }
            Phase::Speaking | Phase::Interrupted
                if has_words && !heard.is_mostly_echo() && !attention::is_backchannel(&heard.text) =>
            {
                // It may have been a word, and nothing that is said is lost.
                self.record_caller(&heard, Via::Voice);
                self.resume(now);
            }
            Phase::Interrupted => self.resume(now),
            Phase::Greeting | Phase::HangingUp if has_words => self.record_caller(&heard, Via::Voice),
            Phase::Thinking | Phase::Speaking | Phase::Greeting | Phase::HangingUp => (), // a noise
            Phase::Waiting | Phase::Ending(_) | Phase::Ended => (),                       // the ear is not open
        }
    }

    /// True when words spoken over the agent want an answer of their own.
    fn claims_turn(&self, now: Duration, text: &str, aside: bool) -> bool {
        let Some(saying) = &self.saying else { return false };
        let left = saying.available().saturating_sub(self.playout.heard(now));
        let answers = saying.asks() && saying.is_synthesised() && left <= ANSWER_MARGIN_BYTES;
        let polite = attention::is_backchannel(text) || (saying.hang_up.is_some() && attention::is_farewell(text));
        answers || !(polite || aside)
    }

    fn take_turn(&mut self, now: Duration, heard: Heard) {
        self.rung = 0;
        self.owes_answer = false;
        self.record_caller(&heard, Via::Voice);
        self.think(now, Cue::Answer);
    }

    fn record_caller(&mut self, heard: &Heard, via: Via) {
        let (start_ms, end_ms) = (whole_ms(heard.start), whole_ms(heard.end));
        let reopened = std::mem::take(&mut self.reopened);
        let fits = |turn: &&mut Turn| turn.text.len() + 1 + heard.text.len() <= MAX_TURN_BYTES;
        if let Some(turn) = self.turns.last_mut().filter(|turn| reopened && turn.role == Role::Caller).filter(fits) {
            if !turn.text.is_empty() && !heard.text.is_empty() {
                turn.text.push(' ');
            }
            turn.text.push_str(&heard.text);
            turn.end_ms = end_ms;
            self.actions.push_back(Action::TurnDone(turn.clone()));
            return;
        }
        let mut rest = heard.text.as_str();
        loop {
            let (text, after) = text::split_within(rest, MAX_TURN_BYTES);
            let turn = Turn {
                id: self.next_turn(),
                role: Role::Caller,
                via,
                text: text.to_owned(),
                cut: String::new(),
                never_sent: String::new(),
                start_ms,
                end_ms,
            };
            self.keep(turn);
            rest = after;
            if rest.is_empty() {
                return;
            }
        }
    }

    // The caller's keys

    fn on_dtmf(&mut self, now: Duration, digit: char) {
        if self.closing {
            return;
        }
        self.timers.cancel(Timer::Silence);
        if self.digits.is_empty() {
            self.digits_since = now;
        }
        if self.digits.len() < MAX_DIGITS {
            self.digits.push(digit);
        }
        match self.phase {
            Phase::Speaking | Phase::Interrupted => {
                self.cut_for_keys(now);
                self.phase = Phase::Listening;
            }
            Phase::Thinking => {
                self.drop_reply();
                self.phase = Phase::Listening;
            }
            Phase::Waiting
            | Phase::Greeting
            | Phase::Listening
            | Phase::HangingUp
            | Phase::Ending(_)
            | Phase::Ended => (),
        }
        if digit == '#' && self.phase == Phase::Listening {
            self.timers.cancel(Timer::Digits);
            self.on_digits(now);
        } else {
            self.timers.set(Timer::Digits, now + self.settings.digits_delay);
        }
    }

    fn on_digits(&mut self, now: Duration) {
        if self.closing {
            self.record_digits(now); // kept, but not answered
            return;
        }
        match self.phase {
            Phase::Speaking | Phase::Interrupted => self.cut_for_keys(now),
            Phase::Thinking => self.drop_reply(),
            Phase::Greeting => {
                self.timers.set(Timer::Digits, now + self.settings.digits_delay);
                return;
            }
            Phase::Listening | Phase::Waiting | Phase::HangingUp | Phase::Ending(_) | Phase::Ended => (),
        }
        self.reopened = false;
        self.owes_answer = false;
        self.rung = 0;
        if self.record_digits(now) {
            self.think(now, Cue::Answer);
        }
    }

    fn record_digits(&mut self, now: Duration) -> bool {
        let text = std::mem::take(&mut self.digits);
        let pressed = !text.is_empty();
        if pressed && !self.join_digits(now, &text) {
            let (voiced, echoed) = (Duration::ZERO, Duration::ZERO);
            let heard = Heard {
                text,
                start: self.digits_since,
                end: now,
                voiced,
                echoed,
                failed: false,
                fragment: false,
                murmur: false,
                late: false,
            };
            self.record_caller(&heard, Via::Keypad);
        }
        pressed
    }

    /// Adds a row of keys to the one right before it, if nothing was said or heard between them. False: it is a turn of its own.
    fn join_digits(&mut self, now: Duration, digits: &str) -> bool {
        let soon = self.digits_since.saturating_sub(self.settings.digits_delay);
        let before = self.turns.last_mut().filter(|turn| turn.role == Role::Caller && turn.via == Via::Keypad);
        let Some(turn) = before.filter(|turn| Duration::from_millis(turn.end_ms) >= soon) else { return false };
        if turn.text.len() + 1 + digits.len() > MAX_JOINED_DIGITS {
            return false;
        }
        if !turn.text.ends_with('#') {
            turn.text.push(' '); // where one row ends stays to be seen
        }
        turn.text.push_str(digits);
        turn.end_ms = whole_ms(now);
        self.actions.push_back(Action::TurnDone(turn.clone()));
        true
    }

    /// Ends the agent's turn for a key. One of which nothing was heard is none: keys that go on would else leave one each.
    fn cut_for_keys(&mut self, now: Duration) {
        let heard = self.playout.heard(now);
        let whole = heard - heard % FRAME_BYTES as u64; // as much as counts when it is cut
        if self.saying.as_ref().is_some_and(|saying| !saying.split(whole, whole).heard.is_empty()) {
            return self.cut(now, true);
        }
        if self.phase == Phase::Speaking {
            self.actions.push_back(Action::Clear);
        }
        self.playout.clear(now);
        self.drop_reply();
    }

    // The agent's turn

    fn think(&mut self, now: Duration, cue: Cue) {
        let turn = self.next_turn();
        self.begin_saying(Saying::new(turn, Purpose::Reply));
        self.actions.push_back(Action::Think { turn, cue });
        self.timers.set(Timer::Filler, now + self.settings.filler_delay);
        self.timers.set(Timer::Reply, now + self.settings.reply_wait);
    }

    /// Says something that needs no agent.
    fn say(&mut self, now: Duration, text: String, purpose: Purpose, hang_up: Option<EndReason>) {
        let mut saying = Saying::new(self.next_turn(), purpose);
        saying.push(text);
        saying.complete = true;
        saying.hang_up = hang_up;
        self.begin_saying(saying);
        self.pump(now);
    }

    fn begin_saying(&mut self, saying: Saying) {
        self.timers.cancel(Timer::Silence);
        self.playout.begin(saying.turn);
        self.saying = Some(saying);
        self.phase = Phase::Thinking;
    }

    fn on_reply_text(&mut self, now: Duration, turn: TurnId, text: String) {
        let reply_wait = self.settings.reply_wait;
        let Some(saying) = self.saying_of(turn) else { return };
        saying.push(text);
        saying.answered = true;
        self.timers.cancel(Timer::Filler);
        self.timers.set(Timer::Reply, now + reply_wait);
        self.pump(now);
    }

    fn on_reply_done(&mut self, now: Duration, turn: TurnId, hang_up: bool) {
        let Some(saying) = self.saying_of(turn) else { return };
        if !saying.answered {
            return self.on_reply_failed(now, turn);
        }
        saying.complete = true;
        saying.hang_up = hang_up.then_some(EndReason::AgentHungUp);
        self.reply_over();
        self.pump(now);
    }

    fn on_reply_failed(&mut self, now: Duration, turn: TurnId) {
        let trouble = self.settings.prompts.trouble.clone();
        let Some(saying) = self.saying_of(turn) else { return };
        if !saying.answered {
            saying.push(trouble);
        }
        saying.complete = true;
        self.reply_over();
        self.pump(now);
    }

    /// The answer is late.
    fn fill(&mut self, now: Duration) {
        let Some(saying) = self.saying.as_mut().filter(|saying| !saying.answered && !saying.complete) else { return };
        match self.settings.dead_air {
            DeadAir::Words => saying.push_filler(&self.settings.prompts.filler),
            DeadAir::Tone => {
                saying.push_tone();
                self.timers.set(Timer::Filler, now + TONE_INTERVAL);
            }
            DeadAir::Silence => (),
        }
        self.pump(now);
    }

    fn reply_over(&mut self) {
        self.timers.cancel(Timer::Filler);
        self.timers.cancel(Timer::Reply);
    }

    /// The agent's turn in progress, if it is the one a result belongs to.
    fn saying_of(&mut self, turn: TurnId) -> Option<&mut Saying> {
        self.saying.as_mut().filter(|saying| saying.turn == turn)
    }

    /// Moves the agent's turn on: asks for synthesis, sends what may be sent, notices that all was heard.
    fn pump(&mut self, now: Duration) {
        let Some(saying) = &mut self.saying else { return };
        let available = saying.available();
        let complete = saying.is_synthesised();
        let ahead = available.saturating_sub(self.playout.sent_most());
        if ahead <= bytes_in(self.settings.synthesis_lead)
            && let Some(piece) = saying.next_piece()
        {
            let turn = saying.turn;
            self.actions.push_back(match piece {
                Piece::Words(text) => Action::Speak { turn, text },
                Piece::Filler(text) => Action::Fill { turn, text: Some(text) },
                Piece::Tone => Action::Fill { turn, text: None },
            });
        }
        if complete && available == 0 {
            return self.finish_turn(now); // nothing of it could be spoken
        }
        // An answer that is ready while the caller speaks waits until it is clear whether they go on.
        let waits = self.ear.is_voiced() && saying.purpose == Purpose::Reply;
        if self.phase == Phase::Thinking && available > 0 && !waits {
            self.phase = Phase::Speaking;
            saying.start = Some(now);
        }
        if self.phase != Phase::Speaking {
            return;
        }
        while let Some(piece) = self.playout.take(now, available, complete, &self.settings) {
            self.actions.push_back(Action::Play {
                turn: saying.turn,
                offset_bytes: piece.offset_bytes,
                size_bytes: piece.size_bytes,
            });
            if let Some(name) = piece.mark {
                self.actions.push_back(Action::Mark { name });
            }
        }
        match self.playout.next(available, complete, &self.settings) {
            Next::Heard(at) if at <= now => self.finish_turn(now),
            Next::Heard(at) | Next::Send(at) => self.timers.set(Timer::Playout, at),
            Next::Audio => self.timers.cancel(Timer::Playout),
        }
    }

    /// The agent's turn was heard to its end.
    fn finish_turn(&mut self, now: Duration) {
        let Some(saying) = self.saying.take() else { return };
        self.timers.cancel(Timer::Playout);
        self.timers.cancel(Timer::BargeIn);
        self.reply_over();
        self.playout.give_up_marks();
        self.keep_agent_turn(now, &saying, u64::MAX, u64::MAX);
        match saying.hang_up {
            Some(reason) => self.hang_up(now, reason),
            // After the word of repair comes the answer that the caller is waiting for, if they do not speak again.
            None if self.owes_answer && self.ear.is_quiet() && !self.handing_over => {
                self.owes_answer = false;
                self.think(now, Cue::Answer);
            }
            None => self.listen(now),
        }
    }

    /// The caller has spoken over the agent for long enough.
    fn barge_in(&mut self, now: Duration) {
        if self.closing {
            return;
        }
        match self.phase {
            Phase::Speaking => {
                self.actions.push_back(Action::Clear);
                self.playout.clear(now);
                self.timers.cancel(Timer::Playout);
                self.phase = Phase::Interrupted;
            }
            Phase::Thinking if self.saying.as_ref().is_some_and(|saying| saying.purpose != Purpose::Greeting) => {
                // The caller had not finished.
                let replying = self.saying.as_ref().is_some_and(|saying| saying.purpose == Purpose::Reply);
                self.drop_reply();
                self.phase = Phase::Listening;
                self.reopened = replying && self.turns.last().is_some_and(|turn| turn.role == Role::Caller);
            }
            Phase::Thinking // the greeting comes all the same
            | Phase::Waiting
            | Phase::Greeting
            | Phase::Listening
            | Phase::Interrupted
            | Phase::HangingUp
            | Phase::Ending(_)
            | Phase::Ended => (),
        }
    }

    /// The interruption was none: the agent goes on where it stopped.
    fn resume(&mut self, now: Duration) {
        self.phase = Phase::Speaking;
        self.pump(now);
    }

    /// Drops an answer of which nothing was heard.
    fn drop_reply(&mut self) {
        if let Some(saying) = self.saying.take() {
            self.stop_saying(&saying);
        }
    }

    /// Ends the agent's turn where the caller's ear is now; the rest is not said.
    fn cut(&mut self, now: Duration, line_is_up: bool) {
        let Some(saying) = self.saying.take() else { return };
        if line_is_up && self.phase == Phase::Speaking {
            self.actions.push_back(Action::Clear);
        }
        let heard = self.playout.clear(now);
        self.stop_saying(&saying);
        if saying.start.is_some() {
            self.keep_agent_turn(now, &saying, heard, self.playout.sent_most());
        }
    }

    fn stop_saying(&mut self, saying: &Saying) {
        self.timers.cancel(Timer::Playout);
        self.timers.cancel(Timer::BargeIn);
        self.reply_over();
        if !saying.complete {
            self.actions.push_back(Action::CancelReply { turn: saying.turn });
        }
        self.actions.push_back(Action::CancelSpeech { turn: saying.turn });
    }

    fn keep_agent_turn(&mut self, now: Duration, saying: &Saying, heard_bytes: u64, sent_bytes: u64) {
        let split = saying.split(heard_bytes, sent_bytes);
        self.keep(Turn {
            id: saying.turn,
            role: Role::Agent,
            via: Via::Voice,
            text: split.heard,
            cut: split.cut,
            never_sent: split.never_sent,
            start_ms: whole_ms(saying.start.unwrap_or(now)),
            end_ms: whole_ms(now),
        });
    }

    fn keep(&mut self, turn: Turn) {
        self.actions.push_back(Action::TurnDone(turn.clone()));
        self.turns.push(turn);
    }

    fn next_turn(&mut self) -> TurnId {
        self.turns_named += 1;
        TurnId(self.turns_named)
    }

    // Silence and the end

    fn listen(&mut self, now: Duration) {
        self.phase = Phase::Listening;
        if self.ear.is_quiet() && self.digits.is_empty() {
            self.timers.set(Timer::Silence, now + self.settings.silence_delay);
        }
        self.hand_over_if_quiet(now);
    }

    /// Lets the call go between two turns, so that no word of either side is torn.
    fn hand_over_if_quiet(&mut self, now: Duration) {
        let between_turns = self.phase == Phase::Listening && self.ear.is_quiet() && self.digits.is_empty();
        if self.handing_over && between_turns {
            self.finish(now, EndReason::HandedOver);
        }
    }

    fn on_silence(&mut self, now: Duration) {
        if self.phase != Phase::Listening {
            return;
        }
        self.rung += 1;
        let prompts = &self.settings.prompts;
        if self.rung == 1 {
            let text = prompts.still_there.clone();
            self.say(now, text, Purpose::Prompt, None);
        } else {
            let text = prompts.silence_goodbye.clone();
            self.say(now, text, Purpose::Prompt, Some(EndReason::Silence));
        }
    }

    /// Says the last words of a call that ends whatever the caller says.
    fn close(&mut self, now: Duration, text: String, reason: EndReason) {
        if self.closing || self.phase == Phase::HangingUp {
            return;
        }
        self.closing = true;
        self.hung_up = Some(reason);
        self.timers.cancel(Timer::Greeting);
        self.cut(now, true);
        self.timers.set(Timer::HangUp, now + self.settings.goodbye_limit);
        self.say(now, text, Purpose::Prompt, Some(reason));
    }

    fn hang_up(&mut self, now: Duration, reason: EndReason) {
        self.hung_up = Some(reason);
        self.phase = Phase::HangingUp;
        self.timers.cancel(Timer::MaxDuration);
        self.timers.set(Timer::HangUp, now + self.settings.hang_up_wait);
        self.actions.push_back(Action::HangUp);
    }

    fn end(&mut self, now: Duration, by: EndSignal) {
        let reason = self.hung_up.unwrap_or(match by {
            EndSignal::Stop | EndSignal::Status => EndReason::CallerHungUp,
            EndSignal::SocketClosed => EndReason::Disconnected,
            EndSignal::Shutdown => EndReason::Shutdown,
        });
        self.cut(now, false);
        self.timers.cancel_all();
        self.record_digits(now);
        if self.ear.on_call_over(now, &mut self.timers, &mut self.actions) {
            self.phase = Phase::Ending(reason);
            self.timers.set(Timer::LastWords, now + self.settings.transcript_wait);
        } else {
            self.finish(now, reason);
        }
    }

    fn on_last_words(&mut self, now: Duration, utterance: UtteranceId, words: Words) {
        if self.ear.on_last_transcript(utterance, words)
            && let Phase::Ending(reason) = self.phase
        {
            self.finish(now, reason);
        }
    }

    fn finish(&mut self, now: Duration, reason: EndReason) {
        self.cut(now, false);
        if let Some(heard) = self.ear.last_words(&mut self.timers, &mut self.actions)
            && !heard.text.is_empty()
        {
            self.record_caller(&heard, Via::Voice);
        }
        self.timers.cancel_all();
        self.phase = Phase::Ended;
        self.actions.push_back(Action::End { reason });
    }
}

fn whole_ms(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
