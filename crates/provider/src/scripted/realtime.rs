//! A speech-to-speech model that does as it is told, and remembers what it was told.

#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use redial_call::audio::{self, FRAME_DURATION};
use redial_call::{Frame, ReplyEnd, TurnId, UtteranceId};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until};

use super::failure;
use super::tts::tone;
use crate::realtime::{INPUT, OUTPUT, Realtime, RealtimeContext, RealtimeInput, RealtimeOutput, RealtimeStream};

/// What is louder than this, in steps of 16 bits, is a voice.
const VOICE_LEVEL: u16 = 200;

/// What a [`ScriptedRealtime`] answers when it is asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// These words, and a tone as long as they are.
    Says(String),
    /// The same, and the call is over.
    Goodbye(String),
    /// It calls a tool.
    Calls {
        /// The tool's name.
        name: String,
        /// A JSON object.
        arguments: String,
    },
    /// It says these words, and fails before the end of their sound.
    Breaks(String),
    /// It says nothing and fails.
    Fails,
    /// It is gone.
    Dies,
}

impl From<&str> for Answer {
    fn from(text: &str) -> Self {
        Self::Says(text.to_owned())
    }
}

/// Hears a voice by its loudness, answers from a list and tells the caller's words from another. Each call begins at the heads of the lists;
/// beyond their ends no words are heard, and each answer is "Yes.".
#[derive(Debug, Clone)]
pub struct ScriptedRealtime {
    answers: Arc<[Answer]>,
    words: Arc<[String]>,
    delay: Duration,
    words_delay: Duration,
    frame_interval: Duration,
    silence: Duration,
    told: Arc<Mutex<Vec<RealtimeInput>>>,
}

impl ScriptedRealtime {
    /// Answers with `answers` at once, all audio in one go, and hears `words` 300 ms after the end of each turn, which is 300 ms of silence.
    pub fn new<A: Into<Answer>, W: Into<String>>(
        answers: impl IntoIterator<Item = A>,
        words: impl IntoIterator<Item = W>,
    ) -> Self {
        Self {
            answers: answers.into_iter().map(Into::into).collect(),
            words: words.into_iter().map(Into::into).collect(),
            delay: Duration::ZERO,
            words_delay: Duration::from_millis(300),
            frame_interval: Duration::ZERO,
            silence: Duration::from_millis(300),
            told: Arc::default(),
        }
    }

    /// Takes `delay` before each answer.
    #[must_use]
    pub fn delayed(self, delay: Duration) -> Self {
        Self { delay, ..self }
    }

    /// Tells the caller's words so long after their turn.
    #[must_use]
    pub fn words_after(self, words_delay: Duration) -> Self {
        Self { words_delay, ..self }
    }

    /// Makes one frame in `frame_interval`; 20 ms is the pace of speech.
    #[must_use]
    pub fn paced(self, frame_interval: Duration) -> Self {
        Self { frame_interval, ..self }
    }

