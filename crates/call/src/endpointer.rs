//! Endpointing: from voice, pauses and transcripts to "the caller has finished, and said this".
//!
//! A caller's turn is heard in parts: one utterance a part. A pause does not end the part; the recogniser is asked at
//! each pause for all of it, and answers of before the latest question are ignored. While the voice goes on, it is asked for
//! guesses, which end nothing.

use std::time::Duration;

use redial_language::completeness::{self, Completeness};

use crate::action::Action;
use crate::caller_turn::{CallerTurn, Voice, VoiceQuality};
use crate::context::Context;
use crate::event::Load;
use crate::ids::UtteranceId;
use crate::settings::Settings;
use crate::timer::Timer;

/// Guesses in a row after which voice without words is a noise.
const EMPTY_GUESSES: u32 = 2;

/// The listening half of a call.
#[derive(Debug, Default)]
pub(crate) struct Endpointer {
    utterances: u32,
    load: Load,
    /// The caller's turn, from its first sound until it is reported.
    turn: Option<InProgress>,
}

/// A caller's turn that has not ended.
#[derive(Debug)]
struct InProgress {
    voice: Voice,
    /// The parts before the one that listens, oldest first.
    earlier: Vec<Part>,
    latest: Part,
    /// What the voice tells about this pause.
    percent: Option<u8>,
    /// Guesses in a row that found no word.
    empty_guesses: u32,
    /// The turn before it had seemed complete, and goes on in it.
    continues: bool,
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

impl Endpointer {
    /// Of a call in which the recogniser has so much to do.
    pub(crate) fn new(load: Load) -> Self {
        Self { load, ..Self::default() }
    }

    /// True while the caller's voice sounds.
    pub(crate) fn is_voiced(&self) -> bool {
        self.turn.as_ref().is_some_and(|turn| turn.voice.is_sounding())
    }

    /// True when nothing has been said that was not reported.
    pub(crate) const fn is_quiet(&self) -> bool {
        self.turn.is_none()
    }

    /// True when voice goes on in which the recogniser has found no word so far.
    pub(crate) fn is_noise(&self) -> bool {
        let Some(turn) = self.turn.as_ref().filter(|turn| turn.voice.is_sounding()) else { return false };
        let mut answered = turn.parts().filter_map(|part| part.words.as_ref()).peekable();
        let asked = answered.peek().is_some() || turn.empty_guesses >= EMPTY_GUESSES;
        asked && answered.all(Words::is_empty)
    }

    /// True when at least half of the voice was our own, come back.
    pub(crate) fn is_echo(&self, now: Duration) -> bool {
        self.turn.as_ref().is_some_and(|turn| turn.voice.is_echo(now))
    }

    pub(crate) fn on_echo(&mut self, time: Duration) {
        if let Some(turn) = &mut self.turn {
            turn.voice.echo(time);
        }
    }

    /// How much the recogniser has to do, from now on.
    pub(crate) fn on_load(&mut self, load: Load) {
        self.load = load;
    }

    /// What is being said goes on with the turn before, or does not.
    pub(crate) fn set_continues(&mut self, continues: bool) {
        if let Some(turn) = &mut self.turn {
            turn.continues = continues;
        }
    }

    pub(crate) fn on_speech_started(&mut self, now: Duration, cx: &mut Context) {
        match &mut self.turn {
            Some(turn) if turn.voice.is_sounding() => return, // said twice
            Some(turn) => {
                turn.voice.start(now);
                turn.percent = None;
                cx.cancel(&[Timer::Pause, Timer::Endpoint]);
            }
            None => {
                let latest = self.next_part(cx);
                self.turn = Some(InProgress {
                    voice: Voice::new(now),
                    earlier: Vec::new(),
                    latest,
                    percent: None,
                    empty_guesses: 0,
                    continues: false,
                });
                cx.set(Timer::Utterance, now + cx.settings.max_utterance);
            }
        }
        if self.guesses(&cx.settings) {
            cx.set(Timer::Guess, now + cx.settings.guess_interval);
        }
    }

    fn guesses(&self, settings: &Settings) -> bool {
        self.load == Load::Ample && !settings.guess_interval.is_zero()
    }

