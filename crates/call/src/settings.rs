//! The numbers and fixed sentences behind a call's behaviour.

use std::time::Duration;

use redial_language::data::call::CallPrompts;
use redial_language::data::english;
use serde::{Deserialize, Serialize};

use crate::patience::Patience;

/// How a call behaves. Times are whole ms; the log of a call begins with its settings.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Settings {
    /// What the carrier carries.
    pub medium: Medium,
    /// Who decides that the caller has finished. Where words are carried, the carrier does.
    pub endpointing: Endpointing,
    /// How long the greeting waits for memory, counted from `start`. The look-up began at the webhook,
    /// so this is rarely used up.
    #[serde(rename = "greeting_wait_ms", with = "ms")]
    pub greeting_wait: Duration,
    /// Pause after which a transcript is asked for, although the caller may go on.
    #[serde(rename = "eager_delay_ms", with = "ms")]
    pub eager_delay: Duration,
    /// Pause that ends the turn when the words so far look complete, and the voice does not contradict.
    #[serde(rename = "endpoint_delay_ms", with = "ms")]
    pub endpoint_delay: Duration,
    /// The same when the words are few.
    #[serde(rename = "brief_endpoint_delay_ms", with = "ms")]
    pub brief_endpoint_delay: Duration,
    /// Pause that ends the turn when words and voice disagree.
    #[serde(rename = "unsure_endpoint_delay_ms", with = "ms")]
    pub unsure_endpoint_delay: Duration,
    /// Pause that ends the turn when the words so far look unfinished ("my number is").
    #[serde(rename = "open_endpoint_delay_ms", with = "ms")]
    pub open_endpoint_delay: Duration,
    /// How much longer words that look complete wait for what the voice says; zero where nothing judges the voice.
    #[serde(rename = "verdict_wait_ms", with = "ms")]
    pub verdict_wait: Duration,
    /// Voice between two guesses at its words; zero: no guesses.
    #[serde(rename = "guess_interval_ms", with = "ms")]
    pub guess_interval: Duration,
    /// How long a transcript may take before the utterance counts as not understood.
    #[serde(rename = "transcript_wait_ms", with = "ms")]
    pub transcript_wait: Duration,
    /// Longest utterance handed to the recogniser in one piece; longer speech goes on in the next.
    #[serde(rename = "max_utterance_ms", with = "ms")]
    pub max_utterance: Duration,
    /// Shortest voice without recognisable words that gets a "sorry?"; shorter is a noise.
    #[serde(rename = "min_unclear_ms", with = "ms")]
    pub min_unclear: Duration,
    /// Voice over the agent's that pauses the agent. Short: the pause is taken back when nothing is said.
    #[serde(rename = "barge_in_delay_ms", with = "ms")]
    pub barge_in_delay: Duration,
    /// Voice before the agent's first sound that shows that the caller had not finished.
    #[serde(rename = "go_on_delay_ms", with = "ms")]
    pub go_on_delay: Duration,
    /// How far ahead of the caller's ear audio is sent. Small, so that an interruption wastes little.
    #[serde(rename = "lead_ms", with = "ms")]
    pub lead: Duration,
    /// How much audio one message carries once the lead is there.
    #[serde(rename = "message_ms", with = "ms")]
    pub message: Duration,
    /// Audio between two marks.
    #[serde(rename = "mark_interval_ms", with = "ms")]
    pub mark_interval: Duration,
    /// How late a mark may be before the audio counts as heard without it.
    #[serde(rename = "mark_grace_ms", with = "ms")]
    pub mark_grace: Duration,
    /// Audio synthesised ahead of what was sent before the next sentence is asked for.
    #[serde(rename = "synthesis_lead_ms", with = "ms")]
    pub synthesis_lead: Duration,
    /// What fills the silence while the answer is late.
    pub dead_air: DeadAir,
    /// Wait for an answer after which the silence is filled.
    #[serde(rename = "filler_delay_ms", with = "ms")]
    pub filler_delay: Duration,
    /// Wait for an answer after which it counts as failed.
    #[serde(rename = "reply_wait_ms", with = "ms")]
    pub reply_wait: Duration,
    /// How long a tool may take before it counts as failed for the answer.
    #[serde(rename = "tool_wait_ms", with = "ms")]
    pub tool_wait: Duration,
    /// Silence before "are you still there?", and again before the goodbye.
    #[serde(rename = "silence_delay_ms", with = "ms")]
    pub silence_delay: Duration,
    /// Pause after a key that ends a row of digits; `#` ends it at once.
    #[serde(rename = "digits_delay_ms", with = "ms")]
    pub digits_delay: Duration,
    /// Longest call.
    #[serde(rename = "max_duration_ms", with = "ms")]
    pub max_duration: Duration,
    /// Longest last goodbye: after it the call is ended in mid-word.
    #[serde(rename = "goodbye_limit_ms", with = "ms")]
    pub goodbye_limit: Duration,
    /// How long the carrier may take to end a call that we hung up.
    #[serde(rename = "hang_up_wait_ms", with = "ms")]
    pub hang_up_wait: Duration,
    /// The sentences that need no agent.
    pub prompts: Prompts,
}

