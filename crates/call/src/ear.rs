//! Endpointing: from voice, pauses and transcripts to "the caller has finished, and said this".
//!
//! A caller's turn is heard in parts: one utterance a part. A pause does not end the part; the recogniser is asked at
//! each pause for all of it, and answers of before the latest question are ignored. While the voice goes on, it is asked for
//! guesses, which end nothing.

use std::collections::VecDeque;
use std::time::Duration;

use redial_language::attention;
use redial_language::completeness::{self, Completeness};

use crate::action::Action;
use crate::event::Load;
use crate::ids::UtteranceId;
use crate::settings::Settings;
use crate::timer::{Timer, Timers};

/// What the caller said, once they have finished.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Heard {
    /// The words; empty when there were none.
    pub(crate) text: String,
    /// When the voice began and when it last stopped.
    pub(crate) start: Duration,
    pub(crate) end: Duration,
    /// How long there was voice; none when the recogniser found that it was nobody's.
    pub(crate) voiced: Duration,
    /// How much of the voice was our own, come back.
    pub(crate) echoed: Duration,
    /// Recognition failed for some of it.
    pub(crate) failed: bool,
    /// The words call for more, and no more came.
    pub(crate) fragment: bool,
    /// It was a hum or a noise, whatever the recogniser made of it.
    pub(crate) murmur: bool,
    /// The last of it was said while the line stood still.
    pub(crate) late: bool,
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
    echoed: Duration,
    /// The voice that sounds, or sounded last, was hardly one.
    murmur: bool,
    /// There was another that was.
    clear: bool,
    /// The voice that sounds, or sounded last, came late.
    late: bool,
    /// What the voice tells about this pause.
    percent: Option<u8>,
    /// Guesses in a row that found no word.
    empty_guesses: u32,
    load: Load,
}

/// The longest hum: some 400 ms, and what voice activity takes to notice its end.
const HUM: Duration = Duration::from_millis(600);

/// The longest aside of one word: a slow "right" has up to 700 ms, its end included.
const ASIDE: Duration = Duration::from_millis(800);

/// The longest of two words, for which an "uh-huh" may be taken ("that's it").
const ASIDE_OF_TWO: Duration = Duration::from_millis(500);

/// Guesses in a row after which voice without words is a noise.
const EMPTY_GUESSES: u32 = 2;

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

/// What the recogniser made of a part.
#[derive(Debug)]
pub(crate) enum Words {
    Text(String),
    /// Nobody's voice.
    Noise,
    Failed,
}