    /// [`Timer::Guess`] fired.
    pub(crate) fn on_guess_due(&mut self, now: Duration, cx: &mut Context) {
        let turn = self.turn.as_ref().filter(|turn| turn.voice.is_sounding() && self.guesses(&cx.settings));
        if let Some(turn) = turn {
            cx.act(Action::Guess { utterance: turn.latest.utterance });
            cx.set(Timer::Guess, now + cx.settings.guess_interval);
        }
    }

    /// A guess arrived. True when it is one at what sounds now.
    pub(crate) fn on_partial(&mut self, utterance: UtteranceId, text: &str) -> bool {
        let current = self.turn.as_mut().filter(|turn| turn.voice.is_sounding() && turn.latest.utterance == utterance);
        let Some(turn) = current else { return false };
        turn.empty_guesses = if text.trim().is_empty() { turn.empty_guesses + 1 } else { 0 };
        true
    }

    pub(crate) fn on_speech_stopped(&mut self, now: Duration, quality: VoiceQuality, late: bool, cx: &mut Context) {
        let Some(turn) = self.turn.as_mut().filter(|turn| turn.voice.is_sounding()) else { return };
        turn.voice.stop(now, quality, late);
        let eager = if self.load == Load::Full { cx.settings.endpoint_delay } else { cx.settings.eager_delay };
        cx.cancel(&[Timer::Guess]);
        cx.set(Timer::Pause, now + eager);
        cx.set(Timer::Endpoint, now + cx.settings.open_endpoint_delay);
    }

    /// [`Timer::Pause`] fired.
    pub(crate) fn on_pause(&mut self, cx: &mut Context) {
        if let Some(turn) = self.turn.as_mut().filter(|turn| !turn.voice.is_sounding()) {
            turn.latest.transcribe(cx);
        }
    }

    /// [`Timer::Utterance`] fired: what was said so far is recognised while the caller goes on.
    pub(crate) fn on_long_utterance(&mut self, now: Duration, cx: &mut Context) {
        if self.is_quiet() {
            return;
        }
        if self.is_voiced() {
            if let Some(turn) = &mut self.turn {
                turn.latest.transcribe(cx);
            }
            let next = self.next_part(cx);
            if let Some(turn) = &mut self.turn {
                turn.earlier.push(std::mem::replace(&mut turn.latest, next));
            }
        }
        cx.set(Timer::Utterance, now + cx.settings.max_utterance);
    }

    /// The recogniser answered. Returns the turn when that was all it waited for.
    pub(crate) fn on_transcript(
        &mut self,
        now: Duration,
        utterance: UtteranceId,
        words: Words,
        cx: &mut Context,
    ) -> Option<CallerTurn> {
        let turn = self.turn.as_mut()?;
        let (latest, paused) = (turn.latest.utterance == utterance, !turn.voice.is_sounding());
        let part = turn.part_mut(utterance)?;
        part.unanswered = part.unanswered.saturating_sub(1);
        if part.unanswered > 0 || (latest && !paused) {
            return None; // the caller went on after this question
        }
        part.words = Some(words);
        if !paused || turn.awaits_words() {
            return None;
        }
        let due = turn.voice.end() + turn.delay(self.load, &cx.settings);
        if due <= now {
            return self.finish(cx);
        }
        cx.set(Timer::Endpoint, due);
        None
    }

    /// The voice was judged. A verdict that comes before the words waits for them; one that comes after them moves the
    /// end of the pause.
    pub(crate) fn on_turn_end(&mut self, now: Duration, utterance: UtteranceId, percent: u8, cx: &mut Context) {
        let Some(turn) = self.turn.as_mut().filter(|turn| turn.latest.utterance == utterance) else { return };
        let asked = turn.latest.unanswered > 0 || turn.latest.words.is_some();
        if turn.voice.is_sounding() || !asked || cx.timers.is_set(Timer::Pause) {
            return; // of an earlier pause
        }
        turn.percent = Some(percent);
        if !turn.awaits_words() {
            let due = turn.voice.end() + turn.delay(self.load, &cx.settings);
            cx.set(Timer::Endpoint, now.max(due));
        }
    }

    /// [`Timer::Endpoint`] fired. Returns the turn, unless its transcript is still awaited.
    pub(crate) fn on_endpoint(&mut self, now: Duration, cx: &mut Context) -> Option<CallerTurn> {
        let turn = self.turn.as_mut().filter(|turn| !turn.voice.is_sounding())?;
        let latest = turn.voice.end() + cx.settings.transcript_wait;
        if turn.awaits_words() && now < latest {
            cx.set(Timer::Endpoint, latest);
            return None;
        }
        for part in turn.parts_mut() {
            part.words.get_or_insert(Words::Failed);
        }
        self.finish(cx)
    }

