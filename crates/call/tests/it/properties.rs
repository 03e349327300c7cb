//! Properties: whatever happens, in whatever order, the call keeps its contract.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use proptest::prelude::*;
use redial_call::log::{Log, Step as LogStep, header_line, step_line};
use redial_call::{
    Act, Action, Call, Cue, Effect, EndReason, EndSignal, Endpointing, Event, Load, Medium, ReplyEnd, Role, Settings,
    ToolCallId, ToolOutcome, ToolRequest, Turn, TurnId, UtteranceId, VoiceQuality,
};

/// Something that may happen; turns and utterances are relative to the newest, so that many hit.
#[derive(Debug, Clone)]
enum Step {
    Event(Event),
    Reply { back: u32, text: &'static str },
    Done { back: u32, end: ReplyEnd },
    Failed { back: u32 },
    Act { back: u32, act: Act },
    Tool { back: u32, name: &'static str },
    ToolReturned { back: usize, outcome: ToolOutcome },
    Audio { back: u32, size_bytes: u32 },
    Sentence { back: u32 },
    Transcript { back: u32, text: &'static str },
    Unheard { back: u32 },
    Noise { back: u32 },
    Partial { back: u32, text: &'static str },
    TurnEnd { back: u32, percent: u8 },
    Committed,
    CallerWords { back: u32, text: &'static str },
    Echo { back: usize },
}

fn back() -> impl Strategy<Value = u32> {
    prop_oneof![8 => Just(0u32), 1 => Just(1), 1 => Just(2)]
}

fn words() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec!["", "Okay.", "I want to change my visit.", "my number is", "bye", "Stop."])
}

fn rarely(event: Event) -> impl Strategy<Value = Step> {
    prop::bool::weighted(0.05).prop_map(move |now| Step::Event(if now { event.clone() } else { Event::Started }))
}

/// What the caller and the line do.
fn line() -> impl Strategy<Value = Step> {
    let voice = || {
        (prop::bool::weighted(0.3), prop::bool::weighted(0.1)).prop_map(|(murmur, late)| {
            let quality = if murmur { VoiceQuality::Murmur } else { VoiceQuality::Clear };
            Step::Event(Event::SpeechStopped { quality, late })
        })
    };
    prop_oneof![
        3 => Just(Step::Event(Event::SpeechStarted)),
        4 => voice(),
        1 => (1u64..10_000).prop_map(|ms| Step::Event(Event::Stood { ms })),
        1 => rarely(Event::HandOver),
        1 => rarely(Event::Drain),
        1 => Just(Step::Event(Event::Greeting { text: "Welcome back.".into(), acts: Vec::new() })),
        1 => prop::sample::select(vec!['1', '5', '#', '*']).prop_map(|digit| Step::Event(Event::Dtmf { digit })),
        1 => Just(Step::Event(Event::Marked { name: "unknown".into() })),
        3 => (0usize..3).prop_map(|back| Step::Echo { back }),
        1 => (1u32..400).prop_map(|ms| Step::Event(Event::Echo { ms })),
    ]
}

/// What the recogniser says, whichever driver decides.
fn recogniser() -> impl Strategy<Value = Step> {
    prop_oneof![
        3 => (back(), words()).prop_map(|(back, text)| Step::Transcript { back, text }),
        2 => (back(), words()).prop_map(|(back, text)| Step::Partial { back, text }),
        2 => (back(), 0u8..=100).prop_map(|(back, percent)| Step::TurnEnd { back, percent }),
        1 => back().prop_map(|back| Step::Unheard { back }),
        1 => back().prop_map(|back| Step::Noise { back }),
        1 => prop::sample::select(vec![Load::Ample, Load::Tight, Load::Full])
            .prop_map(|load| Step::Event(Event::Load { load })),
        2 => Just(Step::Event(Event::TurnStarted)),
        3 => words().prop_map(|text| Step::Event(Event::EagerEnd { text: text.into() })),
        1 => Just(Step::Event(Event::TurnResumed)),
        3 => words().prop_map(|text| Step::Event(Event::TurnEnded { text: text.into() })),
        3 => Just(Step::Committed),
        3 => (back(), words()).prop_map(|(back, text)| Step::CallerWords { back, text }),
        3 => (words(), prop::bool::ANY)
            .prop_map(|(text, last)| Step::Event(Event::Prompted { text: text.into(), last })),
        2 => prop::sample::select(vec!["", "Here is", "Here is an answer of some length.", "a b c d e f g h i j k l m n"])
            .prop_map(|heard| Step::Event(Event::Interrupted { heard: heard.into() })),
        2 => prop::sample::select(vec!["", "Here is", "Here is an answer of some length."])
            .prop_map(|heard| Step::Event(Event::WordsPlayed { heard: heard.into() })),
    ]
}

/// What agent, tools and voice do.
fn agent() -> impl Strategy<Value = Step> {
    let outcome = || {
        prop_oneof![
            3 => Just(ToolOutcome::Done { result: "ok".into() }),
            1 => Just(ToolOutcome::Failed { reason: "no".into() }),
        ]
    };
    let end = || prop_oneof![6 => Just(ReplyEnd::Listen), 4 => Just(ReplyEnd::Tools), 1 => Just(ReplyEnd::HangUp)];
    let act = || {
        prop_oneof![
            3 => Just(Act::AskedErase),
            1 => Just(Act::EndCall),
            1 => Just(Act::ReadBack { what: "name".into() }),
        ]
    };
    prop_oneof![
        4 => back().prop_map(|back| Step::Reply { back, text: " Here is an answer of some length." }),
        3 => (back(), end()).prop_map(|(back, end)| Step::Done { back, end }),
        1 => back().prop_map(|back| Step::Failed { back }),
        2 => (back(), act()).prop_map(|(back, act)| Step::Act { back, act }),
        3 => (back(), prop::sample::select(vec!["hours", "book", "pay"]))
            .prop_map(|(back, name)| Step::Tool { back, name }),
        3 => (0usize..3, outcome()).prop_map(|(back, outcome)| Step::ToolReturned { back, outcome }),
        5 => (back(), 1u32..100).prop_map(|(back, frames)| Step::Audio { back, size_bytes: frames * 160 }),
        3 => back().prop_map(|back| Step::Sentence { back }),
    ]
}

/// What each tool of these tests does.
fn effect(name: &str) -> Effect {
    if name == "hours" { Effect::ReadOnly } else { Effect::SideEffect }
}

/// A call's settings, what was said before it, and what happens in it.
#[derive(Debug, Clone)]
struct History {
    medium: Medium,
    endpointing: Endpointing,
    turns: Vec<Turn>,
    steps: Vec<(u64, Step)>,
}

fn history(longest: usize) -> impl Strategy<Value = History> {
    let step = prop_oneof![3 => line(), 3 => recogniser(), 4 => agent()];
    let wait = prop_oneof![3 => 0u64..200, 2 => 200u64..1500];
    let endpointing = prop::sample::select(vec![Endpointing::Ours, Endpointing::Recogniser, Endpointing::Model]);
    let resumed = prop_oneof![3 => Just(Vec::new()), 1 => Just(before())];
    let medium = prop_oneof![3 => Just(Medium::Audio), 1 => Just(Medium::Text)];
    (medium, endpointing, resumed, prop::collection::vec((wait, step), 0..longest))
        .prop_map(|(medium, endpointing, turns, steps)| History { medium, endpointing, turns, steps })
}

/// A call whose process died while a side effect ran.
fn before() -> Vec<Turn> {
    let call = ToolCallId { turn: TurnId(3), index: 0 };
    let acts = vec![Act::ToolCalled { call, name: "book".into(), arguments: "{}".into() }];
    let turn = |id, role, text: &str, acts| Turn {
        id: TurnId(id),
        role,
        via: redial_call::Via::Voice,
        text: text.to_owned(),
        cut: String::new(),
        never_sent: String::new(),
        acts,
        start_ms: u64::from(id) * 10,
        end_ms: u64::from(id) * 10,
    };
    vec![
        turn(1, Role::Agent, "Hello.", Vec::new()),
        turn(2, Role::Caller, "Book me a table.", Vec::new()),
        turn(3, Role::Agent, "", acts),
    ]
}

/// The carrier at its best: it plays what it gets at once, at 8 bytes a ms, and drops the rest on `clear`.
#[derive(Debug, Default)]
struct Carrier {
    /// Turn, where its piece begins in the turn, when it begins to sound, its size.
    pieces: Vec<(TurnId, u64, Duration, u64)>,
    free_at: Duration,
}

impl Carrier {
    fn play(&mut self, now: Duration, turn: TurnId, offset: u64, size: u64) {
        let start = self.free_at.max(now);
        self.pieces.push((turn, offset, start, size));
        self.free_at = start + Duration::from_micros(size * 125);
    }

    fn clear(&mut self, now: Duration) {
        for piece in &mut self.pieces {
            let played = now.saturating_sub(piece.2).as_micros() / 125;
            piece.3 = piece.3.min(u64::try_from(played).unwrap());
        }
        self.free_at = now;
    }

    /// Where in this turn's audio the caller's ear is at most.
    fn heard(&self, now: Duration, turn: TurnId) -> u64 {
        let of_turn = self.pieces.iter().filter(|piece| piece.0 == turn);
        let reached = of_turn.map(|(_, offset, start, size)| {
            let played = u64::try_from(now.saturating_sub(*start).as_micros() / 125).unwrap();
            offset + played.min(*size)
        });
        reached.max().unwrap_or(0)
    }
}

/// A sentence that was asked for, or what a model said by itself from one question to its end.
#[derive(Debug)]
struct Said {
    text: String,
    bytes: u64,
    /// All of it is there.
    done: bool,
    /// The model's own voice.
    own: bool,
}

/// Drives a call and checks the contract after every step.
struct Driver {
    call: Call,
    settings: Settings,
    turns: Vec<Turn>,
    now: Duration,
    agent_turn: u32,
    utterance: u32,
    voiced: bool,
    /// An eager end is being told.
    eager: bool,
    /// The answer to a guess that is not final.
    guess: Option<TurnId>,
    stood: bool,
    marks: Vec<String>,
    marks_named: HashSet<String>,
    cancelled: HashSet<TurnId>,
    carrier: Carrier,
    /// The sentences of each agent turn with their bytes, and whether all of them are there.
    sentences: HashMap<TurnId, Vec<Said>>,
    /// The turns whose answer a model is making.
    answering: HashSet<TurnId>,
    /// How much of its own audio a model was told to have been heard of a turn, in ms.
    truncated: HashMap<TurnId, u64>,
    /// Turns of the caller that a model has committed.
    committed: u32,
    running: Vec<ToolCallId>,
    run: HashSet<ToolCallId>,
    told: HashMap<TurnId, Turn>,
    actions: Vec<Action>,
    steps: Vec<(Duration, Event)>,
}

impl Driver {
    fn new(history: &History) -> Self {
        let settings = Settings { medium: history.medium, endpointing: history.endpointing, ..Settings::default() };
        let mut driver = Self {
            call: Call::resumed(settings.clone(), history.turns.clone()),
            settings,
            turns: history.turns.clone(),
            now: Duration::ZERO,
            agent_turn: 0,
            utterance: 0,
            voiced: false,
            eager: false,
            guess: None,
            stood: history.medium == Medium::Text, // nor does it know of words
            marks: Vec::new(),
            marks_named: HashSet::new(),
            cancelled: HashSet::new(),
            carrier: Carrier::default(),
            sentences: HashMap::new(),
            answering: HashSet::new(),
            truncated: HashMap::new(),
            committed: 0,
            running: Vec::new(),
            run: HashSet::new(),
            told: HashMap::new(),
            actions: Vec::new(),
            steps: Vec::new(),
        };
        driver.handle(Event::Started);
        for (wait_ms, step) in history.steps.clone() {
            driver.advance(Duration::from_millis(wait_ms));
            driver.take(step);
        }
        driver
    }

    /// Lets so much time pass, each deadline at its moment.
    fn advance(&mut self, by: Duration) {
        let until = self.now + by;
        while let Some(due) = self.call.poll_timeout().filter(|due| *due <= until) {
            self.now = due.max(self.now);
            self.call.handle_timeout(self.now);
            self.check();
        }
        self.now = until;
        self.call.handle_timeout(self.now);
        self.check();
    }

    fn handle(&mut self, event: Event) {
        match &event {
            Event::SpeechStarted => self.voiced = true,
            Event::SpeechStopped { .. } => self.voiced = false,
            // Such a recogniser knows better than our voice activity.
            Event::TurnEnded { .. } if self.settings.endpointing != Endpointing::Ours => self.voiced = false,
            Event::TurnCommitted { .. } if self.is_model() => self.voiced = false,
            Event::TurnEnded { .. } | Event::Prompted { last: true, .. } if self.settings.medium == Medium::Text => {
                self.voiced = false;
            }
            Event::Stood { .. } => self.stood = true,
            Event::ReplyText { turn, text } if self.answers(*turn) => {
                if let Some(last) = self.last_said(*turn).filter(|last| !last.own) {
                    last.done = true;
                }
                self.own_voice(*turn).text.push_str(text);
            }
            Event::Synthesized { turn, size_bytes } if !self.cancelled.contains(turn) => {
                let answers = self.answers(*turn);
                if let Some(making) = self.last_said(*turn).filter(|last| !last.done && (answers || !last.own)) {
                    making.bytes += u64::from(*size_bytes);
                } else if answers {
                    self.own_voice(*turn).bytes += u64::from(*size_bytes);
                }
            }
            Event::SentenceDone { turn } => {
                if let Some(last) = self.last_said(*turn).filter(|last| !last.own) {
                    last.done = true;
                }
            }
            Event::ReplyDone { turn, .. } if self.answers(*turn) => self.stop_answering(*turn),
            // Where what it was saying would have ended, nobody knows.
            Event::ReplyFailed { turn } => {
                self.answering.remove(turn);
            }
            _ => (),
        }
        self.eager = matches!(event, Event::EagerEnd { .. });
        self.steps.push((self.now, event.clone()));
        self.call.handle(self.now, event);
        self.check();
        self.eager = false;
    }

    fn is_model(&self) -> bool {
        self.settings.endpointing == Endpointing::Model && self.settings.medium == Medium::Audio
    }

    /// A model is answering in its own voice.
    fn answers(&self, turn: TurnId) -> bool {
        self.is_model() && self.answering.contains(&turn) && !self.cancelled.contains(&turn)
    }

    fn stop_answering(&mut self, turn: TurnId) {
        self.answering.remove(&turn);
        if let Some(last) = self.last_said(turn).filter(|last| last.own) {
            last.done = true;
        }
    }

    fn last_said(&mut self, turn: TurnId) -> Option<&mut Said> {
        self.sentences.get_mut(&turn).and_then(|list| list.last_mut())
    }

    /// What the model is saying.
    fn own_voice(&mut self, turn: TurnId) -> &mut Said {
        let said = self.sentences.entry(turn).or_default();
        if said.last().is_none_or(|last| last.done) {
            said.push(Said { text: String::new(), bytes: 0, done: false, own: true });
        }
        said.last_mut().unwrap()
    }

    fn take(&mut self, step: Step) {
        let turn = |back: u32| TurnId(self.agent_turn.saturating_sub(back));
        let utterance = |back: u32| UtteranceId(self.utterance.saturating_sub(back));
        let event = match step {
            Step::Event(event) => event,
            Step::Reply { back, text } => Event::ReplyText { turn: turn(back), text: text.into() },
            Step::Done { back, end } => Event::ReplyDone { turn: turn(back), end },
            Step::Failed { back } => Event::ReplyFailed { turn: turn(back) },
            Step::Act { back, act } => Event::ReplyAct { turn: turn(back), act },
            Step::Tool { back, name } => {
                let call = ToolRequest { name: name.into(), arguments: "{}".into(), effect: effect(name) };
                Event::ToolCall { turn: turn(back), call }
            }
            Step::ToolReturned { back, outcome } => match self.running.iter().rev().nth(back) {
                Some(call) => Event::ToolReturned { call: *call, outcome },
                None => return,
            },
            Step::Audio { back, size_bytes } => Event::Synthesized { turn: turn(back), size_bytes },
            Step::Sentence { back } => Event::SentenceDone { turn: turn(back) },
            Step::Transcript { back, text } => Event::Transcript { utterance: utterance(back), text: text.into() },
            Step::Partial { back, text } => Event::Partial { utterance: utterance(back), text: text.into() },
            Step::TurnEnd { back, percent } => Event::TurnEnd { utterance: utterance(back), percent },
            Step::Unheard { back } => Event::TranscriptionFailed { utterance: utterance(back) },
            Step::Noise { back } => Event::NoSpeech { utterance: utterance(back) },
            Step::Committed => {
                self.committed += 1;
                Event::TurnCommitted { utterance: UtteranceId(self.committed) }
            }
            Step::CallerWords { back, text } => {
                let utterance = UtteranceId(self.committed.saturating_sub(back));
                Event::CallerWords { utterance, text: text.into() }
            }
            Step::Echo { back } => match self.marks.iter().rev().nth(back) {
                Some(name) => Event::Marked { name: name.clone() },
                None => return,
            },
        };
        self.handle(event);
    }

    fn check(&mut self) {
        while let Some(action) = self.call.poll_action() {
            assert!(!self.actions.iter().any(|done| matches!(done, Action::End { .. })), "{action:?} after the end");
            self.check_action(&action);
            self.actions.push(action);
        }
        assert!(self.call.poll_timeout().is_none_or(|due| due > self.now), "a due timer is left");
        assert_eq!(
            self.call.is_ended(),
            self.call.poll_timeout().is_none(),
            "a call waits for something until it ends"
        );
    }

    fn check_action(&mut self, action: &Action) {
        match action {
            Action::Think { turn, cue } => {
                if self.eager && *cue == Cue::Answer {
                    self.guess = Some(*turn);
                }
                assert!(!self.cancelled.contains(turn), "a cancelled turn goes on");
                self.agent_turn = turn.0;
                self.answering.insert(*turn);
            }
            Action::CancelReply { turn } => {
                self.answering.remove(turn); // where what it was saying would have ended, nobody knows
            }
            Action::Truncate { turn, heard_ms } => self.on_truncate(*turn, *heard_ms),
            Action::Speak { turn, text } => self.on_speak(*turn, text),
            Action::Fill { turn, text } => self.on_speak(*turn, text.as_deref().unwrap_or_default()),
            Action::Listen { utterance } | Action::Transcribe { utterance } => self.utterance = utterance.0,
            Action::Say { turn, text } => {
                self.on_speak(*turn, text);
                if let Some(last) = self.sentences.get_mut(turn).and_then(|list| list.last_mut()) {
                    (last.bytes, last.done) = (1, true);
                }
            }
            Action::CancelSpeech { turn } => {
                self.cancelled.insert(*turn);
            }
            Action::Play { turn, offset_bytes, size_bytes } => {
                assert!(!self.cancelled.contains(turn), "audio of a cancelled turn");
                assert!(*size_bytes > 0);
                assert_ne!(self.guess, Some(*turn), "a guess is heard");
                self.carrier.play(self.now, *turn, *offset_bytes, *size_bytes);
            }
            Action::Clear => self.carrier.clear(self.now),
            Action::Mark { name } => {
                assert!(self.marks_named.insert(name.clone()), "mark {name} twice");
                self.marks.push(name.clone());
            }
            Action::RunTool { call, name, .. } => self.on_run(*call, effect(name)),
            Action::CancelTool { call } => {
                assert!(self.run.contains(call), "{call:?} does not run");
            }
            Action::TurnDone(turn) => {
                if turn.role == Role::Caller {
                    self.guess = None;
                }
                self.on_turn(turn);
            }
            _ => (),
        }
    }

    fn on_speak(&mut self, turn: TurnId, text: &str) {
        assert!(!self.cancelled.contains(&turn), "a cancelled turn goes on");
        self.agent_turn = turn.0;
        let sentences = self.sentences.entry(turn).or_default();
        if let Some(last) = sentences.last_mut() {
            last.done = true; // one at a time
        }
        sentences.push(Said { text: text.to_owned(), bytes: 0, done: false, own: false });
    }

    fn on_truncate(&mut self, turn: TurnId, heard_ms: u64) {
        assert!(self.is_model(), "nobody speaks for themselves");
        let own = self.sentences.get(&turn).into_iter().flatten().filter(|said| said.own);
        let received: u64 = own.map(|said| said.bytes).sum();
        assert!(heard_ms * 8 <= received, "{heard_ms} ms of {received} bytes");
        if !self.stood {
            let played = self.carrier.heard(self.now, turn);
            assert!(heard_ms * 8 <= played, "{heard_ms} ms, and {played} bytes were played");
        }
        assert!(self.truncated.insert(turn, heard_ms).is_none(), "{turn:?} is truncated twice");
    }

    /// The model is told of the same words as heard as the turn that is kept.
    fn check_truncated(&self, turn: &Turn) {
        let Some(heard_ms) = self.truncated.get(&turn.id) else { return };
        let heard = turn.text.split_whitespace().count();
        let (mut words, mut own) = (0, 0);
        for said in self.sentences.get(&turn.id).into_iter().flatten().filter(|said| said.bytes > 0) {
            words += said.text.split_whitespace().count();
            own += if said.own { said.bytes } else { 0 };
            if said.own && said.done && !said.text.is_empty() {
                let whole = words <= heard;
                assert_eq!(whole, own <= heard_ms * 8, "{heard_ms} ms, and {:?} of {:?}", turn.text, said);
            }
        }
    }

    fn on_run(&mut self, call: ToolCallId, effect: Effect) {
        assert!(self.run.insert(call), "{call:?} runs twice");
        assert!(!self.cancelled.contains(&call.turn), "a tool begins after its turn was cut");
        self.running.push(call);
        let on_record = self.told.get(&call.turn).is_some_and(|turn| {
            turn.acts.iter().any(|act| matches!(act, Act::ToolCalled { call: of, .. } if *of == call))
        });
        if effect == Effect::SideEffect {
            assert!(on_record, "{call:?} runs, and nobody knows");
            assert_ne!(self.guess, Some(call.turn), "{call:?} runs on a guess");
            assert!(!self.voiced, "{call:?} runs while the caller speaks");
        }
    }

    fn on_turn(&mut self, turn: &Turn) {
        if let Some(before) = self.told.get(&turn.id) {
            assert_eq!((before.role, before.start_ms), (turn.role, turn.start_ms), "a turn told again is known again");
            let tools = |turn: &Turn| turn.acts.iter().filter(|act| !act.is_spoken()).cloned().collect::<Vec<_>>();
            assert!(tools(turn).starts_with(&tools(before)), "what a tool did was taken back");
        }
        if turn.role == Role::Agent {
            self.check_heard(turn);
        } else {
            assert!(turn.cut.is_empty() && turn.never_sent.is_empty() && turn.acts.is_empty(), "{turn:?}");
        }
        assert!(turn.start_ms <= turn.end_ms, "{turn:?}");
        self.told.insert(turn.id, turn.clone());
    }

    /// The words of an agent's turn are those that were asked for, from the first on, and none was heard whose audio was not played.
    fn check_heard(&self, turn: &Turn) {
        let Some(sentences) = self.sentences.get(&turn.id) else { return };
        self.check_truncated(turn);
        let sounded: Vec<&Said> = sentences.iter().filter(|said| said.bytes > 0).collect();
        let spoken: Vec<&str> = sounded.iter().flat_map(|said| said.text.split_whitespace()).collect();
        let heard: Vec<&str> = turn.text.split_whitespace().collect();
        assert!(spoken.starts_with(&heard), "{heard:?} of {spoken:?}");
        if self.stood {
            return; // the carrier here knows nothing of a clock that stood still
        }
        let played = self.carrier.heard(self.now, turn.id);
        let (mut words, mut bytes) = (0, 0);
        for Said { text, bytes: size, done, .. } in sounded {
            words += text.split_whitespace().count();
            bytes += size;
            if *done && !text.is_empty() && words <= heard.len() {
                assert!(bytes <= played, "{text:?} was heard at {bytes} bytes, and {played} were played");
            }
        }
    }

    /// Everybody does what the call waits for, and nobody says anything: so it ends.
    fn settle(&mut self) {
        self.handle(Event::SpeechStopped { quality: VoiceQuality::Clear, late: false });
        self.handle(Event::TurnEnded { text: String::new() });
        let mut done = 0;
        let end = self.now + Duration::from_secs(600);
        while !self.call.is_ended() && self.now < end {
            while done < self.actions.len() {
                let action = self.actions[done].clone();
                done += 1;
                self.serve(action);
            }
            self.advance(Duration::from_millis(500));
        }
    }

    fn serve(&mut self, action: Action) {
        match action {
            Action::Transcribe { utterance } => self.handle(Event::NoSpeech { utterance }),
            Action::Think { turn, .. } => {
                self.handle(Event::ReplyText { turn, text: "Yes.".into() });
                if self.is_model() {
                    self.handle(Event::Synthesized { turn, size_bytes: 1600 });
                }
                self.handle(Event::ReplyDone { turn, end: ReplyEnd::Listen });
            }
            Action::Speak { turn, .. } | Action::Fill { turn, .. } => {
                self.handle(Event::Synthesized { turn, size_bytes: 1600 });
                self.handle(Event::SentenceDone { turn });
            }
            Action::RunTool { call, .. } => {
                self.handle(Event::ToolReturned { call, outcome: ToolOutcome::Done { result: "ok".into() } });
            }
            _ => (),
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn the_contract_holds(history in history(120)) {
        let mut driver = Driver::new(&history);
        driver.handle(Event::Ended { by: EndSignal::Stop });
        driver.advance(Duration::from_secs(60));
        prop_assert!(driver.call.is_ended());
        let ends = driver.actions.iter().filter(|action| matches!(action, Action::End { .. })).count();
        prop_assert_eq!(ends, 1);
        // What was told last is what the call holds.
        for turn in driver.call.turns().iter().filter(|turn| !history.turns.iter().any(|old| old.id == turn.id)) {
            prop_assert_eq!(driver.told.get(&turn.id), Some(turn));
        }
        prop_assert_eq!(driver.call.turns(), driver.call.history());
    }

    #[test]
    fn a_side_effect_happens_once_in_answer_to_the_same_words(history in history(120)) {
        let driver = Driver::new(&history);
        // In the order of the call: what was begun since the caller last said something.
        let mut begun: HashSet<String> = HashSet::new();
        let known = history.turns.iter().flat_map(|turn| &turn.acts);
        begun.extend(known.filter_map(|act| match act {
            Act::ToolCalled { name, .. } => Some(name.clone()),
            _ => None,
        }));
        let mut told: HashSet<TurnId> = HashSet::new();
        for action in &driver.actions {
            match action {
                Action::TurnDone(turn) if turn.role == Role::Caller && told.insert(turn.id) => begun.clear(),
                Action::RunTool { call, name, .. } if effect(name) == Effect::SideEffect => {
                    prop_assert!(begun.insert(name.clone()), "{name} twice: {call:?}");
                }
                _ => (),
            }
        }
    }

    #[test]
    fn late_and_needless_timeouts_change_nothing(history in history(80)) {
        let driver = Driver::new(&history);
        // The same events with no timeout in between: each `handle` must let them pass by itself.
        let mut lazy = Call::resumed(driver.settings.clone(), driver.turns.clone());
        let mut actions = Vec::new();
        for (at, event) in &driver.steps {
            lazy.handle(*at, event.clone());
            actions.extend(std::iter::from_fn(|| lazy.poll_action()));
        }
        lazy.handle_timeout(driver.now);
        actions.extend(std::iter::from_fn(|| lazy.poll_action()));
        prop_assert_eq!(&driver.actions, &actions);
    }

    #[test]
    fn a_log_replays_exactly(history in history(80)) {
        let mut driver = Driver::new(&history);
        driver.handle(Event::Ended { by: EndSignal::Stop });
        driver.advance(Duration::from_secs(60));
        let mut ndjson = header_line(&driver.settings, &driver.turns);
        for (at, event) in &driver.steps {
            let at_ms = u64::try_from(at.as_millis()).unwrap();
            ndjson.push('\n');
            ndjson.push_str(&step_line(&LogStep { at_ms, event: event.clone() }));
        }
        let replayed = Log::parse(&ndjson).unwrap().replay();
        let replayed: Vec<Action> = replayed.into_iter().map(|(_, action)| action).collect();
        prop_assert_eq!(driver.actions, replayed);
    }

    #[test]
    fn no_state_is_stuck(history in history(60)) {
        let mut driver = Driver::new(&history);
        driver.settle();
        prop_assert!(driver.call.is_ended(), "nobody speaks, and the call goes on at {:?}", driver.now);
        let end = driver.actions.iter().find_map(|action| match action {
            Action::End { reason } => Some(*reason),
            _ => None,
        });
        prop_assert!(end != Some(EndReason::MaxDuration), "it is ended by its silence");
    }

    #[test]
    fn no_call_goes_on_for_ever(history in history(60)) {
        let mut driver = Driver::new(&history);
        driver.advance(Settings::default().max_duration + Duration::from_secs(60));
        prop_assert!(driver.call.is_ended(), "still open at {:?}", driver.now);
    }
}
