//! Endpointing: from voice, pauses and transcripts to "the caller has finished, and said this".
//!
//! A caller's turn is heard in parts: one utterance a part. A pause does not end the part; the recogniser is asked at
//! each pause for all of it, and answers of before the latest question are ignored.

use std::collections::VecDeque;
use std::time::Duration;

use crate::action::Action;
use crate::ids::UtteranceId;
use crate::settings::Settings;
use crate::timer::{Timer, Timers};
use crate::words;

/// What the caller said, once they have finished.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Heard {
    /// The words; empty when there were none.
    pub(crate) text: String,
    /// When the voice began and when it last stopped.
    pub(crate) start: Duration,
    pub(crate) end: Duration,
    /// How long there was voice.
    pub(crate) voiced: Duration,
    /// Recognition failed for some of it.
    pub(crate) failed: bool,
}

/// The listening half of a call.
#[derive(Debug, Default)]
pub(crate) struct Ear {
    utterances: u32,
    mode: Mode,
    /// The parts of the turn so far, oldest first; the last is the one that listens.
    parts: Vec<Part>,
    start: Duration,
    end: Duration,
    voiced: Duration,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Mode {
    #[default]
    Quiet,
    Voiced {
        since: Duration,
    },
    Paused,
}

#[derive(Debug)]
struct Part {
    utterance: UtteranceId,
    /// Questions to the recogniser that it has not answered.
    unanswered: u32,
    words: Option<Words>,
}

#[derive(Debug)]
enum Words {
    Text(String),
    Failed,
}

impl Words {
    fn is_empty(&self) -> bool {
        match self {
            Self::Text(text) => text.trim().is_empty(),
            Self::Failed => true,
        }
    }
}

impl Ear {
    /// True while the caller's voice sounds.
    pub(crate) fn is_voiced(&self) -> bool {
        matches!(self.mode, Mode::Voiced { .. })
    }

    /// True when nothing has been said that was not reported.
    pub(crate) fn is_quiet(&self) -> bool {
        self.mode == Mode::Quiet
    }

    /// True when voice goes on in which the recogniser has found no word so far.
    pub(crate) fn is_noise(&self) -> bool {
        let mut answered = self.parts.iter().filter_map(|part| part.words.as_ref()).peekable();
        self.is_voiced() && answered.peek().is_some() && answered.all(Words::is_empty)
    }

    pub(crate) fn on_speech_started(
        &mut self,
        now: Duration,
        settings: &Settings,
        timers: &mut Timers,
        actions: &mut VecDeque<Action>,
    ) {
        match self.mode {
            Mode::Voiced { .. } => return, // said twice
            Mode::Paused => {
                timers.cancel(Timer::Pause);
                timers.cancel(Timer::Endpoint);
            }
            Mode::Quiet => {
                self.start = now;
                self.voiced = Duration::ZERO;
                self.next_part(actions);
                timers.set(Timer::Utterance, now + settings.max_utterance);
            }
        }
        self.mode = Mode::Voiced { since: now };
    }

    pub(crate) fn on_speech_stopped(&mut self, now: Duration, settings: &Settings, timers: &mut Timers) {
        let Mode::Voiced { since } = self.mode else { return };
        self.voiced += now - since;
        self.end = now;
        self.mode = Mode::Paused;
        timers.set(Timer::Pause, now + settings.eager_delay);
        timers.set(Timer::Endpoint, now + settings.open_endpoint_delay);
    }

    /// [`Timer::Pause`] fired.
    pub(crate) fn on_pause(&mut self, actions: &mut VecDeque<Action>) {
        if self.mode == Mode::Paused {
            self.transcribe(actions);
        }
    }

    /// [`Timer::Utterance`] fired: what was said so far is recognised while the caller goes on.
    pub(crate) fn on_long_utterance(
        &mut self,
        now: Duration,
        settings: &Settings,
        timers: &mut Timers,
        actions: &mut VecDeque<Action>,
    ) {
        if let Mode::Voiced { .. } = self.mode {
            self.transcribe(actions);
            self.next_part(actions);
        }
        if self.mode != Mode::Quiet {
            timers.set(Timer::Utterance, now + settings.max_utterance);
        }
    }

