//! `en/call.toml`: what a call says by itself, without an agent.

use serde::Deserialize;

/// The sentences of a call that need no agent.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CallPrompts {
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
    /// When the process stops.
    pub drain: String,
}
