//! The models as a test's clock sees them: each takes the same time for its work, on any machine.

use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::stream::{self, BoxStream};
use redial::app::Providers;
use redial_call::TurnId;
use redial_provider::ProviderError;
use redial_provider::stt::{Stt, SttContext, SttOutput, SttStream};
use redial_provider::tools::NoTools;
use redial_provider::tts::{Spoken, Tts, VoiceContext, VoiceSession};
use redial_speech::hibari::Hibari;
use redial_speech::moonshine::Moonshine;
use redial_speech::pool::WorkerPool;
use redial_speech::turn_end::TurnEnd;
use tokio::sync::mpsc;
use tokio::time::sleep;

use crate::speech::ears::models;
use crate::support::gateway::silero;
use crate::support::meaning::built_in;

/// A third more than what one in twenty takes longer than on one thread (`benches/README.md`, `redial bench speech`).
const WORDS: Duration = Duration::from_millis(180);
const VERDICT: Duration = Duration::from_millis(120);
const FIRST_AUDIO: Duration = Duration::from_millis(40);

/// The local models, all on these threads and at an even pace.
pub(super) fn evenly(threads: &Arc<WorkerPool>) -> Providers {
    let ears = Moonshine::load(&models(), Arc::clone(threads)).unwrap();
    let ears = ears.with_turn_end(TurnEnd::load(&models()).unwrap());
    let voice = Hibari::load(&models(), 1.0, Arc::clone(threads)).unwrap();
    Providers {
        stt: Arc::new(EvenStt(ears)),
        tts: Arc::new(EvenTts(voice)),
        agent: Arc::new(built_in()),
        built_in: built_in(),
        realtime: None,
        tools: Arc::new(NoTools),
        vad: silero(),
        carriers: Vec::new(),
    }
}

struct EvenStt<S>(S);

impl<S: Stt> Stt for EvenStt<S> {
    fn open(&self, context: SttContext) -> SttStream {
        let SttStream { input, output: mut early } = self.0.open(context);
        let (answers, output) = mpsc::channel(8);
        tokio::spawn(async move {
            while let Some(answer) = early.recv().await {
                let answers = answers.clone();
                tokio::spawn(async move {
                    sleep(if matches!(answer, SttOutput::TurnEnd { .. }) { VERDICT } else { WORDS }).await;
                    let _ = answers.send(answer).await; // fails when the call is over
                });
            }
        });
        SttStream { input, output }
    }

    fn verdict_wait(&self) -> Duration {
        self.0.verdict_wait()
    }
}

struct EvenTts<T>(T);

impl<T: Tts> Tts for EvenTts<T> {
    fn open(&self, context: &VoiceContext) -> Box<dyn VoiceSession> {
        Box::new(EvenVoice(self.0.open(context)))
    }
}

struct EvenVoice(Box<dyn VoiceSession>);

impl VoiceSession for EvenVoice {
    fn speak(&mut self, turn: TurnId, text: &str) -> BoxStream<'static, Result<Spoken, ProviderError>> {
        let frames = self.0.speak(turn, text);
        stream::once(async move {
            sleep(FIRST_AUDIO).await;
            frames
        })
        .flatten()
        .boxed()
    }
}