    /// What it was told beside audio, over all calls, in order.
    pub fn told(&self) -> Vec<RealtimeInput> {
        self.told.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Realtime for ScriptedRealtime {
    fn open(&self, _context: RealtimeContext) -> RealtimeStream {
        let (input, commands) = mpsc::channel(INPUT);
        let (outputs, output) = mpsc::channel(OUTPUT);
        tokio::spawn(Model::new(self.clone()).run(commands, outputs));
        RealtimeStream { input, output }
    }
}

/// One call.
struct Model {
    script: ScriptedRealtime,
    /// How many answers were asked for.
    asked: usize,
    /// What it will tell, and when; `None`: it is gone then.
    due: VecDeque<(Instant, Option<RealtimeOutput>)>,
    /// How many turns the caller has had.
    turns: u32,
    /// Silence since the last voice of the caller's turn, if there is one.
    silent_for: Option<Duration>,
}

impl Model {
    const fn new(script: ScriptedRealtime) -> Self {
        Self { script, asked: 0, due: VecDeque::new(), turns: 0, silent_for: None }
    }

    async fn run(mut self, mut commands: mpsc::Receiver<RealtimeInput>, outputs: mpsc::Sender<RealtimeOutput>) {
        loop {
            let next = self.due.front().map(|(at, _)| *at);
            tokio::select! {
                command = commands.recv() => match command {
                    Some(command) => self.take(command),
                    None => return,
                },
                permit = async {
                    sleep_until(next.unwrap_or_else(Instant::now)).await;
                    outputs.reserve().await
                }, if next.is_some() => {
                    let Ok(permit) = permit else { return };
                    match self.due.pop_front() {
                        Some((_, Some(output))) => permit.send(output),
                        Some((_, None)) => return,
                        None => (),
                    }
                }
                () = outputs.closed() => return,
            }
        }
    }

    fn take(&mut self, command: RealtimeInput) {
        match &command {
            RealtimeInput::Audio(frame) => return self.hear(frame),
            RealtimeInput::Commit => self.end_turn(),
            RealtimeInput::Respond { turn, .. } => self.answer(*turn),
            RealtimeInput::Cancel { turn } | RealtimeInput::Truncate { turn, .. } => {
                self.due.retain(|(_, output)| output.as_ref().is_none_or(|output| output.turn() != Some(*turn)));
            }
            RealtimeInput::Said { .. } | RealtimeInput::ToolReturned { .. } => (),
        }
        self.script.told.lock().unwrap_or_else(PoisonError::into_inner).push(command);
    }

    fn hear(&mut self, frame: &Frame) {
        let voice = frame.as_bytes().iter().any(|byte| audio::decode(*byte).unsigned_abs() > VOICE_LEVEL);
        match &mut self.silent_for {
            None if voice => {
                self.silent_for = Some(Duration::ZERO);
                self.tell(Duration::ZERO, RealtimeOutput::TurnStarted);
            }
            None => (),
            Some(silent_for) if voice => *silent_for = Duration::ZERO,
            Some(silent_for) => {
                *silent_for += FRAME_DURATION;
                if *silent_for >= self.script.silence {
                    self.end_turn();
                }
            }
        }
    }

    fn end_turn(&mut self) {
        if self.silent_for.take().is_some() {
            let text = self.script.words.get(self.turns as usize).cloned().unwrap_or_default();
            self.turns += 1;
            let utterance = UtteranceId(self.turns);
            self.tell(Duration::ZERO, RealtimeOutput::TurnCommitted { utterance });
            self.tell(self.script.words_delay, RealtimeOutput::CallerWords { utterance, text });
        }
    }

    fn answer(&mut self, turn: TurnId) {
        let answer = self.script.answers.get(self.asked).cloned().unwrap_or_else(|| Answer::from("Yes."));
        self.asked += 1;
        let delay = self.script.delay;
        let failed = RealtimeOutput::Failed { turn, error: failure() };
        match answer {
            Answer::Says(text) => {
                let end = self.say(turn, &text, usize::MAX);
                self.tell(end, RealtimeOutput::Done { turn, end: ReplyEnd::Listen });
            }
            Answer::Goodbye(text) => {
                let end = self.say(turn, &text, usize::MAX);
                self.tell(end, RealtimeOutput::Done { turn, end: ReplyEnd::HangUp });
            }
            Answer::Breaks(text) => {
                let end = self.say(turn, &text, text.chars().count());
                self.tell(end, failed);
            }
            Answer::Calls { name, arguments } => {
                self.tell(delay, RealtimeOutput::ToolCall { turn, name, arguments });
                self.tell(delay, RealtimeOutput::Done { turn, end: ReplyEnd::Tools });
            }
            Answer::Fails => self.tell(delay, failed),
            Answer::Dies => self.due.push_back((Instant::now() + delay, None)),
        }
    }

    /// Tells words, each by itself, and then their sound, 60 ms a character, of `most` frames at most. Returns when that ends.
    fn say(&mut self, turn: TurnId, text: &str, most: usize) -> Duration {
        let mut at = self.script.delay;
        for word in text.split_inclusive(' ') {
            self.tell(at, RealtimeOutput::Text { turn, text: word.to_owned() });
        }
        for _ in 0..(text.chars().count() * 3).min(most) {
            self.tell(at, RealtimeOutput::Audio { turn, frame: tone() });
            at += self.script.frame_interval;
        }
        at
    }

    /// So long from now; of what is due at one time, what was told first is first.
    fn tell(&mut self, delay: Duration, output: RealtimeOutput) {
        let at = Instant::now() + delay;
        let place = self.due.partition_point(|(due, _)| *due <= at);
        self.due.insert(place, (at, Some(output)));
    }
}
