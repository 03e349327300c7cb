//! A telephone in front of a gateway: plays recordings to it, and keeps what came back and what the gateway wrote.

use std::sync::Arc;
use std::time::Duration;

use futures_util::{StreamExt as _, stream};
use redial::app::Providers;
use redial::simulate::{HangUp, Report, Script, Spoken, Step, Who};
use redial_call::Role;
use redial_call::audio::{self, SILENCE};
use redial_memory::model::SessionDoc;
use redial_provider::agent::Agent;
use redial_speech::pool::WorkerPool;
use serde_json::Value;
use tokio::runtime::Builder;

use super::recordings::Recording;
use super::{clock, pace};
use crate::speech::ears::{recording, root};
use crate::support::gateway::{Setup, TestGateway};

/// How long the caller stays after the recording's end.
pub(super) const STAY: Duration = Duration::from_millis(3000);
/// How much of the agent's speech is heard before the caller talks over it.
const BEFORE_TALKING_OVER: Duration = Duration::from_millis(2500);

/// A gateway with local speech, and a caller for it.
pub(super) struct Phone {
    gateway: TestGateway,
    in_real_time: bool,
}

/// What a call came to.
pub(super) struct Outcome {
    report: Report,
    session: SessionDoc,
    /// The core's log of the call: events with their times since it began.
    log: Vec<Value>,
}

/// Runs a test with a telephone: stepwise on a clock of its own, or with `TURNS=wire` in real time.
pub(super) fn with_phone(agent: impl Agent + 'static, test: impl AsyncFnOnce(Phone)) {
    let agent = Arc::new(agent);
    if std::env::var("TURNS").is_ok_and(|how| how == "wire") {
        let mut setup = Setup::with_local_speech();
        setup.providers.agent = agent;
        let runtime = Builder::new_multi_thread().enable_all().build().unwrap();
        return runtime.block_on(async { test(Phone::new(setup, true).await).await });
    }
    let (mut setup, threads) = (Setup::hearing([""]), Arc::new(WorkerPool::sized_to_cores().unwrap()));
    setup.providers = Providers { agent, ..pace::evenly(&threads) };
    clock::run_stepwise(|| threads.is_idle(), async { test(Phone::new(setup, false).await).await });
}

impl Phone {
    /// Makes a call for each recording. In real time some at once, or it takes long; else one after the other, so that all
    /// find the models free.
    pub(super) async fn play<'a, F>(
        &'a self,
        callers: Vec<Recording>,
        at_once: usize,
        call: impl Fn(&'a Self, usize, Recording) -> F,
    ) -> Vec<(Recording, Outcome)>
    where
        F: Future<Output = (Recording, Outcome)>,
    {
        let at_once = if self.in_real_time { at_once } else { 1 };
        let calls = callers.into_iter().enumerate().map(|(number, caller)| call(self, number, caller));
        stream::iter(calls).buffered(at_once).collect().await
    }

    async fn new(setup: Setup, in_real_time: bool) -> Self {
        // A short greeting: nothing about being remembered.
        let setup = setup.var("CALL_LOG", "true").var("MEMORY_CONSENT", "implicit");
        Self { gateway: setup.start().await, in_real_time }
    }

    /// The caller says the recording after the greeting, and stays for the answer.
    pub(super) async fn say(&self, number: usize, caller: Recording) -> (Recording, Outcome) {
        let step = Step::Say { label: caller.file.clone(), ulaw: caller.ulaw.clone() };
        let outcome = self.call(number, vec![step]).await;
        (caller, outcome)
    }

    /// The caller asks something, and says the recording over the answer.
    pub(super) async fn talk_over(&self, number: usize, caller: Recording) -> (Recording, Outcome) {
        let question = recording(root().join("fixtures/audio/synthetic/hibari_hours.wav"));
        let (label, ulaw) = (caller.file.clone(), caller.ulaw.clone());
        let over = Step::Interrupt { after: BEFORE_TALKING_OVER, label, ulaw };
        let outcome = self.call(number, vec![Step::say("question", question), over]).await;
        (caller, outcome)
    }

    async fn call(&self, number: usize, mut steps: Vec<Step>) -> Outcome {
        steps.extend([Step::Wait(STAY), Step::HangUp(HangUp::Normal)]);
        let script = Script { record: true, ..Script::new(format!("+1415555{number:04}"), "+18005550199") };
        let report = self.gateway.simulator().call(script.with_steps(steps)).await.unwrap();
        assert!(report.warnings.is_empty(), "{:?}", report.warnings);
        let session = self.gateway.session_when_up(&report.call_sid).await;
        let log = self.gateway.dir.path().join("calls").join(format!("{}.ndjson", report.call_sid));
        let log = std::fs::read_to_string(log).unwrap_or_default();
        let log = log.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
        Outcome { report, session, log }
    }
}

impl Outcome {
    /// When the recording was played. Its first sample is at `start_ms`.
    pub(super) fn caller(&self, label: &str) -> &Spoken {
        let named = |spoken: &&Spoken| spoken.label.as_deref() == Some(label);
        self.report.spoken.iter().find(named).unwrap_or_else(|| panic!("{label} was not played"))
    }

    /// The agent's audio as the caller heard it, one stretch after the other.
    pub(super) fn agent(&self) -> impl Iterator<Item = &Spoken> {
        self.report.spoken.iter().filter(|spoken| spoken.who == Who::Agent)
    }

    /// The words of one side as the gateway keeps them.
    pub(super) fn said_by(&self, role: Role) -> Vec<&str> {
        let turns = self.session.conversation_history.iter().map(|message| &message.turn);
        turns.filter(|turn| turn.role == role).map(|turn| turn.text.as_str()).collect()
    }

    /// What the gateway's own log says of an answer: when the last pause was noticed, and how long after it the words, the
    /// answer's text and its audio were there.
    pub(super) fn stages(&self) -> String {
        let at = |event: &str, since: u64| {
            let times =
                self.log.iter().filter(|entry| entry["event"] == event).filter_map(|entry| entry["at_ms"].as_u64());
            times.skip_while(|at| *at < since).collect::<Vec<_>>()
        };
        let Some(stopped) = at("speech_stopped", 0).last().copied() else { return "no pause noticed".to_owned() };
        let after = |event: &str| at(event, stopped).first().map_or("-".to_owned(), |at| format!("+{}", at - stopped));
        format!(
            "pause noticed, words {}, verdict {}, text {}, audio {}",
            after("transcript"),
            after("turn_end"),
            after("reply_text"),
            after("synthesized")
        )
    }
}

/// How long this audio is silent at its beginning, below -40 dB of full scale.
pub(super) fn silence_ms(ulaw: &[u8]) -> u64 {
    let loud = |byte: &u8| *byte != SILENCE && audio::decode(*byte).unsigned_abs() > 330;
    ulaw.iter().position(loud).unwrap_or(ulaw.len()) as u64 / 8
}
