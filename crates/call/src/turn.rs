//! What was said in a call, and how much of it was heard.

use serde::{Deserialize, Serialize};

use crate::acts::Act;
use crate::ids::TurnId;

/// Who speaks. On the wire and in stored documents: `user` and `assistant`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Role {
    /// The person on the phone.
    #[serde(rename = "user", alias = "human")]
    Caller,
    /// Our side.
    #[serde(rename = "assistant", alias = "ai")]
    Agent,
}

/// How a turn reached us.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Via {
    /// Spoken.
    #[default]
    Voice,
    /// Keys pressed; the text is the digits.
    Keypad,
}

/// One turn. History, transcript and memory use `text` only.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Turn {
    /// Its place in the call.
    pub id: TurnId,
    /// Who spoke.
    pub role: Role,
    /// Spoken or keyed.
    #[serde(default)]
    pub via: Via,
    /// The caller's words, or the part of the agent's words that the caller heard.
    /// Empty for a caller who spoke but was not understood.
    pub text: String,
    /// The agent's words that were sent but cut off before they were heard.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub cut: String,
    /// The agent's words that were never sent.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub never_sent: String,
    /// What the agent did beside, as far as it counts.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub acts: Vec<Act>,
    /// When it began, in ms since the call began.
    pub start_ms: u64,
    /// When it ended, in ms since the call began.
    pub end_ms: u64,
}
