//! A recogniser and a voice that do as they are told, for tests and simulated calls.

pub mod realtime;

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use futures_util::stream::{self, BoxStream, StreamExt};
use redial_call::audio::{self, FRAME_BYTES, FRAME_DURATION, SAMPLE_RATE_HZ};
use redial_call::{Frame, Load, UtteranceId};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep, sleep_until};

use super::ProviderError;
use super::stt::{Stt, SttInput, SttOutput, SttStream};
use super::tts::Tts;

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
    fn open(&self) -> SttStream {
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
                    Some(SttInput::Audio(..) | SttInput::Guess(_)) => (),
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

/// Speaks a quiet tone, as long as the text.
#[derive(Debug, Clone)]
pub struct ScriptedTts {
    per_char_ms: u32,
    delay: Duration,
    fails_after: Option<usize>,
}

impl Default for ScriptedTts {
    fn default() -> Self {
        Self::new()
    }
}

impl ScriptedTts {
    /// 60 ms for each character, which is about how fast people speak; all of it at once.
    pub fn new() -> Self {
        Self { per_char_ms: 60, delay: Duration::ZERO, fails_after: None }
    }

    /// Speaks each character for `ms`.
    #[must_use]
    pub fn per_char_ms(self, ms: u32) -> Self {
        Self { per_char_ms: ms, ..self }
    }

    /// Takes `delay` before the first frame.
    #[must_use]
    pub fn delayed(self, delay: Duration) -> Self {
        Self { delay, ..self }
    }

    /// Fails after `frames` frames, or where its speech would end if that is sooner.
    #[must_use]
    pub fn failing_after(self, frames: usize) -> Self {
        Self { fails_after: Some(frames), ..self }
    }
}

impl Tts for ScriptedTts {
    fn speak(&self, text: &str) -> BoxStream<'static, Result<Frame, ProviderError>> {
        let chars = u32::try_from(text.chars().count()).unwrap_or(u32::MAX);
        let length = Duration::from_millis(u64::from(chars) * u64::from(self.per_char_ms));
        let frames = usize::try_from(length.as_nanos().div_ceil(FRAME_DURATION.as_nanos())).unwrap_or(usize::MAX);
        let spoken = self.fails_after.map_or(frames, |after| frames.min(after));
        let failure = self.fails_after.map(|_| Err(failure()));
        let delay = self.delay;
        let tone = stream::iter((0..spoken).map(|_| Ok(tone())));
        stream::once(async move {
            if !delay.is_zero() {
                sleep(delay).await;
            }
        })
        .flat_map(move |()| tone.clone())
        .chain(stream::iter(failure))
        .boxed()
    }
}

/// 20 ms of 400 Hz at -30 dBFS: eight periods, so that frames join without a click.
fn tone() -> Frame {
    const HZ: f32 = 400.0;
    const PEAK: f32 = 1036.0;
    Frame::new(std::array::from_fn(|n| {
        let phase = std::f32::consts::TAU * HZ * n as f32 / SAMPLE_RATE_HZ as f32;
        audio::encode((PEAK * phase.sin()) as i16)
    }))
}

const _: () =
    assert!((FRAME_BYTES * 400).is_multiple_of(SAMPLE_RATE_HZ as usize), "whole periods of the tone in a frame");

fn failure() -> ProviderError {
    ProviderError::Other("told to fail".into())
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn say(stream: &SttStream, inputs: &[SttInput]) {
        for input in inputs {
            stream.input.send(*input).await.unwrap();
        }
    }

    #[tokio::test]
    async fn an_utterance_keeps_its_words() {
        let mut stream = ScriptedStt::new([Heard::from("one"), Heard::Failure]).open();
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
        let mut stream = ScriptedStt::new(["one", "two"]).delayed(Duration::from_millis(300)).open();
        let [a, b] = [1, 2].map(UtteranceId);
        let began = Instant::now();
        say(&stream, &[SttInput::Transcribe(a), SttInput::Discard(a), SttInput::Transcribe(b)]).await;
        let answer = stream.output.recv().await.unwrap();
        assert!(matches!(answer, SttOutput::Transcript { utterance, .. } if utterance == b));
        assert_eq!(began.elapsed(), Duration::from_millis(300));
    }

    #[tokio::test(start_paused = true)]
    async fn a_voice_is_as_slow_and_as_long_as_told() {
        let voice = ScriptedTts::new().per_char_ms(30).delayed(Duration::from_secs(2));
        let began = Instant::now();
        let frames: Vec<_> = voice.speak("héllo").collect().await;
        assert_eq!(began.elapsed(), Duration::from_secs(2));
        assert_eq!(frames.len(), 8, "150 ms are seven frames and a half");
        assert!(frames.iter().all(|frame| matches!(frame, Ok(frame) if *frame != Frame::SILENT)));
    }
}