impl Words {
    fn is_empty(&self) -> bool {
        match self {
            Self::Text(text) => text.trim().is_empty(),
            Self::Noise | Self::Failed => true,
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
        let asked = answered.peek().is_some() || self.empty_guesses >= EMPTY_GUESSES;
        self.is_voiced() && asked && answered.all(Words::is_empty)
    }

    /// True when at least half of the voice was our own, come back.
    pub(crate) fn is_echo(&self, now: Duration) -> bool {
        let voiced = match self.mode {
            Mode::Voiced { since } => self.voiced + (now - since),
            Mode::Quiet | Mode::Paused => self.voiced,
        };
        self.mode != Mode::Quiet && mostly(self.echoed, voiced)
    }

    pub(crate) fn on_echo(&mut self, time: Duration) {
        if self.is_voiced() {
            self.echoed += time;
        }
    }

    /// How much the recogniser has to do, from now on.
    pub(crate) fn on_load(&mut self, load: Load) {
        self.load = load;
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
                self.echoed = Duration::ZERO;
                self.empty_guesses = 0;
                self.clear = false;
                self.next_part(actions);
                timers.set(Timer::Utterance, now + settings.max_utterance);
            }
        }
        self.percent = None;
        self.murmur = false;
        self.late = false;
        self.mode = Mode::Voiced { since: now };
        if self.guesses(settings) {
            timers.set(Timer::Guess, now + settings.guess_interval);
        }
    }

    fn guesses(&self, settings: &Settings) -> bool {
        self.load == Load::Ample && !settings.guess_interval.is_zero()
    }

    /// [`Timer::Guess`] fired.
    pub(crate) fn on_guess_due(
        &mut self,
        now: Duration,
        settings: &Settings,
        timers: &mut Timers,
        actions: &mut VecDeque<Action>,
    ) {
        let part = self.parts.last().filter(|_| self.is_voiced() && self.guesses(settings));
        if let Some(part) = part {
            actions.push_back(Action::Guess { utterance: part.utterance });
            timers.set(Timer::Guess, now + settings.guess_interval);
        }
    }

    /// A guess arrived. True when it is one at what sounds now.
    pub(crate) fn on_partial(&mut self, utterance: UtteranceId, text: &str) -> bool {
        let current = self.is_voiced() && self.parts.last().is_some_and(|part| part.utterance == utterance);
        if current {
            self.empty_guesses = if text.trim().is_empty() { self.empty_guesses + 1 } else { 0 };
        }
        current
    }

    pub(crate) fn on_murmur(&mut self) {
        self.murmur = self.is_voiced();
    }

    pub(crate) fn on_late(&mut self) {
        self.late = self.is_voiced();
    }

    pub(crate) fn on_speech_stopped(&mut self, now: Duration, settings: &Settings, timers: &mut Timers) {
        let Mode::Voiced { since } = self.mode else { return };
        self.voiced += now - since;
        self.clear |= !self.murmur;
        self.end = now;
        self.mode = Mode::Paused;
        timers.cancel(Timer::Guess);
        let eager = if self.load == Load::Full { settings.endpoint_delay } else { settings.eager_delay };
        timers.set(Timer::Pause, now + eager);
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

    /// The recogniser answered. Returns the turn when that was all it waited for.
    pub(crate) fn on_transcript(
        &mut self,
        now: Duration,
        utterance: UtteranceId,
        words: Words,
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
        part.words = Some(words);
        if self.mode != Mode::Paused || self.parts.iter().any(|part| part.words.is_none()) {
            return None;
        }
        let delay = self.delay(settings);
        if self.end + delay <= now {
            return Some(self.finish(timers, actions));
        }
        timers.set(Timer::Endpoint, self.end + delay);
        None
    }

    /// The voice was judged. A verdict that comes before the words waits for them; one that comes after them moves the
    /// end of the pause.
    pub(crate) fn on_turn_end(
        &mut self,
        now: Duration,
        utterance: UtteranceId,
        percent: u8,
        settings: &Settings,
        timers: &mut Timers,
    ) {
        let Some(part) = self.parts.last().filter(|part| part.utterance == utterance) else { return };
        let asked = part.unanswered > 0 || part.words.is_some();
        if self.mode != Mode::Paused || !asked || timers.is_set(Timer::Pause) {
            return; // of an earlier pause
        }
        self.percent = Some(percent);
        if self.parts.iter().all(|part| part.words.is_some()) {
            timers.set(Timer::Endpoint, now.max(self.end + self.delay(settings)));
        }
    }

    /// The pause after which the words so far are a turn.
    fn delay(&self, settings: &Settings) -> Duration {
        let text = self.text();
        let judged = completeness::judge(&text, self.percent);
        let doubtful = self.percent.is_none() && completeness::judge(&text, Some(0)) != judged;
        // Under full load a verdict may never come.
        let wait = if doubtful && self.load < Load::Full { settings.verdict_wait } else { Duration::ZERO };
        wait + match judged {
            Completeness::Complete => settings.endpoint_delay,
            Completeness::Brief => settings.brief_endpoint_delay,
            Completeness::Unsure => settings.unsure_endpoint_delay,
            Completeness::Open => settings.open_endpoint_delay,
        }
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
                self.clear = true;
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
        timers.cancel(Timer::Guess);
        self.parts.iter().any(|part| part.words.is_none())
    }

    /// What has been recognised of an unfinished turn, as the call ends.
    pub(crate) fn last_words(&mut self, timers: &mut Timers, actions: &mut VecDeque<Action>) -> Option<Heard> {
        (self.mode != Mode::Quiet).then(|| self.finish(timers, actions))
    }

    /// Notes a transcript while the call is ending. True when all words are there.
    pub(crate) fn on_last_transcript(&mut self, utterance: UtteranceId, words: Words) -> bool {
        if let Some(part) = self.parts.iter_mut().find(|part| part.utterance == utterance) {
            part.unanswered = part.unanswered.saturating_sub(1);
            if part.unanswered == 0 {
                part.words = Some(words);
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
                Some(Words::Noise | Words::Failed) | None => None,
            })
            .filter(|text| !text.is_empty())
            .collect();
        texts.join(" ")
    }

    fn finish(&mut self, timers: &mut Timers, actions: &mut VecDeque<Action>) -> Heard {
        let text = self.text();
        let fragment = completeness::judge(&text, self.percent) == Completeness::Open;
        let noise = self.parts.iter().all(|part| matches!(part.words, Some(Words::Noise)));
        let failed = self.parts.iter().any(|part| matches!(part.words, Some(Words::Failed)));
        for part in self.parts.drain(..) {
            actions.push_back(Action::Discard { utterance: part.utterance });
        }
        timers.cancel(Timer::Pause);
        timers.cancel(Timer::Endpoint);
        timers.cancel(Timer::Utterance);
        timers.cancel(Timer::Guess);
        self.mode = Mode::Quiet;
        let Self { start, end, voiced, echoed, clear, late, .. } = *self;
        let voiced = if noise { Duration::ZERO } else { voiced };
        Heard { text, start, end, voiced, echoed, failed, fragment, murmur: !clear, late }
    }
}

impl Heard {
    /// Said briefly, and hardly a voice: "mm-hmm", whatever recognisers write ("No.").
    pub(crate) fn is_hum(&self) -> bool {
        self.murmur && self.voiced < HUM
    }

    /// A word or two, or what is not whole, said briefly: a sound of attention that was not recognised as one ("as a"). Short words
    /// that want the agent to stop are none.
    pub(crate) fn is_aside(&self) -> bool {
        let longest = match attention::count(&self.text) {
            _ if self.fragment => ASIDE,
            1 => ASIDE,
            2 => ASIDE_OF_TWO,
            _ => return false,
        };
        self.voiced < longest && (self.fragment || !attention::has_command(&self.text))
    }

    /// At least half of the voice was our own, come back.
    pub(crate) fn is_mostly_echo(&self) -> bool {
        mostly(self.echoed, self.voiced)
    }
}

fn mostly(part: Duration, whole: Duration) -> bool {
    !part.is_zero() && part * 2 >= whole
}