    /// A transcript arrived (`None`: recognition failed). Returns the turn when that was all it waited for.
    pub(crate) fn on_transcript(
        &mut self,
        now: Duration,
        utterance: UtteranceId,
        text: Option<String>,
        settings: &Settings,
        timers: &mut Timers,
        actions: &mut VecDeque<Action>,
    ) -> Option<Heard> {
        let last = self.parts.last().map(|part| part.utterance);
        let part = self.parts.iter_mut().find(|part| part.utterance == utterance)?;
        part.unanswered = part.unanswered.saturating_sub(1);
        if part.unanswered > 0 || (self.mode != Mode::Paused && last == Some(utterance)) {
            return None; // the caller went on after this question
        }
        part.words = Some(text.map_or(Words::Failed, Words::Text));
        if self.mode != Mode::Paused || self.parts.iter().any(|part| part.words.is_none()) {
            return None;
        }
        let delay = if words::is_open(&self.text()) { settings.open_endpoint_delay } else { settings.endpoint_delay };
        if self.end + delay <= now {
            return Some(self.finish(timers, actions));
        }
        timers.set(Timer::Endpoint, self.end + delay);
        None
    }

    /// [`Timer::Endpoint`] fired. Returns the turn, unless its transcript is still awaited.
    pub(crate) fn on_endpoint(
        &mut self,
        settings: &Settings,
        timers: &mut Timers,
        now: Duration,
        actions: &mut VecDeque<Action>,
    ) -> Option<Heard> {
        if self.mode != Mode::Paused {
            return None;
        }
        let awaited = self.parts.iter().any(|part| part.words.is_none());
        if awaited && now < self.end + settings.transcript_wait {
            timers.set(Timer::Endpoint, self.end + settings.transcript_wait);
            return None;
        }
        for part in &mut self.parts {
            part.words.get_or_insert(Words::Failed);
        }
        Some(self.finish(timers, actions))
    }

    /// The call is over: asks for the words that were not recognised yet. True when some are still to come.
    pub(crate) fn on_call_over(&mut self, now: Duration, timers: &mut Timers, actions: &mut VecDeque<Action>) -> bool {
        match self.mode {
            Mode::Quiet => return false,
            Mode::Voiced { since } => {
                self.voiced += now - since;
                self.end = now;
                self.mode = Mode::Paused;
                self.transcribe(actions);
            }
            Mode::Paused => {
                if self.parts.last().is_some_and(|part| part.words.is_none() && part.unanswered == 0) {
                    self.transcribe(actions);
                }
            }
        }
        timers.cancel(Timer::Pause);
        timers.cancel(Timer::Endpoint);
        timers.cancel(Timer::Utterance);
        self.parts.iter().any(|part| part.words.is_none())
    }

    /// What has been recognised of an unfinished turn, as the call ends.
    pub(crate) fn last_words(&mut self, timers: &mut Timers, actions: &mut VecDeque<Action>) -> Option<Heard> {
        (self.mode != Mode::Quiet).then(|| self.finish(timers, actions))
    }

    /// Notes a transcript while the call is ending. True when all words are there.
    pub(crate) fn on_last_transcript(&mut self, utterance: UtteranceId, text: Option<String>) -> bool {
        if let Some(part) = self.parts.iter_mut().find(|part| part.utterance == utterance) {
            part.unanswered = part.unanswered.saturating_sub(1);
            if part.unanswered == 0 {
                part.words = Some(text.map_or(Words::Failed, Words::Text));
            }
        }
        self.parts.iter().all(|part| part.words.is_some())
    }

    fn next_part(&mut self, actions: &mut VecDeque<Action>) {
        self.utterances += 1;
        let utterance = UtteranceId(self.utterances);
        self.parts.push(Part { utterance, unanswered: 0, words: None });
        actions.push_back(Action::Listen { utterance });
    }

    fn transcribe(&mut self, actions: &mut VecDeque<Action>) {
        if let Some(part) = self.parts.last_mut() {
            part.unanswered += 1;
            part.words = None;
            actions.push_back(Action::Transcribe { utterance: part.utterance });
        }
    }

    fn text(&self) -> String {
        let texts: Vec<&str> = self
            .parts
            .iter()
            .filter_map(|part| match &part.words {
                Some(Words::Text(text)) => Some(text.trim()),
                Some(Words::Failed) | None => None,
            })
            .filter(|text| !text.is_empty())
            .collect();
        texts.join(" ")
    }

    fn finish(&mut self, timers: &mut Timers, actions: &mut VecDeque<Action>) -> Heard {
        let text = self.text();
        let failed = self.parts.iter().any(|part| matches!(part.words, Some(Words::Failed)));
        for part in self.parts.drain(..) {
            actions.push_back(Action::Discard { utterance: part.utterance });
        }
        timers.cancel(Timer::Pause);
        timers.cancel(Timer::Endpoint);
        timers.cancel(Timer::Utterance);
        self.mode = Mode::Quiet;
        Heard { text, start: self.start, end: self.end, voiced: self.voiced, failed }
    }
}
