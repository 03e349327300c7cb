//! Properties: whatever happens, in whatever order, the call keeps its contract.

use std::collections::HashSet;
use std::time::Duration;

use proptest::prelude::*;
use redial_call::{Action, Call, EndSignal, Event, Load, ReplyEnd, Role, Settings, TurnId, UtteranceId, VoiceQuality};

/// Something that may happen; turns and utterances are relative to the newest, so that many hit.
#[derive(Debug, Clone)]
enum Step {
    Event(Event),
    Reply { back: u32, text: &'static str },
    Done { back: u32, hang_up: bool },
    Failed { back: u32 },
    Audio { back: u32, size_bytes: u32 },
    Sentence { back: u32 },
    Transcript { back: u32, text: &'static str },
    Unheard { back: u32 },
    Noise { back: u32 },
    Partial { back: u32, text: &'static str },
    TurnEnd { back: u32, percent: u8 },
    Echo { back: usize },
}

fn step() -> impl Strategy<Value = Step> {
    let back = || prop_oneof![8 => Just(0u32), 1 => Just(1), 1 => Just(2)];
    let words =
        || prop_oneof![Just(""), Just("Okay."), Just("I want to change my visit."), Just("my number is"), Just("bye")];
    prop_oneof![
        3 => Just(Step::Event(Event::SpeechStarted)),
        4 => (prop::bool::weighted(0.3), prop::bool::weighted(0.1)).prop_map(|(murmur, late)| {
            let quality = if murmur { VoiceQuality::Murmur } else { VoiceQuality::Clear };
            Step::Event(Event::SpeechStopped { quality, late })
        }),
        1 => (1u64..10_000).prop_map(|ms| Step::Event(Event::Stood { ms })),
        1 => Just(Step::Event(Event::Started)),
        1 => prop::bool::weighted(0.05).prop_map(|now| Step::Event(if now { Event::HandOver } else { Event::Started })),
        1 => Just(Step::Event(Event::Greeting { text: "Welcome back.".into() })),
        1 => prop::sample::select(vec!['1', '5', '#', '*']).prop_map(|digit| Step::Event(Event::Dtmf { digit })),
        1 => Just(Step::Event(Event::Marked { name: "unknown".into() })),
        3 => (back(), words()).prop_map(|(back, text)| Step::Transcript { back, text }),
        2 => (back(), words()).prop_map(|(back, text)| Step::Partial { back, text }),
        2 => (back(), 0u8..=100).prop_map(|(back, percent)| Step::TurnEnd { back, percent }),
        1 => (1u32..400).prop_map(|ms| Step::Event(Event::Echo { ms })),
        1 => prop::sample::select(vec![Load::Ample, Load::Tight, Load::Full])
            .prop_map(|load| Step::Event(Event::Load { load })),
        1 => back().prop_map(|back| Step::Unheard { back }),
        1 => back().prop_map(|back| Step::Noise { back }),
        3 => back().prop_map(|back| Step::Reply { back, text: "Here is an answer of some length." }),
        2 => (back(), prop::bool::weighted(0.1)).prop_map(|(back, hang_up)| Step::Done { back, hang_up }),
        1 => back().prop_map(|back| Step::Failed { back }),
        5 => (back(), 1u32..100).prop_map(|(back, frames)| Step::Audio { back, size_bytes: frames * 160 }),
        3 => back().prop_map(|back| Step::Sentence { back }),
        3 => (0usize..3).prop_map(|back| Step::Echo { back }),
    ]
}

/// Drives a call and checks the contract after every step.
struct Driver {
    call: Call,
    now: Duration,
    agent_turn: u32,
    utterance: u32,
    marks: Vec<String>,
    marks_named: HashSet<String>,
    cancelled: HashSet<TurnId>,
    actions: Vec<(Duration, Action)>,
    steps: Vec<(Duration, Event)>,
}

impl Driver {
    fn new() -> Self {
        let mut driver = Self {
            call: Call::new(Settings::default()),
            now: Duration::ZERO,
            agent_turn: 0,
            utterance: 0,
            marks: Vec::new(),
            marks_named: HashSet::new(),
            cancelled: HashSet::new(),
            actions: Vec::new(),
            steps: Vec::new(),
        };
        driver.handle(Event::Started);
        driver
    }

    fn advance(&mut self, by: Duration) {
        self.now += by;
        self.call.handle_timeout(self.now);
        self.check();
    }

    fn handle(&mut self, event: Event) {
        self.steps.push((self.now, event.clone()));
        self.call.handle(self.now, event);
        self.check();
    }

    fn take(&mut self, step: Step) {
        let turn = |back: u32| TurnId(self.agent_turn.saturating_sub(back));
        let utterance = |back: u32| UtteranceId(self.utterance.saturating_sub(back));
        let event = match step {
            Step::Event(event) => event,
            Step::Reply { back, text } => Event::ReplyText { turn: turn(back), text: text.into() },
            Step::Done { back, hang_up } => {
                Event::ReplyDone { turn: turn(back), end: if hang_up { ReplyEnd::HangUp } else { ReplyEnd::Listen } }
            }
            Step::Failed { back } => Event::ReplyFailed { turn: turn(back) },
            Step::Audio { back, size_bytes } => Event::Synthesized { turn: turn(back), size_bytes },
            Step::Sentence { back } => Event::SentenceDone { turn: turn(back) },
            Step::Transcript { back, text } => Event::Transcript { utterance: utterance(back), text: text.into() },
            Step::Partial { back, text } => Event::Partial { utterance: utterance(back), text: text.into() },
            Step::TurnEnd { back, percent } => Event::TurnEnd { utterance: utterance(back), percent },
            Step::Unheard { back } => Event::TranscriptionFailed { utterance: utterance(back) },
            Step::Noise { back } => Event::NoSpeech { utterance: utterance(back) },
            Step::Echo { back } => match self.marks.iter().rev().nth(back) {
                Some(name) => Event::Marked { name: name.clone() },
                None => return,
            },
        };
        self.handle(event);
    }

    fn check(&mut self) {
        while let Some(action) = self.call.poll_action() {
            assert!(
                !self.actions.iter().any(|(_, done)| matches!(done, Action::End { .. })),
                "{action:?} after the end"
            );
            match &action {
                Action::Think { turn, .. } | Action::Speak { turn, .. } | Action::Fill { turn, .. } => {
                    assert!(!self.cancelled.contains(turn), "a cancelled turn goes on");
                    self.agent_turn = turn.0;
                }
                Action::Listen { utterance } => self.utterance = utterance.0,
                Action::CancelSpeech { turn } => {
                    self.cancelled.insert(*turn);
                }
                Action::Play { turn, size_bytes, .. } => {
                    assert!(!self.cancelled.contains(turn), "audio of a cancelled turn");
                    assert!(*size_bytes > 0);
                }
                Action::Mark { name } => {
                    assert!(self.marks_named.insert(name.clone()), "mark {name} twice");
                    self.marks.push(name.clone());
                }
                _ => (),
            }
            self.actions.push((self.now, action));
        }
        assert!(self.call.poll_timeout().is_none_or(|due| due > self.now), "a due timer is left");
        assert!(!self.call.is_ended() || self.call.poll_timeout().is_none(), "a timer after the end");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn the_contract_holds(steps in prop::collection::vec((0u64..1500, step()), 0..120)) {
        let mut driver = Driver::new();
        for (wait_ms, step) in steps {
            driver.advance(Duration::from_millis(wait_ms));
            driver.take(step);
        }
        driver.handle(Event::Ended { by: EndSignal::Stop });
        driver.advance(Duration::from_secs(60));
        prop_assert!(driver.call.is_ended());
        let ends = driver.actions.iter().filter(|(_, action)| matches!(action, Action::End { .. })).count();
        prop_assert_eq!(ends, 1);
        for turn in driver.call.turns() {
            prop_assert!(turn.start_ms <= turn.end_ms, "{:?}", turn);
            prop_assert!(turn.role == Role::Agent || (turn.cut.is_empty() && turn.never_sent.is_empty()));
        }
    }

    #[test]
    fn late_and_needless_timeouts_change_nothing(steps in prop::collection::vec((0u64..1500, step()), 0..80)) {
        let mut driver = Driver::new();
        for (wait_ms, step) in steps {
            driver.advance(Duration::from_millis(wait_ms));
            driver.take(step);
        }
        // The same events with no timeout in between: each `handle` must let them pass by itself.
        let mut lazy = Call::new(Settings::default());
        let mut actions = Vec::new();
        for (at, event) in &driver.steps {
            lazy.handle(*at, event.clone());
            actions.extend(std::iter::from_fn(|| lazy.poll_action()));
        }
        lazy.handle_timeout(driver.now);
        actions.extend(std::iter::from_fn(|| lazy.poll_action()));
        let eager: Vec<Action> = driver.actions.into_iter().map(|(_, action)| action).collect();
        prop_assert_eq!(eager, actions);
    }

    #[test]
    fn no_call_goes_on_for_ever(steps in prop::collection::vec((0u64..1500, step()), 0..60)) {
        let mut driver = Driver::new();
        for (wait_ms, step) in steps {
            driver.advance(Duration::from_millis(wait_ms));
            driver.take(step);
        }
        driver.advance(Settings::default().max_duration + Duration::from_secs(60));
        prop_assert!(driver.call.is_ended(), "still open at {:?}", driver.now);
    }
}
