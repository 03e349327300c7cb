//! A caller's turn: the voice while it goes on, and what was said once they have finished.

use std::time::Duration;

use redial_language::attention;
use serde::{Deserialize, Serialize};

/// The longest hum: some 400 ms, and what voice activity takes to notice its end.
const HUM: Duration = Duration::from_millis(600);

/// The longest aside of one word: a slow "right" has up to 700 ms, its end included.
const ASIDE: Duration = Duration::from_millis(800);

/// The longest of two words, for which an "uh-huh" may be taken ("that's it").
const ASIDE_OF_TWO: Duration = Duration::from_millis(500);

/// How much of a voice there was. Ordered by how much.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum VoiceQuality {
    /// Hardly any: a hum or a noise.
    Murmur,
    /// Surely a voice.
    #[default]
    Clear,
}

impl VoiceQuality {
    /// True for [`VoiceQuality::Clear`].
    pub const fn is_clear(&self) -> bool {
        matches!(self, Self::Clear)
    }
}

/// The sound of a caller's turn, over all its pauses.
#[derive(Debug)]
pub(crate) struct Voice {
    start: Duration,
    end: Duration,
    /// Since when it sounds; `None`: it pauses.
    sounding: Option<Duration>,
    voiced: Duration,
    echoed: Duration,
    /// The clearest of it so far.
    quality: VoiceQuality,
    /// The last of it was said while the line stood still.
    late: bool,
}

impl Voice {
    pub(crate) fn new(now: Duration) -> Self {
        Self {
            start: now,
            end: now,
            sounding: Some(now),
            voiced: Duration::ZERO,
            echoed: Duration::ZERO,
            quality: VoiceQuality::Murmur,
            late: false,
        }
    }

    /// One that only the recogniser hears.
    pub(crate) fn silent(now: Duration) -> Self {
        Self { sounding: None, quality: VoiceQuality::Clear, ..Self::new(now) }
    }

    pub(crate) const fn is_sounding(&self) -> bool {
        self.sounding.is_some()
    }

    /// When it last stopped.
    pub(crate) const fn end(&self) -> Duration {
        self.end
    }

    pub(crate) fn start(&mut self, now: Duration) {
        self.sounding.get_or_insert(now);
        self.late = false;
    }

    /// It pauses. Said twice, the second changes nothing.
    pub(crate) fn stop(&mut self, now: Duration, quality: VoiceQuality, late: bool) {
        let Some(since) = self.sounding.take() else { return };
        self.voiced += now - since;
        self.quality = self.quality.max(quality);
        self.late = late;
        self.end = now;
    }

    /// So much of what sounds is our own voice, come back.
    pub(crate) fn echo(&mut self, time: Duration) {
        if self.is_sounding() {
            self.echoed += time;
        }
    }

    /// At least half of it is our own voice, come back.
    pub(crate) fn is_echo(&self, now: Duration) -> bool {
        let voiced = self.sounding.map_or(self.voiced, |since| self.voiced + (now - since));
        mostly(self.echoed, voiced)
    }
}

/// What the caller said, once they have finished.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct CallerTurn {
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
    /// The clearest of the voice, whatever the recogniser made of it.
    pub(crate) quality: VoiceQuality,
    /// The last of it was said while the line stood still.
    pub(crate) late: bool,
    /// It goes on with the turn before, which seemed complete.
    pub(crate) continues: bool,
}

impl CallerTurn {
    /// Words that came with no voice: keys, or text.
    pub(crate) fn silent(text: String, start: Duration, end: Duration) -> Self {
        Self {
            text,
            start,
            end,
            voiced: Duration::ZERO,
            echoed: Duration::ZERO,
            failed: false,
            fragment: false,
            quality: VoiceQuality::Clear,
            late: false,
            continues: false,
        }
    }

    /// Words and the voice that they were said with.
    pub(crate) fn spoken(text: String, voice: &Voice) -> Self {
        let Voice { start, end, voiced, echoed, quality, late, .. } = *voice;
        Self { voiced, echoed, quality, late, ..Self::silent(text, start, end) }
    }

    /// Said briefly, and hardly a voice: "mm-hmm", whatever recognisers write ("No.").
    pub(crate) fn is_hum(&self) -> bool {
        !self.quality.is_clear() && self.voiced < HUM
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