    /// The call is over: asks for the words that were not recognised yet. True when some are still to come.
    pub(crate) fn on_call_over(&mut self, now: Duration, cx: &mut Context) -> bool {
        let Some(turn) = &mut self.turn else { return false };
        let cut_short = turn.voice.is_sounding();
        if cut_short {
            turn.voice.stop(now, VoiceQuality::Clear, false);
        }
        if cut_short || (turn.latest.words.is_none() && turn.latest.unanswered == 0) {
            turn.latest.transcribe(cx);
        }
        cancel_timers(cx);
        turn.awaits_words()
    }

    /// Notes a transcript while the call is ending. True when all words are there.
    pub(crate) fn on_last_transcript(&mut self, utterance: UtteranceId, words: Words) -> bool {
        let Some(turn) = &mut self.turn else { return true };
        if let Some(part) = turn.part_mut(utterance) {
            part.unanswered = part.unanswered.saturating_sub(1);
            if part.unanswered == 0 {
                part.words = Some(words);
            }
        }
        !turn.awaits_words()
    }

    /// Ends the caller's turn, if there is one, with the words that are known.
    pub(crate) fn finish(&mut self, cx: &mut Context) -> Option<CallerTurn> {
        let turn = self.turn.take()?;
        for part in turn.parts() {
            cx.act(Action::Discard { utterance: part.utterance });
        }
        cancel_timers(cx);
        let text = turn.text();
        let fragment = completeness::judge(&text, turn.percent) == Completeness::Open;
        let noise = turn.parts().all(|part| matches!(part.words, Some(Words::Noise)));
        let failed = turn.parts().any(|part| matches!(part.words, Some(Words::Failed)));
        let heard = CallerTurn { failed, fragment, continues: turn.continues, ..CallerTurn::spoken(text, &turn.voice) };
        Some(if noise { CallerTurn { voiced: Duration::ZERO, ..heard } } else { heard })
    }

    fn next_part(&mut self, cx: &mut Context) -> Part {
        self.utterances += 1;
        let utterance = UtteranceId(self.utterances);
        cx.act(Action::Listen { utterance });
        Part { utterance, unanswered: 0, words: None }
    }
}

impl InProgress {
    fn parts(&self) -> impl Iterator<Item = &Part> {
        self.earlier.iter().chain([&self.latest])
    }

    fn parts_mut(&mut self) -> impl Iterator<Item = &mut Part> {
        self.earlier.iter_mut().chain([&mut self.latest])
    }

    fn part_mut(&mut self, utterance: UtteranceId) -> Option<&mut Part> {
        self.parts_mut().find(|part| part.utterance == utterance)
    }

    fn awaits_words(&self) -> bool {
        self.parts().any(|part| part.words.is_none())
    }

    fn text(&self) -> String {
        let texts: Vec<&str> = self
            .parts()
            .filter_map(|part| match &part.words {
                Some(Words::Text(text)) => Some(text.trim()),
                Some(Words::Noise | Words::Failed) | None => None,
            })
            .filter(|text| !text.is_empty())
            .collect();
        texts.join(" ")
    }

    /// The pause after which the words so far are a turn.
    fn delay(&self, load: Load, settings: &Settings) -> Duration {
        let text = self.text();
        let judged = completeness::judge(&text, self.percent);
        let doubtful = self.percent.is_none() && completeness::judge(&text, Some(0)) != judged;
        // Under full load a verdict may never come.
        let wait = if doubtful && load < Load::Full { settings.verdict_wait } else { Duration::ZERO };
        wait + match judged {
            Completeness::Complete => settings.endpoint_delay,
            Completeness::Brief => settings.brief_endpoint_delay,
            Completeness::Unsure => settings.unsure_endpoint_delay,
            Completeness::Open => settings.open_endpoint_delay,
        }
    }
}

impl Part {
    fn transcribe(&mut self, cx: &mut Context) {
        self.unanswered += 1;
        self.words = None;
        cx.act(Action::Transcribe { utterance: self.utterance });
    }
}

fn cancel_timers(cx: &mut Context) {
    cx.cancel(&[Timer::Pause, Timer::Endpoint, Timer::Utterance, Timer::Guess]);
}