/// What the carrier carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Medium {
    /// Sound, both ways: we listen, speak and know what was played.
    #[default]
    Audio,
    /// Words, both ways: it listens and speaks for us, and tells what was heard.
    Text,
}

/// Who decides that the caller has finished.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Endpointing {
    /// We do, by voice activity, pauses and words.
    #[default]
    Ours,
    /// A recogniser that hears all of the line, by `TurnStarted`, `EagerEnd`, `TurnResumed` and `TurnEnded`.
    Recogniser,
    /// A speech-to-speech model that hears all of the line, by `TurnStarted`, then `TurnCommitted` and later `CallerWords`, or
    /// `TurnEnded` with the words. It is the agent as well, and its answers come with its own voice: as text and audio, of which
    /// nothing is asked for by `Speak`.
    Model,
}

/// What the caller hears while the answer is late.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DeadAir {
    /// [`Prompts::filler`], once.
    #[default]
    Words,
    /// A soft tone, again and again.
    Tone,
    /// Nothing.
    Silence,
}

/// What the call says by itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Prompts {
    /// To a caller of whom nothing is known in time.
    pub greeting: String,
    /// While the answer is late.
    pub filler: String,
    /// When no answer comes.
    pub trouble: String,
    /// After a first silence.
    pub still_there: String,
    /// After a second one.
    pub silence_goodbye: String,
    /// At the longest duration.
    pub time_is_up: String,
    /// When this process stops.
    pub drain: String,
}

impl Default for Settings {
    fn default() -> Self {
        const fn ms(ms: u64) -> Duration {
            Duration::from_millis(ms)
        }
        let pauses = Patience::default().pauses();
        Self {
            medium: Medium::default(),
            endpointing: Endpointing::default(),
            greeting_wait: ms(150),
            eager_delay: pauses.eager,
            endpoint_delay: pauses.complete,
            brief_endpoint_delay: pauses.brief,
            unsure_endpoint_delay: pauses.unsure,
            open_endpoint_delay: pauses.open,
            verdict_wait: ms(0),
            guess_interval: ms(700),
            transcript_wait: ms(4000),
            max_utterance: ms(20_000),
            min_unclear: ms(600),
            barge_in_delay: ms(80),
            go_on_delay: ms(250),
            lead: ms(400),
            message: ms(100),
            mark_interval: ms(500),
            mark_grace: ms(1500),
            synthesis_lead: ms(4000),
            dead_air: DeadAir::default(),
            filler_delay: ms(1500),
            reply_wait: ms(12_000),
            tool_wait: ms(8000),
            silence_delay: ms(8000),
            digits_delay: ms(2000),
            max_duration: ms(1_800_000),
            goodbye_limit: ms(15_000),
            hang_up_wait: ms(5000),
            prompts: Prompts::default(),
        }
    }
}

impl Settings {
    /// With the pauses of this patience.
    #[must_use]
    pub fn patient(self, patience: Patience) -> Self {
        let pauses = patience.pauses();
        Self {
            eager_delay: pauses.eager,
            endpoint_delay: pauses.complete,
            brief_endpoint_delay: pauses.brief,
            unsure_endpoint_delay: pauses.unsure,
            open_endpoint_delay: pauses.open,
            ..self
        }
    }
}

impl Default for Prompts {
    fn default() -> Self {
        Self::from(&english().call)
    }
}

impl From<&CallPrompts> for Prompts {
    fn from(said: &CallPrompts) -> Self {
        Self {
            greeting: said.greeting.clone(),
            filler: said.filler.clone(),
            trouble: said.trouble.clone(),
            still_there: said.still_there.clone(),
            silence_goodbye: said.silence_goodbye.clone(),
            time_is_up: said.time_is_up.clone(),
            drain: said.drain.clone(),
        }
    }
}

/// A [`Duration`] as whole ms.
mod ms {
    use std::time::Duration;

    use serde::{Deserialize, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(time: &Duration, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_u64(u64::try_from(time.as_millis()).unwrap_or(u64::MAX))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Duration, D::Error> {
        u64::deserialize(from).map(Duration::from_millis)
    }
}
