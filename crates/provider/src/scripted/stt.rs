//! A recogniser that hears what it is told, for tests and simulated calls.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use redial_call::{Load, UtteranceId};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until};

use super::failure;
use crate::stt::{Stt, SttContext, SttInput, SttOutput, SttStream};

/// What a [`ScriptedStt`] answers for one utterance.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Heard {
    /// These words; empty for none.
    Text(String),
    /// It could not be recognised.
    Failure,
}

impl From<&str> for Heard {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

/// Answers from a list, whatever it hears: each utterance of a call gets the next entry, and keeps it however often it is
/// transcribed. Each call begins at the head of the list; beyond its end no words are heard.
#[derive(Debug, Clone)]
pub struct ScriptedStt {
    script: Arc<[Heard]>,
    delay: Duration,
    load: Load,
}

impl ScriptedStt {
    /// Answers with `script`, at once.
    pub fn new<H: Into<Heard>>(script: impl IntoIterator<Item = H>) -> Self {
        Self { script: script.into_iter().map(Into::into).collect(), delay: Duration::ZERO, load: Load::Ample }
    }

    /// Takes `delay` for each answer.
    #[must_use]
    pub fn delayed(self, delay: Duration) -> Self {
        Self { delay, ..self }
    }

    /// Says that it has so much to do.
    #[must_use]
    pub fn under(self, load: Load) -> Self {
        Self { load, ..self }
    }
}

impl Stt for ScriptedStt {
    fn load(&self) -> Load {
        self.load
    }

    /// `input` holds 64 frames (1.28 s).
    fn open(&self, _: SttContext) -> SttStream {
        let (input, commands) = mpsc::channel(64);
        let (answers, output) = mpsc::channel(8);
        tokio::spawn(recite(self.clone(), commands, answers));
        SttStream { input, output }
    }
}

async fn recite(stt: ScriptedStt, mut commands: mpsc::Receiver<SttInput>, answers: mpsc::Sender<SttOutput>) {
    let mut script = stt.script.iter();
    let mut heard: HashMap<UtteranceId, Heard> = HashMap::new();
    let mut due: VecDeque<(Instant, UtteranceId)> = VecDeque::new();
    loop {
        let next = due.front().copied();
        let utterance = tokio::select! {
            biased;
            command = commands.recv() => {
                match command {
                    Some(SttInput::Audio(..) | SttInput::Guess(_) | SttInput::Line(_) | SttInput::Context { .. }) => (),
                    Some(SttInput::Transcribe(id)) => due.push_back((Instant::now() + stt.delay, id)),
                    Some(SttInput::Discard(id)) => due.retain(|(_, waiting)| *waiting != id),
                    None => return,
                }
                continue;
            }
            id = async {
                let (at, id) = next?;
                sleep_until(at).await;
                Some(id)
            }, if next.is_some() => {
                due.pop_front();
                let Some(id) = id else { continue };
                id
            }
        };
        let entry = heard.entry(utterance);
        let answer = match entry.or_insert_with(|| script.next().cloned().unwrap_or(Heard::Text(String::new()))) {
            Heard::Text(text) => SttOutput::Transcript { utterance, text: text.clone() },
            Heard::Failure => SttOutput::Failed { utterance, error: failure() },
        };
        if answers.send(answer).await.is_err() {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn say(stream: &SttStream, inputs: &[SttInput]) {
        for input in inputs {
            stream.input.send(input.clone()).await.unwrap();
        }
    }

    #[tokio::test]
    async fn an_utterance_keeps_its_words() {
        let mut stream = ScriptedStt::new([Heard::from("one"), Heard::Failure]).open(SttContext::default());
        let [a, b, c] = [1, 2, 3].map(UtteranceId);
        let asked = [a, a, b, c].map(SttInput::Transcribe);
        say(&stream, &asked).await;
        let mut answers = Vec::new();
        for _ in asked {
            answers.push(match stream.output.recv().await.unwrap() {
                SttOutput::Transcript { utterance, text } => (utterance, Some(text)),
                SttOutput::Failed { utterance, .. } => (utterance, None),
                guess => panic!("{guess:?} was not asked for"),
            });
        }
        let text = |text: &str| Some(text.to_owned());
        assert_eq!(answers, [(a, text("one")), (a, text("one")), (b, None), (c, text(""))]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_discarded_utterance_is_not_answered() {
        let mut stream =
            ScriptedStt::new(["one", "two"]).delayed(Duration::from_millis(300)).open(SttContext::default());
        let [a, b] = [1, 2].map(UtteranceId);
        let began = Instant::now();
        say(&stream, &[SttInput::Transcribe(a), SttInput::Discard(a), SttInput::Transcribe(b)]).await;
        let answer = stream.output.recv().await.unwrap();
        assert!(matches!(answer, SttOutput::Transcript { utterance, .. } if utterance == b));
        assert_eq!(began.elapsed(), Duration::from_millis(300));
    }
}
